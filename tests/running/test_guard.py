"""No command goes around the offer in silence; none that may write a lock starts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from variant_backend._internal.running.command import read_command
from variant_backend._internal.running.guard import check_start, refusals
from variant_backend._internal.running.project_sources import replaced_indexes

URL = "https://example.org/simple"


def refused(
    line: str, folder: Path, files: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """Return place and remedy of each problem."""
    for name, text in (files or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    problems = refusals(read_command(shlex.split(line)), folder, {**(environ or {}), "HOME": str(folder)})
    assert all(problem.remedy for problem in problems)
    return [
        (problem.place.removeprefix(str(folder)).lstrip("/\\").replace("\\", "/"), str(problem.remedy))
        for problem in problems
    ]


def places(*arguments: object) -> list[str]:
    return [place for place, _ in refused(*arguments)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"pip install -i {URL} demo", ["pip -i"]),
        (f"python3.12 -m pip install --index-url={URL} demo", ["pip --index-url"]),
        (f"pip install --extra {URL} --pypi-url {URL} demo", ["pip --extra-index-url", "pip --pypi-url"]),
        ("pip install -qf../wheels --no-index demo", ["pip -f", "pip --no-index"]),
        ("pip --isolated install demo", ["pip --isolated"]),
        ("pip install --proxy proxy.example.org:8080 demo", ["pip --proxy"]),
        ("pip-sync --pip-args '-q -i https://example.org'", ["pip -i"]),
        (f"uv pip install --index a={URL} --default-index {URL} demo", ["uv --index", "uv --default-index"]),
        (f"uv pip install --extra-index-url {URL} -f wheels x", ["uv --extra-index-url", "uv -f"]),
        ("uv pip install --torch-backend auto torch", ["uv --torch-backend"]),
        ("uv pip install --config-file uv.toml demo", ["uv --config-file"]),
        ("pdm -c pdm.toml sync", ["pdm -c"]),
        (f"pipenv install --skip-lock --ind={URL}", ["pipenv --index"]),
        (f"pipenv install --skip-lock --extra-pip-args='--extra-index-url {URL}'", ["pip --extra-index-url"]),
        (f"uv run --no-project pip install -i {URL} demo", ["pip -i"]),
        (f"pipenv run pip install -i {URL} demo", ["pip -i"]),
        (f"uv run --isolated -m pip install -i {URL} demo", ["pip -i"]),
        (f"env A=1 nice -n 5 pip install -i {URL} demo", ["pip -i"]),
        (f"bash -ec 'cd x && A=1 pip install -i {URL} demo; ls'", ["pip -i"]),
        (f"sh -c 'PIP_INDEX_URL={URL} pip install demo'", ["sh"]),
        (f"cmd.exe /c pip install -i {URL} demo", ["pip -i"]),
        ("sudo pip install demo", ["sudo"]),
    ],
)
def test_options_that_name_a_source_are_refused(line: str, expected: list[str], tmp_path: Path) -> None:
    assert places(line, tmp_path) == expected


@pytest.mark.parametrize(
    "line",
    [
        "pip install --trusted-host example.org --retries 2 demo",
        "pip install -r requirements.txt",
        "uv pip install --no-config --isolated demo",
        f"uvx --from demo tool -i {URL}",
        f"uv run --isolated tool --index-url {URL}",
        "some-program --index-url https://example.org",
        "sudo -E pip install demo",
        "bash -c 'curl -f https://example.org'",
        "pip install 'demo @ https://example.org/demo-1.0-py3-none-any.whl'",
    ],
)
def test_other_options_are_allowed(line: str, tmp_path: Path) -> None:
    assert places(line, tmp_path) == []


def test_a_remedy_names_the_source_without_its_password(tmp_path: Path) -> None:
    ((_, remedy),) = refused("pip install -i https://me:secret@example.org/simple demo", tmp_path)
    assert remedy == (
        "remove it, and name all sources: variant-backend run --index-url https://example.org/simple COMMAND"
    )


def test_requirements_files_are_read_with_those_that_they_name(tmp_path: Path) -> None:
    files = {
        "requirements.txt": f"# -i {URL}\n-r more/a.txt\ndemo  # -i {URL}\n--find-links \\\n  wheels\n",
        "more/a.txt": f"--pre -c b.txt\n--extra-index-url {URL}\n",
        "more/b.txt": f"-r ../requirements.txt\n\n-i{URL}\n",
    }
    for line in ("pip install -r requirements.txt", "uv pip sync requirements.txt", "pip-sync"):
        assert places(line, tmp_path, files) == ["requirements.txt:4", "more/a.txt:2", "more/b.txt:3"]


@pytest.mark.parametrize(
    ("line", "variable"),
    [
        ("pip install demo", "PIP_CONSTRAINT"),
        ("uv pip install demo", "UV_OVERRIDE"),
        ("tox", "UV_CONSTRAINT"),
    ],
)
def test_files_that_variables_name_are_read(line: str, variable: str, tmp_path: Path) -> None:
    path = tmp_path / "c.txt"
    assert places(line, tmp_path, {"c.txt": f"-f {URL}\n"}, {variable: str(path)}) == ["c.txt:1"]


PROJECT = """\
[project]
name = "app"
[tool.uv.sources]
plain = { path = "plain" }
demo = [{ index = "corp", marker = "sys_platform == 'linux'" }]
"""


@pytest.mark.parametrize(
    "line", ["uv pip install .", "uv pip install -e .", "uv pip install -r pyproject.toml", "uv build"]
)
def test_explicit_sources_of_uv_are_refused(line: str, tmp_path: Path) -> None:
    ((place, remedy),) = refused(line, tmp_path, {"pyproject.toml": PROJECT})
    assert (place, remedy) == ("pyproject.toml:5", "add --no-sources-package demo")
    assert places(f"{line} --no-sources-package demo", tmp_path) == []
    assert places(line, tmp_path, {}, {"UV_NO_SOURCES": "1"}) == []


@pytest.mark.parametrize(
    "line",
    [
        "uv pip install -r r.txt",
        "uv pip install 'app @ ./sub'",
        "uv pip install --group sub/pyproject.toml:dev",
        "uv pip install -e member",
        "uv build --all-packages",
        "uv build sub",
        "uvx --from ./sub[x] app",
        "uv run --no-project --with other,./sub app",
    ],
)
def test_explicit_sources_of_other_projects_are_refused(line: str, tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.uv.workspace]\nmembers = ['s*', 'member']\n",
        "member/pyproject.toml": "[tool.uv.sources]\na = { path = '../sub' }\n",
        "sub/pyproject.toml": PROJECT,
        "demo/pyproject.toml": PROJECT,
        "r.txt": "-e ./sub\n",
    }
    assert places(line, tmp_path, files) == ["sub/pyproject.toml:5"]
    assert places("uv pip install demo", tmp_path) == []


def test_explicit_sources_of_a_workspace_are_refused(tmp_path: Path) -> None:
    files = {"pyproject.toml": f"{PROJECT}[tool.uv.workspace]\nmembers = ['m']\n", "m/pyproject.toml": ""}
    assert places("uv pip install ./m", tmp_path, files) == ["pyproject.toml:5"]


def test_explicit_sources_are_replaced_for_uv_in_other_tools(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    offer = "http://127.0.0.1:20000/simple"
    assert replaced_indexes(read_command(["tox"]), tmp_path, offer) == {"UV_INDEX": f"{offer} corp={offer}"}
    assert replaced_indexes(read_command(["uv", "build"]), tmp_path, offer) == {}


def test_options_for_folders_of_uv_are_obeyed(tmp_path: Path) -> None:
    files = {"a/pyproject.toml": PROJECT, "a/r.txt": f"-i {URL}\n"}
    assert places("uv --directory a pip install .", tmp_path, files) == ["a/pyproject.toml:5"]
    assert places("uv build --project a", tmp_path) == ["a/pyproject.toml:5"]
    assert places("uv --directory a pip install -r r.txt", tmp_path) == ["a/r.txt:1"]
    url = (tmp_path / "a" / "r.txt").as_uri()
    assert places(f"pip install -r {url}", tmp_path) == ["a/r.txt:1"]
    assert places("pip install -r b.txt", tmp_path, {"b.txt": f"-r {url}"}) == ["a/r.txt:1"]


def test_sources_of_a_script_are_refused(tmp_path: Path) -> None:
    block = '# /// script\n# dependencies = ["demo"]\n# [tool.uv]\n# find-links = ["wheels"]\n# ///\n'
    assert places("uv run s.py", tmp_path, {"s.py": block, "s.py.lock": ""}) == ["s.py:4", "s.py.lock"]
    assert places("uv run --script s", tmp_path, {"s": block}) == ["s:4"]


def test_sources_of_pip_tools_are_refused(tmp_path: Path) -> None:
    text = f'[tool.pip-tools]\nextra-index-url = ["{URL}"]\n[tool.pip-tools.sync]\npip-args = "-q -f {URL}"\n'
    assert places("pip-sync", tmp_path, {"pyproject.toml": text}) == ["pyproject.toml:2", "pyproject.toml:4"]
    assert places("pip-sync --config a.toml", tmp_path, {"a.toml": text}) == ["a.toml:2", "a.toml:4"]


@pytest.mark.parametrize("line", ["uv pip sync pylock.toml", "pip install -r pylock.a.toml"])
def test_urls_in_a_pylock_file_are_refused(line: str, tmp_path: Path) -> None:
    name = line.split()[-1]
    assert places(line, tmp_path, {name: 'wheels = [{ url = "https://example.org" }]\n'}) == [name]
    assert places(line, tmp_path, {name: 'wheels = [{ path = "a.whl" }]\n'}) == []


def test_sources_of_pdm_are_refused(tmp_path: Path) -> None:
    text = f'[project]\nname = "app"\n[[tool.pdm.source]]\nname = "corp"\nurl = "{URL}"\n'
    settings = f'[pypi]\nurl = "{URL}"\n[pypi.extra]\nurl = "{URL}"\n'
    files = {"pyproject.toml": text, "pdm.toml": settings}
    assert places("pdm sync", tmp_path, files) == ["pdm.toml:3", "pyproject.toml:4"]


def test_urls_in_a_lock_of_pdm_are_refused(tmp_path: Path) -> None:
    text = (
        '[[package]]\nname = "demo"\nfiles = [{{ {} = "https://example.org/demo-1.0-py3-none-any.whl" }}]\n'
    )
    assert places("pdm sync", tmp_path, {"pdm.lock": text.format("url")}) == ["pdm.lock"]
    assert places("pdm sync", tmp_path, {"pdm.lock": text.format("file")}) == []


def test_packages_with_a_url_of_their_own_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r.txt").write_text(
        "other\ndemo[x] @ https://me:secret@example.org/demo-1.0.zip ; python_version > '3'\n"
    )
    printed: list[str] = []
    monkeypatch.setattr("variant_backend._internal.running.guard.print_detail", printed.append)
    check_start(read_command(["pip", "install", "-r", "r.txt"]), tmp_path, {})
    assert printed == [
        f"{tmp_path / 'r.txt'}:2: demo comes from https://example.org/demo-1.0.zip, not from the offer"
    ]


def test_only_used_sources_of_a_pipfile_are_refused(tmp_path: Path) -> None:
    first = '[[source]]\nname = "pypi"\nurl = "https://pypi.org/simple"\n'
    second = f'[[source]]\nname = "corp"\nurl = "{URL}"\n'
    line = "pipenv install --skip-lock"
    assert places(line, tmp_path, {"Pipfile": f"{first}{second}"}) == []
    assert places(line, tmp_path, {"Pipfile": f"{second}{first}"}) == ["Pipfile:3"]
    used = f'{first}{second}[packages]\ndemo = {{ index = "corp" }}\n'
    assert places(line, tmp_path, {"Pipfile": used}) == ["Pipfile:6"]


@pytest.mark.parametrize(
    ("line", "name", "text"),
    [
        ("tox", "tox.ini", f"[testenv]\nset_env =\n    PIP_INDEX_URL = {URL}\n"),
        ("tox", "tox.ini", f"[testenv]\n# -i {URL}\ninstall_command = pip install -i {URL} {{packages}}\n"),
        ("tox", "tox.ini", f"[testenv]\ndeps =\n    --extra-index-url {URL}\n"),
        ("tox", "tox.ini", "[testenv]\n\ndisallow_pass_env = PIP_*, UV_*\n"),
        ("tox", "tox.toml", f'[env_run_base]\n\nset_env.UV_INDEX = "{URL}"\n'),
        ("tox", "pyproject.toml", f'[tool.tox]\n\nenv_run_base.deps = ["-i {URL}"]\n'),
        ("nox", "noxfile.py", f'def a(session):\n\n    session.install("demo", "--index-url", "{URL}")\n'),
        ("nox", "noxfile.py", f'def a(s):\n\n    s.env["PIP_EXTRA_INDEX_URL"] = "{URL}"\n'),
        ("tox", "tox.toml", f'[env_run_base]\n\nset_env = {{ UV_INDEX = "{URL}" }}\n'),
        ("tox -c sub", "sub/tox.ini", f"[testenv]\n\nset_env = PIP_INDEX_URL={URL}\n"),
        ("pdm run x", "pyproject.toml", f'[tool.pdm.scripts]\n\nx = "pip install -i {URL} x"\n'),
        ("pipenv sync", ".env", f"# A=1\nA=2\nPIPENV_PYPI_MIRROR={URL}\n"),
        ("hatch run x", "hatch.toml", f'[envs.a.env-vars]\n\nUV_DEFAULT_INDEX = "{URL}"\n'),
        ("hatch test", "pyproject.toml", '[tool.hatch.envs.a]\n\nscripts.a = "pip install --no-index x"\n'),
    ],
)
def test_files_of_tools_that_start_installers_are_read(
    line: str, name: str, text: str, tmp_path: Path
) -> None:
    assert places(line, tmp_path, {name: text}) == [f"{name}:3"]


@pytest.mark.parametrize(
    "text",
    [
        "[testenv]\nset_env =\n    PIP_INDEX_URL = {env:PIP_INDEX_URL:https://example.org}\n",
        "[testenv]\ncommands =\n    rm -f x\n    python --isolated -i\n",
    ],
)
def test_variables_from_outside_are_allowed(text: str, tmp_path: Path) -> None:
    assert places("tox", tmp_path, {"tox.ini": text}) == []


def test_variables_for_tox_are_read(tmp_path: Path) -> None:
    value = f"testenv.set_env=PIP_INDEX_URL={URL}"
    assert places(f"tox -x {value}", tmp_path) == ["tox --override"]
    assert places("tox", tmp_path, {}, {"TOX_OVERRIDE": value}) == ["TOX_OVERRIDE"]
    files = {"tox.ini": "[testenv]\nset_env = file|{toxinidir}/a.env\n", "a.env": f"A=1\nUV_INDEX={URL}\n"}
    assert places("tox", tmp_path, files) == ["a.env:2"]


def test_requirements_of_tox_are_read(tmp_path: Path) -> None:
    files = {
        "tox.ini": "[testenv]\ndeps =\n    -r{toxinidir}/more/a.txt\n",
        "more/a.txt": f"demo\n-i {URL}\n",
    }
    assert places("tox", tmp_path, files) == ["more/a.txt:2"]


def test_a_variable_for_torch_is_refused(tmp_path: Path) -> None:
    environ = {"UV_TORCH_BACKEND": "auto"}
    for line in ("uv pip install torch", "make", "pdm sync"):
        assert places(line, tmp_path, {}, environ) == ["UV_TORCH_BACKEND"]
    assert places("pip install torch", tmp_path, {}, environ) == []


WRITERS = [
    *("uv lock", "uv sync", "uv add demo", "uv add --frozen demo", "uv remove demo", "uv run x.py --frozen"),
    *("uv export", "uv tree", "uv version --bump minor", "uv pip compile a.in -o a.txt", "pip lock demo"),
    *("pip-compile", "python -m piptools compile", "pdm lock", "pdm install", "pdm add demo", "pdm update"),
    *("pdm remove demo", "pipenv lock", "pipenv install", "pipenv install demo --skip-lock"),
    *("pipenv update", "pipenv upgrade", "pipenv uninstall demo", "pipenv install --deploy"),
    *("poetry install", "poetry lock", "hatch lock", "hatch dep lock", "uv run --no-project uv lock"),
    *("uv tool install demo", "uv tool upgrade demo", "time uv lock"),
]
READERS = [
    *("uv lock --check", "uv lock --locked", "uv sync --dry-run", "uv run --no-project x.py", "uv version"),
    *("uv run --isolated x.py", "uv run --no-sync x.py", "uv export --frozen", "uv pip compile a.in"),
    *(
        "uv tool list",
        "uv lock --help",
        "pipenv install -h",
        "uv build",
        "pip lock -o - demo",
        "pip-compile --dry-run",
        "pip-sync a.txt",
    ),
    *("pdm install --frozen-lockfile", "pdm sync", "pdm lock --check", "pdm update --dry-run", "pdm run x"),
    *("pipenv install --skip-lock", "pipenv sync", "pipenv run x", "poetry run x", "hatch run x", "tox"),
]


@pytest.mark.parametrize("line", WRITERS)
def test_commands_that_may_write_a_lock_are_refused(line: str, tmp_path: Path) -> None:
    (_, remedy), *_ = refused(line, tmp_path, {"pyproject.toml": '[project]\nname = "app"\n'})
    assert "variant-backend serve" in remedy


@pytest.mark.parametrize("line", ["pipenv requirements", "uv export --frozen --emit-index-url"])
def test_commands_that_print_the_address_of_the_offer_are_refused(line: str, tmp_path: Path) -> None:
    assert len(places(line, tmp_path)) == 1


@pytest.mark.parametrize("line", READERS)
def test_commands_that_write_no_lock_are_allowed(line: str, tmp_path: Path) -> None:
    assert refused(line, tmp_path, {"pyproject.toml": '[project]\nname = "app"\n'}) == []


def test_uv_run_is_allowed_without_a_project(tmp_path: Path) -> None:
    assert places("uv run x.py", tmp_path) == []
    assert places("uv run x.py", tmp_path, {"pyproject.toml": "[tool.ruff]\n"}) == []


def test_a_frozen_lock_of_uv_goes_around(tmp_path: Path) -> None:
    files = {"pyproject.toml": '[project]\nname = "app"\n', "uv.lock": ""}
    for line in ("uv sync --frozen", "uv run --frozen x.py"):
        assert places(line, tmp_path, files) == ["uv.lock"]
    assert places("uv run --frozen --no-sync x.py", tmp_path) == []
