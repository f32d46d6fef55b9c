"""In a dry run, pip downloads wheels that contain only METADATA, and nothing else."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from helpers.offers import make_torchy

from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.respond import ClientRequest, ServerAnswer
from variant_backend._internal.serving.site import Served, Site
from variant_backend._internal.serving.upstream import Upstream


@pytest.fixture
def site(tmp_path: Path) -> Site:
    make_torchy(tmp_path / "wheels")
    served = Served("m", Machine(), Policy())
    machines = {"m": served, "trial": served._replace(name="trial", trial_of="m")}
    return Site(Upstream(Sources.of([str(tmp_path / "wheels")], []), tmp_path / "cache"), machines)


def ask(site: Site, path: str) -> ServerAnswer:
    return site.respond(ClientRequest("GET", path, {}))


@pytest.mark.parametrize("project", ["torchy", "runtime"])
def test_a_wheel_of_a_trial_has_only_metadata(site: Site, project: str) -> None:
    page = ask(site, f"/trial/simple/{project}/").body.decode()
    (link, *_) = re.findall(r'href="\.\./\.\.(.*?\.whl)"', page)  # without a hash
    wheel, metadata = ask(site, f"/trial{link}"), ask(site, f"/trial{link}.metadata")
    with zipfile.ZipFile(io.BytesIO(wheel.body)) as archive:
        names = archive.namelist()
        assert [name.partition("/")[2] for name in names] == ["METADATA", "WHEEL"]
        assert archive.read(names[0]) == metadata.body
    assert wheel.headers["Cache-Control"] == "no-store"


def test_a_trial_asks_for_projects_and_takes_no_wheel(site: Site) -> None:
    page = ask(site, "/trial/simple/torchy/").body.decode()
    ask(site, "/trial" + re.findall(r'href="\.\./\.\.(.*?\.whl)"', page)[0])
    asked = site.asked("m")["torchy"]
    assert asked.offer is not None
    assert asked.requested == {}
