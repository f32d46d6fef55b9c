"""``variant-backend stub``: the content of the dispatching sdist, and the releases that are refused."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.made_sdists import unpack_sdist
from helpers.made_wheels import make_wheel
from helpers.programs import run
from helpers.range_server import Handler, Server
from helpers.sample_release import DOCUMENT, only, patched, write_release, write_wheel
from helpers.servers import publish
from packaging.metadata import Metadata

from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.cli.main import main
from variant_backend._internal.formats import core_metadata, dispatching_sdist
from variant_backend._internal.formats.release import Candidate, File
from variant_backend._internal.project.user_variables import PLAIN
from variant_backend._internal.variants.filename import WheelFilename

BASE_URL = "https://files.example.org/demo"
FAST = "demo-1.0-py3-none-any-fast.whl"
FILES = {"PKG-INFO", "README", "pylock.toml", "pyproject.toml"}
MACHINE = {
    "default-priorities": {"namespace": ["nvidia"]},
    "providers": {
        "speed": None,
        "nvidia": {
            "requires": ["nvidia-variant-provider>=0.0.1,<1"],
            "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
        },
    },
    "variants": {
        "null": None,
        "fast": {"speed": None, "nvidia": {"sm_arch": ["90_real"]}},
        "safe": {"speed": None, "nvidia": {"sm_arch": ["80_real"]}},
    },
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def dist(here: Path) -> Path:
    """A release in a folder, as a relative path."""
    write_release(here / "dist", DOCUMENT)
    return Path("dist")


def stub(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["stub", *map(str, arguments), "-o", "out"], catch_exceptions=False)


def made(*arguments: object, base_url: str | None = BASE_URL) -> Path:
    """Make an sdist, unpack it, and return its folder."""
    options = ("--base-url", base_url) if base_url else ()
    result = stub(*arguments, *options)
    assert result.exit_code == 0, result.stderr
    return unpack_sdist(result.stdout.splitlines()[0])


def refused(*arguments: object, code: int = 1) -> list[str]:
    """Return the errors of a call that must not write any file."""
    result = stub(*arguments)
    assert result.exit_code == code
    assert not Path("out").exists()
    assert result.stdout == ""
    return [line.removeprefix("error: ") for line in result.stderr.splitlines()]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pinned(wheel: Path, base_url: str = BASE_URL) -> Candidate:
    """Return a wheel of a folder as the sdist pins it."""
    content = wheel.read_bytes()
    core = sha256(b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nSummary: a test\n\nThe text.\n")
    url, hashes = f"{base_url}/{wheel.name}", {"sha256": sha256(content)}
    file = File(wheel.name, url, hashes, len(content), core_metadata={"sha256": core})
    return Candidate(WheelFilename.parse(wheel.name), file)


def test_the_sdist_pins_every_wheel_and_the_backend_reads_it(dist: Path) -> None:
    folder = made(dist, "--redirect-host", "objects.example.org")
    assert {path.name for path in folder.iterdir()} == FILES
    locked = dispatching_sdist.load_pinned(folder)
    assert locked.release.candidates == tuple(map(pinned, sorted(dist.glob("*.whl"))))
    assert locked.hosts == ("objects.example.org",)
    assert locked.release.metadata
    assert {*locked.release.metadata.variants} == {"fast", "null", "safe"}


def test_the_same_wheels_make_the_same_bytes(dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stub(dist, "--base-url", BASE_URL).exit_code == 0
    sdist = Path("out/demo-1.0.tar.gz")
    first = sdist.read_bytes()
    shutil.copytree(dist, "copy")
    sdist.unlink()
    assert stub("copy", "--base-url", f"{BASE_URL}/").exit_code == 0
    assert sdist.read_bytes() == first
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert [each.name for each in members] == sorted(f"demo-1.0/{name}" for name in FILES)
    assert {(each.mtime, each.uid, each.gid, each.uname, each.mode) for each in members} == {
        (0, 0, 0, "", 0o644)
    }
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert stub(dist, "--base-url", BASE_URL, "--force").exit_code == 0
    with tarfile.open(sdist) as archive:
        assert {each.mtime for each in archive} == {1700000000}


def test_plain_wheels_that_installers_prefer_are_a_warning(here: Path) -> None:
    dist = write_release(here / "dist", DOCUMENT, plain=False)
    plain = "demo-1.0-{}-none-any.whl"
    write_wheel(dist / plain.format("py2"))  # for interpreters that no labelled wheel is for
    assert "warning" not in stub(dist, "--base-url", BASE_URL).stderr
    write_wheel(dist / plain.format("py3"))
    for only_one in ((), ("--label", "fast")):
        errors = stub(dist, "--base-url", BASE_URL, *only_one, "--force").stderr
        assert errors.endswith(
            f"keep these wheels off the index of the dispatching sdist: {plain.format('py3')}\n"
        )


def test_check_accepts_a_dispatching_sdist_instead_of_a_plain_wheel(here: Path) -> None:
    dist = write_release(here / "dist", DOCUMENT, plain=False)
    shutil.copytree(dist, "out")
    assert {each.problem.code for each in find_problems([Path("out")])} == {"no-plain-wheel"}
    assert stub("dist", "--base-url", BASE_URL).exit_code == 0
    assert find_problems([Path("out")]) == []
    Path("out/demo-1.0.tar.gz").write_bytes(b"another")
    codes = {each.problem.code for each in find_problems([Path("out")])}
    assert codes == {"plain-from-sdist", "bad-sdist"}


def test_an_sdist_of_another_tool_is_not_overwritten(dist: Path) -> None:
    Path("out").mkdir()
    for content in (b"", b"another"):
        Path("out/demo-1.0.tar.gz").write_bytes(content)
        result = stub(dist, "--base-url", BASE_URL)
        assert result.exit_code == 1
        assert "already exists, and was not written by variant-backend" in result.stderr
        assert Path("out/demo-1.0.tar.gz").read_bytes() == content


def test_metadata_of_all_wheels_is_static_and_the_rest_dynamic(here: Path) -> None:
    common = "Requires-Python: >=3.9\nProvides-Extra: x\nLicense-File: LICENSE\nDynamic: License-File\n"
    dist = here / "dist"
    write_release(dist, DOCUMENT, plain=False)
    for at, label in enumerate(("fast", "null", "safe")):
        inner = (
            f"Metadata-Version: 2.{2 + at}\nName: Demo\nVersion: 1.0\n{common}Requires-Dist: lib-{label}\n"
            f"Keywords: a,\n  b\nDescription-Content-Type: text/markdown\n\n# Demo\n"
        )
        write_wheel(
            dist / f"demo-1.0-py3-none-any-{label}.whl", only(DOCUMENT, label), inner={"METADATA": inner}
        )
    folder = made(dist)
    assert (folder / "PKG-INFO").read_text() == (
        "Metadata-Version: 2.4\nName: Demo\nVersion: 1.0\nDynamic: License-File\nDynamic: Requires-Dist\n"
        "Requires-Python: >=3.9\nProvides-Extra: x\nKeywords: a,\n  b\n"
        "Description-Content-Type: text/markdown\n\n# Demo\n"
    )
    assert (folder / "README.md").read_text() == "# Demo\n"
    wheels = dispatching_sdist.load_pinned(folder).release.candidates
    assert {wheel.file.requires_python for wheel in wheels} == {">=3.9"}


def test_wheels_keep_their_different_requires_python(here: Path) -> None:
    dist = write_release(here / "dist", DOCUMENT, plain=False)
    fast = dist / "demo-1.0-py3-none-any-fast.whl"
    write_wheel(fast, only(DOCUMENT, "fast"), "Requires-Python: >=3.9\n")
    folder = made(dist)
    metadata = Metadata.from_email((folder / "PKG-INFO").read_bytes())
    assert (metadata.requires_python, metadata.dynamic) == (None, ["requires-python"])
    wheels = dispatching_sdist.load_pinned(folder).release.candidates
    assert [wheel.file.requires_python for wheel in wheels] == [">=3.9", None, None]


@pytest.mark.parametrize("descriptions", [("A", "A"), ("A", "B"), ("A", "")])
def test_different_descriptions_are_dynamic(descriptions: tuple[str, str]) -> None:
    parts = [f"Metadata-Version: 2.1\nName: x\nVersion: 1\n\n{text}".encode() for text in descriptions]
    metadata = Metadata.from_email(core_metadata.for_sdist(parts, "x", "1"))
    assert (metadata.description or None, metadata.dynamic) == (
        ("A", None) if descriptions == ("A", "A") else (None, ["description"])
    )


def test_uv_reads_static_requirements_without_building(here: Path) -> None:
    dist = write_release(here / "dist", DOCUMENT)
    for wheel in dist.glob("*.whl"):
        label = wheel.stem.split("-")[5:]
        write_wheel(wheel, only(DOCUMENT, label[0]) if label else None, "Requires-Dist: lib>=2\n")
    assert stub(dist, "--base-url", BASE_URL).exit_code == 0
    make_wheel(Path("out"), "lib", "2.0")
    Path("in.txt").write_text("demo\n")
    # A build would require variant-backend, which this folder lacks.
    result = run("uv", "pip", "compile", "--no-index", "--find-links", "out", "in.txt", "--no-header")
    assert [line for line in result.stdout.splitlines() if "#" not in line] == ["demo==1.0", "lib==2.0"]


@pytest.mark.parametrize(("labels", "known"), [(["fast"], ["fast"]), (["safe", PLAIN], ["safe"])])
def test_only_some_labels_are_listed(dist: Path, labels: list[str], known: list[str]) -> None:
    folder = made(dist, *(f"--label={label}" for label in labels))
    release = dispatching_sdist.load_pinned(folder).release
    suffixes = ["" if label == PLAIN else f"-{label}" for label in labels]
    assert {wheel.file.filename for wheel in release.candidates} == {
        f"demo-1.0-py3-none-any{suffix}.whl" for suffix in suffixes
    }
    assert release.metadata
    assert [*release.metadata.variants] == known


def test_the_selected_wheel_of_each_machine_is_printed(here: Path) -> None:
    release = patched(DOCUMENT, MACHINE)
    write_release(here / "dist", release, labels=("fast", "safe"), plain=False)
    for name, values in {"big": ["90_real", "80_real"], "small": ["80_real"], "none": []}.items():
        features = {"sm_arch": values} if values else {}
        Path(f"{name}.json").write_text(json.dumps({"nvidia": {"features": features}}))
    machines = [f"--machine={name}.json" for name in ("big", "small", "none")]
    result = stub("dist", "--base-url", BASE_URL, *machines)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        str(Path("out/demo-1.0.tar.gz")),
        "",
        "MACHINE     LABEL  WHEEL",
        "big.json    fast   demo-1.0-py3-none-any-fast.whl",
        "small.json  safe   demo-1.0-py3-none-any-safe.whl",
        "none.json          (none)",
    ]
    assert "warning: none.json: would get no wheel" in result.stderr
    printed = json.loads(stub("dist", "--base-url", BASE_URL, *machines, "--json").stdout)
    assert [each["label"] for each in printed["machines"]] == ["fast", "safe", None]
    assert printed["sha256"] == sha256(Path(printed["path"]).read_bytes())


def test_a_release_with_errors_is_refused_with_the_findings_of_check(dist: Path) -> None:
    write_wheel(dist / "demo-1.0-py3-none-any-fast.whl", only(DOCUMENT, "safe"), "Requires-Dist: a b\n")
    shutil.copy(dist / "demo-1.0-py3-none-any.whl", dist / "demo-1.0-py3-none-any-new.whl")
    errors = refused(dist, "--base-url", BASE_URL)
    assert {line.rpartition(" ")[2] for line in errors} >= {
        "[label-mismatch]",
        "[bad-metadata]",
        "[missing-variant-json]",
        "[index-lacks-label]",
    }
    assert errors[0].startswith(f"{dist / 'demo-1.0-py3-none-any-fast.whl'}: ")


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [("Description-Content-Type: text/x", "description-content-type"), ("Unheard-Of: x", "unheard-of")],
)
def test_metadata_that_indexes_refuse_is_refused(dist: Path, metadata: str, problem: str) -> None:
    write_wheel(dist / "demo-1.0-py3-none-any-fast.whl", only(DOCUMENT, "fast"), f"{metadata}\n")
    (error,) = refused(dist, "--base-url", BASE_URL, "--label", "fast")
    assert error.startswith("METADATA of the wheels: ")
    assert problem in error


def test_a_problem_of_many_wheels_is_printed_once(here: Path) -> None:
    dist = write_release(here / "dist", DOCUMENT, plain=False)
    for label in ("fast", "null", "safe"):
        write_wheel(
            dist / f"demo-1.0-py3-none-any-{label}.whl", only(DOCUMENT, label), "Requires-Dist: a b\n"
        )
    (error,) = refused(dist, "--base-url", BASE_URL)
    assert error.startswith(
        f"{dist / 'demo-1.0-py3-none-any-fast.whl'} and 2 more: METADATA: Requires-Dist: "
    )


def test_a_release_without_labels_or_index_file_is_refused(dist: Path) -> None:
    (dist / "demo-1.0-variants.json").unlink()
    (error,) = refused(dist, "--base-url", BASE_URL)
    assert error == f"demo 1.0: the index file is missing; write it with `variant-backend index {dist}`"
    (error,) = refused(dist, "--base-url", BASE_URL, "--label", PLAIN)
    assert error == (
        "demo 1.0: no variant wheel is listed;"
        " add a variant wheel to the folder or index, or its label with --label LABEL"
    )
    (error,) = refused(dist, "--base-url", BASE_URL, "--label", "fats", code=2)
    assert error == "unknown label 'fats' (did you mean 'fast'?); known labels: (plain), fast, null, safe"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["dist"], "a folder needs --base-url URL"),
        (["dist", "--base-url", BASE_URL, "--python", "3.12"], "--python and --platform need --machine SPEC"),
        (["https://example.org/simple/"], "an index needs --package NAME"),
        (
            ["dist", "--base-url", "http://example.org/x"],
            "expected an https URL, got 'http://example.org/x'; use https, so that nobody can",
        ),
        (["dist", "--base-url", "https://me:secret@example.org/x"], "has a user or password"),
        (["dist", "--base-url", BASE_URL, "--redirect-host", "https://a.org"], "invalid host"),
        (["dist", "--base-url", BASE_URL, "--package", "demo#fast"], "select labels with --label"),
        (["dist", "--base-url", BASE_URL], "several versions of demo: 2.0, 1.0; use --package demo==VERSION"),
    ],
)
def test_wrong_usage_is_an_error(dist: Path, arguments: list[str], problem: str) -> None:
    write_release(dist, DOCUMENT, version="2.0")
    errors = "\n".join(refused(*arguments, code=2))
    assert problem in errors
    assert "secret" not in errors


def test_the_named_one_of_several_releases_is_used(dist: Path) -> None:
    write_release(dist, DOCUMENT, version="2.0")
    assert made(dist, "--package", "Demo==1.0").name == "demo-1.0"
    shutil.rmtree("out")
    (error,) = refused(dist, "--base-url", BASE_URL, "--package", "demo==3")
    assert error == "dist: demo==3: no wheels of this version; existing versions: 2.0, 1.0"


def publish_project(folder: Path, server: Server) -> Path:
    """Publish the files of a folder on an index, and return the page of their project."""
    publish([*folder.iterdir()], server.folder / "simple/demo")
    return server.folder / "simple/demo/index.html"


def from_index(server: Server, *arguments: object) -> tuple[str, ...]:
    return (f"{server.url}simple/", "--package", "demo", *map(str, arguments))


def test_wheels_on_an_index_keep_their_urls(here: Path, server: Server) -> None:
    folder = write_release(here / "wheels", DOCUMENT)
    publish_project(folder, server)
    url = server.url.replace("http://", "http://me:secret@")
    unpacked = made(f"{url}simple/", "--package", "demo", base_url=None)
    wheels = sorted(folder.glob("*.whl"))
    assert dispatching_sdist.load_pinned(unpacked).release.candidates == tuple(
        pinned(wheel, f"{server.url}simple/demo") for wheel in wheels
    )
    assert not any("secret" in path.read_text() for path in unpacked.iterdir())
    shutil.rmtree("out")
    publish([*folder.iterdir()], here / "again")
    elsewhere = Path(made(f"{url}simple/", "--package", "demo"))
    candidates = dispatching_sdist.load_pinned(elsewhere).release.candidates
    assert {str(wheel.file.url).rpartition("/")[0] for wheel in candidates} == {BASE_URL}


def test_the_host_of_a_redirect_must_be_an_option(here: Path, server: Server) -> None:
    folder = write_release(here / "wheels", DOCUMENT)
    publish_project(folder, server)
    other = server.url.replace("127.0.0.1", "localhost").rstrip("/")

    def redirect(handler: Handler, _: bytes | None) -> bool:
        if not handler.path.endswith(".whl") or handler.headers["Host"].startswith("localhost"):
            return False
        handler.send(302, b"", {"Location": f"{other}{handler.path}"})
        return True

    server.misbehave = redirect
    errors = refused(*from_index(server))
    assert "another host" in errors[0]
    assert errors[0].endswith("use --redirect-host HOST if that host may send the wheels")
    host = other.removeprefix("http://")
    assert dispatching_sdist.load_pinned(
        made(*from_index(server), "--redirect-host", host, base_url=None)
    ).hosts == (host,)


def test_an_index_without_hashes_is_refused(here: Path, server: Server) -> None:
    folder = write_release(here / "wheels", DOCUMENT)
    page = publish_project(folder, server)
    page.write_text(page.read_text().replace("whl#sha256=", "whl#md5="))
    errors = refused(*from_index(server))
    assert ["the index has no sha256 of the wheel" in line for line in errors] == [True] * 4


def test_wheels_that_the_backend_would_refuse_are_refused(here: Path, server: Server) -> None:
    folder = write_release(here / "wheels", DOCUMENT)
    page = publish_project(folder, server)
    page.write_text(page.read_text().replace("whl#sha256=", "whl#sha256=0"))
    name = "demo-1.0-py3-none-any-fast.whl"
    assert refused(*from_index(server))[0] == f"{name!r}: missing or invalid sha256"


def test_problems_of_a_release_on_an_index_are_found(here: Path, server: Server) -> None:
    folder = write_release(here / "wheels", DOCUMENT)
    write_wheel(folder / "demo-1.0-py3-none-any-fast.whl", only(DOCUMENT, "fast"), "Requires-Dist: a b\n")
    page = publish_project(folder, server)
    (error,) = refused(*from_index(server))
    assert error.startswith("demo-1.0-py3-none-any-fast.whl: Requires-Dist: ")
    assert error.endswith("[bad-metadata]")
    page.write_text(page.read_text().replace("<a ", '<a data-yanked="broken" ', 1))
    (error,) = refused(*from_index(server))
    assert error == "demo-1.0-py3-none-any-fast.whl: yanked: broken"
    (server.folder / "simple/demo/demo-1.0-variants.json").unlink()
    assert any("demo-1.0-variants.json: not found" in line for line in refused(*from_index(server)))


def test_unencrypted_urls_are_refused(here: Path, server: Server) -> None:  # noqa: ARG001  # sets the folder
    arguments = ("--package", "demo", "--base-url", BASE_URL)
    remedy = "use https, so that nobody can change the files during the download"
    for url in ("http://example.org/simple/", "https://[example.org/", "ftp://example.org/"):
        assert refused(url, *arguments) == [f"expected an https URL, got {url!r}; {remedy}"]
    folder = write_release(server.folder / "wheels", DOCUMENT)
    page = publish_project(folder, server)
    page.write_text(page.read_text().replace('href="', 'href="http://example.org/', 1))
    (error,) = refused(f"{server.url}simple/", *arguments)
    url = "http://example.org/demo-1.0-py3-none-any-fast.whl"
    assert error == f"expected an https URL, got {url!r}; {remedy}"


def test_a_url_with_a_query_is_refused(here: Path, server: Server) -> None:
    folder = write_release(here / "wheels", DOCUMENT)
    page = publish_project(folder, server)
    page.write_text(page.read_text().replace(".whl#", ".whl?token=secret#"))
    errors = refused(*from_index(server))
    assert "the URL of the wheel has a query, which may be secret and may expire" in errors[0]
    assert "secret" not in "".join(errors).replace("be secret", "")


def test_a_different_sdist_is_replaced_only_with_force(dist: Path) -> None:
    arguments = (dist, "--base-url", BASE_URL)
    path = Path(stub(*arguments).stdout.strip())
    before = path.read_bytes()
    assert stub(*arguments).exit_code == 0
    result = stub(*arguments, "-l", "null")
    assert result.exit_code == 1
    assert (
        result.stderr == f"error: {path}: already exists with different content; use --force to replace it\n"
    )
    assert path.read_bytes() == before
    assert stub(*arguments, "-l", "null", "--force").exit_code == 0
    assert path.read_bytes() != before


def test_an_sdist_without_a_fallback_is_a_warning_with_a_working_remedy(dist: Path) -> None:
    arguments = (dist, "--base-url", BASE_URL, "-l", "fast", "-l", "safe")
    text = "no null variant and no plain wheel is listed, so machines that support no variant get no wheel"
    assert f"warning: demo 1.0: {text}; add --label null\n" in stub(*arguments).stderr
    for label in ("null", PLAIN):
        assert text not in stub(*arguments, "--label", label, "--force").stderr


def test_the_base_url_of_a_wheel_is_refused(dist: Path) -> None:
    (error,) = refused(dist, "--base-url", f"{BASE_URL}/{FAST}", code=2)[-1:]
    assert error == f"--base-url: expected the URL of a folder, got the wheel {FAST!r}; use {BASE_URL}"
    assert stub(dist, "--base-url", error.rpartition(" ")[2]).exit_code == 0


@pytest.mark.parametrize("url", ["https://u:secret@example.org/?x=secret", "ftp://u:secret@example.org"])
def test_errors_about_the_base_url_show_no_password(dist: Path, url: str) -> None:
    assert "secret" not in "".join(refused(dist, "--base-url", url, code=2))


def test_the_command_that_explains_a_machine_without_a_wheel_works(here: Path) -> None:
    dist = write_release(here / "my dist", patched(DOCUMENT, MACHINE), labels=["fast", "safe"], plain=False)
    Path("none.json").write_text('{"nvidia": {"features": {}}}')
    result = stub(dist, "--base-url", BASE_URL, "--machine", "none.json", "--platform", "linux")
    assert "wheels with the labels fast, safe\n" in result.stderr
    (warning,) = [line for line in result.stderr.splitlines() if "would get no wheel" in line]
    _, *command = shlex.split(warning.split("`")[1])
    explained = CliRunner().invoke(main, command)
    assert (explained.exit_code, explained.stdout.splitlines()[0]) == (1, "demo 1.0: no wheel is compatible")
    result = stub(dist, "--base-url", BASE_URL, "-l", "fast", "--force")
    assert "wheels with the label fast\n" in result.stderr
