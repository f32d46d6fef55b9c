"""``variant-backend explain``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError, one_of
from ..lowlevel.shell_words import quoted
from ..lowlevel.terminal import heading
from ..project.user_variables import PLAIN
from ..selection.report import Line, Remedies, explained, of_label, supported
from .command import Command, WrongValue
from .options import label_option
from .output import Printer
from .policy_options import or_configured
from .selection_options import check_sources, overlaid_sources_options, selection_options

if TYPE_CHECKING:
    from ..machine.support import Machine, Policy
    from ..selection.evaluate import Evaluation
    from ..selection.explain import Explanation
    from ..selection.releases import Sources
    from ..selection.target import Target
    from ..variants.namespace_support import Support
    from ..variants.ranking import Verdict, WheelKey
    from ..variants.requirements import PackageRequest

# The options that make more wheels supported, or visible.
_REMEDIES = Remedies(
    disabled="--disable turns it off",
    optional="--enable {namespace} turns it on",
    unknown="--supported '{namespace} :: FEATURE :: VALUES' or --machine SPEC says what is supported",
    elsewhere="--all shows them",
)


def _extra_remedy(text: str) -> str:
    """Return the remedy for an argument after the package: a wheel's folder is a source."""
    path = Path(text)
    folder = path if path.is_dir() else path.parent
    return f"use -f {quoted(folder)}" if folder == path or path.suffix == ".whl" else "remove it"


@click.command(
    "explain",
    cls=Command,
    example="variant-backend explain demo -f dist",
    page="docs/how-to/explain.md",
    extra_remedy=_extra_remedy,
)
@click.argument("package", required=False, metavar="[PACKAGE]")
@overlaid_sources_options
@selection_options
@label_option(f"Show only the wheels of this label; {PLAIN} means plain wheels.", check=lambda _: None)
@click.option("--why-not", metavar="LABEL", help="Explain why the wheel of this label is not selected.")
@click.option("--all", "shows_all", is_flag=True, help="Also show wheels for other environments.")
@click.option(
    "--installer", type=click.Choice(["uv"]), help="Show which wheel uv selects, and why if it is another."
)
@click.pass_obj
def explain_command(
    printer: Printer,
    package: str | None,
    sources: Sources,
    machine: Machine,
    policy: Policy,
    target: Target,
    label: str | None,
    why_not: str | None,
    shows_all: bool,
    installer: str | None,
) -> None:
    """Explain which wheel is selected, and why no other.

    The command explains the newest release that has a compatible wheel. The default PACKAGE is the only
    project in the folders. The exit code is 1 if no wheel is compatible.
    """
    from ..selection import explain as operation

    sources = or_configured(sources)
    request = _request(package, sources)
    _check_labels(request, label, why_not)
    label = request.label if label is None else label
    explanation = operation.explain(
        request._replace(label=None), sources, machine, policy, target, for_uv=installer is not None
    )
    asked, answer = explanation.evaluation, list[str]()
    if why_not is not None and (asked := operation.with_label(explanation, why_not)):
        answer = operation.why_not(asked, why_not, explanation.selected)
    printer.keys = _to_dict(explanation, label, answer)
    if asked and answer:
        first, *others = answer
        lines = [[first], *([f"  {text}"] for text in others), *supported(asked, _REMEDIES, why_not)]
        _print(printer, explanation, lines)
    elif explanation.evaluation:
        wheels = explained(explanation.evaluation, _REMEDIES, label=label, shows_all=shows_all)
        _print(printer, explanation, wheels)
    for problem in dict.fromkeys(explanation.problems):
        (printer.warn if explanation.selected else printer.error)(problem)
    printer.failed = explanation.selected is None


def _check_labels(request: PackageRequest, label: str | None, why_not: str | None) -> None:
    """Refuse several labels; raises UsageError."""
    options = {"PACKAGE#LABEL": request.label, "--label": label, "--why-not": why_not}
    given = [option for option, value in options.items() if value is not None]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} cannot be used together; leave one of them out")


def _request(package: str | None, sources: Sources) -> PackageRequest:
    """Return the requested package, by default the only project in the folders."""
    from ..selection.releases import projects
    from ..variants.requirements import PackageRequest

    if package is not None:
        try:
            request = PackageRequest.parse(package)
        except VariantError as error:
            raise WrongValue(error.lines(), "PACKAGE") from None
        check_sources(sources, [request.name])
        return request
    check_sources(sources)
    if not sources.find_links:
        raise click.UsageError("missing PACKAGE; name a package, which --index-url requires")
    names = projects(sources)
    if len(names) > 1:
        raise click.UsageError(f"the folders have several projects; name one as PACKAGE: {one_of(names)}")
    return PackageRequest.parse(names[0])


