"""Detection ends with clear facts on hostile files: huge, endless, unreadable, binary, or changing ones."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.trees import host_with, kfd_nodes, pci_device

from variant_backend._internal.cli.main import main
from variant_backend._internal.formats.hardware_file import Hardware
from variant_backend._internal.machine.detect import detect
from variant_backend._internal.machine.host import Host

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has neither pipes nor such filenames")

CPU, ROCM = "/proc/cpuinfo", "/opt/rocm/.info/version"
NODES, PCI = "/sys/class/kfd/kfd/topology/nodes", "/sys/bus/pci/devices"
NODE, VENDOR = f"{NODES}/1/properties", f"{PCI}/0/vendor"
CANN = "/opt/ascend/x86_64-linux/ascend_toolkit_install.info"
ENVIRON = {"ASCEND_TOOLKIT_HOME": "/opt/ascend", "PATH": ""}
GPU = {**kfd_nodes(90402), "/dev/kfd": "", **pci_device("0", "0x1ae0", "0x0063", "0x0880")}


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    """Fail instead of waiting for ever."""
    signal.alarm(60)
    yield
    signal.alarm(0)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 33)  # no disk space is used


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def gone(path: Path) -> None:
    path.symlink_to("gone")


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def content(data: bytes) -> Callable[[Path], None]:
    """Return how to write a file with this content."""

    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


DIGITS = b"9" * 5000
KINDS: Mapping[str, Callable[[Path], None]] = {
    "huge": huge,
    "folder": folder,
    "pipe": pipe,
    "loop": loop,
    "gone": gone,
    "endless": endless,
    "binary": content(bytes(range(256)) * 200),
    "no UTF-8": content(b"simd_count 4\ngfx_target_version \xff\xfe\nflags\t: \xe9\nversion=\xff.1\n"),
    "control": content(b"7.0\x1b[2J.0\nflags\t: \x1b]0;x\x07\nsimd_count\x00 4\nversion=8.1\x1b[31m\n"),
    "long number": content(b"%b.%b.%b\nsimd_count %b\ngfx_target_version %b\n" % ((DIGITS,) * 5)),
    "negative": content(b"-7.-1\nsimd_count -4\ngfx_target_version -90402\nversion=-8.1\n"),
    "long line": content(b"flags" + b" " * 60000 + b"."),
    "many lines": content(b"simd_count 1\n:\n\n|\nversion=" * 2000),
    "empty": content(b""),
}
# The files that say what is wrong with them; others count as missing or as unknown.
REPORTED = {"huge", "folder", "pipe", "loop", "endless"}


def put(host: Host, name: str, write: Callable[[Path], None]) -> None:
    """Replace a file of a host."""
    path = host.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    write(path)


def safe(host: Host) -> Hardware:
    """Detect what a host supports; it can be written to files, and read again."""
    hardware = detect(host)
    plain = {name: known._replace(warnings=()) for name, known in hardware.namespaces.items()}
    assert Hardware.from_json(hardware.to_json(), "file").namespaces == plain
    assert Hardware.from_bytes(hardware.to_toml(), "file").namespaces == plain
    return hardware


def check(host: Host) -> list[str]:
    """Detect what a host supports, and return its warnings and sources; they are safe on terminals."""
    hardware = safe(host)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Host, "here", lambda *_, **__: host)
        result = CliRunner().invoke(main, ["hardware"])
    assert result.exit_code == 0, result.output
    assert result.output.replace("\n", "").isprintable()
    lines = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    return [*lines, *(known.source for known in hardware.namespaces.values())]


@pytest.mark.parametrize(
    ("name", "machine"),
    [(CPU, "x86_64"), (CPU, "aarch64"), *((name, "x86_64") for name in (NODE, ROCM, VENDOR, CANN))],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_file_gives_clear_facts(tmp_path: Path, kind: str, name: str, machine: str) -> None:
    host = host_with(tmp_path, GPU, environ=ENVIRON, machine=machine)
    put(host, name, KINDS[kind])
    lines = check(host)
    if kind in REPORTED and name != VENDOR:
        assert sum(line.startswith(f"warning: {name}: ") for line in lines) == 1, lines


@pytest.mark.parametrize("name", [NODES, PCI])
@pytest.mark.parametrize("kind", ["huge", "pipe", "loop", "gone", "endless", "binary"])
def test_a_file_instead_of_a_folder_gives_clear_facts(tmp_path: Path, kind: str, name: str) -> None:
    host = host_with(tmp_path, {"/dev/kfd": ""}, environ=ENVIRON)
    put(host, name, KINDS[kind])
    assert sum(line.startswith(f"warning: {name}: ") for line in check(host)) == (kind == "loop")


@pytest.mark.parametrize("name", [NODES, PCI])
def test_a_folder_with_thousands_of_entries_is_reported(tmp_path: Path, name: str) -> None:
    host = host_with(tmp_path, {"/dev/kfd": ""}, environ=ENVIRON)
    host.path(name).mkdir(parents=True)
    for number in range(4097):
        os.mkfifo(host.path(f"{name}/{number}"))
    assert f"warning: {name}: more than 4096 entries" in check(host)


def test_thousands_of_gpus_are_read(tmp_path: Path) -> None:
    host = host_with(tmp_path, {**kfd_nodes(*[90402] * 300), "/dev/kfd": ""}, environ=ENVIRON)
    assert any(
        "nodes 1, 10, 100, 101, " in line and " more of /sys/class/kfd" in line for line in check(host)
    )


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb", "\udcff", "²", "9" * 200, " 1", "-1", "1\u202e"])
def test_hostile_names_of_entries_are_escaped_or_skipped(tmp_path: Path, name: str) -> None:
    gpu = pci_device(name, "0x1002", "0x74a1", "0x120000")
    check(
        host_with(tmp_path, {**gpu, f"{NODES}/{name}/properties": "simd_count 4\ngfx_target_version 90402\n"})
    )


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "gone", "endless", "empty"])
def test_a_hostile_device_gives_clear_facts(tmp_path: Path, kind: str) -> None:
    host = host_with(tmp_path, kfd_nodes(90402), environ=ENVIRON)
    for name in ("/dev/kfd", "/dev/davinci0"):
        put(host, name, KINDS[kind])
    text = "/dev/kfd cannot be read and written" if kind in {"loop", "gone"} else "GPUs: nodes 1 of"
    assert any(text in line for line in check(host))


VARIABLES = """
    ROCM_PATH ROCR_VISIBLE_DEVICES HSA_OVERRIDE_GFX_VERSION ASCEND_TOOLKIT_HOME PATH
    AMD_VARIANT_PROVIDER_FORCE_GFX_ARCH AMD_VARIANT_PROVIDER_FORCE_ROCM_VERSION
    ROCM_BOOTSTRAP_FORCE_GFX_ARCH ROCM_BOOTSTRAP_DISABLE_DETECTION
    ASCEND_VARIANT_PROVIDER_FORCE_NPU_TYPE ASCEND_VARIANT_PROVIDER_FORCE_DRIVER_VERSION
    ASCEND_VARIANT_PROVIDER_FORCE_CANN_VERSION NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION
    NV_VARIANT_PROVIDER_FORCE_SM_ARCH TPU_VARIANT_PROVIDER_FORCE_PRESENT
