"""Installers without variant support install from a dispatching sdist what uv installs with its flag."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.made_wheels import METADATA, make_wheel
from helpers.programs import run
from helpers.range_server import Handler, Server
from helpers.sample_release import DOCUMENT, only, write_wheel
from helpers.servers import publish
from packaging.pylock import Package, Pylock
from packaging.utils import parse_wheel_filename

from variant_backend import __version__
from variant_backend._internal.cli.main import main
from variant_backend._internal.formats.toml_read import read_toml
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS
from variant_backend._internal.variants.provider_nvidia import FORCE_CAPABILITY, FORCE_DRIVER

# They build in isolated environments, with installers from a package index.
pytestmark = pytest.mark.slow

LABELS = {"cuda12.6": "12.6", "cuda12.8": "12.8", "null": ""}
RELEASE = {
    **DOCUMENT,
    "default-priorities": {"namespace": ["nvidia"]},
    "providers": {"nvidia": KNOWN_PROVIDERS["nvidia"].table.to_dict()},
    "variants": {
        label: {"nvidia": {"cuda_version_lower_bound": [version]}} if version else {}
        for label, version in LABELS.items()
    },
}
# The driver version of each machine, and its best variant.
MACHINES = {"none": "null", "12.7": "cuda12.6", "13.0": "cuda12.8"}
DEMO = "Requires-Dist: bridge-demo\n"
# Poetry also resolves the build requirements of other systems and older Pythons.
ELSEWHERE = ("colorama", "importlib-metadata", "tomli")
OLD_PIP = "pip==24.3.1"
# The tests ignore the configuration of the user.
NO_CONFIG: Any = {"PIP_CONFIG_FILE": os.devnull}
# The labels of the installed distributions, by name and version.
Installed = Mapping[str, str | None]
Installer = Callable[..., Installed]


@pytest.fixture(scope="module")
def index(own_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A package index with variant wheels, a dispatching sdist and its build requirements.

    It has no plain wheel. The variants of bridge-demo have different requirements, and the variants of
    bridge-same have none.
    """
    folder = tmp_path_factory.mktemp("bridge")
    for label in LABELS:
        requires = f"Requires-Dist: bridge-runtime=={runtime_of(label)}"
        write_variant(folder / "demo", "bridge_demo", label, requires)
        write_variant(folder / "same", "bridge_same", label)
        make_wheel(folder / "needed", "bridge_runtime", runtime_of(label))
    make_wheel(folder / "needed", "bridge_top", metadata=f"{METADATA.partition('Summary')[0]}{DEMO}")
    run("pip", "download", "--quiet", "--dest", folder / "needed", own_wheel, *ELSEWHERE)
    with Server(folder / "served") as server:
        server.misbehave = send_immutable_sdists
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        for name in ("demo", "same"):
            dist = folder / name
            (dist / f"bridge_{name}-1.0-variants.json").write_text(json.dumps(RELEASE))
            output_of("stub", dist, "--base-url", f"{server.url}bridge-{name}/", "-o", dist)
            publish(dist.iterdir(), server.folder / f"bridge-{name}")
        needed: dict[str, list[Path]] = {}
        for path in (folder / "needed").iterdir():
            needed.setdefault(parse_wheel_filename(path.name)[0], []).append(path)
        for project, files in needed.items():
            publish(files, server.folder / project)
        yield server
        server.shutdown()


def send_immutable_sdists(handler: Handler, data: bytes | None) -> bool:
    """Send sdists with the cache headers of PyPI: without them, uv does not keep the built wheel."""
    path = handler.server.folder / handler.path.strip("/")
    if data is not None or path.suffix != ".gz":
        return False
    handler.send(200, path.read_bytes(), {"Cache-Control": "max-age=365000000, immutable"})
    return True


def write_variant(folder: Path, name: str, label: str, metadata: str = "") -> None:
    folder.mkdir(exist_ok=True)
    write_wheel(folder / f"{name}-1.0-py3-none-any-{label}.whl", only(RELEASE, label), metadata)


