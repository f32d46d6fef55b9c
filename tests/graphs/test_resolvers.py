"""uv and pip resolve through the offer alone, for each platform; their failures are explained."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from helpers.ecosystem import MACHINES
from helpers.graphs import graph_from
from helpers.made_wheels import make_wheel
from helpers.offers import machine
from helpers.servers import publish, served, serving
from packaging.tags import sys_tags
from packaging.version import Version

from variant_backend._internal.errors import RequestError, VariantError
from variant_backend._internal.graphs.resolution import Graph
from variant_backend._internal.graphs.resolvers import ResolverName, resolver_named
from variant_backend._internal.graphs.root_requirements import Requested
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.selection.target import Target, running_target
from variant_backend._internal.serving.offer_place import OfferPlace
from variant_backend._internal.serving.running_offer import RunningOffer, running_offer

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
RUNNING = running_target()
PLATFORMS = {
    "manylinux_2_41_x86_64": "linux",
    "manylinux_2_28_aarch64": "linux",
    "manylinux_2_28_x86_64": "linux",
    "manylinux_2_12_x86_64": "linux",
    "linux_x86_64": "linux",
    "manylinux_2_39_riscv64": "linux",
    "musllinux_1_2_x86_64": "linux",
    "musllinux_1_1_aarch64": "linux",
    "macosx_11_0_arm64": "darwin",
    "macosx_14_0_x86_64": "darwin",
    "win_amd64": "win32",
    "win_arm64": "win32",
    "win32": "win32",
}


def made(folder: Path, name: str, *requires: str, version: str = "1.0", tag: str = "py3-none-any") -> Path:
    """Write a plain wheel with requirements."""
    lines = "".join(f"Requires-Dist: {text}\n" for text in requires)
    return make_wheel(folder, name, version, tag, metadata=f"{METADATA}{lines}\n")


def target(python: str | None = None, platform: str | None = None) -> Target:
    return Target.of(python, platform, running=RUNNING.python, tags=sys_tags())


def pins(graph: Graph) -> Mapping[str, str]:
    return {package.name: str(package.version) for package in graph.packages}


def failure(source: Path | str, *requirements: str, resolver: ResolverName = "uv") -> list[str]:
    """Return the lines of the error about requirements."""
    with pytest.raises(VariantError) as caught:
        graph_from(source, Requested.of(requirements), resolver=resolver, on=machine(MACHINES["cpu"]))
    return caught.value.lines()


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a project that has a wheel for each platform, and another dependency on each."""
    folder = tmp_path_factory.mktemp("everywhere")
    systems = dict.fromkeys(PLATFORMS.values())
    requires = [f"on_{system}; sys_platform == {system!r}" for system in systems]
    for platform in PLATFORMS:
        made(folder, "native", *requires, tag=f"cp312-abi3-{platform}")
    for system in systems:
        made(folder, f"on_{system}", "newer; python_version >= '3.13'")
    made(folder, "newer")
    return folder


@pytest.mark.agreement
@pytest.mark.parametrize("platform", PLATFORMS)
def test_uv_resolves_for_each_platform(everywhere: Path, platform: str) -> None:
    graph = graph_from(everywhere, Requested.of(("native",)), target=target("3.12", platform))
    assert {*pins(graph)} == {"native", f"on-{PLATFORMS[platform]}"}
    native = graph.packages[0].ready.file.filename
    assert native == f"native-1.0-cp312-abi3-{platform}.whl"


def test_uv_resolves_for_a_glibc_that_it_does_not_know(everywhere: Path) -> None:
    graph = graph_from(everywhere, Requested.of(("native",)), target=target("3.12", "manylinux_2_30_aarch64"))
    assert graph.packages[0].ready.file.filename == "native-1.0-cp312-abi3-manylinux_2_28_aarch64.whl"


def test_uv_resolves_for_another_python(everywhere: Path) -> None:
    assert "newer" in pins(
        graph_from(everywhere, Requested.of(("native",)), target=target("3.13", "win_amd64"))
    )
    with pytest.raises(VariantError, match="native"):
        graph_from(everywhere, Requested.of(("native",)), target=target("3.10", "win_amd64"))
    assert pins(graph_from(everywhere, Requested.of(("newer",)), target=target("3.14"))) == {"newer": "1.0"}


def test_a_platform_that_uv_does_not_know_is_an_error(everywhere: Path) -> None:
    with pytest.raises(RequestError, match=r"uv cannot resolve for .*s390x.*--resolver pip"):
        graph_from(everywhere, Requested.of(("newer",)), target=target("3.12", "manylinux_2_28_s390x"))


