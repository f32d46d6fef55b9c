"""Installers without variant support install from the offer what uv with it installs from the upstream."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pytest
from helpers.mixed_releases import mixed_cases
from helpers.mutated_documents import HARDWARE
from helpers.offers import offered_to
from helpers.programs import run
from helpers.sample_release import DOCUMENT, only, patched
from helpers.servers import serving
from helpers.uv_cases import INDEX, OLDEST, Case, Wheel, index_file, write
from helpers.uv_oracle import uv_installs

from variant_backend._internal.machine.detect import detect
from variant_backend._internal.machine.host import Host
from variant_backend._internal.machine.support import Machine
from variant_backend._internal.selection.target import running_target
from variant_backend._internal.serving.site import Site
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.wheels.plain import tagged_name

pytestmark = [pytest.mark.slow, pytest.mark.agreement]

# `python3 dev.py agree` asks about as many releases as the documentation says, other runs about some.
ALL, SOME = 300, 40
OPTIONS = ("--prerelease", "allow", "--dry-run")


class Compared(NamedTuple):
    """Projects by name, the folder of their index, and the file of each that uv selects with its flag.

    The file has its name in the offer.
    """

    cases: Mapping[str, Case]
    folder: Path
    wanted: Mapping[str, str | None]

    def differences(self, selected: Mapping[str, str | None]) -> dict[str, str]:
        """Return the projects of which another file is selected, each with its files."""
        return {
            name: f"{self.cases[name]}\nwanted: {wanted}\nselected: {selected[name]}"
            for name, wanted in self.wanted.items()
            if selected[name] != wanted
        }


@contextmanager
def offer_of(folder: Path) -> Iterator[tuple[str, Site]]:
    """Offer the index to this machine; yield the URL of its pages, and the site."""
    machine = Machine(detect(Host.here({**os.environ, **HARDWARE})))
    with serving(folder, as_json=True) as (url, _), offered_to(machine, f"{url}simple/") as offered:
        yield offered


@pytest.fixture(scope="module")
def given(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    folder = tmp_path_factory.mktemp("index")
    count = ALL if pytestconfig.getoption("markexpr") == "agreement" else SOME
    cases = {case.name: case for case in mixed_cases(count, count)}
    write(folder, cases.values())
    with serving(folder, as_json=True) as (url, _):
        index = ("--default-index", f"{url}simple/")
        selected = uv_installs([*cases], folder / "target", *index, *OPTIONS, **HARDWARE)
    return Compared(cases, folder, {name: offered_name(file) for name, file in selected.items()})


@pytest.fixture(scope="module")
def offer(given: Compared) -> Iterator[tuple[str, Site]]:
    """Offer the index: the URL of the pages, and the site, which reads each project once for all tests."""
    with offer_of(given.folder) as offered:
        yield offered


def offered_name(filename: str | None) -> str | None:
    """Return the name of an upstream file in the offer."""
    if filename is None or not filename.endswith(".whl"):
        return filename
    return str(tagged_name(WheelFilename.parse(filename)))


def this_environment() -> str:
    """Return the name of this environment in URLs."""
    target = running_target()
    return f"{target.python}-{target.platform}"


def test_uv_without_its_flag_selects_the_same_in_a_named_environment(
    given: Compared, offer: tuple[str, Site], tmp_path: Path
) -> None:
    index = ("--default-index", f"{offer[0]}{this_environment()}/simple/")
    selected = uv_installs([*given.cases], tmp_path, *index, *OPTIONS, flag=False)
    assert given.differences(selected) == {}


def test_uv_selects_the_same_in_its_own_environment_unless_a_conflict_is_reported(
    given: Compared, offer: tuple[str, Site], tmp_path: Path
) -> None:
    url, site = offer
    index = ("--default-index", f"{url}simple/")
    selected = uv_installs([*given.cases], tmp_path, *index, *OPTIONS, flag=False)
    reported = {
        name.replace("-", "_")
        for name, asked in site.asked("m").items()
        if asked.offer and any(choice.conflicts for choice in asked.offer.choices)
    }
    different = given.differences(selected)
    assert {name: text for name, text in different.items() if name not in reported} == {}
    assert len(reported) < len(given.cases) / 5


def test_pip_selects_the_same_in_a_named_environment(
    given: Compared, offer: tuple[str, Site], tmp_path: Path
) -> None:
    names = [name for name, file in given.wanted.items() if file and file.endswith(".whl")]
    index = ("--index-url", f"{offer[0]}{this_environment()}/simple/")
    options = ("--isolated", "--no-cache-dir", "--pre", "--no-deps", "--ignore-installed", "--dry-run")
    report = ("--quiet", "--report", "-")
    done = run("pip", "install", *options, *report, *index, "--target", tmp_path, *names)
    urls = [item["download_info"]["url"] for item in json.loads(done.stdout)["install"]]
    files = [unquote(url.rpartition("/")[2]) for url in urls]
    selected = {WheelFilename.parse(file).distribution: file for file in files}
    assert given.differences({**given.wanted, **selected}) == {}


def _changed(project: str, change: Callable[[Case], object]) -> Case:
    """Return a project with a plain wheel of 0.1, and the labels `fast` and `safe` of 1.0, after a change."""
    case = Case(project, is_json=True)
    for version, label in ((OLDEST, None), ("1.0", "fast"), ("1.0", "safe")):
        document = None if label is None else only(DOCUMENT, label)
        name = WheelFilename(project, version, "", "py3-none-any", label)
        case.wheels.append(Wheel(name, place=INDEX, document=document))
    case.others.append(index_file(case, "1.0", INDEX, ["fast", "safe"]))
    change(case)
    return case


def _of_newer_python(case: Case) -> None:
    case.wheels[1].attributes["requires-python"] = ">=3.90"
    case.wheels[1].fields.append("Requires-Python: >=3.90")


def _yanked(case: Case) -> None:
    case.wheels[1].attributes["yanked"] = "broken"


def _with_abi_dependency(case: Case) -> None:
    variants = {"safe": {"abi_dependency": {"pip": ["1"]}}}
    for file in (case.wheels[2], case.others[0]):
        if isinstance(file, Wheel):
            file.document = patched(file.document, {"variants": variants})
        else:
            file.data = json.dumps(patched(json.loads(file.data), {"variants": variants})).encode()


# What uv with its flag selects, and what it selects without it from the offer:
# docs/explanation/how-the-offer-works.md.
DIFFERENCES = {
    "sound": (lambda _: None, "1.0-0_fast", "1.0-0_fast"),
    "python": (_of_newer_python, "0.1", "1.0-0_safe"),
    "yanked==1.0": (_yanked, "1.0-0_fast", "1.0-0_safe"),
    "dropped": (_with_abi_dependency, "0.1", "1.0-0_fast"),
}


def test_the_offer_differs_from_uv_in_what_the_documentation_says(tmp_path: Path) -> None:
    cases = [_changed(name.partition("==")[0], change) for name, (change, _, _) in DIFFERENCES.items()]
    write(tmp_path, cases)
    with serving(tmp_path, as_json=True) as (url, _):
        index = ("--default-index", f"{url}simple/")
        wanted = uv_installs([*DIFFERENCES], tmp_path / "target", *index, *OPTIONS, **HARDWARE)
    with offer_of(tmp_path) as (url, _):
        index = ("--default-index", f"{url}{this_environment()}/simple/")
        selected = uv_installs([*DIFFERENCES], tmp_path / "target", *index, *OPTIONS, flag=False)
    assert {
        name: (_version(offered_name(wanted[name])), _version(selected[name])) for name in DIFFERENCES
    } == {name: (one, other) for name, (_, one, other) in DIFFERENCES.items()}


def _version(filename: str | None) -> str:
    """Return the version and the build tag of a wheel."""
    name = WheelFilename.parse(filename or "")
    return "-".join(filter(None, (name.version, name.build)))
