"""The table that explains a selection: wheels by rank, reasons against the others, supported values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import Problem, UnknownNameError, did_you_mean, one_of, shortened
from ..formats.release import BAD_LABEL
from ..lowlevel.terminal import heading, table
from ..project.user_variables import PLAIN
from ..variants.label_pattern import is_wanted
from ..variants.namespace_support import Origin
from ..variants.ranking import WRONG_TAGS
from ..variants.words import in_words

if TYPE_CHECKING:
    from ..variants.ranking import Verdict
    from .evaluate import Evaluation

# The parts of a line, as `print_line` takes them.
Line: TypeAlias = Sequence[str]


class Remedies(NamedTuple):
    """The options that make a ``{namespace}`` supported, or show hidden wheels."""

    disabled: str = ""
    optional: str = ""
    unknown: str = ""
    elsewhere: str = ""


def explained(
    evaluation: Evaluation, remedies: Remedies, *, label: str | None = None, shows_all: bool = False
) -> Iterator[Line]:
    """Yield the lines: compatible wheels by rank, the others grouped by reasons, the supported values.

    With a *label*, show only its wheels; raises UnknownNameError if no wheel has it. Wheels for other
    platforms are only counted, unless *shows_all*.
    """
    verdicts = of_label(evaluation, label)
    compatible = [verdict for verdict in verdicts if verdict.key]
    excluded = [verdict for verdict in verdicts if not verdict.key]
    positions = {verdict: position for position, verdict in enumerate(evaluation.verdicts, 1)}
    rows = [row for verdict in compatible for row in _rows(positions[verdict], verdict)]
    if rows:
        yield from table([heading("POSITION", "LABEL", "TAGS", "BEST VALUES", "RANK"), *rows])
        yield [
            "RANK lists the ranks of namespace, feature and value (0 is best); the first difference decides."
        ]
    if excluded:
        if rows:
            yield []
        yield [*heading("EXCLUDED")]
        yield from _excluded(excluded, remedies.elsewhere, shows_all=shows_all)
    yield from supported(evaluation, remedies, label)


def of_label(evaluation: Evaluation, label: str | None) -> list[Verdict]:
    """Return the verdicts on a label's or pattern's wheels (None: all); raises UnknownNameError."""
    if label is None:
        return evaluation.verdicts
    verdicts = [verdict for verdict in evaluation.verdicts if is_wanted(verdict.filename.label, label)]
    if not verdicts:
        known = dict.fromkeys(
            shown_label(verdict)
            for verdict in evaluation.verdicts
            if all(reason.code != BAD_LABEL for reason in verdict.reasons)
        )
        raise UnknownNameError(
            f"unknown label {label!r}{did_you_mean(label, known)}",
            place=f"{evaluation.release.name} {evaluation.release.version}",
            remedy=f"existing labels: {one_of(known)}",
        )
    return verdicts


def _rows(position: int, verdict: Verdict) -> Iterator[tuple[str, ...]]:
    """Yield the lines of a compatible wheel, one for each feature."""
    head = (str(position), shown_label(verdict), _tags(verdict))
    for feature in verdict.key.features if verdict.key else ():
        yield (*head, str(feature.best), ".".join(map(str, feature.numbers)))
        head = ("", "", "")
    if head[0]:
        yield (*head, "no properties" if verdict.filename.label else "no variant", "")


def shown_label(verdict: Verdict) -> str:
    """Return the label of a wheel as it is printed."""
    return verdict.filename.label or PLAIN


def _tags(verdict: Verdict) -> str:
    """Return what distinguishes a wheel from others with its label: build number and tags."""
    return "-".join(filter(None, [verdict.filename.build, verdict.filename.tags]))


def _excluded(verdicts: Sequence[Verdict], remedy: str, *, shows_all: bool) -> Iterator[Line]:
    """Yield the incompatible wheels, grouped by reasons, and the number of those for other platforms."""
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
        remedy = f" ({remedy})" if remedy else ""
        yield [f"  {wheels} for other interpreters or platforms{remedy}: {tags}"]


def supported(evaluation: Evaluation, remedies: Remedies, label: str | None) -> Iterator[Line]:
    """Yield the supported values of each namespace, their origin, and the option that changes them."""
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
            words = in_words(namespace, feature, values[:1])
            meaning = f"; {values[0]} means {words}" if words else ""
            yield [f"    {feature}: {shortened(values) or 'nothing'}{meaning}"]


def _remedy(origin: Origin, remedies: Remedies) -> str:
    """Return the option that makes an unsupported namespace supported."""
    by_kind = {
        "disabled": remedies.disabled,
        "optional": remedies.optional,
        "unknown": remedies.unknown,
    }
    return by_kind.get(origin.kind, "")
