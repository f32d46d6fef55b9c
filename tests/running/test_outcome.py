"""The last lines of `run` agree with what real installers have installed."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple

import pytest
from helpers.behaviors import answer
from helpers.made_wheels import make_wheel
from helpers.offers import (
    CUDA,
    MACHINES,
    label_in,
    make_torchy,
    make_variants,
    offered_site,
    offered_sources,
)
from helpers.overlays import (
    JOINT_PROJECTS,
    LOCAL_VERSIONS,
    SAME_NAMES,
    make_locals,
    make_members,
    make_same_names,
    write_overlay,
)
from helpers.programs import SCRIPTS, empty_cache, run, run_here
from helpers.servers import served
from helpers.upstreams import ranged

from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import Problem, VariantError
from variant_backend._internal.formats.simple_api import JSON_TYPE
from variant_backend._internal.running.command import ToolCommand, read_command
from variant_backend._internal.running.destination import environments_of
from variant_backend._internal.running.dry_run import PlannedPackage, planned_packages
from variant_backend._internal.running.named_packages import named_requirements
from variant_backend._internal.running.outcome import RunOutcome, outcome
from variant_backend._internal.running.site_packages import installed_before
from variant_backend._internal.running.stale_wheels import reinstalling, stale_wheels
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.asked_projects import AskedProjects
from variant_backend._internal.serving.respond import ClientRequest
from variant_backend._internal.serving.site import Site

TOOLS = ["pip", "uv"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("index")
    make_torchy(folder)
    make_variants(folder, "visiony", {"cu130": [CUDA.format("13.0")]})
    make_variants(folder, "broken", {"cu128": [CUDA.format("12.8")], None: []})
    run_here(main, "index", "--simple", folder)
    for index_file in folder.rglob("broken-1.0-variants.json"):
        index_file.write_text("{}")
    with served(folder) as url:
        yield f"{url}simple/"


class Session(NamedTuple):
    """A site, and an environment that commands of `run` install into."""

    site: Site
    upstream: str
    url: str
    prefix: Path

    def command(self, tool: str, *arguments: str) -> ToolCommand:
        start = ["pip", "--python", self.prefix] if tool == "pip" else ["uv", "pip"]
        rest = [] if tool == "pip" else ["--python", self.prefix, *empty_cache()]
        program, *options = map(str, [*start, *arguments, *rest])
        return read_command([str(SCRIPTS / program), *options])

    def run(
        self, command: ToolCommand, machine: str, *, ok: bool = True, index_url: str | None = None
    ) -> RunOutcome:
        self.site.asked_projects = AskedProjects(remembers=True)
        folder = self.prefix.parent
        start = installed_before(command, os.environ, folder)
        url = index_url or f"{self.url}{machine}/simple/"
        variables = {"PIP_INDEX_URL": url, "UV_DEFAULT_INDEX": url, "PIP_NO_CACHE_DIR": "1"}
        run(*command.arguments, cwd=folder, ok=ok, **variables)
        return outcome(self.site, machine, command, start, os.environ, folder)

    def follow(self, problem: Problem, machine: str) -> RunOutcome:
        """Start the commands of a remedy in their order, and return the last lines of all."""
        done = RunOutcome([], [])
        for line in re.findall("run `(?:variant-backend run )?(.*?)`", str(problem.remedy)):
            program, *rest = shlex.split(line)
            ended = self.run(read_command([str(SCRIPTS / Path(program).name), *rest]), machine)
            done = RunOutcome([*done.lines, *ended.lines], [*done.warnings, *ended.warnings])
        return done

    def reinstalled(self, command: ToolCommand, machine: str) -> ToolCommand:
        start = installed_before(command, os.environ, self.prefix.parent)
        environments = environments_of(start.environment)
        return read_command(
            reinstalling(command, stale_wheels(self.site, machine, start.installed, environments))
        )

    def label(self) -> str | None:
        (site_packages,) = self.prefix.glob("[lL]ib/**/site-packages")
        return label_in(site_packages, "torchy")

    def installed(self) -> set[str]:
        return {path.name.removesuffix(".dist-info") for path in self.prefix.glob("[lL]ib/**/*.dist-info")}


@pytest.fixture
def session(index: str, tmp_path: Path) -> Iterator[Session]:
    venv.create(tmp_path / "env", symlinks=sys.platform != "win32")
    with offered_site(index) as (site, url):
        yield Session(site, index, url, tmp_path / "env")


@pytest.mark.parametrize(
    ("installed", "label", "places"),
    [
        ("torchy-9.0", None, ["torchy 9.0"]),
        ("torchy-9.0", "cu128", ["torchy 9.0"]),
        ("torchy-1.0", "cu128", []),  # from the cache of an installer
        ("runtime-9.0", None, []),
    ],
)
def test_a_version_that_the_offer_lacks_is_a_warning(
    session: Session, tmp_path: Path, installed: str, label: str | None, places: list[str]
) -> None:
    command = read_command(["pip", "install", "--target", "site", "-r", "https://example.org/r.txt"])
    start = installed_before(command, {}, tmp_path)
    info = tmp_path / "site" / f"{installed}.dist-info"
    info.mkdir(parents=True)
    if label:
        (info / "variant.json").write_text(json.dumps({"variants": {label: {}}}))
    done = outcome(session.site, "new", command, start, {}, tmp_path)
    assert (done.lines, [problem.place for problem in done.warnings]) == ([], places)


@pytest.mark.parametrize(
    ("line", "reported", "remedy"),
    [
        ("{scripts}/python script.py", {"changed"}, "pip"),
        ("make", {"changed"}, "pip"),
        ("sh script.sh", {"changed"}, "pip"),
        ("uv run --no-project --with torchy python", {"changed"}, "uv pip"),
        ("time pip install torchy", {"changed", "kept"}, "pip"),
        ("sh -c 'uv pip install torchy'", {"changed", "kept"}, "uv pip"),
        ("pipenv install --skip-lock torchy", {"changed", "kept"}, "pip"),
        ("tox", set(), ""),
    ],
)
def test_what_any_program_installs_around_the_offer_is_a_warning(
    session: Session, line: str, reported: set[str], remedy: str
) -> None:
    folder, scripts = session.prefix.parent, session.prefix / ("Scripts" if os.name == "nt" else "bin")
    (scripts / ("pip.exe" if os.name == "nt" else "pip")).touch(mode=0o755)
    environ = {"VIRTUAL_ENV": str(session.prefix), "PATH": str(scripts)}
    command = read_command(shlex.split(line.format(scripts=scripts.as_posix())))
    (site_packages,) = session.prefix.glob("[lL]ib/**/site-packages")
    (site_packages / "torchy-1.0.dist-info").mkdir()
    for what in ("kept", "changed"):
        start = installed_before(command, environ, folder)
        if what == "changed":
            os.utime(site_packages / "torchy-1.0.dist-info", ns=(0, 0))
        done = outcome(session.site, "new", command, start, environ, folder)
        assert [problem.place for problem in done.warnings] == (["torchy 1.0"] if what in reported else [])
        assert all(f"run `variant-backend run {remedy} install " in str(problem) for problem in done.warnings)


def test_a_broken_page_is_a_warning_if_no_variant_is_left(tmp_path: Path) -> None:
    page = b'{"meta": {"api-version": "1.1"}, "name": "demo", "files": [{}]}'
    command = read_command(["pip", "install", "--target", "site", "demo"])
    start = installed_before(command, {}, tmp_path)
    with ranged(tmp_path) as server, offered_site(server.url) as (site, _):
        server.misbehave = answer(200, page, Content_Type=JSON_TYPE)
        assert site.respond(ClientRequest("GET", "/new/simple/demo/", {})).status == 200
        done = outcome(site, "new", command, start, {}, tmp_path)
    assert any("files[0]" in str(problem) for problem in done.warnings)


@pytest.mark.parametrize("code", [0, 1])
def test_only_a_command_that_succeeds_may_have_used_a_cache(index: str, tmp_path: Path, code: int) -> None:
    command = read_command(["make", "all"])
    start = installed_before(command, {}, tmp_path)
    with offered_site(index) as (site, _):
        assert site.respond(ClientRequest("GET", "/new/simple/torchy/", {})).status == 200
        lines = outcome(site, "new", command, start, {}, tmp_path, code=code).lines
    assert any("may be in a cache" in line for line in lines) == (code == 0)


def test_an_upstream_that_fails_is_a_warning(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", symlinks=sys.platform != "win32")
    with offered_site("http://127.0.0.1:9/simple/") as (site, url):
        session = Session(site, "", url, tmp_path / "env")
        command = session.command("pip", "install", "--retries", "0", "torchy")
        done = session.run(command, "new", ok=False)
    assert [problem.place for problem in done.warnings] == ["http://127.0.0.1:9/simple/torchy/"]


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_a_changed_machine_is_noticed_and_its_remedy_follows_it(session: Session, tool: str) -> None:
    command = session.command(tool, "install", "torchy")
    session.run(command, "old")
    assert session.reinstalled(command, "old").arguments == command.arguments  # nothing to replace
    done = session.run(command, "new")
    assert session.installed() == {"torchy-1.0", "runtime-12.6"}
    assert [problem.place for problem in done.warnings] == ["torchy 1.0"]
    session.follow(done.warnings[0], "new")
    assert session.label() == "cu128"
    assert session.installed() == {"torchy-1.0", "runtime-12.8"}


@pytest.fixture
def overlaid(tmp_path: Path) -> Iterator[Session]:
    """Yield a session whose upstream has wheels with labels by an overlay."""
    requires = {"cu126": ["runtime12"], "cu130": ["runtime13"]}
    make_locals(tmp_path / "w", "torchy", "2.10.0", ["cu126", "cu130", "cpu"], requires=requires)
    make_locals(tmp_path / "w", "visiony", "0.25.0", ["cu126", "cpu"])
    for name in ("runtime12", "runtime13"):
        make_wheel(tmp_path / "w", name)
    make_same_names(tmp_path)
    make_members(tmp_path / "w")
    text = LOCAL_VERSIONS.replace('"torch", "torchvision"', '"torchy", "visiony"')
    write_overlay(tmp_path / "overlay.toml", "\n".join([text, SAME_NAMES, JOINT_PROJECTS]))
    sources = Sources.of([str(tmp_path / "w")], [], [tmp_path / "overlay.toml"])
    venv.create(tmp_path / "env", symlinks=sys.platform != "win32")
    with offered_sources(sources, {"new": "cuda:13.0", "old": "cuda:12.6", "cpu": "none"}) as (site, url):
        yield Session(site, "", url, tmp_path / "env")


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_a_changed_machine_is_noticed_by_the_local_version(overlaid: Session, tool: str) -> None:
    command = overlaid.command(tool, "install", "torchy")
    done = overlaid.run(command, "new")
    assert [*done.lines] == ["torchy 2.10.0+cu130: cu130 (NVIDIA driver for CUDA 13.0 or newer)"]
    assert [*done.warnings] == []
    done = overlaid.run(overlaid.command(tool, "install", "--upgrade", "torchy"), "old")
    assert [problem.place for problem in done.warnings] == ["torchy 2.10.0+cu130"]
    done = overlaid.follow(done.warnings[0], "old")
    assert [*done.lines] == ["torchy 2.10.0+cu126: cu126 (NVIDIA driver for CUDA 12.6 or newer)"]
    (warning,) = done.warnings
    assert warning.text == "it replaced 2.10.0+cu130, whose requirements remain: runtime13"
    overlaid.follow(warning, "old")
    assert overlaid.installed() == {"torchy-2.10.0+cu126", "runtime12-1.0"}


@pytest.mark.slow
def test_a_machine_without_a_gpu_gets_the_null_variant_with_its_reasons(overlaid: Session) -> None:
    command = overlaid.command("uv", "install", "torchy")
    overlaid.run(command, "new")
    done = overlaid.run(overlaid.reinstalled(command, "cpu"), "cpu")
    assert done.lines[0] == "torchy 2.10.0+cpu: null (for any machine)"
    assert "cu130: " in done.lines[1]
    assert "torchy-2.10.0+cpu" in overlaid.installed()


@pytest.mark.slow
def test_a_local_version_that_is_required_or_allowed_is_not_stale(overlaid: Session) -> None:
    for requirement, warned in (("torchy==2.10.0+cu126", []), ("torchy", ["torchy 2.10.0+cu126"])):
        command = overlaid.command("uv", "install", requirement)
        overlaid.run(command, "old")
        assert [problem.place for problem in overlaid.run(command, "new").warnings] == warned
    folder = overlaid.prefix.parent
    sources = Sources.of([str(folder / "w")], [], [folder / "overlay.toml"], allows_local=True)
    with offered_sources(sources, {"new": "cuda:13.0", "cpu": "none"}) as (site, url):
        allowing = overlaid._replace(site=site, url=url)
        assert [*allowing.run(command, "new").warnings] == []
        assert [problem.place for problem in allowing.run(command, "cpu").warnings] == ["torchy 2.10.0+cu126"]
    (site_packages,) = overlaid.prefix.glob("[lL]ib/**/site-packages")
    (site_packages / "needs-1.0.dist-info").mkdir()
    text = "Metadata-Version: 2.1\nName: needs\nVersion: 1.0\nRequires-Dist: torchy==2.10.0+cu126\n"
    (site_packages / "needs-1.0.dist-info" / "METADATA").write_text(text)
    assert [*overlaid.run(command, "new").warnings] == []


@pytest.mark.slow
def test_the_commands_after_an_exchanged_member_leave_its_files_to_one_project(overlaid: Session) -> None:
    command = overlaid.command("uv", "install", "cupy")
    overlaid.run(command, "old")
    (warning,) = overlaid.run(overlaid.reinstalled(command, "new"), "new").warnings
    assert warning.text == "it replaced 13.6.0 cuda12, whose requirements remain: cupy-cuda12x"
    overlaid.follow(warning, "new")
    assert overlaid.installed() == {"cupy-13.6.0", "cupy_cuda13x-13.6.0"}
    assert [*overlaid.prefix.glob("[lL]ib/**/cupy/__init__.py")]


@pytest.mark.slow
def test_a_family_on_several_platforms_is_a_warning_after_run(overlaid: Session) -> None:
    done = overlaid.run(overlaid.command("uv", "install", "torchy", "visiony"), "new")
    (warning,) = done.warnings
    assert "torchy 2.10.0+cu130 has 13.0; visiony 0.25.0+cu126 has 12.6" in warning.text
    # A project whose labels are other projects belongs to no family.
    command = overlaid.reinstalled(overlaid.command("uv", "install", "torchy", "cupy"), "old")
    assert all("in common" not in problem.text for problem in overlaid.run(command, "old").warnings)


@pytest.mark.slow
def test_wheels_of_one_name_are_known_by_what_was_downloaded(overlaid: Session) -> None:
    command = overlaid.command("uv", "install", "jaxy")
    assert [*overlaid.run(command, "new").lines] == ["jaxy 1.0: cu130 (NVIDIA driver for CUDA 13.0 or newer)"]
    # The installed wheel does not show its label.
    done = overlaid.run(overlaid.command("uv", "install", "--upgrade", "jaxy"), "old")
    assert [*done.lines] == ["jaxy 1.0: the variant cu126 or cu130; installed wheels do not show which one"]
    assert [*done.warnings] == []


@pytest.mark.slow
def test_uv_replaces_what_pip_has_put_into_a_target_folder(overlaid: Session) -> None:
    target = overlaid.prefix.parent / "site"
    command = overlaid.command("pip", "install", "--no-compile", "--target", str(target), "torchy")
    overlaid.run(command, "old")
    (stale,) = overlaid.run(command, "new").warnings
    (left,) = overlaid.follow(stale, "new").warnings
    overlaid.follow(left, "new")
    releases = {path.stem for path in target.glob("*.dist-info")}
    assert releases == {"torchy-2.10.0+cu130", "runtime13-1.0"}


@pytest.mark.slow
def test_reinstall_refuses_target_folders_of_pip_and_names_uv(session: Session) -> None:
    command = ["pip", "install", "--quiet", "--no-compile", "--target", "site", "torchy"]
    run_command(session, "--reinstall", *command, machine="old")
    done = run_command(session, "--reinstall", *command, ok=False)
    assert done.returncode == 2
    (line,) = re.findall("run `variant-backend run (.*?)`", done.stderr)
    run_command(session, *shlex.split(line)[4:])
    site = session.prefix.parent / "site"
    assert {path.stem for path in site.glob("*.dist-info")} == {"torchy-1.0", "runtime-12.8"}


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_the_last_lines_name_the_variant_and_then_the_reinstalled_wheel(session: Session, tool: str) -> None:
    command = session.command(tool, "install", "torchy")
    done = session.run(command, "new")
    assert session.label() == "cu128"
    assert [*done.lines] == ["torchy 1.0: cu128 (NVIDIA driver for CUDA 12.8 or newer)"]
    assert [*done.warnings] == []
    done = session.run(session.reinstalled(command, "cpu"), "cpu")
    assert session.label() is None
    assert done.lines[0] == "torchy 1.0: the plain wheel"
    assert [one.text for one in done.warnings] == [
        "it replaced 1.0 cu128, whose requirements remain: runtime"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_a_plain_wheel_installed_around_the_offer_is_listed(session: Session, tool: str) -> None:
    done = session.run(session.command(tool, "install", "torchy"), "new", index_url=session.upstream)
    assert session.label() is None
    assert [problem.place for problem in done.warnings] == ["torchy 1.0"]


@pytest.mark.slow
def test_a_release_that_does_not_fit_is_listed_with_its_reason(session: Session) -> None:
    done = session.run(session.command("pip", "install", "visiony"), "new", ok=False)
    assert done.lines[0] == "visiony 1.0: no wheel fits this machine"
    assert "needs 13.0 (NVIDIA driver" in done.lines[1]


@pytest.mark.slow
def test_a_broken_index_file_is_a_warning_at_the_end(session: Session) -> None:
    done = session.run(session.command("uv", "install", "broken"), "new")
    assert session.installed() == {"broken-1.0"}
    assert done.lines[0] == "broken 1.0: the plain wheel"
    assert any("broken-1.0-variants.json" in str(problem) for problem in done.warnings)


@pytest.mark.slow
def test_downloaded_wheels_are_named_without_an_environment(session: Session) -> None:
    command = session.command("pip", "download", "--dest", str(session.prefix), "torchy")
    assert [*session.run(command, "old").lines] == [
        "torchy 1.0: cu126 (NVIDIA driver for CUDA 12.6 or newer)"
    ]


@pytest.mark.slow
def test_a_dry_run_plans_what_the_command_installs(session: Session, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("-c c.txt\nruntime <13 \\\n  --hash=sha256:00  # comment\n./folder\n")
    (tmp_path / "c.txt").write_text("runtime<12.8\nunnamed<1\n")
    (tmp_path / "all.txt").write_text("--pre\n-r more.txt\nunknown-name\nabsent; python_version < '3'\n")
    command = read_command(["pip", "install", "-q", "-r", "all.txt", "torchy", "visiony>=1", "runtime~=12.0"])
    requirements = named_requirements(command, {}, tmp_path)
    plan = planned_packages(session.site, "old", requirements, environments_of(None))
    packages = {package.name: package for package in plan if isinstance(package, PlannedPackage)}
    (error,) = (package for package in plan if isinstance(package, VariantError))
    assert "unknown-name" in str(error)
    assert {name: (str(one.version), one.label) for name, one in packages.items()} == {
        "torchy": ("1.0", "cu126"),
        "visiony": ("None", None),
        "runtime": ("12.6", None),
    }
    assert packages["visiony"].reason.startswith("no wheel of 1.0 fits; cu130: ")
    assert not session.site.asked("old")


def run_command(
    session: Session, *arguments: object, ok: bool = True, machine: str = "new"
) -> CompletedProcess[str]:
    """Start ``run`` in the folder of the environment."""
    folder = session.prefix.parent
    options = ["--index-url", session.upstream, "--machine", MACHINES[machine]]
    return run("variant-backend", "run", *options, *arguments, cwd=folder, ok=ok, XDG_CACHE_HOME=folder)


@pytest.mark.slow
def test_the_command_prints_the_last_lines_and_reinstalls(session: Session) -> None:
    install = ["uv", "pip", "install", "--quiet", "--python", session.prefix, *empty_cache(), "torchy"]
    line = "torchy 1.0: cu{} (NVIDIA driver for CUDA {} or newer)"
    done = run_command(session, *install, machine="old")
    assert (done.stdout, done.stderr) == ("", f"{line.format('126', '12.6')}\n")
    done = run_command(session, *install)
    assert done.stderr.startswith(
        "warning: torchy 1.0: the variant cu126 is installed, and the offer has cu128"
    )
    assert run_command(session, "--reinstall", *install).stderr == f"{line.format('128', '12.8')}\n"


@pytest.mark.slow
def test_a_dry_run_has_a_table_and_json(session: Session) -> None:
    done = run_command(session, "--dry-run", "pip", "install", "torchy")
    assert done.stdout.splitlines()[1].split()[:3] == ["torchy", "1.0", "cu128"]
    source = ["--index-url", session.upstream, "--machine", MACHINES["new"]]
    shown = run_here(main, "run", *source, "-n", "--json", "pip", "install", "torchy", cwd=session.prefix)
    document = json.loads(shown.stdout)
    assert document["packages"] == [
        {
            "name": "torchy",
            "version": "1.0",
            "label": "cu128",
            "reason": "NVIDIA driver for CUDA 12.8 or newer",
        }
    ]
    assert session.installed() == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("--json", "pip", "--version"), ("--reinstall", "tox"), ("--reinstall", "pip", "list")]
)
def test_options_without_effect_are_wrong_usage(session: Session, arguments: tuple[str, ...]) -> None:
    done = run_command(session, *arguments, ok=False)
    assert (done.returncode, done.stdout) == (2, "")
