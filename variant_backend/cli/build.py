"""``variant-backend build``: the whole matrix with one command."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ..lowlevel.terminal import print_message, print_table
from .command import Command, Failure
from .options import PATH
from .output import print_json, status_line

if TYPE_CHECKING:
    from ..building.matrix import Built


@click.command("build", cls=Command)
@click.argument("path", default=".", type=PATH, metavar="[PATH]")
@click.option(
    "--variant",
    "labels",
    multiple=True,
    metavar="LABEL",
    help="Build the wheel of this label; repeat it for more.",
)
@click.option(
    "--plain", is_flag=True, help="Build the plain release: the sdist, and the wheel without a label."
)
@click.option("-o", "--output-dir", type=PATH, help="Where the results go  [default: PATH/dist]")
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Wheels at a time.")
@click.option(
    "--no-isolation",
    is_flag=True,
    help="Build in the environment of this Python, which must have what it takes.",
)
@click.option(
    "--installer",
    type=click.Choice(["pip", "uv"]),
    default="pip",
    show_default=True,
    help="What fills the isolated environments.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead of the table.")
def build_command(
    path: Path,
    labels: tuple[str, ...],
    plain: bool,
    output_dir: Path | None,
    jobs: int,
    no_isolation: bool,
    installer: Literal["pip", "uv"],
    as_json: bool,
) -> None:
    """Build every wheel of the project in PATH (a folder or its pyproject.toml).

    That is all its variants, and the plain release.
    With --variant or --plain, only what is named. Each wheel is built from a fresh copy of the sdist.
    What was said meanwhile is in .logs/LABEL.log, plain.log and sdist.log in the output folder.
    """
    from ..building.matrix import Matrix, build_matrix

    if path.name == "pyproject.toml":
        path = path.parent
    matrix = Matrix.load(path, labels, plain=plain)
    for remark in matrix.remarks:
        print_message(remark)
    total = 1 + len(matrix.labels) + matrix.plain
    started = time.monotonic()
    with status_line() as show:
        results = build_matrix(
            matrix,
            output_dir or path / "dist",
            jobs=jobs,
            installer=None if no_isolation else installer,
            show=lambda done, names: show(
                f"{done} of {total} done, {time.monotonic() - started:.0f} s; building {', '.join(names)}"
            ),
        )
    _print_results(results, as_json=as_json)
    if failed := [built.name for built in results if built.error]:
        raise Failure([f"not built: {', '.join(failed)}"])


def _print_results(results: Sequence[Built], *, as_json: bool) -> None:
    """Print what became of each build, as a table or as JSON."""
    if as_json:
        print_json(list(map(_to_dict, results)), indent=2)
        return
    seconds = [f"{built.seconds:.1f} s" for built in results]
    rows = [
        (built.name, "failed" if built.error else "built", f"{took:>{max(map(len, seconds))}}", _end(built))
        for built, took in zip(results, seconds, strict=True)
    ]
    print_table(rows)


def _to_dict(built: Built) -> dict[str, object]:
    """Return the object for machines."""
    return {
        "distribution": built.distribution,
        "label": built.label,
        "ok": built.error is None,
        "seconds": built.seconds,
        "path": str(built.path) if built.path else None,
        "log": str(built.log),
        "error": built.error,
    }


def _end(built: Built) -> str:
    """Say where the result is, or why there is none."""
    return str(built.path or f"{built.log}: {built.error}")
