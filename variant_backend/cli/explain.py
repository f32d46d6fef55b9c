"""``variant-backend explain``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ..errors import VariantError, lines_of, one_of
from ..lowlevel.terminal import heading, print_line, print_message
from ..selection.report import PLAIN, Line, Remedies, explained, of_label, shown_label, supported
from ..variants.ranking import why_better
from .command import Command, WrongValue
from .options import find_links_option, index_url_option
from .output import print_json
from .selection_options import selection_options

if TYPE_CHECKING:
    from ..machine.system import System
    from ..selection.evaluate import Judged
    from ..selection.requirements import Pin
    from ..selection.target import Target
    from ..selection.uv_selection import UvChoice
    from ..variants.ranking import Verdict

# What lets more be supported, or be shown.
_REMEDIES = Remedies(
    disabled="--disable rules it out",
    optional="--enable {namespace} turns it on",
    unknown="--supported '{namespace} :: FEATURE :: VALUES' or --hardware FILE says it",
    elsewhere="--all shows them",
)


class _Explanation(NamedTuple):
    """What is known of a project: the release that is explained, and the newer ones without such a wheel.

    *judged* is None if nothing was found. *differs* says why uv chooses another wheel.
    """

    pin: Pin
    judged: Judged | None
    newer: Sequence[Judged]
    errors: Sequence[str]
    uv: UvChoice | None = None
    differs: Sequence[str] = ()

    @property
    def chosen(self) -> Verdict | None:
        return self.judged.chosen if self.judged else None


@click.command("explain", cls=Command)
@click.argument("package", required=False, metavar="[PACKAGE[==VERSION]]")
@find_links_option
@index_url_option
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
    find_links: tuple[Path, ...],
    index_url: tuple[str, ...],
    system: System,
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
    if not find_links and not index_url:
        raise click.UsageError("say where to look: --find-links DIR or --index-url URL")
    pin = _pin(package, find_links)
    label = pin.label if label is None else label
    answer = _answer(pin, find_links, index_url, system, target, installer)
    asked, told = answer.judged, list[str]()
    if why_not is not None and answer.judged:
        asked = _with_label([answer.judged, *answer.newer], why_not)
        told = _why_not(asked, why_not, answer.chosen)
    if as_json:
        print_json(_to_dict(answer, label, told))
    elif answer.judged:
        if told and asked:
            lines = [told[:1], *([f"  {text}"] for text in told[1:]), *supported(asked, _REMEDIES, why_not)]
        else:
            lines = [*explained(answer.judged, _REMEDIES, label=label, shows_all=shows_all)]
        for line in [*_head(answer), *lines, *_installer(answer)]:
            print_line(*line)
    for error in answer.errors:
        print_message(f"{'warning' if answer.chosen else 'error'}: {error}")
    if not answer.chosen:
        sys.exit(1)


def _pin(package: str | None, find_links: Sequence[Path]) -> Pin:
    """Return what is asked for; without a package, it is the only project in the folders."""
    from ..selection.releases import projects
    from ..selection.requirements import Pin

    if package is not None:
        try:
            return Pin.parse(package)
        except VariantError as error:
            raise WrongValue(error.lines(), "PACKAGE") from None
    if not find_links:
        raise click.UsageError("say which package: only folders tell what they hold")
    names = projects(find_links)
    if len(names) > 1:
        raise click.UsageError(f"say which package: there are {one_of(names)}")
    return Pin(names[0])


def _answer(
    pin: Pin,
    find_links: Sequence[Path],
    index_urls: Sequence[str],
    system: System,
    target: Target,
    installer: str | None,
) -> _Explanation:
    from ..selection.evaluate import select_release
    from ..selection.releases import find_listings, nothing_listed

    listings, faults = find_listings(pin.name, find_links=find_links, index_urls=index_urls)
    judged, newer = select_release(listings, system, target, version=pin.version)
    looked = [judged, *newer] if judged else newer
    faults += [fault for each in looked for fault in (*each.release.faults, *each.faults)]
    errors = list(dict.fromkeys(lines_of(faults)))
    if not looked:
        asked = f"{pin.name} {pin.version}" if listings else pin.name
        told = nothing_listed(listings, find_links=find_links, index_urls=index_urls)
        errors.append(f"{asked}: {told}")
    elif judged is None:
        errors.append(f"no wheel of {pin.name} is compatible")
    # Where nothing is compatible, the newest is explained.
    answer = _Explanation(pin, judged or next(iter(newer), None), newer if judged else (), errors)
    if installer is None:
        return answer
    from ..selection.uv_selection import uv_listings, uv_select, why_uv_differs

    if len(index_urls) > 1:
        listings = uv_listings(pin.name, find_links=find_links, index_urls=index_urls)
    if system.hardware is None:
        hint = "--hardware FILE would say it"
        errors.append(f"what uv detects on that platform is not known, and taken for nothing; {hint}")
    detected = system.hardware.supported if system.hardware else {}
    uv = uv_select(listings, detected, target, version=pin.version)
    errors += uv.unread.lines() if uv.unread else []
    return answer._replace(uv=uv, differs=why_uv_differs(judged, newer, uv))


def _head(answer: _Explanation) -> Iterator[Line]:
    """Say what is chosen, and what became of newer releases."""
    judged = answer.judged
    assert judged, "nothing is printed without it"
    release = judged.release
    what = f"{judged.chosen.filename} is chosen" if judged.chosen else "no wheel is compatible"
    yield [*heading(f"{release.name} {release.version}: {what}")]
    for each in answer.newer:
        pin = f"{release.name}=={each.release.version}"
        yield [f"newer, without a compatible wheel: {each.release.version} (see explain {pin})"]
    yield []


def _with_label(releases: Sequence[Judged], label: str) -> Judged:
    """Return the first release that has wheels of a label; if none has, the first."""
    having = (each for each in releases if label in [shown_label(verdict) for verdict in each.verdicts])
    return next(having, releases[0])


def _why_not(judged: Judged, label: str, chosen: Verdict | None) -> list[str]:
    """Say why a label's wheel is not the *chosen* one, the reasons behind the first line."""
    # Of several that are out, the one that is closest.
    best = min(of_label(judged, label), key=lambda verdict: (not verdict.key, len(verdict.reasons)))
    if best == chosen:
        return [f"{best.filename} is chosen"]
    if best.key and chosen and chosen.key:
        return [f"{best.filename} is compatible, and the other is better:", why_better(chosen.key, best.key)]
    return [f"{best.filename} is out:", *best.reasons]


