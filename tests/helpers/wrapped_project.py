"""A project with its wrapped backend in its own tree; its hooks are called as frontends call them."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
from pyproject_hooks import BuildBackendHookCaller

from helpers.made_wheels import make_wheel
from helpers.programs import run
from variant_backend import hooks
from variant_backend._internal.variants.metadata_reading import metadata_from_json

Settings = Mapping[str, object] | None
SMALL: Settings = {"variant": "small"}

PLAIN_NAME = "demo-1.0-py3-none-any.whl"
SMALL_NAME = "demo-1.0-py3-none-any-small.whl"
SDIST_NAME = "demo-1.0.tar.gz"
DIST_INFO = "demo-1.0.dist-info"
VARIANT_JSON = f"{DIST_INFO}/variant.json"

WRAPPING = """
[tool.variant-backend]
build-backend = "wrapped"
backend-path = ["backend"]
"""
VARIANT = """
[variant]
default-priorities.namespace = ["dictionary", "x86_64"]
[variant.providers.dictionary]
static-properties.size = ["large", "small"]
[variant.providers.x86_64]
requires = ["x86-64-variant-provider>=0.2,<0.3"]
[variant.variants]
small.dictionary.size = ["small"]
both.dictionary.size = ["large", "small"]
x86_64_v3.x86_64.level = ["v3"]
"""

# A backend that notes its calls, and returns the files in the project's folder ``ready``.
MANDATORY = """
import json, shutil
from pathlib import Path

def note(hook, config_settings, **more):
    with open("calls.jsonl", "a") as file:
        print(json.dumps({"hook": hook, "settings": config_settings, **more}), file=file)

def give(folder, pattern):
    (source,) = Path("ready").glob(pattern)
    return Path(shutil.copy(source, folder))

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    wheel = give(wheel_directory, "*.whl")
    note("build_wheel", config_settings, metadata=metadata_directory, inode=wheel.stat().st_ino)
    return wheel.name

def build_sdist(sdist_directory, config_settings=None):
    note("build_sdist", config_settings)
    return give(sdist_directory, "*.tar.gz").name
"""
EDITABLE = """
def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    note("build_editable", config_settings, metadata=metadata_directory)
    return give(wheel_directory, "*.whl").name
"""
REQUIRES = """
def get_requires_for_HOOK(config_settings=None):
    note("get_requires_for_HOOK", config_settings)
    return ["needed-to-HOOK"]
"""
PREPARE = """
def prepare_metadata_for_HOOK(metadata_directory, config_settings=None):
    note("prepare_metadata_for_HOOK", config_settings)
    folder = Path(metadata_directory, "demo-1.0.dist-info")
    folder.mkdir(exist_ok=True)
    folder.joinpath("METADATA").touch()
    return folder.name
