"""`retire` makes the last wheels of old projects, and its commands upgrade environments."""

from __future__ import annotations

import json
import re
import shlex
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from helpers.made_wheels import METADATA, make_wheel
from helpers.programs import empty_cache, run, run_here

from variant_backend._internal.cli.main import main

OLD = "cupy_cuda12x-14.0-py3-none-any.whl"
EXTRAS = "Provides-Extra: all\nProvides-Extra: Test_Tools\nRequires-Dist: helper; extra == 'all'\n"
HEAD = f"Requires-Python: >=3.8\n{EXTRAS}"
FILES = {"cupy/__init__.py": b"version = 14\n", "cupy/core.py": b"new\n", "cupy/added.py": b"new\n"}
OLD_FILES = {"cupy/__init__.py": b"version = 13\n", "cupy/core.py": b"old\n", "cupy/gone.py": b"old\n"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def metadata(head: str) -> str:
    return METADATA.replace("Summary", f"{head}Summary")


def new_wheel(version: str = "14.0", head: str = HEAD) -> Path:
    return make_wheel(Path("dist"), "cupy", version, files=FILES, metadata=metadata(head))


def retire(*arguments: object, ok: bool = True) -> Result:
    return run_here(main, "retire", *arguments, ok=ok)


def member(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (path for path in archive.namelist() if path.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()


def test_the_wheel_requires_the_new_project_and_hands_on_its_extras() -> None:
    result = retire("cupy-cuda12x", new_wheel())
    assert result.stdout == f"dist/{OLD}\n".replace("/", "\\" if sys.platform == "win32" else "/")
    fields = member(Path("dist", OLD), "METADATA").partition("\n\n")[0].splitlines()
    assert fields == [
        "Metadata-Version: 2.1",
        "Name: cupy-cuda12x",
        "Version: 14.0",
        "Summary: Replaced by cupy: install cupy instead",
        "Classifier: Development Status :: 7 - Inactive",
        "Description-Content-Type: text/plain",
        "Requires-Python: >=3.8",
        "Requires-Dist: cupy==14.0",
        "Provides-Extra: all",
        'Requires-Dist: cupy[all]==14.0 ; extra == "all"',
        "Provides-Extra: Test_Tools",
        'Requires-Dist: cupy[Test_Tools]==14.0 ; extra == "Test_Tools"',
    ]


def test_indexes_and_check_accept_the_wheel() -> None:
    retire("cupy-cuda12x", new_wheel())
    assert Path("dist", OLD).stat().st_size < 2000
    run_here(main, "check", f"dist/{OLD}", "--select", "format,installers,upload")
    run("twine", "check", "--strict", f"dist/{OLD}")


def test_several_projects_are_retired_with_one_command() -> None:
    wheel = new_wheel()
    first, second = retire("cupy-cuda11x", "cupy_cuda12x", wheel, "-o", "out").stdout.splitlines()
    assert [Path(first).name, Path(second).name] == ["cupy_cuda11x-14.0-py3-none-any.whl", OLD]
    before = Path(second).read_bytes()
    assert retire("cupy_cuda12x", wheel, "-o", "out", ok=False).exit_code == 1
    retire("cupy_cuda12x", wheel, "-o", "out", "--force")
    assert Path(second).read_bytes() == before


def test_a_dry_run_writes_nothing() -> None:
    retire("cupy-cuda12x", new_wheel(), "--dry-run")
    assert not Path("dist", OLD).exists()


@pytest.mark.parametrize(
    ("old", "code", "text"),
    [
        ("CuPy", 2, "'CuPy', which is the project of the wheel; name the project that it replaces"),
        ("dist/x.whl", 2, "invalid project name 'dist/x.whl'"),
        ("Helper", 1, "cupy requires Helper, which would require cupy; remove that requirement"),
    ],
)
def test_a_wrong_old_project_is_an_error(old: str, code: int, text: str) -> None:
    result = retire("cupy-cuda12x", old, new_wheel(), ok=False)
    assert (result.exit_code, text in result.stderr) == (code, True), result.stderr
    assert not Path("dist", OLD).exists()


def test_an_invalid_requires_python_is_left_out() -> None:
    """Indexes refuse it, and some readers would take a line separator for the end of the field."""
    retire("cupy-cuda12x", new_wheel(head="Requires-Python: >=3.8\x0bRequires-Dist: helper\n"))
    assert not re.search("Python|helper", member(Path("dist", OLD), "METADATA"))


def test_a_retired_project_replaces_no_other_one() -> None:
    retire("cupy-cuda12x", new_wheel())
    result = retire("cupy-cuda11x", Path("dist", OLD), ok=False)
    assert result.exit_code == 1
    assert "the wheel has no files, and only requires cupy; name the wheel of cupy" in result.stderr


def test_the_local_version_is_left_out() -> None:
    result = retire("cupy-cuda12x", new_wheel("14.0+cu12"))
    assert "+cu12 is left out, because public indexes refuse it" in result.stderr
    assert "Requires-Dist: cupy==14.0\n" in member(Path("dist", OLD), "METADATA")


def test_json_has_the_commands_that_are_printed() -> None:
    wheel = new_wheel()
    document = json.loads(retire("cupy-cuda12x", wheel, "--json").stdout)
    printed = retire("cupy-cuda12x", wheel, "--force").stderr
    lines = [line for key in document["upgrade"].values() for line in key] + [document["repair"]["pip"]]
    assert [shlex.split(line) for line in re.findall("(?m)^  (.*)$", printed)] == lines


# What people do with an environment that has the old project with files, and what is right afterwards.


def contents(environment: Path) -> Mapping[str, bytes]:
    (folder,) = environment.glob("[Ll]ib/**/site-packages/cupy")
    return {f"cupy/{path.name}": path.read_bytes() for path in folder.glob("*.py")}


class Upgraded:
    """An environment with the old project, and a tool that changes it."""

    def __init__(self, tool: str) -> None:
        make_wheel(Path("dist"), "cupy_cuda12x", "13.0", files=OLD_FILES)
        wheel = new_wheel()
        make_wheel(Path("dist"), "helper")
        make_wheel(Path("dist"), "user", metadata=metadata("Requires-Dist: cupy-cuda12x[all]\n"))
        self.printed = retire("cupy-cuda12x", wheel).stderr
        self.environment = Path("env").absolute()
        self.tool = tool
        self.cache = empty_cache()[1]
        run("uv", "venv", "--quiet", "--python", sys.executable, self.environment, UV_CACHE_DIR=self.cache)
        if tool != "uv":
            run("uv", "venv", "--quiet", "--python", sys.executable, "tool", UV_CACHE_DIR=self.cache)
            run("uv", "pip", "install", "--quiet", "--python", "tool", f"pip=={tool}.*")
        self.start([*self.words, "install", "user", "cupy-cuda12x==13.0"])

    @property
    def words(self) -> list[str]:
        return ["uv", "pip"] if self.tool == "uv" else ["pip"]

    def start(self, command: list[str]) -> None:
        """Run a command as in the activated environment, from the folder of wheels."""
        source = str(Path("dist").absolute())
        Path("uv.toml").write_text(f"no-index = true\nfind-links = [{source!r}]\n")
        variables: dict[str, Any] = {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": source,
            "UV_CONFIG_FILE": "uv.toml",
        }
        if command[0] == "pip":
            folder = Path("tool", "Scripts" if sys.platform == "win32" else "bin")
            command = [str(folder / "python"), "-m", "pip", "--python", str(self.environment), *command[1:]]
        run(*command, VIRTUAL_ENV=str(self.environment), **variables, UV_CACHE_DIR=self.cache)

    def commands(self) -> list[list[str]]:
        """Return the printed commands for the tool: two that upgrade, and for pip the one that repairs."""
        lines = map(shlex.split, re.findall("(?m)^  (.*)$", self.printed))
        return [words for words in lines if words[: len(self.words)] == self.words]

    def check(self, *, ok: bool = True) -> str:
        return run_here(main, "installed", "--interpreter", self.environment, "--check", ok=ok).stderr


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["23", "26", "uv"])
def test_the_printed_commands_upgrade_an_environment(tool: str) -> None:
    upgraded = Upgraded(tool)
    for command in upgraded.commands()[:2]:
        upgraded.start(command)
    assert contents(upgraded.environment) == FILES
    upgraded.check()
    upgraded.start([*upgraded.words, "install", "user"])
    upgraded.start([*upgraded.words, "check"])
    upgraded.check()


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["23", "26"])
def test_the_printed_command_repairs_an_upgrade_by_pip(tool: str) -> None:
    upgraded = Upgraded(tool)
    upgraded.start(["pip", "install", "--upgrade", "cupy-cuda12x"])
    assert "RECORD lists 'cupy/__init__.py' and 1 more" in upgraded.check(ok=False)
    upgraded.start(upgraded.commands()[2])
    assert contents(upgraded.environment) == FILES
    upgraded.check()


@pytest.mark.slow
def test_uv_upgrades_an_environment_with_one_command() -> None:
    upgraded = Upgraded("uv")
    upgraded.start(["uv", "pip", "install", "--upgrade", "cupy-cuda12x"])
    assert contents(upgraded.environment) == FILES
    upgraded.check()
