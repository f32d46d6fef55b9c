"""Both distributions of a release are sound and reproducible, and the tests run from the sdist."""

from __future__ import annotations

import os
import re
import runpy
import sys
import tarfile
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from helpers.made_once import made_once
from helpers.programs import run, run_here
from helpers.sample_projects import ROOT
from helpers.strict_reader import walk
from markdown_it import MarkdownIt
from packaging.version import Version
from ruamel.yaml import YAML

from variant_backend import __version__
from variant_backend._internal.cli.main import main
from variant_backend._internal.project.own_requirement import CORE

ADDRESS = "https://example.org/owner/project"
TAG = "HEAD" if ".dev" in __version__ else f"v{__version__}"
HOOK = Path("commands", "hatch_build.py")
CONSTANT = re.compile('^REPOSITORY = "(.*)"$', re.MULTILINE)
(REPOSITORY,) = CONSTANT.findall((ROOT / HOOK).read_text("utf-8"))  # the owner sets it


def build(tree: Path, folder: Path, *options: str, **variables: Any) -> Path:
    """Build both distributions of a tree into a folder, and return it. hatchling alone is much faster."""
    for project in (tree, tree / "commands"):
        run("python", "-m", "hatchling", "build", "-d", folder, *options, cwd=project, **variables)
    return folder


def unpacked(sdist: Path, folder: Path) -> Path:
    """Return the tree of an unpacked sdist, as a clone has it."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    tree = folder / sdist.name.removesuffix(".tar.gz")
    (tree / "PKG-INFO").unlink()
    return tree


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of this tree that a release would upload."""

    def build_all(folder: Path) -> None:
        for project in (ROOT, ROOT / "commands"):
            run("python", "-m", "build", "--no-isolation", "--outdir", folder, project)

    return made_once(tmp_path_factory, "uploads", build_all)


@pytest.fixture
def tree(built: Path, tmp_path: Path) -> Path:
    """A copy of this tree, from its sdist."""
    return unpacked(next(built.glob("variant_backend_core-*.tar.gz")), tmp_path)


def headers(folder: Path) -> Iterator[Message]:
    """Yield the metadata of each wheel in a folder."""
    for wheel in sorted(folder.glob("*.whl")):
        (text,) = (data for name, data in walk(wheel).items() if name.endswith(".dist-info/METADATA"))
        yield BytesParser().parsebytes(text)


def links(markdown: str) -> list[str]:
    """Return the targets of all links and pictures of a page, which has no HTML."""
    blocks = MarkdownIt().parse(markdown)
    tokens = [part for block in blocks for part in (block, *(block.children or ()))]
    assert not any(token.type.startswith("html") for token in tokens)
    return [str(target) for token in tokens for name in ("href", "src") if (target := token.attrGet(name))]


@pytest.mark.slow
def test_checkers_accept_the_files_of_both_distributions(built: Path) -> None:
    core, commands = sorted(built.glob("*.whl"), reverse=True)
    run("twine", "check", "--strict", *built.iterdir())
    run("check-wheel-contents", core)
    run("check-wheel-contents", "--config", ROOT / "commands" / "pyproject.toml", commands)


