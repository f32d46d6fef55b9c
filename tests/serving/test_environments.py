"""Which environments a page of the offer is for, by User-Agent and by name."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from helpers.programs import empty_cache, run
from helpers.servers import answering
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.simple_api import JSON_TYPE
from variant_backend._internal.selection.target import Target
from variant_backend._internal.serving.environments import (
    common_environments,
    environment_of_target,
    environments_named,
    environments_of_agent,
    older_environments,
    unknown_environments,
)
from variant_backend._internal.serving.respond import preferred_type
from variant_backend._internal.variants.ranking import TagPlaces

# The headers of tools, as they sent them; a tool's page about Linux and Python 3.11.7 with glibc 2.36.
RECORDED: Mapping[str, Mapping[str, str]] = json.loads(
    (Path(__file__).parents[1] / "data" / "user_agents.json").read_text("utf-8")
)
# The tools that install into the environment that they describe.
DESCRIBING = {
    *("pip 23.3.2", "pip 24.3.1", "pip 26.3", "pip 26.3, download --platform"),
    *("pip-compile 7.6.2", "pipenv 2026.10.3", "hatch", "uv pip install", "uv pip sync"),
}


def agent(tool: str = "pip/26.3", python: str = "3.12.4", **described: Any) -> str:
    """Return a header as pip and uv write it."""
    table = {
        "installer": {"name": tool.partition("/")[0], "version": "1", "subcommand": ["pip", "install"]},
        "python": python,
        "implementation": {"name": "CPython", "version": python},
        "cpu": "x86_64",
        **described,
    }
    return f"{tool} {json.dumps(table, separators=(',', ':'), sort_keys=True)}"


def linux(lib: str = "glibc", version: str = "2.36") -> dict[str, Any]:
    return {"system": {"name": "Linux"}, "distro": {"libc": {"lib": lib, "version": version}}}


def names(header: str) -> list[str]:
    return [slot.name for slot in environments_of_agent(header).asking]


@pytest.mark.parametrize("tool", RECORDED)
def test_only_tools_that_install_where_they_run_get_their_own_page(tool: str) -> None:
    expected = ["3.11.7-manylinux_2_36_x86_64"] if tool in DESCRIBING else []
    assert names(RECORDED[tool]["user-agent"]) == expected


@pytest.mark.parametrize("tool", RECORDED)
def test_all_tools_get_pages_as_json(tool: str) -> None:
    assert preferred_type(RECORDED[tool]["accept"]) == JSON_TYPE


# As in the sources of pip and uv: macOS has no libc, Windows has no distro, and PyPy has its own version.
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (agent(**linux("musl", "1.2"), tool="uv/0.13.9"), ["3.12.4-musllinux_1_2_x86_64"]),
        (agent(**linux("musl", "1.2"), cpu="aarch64"), ["3.12.4-musllinux_1_2_aarch64"]),
        (agent(**linux("glibc", "2.17"), cpu="armv7l"), ["3.12.4-manylinux_2_17_armv7l"]),
        (agent(**linux(), cpu="i686"), ["3.12.4-manylinux_2_36_i686"]),
        (agent(**linux(), cpu="armv8l"), []),
        (agent(**linux("libc", "1")), []),
        (agent(system={"name": "Linux"}), []),  # pip on musl
        (agent(system={"name": "Windows"}, cpu="AMD64"), ["3.12.4-win_amd64"]),
        (agent(system={"name": "Windows"}, cpu="ARM64"), ["3.12.4-win_arm64"]),
        (agent(system={"name": "Windows"}, cpu="x86"), ["3.12.4-win32"]),
        (
            agent(system={"name": "Darwin"}, distro={"name": "macOS", "version": "15.1.1"}, cpu="arm64"),
            ["3.12.4-macosx_15_0_arm64"],
        ),
        (
            agent(system={"name": "Darwin"}, distro={"name": "macOS", "version": "10.16"}),
            ["3.12.4-macosx_10_16_x86_64"],
        ),
        (
            agent(system={"name": "Darwin"}, distro={"name": "macOS", "version": "26.0"}, cpu="arm64"),
            ["3.12.4-macosx_26_0_arm64"],
        ),
        (agent(system={"name": "Darwin"}), []),
        (agent(system={"name": "FreeBSD"}, cpu="amd64"), []),
        (
            agent(**linux(), python="3.15.0a2"),
            ["3.15.0-manylinux_2_36_x86_64", "3.15.0t-manylinux_2_36_x86_64"],
        ),
        (
            agent(**linux(), python="3.14.0rc1+"),
            ["3.14.0-manylinux_2_36_x86_64", "3.14.0t-manylinux_2_36_x86_64"],
        ),
        (agent(**linux(), python="2.7.18"), []),
        (agent(**linux(), python="3.7.17"), []),
        (agent(**linux(), python="3.1000"), []),
        (agent(**linux(), implementation={"name": "PyPy", "version": "7.3.17"}), []),
        (agent(**linux(), implementation={"name": "GraalVM"}), []),
    ],
)
def test_the_described_system_is_that_of_the_page(header: str, expected: list[str]) -> None:
    assert names(header) == expected


def test_a_python_with_and_without_free_threading_describes_itself_alike() -> None:
    usual, free = environments_of_agent(agent(**linux(), python="3.13.1")).asking
    assert usual.fit("cp313-cp313-linux_x86_64", None) and not usual.fit("cp313-cp313t-linux_x86_64", None)
    assert free.fit("cp313-cp313t-linux_x86_64", None) and not free.fit("cp313-cp313-linux_x86_64", None)


def test_the_described_patch_release_decides_about_requires_python() -> None:
    (slot,) = environments_of_agent(agent(**linux(), python="3.12.4")).asking
    assert slot.fit("py3-none-any", ">=3.12.4")
    assert slot.fit("py3-none-any", None)
    assert slot.fit("py3-none-any", "invalid!")
    assert not slot.fit("py3-none-any", ">=3.12.5")


HOSTILE = [
    "",
    "pip/26.3",
    "pip/26.3 {}",
    "pip/26.3 {",
    "pip/26.3 []",
    "pip/26.3 null",
    'pip/26.3 {"python":["3.12"]}',
    f"pip/26.3 {'{' * 3000}{'}' * 3000}",
    f"pip/26.3 {'[' * 5000}",
    f'pip/26.3 {{"a":{"[" * 1800}{"]" * 1800}}}',
    agent(python=3.12),  # type: ignore[arg-type]  # a number, as a hostile client may send
    agent(**linux(), cpu="../x"),
    agent(**linux(), cpu={"x": 1}),
    agent(**linux("glibc", "9" * 50)),
    agent(**linux(), padding="x" * 5000),
    agent(tool="uv/0.13.9", **linux(), installer="uv"),
    "curl/8.0",
    "\0\xff",
]


@pytest.mark.parametrize("header", HOSTILE)
def test_an_unknown_or_hostile_header_gets_the_page_for_all(header: str) -> None:
    assert environments_of_agent(header) == unknown_environments()


@given(st.text())
def test_no_header_fails(text: str) -> None:
    assert environments_of_agent(text).others
    assert environments_of_agent(f"pip/26.3 {{{text}}}").others


@pytest.mark.parametrize(
    "text",
    ["", "3.12", "-", "3.12-", "-win32", "2.7-win32", "3.12-lunix", "3.11t-win32", "3.12-win32-x", "3.12-\0"],
)
def test_an_unknown_environment_is_an_error(text: str) -> None:
    with pytest.raises(VariantError, match="unknown"):
        environments_named(text)


def test_equal_environments_have_equal_keys_and_others_do_not() -> None:
    header = agent(**linux())
    environments = [
        unknown_environments(),
        environments_of_agent(header),
        environments_of_agent(agent(**linux(), python="3.12.5")),
        environments_named("3.12.4-manylinux_2_36_x86_64"),
        environments_named("3.12-manylinux_2_36_x86_64"),
    ]
    assert len({one.key for one in environments}) == len(environments)
    assert environments_of_agent(header) is environments_of_agent(header)
    assert [one.named for one in environments] == [False, False, False, True, True]


@pytest.mark.parametrize(
    "platform", ["manylinux_2_28_x86_64", "macosx_14_0_arm64", "win_amd64", "musllinux_1_2_x86_64"]
)
@pytest.mark.parametrize("python", ["3.10", "3.12", "3.13t", "3.15"])
def test_positions_are_in_the_order_of_the_tags(python: str, platform: str) -> None:
    target = Target.of(python, platform, running=Version("3.10"), tags=())
    places = TagPlaces(target.tags)
    (slot,) = environment_of_target(target).asking
    fits = [slot.fit(str(tag), None) for tag in target.tags]
    assert None not in fits
    assert [fit.place for fit in fits if fit] == sorted(fit.place for fit in fits if fit)
    for environment in (*common_environments(), *older_environments()):
        if environment.name == f"{python}-{platform}":
            assert [environment.fit(str(tag), None) for tag in target.tags] == fits
    for tags in ("py2.py3-none-any", f"cp39-abi3-{platform}.win32", "cp27-cp27mu-any", "foo-bar-baz"):
        assert (places.of(tags) is None) is (slot.fit(tags, None) is None)


def test_linux_tags_may_come_first_or_last() -> None:
    (slot,) = environments_named("3.12-manylinux_2_28_x86_64").asking
    linux, newest, oldest = (
        slot.fit(f"cp312-cp312-{name}_x86_64", None) for name in ("linux", "manylinux_2_28", "manylinux1")
    )
    assert linux and newest and oldest
    assert linux.earliest == newest.place < oldest.place < linux.place


@pytest.mark.slow
@pytest.mark.agreement
@pytest.mark.parametrize("command", [("pip", "install"), ("pip", "sync"), ("pip", "compile")])
def test_uv_names_its_subcommand(command: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("demo==1.0\n")
    option = ("-r",) if command[1] == "install" else ()
    headers = _sent_by(
        "uv", *command, *empty_cache(), "--no-config", *option, "requirements.txt", cwd=tmp_path
    )
    assert {bool(names(header)) for header in headers} == {command[1] != "compile"}


@pytest.mark.slow
@pytest.mark.agreement
def test_pip_describes_its_environment(tmp_path: Path) -> None:
    options = ("--isolated", "--no-cache-dir", "--disable-pip-version-check", "--target", tmp_path)
    headers = _sent_by("pip", "install", *options, "demo", cwd=tmp_path)
    assert headers
    assert all(map(names, headers))


def _sent_by(program: str, *arguments: object, cwd: Path) -> list[str]:
    """Return the User-Agent headers that a program sends to an index without projects."""
    sent: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers["User-Agent"])
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, answering(server):
        index = ("--index-url", f"http://127.0.0.1:{server.server_port}/simple/")
        run(program, *arguments, *index, cwd=cwd, ok=False, VIRTUAL_ENV=sys.prefix)
    return sent