"""


@pytest.mark.parametrize(
    "value",
    [
        "\x1b[2J\x07",
        "\udcff",
        "/" + "x/" * 5000,
        "9" * 5000,
        "9" * 5000 + ".1.1",
        "," * 5000,
        "-1",
        "²",
        "\n",
    ],
    ids=lambda text: ascii(text[:9]),
)
def test_hostile_variables_give_clear_facts(tmp_path: Path, value: str) -> None:
    environ = dict.fromkeys(VARIABLES.split(), value)
    host = host_with(tmp_path, GPU, environ=environ)._replace(runs_tools=True)
    check(host)
    for name, text in environ.items():
        safe(host._replace(environ={**ENVIRON, name: text}))


@pytest.mark.parametrize("kind", KINDS)
def test_files_may_change_before_they_are_read(tmp_path: Path, kind: str) -> None:
    class Racing(Host):
        def text(self, name: str, limit: int = 1 << 24) -> str | None:
            put(self, name, KINDS[kind]) if self.path(name).is_file() else None
            return super().text(name, limit)

    host = Racing(*host_with(tmp_path, {**GPU, ROCM: "7.0.0", CPU: "flags\t: avx\n"}, environ=ENVIRON))
    check(host)


def test_files_may_vanish_before_they_are_read(tmp_path: Path) -> None:
    class Vanishing(Host):
        def text(self, name: str, limit: int = 1 << 24) -> str | None:
            self.path(name).unlink(missing_ok=True)
            return super().text(name, limit)

    host = Vanishing(*host_with(tmp_path, {**GPU, ROCM: "7.0.0", CPU: "flags\t: avx\n"}, environ=ENVIRON))
    assert not any(line.startswith("warning: ") for line in check(host))
