"""What ends with a build of the matrix: its processes, its time, and the files of a killed run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import SCRIPTS, run, start
from helpers.redirection import Redirection

from variant_backend._internal.building.matrix import _reason
from variant_backend._internal.lowlevel.processes import Child

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="taskkill needs a living parent process")

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
# Each process connects to the test, which sees the end of the process by the end of the connection.
BACKEND = """
import os, socket, subprocess, sys, tarfile, time
from pathlib import Path

CONNECT = (
    "import os, socket; c = socket.create_connection(('127.0.0.1', {port})); "
    "c.sendall(b'%8d' % getattr(os, 'getpgrp', os.getpid)());"
)

def start():
    code = CONNECT + "print(flush=True); import time; time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    child.stdout.readline()

def build_sdist(folder, settings=None):
    print("packing")
    if os.environ.get("DEED") in ("leave", "hang"):
        start()
    if os.environ.get("DEED") == "hang":
        exec(CONNECT)
        time.sleep(600)
    with tarfile.open(Path(folder, "demo-1.0.tar.gz"), "w:gz") as archive:
        for name in ("pyproject.toml", "backend.py", "ready"):
            archive.add(name, f"demo-1.0/{{name}}")
    return "demo-1.0.tar.gz"

def build_wheel(folder, settings=None, metadata=None):
    import shutil
    (wheel,) = Path("ready").iterdir()
    return Path(shutil.copy(wheel, folder)).name