def output_of(*arguments: object, ok: bool = True) -> str:
    """Return the output of a command of the checkout."""
    result = CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)
    assert (result.exit_code == 0) == ok, result.output
    return result.output


def runtime_of(label: str) -> str:
    return LABELS[label] or "0"


def expected(label: str) -> Installed:
    return {"bridge_demo-1.0": label, f"bridge_runtime-{runtime_of(label)}": None}


def installed(folder: Path) -> Installed:
    return {
        path.name.removesuffix(".dist-info"): label_in(path) for path in folder.rglob("bridge_*.dist-info")
    }


def label_in(dist_info: Path) -> str | None:
    path = dist_info / "variant.json"
    if not path.exists():
        return None
    (label,) = json.loads(path.read_text())["variants"]
    return str(label)


def machine(driver: str) -> Any:
    """Return environment variables that simulate a machine for uv and variant-backend."""
    return {FORCE_DRIVER: driver, FORCE_CAPABILITY: "none" if driver == "none" else "9.0"}


def uv(index: Server, folder: Path, *options: object, package: str = "bridge-demo", **env: Any) -> Installed:
    what = () if "-r" in options else (package,)
    where = ("--python", sys.executable, "--cache-dir", folder / "cache", "--target", folder / "site")
    source = ("--no-config", "--default-index", index.url)
    run("uv", "pip", "install", *where, *source, *options, *what, **env)
    return installed(folder / "site")


def uv_with_variants(index: Server, folder: Path, *options: object, **env: Any) -> Installed:
    return uv(index, folder, "--preview-features", "wheel-variants", *options, **env)


def pip(
    index: Server, folder: Path, *options: object, program: tuple[object, ...] = ("pip",), **env: Any
) -> Installed:
    where = ("--cache-dir", folder / "cache", "--target", folder / "site", "--index-url", index.url)
    what = () if "-r" in options else ("bridge-demo",)
    run(*program, "install", *where, *options, *what, **NO_CONFIG, **env)
    return installed(folder / "site")


def old_pip(index: Server, folder: Path, *options: object, **env: Any) -> Installed:
    program = ("uvx", "--quiet", "--python", sys.executable, OLD_PIP)
    return pip(index, folder, *options, program=program, **env)


def poetry(index: Server, folder: Path, **env: Any) -> Installed:
    (folder / "pyproject.toml").write_text(f"""\
[project]
name = "app"
version = "0"
requires-python = ">={sys.version_info[0]}.{sys.version_info[1]}"
dependencies = ["bridge-demo"]

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "bridge"
url = "{index.url}"
""")
    places: Any = {"POETRY_CACHE_DIR": str(folder / "cache"), "POETRY_VIRTUALENVS_IN_PROJECT": "true"}
    run("uvx", "--quiet", "--python", sys.executable, "poetry>=2", "install", cwd=folder, **places, **env)
    return installed(folder / ".venv")


def test_uv_with_its_flag_installs_the_wheel_even_if_the_sdist_fails(index: Server, tmp_path: Path) -> None:
    unusable = {"VARIANT_BACKEND_LABEL": "none.such"}
    for driver, label in MACHINES.items():
        found = uv_with_variants(index, tmp_path / driver, **machine(driver), **unusable)
        assert found == expected(label)
    with pytest.raises(AssertionError, match=r"'none\.such'"):
        uv(index, tmp_path, **unusable)


def test_uv_with_its_flag_ignores_the_sdist_if_requirements_are_equal(index: Server, tmp_path: Path) -> None:
    before = len(index.requests)
    uv_with_variants(index, tmp_path, package="bridge-same", **machine("13.0"))
    assert installed(tmp_path) == {"bridge_same-1.0": "cuda12.8"}
    assert not [path for _, path, *_ in index.requests[before:] if "variant-backend" in path]


@pytest.mark.parametrize(
    ("installer", "driver"),
    [*((uv, driver) for driver in MACHINES), (pip, "13.0"), (old_pip, "12.7"), (poetry, "none")],
)
def test_other_installers_install_the_same_variant_and_its_dependencies(
    installer: Installer, driver: str, index: Server, tmp_path: Path
) -> None:
    assert installer(index, tmp_path, **machine(driver)) == expected(MACHINES[driver])


