"""Serve a site on a network with uvicorn, in this process or in several ones that share only the port."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from multiprocessing.connection import wait
from typing import NamedTuple

from uvicorn import Config, Server

from ..errors import Problem, VariantError
from ..lowlevel.credentials import use_keyring
from ..lowlevel.terminal import print_warning, set_volume
from ..selection.releases import Sources
from .asgi import SiteApplication
from .disk_cache import offer_cache
from .site import Served, Site
from .upstream import Upstream

_BACKLOG = 2048
# Seconds. Gateways keep connections for 60 to 75 seconds, and must not meet one that ends at this moment.
_KEPT_ALIVE = 80
# Seconds for answers that are being sent when the server ends; containers are killed after 10.
_LAST_ANSWERS = 8
# Problems of projects are printed once; this many are remembered.
_MOST_REMEMBERED = 4096


class Service(NamedTuple):
    """What to serve, as a value that other processes can read.

    *keyring* are the URLs whose passwords the program keyring may be asked for, None if it is never asked.
    *volume* is how much is printed.
    """

    sources: Sources
    machines: Mapping[str, Served]
    token: str | None
    streams: bool
    logs: bool
    keyring: Sequence[str] | None
    volume: int


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket that listens at an address; raises VariantError if it cannot."""
    place = authority(host, port)
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise VariantError("unknown host", place=place, remedy="change --host") from None
    try:
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while attempting")[0]  # Python adds the address
        remedy = "change --host or --port, or end the program that uses the port"
        raise VariantError(f"cannot listen: {reason}", place=place, remedy=remedy) from None
    with listener:
        yield listener


def authority(host: str, port: int) -> str:
    """Return host and port as they are in URLs."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def serve_until_signal(service: Service, listener: socket.socket, workers: int) -> None:
    """Serve until Ctrl-C or SIGTERM ends this process; raises VariantError if a worker ends before that.

    Then it ends the process if a thread still waits for the upstream: Python would wait for that thread.
    """
    try:
        if workers == 1:
            _serve(service, listener)
        else:
            _serve_in_workers(service, listener, workers)
    except KeyboardInterrupt:
        pass
    except SystemExit as error:
        if error.code != 128 + signal.SIGTERM:
            raise
    main = threading.main_thread()
    if any(thread is not main and not thread.daemon for thread in threading.enumerate()):
        os._exit(0)


def _serve_in_workers(service: Service, listener: socket.socket, workers: int) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_run_worker, args=(service, listener)) for _ in range(workers)]
    try:
        for process in processes:
            process.start()
        while not wait([process.sentinel for process in processes], timeout=0.5):
            pass  # a wait without end would not notice Ctrl-C on Windows
        raise VariantError("a worker has ended; see the messages above")
    finally:
        for process in processes:
            if process.pid is not None:
                process.terminate()
        for process in processes:
            if process.pid is not None:
                process.join()


def _run_worker(service: Service, listener: socket.socket) -> None:
    """Serve in a process of its own, which ends with the process that started it."""
    set_volume(service.volume)
    use_keyring(service.keyring)
    with suppress(KeyboardInterrupt):  # the terminal sends it to all processes
        _serve(service, listener, is_worker=True)


def _serve(service: Service, listener: socket.socket, *, is_worker: bool = False) -> None:
    gc.enable()  # the scripts of this project turn it off, because other commands end soon
    report = lru_cache(_MOST_REMEMBERED)(_print_problem)
    with offer_cache() as cache:
        upstream = Upstream(service.sources, cache)
        site = Site(
            upstream,
            service.machines,
            token=service.token,
            streams=service.streams,
            report=report,
            remembers=False,  # a server runs for months
        )
        server = Server(_config(SiteApplication(site.respond, logs=service.logs), is_worker=is_worker))
        if is_worker:
            threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
        server.run(sockets=[listener])


def _print_problem(problem: Problem) -> None:
    print_warning(str(problem))


def _end_with_parent(server: Server) -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        server.should_exit = True


def _config(application: SiteApplication, *, is_worker: bool) -> Config:
    """Return the settings of uvicorn, which prints nothing: the application logs.

    Their number of workers starts none. On Windows, several processes can use a socket only with it.
    """
    return Config(
        application,
        workers=2 if is_worker else 1,
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEPT_ALIVE,
        timeout_graceful_shutdown=_LAST_ANSWERS,
    )