"""
COMMAND = ("variant-backend", "build", "--plain", "--no-isolation")
BUILT = ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]


class Processes:
    """The processes of a backend that connect to this test."""

    def __init__(self, server: socket.socket) -> None:
        self.server = server
        self.connections: list[socket.socket] = []

    @property
    def port(self) -> int:
        """The port to connect to."""
        return int(self.server.getsockname()[1])

    def wait_for(self, count: int) -> int:
        """Wait until so many processes have connected, and return the number of their process group."""
        self.connections += [self.server.accept()[0] for _ in range(count)]
        groups = [int(connection.recv(8)) for connection in self.connections]
        return groups[0]

    def accept_waiting(self) -> None:
        """Accept the processes that have already connected, without waiting for others."""
        self.server.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                self.connections.append(self.server.accept()[0])

    def wait_for_their_end(self) -> None:
        """Wait until all of them have ended; fail after a minute."""
        for connection in self.connections:
            connection.settimeout(60)
            with suppress(ConnectionResetError):  # Windows reports a closed connection so
                while connection.recv(100):  # the group that the process has sent
                    pass


@pytest.fixture
def processes() -> Iterator[Processes]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        result = Processes(server)
        yield result
        for connection in result.connections:
            connection.close()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path, processes: Processes, temporary: Path) -> Path:
    """A project with a backend in its own tree, which does what the variable DEED says."""
    root = tmp_path / "project"
    make_wheel(root / "ready")
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (root / "backend.py").write_text(BACKEND.format(port=processes.port), encoding="utf-8")
    assert temporary.is_dir()
    return root


def start_hanging(project: Path, processes: Processes) -> tuple[subprocess.Popen[str], int]:
    """Start a build that hangs, and return it with the process group of its backend."""
    process = start(SCRIPTS / "variant-backend", *COMMAND[1:], cwd=project, DEED="hang")
    return process, processes.wait_for(2)


def test_a_build_has_its_time_and_is_ended_with_its_children(
    project: Path, processes: Processes, temporary: Path
) -> None:
    result = run(*COMMAND, "--timeout=2", cwd=project, ok=False, DEED="hang")
    processes.accept_waiting()  # on a busy machine, the backend may have been ended before it connected
    processes.wait_for_their_end()
    [row] = result.stdout.replace("\\", "/").splitlines()
    assert row.split()[:2] == ["sdist", "failed"]
    assert row.endswith(
        "  dist/.logs/sdist.log: not finished within 2 s; read the log to see where the build hangs,"
        " or use a longer --timeout"
    )
    assert (result.returncode, result.stderr) == (1, "error: not built: sdist\n")
    assert not list(temporary.iterdir())


@posix_only
def test_processes_that_a_good_build_leaves_are_ended(project: Path, processes: Processes) -> None:
    run(*COMMAND, "--timeout=600", cwd=project, DEED="leave")
    processes.wait_for(1)
    processes.wait_for_their_end()
    assert sorted(path.name for path in (project / "dist").glob("demo*")) == BUILT


def test_a_killed_command_ends_its_builds_and_the_next_one_cleans_up(
    project: Path, processes: Processes, temporary: Path
) -> None:
    command, _ = start_hanging(project, processes)
    command.kill()
    command.communicate()
    processes.wait_for_their_end()
    assert list(temporary.iterdir())
    run(*COMMAND, cwd=project)
    assert not list(temporary.iterdir())


@posix_only
def test_a_killed_build_ends_its_children(project: Path, processes: Processes) -> None:
    command, group = start_hanging(project, processes)
    os.kill(group, signal.SIGKILL)
    stdout, _ = command.communicate()
    processes.wait_for_their_end()
    assert "sdist.log: the build was ended by signal 9" in stdout


def test_a_child_in_the_same_group_ends_with_its_parent(processes: Processes, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(BACKEND.format(port=processes.port) + "exec(CONNECT)\ntime.sleep(600)\n")
    parent = start(
        *(sys.executable, "-c"),
        "import sys; from variant_backend._internal.lowlevel.processes import Child\n"
        "Child(sys.argv[1:], own_group=False).wait()",
        program,
    )
    processes.wait_for(1)
    parent.kill()
    parent.communicate()
    processes.wait_for_their_end()


def test_a_child_gets_its_arguments_and_no_input(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("x = 'imported'\n")
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, neighbour\nprint(sys.argv[1:], repr(sys.stdin.read()), neighbour.x)\nsys.exit(3)\n"
    )
    child = Child([str(program), "a", "b"], stdout=subprocess.PIPE)
    with child:
        output, _ = child.communicate()
        child.end()
    assert (child.returncode, output.split()) == (3, [b"['a',", b"'b']", b"''", b"imported"])


# The reason in the log.


def write_log(folder: Path, *lines: str) -> Path:
    log = folder / "some.log"
    log.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return log


def test_the_reason_is_the_last_line_or_the_first_error(tmp_path: Path) -> None:
    error = "variant-backend: error: broken"
    assert _reason(write_log(tmp_path, "one", "\x1b[31mtwo\x1b[0m", "", "[notice] a new pip"), 1) == "two"
    assert _reason(write_log(tmp_path, "one", error, f"{error} again", "two"), 1) == "broken"
    assert _reason(write_log(tmp_path, f"{'x' * 99_990} {error}", "end"), 1) == "end"
    assert _reason(write_log(tmp_path), 7) == "the build ended with exit code 7"


def test_a_huge_line_of_a_log_takes_little_memory(tmp_path: Path) -> None:
    log = write_log(tmp_path, "x" * 50_000_000)
    tracemalloc.start()
    started = time.process_time()
    reason = _reason(log, 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reason == f"{'x' * 2_000} ..."
    assert peak < 1_000_000 and time.process_time() - started < 10


# Isolation.


@pytest.mark.slow  # makes environments
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_settings_of_installers_redirect_no_build_requirement(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installer: str
) -> None:
    redirection = Redirection.make(tmp_path)
    redirection.apply(monkeypatch)
    (project / "pyproject.toml").write_text(PYPROJECT.replace("[]", '["needed"]', 1), encoding="utf-8")
    with (project / "backend.py").open("a", encoding="utf-8") as backend:
        backend.write("import needed, further\n")
    run("variant-backend", "build", "--plain", f"--build-installer={installer}", cwd=project)
    assert sorted(path.name for path in (project / "dist").glob("demo*")) == BUILT
    assert not list(redirection.targets.iterdir())
