"""The report of `state`: its parts, what it leaves out, and that broken parts hide no other part."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.programs import printed, run
from helpers.trees import host_with

from variant_backend._internal.cli.main import main
from variant_backend._internal.machine.environment import Environment
from variant_backend._internal.machine.privacy import Privacy
from variant_backend._internal.machine.state import Question, Section, gathered, report_parts
from variant_backend._internal.machine.user_config import UserConfig
from variant_backend._internal.variants.provider_nvidia import FORCE_CAPABILITY, FORCE_DRIVER
from variant_backend._internal.variants.provider_tpu import FORCE_TPU

PARTS = ["machine", "policy", "environment", "plugins", "variants", "tools", "toolkits", "suggestions"]
FORCED = {FORCE_DRIVER: "12.8", FORCE_CAPABILITY: "8.6", FORCE_TPU: "1"}
VARIANT = {
    "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
    "default-priorities": {"namespace": ["x86_64"]},
    "providers": {"x86_64": {"requires": ["x86-64-variant-provider"]}},
    "variants": {"v1": {"x86_64": {"level": ["v1"]}}},
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The site-packages folder of the environment that the user works in; the home folder is above it."""
    home = tmp_path / "jane-doe"
    folder = home / "env" / "lib" / "python3.12" / "site-packages"
    folder.mkdir(parents=True)
    (home / "env" / "pyvenv.cfg").write_text("version = 3.12.4\n")
    monkeypatch.chdir(home)
    for name, value in {
        **{"HOME": str(home), "USERPROFILE": str(home), "VIRTUAL_ENV": str(home / "env")},
        **{"LOGNAME": "jane-doe", "XDG_CONFIG_HOME": str(home / "config"), "PATH": ""},
    }.items():
        monkeypatch.setenv(name, value)
    return folder


def install(site: Path, name: str, **files: str) -> Path:
    """Write the dist-info folder of a distribution, with further files."""
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    wheel = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents = {"METADATA": metadata, "WHEEL": wheel, **files}
    for file, content in contents.items():
        (folder / file.replace("__", ".")).write_text(content)
    return folder


def configure(text: str) -> None:
    from variant_backend._internal.machine.user_config import config_path

    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text(text)


def invoke(*arguments: object, **env: str) -> Result:
    return CliRunner().invoke(main, ["state", *map(str, arguments)], env=env, catch_exceptions=False)


def report(*arguments: object, ok: bool = True, **env: str) -> dict[str, Any]:
    result = invoke(*arguments, "--json", **env)
    assert (result.exit_code == 0) == ok, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.mark.usefixtures("site")
def test_the_report_has_all_parts_for_programs_and_people() -> None:
    assert [*report()] == ["version", *PARTS, "warnings", "errors"]
    headings = [line for line in invoke().stdout.splitlines() if not line.startswith(" ")]
    assert headings == [
        *("Machine", "Policy", "Environment", "Plugins", "Installed variants", "Tools", "Toolkits"),
        "Suggestions",
    ]


@pytest.mark.usefixtures("site")
def test_every_machine_option_reads_the_report(tmp_path: Path) -> None:
    text = invoke("--json", **FORCED).stdout
    path = tmp_path / "node.json"
    path.write_text(text)
    expected = json.loads(CliRunner().invoke(main, ["hardware", "--json"], env=FORCED).stdout)["machine"]
    assert json.loads(text)["machine"] == expected
    for given, entered in ((str(path), ""), ("-", text)):
        read = CliRunner().invoke(main, ["hardware", "--json", "--machine", given], input=entered)
        assert json.loads(read.stdout)["machine"] == expected
    assert report("--machine", path)["machine"] == expected