def test_a_free_threaded_python_must_be_installed(everywhere: Path) -> None:
    with pytest.raises(RequestError, match=r"uv requires .*; run 'uv python install 3\.99t'"):
        graph_from(everywhere, Requested.of(("newer",)), target=target("3.99t", "win_amd64"))


def test_pip_resolves_only_for_its_python(everywhere: Path) -> None:
    for aim in (target("3.99"), target(None, "win32")):
        with pytest.raises(RequestError, match="use --resolver uv, or leave --python and --platform out"):
            graph_from(everywhere, Requested.of(("newer",)), resolver="pip", target=aim)
    python = ".".join(map(str, RUNNING.python.release[:2]))
    graph = graph_from(everywhere, Requested.of(("newer",)), resolver="pip", target=target(python))
    assert pins(graph) == {"newer": "1.0"}


@pytest.mark.parametrize("resolver", ["uv", "pip"])
def test_all_forms_of_versions_are_resolved(tmp_path: Path, resolver: ResolverName) -> None:
    versions = {"local": "2.0+cu128", "pre": "1.0rc1", "post": "1.0.post2", "epoch": "1!0.5"}
    for name, version in versions.items():
        made(tmp_path, name, version=version)
    made(tmp_path, "local", version="2.0+cpu")
    requested = Requested.of(("local==2.0+cu128", "pre>=1.0rc1", "post", "epoch"))
    assert pins(graph_from(tmp_path, requested, resolver=resolver)) == versions


@pytest.mark.parametrize("resolver", ["uv", "pip"])
def test_both_resolvers_get_the_variants_of_the_machine(ecosystem: Path, resolver: ResolverName) -> None:
    graph = graph_from(
        ecosystem, Requested.of(("scispeech", "scisource")), resolver=resolver, on=machine(MACHINES["gpu12"])
    )
    labels = {package.name: package.label for package in graph.packages}
    assert labels["scitorch"] == labels["sciaudio"] == labels["scicudnn"] == "cuda12.8"
    assert pins(graph)["scicudart"] == "12.8.90"
    source = next(package for package in graph.packages if package.name == "scisource")
    assert source.ready.file.filename == "scisource-1.0.tar.gz"
    assert source.requires == ("scitools",)


@pytest.mark.parametrize("resolver", ["uv", "pip"])
def test_settings_of_the_user_do_not_change_a_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resolver: ResolverName
) -> None:
    wheels, other = tmp_path / "wheels", tmp_path / "other"
    for version in ("1.0", "2.0", "3.0a1"):
        made(wheels, "demo", version=version)
    made(other, "demo", version="9.0")
    (tmp_path / "constraints.txt").write_text("demo<2\n")
    config = f'no-index = true\nfind-links = ["{other.as_posix()}"]\nresolution = "lowest"\n'
    (tmp_path / "uv.toml").write_text(config)
    (tmp_path / "pip.conf").write_text(f"[global]\nno-index = 1\nfind-links = {other.as_uri()}\npre = 1\n")
    for tool in ("UV", "PIP"):
        monkeypatch.setenv(f"{tool}_CONSTRAINT", str(tmp_path / "constraints.txt"))
        monkeypatch.setenv(f"{tool}_FIND_LINKS", str(other))
        monkeypatch.setenv(f"{tool}_INDEX_URL", "http://127.0.0.1:9/")
        monkeypatch.setenv(f"{tool}_EXTRA_INDEX_URL", "http://127.0.0.1:9/")
        monkeypatch.setenv(f"{tool}_EXCLUDE_NEWER", "2020-01-01")
        monkeypatch.setenv(f"{tool}_UPLOADED_PRIOR_TO", "2020-01-01T00:00:00Z")
        monkeypatch.setenv(f"{tool}_PRERELEASE", "allow")
    for name in ("UV_RESOLUTION", "UV_PYTHON", "UV_TORCH_BACKEND", "PIP_PYTHON", "PIP_TARGET", "PIP_PROXY"):
        monkeypatch.setenv(name, "lowest")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    monkeypatch.setenv("no_proxy", "example.org")
    monkeypatch.chdir(tmp_path)
    assert pins(graph_from(wheels, Requested.of(("demo",)), resolver=resolver)) == {"demo": "2.0"}


