"""Answers of trusted plugins are remembered for a day, and only in the same situation."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.trees import host_with

from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine import answer_cache, trusted_plugins
from variant_backend._internal.machine.answer_cache import Remembered, key_of, recall, remember
from variant_backend._internal.machine.boot import minute_of_boot, situation
from variant_backend._internal.machine.host import Host
from variant_backend._internal.machine.plugin_answers import TODAY
from variant_backend._internal.machine.support import Machine, Policy, machine_support
from variant_backend._internal.machine.trusted_plugins import (
    TrustedAnswer,
    TrustedPackage,
    ask_trusted,
    trusting,
)
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.providers import PluginProvider

DAY = 86_400
BOOT = {"/proc/sys/kernel/random/boot_id": "one", "/proc/self/cgroup": "0::/job"}
PROVIDER = PluginProvider(("speech-provider>=1",), "speech_provider:Plugin")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")


def printed(value: str = "warm") -> dict[str, Any]:
    return {
        "namespace": "speech",
        "all_properties_compatible": None,
        "configs": [{"name": "tone", "values": [value], "multi_value": False}],
        "generation": TODAY,
        "outdated": [],
        "imports": {"modules": 1, "seconds": 0.1},
        "seconds": 0.1,
        "printed": None,
    }


ANSWER = Remembered(printed(), ["speech-provider 1.0"])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a cache that does not exist yet."""
    path = tmp_path / "cache" / "variant-backend" / "answers.json"
    monkeypatch.setattr(answer_cache, "answers_path", lambda: path)
    return path


@pytest.fixture
def asked(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Remembered | VariantError]:
    """The answers of a plugin, the last one first; it is asked on a machine with a boot."""
    del cache
    answers: list[Remembered | VariantError] = []

    def ask(*_: object) -> Remembered:
        answer = answers.pop()
        if isinstance(answer, VariantError):
            raise answer
        return answer

    monkeypatch.setattr(trusted_plugins, "_ask_isolated", ask)
    host = host_with(tmp_path / "root", BOOT)
    monkeypatch.setattr(Host, "here", lambda environ: host._replace(environ=environ))
    return answers


def result(**options: Any) -> TrustedAnswer | VariantError:
    """Ask in a new run of the program."""
    ask_trusted.cache_clear()
    return ask_trusted("speech", PROVIDER, "uv", **options)


ORIGIN = "plugin 'speech_provider:Plugin' of speech-provider 1.0"
AGAIN = f"{ORIGIN}; remembered, --refresh asks again"


def test_an_answer_is_remembered_until_the_user_refreshes(asked: list[Remembered | VariantError]) -> None:
    asked[:] = [Remembered(printed("new"), ["speech-provider 1.1"]), ANSWER]
    assert result() == TrustedAnswer({"tone": ("warm",)}, ORIGIN)
    assert result() == TrustedAnswer({"tone": ("warm",)}, AGAIN)
    new = TrustedAnswer({"tone": ("new",)}, ORIGIN.replace("1.0", "1.1"))
    assert result(refresh=True) == new
    assert result() == new._replace(origin=AGAIN.replace("1.0", "1.1"))


@pytest.mark.parametrize("broken", [VariantError("fails"), Remembered({**printed(), "namespace": "x"}, [])])
def test_a_failed_answer_is_not_remembered(
    broken: Remembered | VariantError, asked: list[Remembered | VariantError], cache: Path
) -> None:
    asked[:] = [ANSWER, broken]
    assert isinstance(result(), VariantError)
    assert not cache.exists()
    assert result() == TrustedAnswer({"tone": ("warm",)}, ORIGIN)


