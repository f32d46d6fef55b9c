"""Made indexes of wheels that are variants without saying so, with the layouts of the real ones.

The tree has a folder for each server, and `served_tree` serves all of them at one URL:

    download.pytorch.org/whl/cu128/torch/      one index per local version, files beside the pages
    abetlen.github.io/llama-cpp-python/whl/    one index per CUDA version, the same filenames on each
    pypi.org/simple/cupy-cuda12x/              one project per CUDA version, and all requirements

`overlay_for` writes a copy of a shipped overlay in which the URLs are those of this tree.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from helpers.made_wheels import make_wheel
from helpers.servers import answering

OVERLAYS = Path(__file__).parents[2] / "examples" / "overlays"
PYTORCH, LLAMA, PYPI = "download.pytorch.org", "abetlen.github.io", "pypi.org"
PYTHONS = ("cp311", "cp312")
LINUX, ARM, WINDOWS, MACOS = (
    "manylinux_2_28_x86_64",
    "manylinux_2_28_aarch64",
    "win_amd64",
    "macosx_11_0_arm64",
)

# The versions of torch, torchvision and torchaudio of each release.
FAMILY = {
    "2.7.1": ("2.7.1", "0.22.1", "2.7.1"),
    "2.8.0": ("2.8.0", "0.23.0", "2.8.0"),
    "2.9.0": ("2.9.0", "0.24.0", "2.9.0"),
    "2.9.1": ("2.9.1", "0.24.1", "2.9.1"),
    "2.10.0": ("2.10.0", "0.25.0", "2.10.0"),
    "2.11.0": ("2.11.0", "0.26.0", "2.11.0"),
}
_EVERYWHERE, _SERVERS, _LINUX = (LINUX, ARM, WINDOWS), (LINUX, WINDOWS), (LINUX,)
_SINCE_2_9 = {
    "cpu": _EVERYWHERE,
    "cu126": _EVERYWHERE,
    "cu128": _EVERYWHERE,
    "cu130": _EVERYWHERE,
    "xpu": _SERVERS,
}
# The platforms of each local version, by the minor release.
BUILDS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "2.7": {"cpu": _EVERYWHERE, "cu118": _SERVERS, "cu126": _SERVERS, "cu128": _EVERYWHERE, "xpu": _SERVERS},
    "2.8": {
        **{"cpu": _EVERYWHERE, "cu126": _SERVERS, "cu128": _SERVERS, "cu129": _EVERYWHERE},
        **{"xpu": _SERVERS, "rocm6.3": _LINUX, "rocm6.4": _LINUX},
    },
    "2.9": {**_SINCE_2_9, "rocm6.3": _LINUX, "rocm6.4": _LINUX},
    "2.10": {**_SINCE_2_9, "rocm7.0": _LINUX, "rocm7.1": _LINUX},
    "2.11": {**_SINCE_2_9, "rocm7.0": _LINUX, "rocm7.1": _LINUX},
}
# What the wheels of a local version require on Linux: the runtime, and the compiler of kernels.
_ON_LINUX = "; platform_system == 'Linux'"
_RUNTIMES = {
    "cu118": ("nvidia-cublas-cu11==11.11.3.6", "triton==3.6.0"),
    "cu126": ("nvidia-cublas-cu12==12.6.4.1", "triton==3.6.0"),
    "cu128": ("nvidia-cublas-cu12==12.8.4.1", "triton==3.6.0"),
    "cu129": ("nvidia-cublas-cu12==12.9.1.4", "triton==3.6.0"),
    "cu130": ("nvidia-cublas==13.1.0.3", "triton==3.6.0"),
    "xpu": ("intel-cmplr-lib-rt==2025.3.1", "triton-xpu==3.6.0"),
    **{f"rocm{version}": ("triton-rocm==3.6.0",) for version in ("6.3", "6.4", "7.0", "7.1")},
}
_CUPY = {"11x": ("13.5.1", "13.6.0"), "12x": ("13.5.1", "13.6.0", "14.0.0"), "13x": ("13.6.0", "14.0.0")}
# The ends of the names of CUDA's runtimes; those for CUDA 13 have none.
_SUFFIXES = {"11x": "-cu11", "12x": "-cu12", "13x": ""}
NO_EXTRAS: Mapping[str, Sequence[str]] = {}
_LLAMA_CUDA = ("cu121", "cu122", "cu123", "cu124", "cu125")


class MadeWheel(NamedTuple):
    """A wheel on a page: the *page* of its project, its name, version, tag and requirements.

    *beside* is the folder that has the file, with the page's links to it. *build* is in its module.
    """

    page: str
    name: str
    version: str
    tag: str
    beside: str
    requires: Sequence[str] = ()
    extras: Mapping[str, Sequence[str]] = NO_EXTRAS
    build: str = ""


def tag_of(python: str, platform: str) -> str:
    """Return the tag of a wheel of PyTorch; those for macOS have no ABI."""
    return f"{python}-{'none' if platform == MACOS else python}-{platform}"


def pytorch_wheels() -> Iterator[MadeWheel]:
    """Yield the wheels of all releases of PyTorch; the compilers that they require are on the same index."""
    for release, versions in FAMILY.items():
        for local, platforms in BUILDS[release.rpartition(".")[0]].items():
            for name, version in zip(("torch", "torchvision", "torchaudio"), versions, strict=True):
                own = ("filelock", *(f"{text}{_ON_LINUX}" for text in _RUNTIMES.get(local, ())))
                requires = own if name == "torch" else (f"torch=={versions[0]}",)
                extras = {"opt-einsum": ["opt-einsum>=3.3"]} if name == "torch" else NO_EXTRAS
                where = f"{PYTORCH}/whl/{local}"
                for python in PYTHONS:
                    for platform in platforms:
                        yield MadeWheel(
                            f"{where}/{name}",
                            name,
                            f"{version}+{local}",
                            tag_of(python, platform),
                            where,
                            requires,
                            extras,
                        )
                    if local == "cpu":
                        requires = ("filelock",) if name == "torch" else requires
                        yield MadeWheel(
                            f"{where}/{name}", name, version, tag_of(python, MACOS), where, requires
                        )
    for local, requirements in _RUNTIMES.items():
        where, name = f"{PYTORCH}/whl/{local}", requirements[-1].partition("==")[0]
        for python in PYTHONS:
            tag = f"{python}-{python}-linux_x86_64"
            yield MadeWheel(f"{where}/{name}", name.replace("-", "_"), "3.6.0", tag, where)


def llama_wheels() -> Iterator[MadeWheel]:
    """Yield the wheels of llama-cpp-python: each index has the same filenames, with other bytes."""
    pages = f"{LLAMA}/llama-cpp-python/whl"
    builds = {"cpu": (LINUX, WINDOWS), **dict.fromkeys(_LLAMA_CUDA, (LINUX, WINDOWS)), "metal": (MACOS,)}
    for build, platforms in builds.items():
        for version in ("0.3.3", "0.3.4"):
            for python in PYTHONS:
                for platform in platforms:
                    yield MadeWheel(
                        f"{pages}/{build}/llama-cpp-python",
                        "llama_cpp_python",
                        version,
                        f"{python}-{python}-{platform}",
                        f"{LLAMA}/releases/v{version}-{build}",
                        build=build,
                    )


def pypi_wheels() -> Iterator[MadeWheel]:
    """Yield the wheels of PyPI: requirements, projects of one CUDA version each, and torch for CUDA 12.8."""
    for text in (
        *("filelock==3.20", "numpy==2.3.5", "fastrlock==0.8.3", "opt-einsum==3.4.0"),
        *(text for text in sorted({*chain(*_RUNTIMES.values())}) if not re.match("triton-(rocm|xpu)", text)),
    ):
        name, _, version = text.partition("==")
        yield from _on_pypi(name, version, ["py3-none-any"])
    for release in FAMILY:
        requires = (f"nvidia-cublas-cu12==12.8.4.1{_ON_LINUX}",)
        yield from _on_pypi("torch", release, _compiled(LINUX), requires)
    for cuda, versions in _CUPY.items():
        extras = {"ctk": [f"nvidia-cublas{_SUFFIXES[cuda]}"]}
        for version in versions:
            tags = _compiled(*_EVERYWHERE)
            yield from _on_pypi(f"cupy-cuda{cuda}", version, tags, ("numpy", "fastrlock"), extras)
    for version in ("0.7.2", "0.8.1"):
        yield from _jax_wheels(version)


def _jax_wheels(version: str) -> Iterator[MadeWheel]:
    """Yield the wheels of a release of JAX, with a plugin for each major version of CUDA."""
    extras = {
        f"cuda{cuda}": [f"jax-cuda{cuda}-plugin[with-cuda]=={version}; platform_system == 'Linux'"]
        for cuda in ("12", "13")
    }
    yield from _on_pypi("jax", version, ["py3-none-any"], (f"jaxlib=={version}",), extras)
    yield from _on_pypi("jaxlib", version, _compiled(*_EVERYWHERE, MACOS))
    for cuda in ("12", "13"):
        extras = {"with-cuda": [f"nvidia-cublas{_SUFFIXES[cuda + 'x']}"]}
        pjrt = f"jax-cuda{cuda}-pjrt"
        tags = _compiled(LINUX, ARM)
        yield from _on_pypi(f"jax-cuda{cuda}-plugin", version, tags, (f"{pjrt}=={version}",), extras)
        yield from _on_pypi(pjrt, version, [f"py3-none-{platform}" for platform in (LINUX, ARM)])


def _compiled(*platforms: str) -> list[str]:
    return [f"{python}-{python}-{platform}" for platform in platforms for python in PYTHONS]


def _on_pypi(
    name: str,
    version: str,
    tags: Iterable[str],
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] = NO_EXTRAS,
) -> Iterator[MadeWheel]:
    """Yield a wheel of a release on PyPI for each tag."""
    page, escaped = f"{PYPI}/simple/{name}", name.replace("-", "_")
    for tag in tags:
        yield MadeWheel(page, escaped, version, tag, f"{PYPI}/packages", requires, extras)


def made_wheels() -> Iterator[MadeWheel]:
    """Yield the wheels of all made indexes."""
    return chain(pytorch_wheels(), llama_wheels(), pypi_wheels())


def write_tree(folder: Path, wheels: Iterable[MadeWheel]) -> None:
    """Write wheels, the metadata beside them, and the pages with their links."""
    pages: dict[str, list[str]] = {}
    for wheel in wheels:
        pages.setdefault(wheel.page, []).append(_link(folder, wheel))
    for page, links in pages.items():
        (folder / page).mkdir(parents=True)
        (folder / page / "index.html").write_text(f"<!DOCTYPE html>{'<br>'.join(links)}", encoding="utf-8")


def _link(folder: Path, wheel: MadeWheel) -> str:
    """Write a wheel, and return the link to it; releases on GitHub have neither hashes nor metadata."""
    lines = [f"Requires-Dist: {text}" for text in wheel.requires]
    for extra, texts in wheel.extras.items():
        lines.append(f"Provides-Extra: {extra}")
        for text in texts:
            requirement, _, marker = text.partition("; ")
            condition = f"({marker}) and extra == '{extra}'" if marker else f"extra == '{extra}'"
            lines.append(f"Requires-Dist: {requirement}; {condition}")
    head = f"Metadata-Version: 2.1\nName: {wheel.name}\nVersion: {wheel.version}\n"
    metadata = head + "".join(f"{line}\n" for line in lines) + "\n"
    built_as = f"{wheel.version} {wheel.build}".strip()
    files = {f"{wheel.name}/__init__.py": f"built_as = {built_as!r}\n".encode()}
    path = make_wheel(folder / wheel.beside, wheel.name, wheel.version, wheel.tag, files, metadata)
    url = f"/{wheel.beside}/{quote(path.name)}"
    if wheel.beside.startswith(LLAMA):
        return f'<a href="{url}">{path.name}</a>'
    path.with_name(f"{path.name}.metadata").write_text(metadata, encoding="utf-8")
    digest, core = (hashlib.sha256(content).hexdigest() for content in (path.read_bytes(), metadata.encode()))
    return f'<a href="{url}#sha256={digest}" data-core-metadata="sha256={core}">{path.name}</a>'


def overlay_for(name: str, url: str, folder: Path) -> Path:
    """Write a copy of a shipped overlay whose indexes are those of a served tree; return its path."""
    text = (OVERLAYS / f"{name}.toml").read_text(encoding="utf-8")
    for server in (PYTORCH, LLAMA, PYPI):
        text = text.replace(f"https://{server}", f"{url}{server}")
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def served_tree(folder: Path) -> Iterator[str]:
    """Serve a tree on this machine; yield its URL, which ends in a slash."""
    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, answering(server):
        yield f"http://127.0.0.1:{server.server_port}/"


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; PyTorch's server answers 403 where it has nothing."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        is_missing = code == 404 and self.path.startswith(f"/{PYTORCH}/")
        super().send_error(403 if is_missing else code, message, explain)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
