"""``variant-backend index``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError
from ..lowlevel.terminal import print_line, print_message
from .command import Command, WrongValue, fault_lines
from .options import PATH
from .output import Progress, print_json

if TYPE_CHECKING:
    from ..publishing.index_file import Index


def _base_url(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Check --base-url."""
    from ..lowlevel.http import check_base_url

    try:
        return None if value is None else check_base_url(value)
    except VariantError as error:
        raise WrongValue(error.lines()) from None


@click.command("index", cls=Command)
@click.argument("places", nargs=-1, required=True, metavar="DIR|URL...")
@click.option(
    "--merge",
    "merged",
    multiple=True,
    type=PATH,
    metavar="FILE",
    help="A variants.json that another machine wrote, to be combined with the wheels here; may be repeated.",
)
@click.option(
    "--simple", is_flag=True, help="Write a package index beside it: pages for installers and people."
)
@click.option(
    "--base-url",
    metavar="URL",
    callback=_base_url,
    help="Where the folder with the package index will be served: its pages for people name it in commands.",
)
@click.option("--check", is_flag=True, help="Write nothing; say which files are missing or differ.")
@click.option("-o", "--output-dir", type=PATH, help="Where to write  [default: beside the wheels, or here]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def index_command(
    places: tuple[str, ...],
    merged: tuple[Path, ...],
    simple: bool,
    base_url: str | None,
    check: bool,
    output_dir: Path | None,
    as_json: bool,
) -> None:
    """Write {name}-{version}-variants.json for the variant wheels in the folders.

    Installers need it beside the wheels to choose among them. Of wheels at a URL, some kilobytes are read,
    and the file goes to --output-dir, or to the current folder. The paths of these files are printed, and
    those of the two pages that a package index begins with: for people, and for installers.
    """
    urls = tuple(place for place in places if "://" in place)
    folders = tuple(Path(place) for place in places if "://" not in place)
    if simple and urls:
        raise click.UsageError("--simple needs the wheels themselves: it goes with folders only.")
    if simple and len(folders) > 1 and output_dir is None:
        raise click.UsageError("--simple over several folders needs --output-dir.")
    if base_url and not simple:
        raise click.UsageError("--base-url goes with --simple only.")
    try:
        planned, differences = _run(folders, urls, merged, output_dir, base_url, simple=simple, check=check)
    except (VariantError, OSError) as error:
        if as_json:
            print_json({"files": [], "notices": [], "faults": fault_lines(error)})
        raise
    _report(planned, differences, check=check, as_json=as_json)
    if check and differences:
        sys.exit(1)


def _report(planned: Index, differences: Mapping[Path, str], *, check: bool, as_json: bool) -> None:
    """Tell which files there are, or with *check* which of them differ, on stdout, all else on stderr."""
    from ..variants.wheel_metadata import remarks_on

    remarks = (remark for release in planned.releases for remark in remarks_on(release.metadata))
    notices = [*(f"warning: {text}" for text in planned.warnings), *dict.fromkeys(remarks)]
    for notice in notices:
        print_message(notice)
    if as_json:
        files = _files(planned, differences, check=check)
        print_json({"files": files, "notices": notices, "faults": []})
    elif check:
        for path, difference in differences.items():
            print_line(f"{path}: {difference}")
    else:
        for path in _to_print(planned):
            print_line(str(path))


def _run(
    folders: tuple[Path, ...],
    urls: tuple[str, ...],
    merged: tuple[Path, ...],
    output_dir: Path | None,
    base_url: str | None,
    *,
    simple: bool,
    check: bool,
) -> tuple[Index, Mapping[Path, str]]:
    """Plan the files, write them unless that is only checked, and return how what was there differs."""
    from ..lowlevel import file_set
    from ..publishing.index_file import plan_index

    if simple:
        from ..publishing.simple_index import plan_simple_index

        packages = [
            path for folder in folders for pattern in ("*.whl", "*.tar.gz") for path in folder.glob(pattern)
        ]
        with Progress(packages) as progress:
            planned = plan_simple_index(folders, merged, output_dir, progress.advance, base_url)
    else:
        planned = plan_index(folders, merged, output_dir, urls)
    differences = file_set.differences(planned.outputs)
    if not check:
        file_set.write_all_files(output for output in planned.outputs if output.path in differences)
    return planned, differences


def _to_print(planned: Index) -> list[Path]:
    """Return the paths of the files with variants, and of the pages that all others are linked from."""
    paths = [output.path for release in planned.releases for output in release.outputs()]
    starts = ("index.html", "simple/index.html")
    return paths + [output.path for output in planned.outputs if output.name in starts]


def _files(planned: Index, differences: Mapping[Path, str], *, check: bool) -> list[dict[str, object]]:
    """Return an entry for each file."""
    variants = {output.path: release for release in planned.releases for output in release.outputs()}
    entries: list[dict[str, object]] = []
    for output in planned.outputs:
        release, difference = variants.get(output.path), differences.get(output.path)
        entry: dict[str, object] = {
            "path": str(output.path),
            "name": release.release[0] if release else None,
            "version": str(release.release[1]) if release else None,
            "labels": list(release.metadata.variants) if release else [],
            "difference": difference,
            "written": difference is not None and not check,
        }
        entries.append(entry)
    return entries
