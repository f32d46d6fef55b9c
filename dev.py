"""The project's chores, on any machine with Python and pip.

    python3 dev.py demo     build three variants of an example and install the best one for this machine
    python3 dev.py test     run all tests; further arguments are passed to pytest, such as -m "not slow"
    python3 dev.py lint     check the style, the types, the wording, the workflows and the packages
    python3 dev.py prepare  install what `test` and `lint` need, so that both can run at the same time
    python3 dev.py docs     build the documentation as a site, and serve it; with --check, only build it;
                            with --links, only check its links to other sites, which needs the network
    python3 dev.py bench    run the benchmarks
    python3 dev.py agree    check that the newest uv, pip, packaging and variantlib behave as measured
    python3 dev.py projects build ten real projects, and compare the run times of their variants
    python3 dev.py installers
                            compare what each installer gets from the offer, with each server of packages
    python3 dev.py aligned  compare aligned graphs that installers install with those of brute force
    python3 dev.py overlays compare what each installer gets by the shipped overlays with rules

Each creates the virtual environment `.venv` if it is missing, and installs the required packages there. The
peer of the benchmarks has an environment of its own, `.venv-bench`, as it needs other versions. `agree` uses
a new one, and removes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# The code, and the commands.
BOTH = ["--editable", ".", "--editable", "./commands"]
SITE = ".site"
# Checked for misspelled words.
TEXTS = ["variant_backend", "commands", "tests", "docs", "benchmarks", "examples", "dev.py"]
# The systems whose code mypy cannot see on this one; each has a cache, as mypy keeps one system only.
OTHER_SYSTEMS = [
    (f"--platform={name}", f"--cache-dir=.mypy_cache/{name}")
    for name in ("darwin", "linux", "win32")
    if name != sys.platform
]

# The groups of pyproject.toml that each chore needs; `agree` has its own environment.
GROUPS = {
    "demo": ["demo"],
    "test": ["test"],
    "lint": ["lint", "test"],
    "prepare": ["lint", "test"],
    "docs": ["docs"],
    "bench": [],
    "projects": ["demo"],
    "installers": ["test"],
    "aligned": ["test"],
    "overlays": ["test"],
}


def main(arguments: list[str]) -> int:
    """Run one chore; return its exit code."""
    if not arguments or arguments[0] not in (*GROUPS, "agree"):
        print(__doc__)
        return 2
    chore, *more = arguments
    if chore == "agree":
        return agree(more)
    python = prepare(ROOT / ".venv", BOTH, GROUPS[chore])
    if chore == "bench":
        peer = Path(prepare(ROOT / ".venv-bench", [], ["bench"]))
        more = ["--variantlib", str(peer.with_name(f"variantlib{peer.suffix}")), *more]
    workers = 2 * (os.cpu_count() or 1)  # more than cores, as tests also wait for servers, disks and timers
    commands = {
        "demo": [[python, "examples/demo.py"]],
        "test": [[python, "-m", "pytest", "-n", str(workers), "--dist", "worksteal", *more]],
        "lint": [
            [python, "-m", "ruff", "check"],
            [python, "-m", "ruff", "format", "--check"],
            [python, "-m", "mypy"],
            *([python, "-m", "mypy", "-p", "variant_backend", *system] for system in OTHER_SYSTEMS),
            [python, "-m", "codespell_lib", *TEXTS, *(path.name for path in ROOT.glob("*.md"))],
            [python, "tests/old_phrases.py"],
            [python, "tests/workflow_lint.py"],
            [python, "-m", "validate_pyproject", "pyproject.toml", "commands/pyproject.toml"],
            [python, "-m", "check_sdist", "--no-isolation"],
            [python, "-m", "check_sdist", "--no-isolation", "--source-dir", "commands"],
        ],
        "prepare": [[python, "tests/workflow_lint.py", "--install-only"]],
        "docs": docs(python, more),
        "bench": [[python, "benchmarks/run.py", *more]],
        "installers": [[python, "tests/any_installer.py", *more]],
        "aligned": [[python, "tests/aligned_graphs.py", *more]],
        "overlays": [[python, "tests/overlay_installers.py", *more]],
        "projects": [[python, "benchmarks/real_projects.py", *more]],
    }[chore]
    # All commands run: an error of style does not hide one of types.
    codes = [subprocess.run(command, cwd=ROOT).returncode for command in commands]
    return int(any(codes))


def docs(python: str, more: list[str]) -> list[list[str]]:
    """Return the commands that build the site and serve it, or only one of its checks."""
    sphinx = [python, "-m", "sphinx", "--fail-on-warning", "--quiet", "--doctree-dir", f"{SITE}-cache/pages"]
    if "--links" in more:
        return [[*sphinx, "--builder", "linkcheck", "docs", f"{SITE}-cache/links"]]
    build = [*sphinx, "--builder", "dirhtml", "docs", SITE]
    # On any free port, which it prints.
    serve = [python, "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", SITE]
    return [build] if "--check" in more else [build, serve]


def agree(more: list[str]) -> int:
    """Run the tests about other tools with their newest versions; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="agree-") as folder:
        newest = ["--upgrade", "uv", "pip", "packaging", "variantlib[cli]"]
        # The group `test` has much more; pip would need minutes for it.
        tests = ["pytest", "pytest-xdist", "hypothesis", "jsonschema"]
        python = prepare(Path(folder, "venv"), [*newest, *tests, *BOTH], [])
        return subprocess.run([python, "tests/agree.py", *more], cwd=ROOT).returncode


def prepare(environment: Path, packages: list[str], groups: list[str]) -> str:
    """Create the virtual environment if it is missing, install packages, and return its Python."""
    python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        create(environment)
    # uv needs a tenth of pip's time, also because it compiles no module in advance.
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "uv"], cwd=ROOT, check=True)
    install = [str(python), "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    selected = [part for group in groups for part in ("--group", group)]
    subprocess.run([*install, *packages, *selected], cwd=ROOT, check=True)
    return str(python)


def create(environment: Path) -> None:
    """Create the virtual environment, with virtualenv if the Linux distribution has removed ensurepip."""
    try:
        venv.create(environment, clear=True, with_pip=True)
    except (subprocess.CalledProcessError, SystemExit):
        tools = ROOT / ".venv-tools"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tools), "virtualenv"]
        subprocess.run(pip, check=True)
        make = [sys.executable, "-m", "virtualenv", "--quiet", "--clear", str(environment)]
        subprocess.run(make, check=True, cwd=tools)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # the way to stop the server of `docs`
        sys.exit(130)
    except subprocess.CalledProcessError as failed:
        # What it started has printed the reason.
        sys.exit(f"dev.py: a step failed with exit code {failed.returncode}: {' '.join(failed.cmd)}")
