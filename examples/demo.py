"""Build three variants of the setuptools example, list them, and install the best one for this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LABELS = ("x86_64_v3", "x86_64_v2", "null")


def run(*command: str, cwd: Path, shown: bool = True) -> None:
    """Run a program from the folder of this Python; exit with its output if it fails."""
    if shown:
        print(f"\n$ {' '.join(command)}", flush=True)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("VIRTUAL_ENV", None)
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    done = subprocess.run([program, *command[1:]], cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\n{command[0]} failed")
    print(done.stdout if shown else "", end="")


def main() -> None:
    """Build, list and install the variants in a temporary folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = folder / "example"
        shutil.copytree(ROOT / "examples" / "setuptools", project)
        # Build environments install `variant-backend-core` from this checkout.
        run("uv", "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT), cwd=folder, shown=False)
        for label in LABELS:
            run("uv", "build", "--quiet", "--wheel", "--find-links", "..", f"-Cvariant={label}", cwd=project)
        run("variant-backend", "index", "dist", cwd=project)
        show(project / "dist")
        run("uv", "venv", "--quiet", "--python", sys.executable, ".venv", cwd=project)
        options = ["--preview-features", "wheel-variants", "--no-index", "--find-links", "dist"]
        run("uv", "pip", "install", *options, "variant-example-setuptools", cwd=project)
        print("\nThe installed package prints the label of its variant:", flush=True)
        run("uv", "run", "--no-project", "python", "-m", "variant_example", cwd=project)


def show(dist: Path) -> None:
    """Print each label of the release with its properties and its wheel."""
    (index,) = dist.glob("*-variants.json")
    for label, namespaces in json.loads(index.read_text(encoding="utf-8"))["variants"].items():
        properties = [
            f"{namespace} :: {feature} :: {' or '.join(values)}"
            for namespace, features in namespaces.items()
            for feature, values in features.items()
        ]
        (wheel,) = dist.glob(f"*-{label}.whl")
        print(f"  {label:12}{', '.join(properties) or '(no properties)':32}{wheel.name}")


if __name__ == "__main__":
    main()
