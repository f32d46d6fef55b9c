"""Run the steps of a composite action with bash, as GitHub's runner does."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML


class StepResult(NamedTuple):
    """The exit code and the output of a step, its outputs, and what it wrote into the summary."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str


class CompositeAction:
    """An action in a *folder*, with the files of a runner in another one."""

    def __init__(self, folder: Path, temporary: Path, inputs: Mapping[str, str]) -> None:
        self.folder, self._temporary = folder, temporary
        self.definition: dict[str, Any] = YAML(typ="safe").load(folder / "action.yml")
        defaults = {name: str(each["default"]) for name, each in self.definition["inputs"].items()}
        assert not inputs.keys() - defaults.keys()
        self._values = {f"inputs.{name}": value for name, value in {**defaults, **inputs}.items()}
        self.results: dict[str, StepResult] = {}

    def run(self, cwd: Path, outputs: Mapping[str, str] | None = None, **env: str) -> bool:
        """Run the steps until one fails, and return whether all succeeded.

        Steps with known *outputs*, such as ``{"steps.install.outputs.program": "x"}``, are not run.
        """
        self._values.update(outputs or {})
        for step in self.definition["runs"]["steps"]:
            is_known = any(key.startswith(f"steps.{step.get('id')}.") for key in self._values)
            if is_known or not self.evaluated(step.get("if", "true")):
                continue
            variables = {name: self._replaced(text) for name, text in step.get("env", {}).items()}
            result = self.results[step["name"]] = self._run(step, cwd, {**env, **variables})
            if result.code:
                return False
            for name, value in result.outputs.items():
                self._values[f"steps.{step['id']}.outputs.{name}"] = value
        return True

    def output(self, name: str) -> str:
        """Return an output of the action."""
        return self._replaced(self.definition["outputs"][name]["value"])

    def evaluated(self, expression: str) -> Any:
        """Return the value of an expression that has only the operators of this action."""
        python = re.sub(r"\b(inputs|steps)\.[\w.-]+", lambda match: f"value({match[0]!r})", expression)
        python = python.replace("&&", " and ").replace("||", " or ")
        return eval(python, {"value": lambda name: self._values.get(name, ""), "true": True})

    def _replaced(self, text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: str(self.evaluated(match[1])), text)

    def _run(self, step: Mapping[str, str], cwd: Path, env: Mapping[str, str]) -> StepResult:
        """Run a step; each has its own files, as on a runner."""
        number = len(self.results)
        files = {
            name: self._temporary / f"{name}-{number}" for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }
        for file in files.values():
            file.touch()
        script = self._temporary / f"{number}.sh"
        script.write_text(step["run"], encoding="utf-8")
        assert step["shell"] == "bash"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=cwd,
            env={
                **os.environ,
                "RUNNER_OS": "Linux",
                "RUNNER_TEMP": str(self._temporary),
                "GITHUB_ACTION_PATH": str(self.folder),
                **{name: str(file) for name, file in files.items()},
                **env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        output, summary = (file.read_text(encoding="utf-8") for file in files.values())
        return StepResult(done.returncode, done.stdout, _outputs(output), summary)


def _outputs(text: str) -> dict[str, str]:
    """Return the values in a file of outputs: ``name=value``, or ``name<<END`` with lines up to ``END``."""
    lines, values = iter(text.splitlines()), {}
    for line in lines:
        if match := re.fullmatch(r"([\w-]+)<<(\w+)", line):
            values[match[1]] = "\n".join(iter(lines.__next__, match[2]))  # without END, StopIteration
        else:
            name, separator, value = line.partition("=")
            assert separator, line
            values[name] = value
    return values
