"""A package index in a folder: real installers use it, and it never replaces the user's files."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import make_wheel, requiring
from helpers.programs import empty_cache, read_terminal, run, run_here
from helpers.servers import serving

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command
from variant_backend._internal.formats import simple_api
from variant_backend._internal.lowlevel import remembered_digests, tarball

PROJECT = """
[variant.default-priorities]
namespace = ["nvidia", "blas"]
[variant.providers.nvidia]
requires = ["nvidia-variant-provider>=0.0.1,<1"]
plugin-api = "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
[variant.providers.blas]
static-properties.library = ["mkl", "openblas"]
[variant.variants]
cuda13 = { nvidia = { cuda_version_lower_bound = ["13.0"] } }
mkl = { blas = { library = ["mkl"] } }
[tool.variant-backend.variants.cuda13]
dependencies = ["helper-cuda"]
[tool.variant-backend.variants.mkl]
dependencies = ["helper-mkl"]
"""
METADATA = (
    "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: It <b>adds</b> & 'subtracts'\n"
    "Requires-Python: >=3.8, <5\nRequires-Dist: common\n\nThe text.\n"
)
GPU: dict[str, Any] = {
    "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "13.0",
    "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": "9.0",
}
VARIANTS = ("--preview-features", "wheel-variants")
VERSIONS = ("1.0", "1.1+local.1")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two releases of a project with variants, an sdist, and the required projects."""
    folder, source = tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("source")
    (source / "pyproject.toml").write_text(PROJECT)
    for version in VERSIONS:
        wheel = make_wheel(folder, "My_Demo", version, metadata=METADATA)
        for label in ("cuda13", "mkl", "null"):
            run_here(make_variant_command, "-q", "-l", label, "-o", folder, wheel, cwd=source)
    for name in ("common", "helper_cuda", "helper_mkl"):
        make_wheel(folder, name)
    make_sdist(folder / "my_demo-1.0.tar.gz", METADATA.format(name="my-demo", version="1.0").encode())
    return folder