"""
OPTIONAL = {
    "build_editable": EDITABLE,
    "get_requires_for_build_wheel": REQUIRES.replace("HOOK", "build_wheel"),
    "get_requires_for_build_editable": REQUIRES.replace("HOOK", "build_editable"),
    "get_requires_for_build_sdist": REQUIRES.replace("HOOK", "build_sdist"),
    "prepare_metadata_for_build_wheel": PREPARE.replace("HOOK", "build_wheel"),
    "prepare_metadata_for_build_editable": PREPARE.replace("HOOK", "build_editable"),
    "UnsupportedOperation": "class UnsupportedOperation(Exception): pass\n",
}
COMPLETE = "".join([MANDATORY, *OPTIONAL.values()])

REQUIRES_HOOKS = [name for name in OPTIONAL if name.startswith("get_requires")]
PREPARE_HOOKS = [name for name in OPTIONAL if name.startswith("prepare_metadata")]
ALL_HOOKS = ["build_wheel", "build_sdist", "build_editable", *REQUIRES_HOOKS, *PREPARE_HOOKS]


class BuildError(Exception):
    """The process of a hook ended with an exit code other than 0."""

    def __init__(self, result: subprocess.CompletedProcess[str]) -> None:
        super().__init__(result.stderr)
        self.code = result.returncode
        self.lines = result.stderr.splitlines()


class Project:
    """A project with its wrapped backend in its own tree; results are written to ``dist``."""

    def __init__(self, root: Path, backend: str = COMPLETE, toml: str = WRAPPING + VARIANT) -> None:
        self.root = root
        self.dist = root / "dist"
        self.said: list[str] = []
        for folder in (self.dist, root / "backend"):
            folder.mkdir(parents=True)
        make_wheel(root / "ready")
        (root / "ready" / SDIST_NAME).write_bytes(gzip.compress(b"an sdist", mtime=0))
        (root / "pyproject.toml").write_text(toml, encoding="utf-8")
        self.wrap(backend)

    def wrap(self, backend: str, module: str = "wrapped") -> None:
        """Write the wrapped backend."""
        (self.root / f"backend/{module}.py").write_text(backend, encoding="utf-8")

    def call(self, hook: str, settings: Settings = None, into: Path | None = None, epoch: str = "") -> Any:
        """Call a hook as `build` and pip do: in a process of its own, with their fallbacks."""

        def runner(
            cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
        ) -> None:
            environment = {**(extra_environ or {}), "SOURCE_DATE_EPOCH": epoch}
            result = run(*cmd, cwd=Path(cwd or "."), ok=False, **environment)
            self.said = result.stderr.splitlines()
            if result.returncode:
                raise BuildError(result)

        frontend = BuildBackendHookCaller(str(self.root), "variant_backend.hooks", runner=runner)
        method = getattr(frontend, hook)
        return method(settings) if hook in REQUIRES_HOOKS else method(str(into or self.dist), settings)

    def call_here(self, hook: str, settings: Settings = None, into: Path | None = None) -> Any:
        """Call a hook in this process, which is faster, and note its messages."""
        sys.modules.pop("wrapped", None)  # of another project
        with pytest.MonkeyPatch.context() as patch, redirect_stderr(io.StringIO()) as said:
            patch.chdir(self.root)
            patch.setattr(sys, "meta_path", [*sys.meta_path])  # the hooks put backend-path in front
            try:
                method = getattr(hooks, hook)
                return (
                    method(settings) if hook in REQUIRES_HOOKS else method(str(into or self.dist), settings)
                )
            finally:
                # The output of the tests' plugins is forwarded.
                self.said = [line for line in said.getvalue().splitlines() if line != "asked"]

    def build(self, settings: Settings = SMALL, epoch: str = "") -> Path:
        """Build a wheel."""
        return self.dist / str(self.call("build_wheel", settings, epoch=epoch))

    def run(self, script: str, *arguments: str) -> str:
        """Run Python code that can call the hooks, and return its output."""
        code = f"from variant_backend import hooks\n{script}"
        return run(sys.executable, "-c", code, *arguments, cwd=self.root).stdout

    def refusal(self, hook: str = "build_wheel", settings: Settings = None) -> str:
        """Call a hook in this process; it must end with one clear line, which is returned."""
        with pytest.raises(SystemExit) as ending:
            self.call_here(hook, settings, Path("dist"))
        assert ending.value.code == 1
        return only_error(self.said)

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls of the wrapped backend."""
        lines = (self.root / "calls.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def built(self) -> list[str]:
        """Return the names of the files in ``dist``."""
        return sorted(path.name for path in self.dist.iterdir())


def only_error(lines: list[str]) -> str:
    """Return the only line, without the start that all errors have."""
    (line,) = lines
    start = "variant-backend: error: "
    assert line.startswith(start)
    return line.removeprefix(start)


def label_and_properties(data: bytes) -> tuple[str, list[str]]:
    (variant,) = metadata_from_json(data, "variant.json").variants.values()
    return variant.label, sorted(map(str, variant.properties))