def test_pip_wheel_builds_the_variant_and_pip_download_the_sdist(index: Server, tmp_path: Path) -> None:
    options = ("--index-url", index.url, "--cache-dir", tmp_path / "cache", "bridge-demo")
    env = {**NO_CONFIG, **machine("13.0")}
    run("pip", "wheel", "-w", tmp_path / "wheels", *options, **env)
    run("pip", "download", "-d", tmp_path / "files", *options, **env)
    runtime = "bridge_runtime-12.8-py3-none-any.whl"
    wheel = "bridge_demo-1.0-0_cuda12.8-py3-none-any.whl"
    assert {path.name for path in (tmp_path / "wheels").iterdir()} == {wheel, runtime}
    assert {path.name for path in (tmp_path / "files").iterdir()} == {"bridge_demo-1.0.tar.gz", runtime}


@pytest.mark.agreement
def test_config_settings_reach_dependencies_in_uv_but_not_in_pip(index: Server, tmp_path: Path) -> None:
    options = ("--cache-dir", tmp_path / "cache", "-Cvariant=cuda12.8", "bridge-top", "bridge-same")
    pip_site, uv_site = tmp_path / "pip", tmp_path / "uv"
    env: Any = {**NO_CONFIG, **machine("none")}
    run("pip", "install", "--target", pip_site, "--index-url", index.url, *options, **env)
    source = ("--no-config", "--default-index", index.url, "--python", sys.executable)
    run("uv", "pip", "install", "--target", uv_site, *source, *options, **env)
    found = [installed(site) for site in (pip_site, uv_site)]
    assert [labels["bridge_same-1.0"] for labels in found] == ["cuda12.8", "cuda12.8"]
    assert [labels["bridge_demo-1.0"] for labels in found] == ["null", "cuda12.8"]


