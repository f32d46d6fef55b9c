"""The pages of a mirror: an index for each machine, and a page for people.

Links are relative, so that the folder can be served below any address, and as files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin

from ..formats import simple_api
from ..formats.html_writing import Html, block, element
from ..formats.release import File
from ..publishing.page_parts import (
    ADDRESS,
    command_list,
    note_about_address,
    page_footer,
    stacking_table,
    styled_page,
)

# Pages are parsed as if the folder of the mirror were below this URL.
_HERE = "file:///-/"

# The files of a machine by normalized names of projects; a file is at a path relative to the mirror.
ProjectFiles = Mapping[str, Sequence[File]]


class MirroredPackage(NamedTuple):
    """A package of the page for people: its name, and by machine what that installs, such as ``2.1 mkl``."""

    name: str
    installed: Mapping[str, str]


def index_pages(machine: str, projects: ProjectFiles) -> dict[str, bytes]:
    """Return the pages of a machine's index by their paths in the mirror."""
    root, names = f"{machine}/simple", sorted(projects)
    pages: dict[str, bytes] = {}
    for name in names:
        pages |= project_pages(f"{root}/{name}", name, projects[name])
    pages[f"{root}/index.html"] = simple_api.projects_to_html(names)
    pages[f"{root}/index.json"] = simple_api.projects_to_json(names)
    return pages


def project_pages(folder: str, name: str, files: Iterable[File]) -> dict[str, bytes]:
    """Return the pages of a project by their paths in the mirror."""
    listed = sorted((_linked(file) for file in files), key=lambda file: (file.filename, file.location))
    page = simple_api.Page(name, tuple(listed))
    return {
        f"{folder}/index.html": simple_api.to_html(page),
        f"{folder}/index.json": simple_api.to_json(page),
    }


def _linked(file: File) -> File:
    """Return a file with the link from ``MACHINE/simple/PROJECT/``."""
    return file._replace(location=f"../../../{quote(str(file.location))}")


def files_on_own_page(folder: str, content: bytes) -> list[File]:
    """Return the files on a project's page in JSON that `project_pages` has written; raises VariantError."""
    page = simple_api.from_json(content, urljoin(_HERE, f"{folder}/index.json"))
    return [
        file._replace(location=unquote(file.location.removeprefix(_HERE)))
        for file in page.files
        if isinstance(file.location, str)
    ]


def mirror_page(machines: Mapping[str, Sequence[str]], packages: Sequence[MirroredPackage]) -> bytes:
    """Return the start page for people: how to install, and what each machine gets.

    *machines* has the environments of each machine, such as ``3.12-win_amd64``.
    """
    header = block(
        "header",
        element("h1", "Package mirror"),
        element("p", "Each machine has an index of its own, with the wheels that fit it.", class_="summary"),
        note_about_address(
            "the address of this folder, such as ",
            element("code", "file:///srv/mirror"),
            " for a copy on disk",
        ),
    )
    sections = [_machine(name, environments) for name, environments in machines.items()]
    rows = [
        (package.name, [package.installed.get(name, "-") for name in machines])
        for package in sorted(packages)
    ]
    table = stacking_table("What each machine gets", ("Package", *machines), rows)
    contents = block("section", element("h2", "Packages", id="packages"), table, aria_labelledby="packages")
    return styled_page("Package mirror", header, block("main", *sections, contents), page_footer())


def _machine(name: str, environments: Sequence[str]) -> Html:
    """Return the section of a machine: the commands that install from its index."""
    index, lock = f"{ADDRESS}/{name}/simple/", f"pylock.{name}.toml"
    commands = [
        ("pip", f"pip install --index-url {index} PACKAGE"),
        ("uv", f"uv pip install --default-index {index} PACKAGE"),
        ("All packages, with pip 26.1 or newer", f"pip install --index-url {index} -r {lock}"),
        ("All packages, with uv", f"uv pip sync --default-index {index} {lock}"),
    ]
    links = [
        element("a", f"the index of {name}", href=f"{name}/simple/index.html"),
        element("a", f"the lock file of {name}", href=lock),
    ]
    return block(
        "section",
        element("h2", name, id=f"machine-{name}"),
        element("p", "Python and platform: ", element("b", ", ".join(environments)), class_="words"),
        command_list(commands),
        element("p", Html.joined(", ", links)),
        aria_labelledby=f"machine-{name}",
    )
