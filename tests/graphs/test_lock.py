"""`lock` writes a lock file for each machine, which uv installs from the upstream without any help."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.ecosystem import MACHINES, origins
from helpers.graphs import graph_from
from helpers.offers import label_in, machine, make_variants
from helpers.programs import empty_cache, run, run_here
from helpers.servers import served

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.selection_options import read_target
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.release import File
from variant_backend._internal.formats.toml_read import parse_toml, read_toml
from variant_backend._internal.graphs.lock_file import LockedMachine, TargetGraph, lock_output, upstream_file
from variant_backend._internal.graphs.resolution import GraphPackage
from variant_backend._internal.graphs.root_requirements import Requested

ROOTS = ("scispeech", "scitune")
TWO = [part for name in ("gpu12", "cpu") for part in ("--machine", f"{name}={MACHINES[name]}")]


@pytest.fixture(scope="module")
def index(ecosystem: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the ecosystem as a package index."""
    folder = tmp_path_factory.mktemp("index") / "files"
    shutil.copytree(ecosystem, folder)
    run_here(main, "index", "--simple", folder)
    return folder


@pytest.fixture(scope="module")
def locks(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Return the folder of the lock files of two machines, and the messages; the upstream is on a server."""
    folder = tmp_path_factory.mktemp("locks")
    with served(index) as url:
        done = run_here(
            main,
            "lock",
            *ROOTS,
            "-i",
            f"{url}simple/",
            *TWO,
            "--align",
            "blas",
            "--align",
            "nvidia",
            "-o",
            folder,
        )
        assert done.stdout.split() == [str(folder / "pylock.gpu12.toml"), str(folder / "pylock.cpu.toml")]
        yield folder, done.stderr


def sync(lock: Path, target: Path, *options: object, ok: bool = True) -> str:
    """Install a lock file with `uv pip sync` into a folder; return its messages."""
    return run("uv", "pip", "sync", "--require-hashes", *options, "--target", target, lock, ok=ok).stderr


def install(lock: Path, target: Path, *options: object) -> str:
    """Install a lock file with `uv pip install` into a folder; return its messages."""
    return run("uv", "pip", "install", "--require-hashes", *options, "--target", target, "-r", lock).stderr


def locked_names(lock: Path) -> dict[str, str]:
    """Return the filenames of the wheels in a lock file by project."""
    packages: Any = read_toml(lock)["packages"]
    return {package["name"]: package["wheels"][0]["url"].rpartition("/")[2] for package in packages}


def test_uv_installs_each_lock_file_from_the_upstream(
    locks: tuple[Path, str], index: Path, tmp_path: Path
) -> None:
    cache = empty_cache()
    for name in ("gpu12", "cpu"):
        lock = locks[0] / f"pylock.{name}.toml"
        sync(lock, tmp_path / name, *cache)
        install(lock, tmp_path / f"{name}-offline", *cache, "--offline")
        for site in (tmp_path / name, tmp_path / f"{name}-offline"):
            installed = {project: origin.filename for project, origin in origins(site, index).items()}
            assert installed == locked_names(lock)
    assert label_in(tmp_path / "gpu12", "scitorch") == "cuda12.8"
    assert label_in(tmp_path / "cpu", "scitorch") == "null"


def test_uv_refuses_a_lock_file_with_a_wrong_hash(locks: tuple[Path, str], tmp_path: Path) -> None:
    text = (locks[0] / "pylock.cpu.toml").read_text()
    lock = tmp_path / "pylock.cpu.toml"
    digest = text.partition('sha256 = "')[2][:64]
    lock.write_text(text.replace(digest, "0" * 64))
    assert "Hash mismatch" in sync(lock, tmp_path / "site", *empty_cache(), ok=False)


def test_a_lock_file_has_the_aligned_values(locks: tuple[Path, str]) -> None:
    document: Any = read_toml(locks[0] / "pylock.gpu12.toml")
    table = document["tool"]["variant-backend"]
    assert table["machine"] == "gpu12"
    assert table["spec"] == MACHINES["gpu12"]
    assert table["assignment"] == {"blas::library": "mkl", "nvidia::cuda_version_lower_bound": "12.8"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bals", "unknown namespace 'bals' (did you mean 'blas'?); namespaces of the packages: blas"),
        ("blas::libary", "unknown feature 'libary' (did you mean 'library'?); features of blas: library"),
    ],
)
def test_unknown_names_to_align_are_wrong_usage(
    name: str, message: str, ecosystem: Path, tmp_path: Path
) -> None:
    done = run_here(main, "lock", "scinum", "-f", ecosystem, *TWO, "--align", name, "-o", tmp_path, ok=False)
    assert (done.exit_code, f"--align: {message}" in done.stderr, [*tmp_path.iterdir()]) == (2, True, [])


def test_messages_have_the_labels_for_dispatching_sdists(locks: tuple[Path, str]) -> None:
    lines = locks[1].splitlines()
    assert "gpu12: aligned: blas :: library :: mkl" in lines
    (labels,) = [line for line in lines if line.startswith("cpu: VARIANT_BACKEND_LABEL='")]
    assert "scinum#mkl, scitoken#null, scitorch#null" in labels


def test_messages_show_how_machines_differ(locks: tuple[Path, str]) -> None:
    rows = [line.split("  ") for line in locks[1].splitlines()]
    cells = [[cell.strip() for cell in row if cell] for row in rows]
    assert ["PACKAGE", "gpu12", "cpu"] in cells
    assert ["scitorch", "2.10.0 cuda12.8", "2.10.0 null"] in cells
    assert ["scicudart", "12.8.90", "-"] in cells
    assert "scitools" not in [row[0] for row in cells]


def test_a_wheel_with_variant_markers_gets_a_warning(locks: tuple[Path, str]) -> None:
    (warning,) = [line for line in locks[1].splitlines() if "cuda12.8.whl" in line]
    assert warning.startswith("warning: sciaudio-2.10-cp310-abi3")
    assert "use variant-backend mirror" in warning


def test_files_and_stdin_may_name_labels(tmp_path: Path) -> None:
    for name in ("demo", "other"):
        make_variants(tmp_path / "wheels", name, {None: [], "fast": ["x86_64 :: level :: v2"]})
        run_here(main, "index", tmp_path / "wheels")
    (tmp_path / "c.txt").write_text("other#(plain)\n")
    machines = ["--machine", "a=x86_64:v2", "--machine", "b=x86_64:v3"]
    arguments = [*("-r", "-", "-c", tmp_path / "c.txt", "-f", tmp_path / "wheels"), *machines]
    run_here(main, "lock", *arguments, "-o", tmp_path, stdin="demo#f?st  # why\nother")
    run_here(main, "mirror", *arguments, "-o", tmp_path / "mirror", stdin="demo#f?st  # why\nother")
    for path in (tmp_path / "pylock.a.toml", tmp_path / "pylock.b.toml", tmp_path / "mirror/pylock.b.toml"):
        document: Any = read_toml(path)
        names = [package["wheels"][0]["name"] for package in document["packages"]]
        assert names == ["demo-1.0-0_fast-py3-none-any.whl", "other-1.0-py3-none-any.whl"], path
    done = run_here(main, "lock", *arguments, "-o", tmp_path, stdin="demo#fast; python_version < '3'")
    assert "warning: b: no requirement is for this environment, so there are no packages" in done.stderr
    done = run_here(main, "lock", *arguments, "-o", tmp_path, stdin="demo#fsat", ok=False)
    assert (done.exit_code, "demo#fsat: unknown label 'fsat' (did you mean 'fast'?)" in done.stderr) == (
        2,
        True,
    )


def test_check_reports_new_releases_and_writes_nothing(tmp_path: Path) -> None:
    wheels, folder = tmp_path / "wheels", tmp_path / "locks"
    make_variants(wheels, "demo", {None: []})
    options = ["-f", wheels, "--machine", "cpu=x86_64:v2", "-o", folder]
    missing = run_here(main, "lock", "demo", *options, "--check", ok=False)
    assert (missing.exit_code, missing.stdout) == (1, f"{folder / 'pylock.cpu.toml'}: missing\n")
    assert not folder.exists()
    run_here(main, "lock", "demo", *options)
    assert run_here(main, "lock", "demo", *options, "--check").stdout == ""
    make_variants(wheels, "demo", {None: [], "fast": ["x86_64 :: level :: v2"]}, version="2.0")
    run_here(main, "index", wheels)
    before = (folder / "pylock.cpu.toml").read_bytes()
    done = run_here(main, "lock", "demo", *options, "--check", "--json", ok=False)
    (file,) = json.loads(done.stdout)["files"]
    assert file["difference"] == "demo: expected 2.0 fast, got 1.0"
    assert (done.exit_code, file["written"]) == (1, False)
    assert (folder / "pylock.cpu.toml").read_bytes() == before
    run_here(main, "lock", "demo", *options)
    assert run_here(main, "lock", "demo", *options, "--check").stdout == ""


def test_check_says_what_else_differs(tmp_path: Path) -> None:
    make_variants(tmp_path, "demo", {None: []})
    options = ["lock", "demo", "-f", tmp_path, "-o", tmp_path, "--machine"]
    windows = ["--platform", "windows", "--python", "3.12"]
    run_here(main, *options, "cpu=x86_64:v2")
    done = run_here(main, *options, "cpu=x86_64:v3", *windows, "--check", ok=False)
    path, _, line = done.stdout.partition(": ")
    assert path == str(tmp_path / "pylock.cpu.toml")
    assert line.startswith(
        "spec: expected x86_64:v3, got x86_64:v2; targets: expected 3.12-win_amd64, got 3."
    )
    lock = Path(path)
    digest = lock.read_text().partition('sha256 = "')[2][:64]
    lock.write_text(lock.read_text().replace(digest, "0" * 64))
    done = run_here(main, *options, "cpu=x86_64:v2", "--check", ok=False)
    assert done.stdout == f"{path}: files or dependencies differ: demo\n"


def test_pip_resolves_the_same_lock_file(ecosystem: Path, tmp_path: Path) -> None:
    arguments = ["lock", *ROOTS, "scisource", "-f", ecosystem, *TWO[:2], "-o", tmp_path]
    run_here(main, *arguments, "--resolver", "pip")
    assert run_here(main, *arguments, "--check").stdout == ""


def test_a_lock_file_has_dependencies_and_sdists(ecosystem: Path, tmp_path: Path) -> None:
    run_here(main, "lock", "scisource", "-f", ecosystem, *TWO[2:], "-o", tmp_path)
    document: Any = read_toml(tmp_path / "pylock.cpu.toml")
    (source, tools) = document["packages"]
    assert source["dependencies"] == [{"name": "scitools"}]
    assert source["sdist"]["name"] == "scisource-1.0.tar.gz"
    assert "dependencies" not in tools
    sync(tmp_path / "pylock.cpu.toml", tmp_path / "site", *empty_cache())
    assert origins(tmp_path / "site", ecosystem)["scisource"].filename == "sdist"


def test_no_file_is_written_if_a_machine_has_no_wheel(ecosystem: Path, tmp_path: Path) -> None:
    folder = tmp_path / "locks"
    done = run_here(main, "lock", "scicudnn", "-f", ecosystem, *TWO, "-o", folder, ok=False)
    assert done.exit_code == 1
    assert "machine cpu" in done.stderr
    assert "scicudnn" in done.stderr
    assert "machine gpu12" not in done.stderr
    assert not folder.exists()


def test_only_own_lock_files_are_replaced(tmp_path: Path) -> None:
    make_variants(tmp_path, "demo", {None: []})
    arguments = ["lock", "demo", "-f", tmp_path, "--machine", "cpu=x86_64:v2", "-o", tmp_path]
    path = tmp_path / "pylock.cpu.toml"
    path.write_text('lock-version = "1.0"\ncreated-by = "uv"\npackages = []\n')
    done = run_here(main, *arguments, ok=False)
    assert (done.exit_code, "use --force to replace it" in done.stderr) == (1, True)
    run_here(main, *arguments, "--force")
    assert "variant-backend" in path.read_text()


def test_wheels_of_folders_have_paths_relative_to_the_lock_file(tmp_path: Path) -> None:
    make_variants(tmp_path / "wheels", "demo", {None: [], "fast": ["x86_64 :: level :: v2"]})
    run_here(main, "index", tmp_path / "wheels")
    run_here(main, "lock", "demo", "-f", "wheels", "--machine", "cpu=x86_64:v2", "-o", "locks", cwd=tmp_path)
    document: Any = read_toml(tmp_path / "locks" / "pylock.cpu.toml")
    (wheel,) = document["packages"][0]["wheels"]
    assert wheel["path"] == "../wheels/demo-1.0-py3-none-any-fast.whl"
    sync(tmp_path / "locks" / "pylock.cpu.toml", tmp_path / "site", *empty_cache())
    assert label_in(tmp_path / "site", "demo") == "fast"


def test_a_lock_file_has_no_password(index: Path, tmp_path: Path) -> None:
    with served(index) as url:
        secret = url.replace("http://", "http://me:geheim@")
        arguments = ["lock", "scitoken", "-i", f"{secret}simple/", *TWO, "-o", tmp_path]
        run_here(main, *arguments)
        assert "geheim" not in (tmp_path / "pylock.cpu.toml").read_text()
        document: Any = read_toml(tmp_path / "pylock.cpu.toml")
    assert document["packages"][0]["index"] == f"{url}simple/"


def test_another_platform_requires_a_machine(tmp_path: Path) -> None:
    done = run_here(main, "lock", "demo", "-f", tmp_path, "--platform", "windows", "-o", tmp_path, ok=False)
    assert (done.exit_code, "add --machine NAME=SPEC" in done.stderr) == (2, True)


def graph_of(folder: Path, *requirements: str, python: str | None = None) -> TargetGraph:
    """Return the graph of a machine without GPU."""
    target, requested = read_target(python, None), Requested.of(requirements)
    return TargetGraph(target, graph_from(folder, requested, on=machine("x86_64:v2"), target=target))


def locked(graphs: list[TargetGraph], folder: Path) -> dict[str, Any]:
    output = lock_output(folder, LockedMachine("cpu"), graphs, upstream_file, ["one"], force=False)
    return parse_toml(output.content, "lock file")


def test_packages_that_differ_between_pythons_have_markers(ecosystem: Path, tmp_path: Path) -> None:
    from packaging.markers import default_environment
    from packaging.pylock import Pylock

    graphs = [graph_of(ecosystem, "scialg", python=python) for python in ("3.11", "3.12")]
    lock = Pylock.from_dict(locked(graphs, tmp_path))
    assert [package.name for package in lock.packages if package.marker] == ["scialg"] * 2 + ["scinum"] * 2
    assert lock.packages[1].dependencies == [
        {"name": "scimkl"},
        {"name": "scinum", "version": "2.1", "marker": "python_version == '3.12'"},
    ]
    for target, tag in zip([graph.target for graph in graphs], ("cp311", "cp312"), strict=True):
        environment = target.environment(default_environment())
        chosen = [*lock.select(environment=environment, tags=target.tags)]
        assert [package.name for package, _ in chosen] == ["scialg", "scimkl", "scinum"]
        assert tag in str(chosen[0][1])


def test_hostile_texts_stay_in_their_values(ecosystem: Path, tmp_path: Path) -> None:
    hostile = '"]\n[[packages]]\nname = "evil'
    target, graph = graph_of(ecosystem, "scitools")

    def locate(_: GraphPackage) -> File:
        return File(hostile, f"https://example.org/{hostile}", {"sha256": hostile})

    output = lock_output(
        tmp_path, LockedMachine("cpu", hostile), [TargetGraph(target, graph)], locate, [hostile], force=False
    )
    document: Any = parse_toml(output.content, "lock file")
    (package,) = document["packages"]
    assert package["name"] == "scitools"
    assert package["sdist"]["name"] == hostile


def test_a_file_without_a_hash_is_an_error(ecosystem: Path, tmp_path: Path) -> None:
    graphs = [graph_of(ecosystem, "scitools")]

    def without_hash(package: GraphPackage) -> File:
        return upstream_file(package)._replace(hashes={"md5": "0"})

    with pytest.raises(VariantError, match="a lock file requires a hash"):
        lock_output(tmp_path, LockedMachine("cpu"), graphs, without_hash, [], force=False)
