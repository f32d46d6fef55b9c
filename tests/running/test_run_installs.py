"""`run` starts a command whose installers get their wheels from the offer, and from nowhere else."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.offers import label_in, make_variants
from helpers.programs import SCRIPTS, run, run_here, start
from helpers.servers import served, serving

from variant_backend._internal.cli.main import main
from variant_backend._internal.serving.offer_place import ports_of

MACHINE = "cuda:12.8,x86_64:v3"
NO_SIGNALS = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    make_variants(
        folder,
        "torchy",
        {"cu128": ["nvidia :: cuda_version_lower_bound :: 12.8"], None: []},
        requires={"cu128": ["runtime"]},
    )
    make_variants(folder, "runtime", {None: []})
    run_here(main, "index", "--simple", folder)
    return folder


def through(url: str, *command: object, home: Path, ok: bool = True, **env: Any) -> tuple[int, str, str]:
    """Run a command through the offer of an index, for a user with a home folder."""
    folders = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    sources = ["--index-url", url] if url else []
    done = run(
        "variant-backend", "run", *sources, "--machine", MACHINE, *command, cwd=home, ok=ok, **folders, **env
    )
    return done.returncode, done.stdout, done.stderr


def pip_install(target: Path) -> list[object]:
    return ["pip", "install", "--no-compile", "--target", target, "torchy"]


def uv_install(target: Path) -> list[object]:
    return ["uv", "pip", "install", "--target", target, "torchy"]


INSTALLS = pytest.mark.parametrize("install", [pip_install, uv_install], ids=["pip", "uv"])


@pytest.mark.slow
def test_no_setting_of_pip_goes_around_the_offer(index: Path, decoy: str, tmp_path: Path) -> None:
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "pip.conf").write_text(
        f"[global]\nindex-url = {decoy}\nno-index = true\nproxy = http://127.0.0.1:9\n"
        f"[install]\nextra-index-url = {decoy}\nfind-links = {decoy}torchy/\n"
    )
    with served(index) as url:
        through(
            f"{url}simple/", *pip_install(tmp_path / "site"), home=tmp_path, http_proxy="http://127.0.0.1:9"
        )
    assert label_in(tmp_path / "site", "torchy") == "cu128"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["uv.toml", "pyproject.toml", "uv/uv.toml"])
def test_no_setting_of_uv_goes_around_the_offer(index: Path, decoy: str, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    table = "tool.uv." if name == "pyproject.toml" else ""
    path.write_text(
        f"[{table}pip]\nno-index = true\nfind-links = ['{decoy}torchy/']\nextra-index-url = ['{decoy}']\n"
        f"[[{table}index]]\nname = 'decoy'\nurl = '{decoy}'\n"
    )
    variables: dict[str, Any] = {
        "UV_INDEX_URL": decoy,
        "UV_FIND_LINKS": f"{decoy}torchy/",
        "UV_EXTRA_INDEX_URL": decoy,
    }
    with served(index) as url:
        through(f"{url}simple/", *uv_install(tmp_path / "site"), home=tmp_path, **variables)
    assert label_in(tmp_path / "site", "torchy") == "cu128"


@pytest.mark.slow
@INSTALLS
def test_a_second_run_in_a_new_environment_loads_no_wheel(
    index: Path, install: object, tmp_path: Path
) -> None:
    loaded = []
    with serving(index, as_json=False) as (url, requested):
        host = re.sub(r"^http://|/$", "", url)
        for name in ("first", "second"):
            before = len(requested)
            command = pip_install(tmp_path / name) if install is pip_install else uv_install(tmp_path / name)
            through(f"{url}simple/", *command, home=tmp_path, PIP_TRUSTED_HOST=host)
            loaded.append([path for path in requested[before:] if path.endswith(".whl")])
            assert label_in(tmp_path / name, "torchy") == "cu128"
    assert (len(loaded[0]), loaded[1]) == (2, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "variable"), [(pip_install, "PIP_INDEX_URL"), (uv_install, "UV_DEFAULT_INDEX")]
)
def test_the_upstream_is_the_index_of_the_user(
    index: Path, tool: object, variable: str, tmp_path: Path
) -> None:
    command = pip_install(tmp_path / "site") if tool is pip_install else uv_install(tmp_path / "site")
    with served(index) as url:
        variables: dict[str, Any] = {variable: f"{url}simple/"}
        through("", *command, home=tmp_path, **variables)
    assert label_in(tmp_path / "site", "torchy") == "cu128"


def test_exit_code_output_and_input_are_those_of_the_command(tmp_path: Path) -> None:
    program = "import sys; print(sys.stdin.read()); print('error', file=sys.stderr); sys.exit(7)"
    done = subprocess.run(
        [SCRIPTS / "variant-backend", "run", "-f", tmp_path, "--", sys.executable, "-c", program],
        input="text",
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "text\n", "error\n")


def test_a_missing_command_is_127(tmp_path: Path) -> None:
    code, output, errors = through("", "no-such-command", home=tmp_path, ok=False)
    assert (code, output) == (127, "")
    assert "'no-such-command': command not found; check its name and PATH" in errors


def test_a_refused_command_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'demo'\nversion = '1'\n")
    code, output, errors = through("", "uv", "lock", home=tmp_path, ok=False)
    assert (code, output) == (1, "")
    assert "uv.lock" in errors
    assert not (tmp_path / "uv.lock").exists()


def test_a_changed_lock_is_an_error_at_the_end(tmp_path: Path) -> None:
    program = "open('uv.lock', 'w').write('x')"
    code, _, errors = through("", sys.executable, "-c", program, home=tmp_path, ok=False)
    assert code == 1
    assert "uv.lock: the command wrote this lock file" in errors


@NO_SIGNALS
def test_a_file_that_cannot_run_is_126(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")
    assert through("", tmp_path / "text", home=tmp_path, ok=False)[0] == 126


@NO_SIGNALS
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_reaches_the_command_and_ends_both(name: str, tmp_path: Path) -> None:
    program = "import signal; signal.signal(2, signal.SIG_DFL); print(1, flush=True); signal.pause()"
    command = (SCRIPTS / "variant-backend", "run", "-f", tmp_path, "--", sys.executable, "-c", program)
    with start(*command) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.Signals[name])
        assert process.wait(30) == -signal.Signals[name]


@NO_SIGNALS
def test_a_command_may_handle_a_signal(tmp_path: Path) -> None:
    program = (
        "import signal, sys\nsignal.signal(15, lambda *_: sys.exit(3))\nprint(1, flush=True)\nsignal.pause()"
    )
    command = (SCRIPTS / "variant-backend", "run", "-f", tmp_path, "--", sys.executable, "-c", program)
    with start(*command) as process:
        assert process.stdout
        process.stdout.readline()
        process.terminate()
        assert process.wait(30) == 3


@NO_SIGNALS
def test_a_crash_is_128_and_the_signal(tmp_path: Path) -> None:
    program = "import os; os.kill(os.getpid(), 9)"
    assert through("", sys.executable, "-c", program, home=tmp_path, ok=False)[0] == 128 + 9


def environ_in(home: Path, *options: str) -> dict[str, str]:
    program = "import os; [print(f'{key}={value}') for key, value in os.environ.items()]"
    # Another process on this machine with the same sources would use the same port.
    own = () if "-i" in options else ("-f", home)
    _, output, _ = through("", *own, *options, sys.executable, "-c", program, home=home)
    return dict(line.partition("=")[::2] for line in output.splitlines())


def test_port_and_path_stay_and_the_password_changes(tmp_path: Path) -> None:
    one, other = (environ_in(tmp_path)["PIP_INDEX_URL"] for _ in range(2))
    assert one != other
    assert re.sub(r":\w+@", "@", one) == re.sub(r":\w+@", "@", other)


def test_another_source_or_machine_has_another_path(tmp_path: Path) -> None:
    options = [(), ("-i", "https://example.org/a"), ("--supported", "x :: y :: z")]
    urls = {environ_in(tmp_path, *each)["PIP_INDEX_URL"].rsplit("/", 3)[1] for each in options}
    assert len(urls) == 3


def test_a_port_in_use_is_replaced_by_the_next(tmp_path: Path) -> None:
    url = environ_in(tmp_path)["UV_INDEX"]
    first, second, *_ = ports_of(url.split("/")[3])
    assert f":{first}/" in url
    with socket.create_server(("127.0.0.1", first)):
        assert f":{second}/" in environ_in(tmp_path)["UV_INDEX"]


def test_requests_to_this_machine_use_no_proxy(tmp_path: Path) -> None:
    _, output, _ = through(
        "",
        sys.executable,
        "-c",
        "import os; print(os.environ['no_proxy'])",
        home=tmp_path,
        NO_PROXY="example.org",
    )
    assert output == "example.org,127.0.0.1\n"


def test_an_upstream_without_https_is_an_error(tmp_path: Path) -> None:
    code, _, errors = through("http://user:secret@example.org/simple", "true", home=tmp_path, ok=False)
    assert code == 1
    remedy = "use its https URL, or add --allow-insecure"
    assert f"http://example.org/simple: is neither https nor http on this machine; {remedy}" in errors
    assert "secret" not in errors


def test_a_missing_folder_is_an_error_before_the_command_starts(tmp_path: Path) -> None:
    arguments = ("-f", "nowhere", sys.executable, "-c", "print('started')")
    done = run_here(main, "run", *arguments, cwd=tmp_path, ok=False)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--find-links: nowhere is not a folder; create it, or name another one" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_ctrl_c_on_a_terminal_reaches_the_command_once(tmp_path: Path) -> None:
    import pty

    program = (
        "import signal, time\ncount = []\nsignal.signal(2, lambda *_: count.append(1))\n"
        "print('ready', flush=True)\nend = time.monotonic() + 60\n"
        "while not count and time.monotonic() < end: time.sleep(.01)\n"
        "time.sleep(.3)\nprint('count', len(count), flush=True)"
    )
    arguments = [str(SCRIPTS / "variant-backend"), "run", "-f", str(tmp_path), sys.executable, "-c", program]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(arguments[0], arguments)
    shown = b""
    while not re.search(rb"count \d", shown):
        shown += os.read(terminal, 1000)
        if b"ready" in shown and b"^C" not in shown:
            os.write(terminal, b"\x03")
            shown += b"^C"
    status = os.waitpid(child, 0)[1]
    os.close(terminal)
    assert (status, b"count 1" in shown) == (0, True)