def make_sdist(path: Path, info: bytes, name: str = "PKG-INFO") -> None:
    with tarfile.open(path, "w:gz") as archive:
        for inside, content in (("setup.py", b""), (name, info)):
            member = tarfile.TarInfo(f"{path.name.removesuffix('.tar.gz')}/{inside}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def dist(packages: Path, tmp_path: Path) -> Path:
    """A copy of these packages, without an index."""
    return shutil.copytree(packages, tmp_path / "dist")


@pytest.fixture(scope="module")
def indexed(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of these packages, with an index."""
    folder = shutil.copytree(packages, tmp_path_factory.mktemp("indexed") / "dist")
    assert index(folder).exit_code == 0
    return folder


def index(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["index", "--simple", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture(params=["html", "json"])
def site(request: pytest.FixtureRequest, indexed: Path) -> Iterator[tuple[str, list[str]]]:
    with serving(indexed, as_json=request.param == "json") as served:
        yield served


def uv_installs(url: str, target: Path, *arguments: str, **env: Any) -> tuple[str, list[str]]:
    """Let uv install; return the label, or `plain`, and the names of all installed projects."""
    common = [*empty_cache(), "--no-config", "--python", sys.executable, "--target", str(target)]
    run("uv", "pip", "install", *common, "--index-url", f"{url}simple/", *arguments, **env)
    return installed(target)


def installed(target: Path) -> tuple[str, list[str]]:
    (path,) = target.glob("My_Demo-*.dist-info")
    document = path / "variant.json"
    label = next(iter(json.loads(document.read_text())["variants"])) if document.exists() else "plain"
    names = sorted(path.name.partition("-")[0] for path in target.glob("*.dist-info"))
    return label, names


@pytest.mark.agreement
@pytest.mark.parametrize(
    ("options", "hardware", "expected"),
    [
        (VARIANTS, GPU, ("cuda13", ["My_Demo", "common", "helper_cuda"])),
        (VARIANTS, {}, ("mkl", ["My_Demo", "common", "helper_mkl"])),
        ((), GPU, ("plain", ["My_Demo", "common"])),
    ],
)
def test_uv_installs_the_right_variant_with_its_dependencies(
    site: tuple[str, list[str]],
    tmp_path: Path,
    options: tuple[str, ...],
    hardware: Mapping[str, Any],
    expected: tuple[str, list[str]],
) -> None:
    for number, wanted in enumerate(("My.Demo==1.0", "my-demo")):
        assert uv_installs(site[0], tmp_path / str(number), *options, wanted, **hardware) == expected
    assert (tmp_path / "1" / "My_Demo-1.1+local.1.dist-info").exists()


@pytest.mark.agreement
@pytest.mark.slow  # pip for each
def test_pip_installs_the_plain_wheel_and_reads_its_metadata_file(
    site: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, requested = site
    options = ["--no-cache-dir", "--index-url", f"{url}simple/", "my_demo"]
    run("pip", "install", "--target", tmp_path / "target", *options, **GPU)
    assert installed(tmp_path / "target") == ("plain", ["My_Demo", "common"])
    plain = "/My_Demo-1.1%2Blocal.1-py3-none-any.whl"
    assert requested.index(f"{plain}.metadata") < requested.index(plain)
    assert not any("cuda13" in path for path in requested)
    del requested[:]
    run("pip", "download", "--dest", tmp_path / "dest", *options)
    assert {path.name for path in (tmp_path / "dest").iterdir()} == {
        "My_Demo-1.1+local.1-py3-none-any.whl",
        "common-1.0-py3-none-any.whl",
    }
    assert f"{plain}.metadata" in requested


@pytest.mark.agreement
@pytest.mark.slow  # pip for each
def test_pip_verifies_the_hashes_of_the_pages(dist: Path, tmp_path: Path) -> None:
    assert index(dist).exit_code == 0
    path = dist / "common-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes().replace(b"PK\x05\x06", b"PK\x05\x07"))
    for as_json in (False, True):
        with serving(dist, as_json=as_json) as (url, _):
            command = [
                "pip",
                "download",
                "--no-cache-dir",
                "--dest",
                tmp_path,
                "--index-url",
                f"{url}simple/",
            ]
            result = run(*command, "common", ok=False)
        assert "DO NOT MATCH THE HASHES" in result.stderr


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "not an http or https URL"),
        ("example.org/packages", "not an http or https URL"),
        ("ftp://example.org/", "not an http or https URL"),
        ("https:///packages", "not an http or https URL"),
        ("https:\\\\example.org", "not an http or https URL"),
        ("https://[example.org/", "Invalid IPv6 URL"),
        ("https://example.org:http/", "Port could not be cast"),
        ("https://example.org/?", "has a query or fragment"),
        ("https://example.org/#a", "has a query or fragment"),
        ("https://example.org/a b", "percent-encode them"),
        ("https://example.org/\u00e9", "percent-encode them"),
        ("https://example.org\\packages", "percent-encode them"),
        ('https://example.org/"><script>evil()</script>', "percent-encode them"),
        ("https://example.org/{a}|`b`^c", "percent-encode them"),
        ("https://example.org/a\nb", "percent-encode them"),
        ("javascript:alert(1)//example.org", "not an http or https URL"),
        ("data:text/html,<script>alert(1)</script>", "not an http or https URL"),
        ("https://user:s3cret@example.org/", "has a user or password"),
    ],
)
def test_an_invalid_base_url_is_wrong_usage(dist: Path, url: str, message: str) -> None:
    result = index(dist, "--base-url", url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "s3cret" not in result.stderr
    assert not (dist / "simple").exists()


def test_a_base_url_without_simple_is_wrong_usage(dist: Path) -> None:
    result = CliRunner().invoke(main, ["index", str(dist), "--base-url", "https://example.org"])
    assert result.exit_code == 2
    assert "--base-url needs --simple" in result.stderr


def test_verify_without_hashed_files_is_wrong_usage(dist: Path) -> None:
    result = CliRunner().invoke(main, ["index", str(dist), "--verify"])
    assert result.exit_code == 2
    assert "--verify needs --simple or several folders" in result.stderr


def hashed(*arguments: object) -> tuple[int, int]:
    """Return how many files are hashed, and how many hashes are reused."""
    lines = index("--verbose", *arguments).stderr.splitlines()
    return tuple(sum(line.startswith(start) for line in lines) for start in ("hash ", "reuse "))  # type: ignore[return-value]


def test_only_new_files_are_hashed(dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered_digests, "_STEP", 0)
    assert hashed(dist) == (12, 0)
    assert hashed(dist) == (0, 12)
    make_wheel(dist, "new")
    assert hashed(dist) == (1, 12)
    before = (dist / "simple" / "index.json").read_bytes()
    assert hashed("--verify", dist) == (13, 0)
    assert (dist / "simple" / "index.json").read_bytes() == before
    assert hashed("--check", dist) == (0, 13)


def test_twins_are_hashed_once(dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered_digests, "_STEP", 0)
    shutil.copytree(dist, tmp_path / "twins")
    run = functools.partial(hashed, dist, tmp_path / "twins", "-o", tmp_path / "index")
    assert run()[0] == 24
    assert run()[0] == 0


def test_a_base_url_that_is_too_short_for_links_is_an_error(dist: Path, tmp_path: Path) -> None:
    result = index(dist, "-o", tmp_path / "a" / "b", "--base-url", "https://example.org/b")
    assert result.exit_code == 1
    assert f"serve {tmp_path}, and use a --base-url that ends in /a/b" in result.stderr
    assert not (tmp_path / "a").exists()


def test_html_and_json_pages_list_every_file_correctly(indexed: Path) -> None:
    project = indexed / "simple" / "my-demo"
    url = (project / "index.html").as_uri()
    page = simple_api.from_json((project / "index.json").read_bytes(), url)
    as_html = simple_api.from_html((project / "index.html").read_bytes(), url)
    assert page.name == "my-demo"
    assert as_html.files == tuple(file._replace(size=None, upload_time=None) for file in page.files)
    names = [path.name for path in indexed.glob("my_demo-*")] + [
        path.name for path in indexed.glob("My_Demo*.whl")
    ]
    assert sorted(file.filename for file in page.files) == sorted(names)
    assert len(names) == 2 * 4 + 2 + 1
    for file in page.files:
        path = indexed / file.filename
        assert file.url == path.as_uri()
        assert file.size == path.stat().st_size
        assert file.hashes == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        is_wheel = path.suffix == ".whl"
        assert file.requires_python == (None if path.suffix == ".json" else ">=3.8, <5")
        assert (file.core_metadata is not None) == is_wheel == Path(f"{path}.metadata").exists()
        if is_wheel:
            content = Path(f"{path}.metadata").read_bytes()
            assert content == ZipFile(path).read(f"{'-'.join(path.name.split('-')[:2])}.dist-info/METADATA")
            assert file.core_metadata == {"sha256": hashlib.sha256(content).hexdigest()}
    document = json.loads((project / "index.json").read_bytes())
    assert document["meta"]["api-version"] == "1.1"
    assert document["versions"] == [*VERSIONS]
    names_page = json.loads((indexed / "simple" / "index.json").read_bytes())
    assert [each["name"] for each in names_page["projects"]] == [
        "common",
        "helper-cuda",
        "helper-mkl",
        "my-demo",
    ]


def test_check_accepts_a_finished_index(dist: Path) -> None:
    result = index(dist)
    names = [
        "my_demo-1.0-variants.json",
        "my_demo-1.1+local.1-variants.json",
        "simple/index.html",
        "index.html",
    ]
    assert result.stdout.splitlines() == [str(dist / name) for name in names]
    before = {path: path.stat().st_mtime_ns for path in dist.rglob("*") if path.is_file()}
    assert index("--check", dist).exit_code == 0
    assert index(dist).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in dist.rglob("*") if path.is_file()} == before
    (dist / "simple" / "common" / "index.json").unlink()
    result = index("--check", dist)
    assert (result.exit_code, result.stdout) == (1, f"{dist / 'simple' / 'common' / 'index.json'}: missing\n")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("index.html", "<html>mine</html>"),
        ("project/my-demo/index.html", "<html>mine</html>"),
        ("simple/index.html", ""),
        ("simple/index.json", "{}"),
        ("simple/my-demo/index.json", '{"meta": {"api-version": "1.0"}}'),
    ],
)
def test_files_of_others_are_not_replaced_and_no_file_is_written(dist: Path, name: str, content: str) -> None:
    (dist / name).parent.mkdir(parents=True, exist_ok=True)
    (dist / name).write_text(content)
    before = sorted(path for path in dist.rglob("*") if path.is_file())
    result = index(dist)
    assert result.exit_code == 1
    assert f"error: {dist / name}: already exists, and was not written by variant-backend" in result.stderr
    assert sorted(path for path in dist.rglob("*") if path.is_file()) == before
    assert (dist / name).read_text() == content


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only some users make links")
def test_no_file_is_written_if_one_page_cannot_be(dist: Path) -> None:
    before = sorted(dist.rglob("*"))
    (dist / "simple").mkdir()
    (dist / "simple" / "my-demo").symlink_to("nowhere")
    result = index(dist)
    assert result.exit_code == 1
    assert str(dist / "simple" / "my-demo") in result.stderr
    files = [path for path in dist.rglob("*") if path.is_file()]
    assert sorted(files) == before


def test_pages_of_removed_projects_are_a_warning(dist: Path) -> None:
    assert index(dist).stderr == ""
    for path in dist.glob("common-*"):
        path.unlink()
    (dist / "simple" / "mine").mkdir()
    (dist / "simple" / "mine" / "index.html").write_text("<html>mine</html>")
    page = dist / "simple" / "common" / "index.html"
    for options in ((), ("--check",)):
        warning = f"warning: {page} is outdated: its project has no files any more; delete {page.parent}\n"
        assert warning in index(*options, dist).stderr
    assert "mine" not in index(dist).stderr
    for folder in ("simple", "project"):
        shutil.rmtree(dist / folder / "common")
    assert index("--check", dist).stderr == ""


def test_several_folders_require_an_output_folder(dist: Path, tmp_path: Path) -> None:
    result = index(dist, tmp_path)
    assert result.exit_code == 2
    assert "needs --output" in result.stderr


def test_wheels_in_several_folders_are_not_moved(dist: Path, tmp_path: Path) -> None:
    helpers = tmp_path / "other wheels"
    helpers.mkdir()
    for path in dist.glob("helper_*.whl"):
        path.rename(helpers / path.name)
    shutil.copy(dist / "common-1.0-py3-none-any.whl", helpers)
    result = index(dist, helpers, "-o", tmp_path / "site")
    assert result.exit_code == 0
    assert f"serve {tmp_path}, so that the index is at /site/simple/" in result.stderr
    assert not (dist / "my_demo-1.0-variants.json").exists()
    with serving(tmp_path, as_json=False) as (url, _):
        expected = ("cuda13", ["My_Demo", "common", "helper_cuda"])
        assert uv_installs(f"{url}site/", tmp_path / "t", *VARIANTS, "my-demo", **GPU) == expected
    again = index(helpers, dist, "-o", tmp_path / "site", "--check")
    assert (again.exit_code, again.stdout) == (0, "")


def test_a_broken_wheel_is_an_error_and_a_broken_sdist_a_warning(dist: Path) -> None:
    (dist / "broken-1.0-py3-none-any.whl").write_bytes(b"no wheel")
    result = index(dist)
    assert result.exit_code == 1
    assert "error: broken-1.0-py3-none-any.whl: expected a zip archive, got text: 'no wheel'" in result.stderr
    assert not (dist / "simple").exists()
    (dist / "broken-1.0-py3-none-any.whl").unlink()
    make_sdist(dist / "big-1.0.tar.gz", b"x" * (9 << 20))
    (dist / "cut-1.0.tar.gz").write_bytes((dist / "my_demo-1.0.tar.gz").read_bytes()[:-30])
    (dist / "text-1.0.tar.gz").write_text("no archive")
    make_sdist(dist / "twice-1.0.tar.gz", b"Requires-Python: >=3\nRequires-Python: >=4\n")
    make_sdist(dist / "none-1.0.tar.gz", b"", "OTHER")
    (dist / "readme.tar.gz").write_text("no sdist")
    (dist / "old-1.0-variants.json").write_text("{}")
    (dist / "my_demo-1.0.0-variants.json").write_text("{}")
    result = index(dist)
    assert result.exit_code == 0
    for warning in (
        "big-1.0.tar.gz: PKG-INFO: too large: 9437184 bytes (limit: 8388608); the index omits its",
        "cut-1.0.tar.gz: damaged: ",
        "text-1.0.tar.gz: damaged: ",
        "twice-1.0.tar.gz: duplicate field Requires-Python",
        "none-1.0.tar.gz: PKG-INFO is missing",
        f"{dist / 'readme.tar.gz'} is not listed: invalid name of an sdist; rename it to NAME-VERSION.tar.gz",
        f"{dist / 'old-1.0-variants.json'} is not listed: no release with variant",
        f"{dist / 'my_demo-1.0.0-variants.json'} is not listed: no release with variant",
    ):
        assert warning in result.stderr
    page = simple_api.from_html((dist / "simple" / "cut" / "index.html").read_bytes(), "http://x/simple/cut/")
    assert [(file.filename, file.requires_python) for file in page.files] == [("cut-1.0.tar.gz", None)]


def test_pages_mention_variants_only_of_releases_that_have_some(tmp_path: Path) -> None:
    make_wheel(tmp_path)
    assert index(tmp_path).exit_code == 0
    page = (tmp_path / "project" / "demo" / "index.html").read_text()
    assert '<p class="facts">1 wheel · ' in page
    assert "<caption>Wheels of demo 1.0</caption>" in page


def test_many_requirements_are_folded(tmp_path: Path) -> None:
    make_wheel(tmp_path, metadata=requiring(*(f"r{number}" for number in range(13))))
    make_wheel(tmp_path, version="0.9", metadata=requiring("r"))
    assert index(tmp_path).exit_code == 0
    page = (tmp_path / "project" / "demo" / "index.html").read_text()
    assert re.findall(r"<summary>(\d+ requirements?)</summary>", page) == ["13 requirements"]


def test_a_page_shows_the_first_of_two_summaries(tmp_path: Path) -> None:
    make_wheel(tmp_path, metadata=METADATA.replace("Summary:", "Summary: one\nSummary:"))
    assert index(tmp_path).exit_code == 0
    assert '<p class="summary">one</p>' in (tmp_path / "project" / "demo" / "index.html").read_text()
    page = simple_api.from_html(
        (tmp_path / "simple" / "demo" / "index.html").read_bytes(), "http://x/simple/demo/"
    )
    assert [file.requires_python for file in page.files] == [">=3.8, <5"]


def test_an_sdist_is_decompressed_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_sdist(tmp_path / "demo-1.0.tar.gz", b"Requires-Python: >=3\n")
    assert "Requires-Python" not in index(tmp_path).stderr
    monkeypatch.setattr(tarball, "_LARGEST_ARCHIVE", 500)
    make_sdist(tmp_path / "demo-1.0.tar.gz", b"x" * 100_000)
    assert "demo-1.0.tar.gz: PKG-INFO: not found in the first" in index(tmp_path).stderr


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    result = index(tmp_path)
    assert result.exit_code == 1
    assert "no wheels or sdists" in result.stderr


def test_an_index_works_without_variants(tmp_path: Path) -> None:
    make_wheel(tmp_path)
    assert index(tmp_path).stdout.splitlines() == [
        str(tmp_path / "simple" / "index.html"),
        str(tmp_path / "index.html"),
    ]


def test_a_project_may_have_any_name(tmp_path: Path) -> None:
    for name in ("simple", "project", "index.html"):
        make_wheel(tmp_path, name)
    assert index(tmp_path).exit_code == 0
    assert index("--check", tmp_path).exit_code == 0
    with serving(tmp_path, as_json=False) as (url, _):
        command = ["pip", "install", "--no-cache-dir", "--target", tmp_path / "t"]
        run(*command, "--index-url", f"{url}simple/", "simple", "project", "index.html")


def test_json_lists_all_files_of_the_index(dist: Path) -> None:
    result = json.loads(index("--json", dist).stdout)
    present = {str(path) for path in dist.rglob("*") if path.suffix in (".metadata", ".html", ".json")}
    assert {file["path"] for file in result["files"] if file["written"]} == present
    assert result["errors"] == []


def test_a_long_summary_is_cut(tmp_path: Path) -> None:
    text = f"Metadata-Version: 2.1\nName: {{name}}\nVersion: {{version}}\nSummary: {'x' * 10_000}\n\n"
    make_wheel(tmp_path, metadata=text)
    assert index(tmp_path).exit_code == 0
    for path in (tmp_path / "index.html", tmp_path / "project" / "demo" / "index.html"):
        assert f">{'x' * 512}<" in path.read_text()


def test_text_from_wheels_is_escaped_on_pages(tmp_path: Path) -> None:
    hostile = "</p><script>evil()</script>\"'& \N{REPLACEMENT CHARACTER}"
    metadata = (
        f"Metadata-Version: 2.1\nName: {{name}}\nVersion: {{version}}\nSummary: {hostile}\n"
        f"Requires-Python: {hostile}\nRequires-Dist: {hostile}\nRequires-Dist: ../x\n"
        f"Project-URL: {hostile}, https://example.org/\n\n{hostile}"
    ).replace("\N{REPLACEMENT CHARACTER}", "\x1b")
    make_wheel(tmp_path, metadata=metadata)
    make_wheel(tmp_path, tag="cp312-cp312-any", metadata=metadata + "x")
    make_sdist(tmp_path / "demo-1.0.tar.gz", metadata.format(name="demo", version="1.0").encode())
    assert index(tmp_path).exit_code == 0
    for path in tmp_path.rglob("*.html"):
        assert not re.search(r"<script|[\0-\x08\x0e-\x1f]", path.read_text())
    page = simple_api.from_html(
        (tmp_path / "simple" / "demo" / "index.html").read_bytes(), "http://x/simple/demo/"
    )
    assert [file.requires_python for file in page.files] == [hostile] * 3
    assert "&lt;script&gt;evil()&lt;/script&gt;" in (tmp_path / "project" / "demo" / "index.html").read_text()


def test_only_names_are_projects_that_an_index_lacks(tmp_path: Path) -> None:
    requirements = "".join(f"Requires-Dist: {text}\n" for text in ("../x", "-", "@", "other>=1"))
    make_wheel(
        tmp_path, metadata=f"Metadata-Version: 2.1\nName: {{name}}\nVersion: {{version}}\n{requirements}\n"
    )
    assert index(tmp_path).exit_code == 0
    assert "This index lacks other: " in (tmp_path / "project" / "demo" / "index.html").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such filenames")
def test_sdists_with_invalid_project_names_get_no_pages(tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>", "javascript:alert(1)", "..", ".", "_", "a\\..\\b", " ", "a\nb"]
    names += ['x" onclick="alert(1)', "&lt;b&gt;", "-a", "a_", "\xe9", "\u212a"]  # the last is a sign like K
    for name in names:
        make_sdist(tmp_path / f"{name}-1.0.tar.gz", METADATA.format(name="demo", version="1.0").encode())
    assert "no wheels or sdists" in index(tmp_path).stderr
    make_sdist(tmp_path / "Good.One-1.0.tar.gz", METADATA.format(name="Good.One", version="1.0").encode())
    result = index(tmp_path)
    assert result.exit_code == 0
    assert result.stderr.count("is not listed: invalid project name") == len(names)
    for folder in ("simple", "project"):
        assert [path.name for path in (tmp_path / folder).iterdir() if path.is_dir()] == ["good-one"]
    for path in tmp_path.rglob("*.html"):
        assert "alert" not in path.read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such filenames")
@pytest.mark.parametrize(
    "name",
    [
        "..-1.0-py3-none-any.whl",
        "_-1.0-py3-none-any.whl",
        "<b>-1.0-py3-none-any.whl",
        "demo-1.0-1<b>-py3-none-any.whl",
        'demo-1.0-py3-none-any.x" onclick="alert(1).whl',
        "demo-1.0-py3-none-any.\\..\\x.whl",
        "demo-1.0-py3-none-any-<b>.whl",
    ],
)
def test_a_wheel_with_an_invalid_filename_is_an_error(tmp_path: Path, name: str) -> None:
    make_wheel(tmp_path).rename(tmp_path / name)
    result = index(tmp_path)
    assert result.exit_code == 1
    assert f"error: {name}: " in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.slow  # it compares large wheels
def test_many_requirements_are_compared_in_linear_time(tmp_path: Path) -> None:
    lines = "".join(f"Requires-Dist: a-rather-long-name-{number}\n" for number in range(20_000))
    for tag in ("py3-none-any", "cp312-cp312-any"):
        own = f"Requires-Dist: only-{tag.partition('-')[0]}\n"
        make_wheel(tmp_path, tag=tag, metadata=METADATA.replace("\n\n", f"\n{lines}{own}\n"))
    started = time.process_time()  # other processes may be busy
    assert index(tmp_path).exit_code == 0
    assert time.process_time() - started < 5
    page = (tmp_path / "project" / "demo" / "index.html").read_text()
    assert page.count("a-rather-long-name-19999") == 1
    assert "only-cp312 (some of the wheels)" in page


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals in the standard library")
@pytest.mark.parametrize("slow", [True, False])
def test_slow_reading_shows_progress_on_a_terminal(tmp_path: Path, slow: bool) -> None:
    import pty

    make_wheel(tmp_path, files={"demo/large": os.urandom(3 << 20)})
    script = (
        "import sys, time\n"
        "from variant_backend._internal.cli import output\n"
        "from variant_backend._internal.cli.main import main\n"
        "advance = output.Progress.advance\n"
        "def slowly(self, count):\n"
        f"    time.sleep({0.4 if slow else 0})\n"
        "    advance(self, count)\n"
        "output.Progress.advance = slowly\n"
        "main(sys.argv[1:])\n"
    )
    parent, child = pty.openpty()
    arguments = [sys.executable, "-c", script, "index", "--simple", str(tmp_path)]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=child, timeout=60)
    os.close(child)
    shown = read_terminal(parent)
    assert done.returncode == 0
    assert (b"%" in shown) == slow, shown