def _print(printer: Printer, explanation: Explanation, lines: Iterable[Line]) -> None:
    """Print the explanation for people."""
    for line in [*_head(explanation), *lines, *_uv(explanation)]:
        printer.line(*line)


def _head(explanation: Explanation) -> Iterator[Line]:
    """Yield the selected wheel, and the newer releases that have no compatible wheel."""
    if evaluation := explanation.evaluation:
        release, selected = evaluation.release, evaluation.selected
        what = f"{_shown_wheel(explanation, selected)} is selected" if selected else "no wheel is compatible"
        yield [*heading(f"{release.name} {release.version}: {what}")]
        yield from ([f"  {words}"] for words in _selected_in_words(evaluation))
    if explanation.overlay:
        yield [f"labels by overlay: {explanation.overlay}"]
    for newer in explanation.newer:
        pin = f"{newer.release.name}=={newer.release.version}"
        what = "a wheel for an accelerator" if newer.selected else "a compatible wheel"
        yield [f"newer release without {what}: {newer.release.version} (see explain {pin})"]
    if older := explanation.accelerated:
        pin = f"{older.release.name}=={older.release.version}"
        yield [f"older release with a wheel for an accelerator: {older.release.version} (see explain {pin})"]
    yield []


def _shown_wheel(explanation: Explanation, selected: Verdict) -> str:
    """Return what is selected: the project that the wheel requires, or else its filename."""
    if explanation.member:
        return f"{explanation.member} {selected.filename.version}"
    return str(selected.filename)


def _selected_in_words(evaluation: Evaluation) -> Iterator[str]:
    """Yield what the properties of the selected wheel mean."""
    from ..variants.words import properties_in_words

    selected, metadata = evaluation.selected, evaluation.release.metadata
    if selected and metadata and (variant := metadata.variants.get(selected.filename.label or "")):
        yield from properties_in_words(variant.properties)


def _uv(explanation: Explanation) -> Iterator[Line]:
    """Yield the wheel that uv selects, and why it differs."""
    if explanation.uv is None:
        return
    selected = explanation.selected_by_uv
    yield []
    if selected and not explanation.differs:
        yield ["uv selects the same wheel"]
        return
    yield [f"uv selects {selected or 'no wheel'}"]
    yield from ([f"  {text}"] for text in explanation.differs)


def _to_dict(explanation: Explanation, label: str | None, why_not: Sequence[str]) -> dict[str, object]:
    """Return the keys of the JSON object."""
    evaluation, selected = explanation.evaluation, explanation.selected
    verdicts = of_label(evaluation, label) if evaluation else []
    return {
        "package": {
            "name": explanation.request.name,
            "version": str(evaluation.release.version) if evaluation else None,
        },
        "overlay": explanation.overlay or None,
        "selected": str(selected.filename) if selected else None,
        **_requires_to_dict(explanation),
        "newer": [str(newer.release.version) for newer in explanation.newer],
        "accelerated": str(explanation.accelerated.release.version) if explanation.accelerated else None,
        "support": _support_to_dict(evaluation.support) if evaluation else {},
        "wheels": [_verdict_to_dict(verdict) for verdict in verdicts],
        **({"why-not": list(why_not)} if why_not else {}),
        **({"installer": _uv_to_dict(explanation)} if explanation.uv else {}),
    }


def _requires_to_dict(explanation: Explanation) -> dict[str, object]:
    """Return the project that the selected wheel requires, if an overlay says so."""
    if not explanation.member or not explanation.selected:
        return {}
    return {"requires": {"name": explanation.member, "version": explanation.selected.filename.version}}


def _uv_to_dict(explanation: Explanation) -> dict[str, object]:
    return {
        "name": "uv",
        "selected": explanation.selected_by_uv,
        "reasons": list(explanation.differs),
    }


def _support_to_dict(support: Support) -> dict[str, object]:
    return {
        namespace: {
            "origin": str(origin),
            "features": {name: list(values) for name, values in support.supported.get(namespace, {}).items()},
        }
        for namespace, origin in support.origins.items()
    }


def _verdict_to_dict(verdict: Verdict) -> dict[str, object]:
    return {
        "filename": str(verdict.filename),
        "label": verdict.filename.label,
        "compatible": verdict.is_compatible,
        "reasons": [str(reason) for reason in verdict.reasons],
        "key": _key_to_dict(verdict.key) if verdict.key else None,
    }


def _key_to_dict(key: WheelKey) -> dict[str, object]:
    return {
        "features": [{"best": str(feature.best), "rank": list(feature.numbers)} for feature in key.features],
        "label": key.label,
        "tag": key.tag,
        "build": list(key.build),
    }
