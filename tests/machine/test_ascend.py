"""Ascend NPUs and CANN: what their file and `npu-smi` say, compared with both public plugins."""

from __future__ import annotations

import json
import os
import platform
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.npu_tables import TOOLKIT, npu_machine, npu_table
from helpers.programs import run
from helpers.trees import host_with, pci_device

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.hardware_file import Detected
from variant_backend._internal.machine import ascend
from variant_backend._internal.machine.ascend import detect_ascend, given_ascend
from variant_backend._internal.machine.host import Host
from variant_backend._internal.variants.provider_ascend import (
    ASCEND,
    FORCE_CANN,
    FORCE_DRIVER,
    FORCE_NPU,
    OLD_PACKAGE,
)
from variant_backend._internal.variants.providers import PluginProvider

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no programs of the shell")

NPU = pci_device("0000:c1:00.0", "0x19e5", "0xd802", "0x120000")
BMC = pci_device("0000:05:00.0", "0x19e5", "0x1711", "0x030000")
HINT = "of unknown type; `hardware --run-tools` asks npu-smi"
# The answers of huawei-ascend-variant-provider 0.0.2 for these cases. The package is not on PyPI.
ANSWERS = Path(__file__).parents[1] / "data" / "huawei_ascend_variant_provider.json"


def old(support: Detected) -> Mapping[str, tuple[str, ...]]:
    """Return the supported values for releases that require the package on PyPI."""
    return support.features_for(PluginProvider((OLD_PACKAGE,)))


def case(table: str | None = None, cann: str | None = None, code: int = 0, **environ: str) -> dict[str, Any]:
    return {"table": table, "code": code, "cann": cann, "environ": environ}


def test_the_program_names_the_cards_and_the_driver(tmp_path: Path) -> None:
    host = npu_machine(tmp_path, case(npu_table("910B3", "910B3"), "version=8.1.RC1.alpha001\n"), "aarch64")
    found = detect_ascend(host)
    assert found.features == {
        "npu_type": ("910b",),
        "driver_version": ("24.1.0",),
        "cann_version": ("8.1.rc1",),
    }
    assert found.by_package == {}
    assert found.source == (
        f"NPU: {tmp_path}/bin/npu-smi info; CANN: {TOOLKIT}/aarch64-linux/ascend_toolkit_install.info"
    )
    assert found.warnings == ()


def test_no_program_is_started_unless_asked(tmp_path: Path) -> None:
    host = npu_machine(tmp_path, case(npu_table("910B3")), "x86_64")._replace(runs_tools=False)
    assert detect_ascend(host) == Detected({}, "no Ascend NPU found")


@pytest.mark.parametrize(
    ("files", "source"),
    [
        ({**NPU, **BMC}, f"NPU at PCI 0000:c1:00.0 {HINT}"),
        ({"/dev/davinci0": ""}, f"NPU at /dev/davinci0 {HINT}"),
        (BMC, "no Ascend NPU found"),
        ({}, "no Ascend NPU found"),
    ],
)
def test_an_npu_gets_a_hint_to_ask_its_program(tmp_path: Path, files: dict[str, str], source: str) -> None:
    assert detect_ascend(host_with(tmp_path, files)) == Detected({}, source)


def test_cann_without_a_card_has_a_version_only(tmp_path: Path) -> None:
    host = npu_machine(tmp_path, case(cann="version=8.2.0\n"), "x86_64")
    found = detect_ascend(host)
    assert found.features == {"cann_version": ("8.2.0",)}
    assert old(found) == {}  # it reports nothing without a card
    assert found.source.startswith("NPU: no npu-smi on PATH; CANN: /usr/local/Ascend/")


@pytest.mark.parametrize(
    ("program", "warning"),
    [
        ("exec /bin/sleep 60", "did not end within 0.1 seconds"),
        ("exit 3", "failed"),
        ("echo hello", ""),
        ("while :; do echo '| 0     910B3   | OK |'; done", "failed"),  # it is ended
    ],
)
def test_a_program_that_fails_gives_no_facts(
    tmp_path: Path, program: str, warning: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ascend, "_SECONDS", 0.1 if "sleep" in program else 30)
    host = npu_machine(tmp_path, case(""), "x86_64")
    (tmp_path / "bin" / "npu-smi").write_text(f"#!/bin/sh\n{program}\n")
    found = detect_ascend(host)
    assert [problem.text for problem in found.warnings] == [warning] * bool(warning)
    assert all(problem.place == f"{tmp_path}/bin/npu-smi info" for problem in found.warnings)
    assert found.features == {}


@pytest.mark.parametrize(
    ("environ", "features", "words"),
    [
        ({FORCE_NPU: "910b"}, {"npu_type": ("910b",)}, f"{FORCE_NPU}=910b"),
        ({FORCE_DRIVER: "25.3.rc1"}, {"driver_version": ("25.3.rc1",)}, f"{FORCE_DRIVER}=25.3.rc1"),
        ({FORCE_CANN: "8.1.rc1", FORCE_NPU: ""}, {"cann_version": ("8.1.rc1",)}, f"{FORCE_CANN}=8.1.rc1"),
        ({FORCE_NPU: "910B"}, {}, "=910B: invalid value; write lower-case letters, digits, '_' and '.'"),
        ({FORCE_NPU: "a\x1b[2Jb"}, {}, "'a\\x1b[2Jb': invalid value"),
        ({FORCE_NPU: "910b", FORCE_CANN: "new"}, {}, "=new: invalid value"),
        ({FORCE_NPU: ""}, {}, "no Ascend NPU found"),
    ],
)
def test_variables_force_facts(environ: dict[str, str], features: dict[str, Any], words: str) -> None:
    found = detect_ascend(Host(environ, Path("gone"), "darwin", "arm64"))
    assert found.features == old(found) == features
    assert words in found.source
    assert given_ascend(environ) == (found if any(environ.values()) else None)


