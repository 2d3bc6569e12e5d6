"""`kasir serve`: one process, or several that share a socket.

After the first SIGTERM or SIGINT the requests in progress are finished; the second one ends them.
If there are several processes, the parent gets the signals and forwards them to the others.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.supervisors import Multiprocess

from kasir.cli.certificate import Certificate
from kasir.cli.one_line import in_one_line
from kasir.cli.start import print_status, used
from kasir.config import settings_from
from kasir.errors import SettingError
from kasir.limits import Limits
from kasir.telemetry import logs, traces
from kasir.telemetry.metrics import SHARED_FOLDER
from kasir.wiring import open_parts

if TYPE_CHECKING:
    from litestar import Litestar

#: Longer than clients and proxies keep an idle connection (aiohttp 15 s, nginx and most load
#: balancers 60 s), so that they close it first. If the server closed it, a payment request could be
#: arriving at that moment.
_KEEP_ALIVE_S: Final = 75
#: Proxies whose `X-Forwarded-For` is trusted if the operator names no others.
THIS_MACHINE: Final = "127.0.0.1,::1"
#: The garbage collector runs after this many new objects. A request makes hundreds, and almost none
#: of them is in a reference cycle.
_GC_THRESHOLD: Final = 20_000
#: The time for the last responses after requests were ended early.
_LAST_RESPONSES_S: Final = 5
_POLL_S: Final = 0.1
#: The parent's signal to a child to end requests early. A child may receive one SIGTERM or SIGINT
#: twice: from a terminal or service manager, which signals the whole process group, and from the
#: parent. So a second one does not end requests early in a child.
_CUT: Final = signal.SIGUSR1


def serve(
    host: str, port: int, workers: int, tls_cert: Path | None = None, tls_key: Path | None = None
) -> None:
    """Serve until a signal stops it; with a certificate and its key over HTTPS only.

    Raises:
        SettingError: A setting is missing or malformed, the certificate or its key cannot be used,
            or the address cannot be listened on. The error is raised before any process starts.
    """
    certificate = Certificate.checked(tls_cert, tls_key, datetime.now(UTC))
    logs.configure(os.environ)
    traces.are_wanted(os.environ)  # An error is raised here and not in each process.
    asyncio.run(_preflight())
    port = _check_address(host, port)
    _print_start(host, port, certificate)
    config = _config(host, port, workers, certificate)
    try:
        if workers > 1:
            with _sharing_metrics():
                _Supervisor(config, [config.bind_socket()]).run()
            return
        uvicorn.Server(config).run()
    except SystemExit as exited:
        # Uvicorn has logged the reason in a line; its own exit codes are not ours.
        sys.exit(1 if exited.code else 0)
    except KeyboardInterrupt:
        return  # Uvicorn stopped on the signal and raises it again.


@contextmanager
def _sharing_metrics() -> Iterator[None]:
    """Give the processes a folder in which they share their metrics until the context ends.

    Raises:
        SettingError: There is no folder for temporary files.
    """
    try:
        folder = TemporaryDirectory(prefix="kasir-metrics-")
    except OSError as error:
        cure = f"--workers needs a folder for temporary files ({error.strerror}); name one here"
        raise SettingError("TMPDIR", cure) from error
    with folder as path:
        os.environ[SHARED_FOLDER] = path
        yield


def _print_start(host: str, port: int, certificate: Certificate | None) -> None:
    settings, scheme = settings_from(), "https" if certificate else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    print_status(f"serve on {url}; {used(settings)}")
    for warning in certificate.warnings(settings.public_url) if certificate else ():
        print_status(f"warning: {warning}")


def _config(host: str, port: int, workers: int, certificate: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        "kasir.cli.serve:app",
        factory=True,
        http="kasir.cli.connections:BoundedHttp",  # By name, because each process imports it.
        ws="none",
        host=host,
        port=port,
        workers=workers,
        log_config=None,  # Its lines take the path of all others: `telemetry.logs`.
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS") or THIS_MACHINE,
        # After `stop_s`, kasir.shutdown has ended and answered the requests in progress.
        timeout_graceful_shutdown=int(Limits().stop_s) + _LAST_RESPONSES_S,
        server_header=False,
        ssl_certfile=certificate.chain if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )


def _check_address(host: str, port: int) -> int:
    """Check that the address is free; return the port, or for port 0 the one that the system chose.

    Uvicorn would report the error only after the database is open, and without the option's name.

    Raises:
        SettingError: The address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as probe:
            free_port: int = probe.getsockname()[1]
    except OSError as error:
        cure = f"cannot listen there ({error.strerror or error}); give another"
        raise SettingError(f"--host {host} --port {port}", cure) from error
    return free_port


async def _preflight() -> None:
    """Open Kasir once, so that an error is reported in one line before any process starts."""
    async with open_parts():
        pass


class _Supervisor(Multiprocess):
    """Uvicorn's supervisor; after a second signal to stop, its processes end requests early."""

    #: The number of signals to stop that were not handled yet.
    _stop_signals = 0

    def handle_int(self) -> None:
        """Count the signal, and stop as uvicorn does."""
        self._stop_signals += 1
        super().handle_int()

    def handle_term(self) -> None:
        """Count the signal, and stop as uvicorn does."""
        self._stop_signals += 1
        super().handle_term()

    def join_all(self) -> None:
        """Close the sockets, and wait until every process has ended."""
        for shared in self.sockets:
            shared.close()
        for process in self.processes:
            while process.exitcode is None:
                if self._is_stopped_again():
                    self._cut()
                process.process.join(_POLL_S)

    def _is_stopped_again(self) -> bool:
        """Whether another signal to stop has come after the first; each is reported once."""
        while self.signal_queue:
            self._stop_signals += self.signal_queue.pop() in {signal.SIGINT, signal.SIGTERM}
        is_again = self._stop_signals > 1
        self._stop_signals = min(self._stop_signals, 1)
        return is_again

    def _cut(self) -> None:
        for process in self.processes:
            if process.exitcode is None and process.pid is not None:
                os.kill(process.pid, _CUT)


def app() -> object:
    """Make the app for uvicorn, once in each process."""
    from kasir.web.app import create_app

    gc.set_threshold(_GC_THRESHOLD)
    logs.configure(os.environ)
    litestar = create_app(settings_from())
    litestar.on_startup += [_install_signal_handlers, _freeze_objects]
    litestar.on_shutdown.append(traces.start(os.environ, "serve"))
    return in_one_line(litestar)


def _freeze_objects() -> None:
    """Exempt the objects that exist by now from garbage collection: they live until the end.

    Only `kasir serve` does this: in another program it would exempt that program's objects too.
    """
    gc.collect()
    gc.freeze()


def _install_signal_handlers(litestar: Litestar) -> None:
    """Handle a signal to stop, then call uvicorn's handler, which closes the sockets and waits."""
    loop, shutdown = asyncio.get_running_loop(), litestar.state.shutdown

    def request_stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(shutdown.request, Limits().stop_s)
        if callable(handler := uvicorn_handlers[number]):
            handler(number, frame)

    def cut(*_: object) -> None:
        loop.call_soon_threadsafe(shutdown.cut)

    def stop(number: int, frame: FrameType | None) -> None:
        if shutdown.is_requested:
            cut()
        else:
            request_stop(number, frame)

    uvicorn_handlers: dict[int, Any] = {
        number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)
    }
    if multiprocessing.parent_process() is None:
        for number in uvicorn_handlers:
            signal.signal(number, stop)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(_CUT, cut)
