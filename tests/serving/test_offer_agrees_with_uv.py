"""Installers without variant support install from the offer what uv with it installs from the upstream."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers.mixed_releases import mixed_cases
from helpers.mutated_documents import HARDWARE
from helpers.offers import offered_to
from helpers.servers import serving
from helpers.uv_cases import Case, write
from helpers.uv_oracle import uv_installs

from variant_backend.machine.detect import detect
from variant_backend.machine.host import Host
from variant_backend.machine.support import Machine
from variant_backend.selection.target import running_target
from variant_backend.variants.filename import WheelFilename
from variant_backend.wheels.plain import tagged_name

pytestmark = pytest.mark.slow


class Compared(NamedTuple):
    """Projects with their files, and the file that uv with its flag installs from the upstream."""

    cases: Mapping[str, Case]
    upstream: Path
    wanted: Mapping[str, str | None]


def offered_name(filename: str | None) -> str | None:
    """Return the name of an upstream file in the offer."""
    if filename is None or not filename.endswith(".whl"):
        return filename
    return str(tagged_name(WheelFilename.parse(filename)))


def compared(folder: Path, seed: int, count: int) -> Compared:
    cases = {case.name: case for case in mixed_cases(seed, count)}
    write(folder, cases.values())
    with serving(folder, as_json=True) as (url, _):
        index = ("--default-index", f"{url}simple/", "--prerelease", "allow")
        wanted = uv_installs([*cases], folder / "target", *index, **HARDWARE)
    return Compared(cases, folder, {name: offered_name(file) for name, file in wanted.items()})


def this_machine() -> Machine:
    return Machine(detect(Host.here({**os.environ, **HARDWARE})))


@pytest.mark.parametrize("count", [40, pytest.param(300, marks=pytest.mark.agreement)])
def test_uv_without_its_flag_installs_from_the_offer_what_it_installs_with_it(
    count: int, tmp_path: Path
) -> None:
    seed = count
    given = compared(tmp_path, seed, count)
    target = running_target()
    named = f"{target.python}-{target.platform}/"
    for number, environment in enumerate(("", named)):
        with serving(given.upstream, as_json=True) as (url, _), offered_to(this_machine(), f"{url}simple/") as site:
            index = ("--default-index", f"{site}{environment}simple/", "--prerelease", "allow")
            installed = uv_installs([*given.cases], tmp_path / f"target-{number}", *index, flag=False)
        different = {
            name: (str(given.cases[name]), wanted, installed[name])
            for name, wanted in given.wanted.items()
            if installed[name] != wanted
        }
        assert different == {}, "\n\n".join("\n".join(map(str, parts)) for parts in different.values())