@pytest.mark.parametrize(
    ("facts", "features", "old_features"),
    [
        ({"npu": "910B3"}, {"npu_type": ("910b",)}, {"npu_type": ("910b",)}),
        ({"npu": "a3"}, {"npu_type": ("a3",)}, {}),
        ({"npu": "Ascend910", "cann": "8.2.0"}, {"npu_type": ("a3",), "cann_version": ("8.2.0",)}, {}),
        ({"npu_driver": "24.1.0"}, {"driver_version": ("24.1.0",)}, {}),
        ({}, {}, {}),
    ],
)
def test_given_facts_support_what_a_machine_with_them_supports(
    facts: dict[str, str], features: dict[str, Any], old_features: dict[str, Any]
) -> None:
    assert ASCEND.from_facts
    support = ASCEND.from_facts({key: [value] for key, value in facts.items()})
    assert (support.features, support.by_package[OLD_PACKAGE]) == (features, old_features)


@pytest.mark.parametrize(("key", "example"), [("npu", "910b"), ("npu_driver", "24.1.0"), ("cann", "8.1.rc1")])
def test_an_invalid_fact_gets_an_example(key: str, example: str) -> None:
    assert ASCEND.from_facts
    with pytest.raises(VariantError, match=rf"got 'no::fact'; write a value such as {example}"):
        ASCEND.from_facts({key: ["no::fact"]})


def test_the_command_asks_tools_on_request(tmp_path: Path) -> None:
    npu_machine(tmp_path, case(npu_table("310P3")), "x86_64")
    env = {"PATH": str(tmp_path / "bin"), "ASCEND_TOOLKIT_HOME": None}
    for arguments, features in (
        ([], {}),
        (["--run-tools"], {"npu_type": ["310p"], "driver_version": ["24.1.0"]}),
    ):
        result = CliRunner().invoke(main, ["hardware", "--json", *arguments], env=env)
        assert json.loads(result.stdout)["machine"]["ascend"]["features"] == features
    result = CliRunner().invoke(main, ["hardware", "--run-tools", "--machine", "./m.toml"])
    assert result.exit_code == 2
    assert "--run-tools and --machine cannot be used together; leave one of them out" in result.stderr


@pytest.mark.parametrize("known", json.loads(ANSWERS.read_text(encoding="utf-8")))
def test_the_package_of_huawei_reports_the_same(tmp_path: Path, known: dict[str, Any]) -> None:
    found = detect_ascend(npu_machine(tmp_path, known, "x86_64"))
    assert found.features == {name: (*values,) for name, values in known["answer"].items()}


def random_case(source: random.Random) -> dict[str, Any]:
    """Return a random machine: cards, versions, and forced values."""
    names = ["910B3", "910B", "910A", "310P3", "310P", "310", "Ascend910", "Ascend310P3", "910_9392", "A2"]
    versions = ["24.1.0.3", "25.3.rc1", "23.0.rc2.2", "24.1", "24", "25.2.0.rc1", "", "v1.2"]
    cann = [
        "version=8.1.RC1\n",
        "a=1\nversion=8.2.0\n",
        "version=8.1.RC1.alpha001",
        "Version=8.0",
        "version=8",
        "",
    ]
    cards = [source.choice(names) for _ in range(source.choice([0, 1, 1, 2, 8]))]
    made = case(
        npu_table(*cards, version=source.choice(versions)) if source.random() < 0.9 else None,
        source.choice(cann) if source.random() < 0.7 else None,
        int(source.random() < 0.1),
    )
    for name, value in ((FORCE_NPU, "310p"), (FORCE_DRIVER, "24.1.rc3"), (FORCE_CANN, "8.0.0")):
        if source.random() < 0.15:
            made["environ"][name] = source.choice([value, value, ""])
    return made


PROGRAM = """
import contextlib, json, logging, os, sys
from ascend_variant_provider.plugin import AscendEnvironment, AscendVariantPlugin

logging.disable()
answers, given = [], dict(os.environ)
for environ in json.load(open(sys.argv[1])):
    os.environ.clear()
    os.environ.update(given | environ)
    AscendEnvironment.from_system.cache_clear()
    AscendVariantPlugin.get_supported_configs.cache_clear()
    with contextlib.redirect_stdout(sys.stderr):
        configs = AscendVariantPlugin.get_supported_configs()
    answers.append({config.name: config.values for config in configs})
print(json.dumps(answers))
"""


if sys.platform == "linux":

    def test_the_package_on_pypi_reports_the_same_on_random_machines(tmp_path: Path) -> None:
        source, machine = random.Random(19), platform.machine()
        cases = [random_case(source) for _ in range(int(os.environ.get("RANDOM_MACHINES", "25")))]
        hosts = [npu_machine(tmp_path / str(number), made, machine) for number, made in enumerate(cases)]
        environs = [
            {
                **host.environ,
                **({"ASCEND_TOOLKIT_HOME": str(host.path(TOOLKIT))} if made["cann"] is not None else {}),
            }
            for host, made in zip(hosts, cases, strict=True)
        ]
        (tmp_path / "ask.py").write_text(PROGRAM)
        (tmp_path / "cases.json").write_text(json.dumps(environs))
        answers = json.loads(run(sys.executable, tmp_path / "ask.py", tmp_path / "cases.json").stdout)
        for made, host, answer in zip(cases, hosts, answers, strict=True):
            expected = {name: (*dict.fromkeys(values),) for name, values in answer.items() if values}
            assert old(detect_ascend(host)) == expected, made
