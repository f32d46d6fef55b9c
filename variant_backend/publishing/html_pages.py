"""The pages of a package index for people: the variants of each project, and how to install them.

Plain HTML with inline style and without scripts. All text from wheels is escaped.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple
from urllib.parse import urljoin

from ..lowlevel.terminal import readable_size
from ..variants.metadata import VariantMetadata
from ..variants.properties import NULL_LABEL, Property
from ..variants.uv_behaviour import UV_FLAG

# The placeholder for the address of the index in commands, if no base URL is given.
_ADDRESS = "https://ADDRESS"


class Link(NamedTuple):
    """A file to download: *path* is relative to the folder of the index, *size* is in bytes."""

    filename: str
    path: str
    size: int


class WheelLink(NamedTuple):
    """A wheel: its link, its label (None for a plain wheel), its tags, and its requirements."""

    link: Link
    label: str | None
    tags: str
    requirements: tuple[str, ...]


class ReleaseSection(NamedTuple):
    """A release of a project: its variant metadata, its wheels, and all its other files."""

    version: str
    metadata: VariantMetadata | None
    requires_python: str | None
    wheels: tuple[WheelLink, ...]
    others: tuple[Link, ...]


class ProjectPage(NamedTuple):
    """A project: its normalized name, its summary, and its releases, the newest first."""

    name: str
    summary: str
    releases: tuple[ReleaseSection, ...]


def project_page(project: ProjectPage, base_url: str | None = None) -> bytes:
    """Return the page of a project, which is ``project/{name}/index.html`` in the index.

    *base_url* is the URL of the index's folder, without a slash at the end. Commands contain it, or a
    placeholder if it is None.
    """
    body = [
        '<header><nav aria-label="Breadcrumb"><a href="../../index.html">All projects</a></nav>',
        f"<h1>{escape(project.name)}</h1>",
        f'<p class="summary">{escape(project.summary)}</p>' if project.summary else "",
        _versions(project),
        "</header>",
        "<main>",
        *(_release(project.name, release, base_url) for release in project.releases),
        "</main>",
        f'<footer><p>For installers: <a href="../../simple/{escape(project.name)}/index.html">the simple'
        " index</a>. Made with variant-backend.</p></footer>",
    ]
    return _page(f"{project.name}: wheel variants", body)


def projects_page(projects: Sequence[ProjectPage]) -> bytes:
    """Return the page that lists all projects."""
    cards = [
        f'<li><a href="project/{escape(project.name)}/index.html">{escape(project.name)}</a>'
        f" <span>{escape(project.releases[0].version)}</span>"
        f"<p>{escape(project.summary)}</p>"
        f'<p class="facts">{_facts(project.releases[0])}</p></li>'
        for project in projects
    ]
    body = [
        "<header><h1>Packages</h1>",
        '<p class="summary">The projects of this index and their newest releases.</p></header>',
        f'<main><ul class="cards">{"".join(cards)}</ul></main>',
        '<footer><p>For installers: <a href="simple/index.html">the simple index</a>.'
        " Made with variant-backend.</p></footer>",
    ]
    return _page("Packages", body)


def readable_tags(tags: str) -> tuple[str, str]:
    """Return the platforms and the interpreters of wheel tags, in words.

    >>> readable_tags("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64")
    ('Linux x86_64 (glibc 2.17+)', 'CPython 3.12')
    >>> readable_tags("py2.py3-none-any")
    ('Any system', 'Python 2 or 3')
    """
    python, abi, platform = tags.split("-")
    interpreters = " or ".join(dict.fromkeys(_python(tag) for tag in python.split(".")))
    interpreters = interpreters.replace(" or Python ", " or ")
    if "abi3" in abi.split("."):
        interpreters += " and newer"
    if re.search(r"\dt(?![a-z])", abi):
        interpreters += ", free-threaded"
    return " or ".join(dict.fromkeys(_platform(tag) for tag in platform.split("."))), interpreters


_INTERPRETERS = {"cp": "CPython", "pp": "PyPy", "py": "Python", "graalpy": "GraalPy"}


def _python(tag: str) -> str:
    match = re.fullmatch(r"([a-z]+)(\d)(\d*)", tag)
    if not match or match[1] not in _INTERPRETERS:
        return tag
    return f"{_INTERPRETERS[match[1]]} {match[2]}{'.' if match[3] else ''}{match[3]}"


_PLATFORMS: Sequence[tuple[str, str]] = (
    (r"any", "Any system"),
    (r"manylinux_(\d+)_(\d+)_(\w+)", r"Linux \3 (glibc \1.\2+)"),
    (r"manylinux2014_(\w+)", r"Linux \1 (glibc 2.17+)"),
    (r"manylinux2010_(\w+)", r"Linux \1 (glibc 2.12+)"),
    (r"manylinux1_(\w+)", r"Linux \1 (glibc 2.5+)"),
    (r"musllinux_(\d+)_(\d+)_(\w+)", r"Linux \3 (musl \1.\2+)"),
    (r"linux_(\w+)", r"Linux \1"),
    (r"macosx_(\d+)_0_(\w+)", r"macOS \1+ \2"),
    (r"macosx_(\d+)_(\d+)_(\w+)", r"macOS \1.\2+ \3"),
    (r"win32", "Windows x86"),
    (r"win_amd64", "Windows x86_64"),
    (r"win_(\w+)", r"Windows \1"),
)


def _platform(tag: str) -> str:
    for pattern, words in _PLATFORMS:
        if match := re.fullmatch(pattern, tag):
            return match.expand(words)
    return tag


def _release(name: str, release: ReleaseSection, base_url: str | None) -> str:
    """Return the section of a release."""
    anchor = escape(f"v{release.version}")
    parts = [
        f'<section aria-labelledby="{anchor}">',
        f'<h2 id="{anchor}">{escape(name)} {escape(release.version)}</h2>',
        f'<p class="facts">{_facts(release)}</p>',
        _commands(name, release, base_url),
        _table(name, release, base_url) if release.wheels else "",
        _shared(release),
        _others(release),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _facts(release: ReleaseSection) -> str:
    labels = {wheel.label for wheel in release.wheels} - {None}
    facts = [_count(len(labels), "variant"), _count(len(release.wheels), "wheel")]
    if release.requires_python:
        facts.append(f"Python {escape(release.requires_python)}")
    return " · ".join(facts)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _commands(name: str, release: ReleaseSection, base_url: str | None) -> str:
    """Return the commands that install the release from the index."""
    index = shlex.quote(_url(base_url, "simple/"))
    wanted = shlex.quote(f"{name}=={release.version}")
    labels = {wheel.label for wheel in release.wheels}
    rows = []
    if labels - {None}:
        # uv downloads requirements that this index does not have from its default index.
        command = f"uv pip install {UV_FLAG} --index {index} {wanted}"
        rows.append(("The best variant for your machine", command))
    is_source = any(link.filename.endswith(".tar.gz") for link in release.others)
    if None in labels or is_source:
        subject = "The plain wheel" if None in labels else "Built from source"
        rows.append((f"{subject}, with any installer", f"pip install --index-url {index} {wanted}"))
    listed = "".join(f"<dt>{title}</dt><dd>{_code(command)}</dd>" for title, command in rows)
    lacking = (
        "" if None in labels else "<p>Installers without variant support find no wheel of this release.</p>"
    )
    note = f"""
