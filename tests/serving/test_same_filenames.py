"""Wheels with the same filename and other bytes on several indexes, one for each platform."""

from __future__ import annotations

import hashlib
import http.server
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers.made_wheels import make_wheel, requiring
from helpers.offers import machine
from helpers.overlays import write_overlay
from helpers.programs import empty_cache, run, run_here
from helpers.servers import answering, publish, served

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.environments import environments_named
from variant_backend._internal.serving.loopback import loopback_server
from variant_backend._internal.serving.offer import files_offered_as, offer
from variant_backend._internal.serving.site import Served, Site
from variant_backend._internal.serving.upstream import Upstream

PLATFORMS = ("cu121", "cu124", "cpu")
TAGS = "py3-none-any"
WHEEL = f"llama_cpp-0.3.4-{TAGS}.whl"
OVERLAY = """\
[[projects]]
names = ["llama-cpp"]
index-urls = [{urls}]

[projects.variant.default-priorities]
namespace = ["nvidia"]

[projects.variant.variants]
cu121.nvidia.cuda_version_lower_bound = ["12.1"]
cu124.nvidia.cuda_version_lower_bound = ["12.4"]

[projects.variants]
cu121.match = {{ index = "*/whl/cu121" }}
cu124.match = {{ index = "*/whl/cu124" }}
null.match = {{ index = "*/whl/cpu" }}
"""
ENVIRONMENT = environments_named("3.12-manylinux_2_28_x86_64")


def make_indexes(folder: Path, platforms: Mapping[str, str]) -> None:
    """Write an index for each platform, whose wheel requires a runtime; equal runtimes make equal wheels."""
    for platform, runtime in platforms.items():
        metadata = requiring(runtime)
        content = f"runtime = {runtime!r}\n".encode()
        wheel = make_wheel(
            folder / platform, "llama_cpp", "0.3.4", TAGS, {"llama_cpp/__init__.py": content}, metadata
        )
        publish([wheel], folder / "whl" / platform / "llama-cpp")
    for runtime in {*platforms.values()}:
        made = [make_wheel(folder / "made", runtime.partition("=")[0])]
        publish(made, folder / "whl" / "main" / made[0].name.partition("-")[0])


class _Redirecting(http.server.SimpleHTTPRequestHandler):
    """Redirects an index to another place of the server."""

    def do_GET(self) -> None:
        moved = self.path.replace("/whl/cu124/", "/moved/")
        if moved == self.path:
            super().do_GET()
            return
        self.send_response(302)
        self.send_header("Location", moved)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Layout(NamedTuple):
    """Indexes in a folder that are served at a URL, and what an overlay says about them."""

    folder: Path
    url: str
    sources: Sources

    def shown(self, spec: str) -> list[str]:
        """Return the names that a machine sees."""
        project = Upstream(self.sources, self.folder / "cache").project("llama-cpp")
        return [one.filename for one in offer(project, machine(spec), Policy(), ENVIRONMENT).files]


@contextmanager
def layout(folder: Path, platforms: Mapping[str, str]) -> Iterator[Layout]:
    make_indexes(folder, platforms)
    with served(folder) as url:
        yield layout_at(folder, url)


def layout_at(folder: Path, url: str) -> Layout:
    urls = ", ".join(f'"{url}whl/{platform}/"' for platform in PLATFORMS)
    overlay = write_overlay(folder / "overlay.toml", OVERLAY.format(urls=urls))
    return Layout(folder, url, Sources((), (f"{url}whl/main/",), overlay))


RUNTIMES = {"cu121": "runtime121", "cu124": "runtime124", "cpu": "runtimecpu"}
MACHINES = {"cuda:12.8": "cu124", "cuda:12.2": "cu121", "none": "cpu"}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Layout]:
    with layout(tmp_path, RUNTIMES) as made:
        yield made


@pytest.mark.parametrize("hashes", [True, False])
def test_the_label_is_in_the_build_tag(made: Layout, hashes: bool) -> None:
    for page in () if hashes else made.folder.glob("whl/*/llama-cpp/index.html"):
        page.write_text(page.read_text().replace("#sha256=", "?"))
    assert {spec: made.shown(spec) for spec in MACHINES} == {
        "cuda:12.8": [f"llama_cpp-0.3.4-0_cu124-{TAGS}.whl"],
        "cuda:12.2": [f"llama_cpp-0.3.4-0_cu121-{TAGS}.whl"],
        "none": [f"llama_cpp-0.3.4-0_null-{TAGS}.whl"],
    }


def test_the_same_file_on_all_indexes_keeps_its_name(tmp_path: Path) -> None:
    with layout(tmp_path, dict.fromkeys(PLATFORMS, "runtime")) as made:
        assert {*map(str, map(made.shown, MACHINES))} == {str([WHEEL])}


