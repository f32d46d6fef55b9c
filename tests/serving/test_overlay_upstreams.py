"""Overlays on indexes as they are: sdists, yanked wheels, Requires-Python, many files, missing projects."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
from helpers.offers import machine
from helpers.overlays import LOCAL_VERSIONS, make_locals, overlaid_site, write_overlay
from helpers.programs import empty_cache, run
from helpers.serve_process import ask
from helpers.servers import publish, served
from helpers.upstreams import ranged

from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.environments import (
    Environments,
    environments_named,
    unknown_environments,
)
from variant_backend._internal.serving.offer import Offered, files_offered_as, offer
from variant_backend._internal.serving.offer_place import profile_of
from variant_backend._internal.serving.upstream import Upstream

HERE = environments_named("3.12-manylinux_2_28_x86_64")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Write an index with a release of torch that has two local versions, and a wheel without one."""
    wheels = make_locals(tmp_path / "made", "torch", "2.10.0", ["cu126", "cu128", "cpu"])
    publish(wheels, tmp_path / "index" / "torch")
    write_overlay(tmp_path / "overlay.toml")
    return tmp_path / "index"


def upstream_of(index: Path) -> Upstream:
    sources = Sources.of([], [str(index)], [index.parent / "overlay.toml"])
    return Upstream(sources, index.parent / "cache")


def shown(index: Path, spec: str = "cuda:12.8", environments: Environments = HERE) -> list[Offered]:
    return [*offer(upstream_of(index).project("torch"), machine(spec), Policy(), environments).files]


def names(index: Path, spec: str = "cuda:12.8", environments: Environments = HERE) -> list[str]:
    return [one.filename for one in shown(index, spec, environments)]


def change_link(index: Path, filename: str, attributes: str) -> None:
    page = index / "torch" / "index.html"
    page.write_text(page.read_text().replace(f'<a href="{filename}', f'<a {attributes} href="{filename}'))


def test_pinned_hashes_are_installed_from_the_upstream(index: Path, tmp_path: Path) -> None:
    (tmp_path / "requirements.in").write_text("torch>=2.9,<3\n")
    pins = tmp_path / "requirements.txt"
    with served(index) as url:
        sources = Sources.of([], [url], [tmp_path / "overlay.toml"])
        with overlaid_site(sources, {"gpu": "cuda:12.8"}) as site:
            options = ("--index-url", f"{site}gpu/simple/", "--python", sys.executable, "--generate-hashes")
            uv = ("uv", "pip", "compile", "--no-config", *empty_cache(), *options, "-o", pins)
            run(*uv, tmp_path / "requirements.in")
        wheel = "torch-2.10.0+cu128-py3-none-any.whl"
        digest = hashlib.sha256((index / "torch" / wheel).read_bytes()).hexdigest()
        assert f"torch==2.10.0+cu128 \\\n    --hash=sha256:{digest}\n" in pins.read_text()
        for command in (
            ("uv", "pip", "install", "--no-config", *empty_cache(), "--python", sys.executable),
            ("pip", "install", "--isolated", "--no-cache-dir"),
        ):
            target = tmp_path / command[0]
            run(*command, "--require-hashes", "-r", pins, "--index-url", url, "--target", target)
            assert "cu128" in (target / "torch" / "__init__.py").read_text()


def test_sdists_are_offered_where_an_environment_is_unknown(index: Path) -> None:
    made = index.parent / "torch-2.10.0.tar.gz"
    made.write_bytes(b"not read")
    publish([made, *(index.parent / "made").iterdir()], index.parent / "more" / "torch")
    more = index.parent / "more"
    assert made.name not in names(more)
    assert made.name in names(more, environments=unknown_environments())


def test_a_yanked_wheel_is_the_last_choice(index: Path) -> None:
    change_link(index, "torch-2.10.0+cu128", 'data-yanked="broken"')
    (one,) = shown(index)
    assert (one.filename, one.file.yanked) == ("torch-2.10.0+cu126-py3-none-any.whl", None)


def test_requires_python_decides_about_a_label(index: Path) -> None:
    change_link(index, "torch-2.10.0+cu128", 'data-requires-python="&gt;=3.13"')
    with served(index) as url:  # METADATA decides about wheels on disk
        sources = Sources.of([], [url], [index.parent / "overlay.toml"])
        project = Upstream(sources, index.parent / "cache").project("torch")
    for environments, label in ((HERE, "cu126"), (environments_named("3.13-manylinux_2_28_x86_64"), "cu128")):
        (one,) = offer(project, machine("cuda:12.8"), Policy(), environments).files
        assert one.filename == f"torch-2.10.0+{label}-py3-none-any.whl"


def test_a_file_is_known_by_its_name_without_a_page(index: Path) -> None:
    project = upstream_of(index).project("torch")
    for filename in names(index):
        (known,) = files_offered_as(filename, project, machine("cuda:12.8"), Policy())
        assert (known.filename, known.file.filename) == (filename, filename)


def test_a_project_that_no_index_has_is_not_found(index: Path) -> None:
    with pytest.raises(VariantError, match="unknown project"):
        upstream_of(index).project("torchvision")
    sources = Sources.of([], [str(index)], [index.parent / "overlay.toml"])
    with overlaid_site(sources, {"gpu": "cuda:12.8"}) as site:
        assert ask(f"{site}gpu/simple/torchvision/").status == 404
        assert ask(f"{site}gpu/simple/torch/").status == 200


def test_a_release_without_a_fitting_wheel_leaves_an_empty_page(index: Path) -> None:
    for wheel in (index.parent / "made").glob("*+cpu*"):
        wheel.unlink()
    publish((index.parent / "made").iterdir(), index.parent / "gpu" / "torch")
    assert names(index.parent / "gpu", "none") == []


def test_equal_overlays_of_other_folders_are_other_profiles(index: Path, tmp_path: Path) -> None:
    text = LOCAL_VERSIONS.replace(
        "[projects.variant.def", 'index-urls = ["index"]\n\n[projects.variant.def', 1
    )
    profiles = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        sources = Sources((), (index.as_uri(),), write_overlay(folder / "overlay.toml", text))
        profiles.add(profile_of(sources, machine("none"), Policy()))
    assert len(profiles) == 2


def test_a_project_of_several_indexes_is_read_again_only_if_a_page_changes(
    index: Path, tmp_path: Path
) -> None:
    make_locals(tmp_path / "more", "torch", "2.10.0", ["cu130"])
    publish((tmp_path / "more").iterdir(), tmp_path / "cu130" / "torch")
    with ranged(index) as one, ranged(tmp_path / "cu130") as other:
        urls = f'index-urls = ["{one.url}", "{other.url}"]\n\n[projects.variant.def'
        text = LOCAL_VERSIONS.replace("[projects.variant.def", urls, 1)
        upstream = Upstream(Sources((), (), write_overlay(tmp_path / "both.toml", text)), tmp_path / "cache")
        known = upstream.project("torch")
        assert len(known.files) == 4
        assert upstream.project("torch") is known
        page = tmp_path / "cu130" / "torch" / "index.html"
        page.write_text(page.read_text().replace("<a ", '<a data-yanked="" '))
        changed = upstream.project("torch")
        assert [file.yanked for file in changed.files] == [None, None, None, ""]
