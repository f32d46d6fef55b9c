"""The sources in project files and scripts that win over the variables of the offer.

Source: measured with uv 0.13, PDM 2.29.4 and pipenv 2026.10.3. uv obeys ``[tool.uv.sources]`` beside any
variable. PDM merges its sources with that of its variable. pipenv replaces only the URL of PyPI.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import Problem
from ..formats.toml_read import value_at
from ..lowlevel.named_paths import place_of_file
from ..lowlevel.urls import shown_url
from ..machine.installer_files import is_on
from .command import ToolCommand
from .found_files import file_above, pipfile, place_of_line, text_of, toml_of
from .index_options import IN_FILES, option_problem, option_problems
from .requirement_files import named_files
from .uv_projects import files_of_uv, with_connected

_SCRIPT = re.compile(r"^# /// script\s*$\n((?:^#(?: .*)?$\n)+?)^# ///\s*$", re.MULTILINE)
_OF_PYPI = re.compile(r"https?://(www\.)?pypi(\.python)?\.org(/|$)")


def refused_sources(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the sources of a project or script that a tool would use beside the offer."""
    yield from _of_pylock(command, folder, environ)
    if command.tool == "uv":
        yield from _of_uv(command, folder, environ)
    elif command.tool == "pip-tools":
        yield from _of_pip_tools(command, folder)
    elif command.tool == "pdm":
        yield from _of_pdm(folder)
        yield from _of_pdm_lock(command, folder)
    elif command.tool == "pipenv":
        yield from _of_pipfile(pipfile(folder, environ) or folder)


