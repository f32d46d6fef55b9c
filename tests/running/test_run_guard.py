"""`run` refuses what would go around the offer; the commands that it starts change no tracked file."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.made_wheels import make_wheel
from helpers.offers import label_in, make_variants
from helpers.programs import run, run_here
from helpers.servers import served

from variant_backend._internal.cli.main import main
from variant_backend._internal.running.command import read_command
from variant_backend._internal.running.guard import refusals

CUDA = "nvidia :: cuda_version_lower_bound :: 12.8"
RUN = ("variant-backend", "run", "--machine", "cuda:12.8")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("index")
    make_variants(folder, "torchy", {"cu128": [CUDA], None: []})
    make_variants(folder, "plainy", {None: []})
    run_here(main, "index", "--simple", folder)
    with served(folder) as url:
        yield f"{url}simple/"


def home(folder: Path) -> dict[str, Any]:
    return {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}


@pytest.mark.slow
def test_the_remedy_for_an_explicit_source_installs_the_variant(
    index: str, decoy: str, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\ndependencies = ["torchy"]\n'
        f'[[tool.uv.index]]\nname = "corp"\nurl = "{decoy}"\nexplicit = true\n'
        '[tool.uv.sources]\ntorchy = { index = "corp" }\n'
    )
    install = ("uv", "pip", "install", "--target", tmp_path / "target", "-r", "pyproject.toml")
    command = (*RUN, "--index-url", index, *install)
    refused = run(*command, cwd=tmp_path, ok=False, **home(tmp_path))
    assert (refused.returncode, refused.stderr.strip()) == (
        1,
        "error: pyproject.toml:10: uv would take torchy from the index 'corp', not from the offer; "
        "add --no-sources-package torchy",
    )
    run(*command, "--no-sources-package", "torchy", cwd=tmp_path, **home(tmp_path))
    assert label_in(tmp_path / "target", "torchy") == "cu128"


@pytest.mark.slow
def test_the_remedy_for_a_source_in_a_file_installs_the_variant(
    index: str, decoy: str, tmp_path: Path
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(f"torchy\n--index-url {index}\n")
    install = ("pip", "install", "--no-cache-dir", "--target", tmp_path / "target", "-r", file.name)
    refused = run(*RUN, "--index-url", decoy, *install, cwd=tmp_path, ok=False, **home(tmp_path))
    assert refused.stderr.strip() == (
        f"error: requirements.txt:2: names {index}, not the offer; "
        f"remove it, and name all sources: variant-backend run --index-url {index} COMMAND"
    )
    file.write_text("torchy\n")
    run(*RUN, "--index-url", index, *install, cwd=tmp_path, **home(tmp_path))
    assert label_in(tmp_path / "target", "torchy") == "cu128"


@pytest.mark.slow
@pytest.mark.agreement
@pytest.mark.parametrize(
    "line",
    [
        "uv pip install --index {decoy} torchy",
        "uv pip install -r links.txt",
        "uv pip install -r pyproject.toml",
        "pip download --no-deps --extra {decoy} torchy",
        "pip download --no-deps -c constraints.txt torchy",
    ],
)
def test_refused_commands_would_go_around(line: str, index: str, decoy: str, tmp_path: Path) -> None:
    (wheel := tmp_path / "wheels").mkdir()
    make_wheel(wheel, "torchy", "9.0")
    (tmp_path / "links.txt").write_text("-f wheels\ntorchy\n")
    (tmp_path / "constraints.txt").write_text(f"-i {decoy}\n")
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\ndependencies = ["torchy"]\n[tool.uv]\n'
        f'index = [{{ name = "corp", url = "{decoy}", explicit = true }}]\n'
        'sources.torchy.index = "corp"\n'
    )
    command = shlex.split(line.format(decoy=decoy))
    sources: dict[str, Any] = dict.fromkeys(
        ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_DEFAULT_INDEX"), index
    )
    options = ["--dry-run", "--target", "target"] if command[0] == "uv" else ["--no-cache-dir"]
    done = run(*command, *options, cwd=tmp_path, **sources, **home(tmp_path))
    assert "torchy==9.0" in done.stderr or [*tmp_path.glob("torchy-9.0-*.whl")]
    assert refusals(read_command(command), tmp_path, {})


@pytest.mark.slow
def test_a_lock_that_a_script_writes_is_an_error(index: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["torchy"]\n'
    )
    script = "import subprocess; subprocess.run(['uv', 'lock', '-q'], check=True)"
    command = (*RUN, "--index-url", index, sys.executable, "-c", script)
    done = run(*command, cwd=tmp_path, ok=False, **home(tmp_path))
    assert done.returncode == 1
    assert (
        "error: uv.lock: the command wrote this lock file, which names the offer of this run" in done.stderr
    )


@pytest.mark.slow
def test_supported_commands_change_no_tracked_file(index: str, tmp_path: Path) -> None:
    _make_project(tmp_path, index)
    environ = {
        **home(tmp_path.parent),
        **{"PDM_CHECK_UPDATE": "0", "PIPENV_VENV_IN_PROJECT": "1", "PIPENV_NOSPIN": "1", "PIPENV_YES": "1"},
    }
    for line, code in {
        "uv pip install --target target -r requirements.txt": 0,
        "uv pip compile pyproject.toml": 0,
        "uv run --isolated python -c pass": 0,
        "uv sync --dry-run": 0,
        "uv export --frozen": 0,
        "uv lock --check": 1,
        "pip install --no-deps --target other torchy": 0,
        "pdm install --frozen-lockfile --no-self": 0,
        "pdm lock --check": 0,
        "pipenv install --skip-lock": 0,
    }.items():
        done = run(*RUN, "--index-url", index, *shlex.split(line), cwd=tmp_path, ok=False, **environ)
        assert done.returncode == code, (line, done.stderr)
        assert _git(tmp_path, "status", "--porcelain", "--untracked-files=no") == "", line
    assert label_in(tmp_path / "target", "torchy") == label_in(tmp_path / "other", "torchy") == "cu128"


def _make_project(folder: Path, index: str) -> None:
    """Write a project in a repository, with the lock files of several tools."""
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["plainy"]\n'
        "[tool.uv]\npackage = false\n[tool.pdm]\ndistribution = false\n"
    )
    (folder / "requirements.txt").write_text("torchy\n")
    source = {"name": "pypi", "url": "https://pypi.org/simple", "verify_ssl": True}
    pipfile = "".join(f"{key} = {json.dumps(value)}\n" for key, value in source.items())
    (folder / "Pipfile").write_text(f'[[source]]\n{pipfile}[packages]\nplainy = "*"\n')
    locked = {
        "_meta": {"hash": {"sha256": "0" * 64}, "pipfile-spec": 6, "requires": {}, "sources": [source]},
        "default": {"plainy": {"hashes": [f"sha256:{'0' * 64}"], "version": "==1.0"}},
        "develop": {},
    }
    (folder / "Pipfile.lock").write_text(json.dumps(locked, indent=4) + "\n")
    environ: dict[str, Any] = {**home(folder.parent), "PDM_PYPI_URL": index, "UV_DEFAULT_INDEX": index}
    run("uv", "lock", cwd=folder, **environ)
    run("pdm", "lock", cwd=folder, **environ)
    _git(folder, "init", "--quiet")
    _git(
        folder, "add", "pyproject.toml", "requirements.txt", "Pipfile", "Pipfile.lock", "uv.lock", "pdm.lock"
    )
    _git(folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "start")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout
