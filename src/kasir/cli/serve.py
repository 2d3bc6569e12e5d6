"""`kasir serve`: one process, or several that share a socket.

The first signal to stop lets what is in hand end; the second one cuts it. Where several processes
share the work, the one that was started is told by signals and tells the others.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import socket
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.supervisors import Multiprocess

from kasir.cli.one_line import in_one_line
from kasir.cli.start import say, used
from kasir.config import settings_from
from kasir.errors import SettingError
from kasir.limits import Limits
from kasir.wiring import Kasir

if TYPE_CHECKING:
    from litestar import Litestar

#: Longer than clients and proxies keep an idle connection (aiohttp 15 s, nginx and most load
#: balancers 60 s), so that it is they who close it, and not we while a payment is on its way.
_KEEP_ALIVE_S: Final = 75
#: Proxies that are believed whom they speak for, where the operator names none.
THIS_MACHINE: Final = "127.0.0.1,::1"
#: So many new objects, before the collector looks through them: a request makes hundreds, nearly
#: none of them in a circle.
_YOUNG_MAX: Final = 20_000
#: How long what was cut has to say so.
_LAST_WORDS_S: Final = 5
_LOOK_S: Final = 0.1
#: A terminal and a service manager may tell every process of a group to stop, and whoever was
#: started tells the others once more: so no number of those means to cut, but this does.
_CUT: Final = signal.SIGUSR1


def serve(host: str, port: int, workers: int) -> None:
    """Serve until told to stop.

    Raises:
        SettingError: A setting is missing or malformed, or the address cannot be listened on;
            found before anything starts.
    """
    asyncio.run(_preflight())
    port = _free(host, port)
    say(f"serve on http://{f'[{host}]' if ':' in host else host}:{port}; {used(settings_from())}")
    config = uvicorn.Config(
        "kasir.cli.serve:app",
        factory=True,
        http="kasir.cli.connections:BoundedHttp",  # By its name: workers import it anew.
        ws="none",
        host=host,
        port=port,
        workers=workers,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS") or THIS_MACHINE,
        # What is in hand is cut by ourselves before, and answered: see kasir.shutdown.
        timeout_graceful_shutdown=int(Limits().stop_s) + _LAST_WORDS_S,
        server_header=False,
    )
    try:
        if workers > 1:
            _Supervisor(config, [config.bind_socket()]).run()
            return
        uvicorn.Server(config).run()
    except SystemExit as ended:
        # Uvicorn said in a line why it could not start; how it counts such ends is its own.
        sys.exit(1 if ended.code else 0)
    except KeyboardInterrupt:
        return  # It stopped as it was told to, and then passes the signal on.


def _free(host: str, port: int) -> int:
    """Find out that it can be listened on; gives the port, which the system chooses for 0.

    Uvicorn listens only after the database was opened, too late for one line that names the option.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as probe:
            found: int = probe.getsockname()[1]
    except OSError as error:
        cure = f"cannot listen there ({error.strerror or error}); give another"
        raise SettingError(f"--host {host} --port {port}", cure) from error
    return found


async def _preflight() -> None:
    """Find what would stop the server while it can still be said in one line."""
    async with Kasir.open():
        pass


class _Supervisor(Multiprocess):
    """Uvicorn's, which cuts what its processes have in hand when it is told to stop twice."""

    #: How often it was told to stop and has not acted upon.
    _told = 0

    def handle_int(self) -> None:
        """Stop, as uvicorn does."""
        self._told += 1
        super().handle_int()

    def handle_term(self) -> None:
        """Stop, as uvicorn does."""
        self._told += 1
        super().handle_term()

    def join_all(self) -> None:
        """Wait until every process has ended; nobody listens meanwhile."""
        for shared in self.sockets:
            shared.close()
        for process in self.processes:
            while process.exitcode is None:
                if self._is_told_again():
                    self._cut()
                process.process.join(_LOOK_S)

    def _is_told_again(self) -> bool:
        """Whether it was told to stop twice, or once more since then."""
        while self.signal_queue:
            self._told += self.signal_queue.pop() in {signal.SIGINT, signal.SIGTERM}
        is_again, self._told = self._told > 1, min(self._told, 1)
        return is_again

    def _cut(self) -> None:
        for process in self.processes:
            if process.exitcode is None and process.pid is not None:
                os.kill(process.pid, _CUT)


def app() -> object:
    """The app for uvicorn, made anew in each process."""
    from kasir.web.app import create_app

    gc.set_threshold(_YOUNG_MAX)
    made = create_app(settings_from())
    made.on_startup += [_heed_signals, _settle]
    return in_one_line(made)


def _settle() -> None:
    """What is there by now stays: the collector need not go through it again and again.

    Only here, where the process is Kasir's: in another program it would keep what is that one's.
    """
    gc.collect()
    gc.freeze()


def _heed_signals(made: Litestar) -> None:
    """Hear of the signals to stop before the server does; it then stops to listen, and waits."""
    loop, shutdown = asyncio.get_running_loop(), made.state.shutdown

    def ask(number: int, then: Any, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(shutdown.request, Limits().stop_s)
        if callable(then):
            then(number, frame)

    def cut(*_: object) -> None:
        loop.call_soon_threadsafe(shutdown.cut)

    def stop(number: int, frame: FrameType | None) -> None:
        if shutdown.is_requested:
            cut()
        else:
            ask(number, servers[number], frame)

    servers: dict[int, Any] = {
        number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)
    }
    if multiprocessing.parent_process() is None:
        for number in servers:
            signal.signal(number, stop)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: ask(number, servers[number], frame))
    signal.signal(_CUT, cut)
