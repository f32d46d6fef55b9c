"""The project file of a folder or of an sdist."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.project.project_file import ProjectFile

TEXT = """
[build-system]
requires = ["variant-backend-core"]
build-backend = "variant_backend.hooks"

[tool.variant-backend]
build-backend = "flit_core.buildapi"
variants.warm.env = { TONE = "warm" }

[project]
name = "De.mo"
version = "1.0.0"

[variant]
default-priorities.namespace = ["greeting"]
providers.greeting.static-properties.tone = ["warm"]
variants.warm = { greeting = { tone = ["warm"] } }
"""


def make_sdist(folder: Path, text: str = TEXT, name: str = "de_mo-1.0.tar.gz") -> Path:
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / name, "w:gz") as archive:
        member = tarfile.TarInfo("de_mo-1.0/pyproject.toml")
        content = text.encode()
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return folder / name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(TEXT, encoding="utf-8")
    return tmp_path


def errors_of(path: Path) -> list[str]:
    with pytest.raises(VariantError) as raised:
        ProjectFile.read(path)
    return raised.value.lines()


def test_folder_and_sdist_have_the_same_project(folder: Path) -> None:
    sdist = make_sdist(folder / "dist")
    read = ProjectFile.read(folder)
    assert read.project == ProjectFile.read(sdist).project == read.in_sdist(sdist).project
    assert read.source == folder and read.in_sdist(sdist).source == sdist


def test_a_zip_file_is_refused_with_a_remedy_that_works(folder: Path) -> None:
    path = folder / "de_mo-1.0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("de_mo-1.0/pyproject.toml", TEXT)
    remedy = "unpack it, and give the unpacked folder as PATH"
    assert errors_of(path) == [f"{path}: expected NAME-VERSION.tar.gz, got a zip file; {remedy}"]
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    assert ProjectFile.read(folder / "de_mo-1.0").project == ProjectFile.read(folder).project


@pytest.mark.parametrize("name", ["demo-1.0.tar.bz2", "demo-1.0.tgz"])
def test_an_archive_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    (line,) = errors_of(make_sdist(tmp_path, name=name))
    assert "expected a folder or an sdist NAME-VERSION.tar.gz, got another file" in line


@pytest.mark.parametrize("name", ["demo.tar.gz", "demo-x.y.tar.gz"])
def test_an_sdist_with_another_name_is_refused(tmp_path: Path, name: str) -> None:
    path = make_sdist(tmp_path, name=name)
    (line,) = errors_of(path)
    assert f"expected the name of an sdist, NAME-VERSION.tar.gz, got {name!r}; rename it" in line
    assert ProjectFile.read(path.rename(tmp_path / "demo-1.0.tar.gz")).project.metadata


def test_problems_in_an_sdist_need_a_new_one(folder: Path) -> None:
    sdist = make_sdist(folder / "dist", TEXT.replace("env =", "enf ="))
    place = f"{sdist}: pyproject.toml: tool.variant-backend.variants.warm.enf"
    (line,) = errors_of(sdist)
    assert line.startswith(f"{place}: unknown key 'enf' (did you mean 'env'?); known keys: ")
    assert line.endswith("; then make a new sdist")
    sdist = make_sdist(folder / "dist", TEXT.replace("variant_backend.hooks", "flit_core.buildapi"))
    file = ProjectFile.read(sdist)
    (line,) = file.error(*file.build_system_problems()).lines()
    assert line.endswith('; write build-backend = "variant_backend.hooks"; then make a new sdist')


def test_an_sdist_without_project_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "de_mo-1.0.tar.gz"
    tarfile.open(path, "w:gz").close()
    assert errors_of(path) == [f"{path}: pyproject.toml is missing"]
    path.write_bytes(b"PK")
    (line,) = errors_of(path)
    assert line.startswith(f"{path}: damaged: ")
    path.unlink()
    assert errors_of(path) == [f"{path}: file not found; give the project's folder or its sdist as PATH"]


@pytest.mark.parametrize("name", ["de_mo-1.1.tar.gz", "other-1.0.tar.gz"])
def test_an_sdist_of_another_release_is_refused(folder: Path, name: str) -> None:
    sdist = make_sdist(folder / "dist", name=name)
    with pytest.raises(VariantError) as raised:
        ProjectFile.read(folder).in_sdist(sdist)
    assert str(raised.value).startswith(f"{sdist}: expected an sdist of De.mo 1.0.0, as in ")


@pytest.mark.parametrize(
    ("old", "new"),
    [('"warm" }', '"cold" }'), ("greeting", "salutation"), ("flit_core.buildapi", "hatchling.build")],
    ids=["recipe", "variant", "backend"],
)
def test_an_sdist_with_other_variants_or_recipes_is_refused(folder: Path, old: str, new: str) -> None:
    sdist = make_sdist(folder / "dist", TEXT.replace(old, new))
    with pytest.raises(
        VariantError, match=r"pyproject\.toml: \[variant\] or \[tool.variant-backend\] differs"
    ):
        ProjectFile.read(folder).in_sdist(sdist)


def test_other_tables_of_an_sdist_may_differ(folder: Path) -> None:
    sdist = make_sdist(folder / "dist", f"{TEXT}\n[tool.other]\nx = 1\n".replace('"1.0.0"', '"1.0"'))
    ProjectFile.read(folder).in_sdist(sdist)