@pytest.mark.usefixtures("site")
def test_another_machine_has_no_toolkits_and_suggestions(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text('version = 1\n[machine.x86_64.features]\nlevel = ["v2", "v1"]\n')
    shown = report("--machine", tmp_path / "node.toml")
    assert shown["machine"] == {"x86_64": {"features": {"level": ["v2", "v1"]}}}
    assert not {"toolkits", "suggestions"} & shown.keys()


def test_variants_and_plugins_show_their_state(site: Path) -> None:
    install(site, "demo", variant__json=json.dumps(VARIANT))
    for name in ("good", "other"):
        install(site, name, entry_points__txt=f"[variant_plugins]\n{name} = {name}:Plugin\n")
    configure('trust-plugins = ["good", "later==2.0"]\n')
    shown = report()
    assert [(one["distribution"], one["installed"], one["trusted"]) for one in shown["plugins"]] == [
        ("good", True, True),
        ("other", True, False),
        ("later", False, True),
    ]
    assert [(one["name"], one["label"]) for one in shown["variants"]] == [("demo", "v1")]
    (setting,) = shown["policy"]
    assert (setting["key"], setting["value"]) == ("trust-plugins", "good, later==2.0")
    assert setting["file"].endswith("config.toml")
    assert report("--no-policy")["policy"] == []
    lines = invoke().stdout.splitlines()
    assert [line.split(None, 2)[2] for line in lines if " trusted" in line and "1.0" in line] == [
        "good   installed, trusted",
        "other  installed, not trusted",
    ]


def test_tools_have_the_version_of_their_metadata(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "pip")
    tool = site.parents[3] / "tools" / "uv"
    (tool / "bin").mkdir(parents=True)
    install_in = tool / "lib" / "python3.11" / "site-packages"
    install_in.mkdir(parents=True)
    install(install_in, "uv")
    name = "uv.exe" if sys.platform == "win32" else "uv"
    (tool / "bin" / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tool / "bin"))
    own, pip, uv = report()["tools"]
    assert (own["name"], own["variants"]) == ("variant-backend", True)
    assert (pip["name"], pip["version"], pip["variants"], pip["option"]) == ("pip", "1.0", False, None)
    assert (uv["version"], uv["option"]) == ("1.0", "--preview-features wheel-variants")
    assert uv["location"] == f"~{os.sep}tools{os.sep}uv{os.sep}bin{os.sep}{name}"
    assert "nvidia" in uv["namespaces"]


def test_the_report_names_neither_user_nor_machine(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "node-17")
    install(site, "demo", variant__json="{")
    (site / "path.pth").write_text(str(site.parents[3]))
    configure('plugin-installer = "https://jane-doe:pw@example.org/?token=1"\n')
    for arguments in ([], ["--json"]):
        result = invoke(*arguments, VARIANT_BACKEND_LABEL="secret", CUDA_HOME=str(site))
        assert result.exit_code == 1
        for text in (str(site.parents[3]), "jane-doe", "node-17", "secret", "token", "pw@"):
            assert text not in result.output
        assert "VARIANT_BACKEND_LABEL" in result.stdout


PRIVACY = Privacy("/data/jane", "jane", "node-17")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/jane", "~"),
        ("read /data/jane/x and /data/janet/x", "read ~/x and /data/janet/x"),
        ("/scratch/jane/env", "/scratch/USER/env"),
        ("/mnt/data/jane/x", "/mnt/data/USER/x"),
        ("/tmp/pytest-of-jane/x, /scratch/JANE-env", "/tmp/pytest-of-USER/x, /scratch/USER-env"),
        ("x @ file:///home/other/x", "x @ file:///home/USER/x"),
        ("https://example.org/home/other/x", "https://example.org/home/other/x"),
        ("/var/home/other and /usr/lib/x", "/var/home/USER and /usr/lib/x"),
        ("/home/other/x: not found", "/home/USER/x: not found"),
        (r"C:\Users\Jane Doe\x", r"C:\Users\USER\x"),
        (r"a;C:\Users\jane and C:\x", r"a;C:\Users\USER and C:\x"),
        ("on node-17, node-170 and node-17.example.org", "on HOST, node-170 and HOST.example.org"),
        ("https://me:pw@example.org/x?token=1", "https://example.org/x"),
    ],
)
def test_names_are_hidden(text: str, shown: str) -> None:
    assert PRIVACY.hidden(text) == shown