<p class="note">Replace <code>{_ADDRESS}</code> with the part of this page's address before
<code>/project/{escape(name)}/</code>.</p>"""
    return f'<dl class="commands">{listed}</dl>{lacking}{"" if base_url else note}'


def _url(base_url: str | None, path: str) -> str:
    """Return the URL of a *path* that is relative to the index's folder."""
    return urljoin(f"{base_url}/", path) if base_url else f"{_ADDRESS}/{path}"


def _code(command: str) -> str:
    return f"<pre><code>{escape(command)}</code></pre>"


def _table(name: str, release: ReleaseSection, base_url: str | None) -> str:
    """Return the table of a release's variants."""
    by_label = _by_label(release.wheels)
    differing = _differing(by_label)
    headings = ["Variant", "Properties", "Wheels", *(["Also requires"] if any(differing.values()) else [])]
    columns = "".join(f'<th scope="col" role="columnheader">{heading}</th>' for heading in headings)
    rows = []
    for label, wheels in by_label.items():
        cells = [_properties(release, label), _wheels(label, wheels, base_url), _list(differing[label])]
        listed = "".join(
            f'<td role="cell" data-label="{heading}">{cell}</td>'
            for heading, cell in zip(headings[1:], cells, strict=False)
        )
        rows.append(f'<tr role="row"><th scope="row" role="rowheader">{_label(label)}</th>{listed}</tr>')
    return f"""<table role="table">
<caption>Variants of {escape(name)} {escape(release.version)}</caption>
<thead role="rowgroup"><tr role="row">{columns}</tr></thead>
<tbody role="rowgroup">
{chr(10).join(rows)}
</tbody>
</table>"""


