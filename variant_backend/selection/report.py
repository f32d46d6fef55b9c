"""The table that explains a choice to people: wheels by rank, why the others are out, what is supported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import Problem, VariantError, ascii_unless_printable, did_you_mean, one_of
from ..lowlevel.terminal import heading, table
from ..variants.namespace_support import Origin
from ..variants.ranking import WRONG_TAGS, shortened

if TYPE_CHECKING:
    from ..variants.ranking import Verdict
    from .evaluate import Evaluation

PLAIN = "(plain)"
# A line, as `print_line` takes its parts.
Line: TypeAlias = Sequence[str]


class Remedies(NamedTuple):
    """What a reader can do about a ``{namespace}`` that does not count, and to see what is not shown."""

    disabled: str = ""
    optional: str = ""
    unknown: str = ""
    elsewhere: str = ""


def explained(
    evaluation: Evaluation, remedies: Remedies, *, label: str | None = None, shows_all: bool = False
) -> Iterator[Line]:
    """Yield the lines: compatible wheels by rank, the others by reasons, what is supported.

    With a *label*, it is about that alone; raises VariantError if no wheel has it. Of wheels for other
    platforms, only the number is told, unless it *shows_all*.
    """
    verdicts = of_label(evaluation, label)
    compatible = [verdict for verdict in verdicts if verdict.key]
    out = [verdict for verdict in verdicts if not verdict.key]
    places = {verdict: place for place, verdict in enumerate(evaluation.verdicts, 1)}
    rows = [row for verdict in compatible for row in _rows(places[verdict], verdict)]
    if rows:
        yield from table([heading("PLACE", "LABEL", "TAGS", "BEST VALUES", "RANK"), *rows])
        yield [
            "Ranks are those of namespace, feature and value, 0 being best: the first that differs decides."
        ]
    if out:
        if rows:
            yield []
        yield [*heading("OUT")]
        yield from _out(out, remedies.elsewhere, shows_all=shows_all)
    yield from supported(evaluation, remedies, label)


def of_label(evaluation: Evaluation, label: str | None) -> list[Verdict]:
    """Return the verdicts on the wheels of a label, or on all; raises VariantError if there is none."""
    if label is None:
        return evaluation.verdicts
    verdicts = [verdict for verdict in evaluation.verdicts if shown_label(verdict) == label]
    if not verdicts:
        labels = dict.fromkeys(map(shown_label, evaluation.verdicts))
        # Those of an index may have characters that do things to a terminal.
        known = [*map(ascii_unless_printable, labels)]
        raise VariantError(
            f"{evaluation.release.name} {evaluation.release.version} has no wheel with label {label!r}"
            f"{did_you_mean(label, known)}; there are {one_of(known)}"
        )
    return verdicts


def _rows(place: int, verdict: Verdict) -> Iterator[tuple[str, ...]]:
    """Yield the lines of a compatible wheel, one for each feature."""
    head = (str(place), shown_label(verdict), _tags(verdict))
    for feature in verdict.key.features if verdict.key else ():
        yield (*head, str(feature.best), ".".join(map(str, feature.numbers)))
        head = ("", "", "")
    if head[0]:
        yield (*head, "no properties" if verdict.filename.label else "no variant", "")


def shown_label(verdict: Verdict) -> str:
    """Return what people see as a wheel's label."""
    return verdict.filename.label or PLAIN


def _tags(verdict: Verdict) -> str:
    """Return what tells a wheel from others with its label: its build number, and its tags."""
    return "-".join(filter(None, [verdict.filename.build, verdict.filename.tags]))


def _out(verdicts: Sequence[Verdict], remedy: str, *, shows_all: bool) -> Iterator[Line]:
    """Yield the wheels that are out, those with the same reasons together; of other platforms, the number."""
    groups: dict[tuple[Problem, ...], list[Verdict]] = {}
    elsewhere: list[Verdict] = []
    for verdict in verdicts:
        if not shows_all and any(reason.code == WRONG_TAGS for reason in verdict.reasons):
            elsewhere.append(verdict)
        else:
            groups.setdefault(verdict.reasons, []).append(verdict)
    for reasons, members in groups.items():
        names = [f"{shown_label(verdict)}  {_tags(verdict)}" for verdict in members]
        yield from ([f"  {name}"] for name in names)
        yield from ([f"    {reason}"] for reason in reasons)
    if elsewhere:
        tags = shortened(list(dict.fromkeys(map(_tags, elsewhere))))
        wheels = "1 wheel" if len(elsewhere) == 1 else f"{len(elsewhere)} wheels"
        hint = f" ({remedy})" if remedy else ""
        yield [f"  {wheels} for other interpreters or platforms{hint}: {tags}"]


def supported(evaluation: Evaluation, remedies: Remedies, label: str | None) -> Iterator[Line]:
    """Yield what is supported of each namespace, from where, and what would change it, after a blank line."""
    metadata = evaluation.release.metadata
    variant = metadata.variants.get(label) if metadata and label is not None else None
    namespaces = [
        name
        for name in evaluation.support.origins
        if label is None or (variant is not None and name in variant.namespaces())
    ]
    if namespaces:
        yield []
        yield [*heading("SUPPORTED")]
    for namespace in namespaces:
        origin = evaluation.support.origins[namespace]
        remedy = _remedy(origin, remedies).format(namespace=namespace)
        yield [f"  {namespace}: {origin}{f'; {remedy}' if remedy else ''}"]
        for feature, values in evaluation.support.supported.get(namespace, {}).items():
            yield [f"    {feature}: {shortened(values) or 'nothing'}"]


def _remedy(origin: Origin, remedies: Remedies) -> str:
    """Say what would let a namespace be supported of which nothing is."""
    by_kind = {
        "disabled": remedies.disabled,
        "optional": remedies.optional,
        "unknown": remedies.unknown,
    }
    return by_kind.get(origin.kind, "")
