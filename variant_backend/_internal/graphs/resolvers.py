"""Resolve requirements with an installer's own resolver, through an offer on this machine.

The user's settings of the installers do not count: not their indexes, nor constraints, dates and strategies.
A graph is the same wherever it is resolved. Settings of caches, certificates and logins are kept.
"""

from __future__ import annotations

import json
import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..errors import Problem, RequestError, VariantError
from ..lowlevel.processes import programs_on_path, run_within, temporary_folder
from ..lowlevel.regular_files import read_regular
from ..lowlevel.urls import without_secrets
from ..selection.target import Target, running_target
from ..serving.environments import name_of_target
from ..serving.offer_place import OfferPlace, without_proxy
from ..variants.filename import normalize
from .root_requirements import Requested
from .uv_platforms import macos_version, uv_platform

if TYPE_CHECKING:
    from packaging.version import Version

ResolverName: TypeAlias = Literal["uv", "pip"]
# The code of what a resolver reports.
RESOLVER = "resolver"
_TIME_LIMIT, _SHORT_LIMIT = 3600, 60
_MOST_LINES = 100
# Variables of installers that do not change what they resolve.
_KEPT = {
    *("UV_CACHE_DIR", "UV_NO_CACHE", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_KEYRING_PROVIDER"),
    *("UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_CONCURRENT_DOWNLOADS", "UV_PYTHON_INSTALL_DIR"),
    *("PIP_CACHE_DIR", "PIP_NO_CACHE_DIR", "PIP_CERT", "PIP_CLIENT_CERT", "PIP_KEYRING_PROVIDER"),
    *("PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES"),
}


# Returns the versions of a whole graph by normalized name; raises VariantError with the resolver's words.
Resolver: TypeAlias = "Callable[[Requested, OfferPlace, Target], Mapping[str, Version]]"


def resolver_named(name: ResolverName) -> Resolver:
    """Return a resolver."""
    return {"uv": resolved_by_uv, "pip": resolved_by_pip}[name]


def resolved_by_uv(requested: Requested, offer: OfferPlace, target: Target) -> Mapping[str, Version]:
    """Return the versions of a whole graph by normalized name, as uv resolves it for a target.

    Raises VariantError, with the code RESOLVER and uv's own words, if uv finds no graph.
    """
    with temporary_folder() as folder:
        listed, constraints = _written(requested, folder)
        uv = str(_uv())
        command = [
            *(uv, "pip", "compile", "--no-config", "--quiet", "--color", "never"),
            *("--no-header", "--no-annotate", "--no-sources", "--no-python-downloads"),
            *(*_python_of_uv(uv, target), str(listed), "--constraints", str(constraints)),
        ]
        variables = {"UV_DEFAULT_INDEX": _url_of(offer, target)}  # other users can read arguments
        if not target.here and (version := macos_version(target.platform)):
            variables["MACOSX_DEPLOYMENT_TARGET"] = version
        output = _run("uv", command, variables, offer)
    return dict(_pins(output))


def _written(requested: Requested, folder: Path) -> tuple[Path, Path]:
    """Write files of requirements and of constraints into a folder; return both."""
    paths = folder / "requirements.txt", folder / "constraints.txt"
    for path, is_constraint in zip(paths, (False, True), strict=True):
        lines = "".join(f"{line}\n" for line, _ in _lines(requested, is_constraint=is_constraint))
        path.write_text(lines, encoding="utf-8")
    return paths


def _lines(requested: Requested, *, is_constraint: bool) -> list[tuple[str, str]]:
    """Return the lines of a file, each with its place; their order does not depend on that of the user."""
    options = () if is_constraint else requested.options
    roots = [(root.line, root.place) for root in requested.roots if root.is_constraint == is_constraint]
    return [*((text, text) for text in options), *sorted(roots)]


def _python_of_uv(uv: str, target: Target) -> Iterator[str]:
    """Yield uv's options for a target; raises RequestError if uv cannot resolve for it."""
    is_threaded = target.tags[0].abi.endswith("t")
    release = ".".join(map(str, target.python.release))
    is_similar = sys.implementation.name == "cpython" and is_threaded == _is_free_threaded()
    if _is_running(target) or is_similar:
        yield from ("--python", sys.executable)
    else:  # --python-version cannot name this kind of Python
        name = f"{'.'.join(release.split('.')[:2])}{'t' if is_threaded else ''}"
        yield from ("--python", _installed_python(uv, name))
    if not _is_running(target):
        yield from ("--python-version", release)
    if not target.here:
        yield from ("--python-platform", uv_platform(target.platform))


def _installed_python(uv: str, name: str) -> str:
    """Return an interpreter that uv finds by name; raises RequestError if there is none."""
    command = [uv, "python", "find", "--no-config", "--no-python-downloads", name]
    known = run_within(_SHORT_LIMIT, command, _environ())
    if known is None or known.code:
        text = f"uv requires Python {name} on this machine to resolve for it"
        raise RequestError(text, place=f"--python {name}", remedy=f"run 'uv python install {name}'")
    return known.output.decode(errors="replace").strip()


def resolved_by_pip(requested: Requested, offer: OfferPlace, target: Target) -> Mapping[str, Version]:
    """Return the versions of a whole graph by normalized name, as pip resolves it for the running Python.

    Raises RequestError for another target, and VariantError, with the code RESOLVER and pip's own words, if
    pip finds no graph.
    """
    from packaging.version import Version

    check_target_of_pip(target)
    with temporary_folder() as folder:
        report = folder / "report.json"
        listed, constraints = _written(requested, folder)
        command = [
            *(*_pip(), "install", "--dry-run", "--ignore-installed", "--quiet", "--no-input", "--no-color"),
            *("--disable-pip-version-check", "--report", str(report)),
            *("--requirement", str(listed), "--constraint", str(constraints)),
        ]
        variables = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": _url_of(offer, target),
            "PIP_TRUSTED_HOST": offer.host,  # pip caches nothing that comes over http from other hosts
        }
        _run("pip", command, variables, offer, partial(_with_places, listed, requested))
        installed = json.loads(read_regular(report))["install"]
    packages = (one["metadata"] for one in installed)
    return {normalize(package["name"]): Version(package["version"]) for package in packages}