def _by_label(wheels: Iterable[WheelLink]) -> dict[str | None, list[WheelLink]]:
    """Return the wheels by label: labels in alphabetical order, then null, then the plain wheels (None)."""

    def rank(wheel: WheelLink) -> tuple[int, str]:
        return (wheel.label is None) * 2 + (wheel.label == NULL_LABEL), wheel.label or ""

    ordered = sorted(wheels, key=lambda wheel: (*rank(wheel), wheel.link.filename))
    return {group[0].label: group for _, members in groupby(ordered, rank) for group in [list(members)]}


def _common(wheels: Iterable[WheelLink]) -> list[str]:
    """Return the requirements that all of the wheels have."""
    first, *others = [wheel.requirements for wheel in wheels]
    shared = set(first).intersection(*others)  # a set, as there may be thousands of requirements
    return [text for text in first if text in shared]


def _differing(by_label: Mapping[str | None, Sequence[WheelLink]]) -> dict[str | None, list[str]]:
    """Return for each label the requirements of its wheels that not every wheel has."""
    shared = set(_common(wheel for wheels in by_label.values() for wheel in wheels))
    result = {}
    for label, wheels in by_label.items():
        own = set(_common(wheels))
        every = dict.fromkeys(text for wheel in wheels for text in wheel.requirements if text not in shared)
        result[label] = [text if text in own else f"{text} (some of the wheels)" for text in every]
    return result


def _label(label: str | None) -> str:
    return "plain" if label is None else f"<code>{escape(label)}</code>"


def _properties(release: ReleaseSection, label: str | None) -> str:
    if label is None:
        return '<p class="quiet">not a variant: for all installers</p>'
    variant = release.metadata.variants.get(label) if release.metadata else None
    if variant is None or not variant.properties:
        return '<p class="quiet">none: fits every machine</p>'

    def feature(prop: Property) -> tuple[str, str]:
        return prop.namespace, prop.feature

    lines = [
        f"<code>{escape(' :: '.join(key))}</code> <b>{' <i>or</i> '.join(escape(p.value) for p in props)}</b>"
        for key, props in groupby(sorted(variant.properties, key=_by_number), feature)
    ]
    return f'<ul class="properties">{"".join(f"<li>{line}</li>" for line in lines)}</ul>'


def _by_number(prop: Property) -> tuple[str, str, list[tuple[int, str]]]:
    """Return a sort key for properties that sorts the value 90 before 100."""
    parts = re.findall(r"(\d+)|(\D+)", prop.value)
    return prop.namespace, prop.feature, [(int(number or -1), text) for number, text in parts]


def _wheels(label: str | None, wheels: Iterable[WheelLink], base_url: str | None) -> str:
    """Return links to the wheels of a label, grouped by platform, and the command that installs each."""
    by_system: dict[str, list[str]] = {}
    commands = []
    program = "pip install" if label is None else f"uv pip install {UV_FLAG}"
    for wheel in wheels:
        system, interpreters = readable_tags(wheel.tags)
        by_system.setdefault(system, []).append(f"<li>{_linked(wheel.link, interpreters)}</li>")
        commands.append(_code(f"{program} {shlex.quote(_url(base_url, wheel.link.path))}"))
    links = "".join(
        f'<p>{escape(system)}</p><ul class="wheels">{"".join(items)}</ul>'
        for system, items in by_system.items()
    )
    return f"{links}<details><summary>Install one of these wheels</summary>{''.join(commands)}</details>"


def _linked(link: Link, text: str) -> str:
    size = f'<span class="quiet">{readable_size(link.size)}</span>'
    return f'<a href="../../{escape(link.path)}">{escape(text)}</a> {size}'


def _list(texts: Sequence[str]) -> str:
    if not texts:
        return '<p class="quiet">nothing</p>'
    return f"<ul>{''.join(f'<li><code>{escape(text)}</code></li>' for text in texts)}</ul>"


def _shared(release: ReleaseSection) -> str:
    shared = _common(release.wheels) if release.wheels else []
    return f"<h3>Every wheel requires</h3>{_list(shared)}" if shared else ""


def _others(release: ReleaseSection) -> str:
    items = "".join(f"<li>{_linked(link, link.filename)}</li>" for link in release.others)
    return f"<h3>Other files</h3><ul>{items}</ul>" if items else ""


def _versions(project: ProjectPage) -> str:
    """Return links to the versions, or nothing if there is only one."""
    if len(project.releases) < 2:
        return ""
    links = "".join(
        f'<li><a href="#{escape(f"v{release.version}")}">{escape(release.version)}</a></li>'
        for release in project.releases
    )
    return f'<nav aria-label="Versions"><ul class="versions">{links}</ul></nav>'