def test_an_index_without_the_project_is_ignored(made: Layout) -> None:
    shutil.rmtree(made.folder / "whl" / "cu124")
    assert made.shown("cuda:12.8") == [f"llama_cpp-0.3.4-0_cu121-{TAGS}.whl"]


def test_an_index_that_fails_is_an_error(made: Layout) -> None:
    unreachable = made.sources.overlay[0]._replace(
        index_urls=(*made.sources.overlay[0].index_urls, "http://127.0.0.1:9/simple/")
    )
    with pytest.raises(VariantError):
        made._replace(sources=made.sources._replace(overlay=(unreachable,))).shown("none")


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_caches_stay_right_when_the_machine_changes(made: Layout, tool: str, tmp_path: Path) -> None:
    upstream = Upstream(made.sources, tmp_path / "offer")
    sites = {spec: Site(upstream, {"gpu": Served("gpu", machine(spec), Policy())}) for spec in MACHINES}
    serving = [*sites.values()]
    cache = empty_cache() if tool == "uv" else ("--cache-dir", tmp_path / "pip-cache")
    with loopback_server(lambda request: serving[0].respond(request), count(0)) as port:
        options = ("--index-url", f"http://127.0.0.1:{port}/gpu/simple/", "--upgrade", "llama-cpp")
        for turn, spec in enumerate(["cuda:12.8", "none", "cuda:12.8"]):
            platform = MACHINES[spec]
            serving[0] = sites[spec]
            target = tmp_path / f"target{turn}"
            command = {
                "pip": ("pip", "install", "--isolated", "--trusted-host", f"127.0.0.1:{port}"),
                "uv": ("uv", "pip", "install", "--no-config", "--python", sys.executable),
            }[tool]
            run(*command, *cache, "--target", target, *options)
            assert RUNTIMES[platform] in (target / "llama_cpp" / "__init__.py").read_text()
            assert (target / f"{RUNTIMES[platform]}-1.0.dist-info").is_dir()


def test_a_file_is_known_without_a_page(made: Layout) -> None:
    project = Upstream(made.sources, made.folder / "cache").project("llama-cpp")
    for spec, platform in MACHINES.items():
        (name,) = made.shown(spec)
        (known,) = files_offered_as(name, project, machine(spec), Policy())
        assert f"/whl/{platform}/" in str(known.file.location)


def test_redirected_pages_are_those_of_their_indexes(made: Layout) -> None:
    (made.folder / "whl" / "cu124").rename(made.folder / "moved")
    handler = partial(_Redirecting, directory=str(made.folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, answering(server):
        redirected = layout_at(made.folder, f"http://127.0.0.1:{server.server_port}/")
        assert redirected.shown("cuda:12.8") == [f"llama_cpp-0.3.4-0_cu124-{TAGS}.whl"]


def test_the_page_has_the_hash_of_each_file(made: Layout) -> None:
    project = Upstream(made.sources, made.folder / "cache").project("llama-cpp")
    (shown,) = offer(project, machine("cuda:12.2"), Policy(), ENVIRONMENT).files
    content = (made.folder / "cu121" / WHEEL).read_bytes()
    assert shown.file.hashes == {"sha256": hashlib.sha256(content).hexdigest()}


def test_credentials_are_sent_but_not_shown_and_no_part_of_globs(
    made: Layout,
) -> None:
    host = made.url.removeprefix("http://")
    private = layout_at(made.folder, f"http://user:secret@{host}")
    assert private.shown("cuda:12.8") == made.shown("cuda:12.8")
    exact = OVERLAY.replace('"*/whl', f'"{made.url}whl')
    urls = ", ".join(f'"http://user:secret@{host}whl/{platform}/"' for platform in PLATFORMS)
    overlay = write_overlay(made.folder / "exact.toml", exact.format(urls=urls))
    sources = private.sources._replace(overlay=overlay)
    assert private._replace(sources=sources).shown("cuda:12.8") == made.shown("cuda:12.8")
    options = ("--overlay", made.folder / "exact.toml", "--index-url", made.url, "--machine", "cuda:12.8")
    done = run_here(main, "explain", "llama-cpp", *options, "--verbose")
    assert f"llama_cpp-0.3.4-{TAGS}.whl is selected" in done.stdout
    assert "secret" not in done.stdout + done.stderr


def test_indexes_of_an_overlay_must_exist(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    write = OVERLAY.format(urls='"missing"')
    (tmp_path / "overlay.toml").write_text(write)
    options = ("--find-links", tmp_path / "wheels", "--overlay", tmp_path / "overlay.toml")
    done = run_here(main, "run", *options, "--dry-run", "pip", "install", "llama-cpp", ok=False)
    assert f"--overlay: {tmp_path / 'missing'} is not a folder" in done.stderr
