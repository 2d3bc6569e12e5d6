"""The twin as a process: a socket, a server, a clean end."""

import signal
import socket
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from adyen_twin.app import build
from adyen_twin.core import storage
from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin

#: How long calls under way may take to end once the twin is told to stop.
STOP_WITHIN_S = 1
#: Longer than clients keep an idle connection: a caller does not meet one that is just closing.
KEEP_ALIVE_S = 75


class CannotServeError(Exception):
    """The twin cannot start; says why."""


@dataclass(frozen=True)
class Door:
    """Where the twin listens."""

    host: str
    port: int
    tls_cert: Path | None = None
    tls_key: Path | None = None


class _Server(uvicorn.Server):
    """A server that says where it is, once it is there."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"adyen-twin is at {self._address}", flush=True)  # noqa: T201 - The line it is for.


def run(settings: Settings, knobs: Knobs, door: Door) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        CannotServeError: The port is taken, or the state file or certificate cannot be read.

    """
    try:
        state = storage.load(settings.state_file) if settings.state_file else None
    except storage.UnreadableStateError as error:
        raise CannotServeError(str(error)) from error
    listener = _listen(door)
    config = _config(Twin(settings, knobs, state=state), door)
    # uvicorn raises the signal again once it has stopped; by then it has done its work.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _Server(config, _address(door, listener)).run(sockets=[listener])


def _config(twin: Twin, door: Door) -> uvicorn.Config:
    config = uvicorn.Config(
        build(twin),
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        ssl_certfile=door.tls_cert,
        ssl_keyfile=door.tls_key,
    )
    try:
        config.load()
    except OSError as error:  # An ssl.SSLError is one.
        raise CannotServeError(f"the certificate or its key cannot be used: {error}") from error
    return config


def _listen(door: Door) -> socket.socket:
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((door.host, door.port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise CannotServeError(f"cannot listen on {door.host}:{door.port}: {error}") from error
    listener.set_inheritable(True)
    return listener


def _address(door: Door, listener: socket.socket) -> str:
    scheme = "https" if door.tls_cert else "http"
    host = f"[{door.host}]" if ":" in door.host else door.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}"
