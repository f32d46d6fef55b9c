"""Real projects of PyPI: wrapped, built, installed by uv, and used. The list is in benchmarks/projects.py."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest
from projects import PROJECTS, build, download_sdist, fastest_call, install, wrap
from real_projects import Times, slower

LABEL = "x86_64_v3"

has_avx2 = sys.platform == "linux" and " avx2 " in Path("/proc/cpuinfo").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
@pytest.mark.skipif(not has_avx2, reason="uv installs x86-64-v3 only where the processor supports it")
@pytest.mark.skipif(sys.version_info < (3, 11), reason="ulid-transform requires Python 3.11")
# A project in C, and one in C++ whose backend is poetry-core; `dev.py projects` builds ten.
@pytest.mark.parametrize("name", ["markupsafe", "ulid-transform"])
def test_a_variant_of_a_real_project_is_compiled_for_its_level(tmp_path: Path, name: str) -> None:
    project = next(project for project in PROJECTS if project.name == name)
    source = wrap(project, download_sdist(project, tmp_path / "sdists"), tmp_path / "source")
    wheels = build(project, source, tmp_path / "dist", "--label", LABEL, "--plain")
    assert {*wheels} == {LABEL, "plain"}
    assert compiled(wheels[LABEL]) != compiled(wheels["plain"])
    for label, wheel in wheels.items():
        log = (tmp_path / f"dist/.logs/{label}.log").read_text(encoding="utf-8")
        assert {"-O3", "-DNDEBUG"} <= {*log.split()}
        assert ("-march=x86-64-v3" in log.split()) == (label == LABEL)
        assert fastest_call(project, install(project, wheel, label, tmp_path / label), seconds=0) > 0


def compiled(wheel: Path) -> bytes:
    """Return the content of the one extension module."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = (name for name in archive.namelist() if name.endswith(".so"))
        return archive.read(name)


def test_only_a_variant_beyond_the_noise_is_slower() -> None:
    times = Times("demo", {"plain": 2.0, "x86_64_v2": 2.1, "x86_64_v3": 2.3, "plain again": 1.8})
    assert slower(times, times.noise) == ["x86_64_v3"]
