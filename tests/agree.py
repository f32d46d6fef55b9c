"""Ask the newest installers what the older ones answered; `python3 dev.py agree` runs this program.

It runs the tests with the mark `agreement` and prints a line for each: as before, or changed. The tests ask
the programs of the environment: uv, pip, packaging and variantlib. The group `agree` of pyproject.toml has
the measured versions. The exit code is 1 if an answer has changed.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
# A requirement with an exact version, as in pyproject.toml.
_PIN = re.compile(r'"([\w.-]+)(?:\[\w+\])?==([^"]+)"')


class Fact(NamedTuple):
    """A fact about installers, which a test states: the number of cases, and the problems of some."""

    text: str
    cases: int
    problems: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The fact in words, as before or changed."""
        if not self.problems:
            return f"as before: {self.text}" + (f" ({self.cases} cases)" if self.cases > 1 else "")
        apart = f"in {len(self.problems)} of {self.cases} cases: " if self.cases > 1 else ""
        return f"changed:   {self.text}: {apart}{self.problems[0]}"


def measured(pyproject: str) -> dict[str, str]:
    """Return the versions in the group `agree` of the text of pyproject.toml, by name.

    >>> measured('agree = [\\n  "uv==1.0",\\n  "variantlib[cli]==0.2",  # a peer\\n]\\nbench = ["x==1"]\\n')
    {'uv': '1.0', 'variantlib': '0.2'}
    """
    group = re.search(r"^agree = \[\n(.*?)^\]", pyproject, re.MULTILINE | re.DOTALL)
    return dict(_PIN.findall(group[1])) if group else {}


def facts(report: str) -> list[Fact]:
    """Return the facts in a report of pytest in the format of JUnit: one for each test function."""
    cases: dict[str, list[str | None]] = {}
    for case in ElementTree.fromstring(report).iter("testcase"):
        words = case.get("name", "").partition("[")[0].removeprefix("test_").replace("_", " ")
        bad = next((case.find(kind) for kind in ("failure", "error") if case.find(kind) is not None), None)
        if case.find("skipped") is None:
            message = None if bad is None else " ".join((bad.get("message") or "no message").split())
            cases.setdefault(words, []).append(message)
    return [Fact(text, len(found), (*filter(None, found),)) for text, found in cases.items()]


def summary(old: Mapping[str, str], new: Mapping[str, str], found: Iterable[Fact]) -> list[str]:
    """Return the lines to print: the versions, the facts, and what to do next."""
    found = list(found)
    changed = [fact for fact in found if fact.problems]
    newer = [f"{new[name]} for {name}" for name, version in old.items() if new[name] != version]
    lines = [f"{name:<12} measured {version:<10} newest {new[name]}" for name, version in old.items()]
    lines += ["", *(fact.line for fact in sorted(found, key=lambda fact: bool(fact.problems))), ""]
    last = "no fact was checked"
    if changed:
        last = f"{len(changed)} of {len(found)} facts have changed; CONTRIBUTING.md says what to do"
    elif found:
        last = f"all {len(found)} facts are as before"
        last += f"; write {', '.join(newer)} into pyproject.toml" if newer else ""
    return [*lines, last]


def main(arguments: list[str]) -> int:
    """Run the tests; *arguments* are passed to pytest. Return the exit code."""
    old = measured((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    new = {name: importlib.metadata.version(name) for name in old}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        pytest = [sys.executable, "-m", "pytest", "-n", "auto", "-q", "--tb=short", "-m", "agreement"]
        modules = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if _asks(path)]
        subprocess.run([*pytest, f"--junitxml={report}", *arguments, *modules], cwd=ROOT, stdout=sys.stderr)
        found = facts(report.read_text(encoding="utf-8")) if report.exists() else []
    print(*summary(old, new, found), sep="\n")
    return int(not found or any(fact.problems for fact in found))


def _asks(path: Path) -> bool:
    """Return whether a test module has tests with the mark; importing all others would take a minute."""
    return "mark.agreement" in path.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
