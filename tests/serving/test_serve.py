"""`variant-backend serve` as a process: real installers, signals, logs, and errors before it serves."""

from __future__ import annotations

import asyncio
import errno
import gc
import http.client
import http.server
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from helpers.documentation import DOCS
from helpers.hostile_servers import sending
from helpers.made_wheels import make_wheel
from helpers.offers import label_in, make_variants
from helpers.programs import empty_cache, run, run_here, start
from helpers.serve_process import Serving, ask, served_by_command
from helpers.servers import answering, publish
from starlette.types import Message

from variant_backend._internal.cli.main import main
from variant_backend._internal.formats.release import File
from variant_backend._internal.formats.simple_api import JSON_TYPE
from variant_backend._internal.serving import workers as server_processes
from variant_backend._internal.serving.asgi import SiteApplication
from variant_backend._internal.serving.respond import ClientRequest, ServerAnswer

MACHINES = ("--machine", "new=cuda:12.8,x86_64:v3", "--machine", "cpu=x86_64:v2")
TOKEN = "s3cret-token"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package index with a project that has variants, and one whose index file is broken."""
    folder = tmp_path_factory.mktemp("index")
    variants = {"cu128": ["nvidia :: cuda_version_lower_bound :: 12.8"], None: []}
    make_variants(folder, "torchy", variants, requires={"cu128": ["helper"]})
    make_variants(folder, "helper", {None: []})
    run_here(main, "index", "--simple", folder)
    wheels = make_variants(folder / "other", "broken", variants)
    (folder / "other" / "broken-1.0-variants.json").write_text("{")
    publish([*wheels, folder / "other" / "broken-1.0-variants.json"], folder / "simple" / "broken")
    return folder


@pytest.fixture(scope="module")
def serving(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("serve")
    with served_by_command(folder, "--index-url", index / "simple", *MACHINES, machines=2) as result:
        yield result


def with_token(token: str) -> str:
    return f"Basic {b64encode(f'any:{token}'.encode()).decode()}"


def test_the_url_of_each_machine_is_printed(serving: Serving) -> None:
    assert [url.removeprefix(serving.site) for url in serving.urls] == ["new/simple/", "cpu/simple/"]


def test_machines_get_their_own_wheels(serving: Serving) -> None:
    pages = [ask(f"{url}torchy/").body.decode() for url in serving.urls]
    assert [re.findall(r">(torchy-.*?\.whl)<", page) for page in pages] == [
        ["torchy-1.0-0_cu128-py3-none-any.whl"],
        ["torchy-1.0-py3-none-any.whl"],
    ]


@pytest.mark.parametrize("path", ["torchy/", "TORCHY/", "unknown/", "../../health", "../../nowhere/"])
def test_head_is_get_without_the_body(serving: Serving, path: str) -> None:
    got, head = (ask(f"{serving.urls[0]}{path}", method) for method in ("GET", "HEAD"))
    assert head.body == b""
    assert head.status == got.status
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


def test_an_unchanged_page_is_not_sent_again(serving: Serving) -> None:
    page = ask(f"{serving.urls[0]}torchy/", Accept=JSON_TYPE)
    assert page.headers["content-type"] == JSON_TYPE
    again = ask(f"{serving.urls[0]}torchy/", Accept=JSON_TYPE, If_None_Match=page.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert "content-length" not in again.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_are_refused(serving: Serving, method: str) -> None:
    assert ask(f"{serving.urls[0]}torchy/", method).status == 405


def test_a_request_is_a_line_without_query_and_control_characters(serving: Serving) -> None:
    ask(f"{serving.site}new/simple/logged/?password=hunter2", User_Agent="pip/26.3 {}")
    ask(f"{serving.site}new/simple/logged-too/", User_Agent="\x9b31m::error::x")
    ask(f"{serving.site}health")  # the line of a request is written after its answer
    lines = [line for line in serving.said().splitlines() if "logged" in line]
    assert len(lines) == 2
    assert re.fullmatch(r"GET /new/simple/logged/ 404 [0-9.]+ ms [0-9]+ B pip/26\.3", lines[0])
    assert lines[1].endswith(r"B \x9b31m::error::x")
    assert "hunter2" not in serving.said()


def test_a_broken_index_file_is_reported_once(serving: Serving) -> None:
    pages = [ask(f"{url}broken/") for url in serving.urls for _ in range(2)]
    assert [page.status for page in pages] == [200] * 4
    ask(f"{serving.site}health")
    warnings = [line for line in serving.said().splitlines() if "broken-1.0-variants.json" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("warning: ")


class _Forbidding(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_a_failing_upstream_is_an_error_with_its_reason(tmp_path: Path) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Forbidding) as server, answering(server):
        url = f"http://user:hunter2@127.0.0.1:{server.server_port}/simple/"
        with served_by_command(tmp_path, "-i", url, "--no-access-log") as serving:
            page = ask(f"{serving.urls[0]}torchy/")
    assert serving.urls[0].endswith("/this/simple/")
    assert page.status == 502
    assert b"403" in page.body or b"denied" in page.body
    assert b"hunter2" not in page.body
    assert "hunter2" not in serving.said()
    assert "GET" not in serving.said()


def test_all_but_health_needs_the_token(index: Path, tmp_path: Path) -> None:
    options = ("--index-url", index / "simple")
    with served_by_command(tmp_path, *options, VARIANT_BACKEND_TOKEN=TOKEN) as serving:
        url = f"{serving.urls[0]}torchy/"
        assert ask(f"{serving.site}health").status == 200
        assert ask(url).status == 401
        assert ask(url, Authorization=with_token("wrong")).status == 401
        assert ask(url, Authorization=with_token(TOKEN)).status == 200
        assert ask(serving.site).status == 401
    assert TOKEN not in serving.said() + "".join(serving.urls)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_server_without_an_error(
    index: Path, tmp_path: Path, workers: int, number: int
) -> None:
    options = ("--index-url", index / "simple", "--workers", workers)
    with served_by_command(tmp_path, *options) as serving:
        assert ask(f"{serving.urls[0]}torchy/").status == 200
        assert serving.end(number) == 0
    assert "Traceback" not in serving.said()
    assert "error" not in serving.said()


def test_workers_can_share_their_socket_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = server_processes._config(SiteApplication(broken_site, logs=False), is_worker=True)
    settings.loop = "asyncio"  # Windows has no uvloop
    monkeypatch.setattr(sys, "platform", "win32")
    assert settings.get_loop_factory() is asyncio.SelectorEventLoop


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C reaches no single process")
def test_an_upstream_that_hangs_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    asked = threading.Event()

    def silent() -> Iterator[bytes]:
        asked.set()
        while True:
            time.sleep(0.1)
            yield b""

    with (
        sending(silent) as port,
        served_by_command(tmp_path, "-i", f"http://127.0.0.1:{port}/") as serving,
        ExitStack() as stack,
    ):
        parts = urlsplit(f"{serving.urls[0]}demo/")
        client = stack.enter_context(socket.create_connection((parts.hostname or "", parts.port)))
        client.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert asked.wait(60)
        serving.process.send_signal(signal.SIGINT)
        with suppress(ConnectionError):
            while True:  # until no new clients are accepted
                socket.create_connection(client.getpeername()).close()
        serving.process.send_signal(signal.SIGINT)  # now it does not wait for the last answers
        assert serving.process.wait(timeout=60) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="finds child processes by /proc")
def test_a_dead_worker_ends_the_server_with_an_error(index: Path, tmp_path: Path) -> None:
    with served_by_command(tmp_path, "--index-url", index / "simple", "--workers", 2) as serving:
        assert ask(f"{serving.urls[0]}torchy/").status == 200
        children = Path(f"/proc/{serving.process.pid}/task/{serving.process.pid}/children")
        os.kill(int(children.read_text().split()[-1]), signal.SIGKILL)
        assert serving.process.wait() == 1
    assert "error: a worker has ended" in serving.said()


def test_files_are_sent_and_verified(tmp_path: Path) -> None:
    members = {"demo/data.bin": os.urandom(3 << 20)}
    wheels = [make_wheel(tmp_path, name, "1.0", "py3-none-any", members) for name in ("sound", "changed")]
    for wheel in wheels:
        publish([wheel], tmp_path / "simple" / wheel.name.partition("-")[0])
    copy = tmp_path / "simple" / "changed" / wheels[1].name
    content = copy.read_bytes()
    copy.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with served_by_command(tmp_path, "-i", tmp_path / "simple", "--stream") as serving:

        def file_of(project: str) -> str:
            page = ask(f"{serving.urls[0]}{project}/").body.decode()
            (link,) = re.findall(r'href="(?:\.\./)*([^"#]+)', page)
            return f"{serving.site}this/{link}"

        received = ask(file_of("sound"))
        assert received.body == wheels[0].read_bytes()
        with pytest.raises(http.client.IncompleteRead):
            ask(file_of("changed"))
        ask(f"{serving.site}health")
    assert "sha256" in serving.said()
    assert "Traceback" not in serving.said()


@pytest.mark.parametrize(
    "path",
    [
        "new/files/torchy/{key}/..%2f..%2ftorchy-1.0-variants.json",
        "new/files/torchy/{key}/torchy-1.0-variants.json",
        "new/files/..%2fother/{key}/broken-1.0-py3-none-any.whl",
        "new/simple/..%2fother/",
        "project/..%2fother/",
        "..%2fnew/simple/torchy/",
        "%00/simple/torchy/",
    ],
)
def test_clients_get_no_file_beside_the_sources(serving: Serving, path: str) -> None:
    page = ask(f"{serving.urls[0]}torchy/").body.decode()
    (key,) = re.findall(r"files/torchy/(\w+)/", page)
    assert ask(serving.site + path.format(key=key)).status == 404


def test_a_client_that_goes_away_ends_the_request_to_the_upstream() -> None:
    ended = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            yield b"HTTP/1.1 200 OK\r\n\r\n"
            while True:
                yield bytes(1 << 16)
        finally:
            ended.set()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        """Send nothing."""

    scope = {"type": "http", "method": "GET", "path": "/a/", "raw_path": b"/a/", "headers": []}
    with sending(endless) as port:
        file = File("demo-1.0-py3-none-any.whl", f"http://127.0.0.1:{port}/demo.whl", {})
        answer = ServerAnswer(200, {}, file=file)
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            asyncio.run(SiteApplication(lambda _: answer, logs=False)(scope, receive, send))
            assert ended.wait(5)
        finally:
            if was_enabled:
                gc.enable()


def broken_site(_: ClientRequest) -> ServerAnswer:
    raise RuntimeError("detail of the program")


def test_a_defect_shows_no_details(capsys: pytest.CaptureFixture[str]) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/a/", "raw_path": b"/a/", "headers": []}
    asyncio.run(SiteApplication(broken_site, logs=True)(scope, receive, send))
    assert sent[0]["status"] == 500
    assert sent[1]["body"] == b"internal error\n"
    printed = capsys.readouterr().err
    assert "error: GET /a/: unexpected RuntimeError" in printed
    assert "detail of the program" in printed


ERRORS = {
    "": "missing upstream",
    "-i nowhere": "nowhere is not a folder",
    "-f nowhere": "nowhere is not a folder",
    "-i http://example.org/simple/": "is neither https nor http on this machine",
    "-i ftp://example.org/simple/": "unsupported scheme 'ftp'",
    "-i http://[::x/simple/": "invalid URL: Invalid IPv6 URL",
    "-i . --machine a=cuda:12.8 --machine a=h100": "duplicate machine 'a'",
    "-i . --machine health=cuda:12.8": "the name 'health' is used by other pages",
    "-i . --machine project=cuda:12.8": "the name 'project' is used by other pages",
    "-i . --machine cuda:12.8": "'cuda:12.8' cannot be part of a URL or a filename; write NAME=cuda:12.8",
    "-i . --machine h1000": "h1000",
    "-i . --machine gpu=typo.toml": "unknown namespace 'nvida'",
    "-i . --policy typo-policy.toml": "unknown namespace 'nvida'",
    "-i . --token not/valid": "invalid token",
    "-i . --port 70000": "70000",
}


@pytest.mark.parametrize("arguments", ERRORS)
def test_wrong_usage_is_an_error_before_anything_is_served(arguments: str, tmp_path: Path) -> None:
    typo = 'version = 1\n[machine.nvida.features]\ncuda_version_lower_bound = ["12.8"]\n'
    (tmp_path / "typo.toml").write_text(typo)
    (tmp_path / "typo-policy.toml").write_text('policy.exclude = ["nvida"]\n')
    done = run_here(main, "serve", "--host", "192.0.2.1", *arguments.split(), cwd=tmp_path, ok=False)
    assert (done.exit_code, done.stdout) == (2, "")
    assert ERRORS[arguments] in done.stderr
    assert "not/valid" not in done.stderr


def test_a_missing_policy_is_an_error(tmp_path: Path) -> None:
    done = run_here(main, "serve", "-i", ".", "--policy", "missing.toml", cwd=tmp_path, ok=False)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "missing.toml: no such file" in done.stderr


def test_a_port_in_use_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run_here(main, "serve", "-i", ".", "--port", port, cwd=tmp_path, ok=False)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"127.0.0.1:{port}: cannot listen: {os.strerror(errno.EADDRINUSE)}; change" in done.stderr


def test_the_policy_file_decides(index: Path, tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text('policy.plain = ["torchy"]\n')
    options = ("-i", index / "simple", "--policy", tmp_path / "plain.toml", *MACHINES)
    with served_by_command(tmp_path, *options, machines=2) as serving:
        page = ask(f"{serving.urls[0]}torchy/").body
    assert b"torchy-1.0-py3-none-any.whl" in page
    assert b"cu128" not in page
    assert "policy: plain torchy" in serving.said()


def test_a_server_for_networks_without_a_token_is_a_warning(index: Path, tmp_path: Path) -> None:
    for options, warns in ((("--host", "0.0.0.0"), True), (("--host", "0.0.0.0", "--token", TOKEN), False)):
        with served_by_command(tmp_path, "-i", index / "simple", *options) as serving:
            pass
        assert ("warning: --host: everyone" in serving.said()) == warns


EXAMPLES = Path(__file__).parents[2] / "examples" / "serve"
DEPLOYMENT = DOCS / "how-to" / "deploy-offer.md"
NGINX = """\
daemon off;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {location}
    }}
}}
"""


@pytest.mark.parametrize(("name", "language"), [("Containerfile", "dockerfile"), ("nginx.conf", "nginx")])
def test_the_documentation_shows_the_examples(name: str, language: str) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert f"```{language}\n{text}```" in DEPLOYMENT.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def gateway(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server with a token below a path of nginx."""
    folder = tmp_path_factory.mktemp("gateway")
    options = ("--index-url", index / "simple", *MACHINES, "--token", TOKEN)
    with served_by_command(folder, *options, machines=2) as serving, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        unused.close()
        location = (EXAMPLES / "nginx.conf").read_text(encoding="utf-8")
        location = location.replace("http://127.0.0.1:8000/", serving.site)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, location=location))
        nginx = start("nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr")
        try:
            wait_for(port)
            yield f"http://me:{TOKEN}@127.0.0.1:{port}/packages/"
        finally:
            nginx.terminate()
            nginx.communicate()


