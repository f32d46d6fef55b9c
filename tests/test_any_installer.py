"""Installers get from the offer what uv with its flag selects; `dev.py installers` tries many more."""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest
from any_installer import PAGE, differences, oracle, write_index
from helpers.ecosystem import MACHINES, ROOTS, Origin, origins, write_ecosystem
from helpers.index_servers import INDEX_SERVERS
from helpers.installers import INSTALLERS, Job
from helpers.offers import offered
from helpers.programs import SCRIPTS, run


@pytest.fixture(scope="module")
def ecosystem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ecosystem")
    write_index(folder / "published")
    return folder


@cache
def oracle_of(ecosystem: Path, machine: str) -> dict[str, Origin]:
    """Ask uv with its flag once about each machine."""
    return oracle(ecosystem, Path(sys.executable), machine)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "machine"), [("http.server", "gpu13"), ("pypiserver", "cpu")], ids=["index files", "without"]
)
def test_pip_and_uv_install_what_uv_with_its_flag_does(
    ecosystem: Path, server: str, machine: str, tmp_path: Path
) -> None:
    expected = oracle_of(ecosystem, machine)
    published, scratch = ecosystem / "published", tmp_path / "server"
    scratch.mkdir()
    with INDEX_SERVERS[server](published, scratch, SCRIPTS) as upstream, offered(upstream, MACHINES) as site:
        url = f"{site}{machine}/simple/"
        job = Job(tmp_path, Path(sys.executable), "", url, tmp_path)
        (uv,) = (installer for installer in INSTALLERS if installer.name == "`uv pip`")
        by_uv = origins(uv.install(job).site_packages, published)
        options = ("--isolated", "--no-cache-dir", "--no-compile", "--target", tmp_path / "pip")
        run("pip", "install", *options, "--index-url", url, *ROOTS)
    assert differences(by_uv, expected) == []
    assert differences(origins(tmp_path / "pip", published), expected) == []


@pytest.mark.slow
def test_the_oracle_follows_the_machine(ecosystem: Path) -> None:
    selected = {
        machine: {name: origin.filename for name, origin in oracle_of(ecosystem, machine).items()}
        for machine in MACHINES
    }
    assert [names["scitorch"].rpartition("-")[2] for names in selected.values()] == [
        "cuda13.0.whl",
        "cuda12.8.whl",
        "null.whl",
    ]
    assert [names.get("scicudart", "").split("-")[1:2] for names in selected.values()] == [
        ["13.0.48"],
        ["12.8.90"],
        [],
    ]
    assert [names["scilegacy"].split("-")[1] for names in selected.values()] == ["2.0", "1.0", "1.0"]


def test_another_wheel_or_another_requirement_is_a_difference() -> None:
    wheel = Origin("scinum-2.1-py3-none-any-mkl.whl", "00", ("scimkl",))
    others = (
        wheel._replace(sha256="11"),
        wheel._replace(requires=()),
        wheel._replace(requires=("scimkl>1",)),
    )
    assert differences({"scinum": wheel}, {"scinum": wheel}) == []
    for other in others:
        assert len(differences({"scinum": other}, {"scinum": wheel})) == 1
    assert len(differences({}, {"scinum": wheel})) == len(differences({"scinum": wheel}, {})) == 1


def test_a_changed_file_of_an_installed_wheel_is_an_error(tmp_path: Path) -> None:
    write_ecosystem(tmp_path / "wheels")
    wheel = tmp_path / "wheels" / "scitools-2.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "target")
    (origin,) = origins(tmp_path / "target", wheel.parent).values()
    assert (origin.filename, origin.sha256) == (wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest())
    with (tmp_path / "target/scitools/__init__.py").open("a") as file:
        file.write("changed = True")
    with pytest.raises(ValueError, match=r"scitools/__init__.py: the installed file is not that"):
        origins(tmp_path / "target", wheel.parent)


def test_the_table_has_an_answer_of_each_installer_for_each_server() -> None:
    rows = re.findall(
        r"^\| (.*) \| `(?:run|serve)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [name for name, _ in rows] == [installer.name for installer in INSTALLERS]
    cells = [cell for _, row in rows for cell in row.split(" | ")]
    assert len(cells) == len(INSTALLERS) * len(INDEX_SERVERS)
    assert [cell for cell in cells if not re.fullmatch(r"yes, \d+", cell)] == []
