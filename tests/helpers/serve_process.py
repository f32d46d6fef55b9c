"""`variant-backend serve` as a process of its own."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from helpers.programs import SCRIPTS


class Serving(NamedTuple):
    """A server: its process, the URLs that it has printed, and the file with its messages."""

    process: subprocess.Popen[str]
    urls: tuple[str, ...]
    messages: Path

    @property
    def site(self) -> str:
        """The URL above those of the machines."""
        return self.urls[0].removesuffix("simple/").rstrip("/").rpartition("/")[0] + "/"

    def said(self) -> str:
        """Return what the server has printed on stderr until now."""
        return self.messages.read_text(encoding="utf-8")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        if sys.platform == "win32":
            self.process.terminate()
            self.process.wait()
            return 0
        self.process.send_signal(number)
        return self.process.wait()


@contextmanager
def served_by_command(
    folder: Path,
    *options: object,
    machines: int = 1,
    command: Sequence[object] = (SCRIPTS / "variant-backend", "serve"),
    **variables: str,
) -> Iterator[Serving]:
    """Run the command on a free port until the end of the context; its messages go into a *folder*."""
    messages = folder / "serve.log"
    reset = None if sys.platform == "win32" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with messages.open("wb") as log:
        process = subprocess.Popen(
            [*map(str, command), "--port", "0", *map(str, options)],
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), **variables},
            preexec_fn=reset,
            text=True,
        )
    assert process.stdout is not None
    with process.stdout:
        urls = tuple(process.stdout.readline().strip() for _ in range(machines))
        assert all(urls), messages.read_text(encoding="utf-8")
        serving = Serving(process, urls, messages)
        try:
            yield serving
        finally:
            if process.poll() is None:
                serving.end()


class Received(NamedTuple):
    """An answer: its status, its headers in lower case, and its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(url: str, method: str = "GET", **headers: str) -> Received:
    """Send one request, without following redirects."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(
            method, path, headers={key.replace("_", "-"): text for key, text in headers.items()}
        )
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Received(response.status, names, response.read())
    finally:
        connection.close()
