"""Package index servers as people run them: each starts on a free port of this machine, and stops.

A function gets a folder that ``variant-backend index --simple`` has written: wheels, index files and pages.
It yields the URL of the index. Programs are looked for in the folder of the test environment and on PATH,
unless a folder *programs* has them.
"""

from __future__ import annotations

import json
import logging
import mimetypes
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from helpers.programs import SCRIPTS
from helpers.servers import served

# The longest time in which a server may start, in seconds.
_START = 120


@contextmanager
def http_server(folder: Path, _: Path, __: Path) -> Iterator[str]:
    """Serve static pages with http.server."""
    with served(folder) as url:
        yield f"{url}simple/"


@contextmanager
def nginx(
    folder: Path, scratch: Path, programs: Path, index: str = "simple/", maps: str = "", locations: str = ""
) -> Iterator[str]:
    """Serve static pages with nginx; *index* is the path of the index in the folder.

    *maps* and *locations* are lines for its configuration.
    """
    port = _free_port()
    kinds = ("body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{_nginx_path(kind)} {scratch}/{kind};" for kind in kinds)
    server = f"listen 127.0.0.1:{port}; root {folder}; absolute_redirect off; {locations}"
    types = "types { text/html html; application/octet-stream whl; }"
    text = f"""
        daemon off; worker_processes 1; pid {scratch}/nginx.pid; error_log {scratch}/error.log;
        events {{ worker_connections 128; }}
        http {{ access_log off; {temporary} {types} {maps} server {{ {server} }} }}
    """
    if os.name == "posix" and os.getuid() == 0:
        text = f"user root;{text}"  # its own user may not read this folder
    (scratch / "nginx.conf").write_text(text)
    command = (_program("nginx", programs), "-e", scratch / "error.log", "-c", scratch / "nginx.conf")
    with _running(*command, url=f"http://127.0.0.1:{port}/{index}", log=scratch / "log"):
        yield f"http://127.0.0.1:{port}/{index}"


def _nginx_path(kind: str) -> str:
    return "client_body_temp_path" if kind == "body" else f"{kind}_temp_path"


@contextmanager
def pypiserver(folder: Path, scratch: Path, programs: Path, *options: str) -> Iterator[str]:
    """Serve a folder of wheels with pypiserver: it does not list index files."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}/simple/"
    where = ("--interface", "127.0.0.1", "--port", str(port), "--disable-fallback", *options)
    with _running(_program("pypi-server", programs), "run", *where, folder, url=url, log=scratch / "log"):
        yield url


@contextmanager
def devpi(folder: Path, scratch: Path, programs: Path) -> Iterator[str]:
    """Upload all wheels and sdists to devpi: it refuses index files."""
    with _devpi_server(scratch, programs) as (url, token):
        _json(f"{url}/root/dev", "PUT", {"type": "stage", "bases": [], "volatile": True}, token)
        for path in sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")]):
            name, version = path.name.removesuffix(".tar.gz").split("-")[:2]
            fields = {":action": "file_upload", "name": name, "version": version}
            _upload(f"{url}/root/dev/", fields, path, token)
        yield f"{url}/root/dev/+simple/"


@contextmanager
def devpi_mirror(folder: Path, scratch: Path, programs: Path) -> Iterator[str]:
    """Mirror static pages with devpi: it drops index files.

    While devpi reads a project for the first time, it answers other requests for it with an empty page. So
    each project is requested once.
    """
    with served(folder) as origin, _devpi_server(scratch, programs) as (url, token):
        settings = {"type": "mirror", "mirror_url": f"{origin}simple/", "mirror_use_external_urls": False}
        _json(f"{url}/root/copy", "PUT", {**settings, "volatile": True}, token)
        for project in (folder / "simple").iterdir():
            if project.is_dir():
                _get(f"{url}/root/copy/+simple/{project.name}/")
        yield f"{url}/root/copy/+simple/"


@contextmanager
def _devpi_server(scratch: Path, programs: Path) -> Iterator[tuple[str, str]]:
    """Start devpi; yield its URL, and the login of root."""
    state = ("--serverdir", scratch / "server")
    init = (_program("devpi-init", programs), *state, "--no-root-pypi")
    subprocess.run([*map(str, init)], check=True, capture_output=True)
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = (_program("devpi-server", programs), *state, "--host", "127.0.0.1", "--port", str(port))
    with _running(*command, url=f"{url}/+api", log=scratch / "log"):
        answer = _json(f"{url}/+login", "POST", {"user": "root", "password": ""}, "")
        yield url, b64encode(f"root:{answer['result']['password']}".encode()).decode()


def _get(url: str) -> None:
    with urllib.request.urlopen(url):
        pass


def _json(url: str, method: str, document: object, token: str) -> Any:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "X-Devpi-Auth": token}
    request = urllib.request.Request(url, json.dumps(document).encode(), headers, method=method)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def _upload(url: str, fields: dict[str, str], path: Path, token: str) -> None:
    """Upload a file as twine does: as a form with several parts."""
    boundary = uuid4().hex
    disposition = "Content-Disposition: form-data; name="
    parts = [f'{disposition}"{name}"\r\n\r\n{text}'.encode() for name, text in fields.items()]
    head = f'{disposition}"content"; filename="{path.name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    parts.append(head.encode() + path.read_bytes())
    mark = f"--{boundary}\r\n".encode()
    body = b"".join(mark + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "X-Devpi-Auth": token}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method="POST")):
        pass


@contextmanager
def s3(folder: Path, _: Path, __: Path) -> Iterator[str]:
    """Serve static pages from a bucket of moto's S3: the key of a page ends in a slash."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="wheels")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key = path.relative_to(folder).as_posix().removesuffix("index.html")
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            if key:
                content = path.read_bytes()
                client.put_object(Bucket="wheels", Key=key, Body=content, ContentType=kind, ACL="public-read")
    try:
        yield f"{url}/wheels/simple/"
    finally:
        server.stop()


# The servers by the names that people know. Each gets the folder, a folder of its own, and one with programs.
INDEX_SERVERS: dict[str, Callable[[Path, Path, Path], AbstractContextManager[str]]] = {
    "http.server": http_server,
    "nginx": nginx,
    "devpi (upload)": devpi,
    "devpi (mirror)": devpi_mirror,
    "pypiserver": pypiserver,
    "S3 (moto)": s3,
}


def _program(name: str, programs: Path) -> str:
    """Return the path of a program; raises FileNotFoundError with the remedy."""
    folders = os.pathsep.join([str(programs), str(SCRIPTS), os.environ.get("PATH", ""), "/usr/sbin"])
    path = shutil.which(name, path=folders)
    if path is None:
        raise FileNotFoundError(f"{name} is missing; install it")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(*command: object, url: str, log: Path) -> Iterator[None]:
    """Start a server, wait until it answers at a URL, and stop it in the end."""
    with log.open("wb") as output:
        process = subprocess.Popen([*map(str, command)], stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(process, url, log)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + _START
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with suppress(OSError), urllib.request.urlopen(url):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} does not answer:\n{log.read_text(errors='replace')}")
