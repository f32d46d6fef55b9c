"""Load on servers of package indexes: 50 clients request the page of a project with 10,000 wheels."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from growth import document
from timing import MeasuringError, Run, Timed, in_turn

CLIENTS = 50
_RELEASES = 100
_PLATFORMS = [
    f"manylinux_2_{minor}_{machine}" for minor in range(17, 27) for machine in ("x86_64", "aarch64")
]
_TAGS = [f"cp3{minor}-cp3{minor}-{platform}" for minor in range(10, 15) for platform in _PLATFORMS]
WHEELS = _RELEASES * len(_TAGS)
# As pip sends it.
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
_WHEEL_FILE = "Wheel-Version: 1.0\nGenerator: made\nRoot-Is-Purelib: false\nTag: py3-none-any\n"
# Seconds until a server must listen, and until it must answer.
_START = 60
_PATIENCE = 300
# The least bytes of a link.
_LEAST_LINK = 50


def write_upstream(folder: Path) -> None:
    """Write the releases of a project: of each one, a variant with many tags, and a plain wheel."""
    folder.mkdir()
    values = {"f": ["1"]}
    variant = document({"fast": {"made": values}}, values)
    for number in range(_RELEASES):
        stem = f"made-1.{number}"
        first = _write_wheel(folder / f"{stem}-{_TAGS[0]}-fast.whl", stem, variant)
        for tag in _TAGS[1:]:
            os.link(first, folder / f"{stem}-{tag}-fast.whl")
        _write_wheel(folder / f"{stem}-py3-none-any.whl", stem, b"")


def write_plain(folder: Path) -> None:
    """Write as many plain wheels into the folder of the project, for servers that do not know variants."""
    folder = folder / "made"
    folder.mkdir(parents=True)
    for number in range(_RELEASES):
        stem = f"made-1.{number}"
        first = _write_wheel(folder / f"{stem}-{_TAGS[0]}.whl", stem, b"")
        for tag in _TAGS[1:]:
            os.link(first, folder / f"{stem}-{tag}.whl")


def _write_wheel(path: Path, stem: str, variant: bytes) -> Path:
    name, version = stem.split("-")
    members = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        "WHEEL": _WHEEL_FILE.encode(),
        **({"variant.json": variant} if variant else {}),
    }
    record = "".join(f"{stem}.dist-info/{member},,\n" for member in (*members, "RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in {**members, "RECORD": record.encode()}.items():
            archive.writestr(f"{stem}.dist-info/{member}", content)
    return path


@contextmanager
def servers(
    commands: Mapping[str, tuple[Sequence[str | Path], str]], folder: Path
) -> Iterator[dict[str, str]]:
    """Run servers, and yield the URL of the page of each one.

    A command has PORT for a free port, and comes with the path of its page. Raises MeasuringError if a server
    does not answer.
    """
    with ExitStack() as stack:
        urls = {}
        for name, (command, path) in commands.items():
            port = _free_port()
            log = stack.enter_context((folder / f"{name.replace(' ', '-')}.log").open("wb"))
            arguments = [str(part).replace("PORT", str(port)) for part in command]
            variables = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
            process = subprocess.Popen(arguments, env=variables, stdout=log, stderr=log)
            stack.callback(_end, process)
            urls[name] = f"http://127.0.0.1:{port}{path}"
            _wait_for(port, name)
        yield urls


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return int(unused.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def _wait_for(port: int, name: str) -> None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise MeasuringError(f"{name} does not answer")


def load(urls: Mapping[str, str], requests: Mapping[str, int], runs: int) -> dict[str, Timed]:
    """Return the time of each server for one request; each client sends *requests* of them in a turn."""

    def turn(name: str) -> Callable[[], Run]:
        return lambda: _answered(urls[name], CLIENTS, requests[name])

    for url in urls.values():
        _answered(url, 1, 1)
    timed = in_turn(runs, {name: turn(name) for name in urls}, warm_up=False)
    return {entry.name: entry for entry in timed}


def _answered(url: str, clients: int, requests: int) -> Run:
    """Send requests by clients at the same time; a process of its own leaves the servers more time."""
    command = [sys.executable, __file__, url, str(clients), str(requests)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise MeasuringError(done.stderr)
    return Run(float(done.stdout), 0, done.stdout)


def _client(url: str, requests: int, sizes: list[int]) -> None:
    """Request a page several times, over one connection if the server keeps it."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PATIENCE)
    for _ in range(requests):
        connection.request("GET", parts.path, headers={"Accept": _ACCEPT})
        response = connection.getresponse()
        size = _read(response)
        if response.status == 200 and size > WHEELS * _LEAST_LINK:
            sizes.append(size)
    connection.close()


def _read(response: http.client.HTTPResponse) -> int:
    """Read the body of a response, and return its size."""
    buffer = bytearray(1 << 20)
    size = 0
    while part := response.readinto(buffer):
        size += part
    return size


def _main(url: str, clients: int, requests: int) -> None:
    """Print the seconds for one request; raises MeasuringError if a page is not complete."""
    sizes: list[int] = []
    threads = [Thread(target=_client, args=(url, requests, sizes)) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if len(sizes) != clients * requests:
        raise MeasuringError(f"{clients * requests - len(sizes)} answers are not the page")
    print(seconds / len(sizes))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