@pytest.mark.agreement
def test_config_settings_do_not_reach_requirements_files_in_pip(index: Server, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("bridge-same\n")
    options = ("-Cvariant=cuda12.8", "-r", tmp_path / "requirements.txt")
    assert pip(index, tmp_path, *options, **machine("none")) == {"bridge_same-1.0": "null"}


def test_lock_files_and_hashes_install_the_variant(index: Server, tmp_path: Path) -> None:
    lock, hashed = tmp_path / "pylock.toml", tmp_path / "requirements.txt"
    env = machine("13.0")
    options = ("--index-url", index.url, "--cache-dir", tmp_path / "lock-cache", "bridge-demo")
    run("pip", "lock", *options, "-o", lock, **NO_CONFIG, **env)
    assert uv(index, tmp_path, "-r", lock, **env) == expected("cuda12.8")
    # Another machine selects its own variant, but the lock file has the dependencies of the first.
    assert again(uv, index, tmp_path, "--no-cache", "-r", lock) == {
        **expected("cuda12.8"),
        "bridge_demo-1.0": "null",
    }
    packages = Pylock.from_dict(read_toml(lock)).packages
    lines = [f"{each.name}=={each.version} --hash=sha256:{sha256(each)}\n" for each in packages]
    hashed.write_text("".join(lines))
    shutil.rmtree(tmp_path / "site")
    assert old_pip(index, tmp_path, "--require-hashes", "-r", hashed, **env) == expected("cuda12.8")


def sha256(package: Package) -> str:
    (file,) = [each for each in (package.sdist, *(package.wheels or ())) if each]
    return file.hashes["sha256"]


def requirement(index: Server, digest: str = "") -> str:
    """Return a requirement with the hash of the sdist, or with another hash."""
    sdist = index.folder / "bridge-demo" / "bridge_demo-1.0.tar.gz"
    return f"bridge-demo==1.0 --hash=sha256:{digest or hashlib.sha256(sdist.read_bytes()).hexdigest()}\n"


def test_a_replaced_wheel_is_an_error_in_pip(index: Server, tmp_path: Path) -> None:
    wheel = index.folder / "bridge-demo" / "bridge_demo-1.0-py3-none-any-null.whl"
    original = wheel.read_bytes()
    wheel.write_bytes(original.replace(b"x = 1", b"x = 2"))
    try:
        with pytest.raises(AssertionError, match=r"expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}"):
            pip(index, tmp_path, "--no-deps", **machine("none"))
    finally:
        wheel.write_bytes(original)
    assert installed(tmp_path) == {}


@pytest.mark.parametrize("installer", [pip, uv])
def test_hashes_of_the_user_refuse_a_replaced_sdist_or_backend(
    installer: Installer, index: Server, tmp_path: Path
) -> None:
    hashed, backend = tmp_path / "requirements.txt", tmp_path / "build.txt"
    hashed.write_text(requirement(index, "0" * 64))
    with pytest.raises(AssertionError, match=rf"(?s)bridge[-_]demo.*{'0' * 64}"):
        installer(index, tmp_path, "--no-deps", "--require-hashes", "-r", hashed)
    hashed.write_text(requirement(index))
    backend.write_text(f"variant-backend-core=={__version__} --hash=sha256:{'0' * 64}\n")
    option = "--build-constraint" if installer is pip else "--build-constraints"
    with pytest.raises(AssertionError, match=rf"(?s)variant[-_]backend.*{'0' * 64}"):
        installer(index, tmp_path, "--no-deps", option, backend, "--require-hashes", "-r", hashed)


def test_installers_without_builds_never_run_the_backend(index: Server, tmp_path: Path) -> None:
    for installer, option in ((pip, "--only-binary=:all:"), (uv, "--no-build")):
        with pytest.raises(AssertionError):
            installer(index, tmp_path, option)
    assert uv_with_variants(index, tmp_path, "--no-build", **machine("13.0")) == expected("cuda12.8")


def test_installed_finds_a_wheel_from_pips_cache_that_does_not_fit(index: Server, tmp_path: Path) -> None:
    cache = ("--cache-dir", tmp_path / "cache")
    assert pip(index, tmp_path, **machine("13.0")) == expected("cuda12.8")
    assert again(pip, index, tmp_path, "-Cvariant=null") == expected("cuda12.8")
    check_finds_it(tmp_path / "site")
    assert "bridge_demo-1.0-0_cuda12.8-py3-none-any.whl" in run("pip", "cache", "list", *cache).stdout
    hashed = tmp_path / "requirements.txt"
    hashed.write_text(requirement(index))
    (kept,) = (tmp_path / "cache").rglob("*.whl")
    write_wheel(kept)  # any other wheel: hashes pin the sdist, not the wheel that was built from it
    assert again(pip, index, tmp_path, "--no-deps", "--require-hashes", "-r", hashed) == {
        "bridge_demo-1.0": None
    }
    run("pip", "cache", "remove", "bridge_demo", *cache)
    assert again(pip, index, tmp_path) == expected("null")


def test_installed_finds_a_wheel_from_uvs_cache_that_does_not_fit(index: Server, tmp_path: Path) -> None:
    assert uv(index, tmp_path, **machine("13.0")) == expected("cuda12.8")
    assert again(uv, index, tmp_path, "--refresh-package", "bridge-demo") == expected("cuda12.8")
    check_finds_it(tmp_path / "site")
    assert again(uv, index, tmp_path, "-Cvariant=null") == expected("null")
    assert again(uv, index, tmp_path) == expected("cuda12.8")
    run("uv", "cache", "clean", "bridge-demo", "--cache-dir", tmp_path / "cache")
    assert again(uv, index, tmp_path) == expected("null")


def again(installer: Installer, index: Server, folder: Path, *options: object) -> Installed:
    """Reinstall the demo on a machine without a GPU."""
    shutil.rmtree(folder / "site")
    return installer(index, folder, *options, **machine("none"))


def check_finds_it(site: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in machine("none").items():
            patch.setenv(name, value)
        shown = output_of("installed", "--path", site, "--check", ok=False)
    assert "nvidia :: cuda_version_lower_bound: needs 12.8" in shown
