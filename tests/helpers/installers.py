"""Installers as people use them: each installs the roots of a made ecosystem, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from packaging.requirements import Requirement

from helpers.ecosystem import ROOTS
from helpers.programs import SCRIPTS

# What the environment of each tool has; uv and this project are in the environment of the tests.
TOOLS = {
    "pip-23": ("pip==23.*",),
    "pip-24": ("pip==24.*",),
    "pip-26": ("pip==26.*",),
    "tox": ("tox",),
    "nox": ("nox",),
    "hatch": ("hatch",),
    "pdm": ("pdm", "hishel[httpx2]<2"),  # PDM 2.29 admits newer ones, with which it fails
    "pipenv": ("pipenv",),
    "poetry": ("poetry",),
}
Install: TypeAlias = "Callable[[Job], Installed]"

# Variables of the machine that would change what is installed, or from where.
_PREFIXES = (
    "PIP_",
    "UV_",
    "PDM_",
    "PIPENV_",
    "POETRY_",
    "HATCH_",
    "TOX_",
    "NOX_",
    "PYTHON",
    "XDG_",
    "VIRTUAL_",
)
# How many characters of the output of a failed command are kept.
_LONGEST_LOG = 3000


class FailedCommandError(Exception):
    """A command of an installer failed; the text has its output."""


class Installed(NamedTuple):
    """Where an installer has put the projects, and the lock file that it wrote, None if there is none."""

    site_packages: Path
    lock: Path | None = None


class Job(NamedTuple):
    """One installation: an empty *folder*, the *python* to install for, its *version*, and the *index_url*.

    *through* is put before the first words of each command: `variant-backend run ... --`. *tools* has the
    environments of the tools. *roots* are the requirements to install.
    """

    folder: Path
    python: Path
    version: str
    index_url: str
    tools: Path
    through: tuple[str, ...] = ()
    roots: Sequence[str] = ROOTS

    def write(self, **files: str) -> None:
        """Write text files; a name's last part after `__` is its suffix."""
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text)

    def tool(self, name: str, program: str | None = None) -> Path:
        """Return the path of a program in the environment of a tool."""
        return self.tools / name / "bin" / (program or name)

    def start(self, *command: object, **env: str) -> str:
        """Run a command of the installer, and return its output; raises FailedCommandError."""
        return start((*self.through, *command), self.folder, env)

    def make_environment(self) -> Installed:
        """Create the environment `.venv`, which some tools take if it exists."""
        uv = (SCRIPTS / "uv", "venv", "--quiet", "--no-config", "--python", self.python, ".venv")
        start(uv, self.folder, {})
        return self.installed(".venv")

    def installed(self, environment: str, lock: str | None = None) -> Installed:
        """Return what is in an environment, whose path may be a pattern."""
        (site_packages,) = self.folder.glob(f"{environment}/lib/python3*/site-packages")
        return Installed(site_packages, self.folder / lock if lock else None)


