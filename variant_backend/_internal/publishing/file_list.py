"""The files of a release on a page for people: what each is, its hash, size and date."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..formats.html_writing import Html, block, element
from ..lowlevel.terminal import readable_size
from .install_commands import InstallCommands
from .page_content import FileLink, WheelLink
from .page_parts import counted
from .tag_words import readable_tags


def file_list(
    title: str, wheels: Sequence[WheelLink], others: Sequence[FileLink], commands: InstallCommands
) -> Html:
    """Return the files of the release *title*, which are visible on request."""
    items = [*(_wheel(wheel, commands) for wheel in wheels), *_others(others)]
    summary = f"{counted(len(items), 'file')} of {title}"
    return block("details", element("summary", summary), block("ul", *items, class_="files"))


def _wheel(wheel: WheelLink, commands: InstallCommands) -> Html:
    """Return a wheel, with the link to its METADATA and the command that installs it."""
    link = wheel.link
    kind = "Plain wheel" if wheel.label is None else f"Variant {wheel.label}"
    metadata = element("a", f"METADATA of {link.filename}", href=f"../../{link.path}.metadata")
    command = block(
        "details",
        element("summary", f"Install {link.filename}"),
        commands.one(wheel),
        element("p", metadata),
    )
    return _file(link, [kind, *readable_tags(wheel.tags)], command)


def _others(links: Sequence[FileLink]) -> Iterator[Html]:
    for link in links:
        yield _file(link, ["Source distribution (sdist)" if link.is_sdist else "Index file of the variants"])


def _file(link: FileLink, facts: Sequence[str], more: Html | None = None) -> Html:
    """Return a file: its name, the facts about it, and its hash."""
    kind, *others = facts
    texts = [*others, readable_size(link.size), *([link.uploaded[:10]] if link.uploaded else [])]
    return element(
        "li",
        element("a", link.filename, href=f"../../{link.path}"),
        element("p", element("b", kind), *(f" · {text}" for text in texts), class_="words"),
        element("p", f"sha256 {link.sha256}", class_="hash"),
        more or "",
    )
