"""The pages of a package index for people: the variants of each project, and how to install them.

Plain HTML with inline style and without scripts.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple
from urllib.parse import urljoin

from ..formats.html_writing import Child, Html, block, element
from ..lowlevel.terminal import readable_size
from ..variants.metadata import VariantMetadata
from ..variants.properties import NULL_LABEL, Property
from ..variants.uv_behaviour import UV_FLAG
from ..variants.words import in_words
from .page_parts import (
    ADDRESS,
    command_block,
    command_list,
    counted,
    note_about_address,
    stacking_table,
    styled_page,
)


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
    name = project.name
    header = block(
        "header",
        element("nav", element("a", "All projects", href="../../index.html"), aria_label="Breadcrumb"),
        element("h1", name),
        element("p", project.summary, class_="summary") if project.summary else "",
        _versions(project),
    )
    main = block("main", *(_release(name, release, base_url) for release in project.releases))
    footer = _footer(f"../../simple/{name}/index.html")
    return styled_page(f"{name}: wheel variants", header, main, footer)


def projects_page(projects: Sequence[ProjectPage]) -> bytes:
    """Return the page that lists all projects."""
    header = block(
        "header",
        element("h1", "Packages"),
        element("p", "The projects of this index and their newest releases.", class_="summary"),
    )
    main = element("main", block("ul", *map(_card, projects), class_="cards"))
    return styled_page("Packages", header, main, _footer("simple/index.html"))


def _card(project: ProjectPage) -> Html:
    """Return the entry of a project in the list of all projects."""
    newest = project.releases[0]
    return element(
        "li",
        element("a", project.name, href=f"project/{project.name}/index.html"),
        " ",
        element("span", newest.version),
        element("p", project.summary),
        element("p", _facts(newest), class_="facts"),
    )


def _footer(simple_index: str) -> Html:
    link = element("a", "the simple index", href=simple_index)
    return element("footer", element("p", "For installers: ", link, ". Made with variant-backend."))


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


def _release(name: str, release: ReleaseSection, base_url: str | None) -> Html:
    """Return the section of a release."""
    anchor = f"v{release.version}"
    return block(
        "section",
        element("h2", f"{name} {release.version}", id=anchor),
        element("p", _facts(release), class_="facts"),
        _commands(name, release, base_url),
        _table(name, release, base_url) if release.wheels else "",
        _shared(release),
        _others(release),
        aria_labelledby=anchor,
    )


def _facts(release: ReleaseSection) -> str:
    labels = {wheel.label for wheel in release.wheels} - {None}
    facts = [counted(len(labels), "variant"), counted(len(release.wheels), "wheel")]
    if release.requires_python:
        facts.append(f"Python {release.requires_python}")
    return " · ".join(facts)


def _commands(name: str, release: ReleaseSection, base_url: str | None) -> Html:
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
    lacking = "Installers without variant support find no wheel of this release."
    return Html(
        command_list(rows),
        "" if None in labels else element("p", lacking),
        "" if base_url else _about_address(name),
    )


def _about_address(name: str) -> Html:
    """Return the note about the placeholder in commands."""
    return note_about_address("the part of this page's address before ", element("code", f"/project/{name}/"))


def _url(base_url: str | None, path: str) -> str:
    """Return the URL of a *path* that is relative to the index's folder."""
    return urljoin(f"{base_url}/", path) if base_url else f"{ADDRESS}/{path}"


def _table(name: str, release: ReleaseSection, base_url: str | None) -> Html:
    """Return the table of a release's variants."""
    by_label = _by_label(release.wheels)
    differing = _differing(by_label)
    headings = ["Variant", "Properties", "Wheels", *(["Also requires"] if any(differing.values()) else [])]
    rows = []
    for label, wheels in by_label.items():
        cells = [_properties(release, label), _wheels(label, wheels, base_url), _list(differing[label])]
        rows.append((_label(label), cells))
    return stacking_table(f"Variants of {name} {release.version}", headings, rows)


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


def _label(label: str | None) -> Child:
    return "plain" if label is None else element("code", label)


def _properties(release: ReleaseSection, label: str | None) -> Html:
    if label is None:
        return element("p", "not a variant: for all installers", class_="quiet")
    variant = release.metadata.variants.get(label) if release.metadata else None
    if variant is None or not variant.properties:
        return element("p", "none: fits every machine", class_="quiet")

    def feature(prop: Property) -> tuple[str, str]:
        return prop.namespace, prop.feature

    separator = Html(" ", element("i", "or"), " ")
    lines = []
    for (namespace, name), props in groupby(sorted(variant.properties, key=_by_number), feature):
        values = [prop.value for prop in props]
        words = in_words(namespace, name, values)
        lines.append(
            Html(
                element("code", f"{namespace} :: {name}"),
                " ",
                element("b", Html.joined(separator, values)),
                element("p", words, class_="words") if words else "",
            )
        )
    return element("ul", *(element("li", line) for line in lines), class_="properties")


def _by_number(prop: Property) -> tuple[str, str, list[tuple[int, str]]]:
    """Return a sort key for properties that sorts the value 90 before 100."""
    parts = re.findall(r"(\d+)|(\D+)", prop.value)
    return prop.namespace, prop.feature, [(int(number or -1), text) for number, text in parts]


def _wheels(label: str | None, wheels: Iterable[WheelLink], base_url: str | None) -> Html:
    """Return links to the wheels of a label, grouped by platform, and the command that installs each."""
    by_system: dict[str, list[Html]] = {}
    commands = []
    program = "pip install" if label is None else f"uv pip install {UV_FLAG}"
    for wheel in wheels:
        system, interpreters = readable_tags(wheel.tags)
        by_system.setdefault(system, []).append(element("li", _linked(wheel.link, interpreters)))
        commands.append(command_block(f"{program} {shlex.quote(_url(base_url, wheel.link.path))}"))
    links = (
        Html(element("p", system), element("ul", *items, class_="wheels"))
        for system, items in by_system.items()
    )
    summary = element("summary", "Install one of these wheels")
    return Html(*links, element("details", summary, *commands))


def _linked(link: Link, text: str) -> Html:
    size = element("span", readable_size(link.size), class_="quiet")
    return Html(element("a", text, href=f"../../{link.path}"), " ", size)


def _list(texts: Sequence[str]) -> Html:
    if not texts:
        return element("p", "nothing", class_="quiet")
    return element("ul", *(element("li", element("code", text)) for text in texts))


def _shared(release: ReleaseSection) -> Html:
    shared = _common(release.wheels) if release.wheels else []
    return Html(element("h3", "Every wheel requires"), _list(shared)) if shared else Html()


def _others(release: ReleaseSection) -> Html:
    items = [element("li", _linked(link, link.filename)) for link in release.others]
    return Html(element("h3", "Other files"), element("ul", *items)) if items else Html()


def _versions(project: ProjectPage) -> Html:
    """Return links to the versions, or nothing if there is only one."""
    if len(project.releases) < 2:
        return Html()
    versions = [release.version for release in project.releases]
    links = (element("li", element("a", version, href=f"#v{version}")) for version in versions)
    return element("nav", element("ul", *links, class_="versions"), aria_label="Versions")