def start(command: Sequence[object], folder: Path, env: Mapping[str, str]) -> str:
    """Run a command in a folder, and return its output; raises FailedCommandError."""
    words = [*map(str, command)]
    environment = {**clean_environment(folder), **env}
    done = subprocess.run(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        raise FailedCommandError(f"{' '.join(words)}: exit code {done.returncode}\n{text[-_LONGEST_LOG:]}")
    return text


def clean_environment(home: Path) -> dict[str, str]:
    """Return the variables of this process without the settings of installers, with another home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIXES)}
    paths = os.pathsep.join([str(SCRIPTS), "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"])
    return {**kept, "HOME": str(home), "PATH": paths, "PIP_CONFIG_FILE": os.devnull, "NO_COLOR": "1"}


def installing_with_pip(number: str) -> Install:
    def install(job: Job) -> Installed:
        python = job.tools / f"pip-{number}-{job.version}" / "bin" / "python"
        options = ("--disable-pip-version-check", "--no-compile", "--target", "target")
        job.start(python, "-m", "pip", "install", *options, *job.roots, PIP_INDEX_URL=job.index_url)
        return Installed(job.folder / "target")

    return install


def install_with_uv(job: Job) -> Installed:
    options = ("--python", job.python, "--target", "target")
    job.start(SCRIPTS / "uv", "pip", "install", *options, *job.roots, UV_DEFAULT_INDEX=job.index_url)
    return Installed(job.folder / "target")


def _tox(job: Job) -> Installed:
    deps = "".join(f"\n    {name}" for name in job.roots)
    job.write(tox__ini=f"[tox]\nno_package = true\n[testenv:all]\nbase_python = {job.python}\ndeps ={deps}\n")
    job.start(job.tool("tox"), "run", "-e", "all", "--notest", PIP_INDEX_URL=job.index_url)
    return job.installed(".tox/all")


def _nox(job: Job) -> Installed:
    head = f"@nox.session(python={str(job.python)!r})\ndef every(session):\n"
    session = f"{head}    session.install(*{[*job.roots]})\n"
    job.write(noxfile__py=f"import nox\n\n{session}")
    job.start(job.tool("nox"), "--session", "every", PIP_INDEX_URL=job.index_url)
    return job.installed(".nox/*")


def _hatch(job: Job) -> Installed:
    table = f"skip-install = true\npath = 'made'\npython = {json.dumps(str(job.python))}\n"
    environment = f"[tool.hatch.envs.default]\n{table}dependencies = {json.dumps([*job.roots])}\n"
    job.write(pyproject__toml=_project() + environment)
    job.start(job.tool("hatch"), "env", "create", PIP_INDEX_URL=job.index_url)
    return job.installed("made")


def _pdm_frozen(job: Job) -> Installed:
    job.write(pyproject__toml=_project(job.roots))
    installed = job.make_environment()
    job.start(job.tool("pdm"), "install", "--frozen-lockfile", "--no-self", PDM_PYPI_URL=job.index_url)
    return installed


def _pipenv_unlocked(job: Job) -> Installed:
    installed = _pipenv_project(job, "https://pypi.org/simple")
    options = {**_PIPENV, "PIPENV_PYPI_MIRROR": job.index_url}
    job.start(job.tool("pipenv"), "install", "--skip-lock", **options)
    return installed


def _uv_sync(job: Job) -> Installed:
    job.write(pyproject__toml=_project(job.roots) + _uv_index(job))
    job.start(SCRIPTS / "uv", "sync", "--python", job.python)
    return job.installed(".venv", "uv.lock")


def _uv_lock(job: Job) -> Installed:
    job.write(pyproject__toml=_project(job.roots) + _uv_index(job))
    job.start(SCRIPTS / "uv", "lock", "--python", job.python)
    job.start(SCRIPTS / "uv", "sync", "--locked", "--no-cache", "--python", job.python)
    return job.installed(".venv", "uv.lock")


def _poetry(job: Job) -> Installed:
    source = f"[[tool.poetry.source]]\nname = 'offer'\nurl = '{job.index_url}'\npriority = 'primary'\n"
    job.write(pyproject__toml=f"{_project(job.roots)}[tool.poetry]\npackage-mode = false\n{source}")
    installed = job.make_environment()
    variables = {"POETRY_VIRTUALENVS_IN_PROJECT": "true", "POETRY_NO_INTERACTION": "1"}
    for command in ("lock", "sync"):
        job.start(job.tool("poetry"), command, **variables)
    return installed._replace(lock=job.folder / "poetry.lock")


def _pdm_lock(job: Job) -> Installed:
    source = f"[[tool.pdm.source]]\nname = 'pypi'\nurl = '{job.index_url}'\n"
    job.write(pyproject__toml=_project(job.roots) + source)
    installed = job.make_environment()
    job.start(job.tool("pdm"), "lock")
    job.start(job.tool("pdm"), "sync", "--no-self")
    return installed._replace(lock=job.folder / "pdm.lock")


def _pipenv_lock(job: Job) -> Installed:
    installed = _pipenv_project(job, job.index_url)
    job.start(job.tool("pipenv"), "lock", **_PIPENV)
    job.start(job.tool("pipenv"), "sync", **_PIPENV)
    return installed._replace(lock=job.folder / "Pipfile.lock")


# pipenv takes the environment of the folder, and asks nothing.
_PIPENV = {"PIPENV_VENV_IN_PROJECT": "1", "PIPENV_YES": "1", "PIPENV_NOSPIN": "1"}


def _pipenv_project(job: Job, index: str) -> Installed:
    packages = "".join(map(_pipfile_line, job.roots))
    source = f'[[source]]\nname = "pypi"\nurl = "{index}"\nverify_ssl = true\n'
    job.write(Pipfile=f'{source}[packages]\n{packages}[requires]\npython_version = "{job.version}"\n')
    return job.make_environment()


def _pipfile_line(text: str) -> str:
    """Return the line of a requirement in a Pipfile."""
    required = Requirement(text)
    extras = json.dumps(sorted(required.extras))
    return f'{required.name} = {{version = "{required.specifier or "*"}", extras = {extras}}}\n'


def _project(dependencies: Sequence[str] = ()) -> str:
    """Return the table `project` of a file pyproject.toml."""
    required = f"requires-python = '>=3.11,<3.13'\ndependencies = {json.dumps([*dependencies])}\n"
    return f"[project]\nname = 'consumer'\nversion = '1.0'\n{required}"


def _uv_index(job: Job) -> str:
    return f"[[tool.uv.index]]\nname = 'offer'\nurl = '{job.index_url}'\ndefault = true\n"


class Installer(NamedTuple):
    """An installer by the name that people know; *through* is `run` or `serve`.

    *tool* is its environment in `TOOLS`, None for uv.
    """

    name: str
    through: str
    install: Install
    tool: str | None = None


INSTALLERS = (
    Installer("pip 23", "run", installing_with_pip("23"), "pip-23"),
    Installer("pip 24", "run", installing_with_pip("24"), "pip-24"),
    Installer("pip 26", "run", installing_with_pip("26"), "pip-26"),
    Installer("`uv pip`", "run", install_with_uv),
    Installer("tox", "run", _tox, "tox"),
    Installer("nox", "run", _nox, "nox"),
    Installer("hatch", "run", _hatch, "hatch"),
    Installer("`pdm install --frozen-lockfile`", "run", _pdm_frozen, "pdm"),
    Installer("`pipenv install --skip-lock`", "run", _pipenv_unlocked, "pipenv"),
    Installer("`uv sync`", "serve", _uv_sync),
    Installer("`uv lock`", "serve", _uv_lock),
    Installer("Poetry", "serve", _poetry, "poetry"),
    Installer("PDM", "serve", _pdm_lock, "pdm"),
    Installer("pipenv", "serve", _pipenv_lock, "pipenv"),
)