def _of_pylock(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the lock files of the form pylock.toml that have the URLs of wheels."""
    for name in named_files(command, environ):
        path = folder / name
        if re.fullmatch(r"pylock(\.[^.]+)?\.toml", path.name) and re.search(r"\burl\s*=", text_of(path)):
            yield Problem(
                "error",
                place_of_file(path),
                f"{command.tool} would load wheels from the URLs in this lock file, not from the offer",
                f"start {command.tool} without `variant-backend run`",
            )


def _of_pip_tools(command: ToolCommand, folder: Path) -> Iterator[Problem]:
    """Yield the sources in the configuration of pip-tools, which win over variables."""
    named = [folder / name for name in command.values("--config")]
    for path in named or [folder / ".pip-tools.toml", folder / "pyproject.toml"]:
        text = text_of(path)
        table = value_at(toml_of(text), "tool", "pip-tools")
        for section in [table, value_at(table, "sync"), value_at(table, "compile")]:
            for key, value in section.items() if isinstance(section, dict) else ():
                option = f"--{key.replace('_', '-')}"
                first = next(iter(value), "") if isinstance(value, list) else value
                place = place_of_line(path, text, "tool.pip-tools", key)
                if option in IN_FILES and value:
                    yield option_problem(place, option, str(first))
                elif option == "--pip-args":
                    yield from option_problems(place, str(value))


def _of_uv(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> Iterator[Problem]:
    if command.values("--no-sources") or is_on(environ, "UV_NO_SOURCES"):
        return
    ignored = {*command.values("--no-sources-package"), *environ.get("UV_NO_SOURCES_PACKAGE", "").split()}
    for path in files_of_uv(command, folder, environ):
        yield from _explicit_sources(path, text_of(path), ignored)


def _explicit_sources(path: Path, text: str, ignored: set[str]) -> Iterator[Problem]:
    for name, indexes in _indexes_by_package(text).items():
        if name not in ignored:
            yield Problem(
                "error",
                place_of_line(path, text, "sources", name),
                f"uv would take {name} from the index {indexes[0]!r}, not from the offer",
                f"add --no-sources-package {name}",
            )


def _indexes_by_package(text: str) -> dict[str, list[str]]:
    """Return the names of the indexes from which uv takes packages of a project file."""
    sources = value_at(toml_of(text), "tool", "uv", "sources") if "sources" in text else None
    indexes: dict[str, list[str]] = {}
    for name, listed in sources.items() if isinstance(sources, dict) else ():
        for table in listed if isinstance(listed, list) else [listed]:
            if index := value_at(table, "index"):
                indexes.setdefault(name, []).append(str(index))
    return indexes


def replaced_indexes(command: ToolCommand, folder: Path, offer_url: str) -> dict[str, str]:
    """Return the variable that replaces the indexes of a project by the offer, for uv that a tool starts.

    uv itself is not started then: `refused_sources` names the option.
    """
    path = file_above(folder, "pyproject.toml")
    if command.tool == "uv" or path is None:
        return {}
    texts = map(text_of, with_connected([path]))
    names = {name for text in texts for indexes in _indexes_by_package(text).values() for name in indexes}
    valid = sorted(name for name in names if re.fullmatch(r"[\w.-]+", name, re.ASCII))
    return {"UV_INDEX": " ".join([offer_url, *(f"{name}={offer_url}" for name in valid)])} if valid else {}


def script_problems(path: Path) -> Iterator[Problem]:
    """Yield the sources in the metadata of a script (PEP 723) that uv would use beside the offer."""
    text = text_of(path)
    if not (match := _SCRIPT.search(text)):
        return
    table = value_at(toml_of(re.sub(r"^# ?", "", match[1], flags=re.MULTILINE)), "tool", "uv")
    settings = table if isinstance(table, dict) else {}
    for key in ("sources", "find-links", "no-index", "index"):
        if value := settings.get(key):
            if key == "index" and not _has_explicit(value):
                continue
            remedy = f"remove {key} from the script"
            place = place_of_line(path, text, "# /// script", key)
            yield Problem("error", place, "uv would use this source beside the offer", remedy)


def _has_explicit(tables: object) -> bool:
    return any(
        isinstance(table, dict) and table.get("explicit")
        for table in (tables if isinstance(tables, list) else ())
    )


def _of_pdm(folder: Path) -> Iterator[Problem]:
    yield from _of_pdm_settings(folder / "pdm.toml")
    path = file_above(folder, "pyproject.toml") or folder
    text = text_of(path)
    for url, name in _urls(value_at(toml_of(text), "tool", "pdm", "source")):
        yield Problem(
            "error",
            place_of_line(path, text, "tool.pdm.source", f'"{name}"'),
            f"PDM would use the source {name!r} beside the offer",
            f"remove the source, and name it: variant-backend run --index-url {shown_url(url)} COMMAND",
        )


def _of_pdm_lock(command: ToolCommand, folder: Path) -> Iterator[Problem]:
    """Yield the lock file of PDM if it has the URLs of files: PDM loads them from there."""
    path = file_above(folder, "pdm.lock")
    if path is None or command.words[:1] not in [("sync",), ("install",)]:
        return
    packages = toml_of(text_of(path)).get("package")
    listed = [value_at(package, "files") for package in packages] if isinstance(packages, list) else []
    if any(value_at(file, "url") for files in listed if isinstance(files, list) for file in files):
        yield Problem(
            "error",
            place_of_file(path),
            "PDM would load wheels from the URLs in this lock file, not from the offer",
            "start PDM without `variant-backend run`, or lock with --no-static-urls",
        )


def _of_pdm_settings(path: Path) -> Iterator[Problem]:
    """Yield the further sources in the settings of a project: `run` replaces those of the user."""
    text = text_of(path)
    sources = toml_of(text).get("pypi")
    for name, table in sources.items() if isinstance(sources, dict) else ():
        if isinstance(table, dict):
            yield Problem(
                "error",
                place_of_line(path, text, name),
                f"PDM would use the source {name!r} beside the offer",
                "remove the source, and name it: variant-backend run --index-url "
                f"{shown_url(str(table.get('url', 'URL')))} COMMAND",
            )


def _of_pipfile(path: Path) -> Iterator[Problem]:
    """Yield the sources of a Pipfile that a mirror of PyPI does not replace, and that packages use."""
    text = text_of(path)
    document = toml_of(text)
    sources = _urls(document.get("source"))
    used = {name for _, name in sources[:1]}
    for group in document.values():
        for package in group.values() if isinstance(group, dict) else ():
            used |= {str(package["index"])} if isinstance(package, dict) and "index" in package else set()
    for url, name in sources:
        if name in used and not _OF_PYPI.match(url):
            yield Problem(
                "error",
                place_of_line(path, text, "[[source]]", url),
                f"pipenv would use the source {name!r}, not the offer",
                "replace its url by https://pypi.org/simple, and name the index: "
                f"variant-backend run --index-url {shown_url(url)} COMMAND",
            )


def _urls(tables: object) -> Sequence[tuple[str, str]]:
    """Return URL and name of each source."""
    listed = [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    return [(str(table.get("url", "")), str(table.get("name", ""))) for table in listed]
