"""``variant-backend explain``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ..errors import VariantError, did_you_mean, one_of
from ..selection import shortened, why_better
from ..support import DISABLED, NOT_ENABLED, UNKNOWN
from . import PATH, Command, printable, talk
from .selection_options import selection_options

if TYPE_CHECKING:
    from ..choice import Judged
    from ..pins import Pin
    from ..selection import Verdict
    from ..system import System
    from ..target import Target
    from ..uv_choice import UvChoice

PLAIN = "(plain)"
_OTHER_TAGS = "tags: "


class _Answer(NamedTuple):
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


@click.command(cls=Command)
@click.argument("package", required=False, metavar="[PACKAGE[==VERSION]]")
@click.option(
    "--find-links",
    multiple=True,
    type=PATH,
    metavar="DIR",
    help="A folder with wheels and their index file; may be repeated.",
)
@click.option("--index-url", multiple=True, metavar="URL", help="A package index; may be repeated.")
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
def explain(
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
        click.echo(json.dumps(_to_dict(answer, label, told)))
    elif answer.judged:
        if told and asked:
            lines = [*told[:1], *(f"  {text}" for text in told[1:]), *_support(asked, why_not)]
        else:
            lines = [*_table(answer.judged, label, shows_all)]
        for line in [*_head(answer), *lines, *_installer(answer)]:
            _print(line)
    for error in answer.errors:
        talk(printable(f"{'warning' if answer.chosen else 'error'}: {error}"))
    if not answer.chosen:
        sys.exit(1)


def _pin(package: str | None, find_links: Sequence[Path]) -> Pin:
    """Return what is asked for; without a package, it is the only project in the folders."""
    from ..pins import Pin
    from ..releases import projects

    if package is not None:
        try:
            return Pin.parse(package)
        except VariantError as error:
            raise click.BadParameter("\n".join(error.lines()), param_hint="PACKAGE") from None
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
) -> _Answer:
    from ..choice import choose
    from ..releases import find_listings

    listings, faults = find_listings(pin.name, find_links=find_links, index_urls=index_urls)
    judged, newer = choose(listings, system, target, version=pin.version)
    looked = [judged, *newer] if judged else newer
    faults += [fault for each in looked for fault in (*each.release.faults, *each.faults)]
    errors = list(dict.fromkeys(line for fault in faults for line in fault.lines()))
    if not looked:
        errors.append(_nothing(pin, [str(each.version) for each in listings], find_links, index_urls))
    elif judged is None:
        errors.append(f"no wheel of {pin.name} is compatible")
    # Where nothing is compatible, the newest is explained.
    answer = _Answer(pin, judged or next(iter(newer), None), newer if judged else (), errors)
    if installer is None:
        return answer
    from ..uv_choice import differences, uv_choose, uv_listings

    if len(index_urls) > 1:
        listings = uv_listings(pin.name, find_links=find_links, index_urls=index_urls)
    if system.hardware is None:
        hint = "--hardware FILE would say it"
        errors.append(f"what uv detects on that platform is not known, and taken for nothing; {hint}")
    detected = system.hardware.supported if system.hardware else {}
    uv = uv_choose(listings, detected, target, version=pin.version)
    errors += uv.unread.lines() if uv.unread else []
    return answer._replace(uv=uv, differs=differences(judged, newer, uv))


def _nothing(pin: Pin, versions: Sequence[str], find_links: Sequence[Path], index_urls: Sequence[str]) -> str:
    """Say that nothing was found, and where it was looked for."""
    if versions:
        return f"{pin.name} {pin.version}: there is no such version with wheels; there are {one_of(versions)}"
    from .._http import shown

    places = [*map(str, find_links), *map(shown, index_urls)]
    return f"{pin.name}: no wheel is in {one_of(places)}"


def _head(answer: _Answer) -> Iterator[str]:
    """Say what is chosen, and what became of newer releases."""
    judged = answer.judged
    assert judged, "nothing is printed without it"
    release = judged.release
    what = f"{judged.chosen.filename} is chosen" if judged.chosen else "no wheel is compatible"
    yield _Heading(f"{release.name} {release.version}: {what}")
    for each in answer.newer:
        pin = f"{release.name}=={each.release.version}"
        yield f"newer, without a compatible wheel: {each.release.version} (see explain {pin})"
    yield ""


def _table(judged: Judged, label: str | None, shows_all: bool) -> Iterator[str]:
    """Yield the table for people: compatible wheels by rank, the others by reasons, what is supported."""
    verdicts = _of_label(judged, label)
    compatible = [verdict for verdict in verdicts if verdict.key]
    out = [verdict for verdict in verdicts if not verdict.key]
    places = {verdict: place for place, verdict in enumerate(judged.verdicts, 1)}
    rows = [row for verdict in compatible for row in _rows(places[verdict], verdict)]
    if rows:
        yield from _aligned([("PLACE", "LABEL", "TAGS", "BEST VALUES", "RANK"), *rows])
        yield "Ranks are those of namespace, feature and value, 0 being best: the first that differs decides."
    if out:
        if rows:
            yield ""
        yield _Heading("OUT")
        yield from _out(out, shows_all)
    yield from _support(judged, label)


def _of_label(judged: Judged, label: str | None) -> list[Verdict]:
    """Return the verdicts on the wheels of a label, or on all; raises VariantError if there is none."""
    if label is None:
        return judged.verdicts
    found = [verdict for verdict in judged.verdicts if _shown_label(verdict) == label]
    if not found:
        known = list(dict.fromkeys(map(_shown_label, judged.verdicts)))
        raise VariantError(
            f"{judged.release.name} {judged.release.version} has no wheel with label {label!r}"
            f"{did_you_mean(label, known)}; there are {printable(one_of(known))}"
        )
    return found


def _rows(place: int, verdict: Verdict) -> Iterator[tuple[str, ...]]:
    """Yield the lines of a compatible wheel, one for each feature."""
    assert verdict.key, "only compatible wheels have rows"
    head = (str(place), _shown_label(verdict), _tags(verdict))
    for feature in verdict.key.features:
        yield (*head, str(feature.best), ".".join(map(str, feature[:3])))
        head = ("", "", "")
    if head[0]:
        yield (*head, "no properties" if verdict.filename.label else "no variant", "")


def _shown_label(verdict: Verdict) -> str:
    return verdict.filename.label or PLAIN


def _tags(verdict: Verdict) -> str:
    """Return what tells a wheel from others with its label: its build number, and its tags."""
    return "-".join(filter(None, [verdict.filename.build, verdict.filename.tags]))


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        line = "  ".join(map(str.ljust, row, widths)).rstrip()
        yield line if number else _Heading(line)


def _out(verdicts: Sequence[Verdict], shows_all: bool) -> Iterator[str]:
    """Yield the wheels that are out, those with the same reasons together; of other platforms, the number."""
    groups: dict[tuple[str, ...], list[Verdict]] = {}
    elsewhere: list[Verdict] = []
    for verdict in verdicts:
        if not shows_all and any(reason.startswith(_OTHER_TAGS) for reason in verdict.reasons):
            elsewhere.append(verdict)
        else:
            groups.setdefault(verdict.reasons, []).append(verdict)
    for reasons, its in groups.items():
        names = [f"{_shown_label(verdict)}  {_tags(verdict)}" for verdict in its]
        yield from (f"  {name}" for name in names)
        yield from (f"    {reason}" for reason in reasons)
    if elsewhere:
        tags = shortened(list(dict.fromkeys(map(_tags, elsewhere))))
        wheels = "1 wheel" if len(elsewhere) == 1 else f"{len(elsewhere)} wheels"
        yield f"  {wheels} for other interpreters or platforms (--all shows them): {tags}"


def _support(judged: Judged, label: str | None) -> Iterator[str]:
    """Yield what is supported of each namespace, where that comes from, and what would change it."""
    metadata = judged.release.metadata
    variant = metadata.variants.get(label) if metadata and label is not None else None
    namespaces = [
        name
        for name in judged.support.origins
        if label is None or (variant is not None and name in variant.namespaces())
    ]
    if namespaces:
        yield ""
        yield _Heading("SUPPORTED")
    for namespace in namespaces:
        origin = judged.support.origins[namespace]
        remedy = _remedy(namespace, origin)
        yield f"  {namespace}: {origin}{f'; {remedy}' if remedy else ''}"
        for feature, values in judged.support.supported.get(namespace, {}).items():
            yield f"    {feature}: {shortened(values) or 'nothing'}"


def _remedy(namespace: str, origin: str) -> str:
    """Say what would let a namespace be supported of which nothing is."""
    if origin == DISABLED:
        return "--disable rules it out"
    if origin == NOT_ENABLED:
        return f"--enable {namespace} turns it on"
    if origin.startswith(UNKNOWN):
        return f"--supported '{namespace} :: FEATURE :: VALUES' or --hardware FILE says it"
    return ""


def _with_label(releases: Sequence[Judged], label: str) -> Judged:
    """Return the first release that has wheels of a label; if none has, the first."""
    having = (each for each in releases if label in [_shown_label(verdict) for verdict in each.verdicts])
    return next(having, releases[0])


def _why_not(judged: Judged, label: str, chosen: Verdict | None) -> list[str]:
    """Say why a label's wheel is not the *chosen* one, the reasons behind the first line."""
    # Of several that are out, the one that is closest.
    best = min(_of_label(judged, label), key=lambda verdict: (not verdict.key, len(verdict.reasons)))
    if best == chosen:
        return [f"{best.filename} is chosen"]
    if best.key and chosen and chosen.key:
        return [f"{best.filename} is compatible, and the other is better:", why_better(chosen.key, best.key)]
    return [f"{best.filename} is out:", *best.reasons]