@pytest.mark.parametrize(
    "entry", [{}, printed("Not A Value"), {**printed(), "namespace": "x"}, {**printed(), "configs": 3}]
)
def test_a_remembered_answer_is_checked_like_the_plugins_own(
    entry: dict[str, Any], asked: list[Remembered | VariantError], cache: Path
) -> None:
    asked[:] = [ANSWER, ANSWER]
    result()
    document = json.loads(cache.read_text())
    for other in document.values():
        other["printed"] = entry
    cache.write_text(json.dumps(document))
    assert result() == TrustedAnswer({"tone": ("warm",)}, ORIGIN)
    assert asked == []


def test_a_trusted_version_is_asked_on_its_own(asked: list[Remembered | VariantError]) -> None:
    asked[:] = [ANSWER, ANSWER, ANSWER]
    digest = f"--hash=sha256:{'0' * 64}"
    forms = ["speech-provider", "speech-provider==1.0", f"speech-provider==1.0 {digest}"]
    for form in forms:
        assert result(trusted=(TrustedPackage.parse(form),)) == TrustedAnswer({"tone": ("warm",)}, ORIGIN)
    assert asked == []


def test_a_remembered_answer_is_not_used_as_root(asked: list[Remembered | VariantError]) -> None:
    asked[:] = [ANSWER]
    metadata = VariantMetadata(("speech",), {"speech": PROVIDER}, {})
    policy = Policy(trusted=trusting([TrustedPackage("speech-provider")]))
    ask_trusted.cache_clear()
    assert machine_support(metadata, Machine(), policy)[0].supported == {"speech": {"tone": ("warm",)}}
    known, (problem,) = machine_support(metadata, Machine(), policy._replace(refuses_root=True))
    assert known.supported == {"speech": {}}
    assert "plugins do not run as root" in str(problem)


def test_an_answer_is_valid_for_a_day(cache: Path) -> None:
    remember(cache, "key", ANSWER, 5 * DAY)
    assert recall(cache, "key", 6 * DAY - 1) == ANSWER
    assert recall(cache, "key", 6 * DAY) is None
    assert recall(cache, "key", 5 * DAY - 1) is None  # the clock was set back
    assert recall(cache, "other", 5 * DAY) is None


def test_old_and_surplus_answers_are_forgotten(cache: Path) -> None:
    remember(cache, "old", ANSWER, 0)
    for number in range(100):
        remember(cache, f"key{number}", ANSWER, DAY + number)
    keys = [*json.loads(cache.read_text())]
    assert keys == [f"key{number}" for number in range(36, 100)]
    remember(cache, "large", Remembered({"x": "x" * (1 << 16)}, []), DAY + 100)
    assert recall(cache, "large", DAY + 100) is None
    assert [path.name for path in cache.parent.iterdir()] == [cache.name]