def _page(title: str, body: Iterable[str]) -> bytes:
    head = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="variant-backend">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>"""
    return "\n".join([head, *(part for part in body if part), "</body>", "</html>", ""]).encode()


_STYLE = """
:root {
  color-scheme: light dark;
  --text: #1d2530; --quiet: #5a6675; --page: #f6f7f9; --card: #fff; --line: #dfe3e9;
  --link: #1f5fa8; --code: #eef1f5; --accent: #2f6f63;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e3e7ed; --quiet: #9aa6b5; --page: #14181e; --card: #1b2129; --line: #303946;
    --link: #8ab9f1; --code: #242c36; --accent: #7cc3b3;
  }
}
* { box-sizing: border-box; }
html { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
body { margin: 0; background: var(--page); color: var(--text); overflow-wrap: anywhere; }
header, main, footer { max-width: 74rem; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 2.5rem; }
footer { padding: 1rem 1.5rem 2.5rem; color: var(--quiet); font-size: .875rem; }
h1 { margin: .25rem 0 0; font-size: 2.25rem; line-height: 1.2; letter-spacing: -.02em; }
h2 { margin: 0; font-size: 1.375rem; line-height: 1.3; letter-spacing: -.01em; }
h3 { margin: 1.5rem 0 .25rem; font-size: .9375rem; }
p { margin: 0; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: .2em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
code, pre { font: .875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
pre {
  margin: .25rem 0 0; padding: .625rem .75rem; background: var(--code); border-radius: 6px;
  white-space: pre-wrap; user-select: all;
}
pre code { font-size: inherit; }
ul { margin: 0; padding: 0; list-style: none; }
li + li { margin-top: .25rem; }
b { font-weight: 600; }
i { font-weight: 400; color: var(--quiet); }
nav { font-size: .875rem; }
.summary { margin-top: .5rem; color: var(--quiet); font-size: 1.125rem; }
.facts, .note, .quiet { color: var(--quiet); font-size: .875rem; }
.facts { margin-top: .25rem; }
.note { margin: .75rem 0 0; }
.quiet { white-space: nowrap; }
.versions { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: 1rem; }
.versions li { margin: 0; }
.versions a {
  display: block; padding: .125rem .75rem; border: 1px solid var(--line); border-radius: 999px;
  background: var(--card); text-decoration: none;
}
section, .cards li {
  margin: 1.5rem 0; padding: 1.5rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
}
.cards li { margin: 1rem 0; padding: 1rem 1.5rem; }
.cards a { font-size: 1.125rem; font-weight: 600; }
.cards span { color: var(--quiet); }
.commands { margin: 1.25rem 0 0; }
dt { font-size: .875rem; font-weight: 600; }
dd { margin: 0; }
dd + dt { margin-top: .75rem; }
table { width: 100%; margin-top: 1.5rem; border-collapse: collapse; }
caption { padding-bottom: .5rem; text-align: left; font-weight: 600; }
thead th { color: var(--quiet); font-size: .8125rem; font-weight: 600; }
th, td {
  padding: .75rem 1.25rem .75rem 0; border-top: 1px solid var(--line);
  text-align: left; vertical-align: top;
}
thead th { padding: .375rem 1.25rem .375rem 0; }
th:last-child, td:last-child { padding-right: 0; }
tbody th { color: var(--accent); font-weight: 600; }
tbody th code { font-size: 1em; }
td { font-size: .9375rem; }
tbody th, thead th:first-child { min-width: 8rem; }
td:nth-child(2) { width: 30%; }
td:nth-child(3) { width: 34%; }
td p { font-size: .875rem; }
td a { text-decoration-color: var(--line); }
.properties code { display: block; color: var(--quiet); }
.wheels { display: flex; flex-wrap: wrap; gap: 0 1.25rem; margin-bottom: .375rem; }
.wheels li { margin: 0; }
summary { margin-top: .5rem; color: var(--quiet); font-size: .875rem; cursor: pointer; }
@media (max-width: 60rem) {
  html { font-size: 15px; }
  header, main { padding: 0 1rem; }
  header { padding-top: 1.5rem; }
  footer { padding: 1rem; }
  h1 { font-size: 1.75rem; }
  section { padding: 1rem; }
  table, tbody, tr, th, td, td:nth-child(n) { display: block; width: 100%; }
  caption { display: block; padding: 0; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  th, td, td:last-child { padding: .375rem 0; border: 0; min-width: 0; }
  tbody tr { padding: .75rem 0; border-top: 1px solid var(--line); }
  tbody th { font-size: 1.0625rem; }
  td::before {
    content: attr(data-label); display: block; color: var(--quiet); font-size: .8125rem; font-weight: 600;
  }
}
"""
