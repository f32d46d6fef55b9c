"""The build requirements of sdists are read without running their code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.graphs.build_requirements import build_versions, static_requirements
from variant_backend._internal.lowlevel.tarball import pack

DEFAULT = ["setuptools>=40.8.0"]
FORMS = {
    '[build-system]\nrequires = ["hatchling>=1", "numpy; python_version < \'4\'"]': [
        "hatchling>=1",
        "numpy; python_version < '4'",
    ],
    "[build-system]\nrequires = []": [],
    "[project]\nname = 'demo'": DEFAULT,
    "": DEFAULT,
}
MISTAKES = {
    "[build-system]\nrequires = 'hatchling'": "expected a list of strings in build-system.requires",
    "[build-system]\nrequires = [1]": "expected a list of strings in build-system.requires",
    "[build-system]\nrequires = ['hatchling !']": "hatchling !",
    "[build-system": "invalid TOML",
}


def sdist(folder: Path, project: str | None) -> Path:
    path = folder / "demo-1.0.tar.gz"
    files = {"PKG-INFO": b"Name: demo\n"} | ({} if project is None else {"pyproject.toml": project.encode()})
    path.write_bytes(pack("demo-1.0", files, time=0))
    return path


@pytest.mark.parametrize("project", FORMS)
def test_requirements_are_those_of_the_build_system(project: str, tmp_path: Path) -> None:
    assert static_requirements(sdist(tmp_path, project)) == FORMS[project]


def test_an_sdist_may_be_a_zip_file(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("demo-1.0/PKG-INFO", "Name: demo\n")
    assert static_requirements(path) == DEFAULT
    with ZipFile(path, "a") as archive:
        archive.writestr("demo-1.0/pyproject.toml", "[build-system]\nrequires = ['hatchling']")
    assert static_requirements(path) == ["hatchling"]


def test_an_sdist_without_a_project_file_requires_setuptools(tmp_path: Path) -> None:
    assert static_requirements(sdist(tmp_path, None)) == DEFAULT


@pytest.mark.parametrize("project", MISTAKES)
def test_a_mistake_names_the_sdist_and_its_project_file(project: str, tmp_path: Path) -> None:
    path = sdist(tmp_path, project)
    with pytest.raises(VariantError) as raised:
        static_requirements(path)
    assert str(raised.value).startswith(f"{path}: pyproject.toml: ")
    assert MISTAKES[project] in str(raised.value)


def test_a_damaged_sdist_is_an_error(tmp_path: Path) -> None:
    path = sdist(tmp_path, "")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(VariantError, match="damaged"):
        static_requirements(path)


@pytest.mark.parametrize(("version", "wanted"), [("70.1", 1), ("70.0.0", 2), ("69.5", 2)])
def test_old_setuptools_gets_the_package_wheel(version: str, wanted: int) -> None:
    asked: list[list[str]] = []

    def resolve(requires: Sequence[str]) -> Mapping[str, Version]:
        asked.append([*requires])
        return {"setuptools": Version(version)}

    build_versions(["setuptools"], resolve)
    assert asked == [["setuptools"], ["setuptools", "wheel"]][:wanted]


def test_nothing_is_resolved_without_requirements() -> None:
    def resolve(_: Sequence[str]) -> Mapping[str, Version]:
        raise AssertionError

    assert build_versions([], resolve) == {}