DAMAGED = {
    "nothing": b"",
    "binary": b"\xff\x00",
    "cut": b'{"key": {"asked": 1',
    "a list": b"[]",
    "entries are texts": b'{"key": "x"}',
    "no time": b'{"key": {}}',
    "time is a text": b'{"key": {"asked": "x"}}',
    "brackets": b"[" * 100_000,
    "no versions": b'{"key": {"asked": 1, "printed": {}}}',
    "no answer": b'{"key": {"asked": 1, "printed": [], "versions": []}}',
    "huge": b" " * (answer_cache._LARGEST + 1),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_empty_and_then_replaced(content: bytes, cache: Path) -> None:
    remember(cache, "key", ANSWER, 1)
    cache.write_bytes(content)
    assert recall(cache, "key", 2) is None
    remember(cache, "key", ANSWER, 3)
    assert recall(cache, "key", 4) == ANSWER


@posix_only
@pytest.mark.parametrize("which", ["file", "folder", "link", "pipe", "folder in its place"])
def test_a_file_that_others_may_change_is_not_used(which: str, cache: Path, tmp_path: Path) -> None:
    remember(cache, "key", ANSWER, 1)
    assert cache.stat().st_mode & 0o777 == 0o600
    assert cache.parent.stat().st_mode & 0o777 == 0o700
    if which in ("file", "folder"):
        (cache if which == "file" else cache.parent).chmod(0o777)
    else:
        cache.rename(tmp_path / "moved")
        {"link": lambda: cache.symlink_to(tmp_path / "moved"), "pipe": lambda: os.mkfifo(cache)}.get(
            which, cache.mkdir
        )()
    assert recall(cache, "key", 1) is None
    remember(cache, "key", ANSWER, 1)
    assert recall(cache, "key", 1) is None


def test_without_a_cache_folder_answers_are_not_remembered(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (Path("relative/answers.json"), tmp_path / "file" / "answers.json"):
        remember(path, "key", ANSWER, 1)
        assert recall(path, "key", 1) is None


def change_file(name: str) -> Callable[[Host], Host]:
    def change(host: Host) -> Host:
        host.path(name).write_text("another")
        return host

    return change


CHANGES: dict[str, Callable[[Host], Host]] = {
    **{name: change_file(name) for name in BOOT},
    "machine": lambda host: host._replace(machine="aarch64"),
    "variable": lambda host: host._replace(environ={"FORCE": "2"}),
    "no variable": lambda host: host._replace(environ={}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_situation_has_another_key(change: Callable[[Host], Host], tmp_path: Path) -> None:
    host = host_with(tmp_path, BOOT, environ={"FORCE": "1"})
    before = key_of(["speech"], host)
    assert before == key_of(["speech"], host._replace(environ={"FORCE": "1", "PWD": "/x", "SHLVL": "2"}))
    assert before not in (None, key_of(["other"], host), key_of(["speech"], change(host)))


@pytest.mark.parametrize("change", ["hostname", "executable", "version", "groups"])
def test_another_interpreter_or_user_group_has_another_key(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = host_with(tmp_path, BOOT)
    before = key_of([], host)
    if change == "hostname":
        monkeypatch.setattr("platform.node", lambda: "another")
    elif change == "executable":
        monkeypatch.setattr(sys, "executable", "/another/python")
    elif change == "version":
        monkeypatch.setattr(sys, "version", "4.0")
    else:
        monkeypatch.setattr(os, "getgroups", lambda: [12345], raising=False)
    assert key_of([], host) != before


@posix_only
def test_another_container_has_another_key(tmp_path: Path) -> None:
    host = host_with(tmp_path, BOOT)
    keys = {key_of([], host)}
    link = host.path("/proc/self/ns/mnt")
    link.parent.mkdir()
    for target in ("mnt:[1]", "mnt:[2]"):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        keys.add(key_of([], host))
    assert len(keys) == 3


@pytest.mark.parametrize("system", ["linux", "freebsd14"])
def test_nothing_is_remembered_without_an_id_of_the_boot(system: str, tmp_path: Path) -> None:
    assert situation(host_with(tmp_path, {"/proc/self/cgroup": ""}, system=system)) is None
    assert key_of([], host_with(tmp_path, {}, system=system)) is None


@pytest.mark.parametrize("system", [name for name in ("darwin", "win32") if name != sys.platform])
def test_a_system_without_the_expected_function_has_no_id(system: str, tmp_path: Path) -> None:
    assert situation(host_with(tmp_path, BOOT, system=system)) is None


def test_a_key_needs_no_groups_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "getgroups", raising=False)  # Windows
    assert key_of([], host_with(tmp_path, BOOT))


def test_an_unreadable_id_of_the_boot_is_none(tmp_path: Path) -> None:
    host = host_with(tmp_path, {"/proc/sys/kernel/random/boot_id/file": ""})
    assert situation(host) is None


def test_this_machine_has_the_same_situation_twice() -> None:
    assert situation(Host.here({})) == situation(Host.here({}))


def test_the_minute_of_the_boot_changes_with_a_boot() -> None:
    assert minute_of_boot(1e9, 5_000_000) == minute_of_boot(1e9 + 100, 5_100_003)
    assert minute_of_boot(1e9, 5_000_000) != minute_of_boot(1e9 + 100, 3_000)