def test_both_names_of_a_host_are_hidden() -> None:
    privacy = Privacy("/data/jane", "jane", "node-17.example.org")
    assert privacy.hidden("node-17, NODE-17.EXAMPLE.ORG and node-18") == "HOST, HOST and node-18"


def test_a_relative_home_folder_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("lib"))
    assert Privacy.here().home == ""


@pytest.mark.parametrize(
    ("home", "user", "host"),
    [("/", "root", "localhost"), ("", "", ""), ("/r", "u", "h"), ("/h", "lib", "root")],
)
def test_common_and_short_names_hide_nothing(home: str, user: str, host: str) -> None:
    text = "/usr/lib/root/u/h of localhost"
    assert Privacy(home, user, host).hidden(text) == text


def test_a_missing_environment_is_one_error_and_hides_no_other_part(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", str(site / "gone"))
    shown = report(ok=False)
    missing = {"environment", "plugins", "variants"}
    assert [*shown] == ["version", *(part for part in PARTS if part not in missing), "warnings", "errors"]
    (error,) = printed(shown["errors"])
    assert error.startswith("VIRTUAL_ENV: folder not found: ")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps the current folder")
@pytest.mark.usefixtures("site")
def test_a_removed_current_folder_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.delenv("VIRTUAL_ENV")
    (error,) = printed(report(ok=False)["errors"])
    assert error.endswith(
        "current folder: No such file or directory; change to another folder, or use --interpreter"
    )


@pytest.mark.usefixtures("site")
def test_an_invalid_configuration_hides_only_the_policy() -> None:
    configure("trust-plugins = 1\n")
    shown = report(ok=False)
    assert {*PARTS} - shown.keys() == {"policy"}


def test_broken_distributions_are_warnings_and_hide_no_others(site: Path) -> None:
    install(site, "good", variant__json=json.dumps(VARIANT))
    (install(site, "binary") / "variant.json").write_bytes(b"\xff\x00")
    (install(site, "nameless") / "METADATA").write_bytes(b"\xff\xfe")
    install(site, "plugin", entry_points__txt="[variant_plugins]\n=\n[[\n")
    (install(site, "folder") / "variant.json").mkdir()
    (site / "empty-1.0.dist-info").mkdir()
    (site / "file-1.0.dist-info").write_bytes(b"\0")
    if sys.platform != "win32":
        (install(site, "pipe") / "METADATA").unlink()
        os.mkfifo(site / "pipe-1.0.dist-info" / "METADATA")
    shown = report()
    assert [one["name"] for one in shown["variants"]] == ["good"]
    assert shown["warnings"]


def hostile_trees() -> list[tuple[str, str | None]]:
    """Return names of files with their contents: a text, or None for a loop of links."""
    names = [
        *("/proc/cpuinfo", "/etc/ld.so.cache", "/opt/rocm/.info/version", "/usr/local/cuda/version.json"),
        *("/sys/bus/pci/devices/0000:01:00.0/vendor", "/sys/bus/pci/devices/0000:01:00.0/class"),
        *("/usr/local/Ascend/ascend-toolkit/latest/version.cfg", "/sys/bus/pci/devices", "/dev", "/usr/lib"),
    ]
    texts = [None, "\0\xff\n" * 1000, "0x" + "f" * 100_000, "lib" * 100_000, '{"cuda": {' * 10_000]
    return [(name, text) for name in names for text in texts]


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_hostile_trees_leave_no_part_out(tmp_path: Path) -> None:
    for number, (name, text) in enumerate(hostile_trees()):
        root = tmp_path / str(number)
        host = host_with(root, {} if text is None else {name: text}, environ={})
        if text is None:
            host.path(name).parent.mkdir(parents=True, exist_ok=True)
            host.path(name).symlink_to(host.path(name))
        question = Question(host, lambda: Environment("env", "test", ()), None, lambda _: (), UserConfig)
        sections, errors = gathered(report_parts(question, PRIVACY), PRIVACY)
        lost = {*PARTS} - sections.keys()
        assert lost <= ({"suggestions"} if errors else set()), (name, text and text[:9], errors)


def test_a_part_that_crashes_is_an_error_of_its_own() -> None:
    def crash() -> Section:
        raise RecursionError("too deep in /data/jane")

    sections, errors = gathered({"a": crash, "b": lambda: Section(1)}, PRIVACY)
    assert [*sections] == ["b"]
    assert list(map(str, errors)) == ["a: RecursionError: too deep in ~"]


@pytest.mark.usefixtures("site")
def test_unknown_python_and_its_tags_are_not_errors(site: Path) -> None:
    (site.parents[2] / "pyvenv.cfg").write_text("version = 3.6.1\n")
    shown = report()
    assert shown["environment"]["tag-count"] == 0
    assert len(shown["warnings"]) == 1


@pytest.mark.usefixtures("site")
def test_variables_force_the_facts_in_uv() -> None:
    lines = invoke("--as-env", **FORCED).stdout.splitlines()
    assert lines == [f"{FORCE_DRIVER}=12.8", f"{FORCE_CAPABILITY}=8.6", f"{FORCE_TPU}=true"]
    assert invoke("--as-env", "--json").exit_code == 2


@pytest.mark.usefixtures("site")
def test_variables_obey_the_policy() -> None:
    configure('[policy]\nlimit = ["nvidia :: cuda_version_lower_bound :: 12.4"]\nexclude = ["tpu"]\n')
    lines = invoke("--as-env", **FORCED).stdout.splitlines()
    assert lines == [f"{FORCE_DRIVER}=12.4", f"{FORCE_CAPABILITY}=8.6"]
    assert invoke("--as-env", "--no-policy", **FORCED).stdout.splitlines()[0] == f"{FORCE_DRIVER}=12.8"


@pytest.mark.usefixtures("site")
def test_variables_obey_the_machine_and_the_detection_of_the_policy() -> None:
    configure('machine = "h100"\n')
    lines = invoke("--as-env").stdout.splitlines()
    assert lines[:2] == [f"{FORCE_DRIVER}=12.8", f"{FORCE_CAPABILITY}=9.0"]
    assert invoke("--as-env", "--machine", "cuda:13.0,sm:8.9").stdout.startswith(f"{FORCE_DRIVER}=13.0\n")
    assert invoke("--as-env", "--no-policy", **FORCED).stdout.startswith(f"{FORCE_DRIVER}=12.8\n")
    configure("detect = false\n")
    assert invoke("--as-env").stdout == ""


@pytest.mark.usefixtures("site")
def test_a_machine_of_facts_shows_each_namespace() -> None:
    lines = [line.split() for line in invoke("--machine", "h100").stdout.splitlines()]
    assert ["amd", "nothing", "is", "supported", "no", "fact", "given"] in lines
    assert ["ascend", "nothing", "is", "supported", "no", "fact", "given"] in lines


def test_hardware_names_the_command_that_has_its_former_option() -> None:
    result = CliRunner().invoke(main, ["hardware", "--as-env"])
    assert result.exit_code == 2
    assert result.stderr.endswith("error: unknown option '--as-env'; use `variant-backend state --as-env`\n")


@pytest.mark.slow  # it starts a process
def test_no_program_is_started(site: Path, tmp_path: Path) -> None:
    install(site, "demo", variant__json=json.dumps(VARIANT))
    program = tmp_path / "audited.py"
    program.write_text(
        "import sys\n"
        "from variant_backend._internal.cli.main import main\n"
        "def refuse(event, _):\n"
        "    if event in ('subprocess.Popen', 'os.exec', 'os.posix_spawn', 'os.system', 'os.fork'):\n"
        "        raise SystemExit(f'started: {event}')\n"
        "sys.addaudithook(refuse)\n"
        "main(['state'])\n"
    )
    assert "Suggestions" in run(sys.executable, program, VIRTUAL_ENV=os.environ["VIRTUAL_ENV"]).stdout
