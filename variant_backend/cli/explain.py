"""``variant-backend explain``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from ..errors import VariantError, one_of
from ..lowlevel.terminal import heading, print_line, print_message
from ..selection.report import PLAIN, Line, Remedies, explained, of_label, supported
from .command import Command, WrongValue
from .output import print_json
from .selection_options import selection_options, sources_options

if TYPE_CHECKING:
    from ..machine.support import Machine, Policy
    from ..selection.explain import Explanation
    from ..selection.releases import Sources
    from ..selection.requirements import Pin
    from ..selection.target import Target
    from ..variants.namespace_support import Support
    from ..variants.ranking import Key, Verdict

# What lets more be supported, or be shown.
_REMEDIES = Remedies(
    disabled="--disable rules it out",
    optional="--enable {namespace} turns it on",
    unknown="--supported '{namespace} :: FEATURE :: VALUES' or --hardware FILE says it",
    elsewhere="--all shows them",
)


@click.command("explain", cls=Command)
@click.argument("package", required=False, metavar="[PACKAGE[==VERSION]]")
@sources_options
@selection_options
@click.option("--label", metavar="LABEL", help=f"Show the wheels of this label only; {PLAIN} has none.")
@click.option("--why-not", metavar="LABEL", help="Say why it is not this label's wheel that is chosen.")
@click.option(
    "--all", "shows_all", is_flag=True, help="Show wheels for other interpreters and platforms, too."
)
@click.option(
    "--installer", type=click.Choice(["uv"]), help="Say what the released uv chooses, and why it differs."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of the table.")
def explain_command(
    package: str | None,
    sources: Sources,
    machine: Machine,
    policy: Policy,
    target: Target,
    label: str | None,
    why_not: str | None,
    shows_all: bool,
    installer: str | None,
    as_json: bool,
) -> None:
    """Show which wheel of a package is best for a system, and why each other one is not.

    The newest release that has a compatible wheel is explained. Without PACKAGE, it is the one project in
    the folders. The exit code is 1 if no wheel is compatible.
    """
    from ..selection import explain as operation

    request = _request(package, sources)
    label = request.label if label is None else label
    explanation = operation.explain(
        request._replace(label=None), sources, machine, policy, target, for_uv=installer is not None
    )
    asked, answer = explanation.evaluation, list[str]()
    if why_not is not None and (asked := operation.with_label(explanation, why_not)):
        answer = operation.why_not(asked, why_not, explanation.selected)
    if as_json:
        print_json(_to_dict(explanation, label, answer))
    elif asked and answer:
        first, *others = answer
        lines = [[first], *([f"  {text}"] for text in others), *supported(asked, _REMEDIES, why_not)]
        _print(explanation, lines)
    elif explanation.evaluation:
        _print(explanation, explained(explanation.evaluation, _REMEDIES, label=label, shows_all=shows_all))
    for line in explanation.lines:
        print_message(f"{'warning' if explanation.selected else 'error'}: {line}")
    if not explanation.selected:
        sys.exit(1)


def _request(package: str | None, sources: Sources) -> Pin:
    """Return what is asked for; without a package, it is the only project in the folders."""
    from ..selection.releases import projects
    from ..selection.requirements import Pin

    if not any(sources):
        raise click.UsageError("say where to look: --find-links DIR or --index-url URL")
    if package is not None:
        try:
            return Pin.parse(package)
        except VariantError as error:
            raise WrongValue(error.lines(), "PACKAGE") from None
    if not sources.find_links:
        raise click.UsageError("say which package: only folders tell what they hold")
    names = projects(sources)
    if len(names) > 1:
        raise click.UsageError(f"say which package: there are {one_of(names)}")
    return Pin(names[0])


def _print(explanation: Explanation, lines: Iterable[Line]) -> None:
    """Print the explanation for people."""
    for line in [*_head(explanation), *lines, *_uv(explanation)]:
        print_line(*line)


def _head(explanation: Explanation) -> Iterator[Line]:
    """Say what is chosen, and what became of newer releases."""
    if evaluation := explanation.evaluation:
        release, selected = evaluation.release, evaluation.selected
        what = f"{selected.filename} is chosen" if selected else "no wheel is compatible"
        yield [*heading(f"{release.name} {release.version}: {what}")]
    for newer in explanation.newer:
        pin = f"{newer.release.name}=={newer.release.version}"
        yield [f"newer, without a compatible wheel: {newer.release.version} (see explain {pin})"]
    yield []


def _uv(explanation: Explanation) -> Iterator[Line]:
    """Say what uv chooses, and why it is another wheel."""
    if explanation.uv is None:
        return
    selected = explanation.selected_by_uv
    yield []
    if selected and not explanation.differs:
        yield ["uv chooses the same wheel"]
        return
    yield [f"uv chooses {selected.filename}" if selected else "uv chooses no wheel"]
    yield from ([f"  {text}"] for text in explanation.differs)


def _to_dict(explanation: Explanation, label: str | None, why_not: Sequence[str]) -> dict[str, object]:
    """Return the object for machines."""
    evaluation, selected = explanation.evaluation, explanation.selected
    verdicts = of_label(evaluation, label) if evaluation else []
    return {
        "package": explanation.request.name,
        "version": str(evaluation.release.version) if evaluation else None,
        "chosen": str(selected.filename) if selected else None,
        "newer": [str(newer.release.version) for newer in explanation.newer],
        "support": _support_to_dict(evaluation.support) if evaluation else {},
        "wheels": [_verdict_to_dict(verdict) for verdict in verdicts],
        **({"why-not": list(why_not)} if why_not else {}),
        **({"installer": _uv_to_dict(explanation)} if explanation.uv else {}),
        "errors": explanation.lines,
    }


def _uv_to_dict(explanation: Explanation) -> dict[str, object]:
    selected = explanation.selected_by_uv
    return {
        "name": "uv",
        "chosen": str(selected.filename) if selected else None,
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


def _key_to_dict(key: Key) -> dict[str, object]:
    return {
        "features": [{"best": str(feature.best), "rank": list(feature.numbers)} for feature in key.features],
        "label": key.label,
        "tag": key.tag,
        "build": list(key.build),
    }