def _with_places(listed: Path, requested: Requested, text: str) -> str:
    """Return words of pip with the places of the user for the lines of the written file."""
    places = [place for _, place in _lines(requested, is_constraint=False)]
    pattern = rf"-r {re.escape(str(listed))} \(line (\d+)\)"
    return re.sub(pattern, lambda match: places[int(match[1]) - 1], text)


def check_target_of_pip(target: Target) -> None:
    """Raise RequestError if pip, which evaluates markers for its own Python, cannot resolve for a target."""
    running = _running()
    if target.tags[0] == running.tags[0]:
        return
    text = f"pip resolves only for its own environment, {name_of_target(running)}"
    remedy = "use --resolver uv, or leave --python and --platform out"
    raise RequestError(Problem("error", f"--resolver pip, {name_of_target(target)}", text, remedy))


def _run(
    tool: str,
    command: list[str],
    variables: Mapping[str, str],
    offer: OfferPlace,
    reworded: Callable[[str], str] = str,
) -> str:
    """Return what a resolver prints; raises VariantError with its *reworded* words if it fails."""
    try:
        done = run_within(_TIME_LIMIT, command, {**_environ(), **variables})
    except OSError as error:
        raise VariantError(f"cannot start {tool}: {error.strerror}", code=RESOLVER) from None
    if done is None:
        raise VariantError(f"{tool} has not ended within {_TIME_LIMIT} seconds", code=RESOLVER)
    if done.code == 0:
        return done.output.decode(errors="replace")
    raise VariantError(*failed_resolution(tool, reworded(done.errors.decode(errors="replace")), offer))


def failed_resolution(tool: str, text: str, offer: OfferPlace) -> list[Problem]:
    """Return why a tool cannot resolve, with the words of the tool below; *offer* is where it resolved."""
    words = [*_words(text, offer)]
    problems = [Problem(RESOLVER, tool, line) for line in words[-_MOST_LINES:]]
    return [Problem(RESOLVER, "", f"{tool} cannot resolve the requirements"), *problems]


def _words(text: str, offer: OfferPlace) -> Iterator[str]:
    """Yield the lines of a resolver without marks of their kind, and without the URL of the offer.

    They lack the interpreter that uv uses, and hints of uv about indexes: the offer is the only one.
    """
    offered = rf"http://(?:[^\s@/]*@)?{re.escape(offer.host)}/{offer.profile}/(?:[^\s/]+/)?(?:simple|files)/"
    for line in text.replace("\r\n", "\n").split("\n"):
        is_about_indexes = line.lstrip().startswith("hint:") and re.search(offered, line)
        if line.strip() and not is_about_indexes and not line.startswith("Using "):
            plain = re.sub(r"^\s*(?:error|ERROR|cause):\s*", "", line).strip()
            yield without_secrets(re.sub(offered, "", plain)).replace(offer.token, "****")


def _url_of(offer: OfferPlace, target: Target) -> str:
    """Return the URL of the index for a target alone; the offer has such a URL for CPython only."""
    if not target.tags[0].interpreter.startswith("cp"):
        return offer.url
    return offer.url.removesuffix("simple/") + f"{name_of_target(target)}/simple/"


def _is_running(target: Target) -> bool:
    """Return whether a target is the running interpreter on this machine."""
    is_same_version = target.python.release == sys.version_info[:3]
    return target.here and is_same_version and target.tags[0] == _running().tags[0]


@cache
def _running() -> Target:
    return running_target()


def _is_free_threaded() -> bool:
    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def _uv() -> Path:
    """Return the program of uv, that of this interpreter first; raises VariantError."""
    beside = Path(sysconfig.get_path("scripts"), "uv.exe" if sys.platform == "win32" else "uv")
    for program in [*([beside] if beside.is_file() else []), *programs_on_path(["uv"], os.environ)]:
        return program
    raise VariantError("uv is not installed", remedy="run 'pip install uv', or use --resolver pip")


def _pip() -> list[str]:
    """Return the command of pip for this interpreter; raises VariantError."""
    if (spec := find_spec("pip")) and spec.origin:
        # The option -m would import a module in the current folder first.
        return [sys.executable, str(Path(spec.origin).with_name("__main__.py"))]
    for program in programs_on_path(["pip", "pip3"], os.environ):
        return [str(program), "--python", sys.executable]
    raise VariantError("pip is not installed", remedy="run 'python -m ensurepip', or use --resolver uv")


def _environ() -> dict[str, str]:
    """Return the variables without settings of installers that change a graph, and without a proxy here."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _KEPT or not name.upper().startswith(("UV_", "PIP_"))
    }
    return kept | without_proxy(os.environ)


def _pins(text: str) -> Iterator[tuple[str, Version]]:
    """Yield the names and versions of a resolution."""
    from packaging.requirements import Requirement
    from packaging.version import Version

    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            requirement = Requirement(line)
            (pin,) = requirement.specifier
            yield normalize(requirement.name), Version(pin.version)
