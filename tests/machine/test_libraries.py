"""Libraries of GPU drivers are asked in another process, which they may break."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.fake_libraries import OLD_LEVEL_ZERO, SOURCES, build_library
from helpers.programs import run, run_here
from helpers.trees import host_with

from variant_backend._internal.cli.main import main
from variant_backend._internal.formats.hardware_file import Detected
from variant_backend._internal.lowlevel import processes
from variant_backend._internal.machine import libraries
from variant_backend._internal.machine.host import Host
from variant_backend._internal.machine.intel import detect_intel
from variant_backend._internal.machine.nvidia import NO_GPU, detect_nvidia
from variant_backend._internal.variants.provider_intel import (
    FORCE_DEVICE_IP,
    INTEL,
    device_ip,
    forced_intel_features,
    intel_features,
)
from variant_backend._internal.variants.provider_nvidia import FORCE_CAPABILITY, FORCE_DRIVER, nvidia_features

NVML, CUDA, LEVEL_ZERO = SOURCES
DATA = Path(__file__).parent.parent / "data" / "intel_plugin_answers.json"


class _StartedError(Exception):
    """Another process would be started."""


@pytest.fixture
def _no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise _StartedError

    monkeypatch.setattr("variant_backend._internal.lowlevel.processes.Child", start)


FILES = [
    ({}, {}, False),
    ({"/usr/lib/libcuda.so": ""}, {}, False),
    ({"/usr/lib/libcuda.so.1": ""}, {}, True),
    ({"/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1": ""}, {}, True),
    ({"/opt/gpu/libcuda.so.1": ""}, {}, False),
    ({"/opt/gpu/libcuda.so.1": ""}, {"LD_LIBRARY_PATH": "::lib:/opt/gpu"}, True),
    ({"/usr/lib/libcuda.so.1": ""}, {FORCE_DRIVER: "12.8"}, True),
    ({"/usr/lib/libcuda.so.1": ""}, {FORCE_DRIVER: "12.8", FORCE_CAPABILITY: "9.0"}, False),
    ({"/usr/lib/libze_loader.so.1": ""}, {FORCE_DRIVER: "12.8", FORCE_CAPABILITY: "9.0"}, True),
    ({"/etc/ld.so.cache": "ld.so-1.7.0\0libc.so.6\0libcuda.so.1\0/opt/libcuda.so.1\0"}, {}, True),
    ({"/etc/ld.so.cache": "ld.so-1.7.0\0libcuda.so.12\0"}, {}, False),
    ({f"{sys.base_prefix}/lib/libze_loader.so.1": ""}, {}, True),
    ({"/lib/libcuda.so.1/file": ""}, {"LD_LIBRARY_PATH": "/dev/null:/\0:" + "/x" * 9000}, True),
]


@pytest.mark.usefixtures("_no_process")
@pytest.mark.parametrize(("files", "environ", "starts"), FILES)
def test_a_process_starts_only_if_a_needed_library_exists(
    tmp_path: Path, files: dict[str, str], environ: dict[str, str], starts: bool
) -> None:
    host = host_with(tmp_path, files, environ=environ)
    if starts:
        with pytest.raises(_StartedError):
            libraries.ask_libraries(host)
    else:
        assert libraries.ask_libraries(host) == {}


@pytest.mark.usefixtures("_no_process")
def test_a_hostile_cache_of_the_loader_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "ld.so.cache").symlink_to("ld.so.cache")
    assert libraries.ask_libraries(host_with(tmp_path, {})) == {}


@pytest.mark.usefixtures("_no_process")
def test_macos_has_no_libraries_of_drivers(tmp_path: Path) -> None:
    host = host_with(tmp_path, {"/usr/lib/libcuda.so.1": ""}, system="darwin")
    assert detect_nvidia(host) == Detected({}, NO_GPU.source)
    assert detect_intel(host) == Detected({}, "no Intel GPU found")


@pytest.mark.parametrize(
    ("files", "environ", "expected"),
    [
        ([], {}, []),
        (["/Windows/System32/nvml.dll", "/Windows/System32/ze_loader.dll"], {}, ["nvml", "level_zero"]),
        (["/Windows/System32/nvcuda.dll"], {"WINDIR": "/Other"}, []),
        (["/Programs/NVIDIA Corporation/NVSMI/nvml.dll"], {"PROGRAMFILES": "/Programs"}, ["nvml"]),
    ],
)
def test_libraries_of_windows_have_full_paths(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: list[str],
    environ: dict[str, str],
    expected: list[str],
) -> None:
    monkeypatch.setattr(libraries, "_ask_once", lambda found, _: dict(found))
    environ = {"WINDIR": "/Windows", **environ}
    host = host_with(tmp_path, dict.fromkeys(files, ""), environ=environ, system="win32")
    found: Any = libraries.ask_libraries(host)
    assert [*found] == expected
    assert [*found.values()] == files[: len(expected)]


def test_without_an_interpreter_the_fact_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    found = detect_nvidia(host_with(tmp_path, {"/usr/lib/libcuda.so.1": ""}, environ={"A": str(tmp_path)}))
    assert "libcuda.so.1: cannot start" in found.source
    assert len(found.warnings) == 1


PLUGIN: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))


def test_intel_values_are_those_of_the_plugin() -> None:
    assert {*intel_features(PLUGIN["all"])["device_ip"]} == {*PLUGIN["all"]}
    assert len(INTEL.meanings) == len(PLUGIN["all"])
    for text, values in PLUGIN["forced"].items():
        found = detect_intel(Host.here({FORCE_DEVICE_IP: text}))
        assert [*found.features.get("device_ip", ())] == values
        assert found.features == forced_intel_features(text)
        assert found.source.startswith(f"{FORCE_DEVICE_IP}={text}") or text.startswith(" ")


def test_facts_of_intel_gpus_give_their_values() -> None:
    assert INTEL.from_facts
    assert INTEL.from_facts({}).features == {}
    facts = INTEL.from_facts({"xpu": ["12.56.5", "20.1.0"]})
    assert facts.features == {"device_ip": ("12.56.5", "12.55.8", "20.1.0")}
    with pytest.raises(Exception, match=r"unknown device IP '12.55.9' \(did you mean '12.55.8'\?\)"):
        INTEL.from_facts({"xpu": ["12.55.9"]})


BROKEN = {
    "crash": ("int cuInit(unsigned flags) { return *(volatile int *)0; }", "crashes (SIGSEGV)"),
    "crash when loaded": (
        "__attribute__((constructor)) static void load(void) { __builtin_trap(); }",
        "crashes (SIG",
    ),
    "abort": ("#include <stdlib.h>\nint cuInit(unsigned flags) { abort(); }", "crashes (SIGABRT)"),
    "exit": ("#include <stdlib.h>\nint cuInit(unsigned f) { exit(0); }", "ends the process with exit code 0"),
    "hang": ("int cuInit(unsigned flags) { for (;;) ; }", "no answer within 0.5 seconds"),
    "garbage": (
        "#include <unistd.h>\nint cuInit(unsigned flags)"
        ' { for (int fd = 1; fd < 64; fd++) write(fd, "\\033[31m{]\\n", 8); return 1; }',
        "disturbs the answer with b'\\x1b[31m{]\\n'",
    ),
    "other JSON": (
        '#include <unistd.h>\nint cuInit(unsigned flags) { for (int fd = 1; fd < 64; fd++) write(fd,'
        ' "{\\"version\\": 1, \\"devices\\": [[1]], \\"error\\": null}\\n", 48); return 1; }',
        "disturbs the answer with b'",
    ),
    "output": (
        '#include <stdio.h>\nint cuInit(unsigned flags) { printf("hello\\n"); fflush(stdout); return 1; }',
        "cuInit returned 1",
    ),
    "process left behind": (
        "#include <unistd.h>\nint cuInit(unsigned flags)"
        " { if (fork() == 0) { setsid(); sleep(30); _exit(0); } return 1; }",
        "cuInit returned 1",
    ),
}  # fmt: skip
COUNTS = [
    (NVML, "12080 1.0 -3.0", "reports compute capability -3.0"),
    (NVML, "12080 9.0 5000000.0", "reports compute capability 5000000.0"),
    (NVML, "12080 9.0 9.17", "reports compute capability 9.17"),
    (CUDA, "12080 0.0", "reports compute capability 0.0"),
]


if sys.platform == "linux":  # its loader reads LD_LIBRARY_PATH

    @pytest.fixture(scope="session")
    def fakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Return a folder with all fake libraries; the folder `old` has an older Level Zero."""
        folder = tmp_path_factory.mktemp("fakes")
        (folder / "old").mkdir()
        for name in SOURCES:
            build_library(folder, name)
        build_library(folder / "old", LEVEL_ZERO, OLD_LEVEL_ZERO)
        return folder

    def here(folder: Path, **environ: str) -> Host:
        return Host.here({"LD_LIBRARY_PATH": str(folder), **environ})

    @pytest.mark.slow
    def test_all_devices_of_all_drivers_are_in_one_answer(fakes: Path) -> None:
        host = here(
            fakes,
            FAKE_NVML="12080 8.6 9.0 8.6",
            FAKE_CUDA="crash",
            FAKE_ZE="8086:030dc008 8086:03008000 10de:1/8086:40000000",
        )
        nvidia, intel = detect_nvidia(host), detect_intel(host)
        assert nvidia.source == "NVML (libnvidia-ml.so.1): 8.6 (2 devices), 9.0"
        assert nvidia.features == nvidia_features((12, 8), (9, 0))
        assert nvidia.least == nvidia_features((12, 8), (8, 6))
        assert intel.features == {"device_ip": ("12.55.8", "12.2.0")}  # Arc A770 and UHD 770
        words = "12.55.8, 12.2.0, 256.0.0 (unknown to the provider)"
        assert intel.source == f"Level Zero (libze_loader.so.1): {words}"
        assert intel.least == {}
        assert not nvidia.warnings + intel.warnings

    @pytest.mark.slow
    def test_equal_intel_gpus_are_listed_once(fakes: Path) -> None:
        intel = detect_intel(here(fakes, FAKE_ZE="8086:030f0007 8086:030f0007"))  # two GPUs of type Max 1550
        words = "Level Zero (libze_loader.so.1): 12.60.7 (2 devices)"
        assert intel == Detected({"device_ip": ("12.60.7",)}, words)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("environ", "best", "source", "warnings"),
        [
            ({"FAKE_FAIL": "nvmlInit_v2 1 9"}, "121", "CUDA driver (libcuda.so.1): 7.5, 12.1", 0),
            (
                {"FAKE_FAIL": "nvmlDeviceGetHandleByIndex_v2 2 15"},
                "86",
                "NVML (libnvidia-ml.so.1): 8.6; nvmlDeviceGetHandleByIndex_v2 returned 15",
                1,
            ),
            (
                {"FAKE_FAIL": "nvmlDeviceGetCount_v2 1 999"},
                "",
                "NVML (libnvidia-ml.so.1): no device; nvmlDeviceGetCount_v2 returned 999",
                1,
            ),
            (
                {"FAKE_FAIL": "nvmlSystemGetCudaDriverVersion_v2 1 12"},
                "90",
                "NVML (libnvidia-ml.so.1): 8.6, 9.0",
                0,
            ),
            (
                {"FAKE_NVML": "12080" + " 9.0" * 1025},
                "121",
                "CUDA driver (libcuda.so.1): 7.5, 12.1",
                0,
            ),
        ],
    )
    def test_nvml_or_else_the_driver_is_asked(
        fakes: Path, environ: dict[str, str], best: str, source: str, warnings: int
    ) -> None:
        found = detect_nvidia(
            here(fakes, **{"FAKE_NVML": "12080 8.6 9.0", "FAKE_CUDA": "13000 7.5 12.1", **environ})
        )
        assert found.source == source
        assert [value.removesuffix("_real") for value in found.features.get("sm_arch", ())][:1] == (
            [best] if best else []
        )
        assert len(found.warnings) == warnings

    @pytest.mark.slow
    @pytest.mark.parametrize("kind", BROKEN)
    def test_a_broken_library_is_named_and_others_answer(
        tmp_path: Path, fakes: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        monkeypatch.setattr(libraries, "_TIME_LIMIT", 0.5 if kind == "hang" else 20)
        source, words = BROKEN[kind]
        build_library(tmp_path, CUDA, source)
        (tmp_path / LEVEL_ZERO).symlink_to(fakes / LEVEL_ZERO)
        host = here(tmp_path, FAKE_ZE="8086:05004000")
        found = detect_nvidia(host)
        assert found.features == {}
        assert found.source.startswith(f"{NO_GPU.source} (libcuda.so.1: {words}")
        assert [problem.place for problem in found.warnings] == [CUDA] * (not words.startswith("cuInit"))
        assert detect_intel(host).features == {"device_ip": ("20.1.0",)}

    @pytest.mark.slow
    @pytest.mark.parametrize(("name", "text", "words"), COUNTS)
    def test_impossible_facts_are_ignored(
        tmp_path: Path, fakes: Path, name: str, text: str, words: str
    ) -> None:
        (tmp_path / name).symlink_to(fakes / name)
        found = detect_nvidia(here(tmp_path, **{f"FAKE_{'NVML' if name == NVML else 'CUDA'}": text}))
        assert found == Detected({}, f"{NO_GPU.source} ({name}: {words})")

    @pytest.mark.slow
    def test_too_many_devices_are_ignored(tmp_path: Path) -> None:
        source = SOURCES[LEVEL_ZERO].replace("*count = all", "*count = 0xffffffff")
        build_library(tmp_path, LEVEL_ZERO, source)
        found = detect_intel(here(tmp_path, FAKE_ZE="8086:05004000"))
        words = "no Intel GPU found (libze_loader.so.1: reports 4294967295 devices)"
        assert found == Detected({}, words)

    @pytest.mark.slow
    @pytest.mark.parametrize("form", ["new", "old"])
    def test_intel_gpus_are_those_of_the_plugin(fakes: Path, form: str) -> None:
        cases = [case for case in PLUGIN["detected"] if case[0] == form]
        assert len(cases) > 100
        library = str(fakes / LEVEL_ZERO if form == "new" else fakes / "old" / LEVEL_ZERO)
        program = (
            "import json, os, sys;"
            "from variant_backend._internal.machine._ask_libraries import ask;"
            "cases = json.load(open(sys.argv[2]));"
            "env = lambda case: os.environ.update(FAKE_ZE=case[1], FAKE_FAIL=case[2]);"
            "print(json.dumps([env(case) or ask('level_zero', sys.argv[1]).devices for case in cases]))"
        )
        file = fakes / f"{form}.json"
        file.write_text(json.dumps(cases))
        answers = json.loads(run(sys.executable, "-c", program, library, file).stdout)
        for case, devices in zip(cases, answers, strict=True):
            found = intel_features(device_ip(number) for (number,) in devices)
            assert [*found.get("device_ip", ())] == case[3], case

    @pytest.mark.slow
    @pytest.mark.parametrize("form", ["new", "old"])
    def test_an_error_of_level_zero_keeps_the_devices_before_it(fakes: Path, form: str) -> None:
        folder = fakes if form == "new" else fakes / "old"
        failure = f"zeDeviceGetProperties 2 {0x78000001}"
        found = detect_intel(here(folder, FAKE_ZE="8086:05008000 8086:030f0007", FAKE_FAIL=failure))
        assert found.features == {"device_ip": ("20.2.0", "20.1.0")}
        words = "zeDeviceGetProperties returned 0x78000001"
        assert found.source == f"Level Zero (libze_loader.so.1): 20.2.0; {words}"
        assert [str(problem) for problem in found.warnings] == [f"libze_loader.so.1: {words}"]

    @pytest.mark.slow
    @pytest.mark.parametrize(("devices", "best"), [("best", "90_real"), ("least", "86_real")])
    def test_hardware_shows_the_best_or_the_least_device(
        fakes: Path, tmp_path: Path, devices: str, best: str
    ) -> None:
        environ: dict[str, Any] = {"LD_LIBRARY_PATH": str(fakes), "FAKE_NVML": "12080 8.6 9.0", "FAKE_ZE": ""}
        shown = run_here(main, "hardware", "--json", "--devices", devices, **environ).stdout
        nvidia = json.loads(shown)["machine"]["nvidia"]
        assert nvidia["features"]["sm_arch"][0] == best
        assert ("least" in nvidia) == (devices == "best")
        path = tmp_path / "node.toml"
        run_here(main, "hardware", "-o", path, **environ)
        again = run_here(main, "hardware", "--machine", path, "--json", "--devices", devices).stdout
        assert json.loads(again)["machine"]["nvidia"] == nvidia

    @pytest.mark.slow
    def test_the_library_is_never_loaded_here(tmp_path: Path) -> None:
        source = (
            "#include <stdio.h>\n__attribute__((constructor))"
            f'static void load(void) {{ fopen("{tmp_path}/loaded", "w"); }}'
        )
        build_library(tmp_path, CUDA, source)
        program = (
            "import os, sys;"
            "from variant_backend._internal.machine.detect import detect;"
            "from variant_backend._internal.machine.host import Host;"
            "detect(Host.here(os.environ)).namespaces;"
            "print('ctypes' in sys.modules, 'libcuda' in open('/proc/self/maps').read())"
        )
        shown = run(sys.executable, "-c", program, LD_LIBRARY_PATH=str(tmp_path), cwd=tmp_path).stdout
        assert shown.split()[-1] == "False"
        assert (tmp_path / "loaded").exists()


def test_the_program_is_part_of_the_package() -> None:
    assert libraries._PROGRAM.is_file()
    assert processes._WATCHED.is_file()