@pytest.mark.parametrize("resolver", ["uv", "pip"])
def test_files_with_requirements_and_constraints_count(tmp_path: Path, resolver: ResolverName) -> None:
    for version in ("1.0", "2.0", "3.0"):
        made(tmp_path, "demo", version=version)
    made(tmp_path, "other")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "all.txt").write_text("# all\n-r more.txt\ndemo[x] ; python_version > '3'  # why\n")
    (folder / "more.txt").write_text("--constraint below.txt\nother\n")
    (folder / "below.txt").write_text("demo<3\n")
    (folder / "not.txt").write_text("demo!=2.0\n")
    requested = Requested.of((), (folder / "all.txt",), (folder / "not.txt",))
    assert pins(graph_from(tmp_path, requested, resolver=resolver)) == {"demo": "1.0", "other": "1.0"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--index-url https://me:pw@x.org/", "--index-url https://x.org/ names an index beside the offer"),
        ("-i https://x.org/", "-i https://x.org/ names an index"),
        ("--extra-index-url=https://x.org/", "--extra-index-url https://x.org/ names an index"),
        ("--find-links wheels", "--find-links wheels changes the sources"),
        ("--no-index", "--no-index changes the sources"),
        ("--extra-index https://x.org/", "the option --extra-index is not supported"),
        ("--trusted-host x.org", "the option --trusted-host is not supported"),
        ("--no-binary demo", "the option --no-binary is not supported"),
        ("--pre -i https://x.org/", "-i https://x.org/ names an index"),
        ("-e .", "-e . is a folder or repository"),
        ("-r https://x.org/all.txt", "-r https://x.org/all.txt: expected a file, got a URL"),
        ("-r a.txt -c b.txt", "more than one option with -r"),
        ("-c", "-c: missing file"),
        ("demo.whl#fast", "got the path or URL 'demo.whl#fast'"),
        ("demo.whl; python_version > '3'", "got the path or URL"),
        ("./demo", "got the path or URL './demo'"),
        ("demo-1.0-py3-none-any.whl", "got the path or URL 'demo-1.0-py3-none-any.whl'"),
        ("git+https://x.org/demo", "got the path or URL 'git+https://x.org/demo'"),
        ("demo @ https://x.org/demo-1.whl", "got the path or URL"),
        ("https://x.org/demo-1.whl", "got the path or URL"),
        ("demo=1", "invalid requirement 'demo=1'"),
    ],
)
def test_lines_that_go_around_the_offer_are_errors(tmp_path: Path, line: str, expected: str) -> None:
    (tmp_path / "all.txt").write_text("-r more.txt\n")
    (tmp_path / "more.txt").write_text(f"other\n{line}\n")
    with pytest.raises(RequestError) as caught:
        Requested.of(("demo",), (tmp_path / "all.txt",))
    (problem,) = caught.value.problems
    assert problem.place == f"{tmp_path / 'more.txt'}:2"
    assert expected in problem.text
    assert problem.remedy


@pytest.mark.parametrize("text", ["--index-url=http://x", "demo\n--index-url http://x", "./demo", "demo.whl"])
def test_arguments_that_go_around_the_offer_are_errors(text: str) -> None:
    with pytest.raises(RequestError, match=r"invalid requirement|expected a package of the index"):
        Requested.of((text,))


