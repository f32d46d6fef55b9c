"""Fixtures for several test modules."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.compiled_cache import fill
from helpers.json_output import check_outputs
from helpers.made_once import made_once
from helpers.programs import run
from helpers.range_server import Server
from helpers.servers import answering
from hypothesis import settings

from variant_backend._internal.lowlevel import http, remembered_digests
from variant_backend._internal.lowlevel.user_folders import folder_facts, site_folders, user_folder
from variant_backend._internal.machine import answer_cache, user_config

ROOT = Path(__file__).parents[1]

# Python writes compiled modules to disk, even if the environment forbids it. Otherwise each process of a test
# compiles all its imports, which takes more than a second for each start of pip.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# pip neither compiles what a test installs once, nor compares it with all packages of the test environment.
# Like all settings of pip that negate, these two apply if they are false.
os.environ.update(PIP_NO_COMPILE="false", PIP_NO_WARN_CONFLICTS="false")

# Under nohup, and in the background of a shell, processes ignore these signals, and hand that on to their
# children. Tests send them to children.
for number in {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}:  # Windows has no SIGHUP
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

# Thousands of tests live until the end: no collection of garbage needs to look at them again and again.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


# A separate program, whose library may be missing.
collect_ignore = ["fuzz_wheels.py"]

# The time of an example depends on other users of the machine.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


@pytest.fixture(scope="session", autouse=True)
def _json_follows_the_schemas() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        check_outputs(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def _tries_follow_at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "_PAUSE", 0)
        yield


@pytest.fixture(scope="session", autouse=True)
def _hashes_and_answers_are_remembered_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remembered_digests, "default_path", lambda: folder / "digests-1.sqlite")
        patch.setattr(answer_cache, "answers_path", lambda: folder / "plugin-answers-1.json")
        yield


@pytest.fixture(scope="session", autouse=True)
def _configuration_files_of_this_machine_are_hidden(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """Hide those of this package from tests and from programs that they start; pip and uv keep their own."""
    facts = folder_facts()
    user, site = user_folder("", "config", facts), site_folders("", "config", facts)
    with pytest.MonkeyPatch.context() as patch:
        for variable, folders in {"XDG_CONFIG_HOME": [user], "XDG_CONFIG_DIRS": site}.items():
            copies = [_without_own(folder, tmp_path_factory) for folder in folders]
            patch.setenv(variable, os.pathsep.join(map(str, copies)))
        if sys.platform == "win32":  # the system has other folders, which no variable replaces
            nowhere = tmp_path_factory.mktemp("config") / "variant-backend" / "config.toml"
            patch.setattr(user_config, "config_path", lambda: nowhere)
            patch.setattr(user_config, "site_folders", lambda *_: [nowhere.parent])
        yield


def _without_own(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with links to all that is in another one, except for the folder of this package."""
    folder = tmp_path_factory.mktemp("config")
    if sys.platform != "win32" and real.is_dir():
        for path in real.iterdir():
            if path.name != "variant-backend":
                (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def own_wheel(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Path]:
    """The wheel of this package, which isolated builds find without PyPI, and a cache for uv.

    They also find the wheel of the commands.
    """
    cache = pytestconfig.cache.mkdir("uv")

    def build(folder: Path) -> None:
        for source in (ROOT, ROOT / "commands"):
            run("uv", "build", "--quiet", "--wheel", "--out-dir", folder, source, UV_CACHE_DIR=str(cache))
        fill(cache, tmp_path_factory.getbasetemp() / "packages", *folder.glob("*.whl"))

    folder = made_once(tmp_path_factory, "own-wheel", build)
    (wheel,) = folder.glob("variant_backend_core-*.whl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_CACHE_DIR", str(cache))
        for variable, separator in (("PIP_FIND_LINKS", " "), ("UV_FIND_LINKS", ",")):
            patch.setenv(variable, separator.join(filter(None, [folder.as_uri(), os.environ.get(variable)])))
        yield wheel


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of an empty folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    with Server(folder) as result, answering(result):
        yield result


@pytest.fixture(scope="session")
def old_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pip 23."""
    folder = tmp_path_factory.mktemp("old-pip")
    run("uv", "pip", "install", "--quiet", "--target", folder, "pip==23.3.2")
    return folder