def _installer(answer: _Answer) -> Iterator[str]:
    """Say what uv chooses, and why it is another wheel."""
    if answer.uv is None:
        return
    chosen = answer.uv.judged.chosen if answer.uv.judged else None
    yield ""
    if chosen and not answer.differs:
        yield "uv chooses the same wheel"
        return
    yield f"uv chooses {chosen.filename}" if chosen else "uv chooses no wheel"
    yield from (f"  {text}" for text in answer.differs)


def _to_dict(answer: _Answer, label: str | None, why_not: Sequence[str]) -> dict[str, object]:
    """Return the object for machines."""
    judged, uv = answer.judged, answer.uv
    theirs = uv.judged.chosen if uv and uv.judged else None
    return {
        "package": answer.pin.name,
        "version": str(judged.release.version) if judged else None,
        "chosen": str(answer.chosen.filename) if answer.chosen else None,
        "newer": [str(each.release.version) for each in answer.newer],
        "support": _support_to_dict(judged) if judged else {},
        "wheels": [_verdict_to_dict(verdict) for verdict in _of_label(judged, label)] if judged else [],
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


class _Heading(str):
    """A line in bold type."""


def _print(line: str) -> None:
    """Print a line; what comes from an index may have characters that do things to a terminal."""
    text = printable(line)
    bold = isinstance(line, _Heading) and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    click.echo(click.style(text, bold=True) if bold else text)