@pytest.mark.slow
def test_builds_give_the_same_bytes_everywhere(built: Path, tree: Path, tmp_path: Path) -> None:
    for path in [*tree.rglob("*")]:
        if path.is_file():
            path.chmod(path.stat().st_mode & 0o700)  # as after a checkout with another umask
        os.utime(path, (1e9, 1e9))
    where = {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7", "PYTHONUTF8": "0"}
    again = build(tree, tmp_path / "again", **where)
    assert len([*again.iterdir()]) == 4
    for path in again.iterdir():
        assert path.read_bytes() == (built / path.name).read_bytes(), path.name


@pytest.fixture
def addressed(tree: Path, tmp_path: Path) -> Path:
    """The wheels of a release if the address of the repository was set."""
    text = CONSTANT.sub(f'REPOSITORY = "{ADDRESS}"', (tree / HOOK).read_text(encoding="utf-8"))
    (tree / HOOK).write_text(text, encoding="utf-8")
    return build(tree, tmp_path / "addressed", "-t", "wheel")


@pytest.mark.slow
def test_an_address_gives_project_urls_and_links_to_existing_files(
    addressed: Path, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("twine", "check", "--strict", *addressed.iterdir())
    for metadata in headers(addressed):
        folder = "" if metadata["Name"] == CORE else "commands"
        description, readme = str(metadata.get_payload()), (tree / folder / "README.md").read_text("utf-8")
        urls = dict(each.split(", ", 1) for each in metadata.get_all("Project-URL", []))
        assert {*urls} == {"Documentation", "Source", "Issues", "Changelog", "Security"}
        for url in [*urls.values(), *links(description)]:
            assert urlsplit(url).scheme == "https" and is_sound(url, tree), url
        relative = [link for link in links(readme) if "://" not in link]
        assert len([url for url in links(description) if url.startswith(ADDRESS)]) == len(relative)
    info = tmp_path / f"variant_backend_core-{__version__}.dist-info"
    info.mkdir()
    (info / "METADATA").write_bytes(walk(next(addressed.glob("*_core-*.whl")))[f"{info.name}/METADATA"])
    monkeypatch.syspath_prepend(tmp_path)
    page = main.commands["explain"].page  # type: ignore[attr-defined]  # all are ours
    last = run_here(main, "explain", "--help").stdout.splitlines()[-1]
    assert last == f"Documentation: {ADDRESS}/blob/{TAG}/{page}"


WRONG = [f"{ADDRESS}/", f"{ADDRESS}.git", f"{ADDRESS} ", "http://example.org/a/b", "example.org/a/b"]
WRONG += ["https://me:pw@example.org/a/b", "git@example.org:a/b.git", "https://example.org"]


@pytest.mark.parametrize("wrong", WRONG)
def test_no_distribution_is_built_with_a_wrong_address(wrong: str) -> None:
    check_address = runpy.run_path(str(ROOT / HOOK))["check_address"]
    for right in ("", ADDRESS, "https://example.org:8443/group/sub/project.x"):
        check_address(right)
    with pytest.raises(ValueError, match="REPOSITORY: expected an address such as"):
        check_address(wrong)


def is_sound(url: str, tree: Path) -> bool:
    """Whether a URL is one of another project, or names a page or a file of this one."""
    if not url.startswith(ADDRESS) or url in (ADDRESS, f"{ADDRESS}/issues"):
        return True
    form, tag, file = url.partition("#")[0].removeprefix(f"{ADDRESS}/").split("/", 2)
    expected = "raw" if file.endswith((".svg", ".png")) else "blob"
    return (form, tag) == (expected, TAG) and (tree / file).exists()


@pytest.mark.slow
def test_metadata_has_only_addresses_of_the_constant(built: Path) -> None:
    for metadata in headers(built):
        assert metadata["Dynamic"] is None
        urls = [url.partition(", ")[2] for url in metadata.get_all("Project-URL", [])]
        assert bool(urls) == bool(REPOSITORY) and all(url.startswith(REPOSITORY) for url in urls)
        readme = ROOT / ("" if metadata["Name"] == CORE else "commands") / "README.md"
        assert REPOSITORY or metadata.get_payload() == readme.read_text(encoding="utf-8")


@pytest.mark.slow
def test_tests_run_from_the_sdist(tree: Path) -> None:
    # These read files beside the packages. `dev.py lint` checks that the sdist has all files.
    files = [f"tests/test_{name}.py" for name in ("docs", "distributions", "packages", "workflows")]
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *files)
    assert " passed" in run(sys.executable, *command, cwd=tree).stdout


def test_the_citation_the_changelog_and_a_page_name_the_same_release() -> None:
    citation = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(r"^## \[(\d.*)\] - (unreleased|\d{4}-\d\d-\d\d)$", changelog, re.MULTILINE)
    assert heading is not None
    date = str(citation.get("date-released", "unreleased"))
    assert (citation["version"], date) == (heading[1], heading[2])
    is_under_way = Version(__version__).is_devrelease
    assert __version__ == citation["version"] or (is_under_way and "\n## [Unreleased]\n" in changelog)
    assert citation.get("repository-code", "") == REPOSITORY
    page = (ROOT / "docs" / "how-to" / "vendoring.md").read_text(encoding="utf-8")
    assert re.findall(rf"^{CORE}==(.*)$", page, re.MULTILINE) == [citation["version"]]


@pytest.mark.slow
def test_the_citation_is_valid() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.citation-file-format", ROOT / "CITATION.cff")
