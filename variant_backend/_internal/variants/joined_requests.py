"""Join the requirements and constraints on each package, as far as they apply to an environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from .requirements import PackageRequest

if TYPE_CHECKING:
    pass


class JoinedRequests(NamedTuple):
    """The requests that apply, one for each package and label, and those whose marker is false.

    *constraints* are those that apply; they are also for dependencies.
    """

    requests: tuple[PackageRequest, ...]
    skipped: tuple[PackageRequest, ...] = ()
    constraints: tuple[PackageRequest, ...] = ()

    def labels(self) -> dict[str, str]:
        """Return the wanted label of each package; raises VariantError if there are two for one."""
        labels: dict[str, str] = {}
        for request in (*self.requests, *self.constraints):
            if request.label is not None and labels.setdefault(request.name, request.label) != request.label:
                text = f"two labels are requested: {labels[request.name]} and {request.label}"
                raise VariantError(text, place=request.name, remedy="remove one of them")
        return labels


def join_requests(
    requests: Iterable[PackageRequest], constraints: Sequence[PackageRequest], environment: Mapping[str, str]
) -> JoinedRequests:
    """Join requests for the same package and label, and add the constraints on it.

    Raises VariantError if a constraint wants another label than a request.
    """
    applying = tuple(one._replace(marker="") for one in constraints if one.applies(environment))
    joined: dict[tuple[str, str | None], PackageRequest] = {}
    skipped: list[PackageRequest] = []
    for request in requests:
        if not request.applies(environment):
            skipped.append(request)
            continue
        one = request._replace(marker="")
        for constraint in applying:
            if constraint.name == one.name:
                one = one.with_constraint(constraint)
        known = joined.get((one.name, one.label))
        joined[one.name, one.label] = known.with_more(one) if known else one
    return JoinedRequests(tuple(joined.values()), tuple(dict.fromkeys(skipped)), applying)