def wait_for(port: int) -> None:
    """Wait until a port is open."""
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "machine", "label"),
    [("pip", "new", "cu128"), ("pip 23", "new", "cu128"), ("uv", "new", "cu128"), ("uv", "cpu", None)],
)
def test_installers_get_variants_behind_a_gateway(
    gateway: str, old_pip: Path, tool: str, machine: str, label: str | None, tmp_path: Path
) -> None:
    options = (
        "install",
        "--index-url",
        f"{gateway}{machine}/simple/",
        "--target",
        tmp_path / "new",
        "torchy",
    )
    if tool == "uv":
        run("uv", "pip", *options[:1], "--no-config", *empty_cache(), *options[1:])
    else:
        path = str(old_pip) if tool == "pip 23" else ""
        done = run("python", "-m", "pip", *options, "--no-cache-dir", "--isolated", PYTHONPATH=path)
        assert TOKEN not in done.stdout + done.stderr
    assert label_in(tmp_path / "new", "torchy") == label
    assert [*(tmp_path / "new").glob("helper-1.0.dist-info")] != [] or label is None


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
def test_the_commands_of_the_container_work(tmp_path: Path) -> None:
    lines = (EXAMPLES / "Containerfile").read_text(encoding="utf-8").splitlines()
    steps = dict(line.split(" ", 1) for line in lines)
    install = steps["RUN"].removeprefix("pip install --no-cache-dir ")
    run("uv", "venv", "--quiet", tmp_path / "image")
    python = next(path for path in (tmp_path / "image").glob("*/*") if path.stem == "python")
    run("uv", "pip", "install", "--quiet", "--python", python, install)
    program, *options = json.loads(steps["ENTRYPOINT"])
    arguments = [*options[1:], *json.loads(steps["CMD"])]
    command = (python.parent / program, options[0])
    with served_by_command(tmp_path, *arguments, machines=2, command=command) as serving:
        site = serving.site.replace("0.0.0.0", "127.0.0.1")
        check = [
            part.replace("http://127.0.0.1:8000/", site) for part in json.loads(steps["HEALTHCHECK"][4:])
        ]
        run(python, *check[1:])
        assert serving.end() == 0
