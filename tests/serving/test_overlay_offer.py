"""What the offer shows of projects whose wheels get their labels from an overlay."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.offers import machine
from helpers.overlays import LOCAL_VERSIONS, make_locals, write_overlay

from variant_backend._internal.machine.support import Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.environments import environments_named
from variant_backend._internal.serving.offer import offer
from variant_backend._internal.serving.upstream import Upstream

ENVIRONMENT = environments_named("3.12-manylinux_2_28_x86_64")


def shown(folder: Path, spec: str, policy: Policy | None = None) -> list[str]:
    """Return the names of the files that a machine sees of torch."""
    sources = Sources((folder,), (), write_overlay(folder.parent / "overlay.toml"))
    project = Upstream(sources, folder.parent / "cache").project("torch")
    return [file.filename for file in offer(project, machine(spec), policy or Policy(), ENVIRONMENT).files]


def test_a_machine_sees_the_wheels_of_one_local_version(tmp_path: Path) -> None:
    make_locals(tmp_path / "wheels", "torch", "2.10.0", ["cu126", "cu128", "cu130", "cpu"])
    names = {spec: shown(tmp_path / "wheels", spec) for spec in ("cuda:12.8", "cuda:12.6", "none")}
    assert names == {
        "cuda:12.8": ["torch-2.10.0+cu128-py3-none-any.whl"],
        "cuda:12.6": ["torch-2.10.0+cu126-py3-none-any.whl"],
        "none": ["torch-2.10.0+cpu-py3-none-any.whl"],
    }


def test_a_copy_of_a_wheel_changes_nothing(tmp_path: Path) -> None:
    first, *_ = make_locals(tmp_path / "wheels", "torch", "2.10.0", ["cu126", "cpu"])
    shutil.copy(first, first.with_name(f"{first.stem} - Copy.whl"))
    assert shown(tmp_path / "wheels", "none") == ["torch-2.10.0+cpu-py3-none-any.whl"]


def test_a_local_version_without_a_label_is_hidden(tmp_path: Path) -> None:
    make_locals(tmp_path / "wheels", "torch", "2.10.0", ["cu118", "xpu", "cpu"])
    assert shown(tmp_path / "wheels", "cuda:13.0") == ["torch-2.10.0+cpu-py3-none-any.whl"]


@pytest.mark.parametrize(
    "policy",
    [
        Policy(assignment={("nvidia", "cuda_version_lower_bound"): "12.6"}),
        Policy(labels={"torch": "cu126"}),
        Policy(labels={"torch": "cu12*"}),
    ],
)
def test_assigned_values_and_wanted_labels_select_the_local_version(tmp_path: Path, policy: Policy) -> None:
    make_locals(tmp_path / "wheels", "torch", "2.10.0", ["cu126", "cu130", "cpu"])
    names = shown(tmp_path / "wheels", "cuda:13.0", policy)
    assert names == ["torch-2.10.0+cu126-py3-none-any.whl"]


def test_local_versions_without_an_entry_are_reported(tmp_path: Path) -> None:
    for version in ("2.11.0rc1", "2.11.0", "2.10.0"):
        make_locals(tmp_path / "wheels", "torch", version, ["cu130", "cpu"])
    table = LOCAL_VERSIONS.partition("\n")[2]
    entries = (table.replace("\n\n", f'\nversions = "{versions}"\n\n', 1) for versions in ("<2.11", ">=2.11"))
    write_overlay(tmp_path / "overlay.toml", "".join(f"[[projects]]\n{entry}" for entry in entries))
    sources = Sources.of([str(tmp_path / "wheels")], [], [tmp_path / "overlay.toml"])
    (problem,) = Upstream(sources, tmp_path / "cache").project("torch").problems
    assert problem.text.endswith("so all machines see them: 2.11.0rc1+cpu, 2.11.0rc1+cu130")