def test_labels_are_those_of_requirements_that_apply(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text(
        "Demo[x]>=1#cuda* ; python_version < '3.12'  # why\ndemo#fast; python_version >= '3.12'\n-c not.txt\n"
    )
    (tmp_path / "not.txt").write_text("other#(plain)\n")
    requested = Requested.of(("one<2#null",), (tmp_path / "all.txt",))
    assert [root.line for root in requested.roots] == [
        "one<2",
        'demo[x]>=1; python_version < "3.12"',
        'demo; python_version >= "3.12"',
        "other",
    ]
    assert requested.labels(target("3.11"), ()) == {"one": "null", "demo": "cuda*", "other": "(plain)"}
    assert requested.labels(target("3.12"), ()) == {"one": "null", "demo": "fast", "other": "(plain)"}
    with pytest.raises(RequestError, match="one: two labels are requested: null and fast"):
        Requested.of(("one#null", "one#fast")).labels(RUNNING, ())
    (tmp_path / "not.txt").write_text("\nother#A\n")
    with pytest.raises(RequestError, match=r"not\.txt:2: 'other#A': label 'A': character 'A'"):
        Requested.of((), (tmp_path / "all.txt",))


def test_all_problems_of_requirements_are_reported_at_once(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text("[project]\n")
    with pytest.raises(RequestError) as caught:
        Requested.of(("./a", "b=1"), (project,))
    assert len(caught.value.problems) == 3


def test_pinned_hashes_are_those_of_the_files(tmp_path: Path) -> None:
    wheel = made(tmp_path, "demo")
    listed, digest = tmp_path / "in.txt", hashlib.sha256(wheel.read_bytes()).hexdigest()
    listed.write_text(f"demo==1.0 \\\n  --hash=sha256:{digest} \\\n  --hash=sha256:{'0' * 64}\n")
    for resolver in ("uv", "pip"):
        assert pins(graph_from(tmp_path, Requested.of((), (listed,)), resolver=resolver)) == {"demo": "1.0"}
    listed.write_text(f"demo==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(RequestError, match=rf"in.txt:1: no hash of demo==1.0 .* by --hash=sha256:{digest}"):
        graph_from(tmp_path, Requested.of((), (listed,)))
    with pytest.raises(VariantError, match=f"Got *{digest}"):
        graph_from(tmp_path, Requested.of((), (listed,)), resolver="pip")


def test_words_of_pip_name_the_places_of_the_user(tmp_path: Path) -> None:
    made(tmp_path, "demo", "other<2")
    made(tmp_path, "other", version="2.0")
    (tmp_path / "in.txt").write_text("# why\n--pre\ndemo\n")
    with pytest.raises(VariantError) as caught:
        graph_from(tmp_path, Requested.of(["other"], [tmp_path / "in.txt"]), resolver="pip")
    text = "\n".join(caught.value.lines())
    assert f"{tmp_path / 'in.txt'}:3" in text
    assert "requirements.txt" not in text


@pytest.mark.parametrize("resolver", ["uv", "pip"])
def test_a_failure_says_why_no_wheel_fits(ecosystem: Path, resolver: ResolverName) -> None:
    first, *lines = failure(ecosystem, "scilegacy==2.0", "scitools", resolver=resolver)
    assert first == f"{resolver} cannot resolve the requirements"
    assert any(line.startswith(f"{resolver}: ") and "scilegacy==2.0" in line for line in lines)
    assert "scilegacy 2.0: no wheel fits the machine" in lines
    assert any("cuda13.0: nvidia" in line and "needs 13.0" in line for line in lines)


@pytest.mark.parametrize("resolver", ["uv", "pip"])
def test_a_failure_shows_neither_token_nor_address(tmp_path: Path, resolver: ResolverName) -> None:
    made(tmp_path, "demo")
    wheel = make_wheel(tmp_path, "broken", "1.0", metadata="Metadata-Version: 2.1\nName: other\n\n")
    text = "\n".join(failure(tmp_path, "demo", "broken", resolver=resolver))
    assert "broken" in text and wheel.exists()
    assert "127.0.0.1" not in text and "run:" not in text


def test_a_failure_of_the_upstream_is_the_error(tmp_path: Path) -> None:
    with served(tmp_path) as url:
        pass
    lines = failure(url, "demo")
    assert not any("cannot resolve" in line for line in lines)
    assert any("demo" in line for line in lines)


@pytest.fixture
def offer(tmp_path: Path) -> Iterator[RunningOffer]:
    made(tmp_path, "demo")
    with running_offer(Sources.of([str(tmp_path)], []), Machine(), Policy()) as running:
        yield running


def test_missing_programs_are_errors(offer: RunningOffer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sysconfig.get_path", lambda _: "/missing")
    monkeypatch.setattr("variant_backend._internal.graphs.resolvers.find_spec", lambda _: None)
    with pytest.raises(VariantError, match=r"uv is not installed; .*--resolver pip"):
        resolver_named("uv")(Requested.of(("demo",)), offer.place, RUNNING)
    with pytest.raises(VariantError, match=r"pip is not installed; .*--resolver uv"):
        resolver_named("pip")(Requested.of(("demo",)), offer.place, RUNNING)


def test_pip_on_path_resolves_for_this_interpreter(
    offer: RunningOffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("variant_backend._internal.graphs.resolvers.find_spec", lambda _: None)
    versions = resolver_named("pip")(Requested.of(("demo",)), offer.place, RUNNING)
    assert versions == {"demo": Version("1.0")}


def test_another_place_of_the_offer_is_a_failure_of_the_resolver(offer: RunningOffer) -> None:
    wrong = OfferPlace("0" * 16, offer.place.port, offer.place.token)
    with pytest.raises(VariantError) as caught:
        resolver_named("uv")(Requested.of(("demo",)), wrong, RUNNING)
    assert {problem.code for problem in caught.value.problems} == {"resolver"}


def test_each_page_of_an_index_is_requested_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Resolving may take long, and a graph has one state of each page.
    monkeypatch.setattr(
        "variant_backend._internal.serving.project_reading.monotonic", lambda: time.monotonic() + 3600
    )
    for name in ("demo", "other"):
        publish([made(tmp_path, name, *(["other"] if name == "demo" else []))], tmp_path / "index" / name)
    with serving(tmp_path / "index", as_json=False) as (url, requested):
        assert pins(graph_from(url, Requested.of(("demo",)))) == {"demo": "1.0", "other": "1.0"}
    assert sorted(path for path in requested if path.endswith("/")) == ["/demo/", "/other/"]
