"""Hashes that files with requirements and lock files pin: they may be those of another machine's wheels.

Installers would only report that no hash matches.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError, shortened
from ..formats.toml_read import value_at
from ..graphs.requirement_lines import lines_of_files
from ..lowlevel.named_paths import place_of_file
from ..lowlevel.ranges import file_digest
from ..lowlevel.threads import map_in_threads
from ..variants.filename import WheelFilename, is_same_version, normalize
from .command import ToolCommand
from .found_files import file_above, lock_of_pipenv, text_of, toml_of
from .lock_commands import LOCK_WITH_SERVE

if TYPE_CHECKING:
    from ..formats.release import File
    from ..serving.environments import Environments
    from ..serving.offer import Choice
    from ..serving.rendered import RenderedProject
    from ..serving.site import Site

_PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*===?\s*([^\s;,]+)")
_HASH = re.compile(r"--hash[\s=]+(\w+:[0-9A-Fa-f]+)")
_MARKER = re.compile(r";\s*(.*?)\s*(?=--hash|$)")


class PinnedHashes(NamedTuple):
    """A version of a project that is pinned with *hashes* such as ``sha256:...``, at a place.

    *remedy* has ``{hashes}`` for those of this machine's wheels.
    """

    place: str
    name: str
    version: str
    hashes: frozenset[str]
    remedy: str


def pins_of_files(paths: Iterable[Path], environ: Mapping[str, str]) -> Iterator[PinnedHashes]:
    """Yield the pinned hashes in files with requirements, without those for other environments."""
    for line in lines_of_files(paths, environ):
        hashes = frozenset(text.lower() for text in _HASH.findall(line.text))
        pinned = _PINNED.match(line.text)
        if hashes and pinned and _is_for_this_environment(line.text):
            remedy = "replace its hashes by {hashes}"
            yield PinnedHashes(line.place, normalize(pinned[1]), pinned[2], hashes, remedy)


def _is_for_this_environment(text: str) -> bool:
    if not (match := _MARKER.search(text)):
        return True
    from packaging.markers import InvalidMarker, Marker

    try:
        return Marker(match[1]).evaluate()
    except InvalidMarker:  # the installer reports it
        return True


def pins_of_lock(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> Iterator[PinnedHashes]:
    """Yield the hashes in the lock file from which PDM or pipenv install through the offer."""
    if command.tool == "pdm" and command.words[:1] in [("sync",), ("install",)]:
        if path := file_above(folder, "pdm.lock"):
            yield from _pins_of_pdm(path)
    elif command.tool == "pipenv" and command.words[:1] in [("sync",), ("install",)]:
        path = lock_of_pipenv(folder, environ)
        if path and not command.values("--skip-lock"):
            yield from _pins_of_pipenv(path)


def _pins_of_pdm(path: Path) -> Iterator[PinnedHashes]:
    packages = toml_of(text_of(path)).get("package")
    for package in packages if isinstance(packages, list) else ():
        name, version, files = (value_at(package, key) for key in ("name", "version", "files"))
        if isinstance(name, str) and isinstance(version, str) and isinstance(files, list):
            hashes = frozenset(str(value_at(file, "hash")) for file in files)
            place = f"{place_of_file(path)}: {name}"
            yield PinnedHashes(place, normalize(name), version, hashes, LOCK_WITH_SERVE)


def _pins_of_pipenv(path: Path) -> Iterator[PinnedHashes]:
    document: object = None
    with suppress(ValueError, RecursionError):
        document = json.loads(text_of(path))
    for group, packages in document.items() if isinstance(document, dict) else ():
        for name, package in packages.items() if group != "_meta" and isinstance(packages, dict) else ():
            version, hashes = (value_at(package, key) for key in ("version", "hashes"))
            if isinstance(version, str) and isinstance(hashes, list):
                place = f"{place_of_file(path)}: {name}"
                pinned = frozenset(map(str, hashes))
                yield PinnedHashes(place, normalize(name), version.lstrip("="), pinned, LOCK_WITH_SERVE)


def hash_problems(
    pins: Iterable[PinnedHashes], site: Site, machine: str, environments: Environments
) -> list[Problem]:
    """Return the problems of hashes that no wheel has which a machine of a site gets in some environments.

    Only releases with variants have some. A project that cannot be read is left to the installer.
    """
    by_name: dict[str, list[PinnedHashes]] = {}
    for pin in pins:
        by_name.setdefault(pin.name, []).append(pin)

    def read(name: str) -> RenderedProject | None:
        with suppress(VariantError):
            return site.project(machine, name, environments)
        return None

    listed = zip(by_name, map_in_threads(read, by_name), strict=True)
    return [
        problem
        for name, project in listed
        if project
        for pin in by_name[name]
        for problem in _problems_of_pin(pin, project)
    ]


def _problems_of_pin(pin: PinnedHashes, project: RenderedProject) -> Iterator[Problem]:
    choice = project.offer.choice_of(pin.version)
    if choice is None:
        return
    offered = [
        _texts_of(ready.file.hashes)
        for ready in project.ready.files
        if ready.offered.wheel and _is_pinned(ready.offered.wheel.name, pin.version)
    ]
    if offered and not any(hashes & pin.hashes for hashes in offered):
        labels = ", ".join(map(_label_text, choice.labels)) or "no wheel"
        text = f"the hashes of {pin.name} {pin.version} are those of {_pinned_text(pin, choice)}"
        wanted = " ".join(f"--hash={text}" for hashes in offered for text in sorted(hashes))
        yield Problem(
            "error", pin.place, f"{text}; this machine gets {labels}", pin.remedy.format(hashes=wanted)
        )


def _is_pinned(wheel: WheelFilename, version: str) -> bool:
    """Return whether a wheel has a pinned version; one without a local part admits all local versions."""
    return any(is_same_version(known, version) for known in (wheel.version, wheel.public().version))


def _texts_of(hashes: Mapping[str, str]) -> set[str]:
    return {f"{name}:{digest}".lower() for name, digest in hashes.items()}


def _all_hashes(file: File) -> set[str]:
    """Return the hashes of a file; folders list none."""
    return _texts_of(file.hashes or ({"sha256": file_digest(file.path)} if file.path else {}))


def _label_text(label: str | None) -> str:
    return "the plain wheel" if label is None else f"the variant {label}"


def _pinned_text(pin: PinnedHashes, choice: Choice) -> str:
    """Return which wheels of a release have the pinned hashes."""
    labels = {wheel.label for wheel in choice.release.candidates if _all_hashes(wheel.file) & pin.hashes}
    return shortened(sorted(map(_label_text, labels))) if labels else "other files"
