"""``variant-backend index``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem
from .command import Command, given_options
from .network_options import network_options
from .options import PATH, output_option, reading
from .output import Printer, Progress

if TYPE_CHECKING:
    from ..lowlevel.remembered_digests import RememberedDigests
    from ..publishing.index_file import Index


def _base_url(value: str | None) -> str | None:
    from ..lowlevel.urls import check_base_url

    return None if value is None else check_base_url(value)


@click.command("index", cls=Command, example="variant-backend index dist/", page="docs/how-to/publish.md")
@click.argument("places", nargs=-1, required=True, metavar="DIR|URL...")
@click.option(
    "--merge",
    "merged",
    multiple=True,
    type=PATH,
    metavar="FILE",
    help="An index file from another machine, to combine with these wheels; may be repeated.",
)
@click.option("--simple", is_flag=True, help="Also write a package index: pages for installers and people.")
@click.option(
    "--base-url",
    metavar="URL",
    callback=reading(_base_url),
    help="The URL of the package index, for the commands that its pages show.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Read whole files, also those that have not changed since they were hashed.",
)
@click.option(
    "--as-distributions",
    is_flag=True,
    help="Instead, write for each variant wheel a plain wheel of a project of its own, NAME-LABEL.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file is missing or differs.")
@output_option("The output folder.  [default: beside the wheels; for URLs: .]")
@network_options
@click.pass_obj
def index_command(
    printer: Printer,
    places: tuple[str, ...],
    merged: tuple[Path, ...],
    simple: bool,
    base_url: str | None,
    verify: bool,
    as_distributions: bool,
    check: bool,
    output: Path | None,
) -> None:
    """Write the index file {name}-{version}-variants.json.

    Installers need this file beside the variant wheels to select one of them. From wheels at a URL, the
    command reads some kilobytes. It prints the paths of the index files. With --simple, it also prints the
    paths of the start pages for people and for installers.
    """
    urls = tuple(place for place in places if "://" in place)
    folders = tuple(Path(place) for place in places if "://" not in place)
    if as_distributions:
        _check_alone(urls)
        _write_distributions(printer, folders, output)
        return
    if simple and urls:
        raise click.UsageError("--simple needs the whole wheels; name folders, not URLs")
    if simple and len(folders) > 1 and output is None:
        raise click.UsageError("--simple for several folders needs --output DIR")
    if base_url and not simple:
        raise click.UsageError("--base-url needs --simple")
    if verify and not simple and len(folders) < 2:
        raise click.UsageError("--verify needs --simple or several folders; otherwise no file is hashed")
    planned, differences = _run(
        folders, urls, merged, output, base_url, simple=simple, verify=verify, check=check
    )
    printer.keys = {"files": _files(planned, differences, check=check)}
    _report(printer, planned, differences, check=check)
    printer.failed = check and bool(differences)


def _check_alone(urls: Collection[str]) -> None:
    """Raise UsageError for anything that has no effect with --as-distributions."""
    others = {"merged", "simple", "base_url", "verify", "check"}
    if options := given_options(click.get_current_context(), others):
        raise click.UsageError(f"--as-distributions writes no index; leave out {options[0]}")
    if urls:
        raise click.UsageError("--as-distributions needs the whole wheels; name folders, not URLs")


def _write_distributions(printer: Printer, folders: Sequence[Path], output: Path | None) -> None:
    """Write the own distribution of each variant wheel, and print their paths."""
    from ..publishing.own_distributions import plan_distributions, write_distributions

    planned = plan_distributions(folders, output)
    with Progress(item.wheel.path for item in planned) as progress:
        written = write_distributions(planned, progress.advance)
    files = []
    for item, is_new, warnings in written:
        for warning in warnings:
            printer.warn(Problem("warning", item.wheel.path.name, warning))
        printer.line(str(item.path))
        files.append(
            {
                "path": str(item.path),
                "name": item.name,
                "version": item.wheel.name.version,
                "labels": [item.wheel.name.label],
                "difference": "missing" if is_new else None,
                "written": is_new,
            }
        )
    printer.keys = {"files": files}


def _report(printer: Printer, planned: Index, differences: Mapping[Path, str], *, check: bool) -> None:
    """Print the paths of the files, or with *check* how existing files differ."""
    from ..variants.wheel_metadata import remarks_on

    for warning in planned.warnings:
        printer.warn(warning)
    for release in planned.releases:
        name, version = release.release
        for remark in remarks_on(release.metadata):
            printer.warn(Problem("warning", f"{name} {version}", remark))
    if check:
        for path, difference in differences.items():
            printer.line(f"{path}: {difference}")
        if differences:
            printer.say("run this command without --check to write these files")
    else:
        for path in _to_print(planned):
            printer.line(str(path))


def _run(
    folders: tuple[Path, ...],
    urls: tuple[str, ...],
    merged: tuple[Path, ...],
    output: Path | None,
    base_url: str | None,
    *,
    simple: bool,
    verify: bool,
    check: bool,
) -> tuple[Index, Mapping[Path, str]]:
    """Plan the files, write them unless *check*, and return how the existing files differ."""
    from ..lowlevel import file_set
    from ..lowlevel.remembered_digests import RememberedDigests
    from ..publishing.index_file import plan_index

    with RememberedDigests(verify=verify) as digests:
        if simple:
            planned = _plan_pages(folders, merged, output, base_url, digests)
        else:
            planned = plan_index(folders, merged, output, urls, digests.digest)
    differences = file_set.differences(planned.outputs)
    if not check:
        file_set.write_all_files(file for file in planned.outputs if file.path in differences)
    return planned, differences


def _plan_pages(
    folders: tuple[Path, ...],
    merged: tuple[Path, ...],
    output: Path | None,
    base_url: str | None,
    digests: RememberedDigests,
) -> Index:
    """Plan a package index, with a progress bar."""
    from ..publishing.simple_index import plan_simple_index

    packages = [
        path for folder in folders for pattern in ("*.whl", "*.tar.gz") for path in folder.glob(pattern)
    ]
    with Progress(packages) as progress:
        digest_of = partial(digests.digest, advance=progress.advance)
        return plan_simple_index(folders, merged, output, digest_of, base_url)


def _to_print(planned: Index) -> list[Path]:
    """Return the paths of the index files, and of the start pages of a package index."""
    paths = [path for release in planned.releases for path in release.paths()]
    starts = ("index.html", "simple/index.html")
    return paths + [output.path for output in planned.outputs if output.name in starts]


def _files(planned: Index, differences: Mapping[Path, str], *, check: bool) -> list[dict[str, object]]:
    """Return an entry for each file."""
    variants = {path: release for release in planned.releases for path in release.paths()}
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
