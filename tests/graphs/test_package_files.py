"""The file of each package in a graph is the one that uv and pip install, with its dependencies."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from helpers.graphs import graph_from
from helpers.made_wheels import make_wheel
from helpers.programs import run
from packaging.requirements import Requirement

from variant_backend._internal.graphs.dependencies import dependencies_of
from variant_backend._internal.graphs.package_files import best_file
from variant_backend._internal.graphs.root_requirements import Requested, extras_of
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.selection.target import running_target
from variant_backend._internal.serving.environments import environment_of_target
from variant_backend._internal.serving.running_offer import running_offer

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
NAMES = [f"made{number}" for number in range(40)]


def made(folder: Path, name: str, *lines: str, version: str = "1.0") -> None:
    """Write a plain wheel with fields of METADATA."""
    make_wheel(folder, name, version, metadata=METADATA + "".join(f"{line}\n" for line in lines) + "\n")


def publish_random_wheels(index: Path, scratch: Path, name: str, chance: random.Random) -> bool:
    """Write the page of a project with wheels for several tags and builds; return whether some are yanked."""
    tags = [str(tag) for tag in running_target().tags if not tag.platform.startswith("linux_")]
    usual = ["py3-none-any", "py2.py3-none-any", "cp399-cp399-any", *tags[:3], *tags[-3:]]
    chosen = chance.sample(usual, 3) + chance.sample(tags, 2)
    mark = ' data-yanked="wrong"'
    yanking = chance.choice([[""], [""], [mark], [mark, "", ""]])
    python = chance.choice(["&gt;=3.9", "&gt;=3.9", "&gt;=4"])
    links = []
    for tag in dict.fromkeys(chosen):
        build = chance.choice(["", "", "1-", "2-", "10abc-", "010-"])
        wheel = make_wheel(scratch, name, "1.0", tag, {f"{name}.py": f"{build}{tag}".encode()})
        wheel = wheel.rename(index / f"{name}-1.0-{build}{tag}.whl")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        yanked = chance.choice(yanking)
        href = f"../{wheel.name}#sha256={digest}"
        links.append(f'<a href="{href}" data-requires-python="{python}"{yanked}>{wheel.name}</a>')
    chance.shuffle(links)
    page = index / name / "index.html"
    page.parent.mkdir()
    page.write_text(f"<!DOCTYPE html>{''.join(links)}")
    return len(yanking) > 1


@pytest.mark.agreement
def test_uv_and_pip_install_the_file_that_a_graph_has(tmp_path: Path) -> None:
    index, chance = tmp_path / "index", random.Random(5)
    index.mkdir()
    partly_yanked = {name for name in NAMES if publish_random_wheels(index, tmp_path, name, chance)}
    here, environments = Machine(), environment_of_target(running_target())
    with running_offer(Sources.of([], [index.as_uri()]), here, Policy()) as offer:
        read = partial(offer.site.project, offer.place.profile, environments=environments)
        files = {name: best_file(read(name), "1.0", environments.asking[0]) for name in NAMES}
        best = {name: ready.file.filename for name, ready in files.items() if ready}
        pins = [f"{name}==1.0" for name in best]
        options = ["--no-deps", "--target"]
        index_of = ["--index-url", offer.place.url]
        run("uv", "pip", "install", "--no-config", *options, tmp_path / "uv", *index_of, *pins)
        run("pip", "install", "--quiet", *options, tmp_path / "pip", *index_of, *pins)
    assert len(NAMES) / 2 < len(best) < len(NAMES)
    # uv may install a yanked wheel of a pinned version beside others.
    for tool, compared in (("uv", best.keys() - partly_yanked), ("pip", best.keys())):
        installed = {name: f"{name}-1.0-{(tmp_path / tool / f'{name}.py').read_text()}.whl" for name in best}
        assert {name: installed[name] for name in compared} == {name: best[name] for name in compared}


def test_packages_have_their_dependencies_in_the_graph(tmp_path: Path) -> None:
    made(
        tmp_path,
        "app",
        "Requires-Python: >=3.8",
        "Requires-Dist: lib[fast]>=1",
        "Requires-Dist: elsewhere; sys_platform == 'none'",
        "Provides-Extra: all",
        "Provides-Extra: gui",
        "Requires-Dist: app[gui]; extra == 'all'",
        "Requires-Dist: toolkit; extra == 'gui'",
    )
    made(tmp_path, "lib", "Provides-Extra: fast", "Requires-Dist: Accel_Erator; extra == 'fast'")
    made(tmp_path, "accel_erator")
    made(tmp_path, "toolkit")
    graph = graph_from(tmp_path, Requested.of(("App[all]",)))
    requires = {package.name: package.requires for package in graph.packages}
    assert requires == {
        "app": ("lib", "toolkit"),
        "lib": ("accel-erator",),
        "accel-erator": (),
        "toolkit": (),
    }
    assert graph.packages[1].requires_python == ">=3.8"
    without = graph_from(tmp_path, Requested.of(("app",)))
    assert [package.name for package in without.packages] == ["accel-erator", "app", "lib"]


def test_extras_that_require_each_other_end() -> None:
    texts = {"a": ["b[x]; extra == 'y'"], "b": ["a[y]; extra == 'x'"]}
    requirements = {name: [*map(Requirement, listed)] for name, listed in texts.items()}
    environment: Mapping[str, str] = {}
    assert dependencies_of(requirements, environment, {}) == {"a": (), "b": ()}
    assert dependencies_of(requirements, environment, {"a": ["y"]}) == {"a": ("b",), "b": ("a",)}


def test_extras_of_all_requirements_count(tmp_path: Path) -> None:
    listed = tmp_path / "requirements.txt"
    listed.write_text("App[One]\n")
    roots = Requested.of(("app[two]>=1",), (listed,)).roots
    assert extras_of(roots) == {"app": {"one", "two"}}