def _installer(answer: _Explanation) -> Iterator[Line]:
    """Say what uv chooses, and why it is another wheel."""
    if answer.uv is None:
        return
    chosen = answer.uv.judged.chosen if answer.uv.judged else None
    yield []
    if chosen and not answer.differs:
        yield ["uv chooses the same wheel"]
        return
    yield [f"uv chooses {chosen.filename}" if chosen else "uv chooses no wheel"]
    yield from ([f"  {text}"] for text in answer.differs)


def _to_dict(answer: _Explanation, label: str | None, why_not: Sequence[str]) -> dict[str, object]:
    """Return the object for machines."""
    judged, uv = answer.judged, answer.uv
    theirs = uv.judged.chosen if uv and uv.judged else None
    return {
        "package": answer.pin.name,
        "version": str(judged.release.version) if judged else None,
        "chosen": str(answer.chosen.filename) if answer.chosen else None,
        "newer": [str(each.release.version) for each in answer.newer],
        "support": _support_to_dict(judged) if judged else {},
        "wheels": [_verdict_to_dict(verdict) for verdict in of_label(judged, label)] if judged else [],
        **({"why-not": list(why_not)} if why_not else {}),
        **(
            {
                "installer": {
                    "name": "uv",
                    "chosen": str(theirs.filename) if theirs else None,
                    "reasons": list(answer.differs),
                }
            }
            if uv
            else {}
        ),
        "errors": list(answer.errors),
    }


def _support_to_dict(judged: Judged) -> dict[str, object]:
    supported = judged.support.supported
    return {
        namespace: {
            "origin": origin,
            "features": {name: list(values) for name, values in supported.get(namespace, {}).items()},
        }
        for namespace, origin in judged.support.origins.items()
    }


def _verdict_to_dict(verdict: Verdict) -> dict[str, object]:
    key = verdict.key
    return {
        "filename": str(verdict.filename),
        "label": verdict.filename.label,
        "compatible": verdict.is_compatible,
        "reasons": list(verdict.reasons),
        "key": {
            "features": [{"best": str(each.best), "rank": list(each[:3])} for each in key.features],
            "label": key.label,
            "tag": key.tag,
            "build": list(key.build),
        }
        if key
        else None,
    }
