"""The twin as a process: it binds a socket, serves, and stops cleanly on a signal."""

from __future__ import annotations

import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from adyen_twin.app import build
from adyen_twin.core import seed, storage
from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.core.twin import Twin
from adyen_twin.simulation import seeds

#: How many seconds calls may still run after a signal to stop.
STOP_WITHIN_S: Final = 1
#: How many seconds an idle connection is kept open: longer than by clients, so that the client
#: closes it first.
KEEP_ALIVE_S: Final = 75


class CannotServeError(Exception):
    """The twin cannot start; the message is the reason."""


@dataclass(frozen=True)
class Listen:
    """The address to listen on, and the certificate for https."""

    host: str
    port: int
    tls_cert: Path | None = None
    tls_key: Path | None = None


class _Server(uvicorn.Server):
    """A server that prints its address when it is ready."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"adyen-twin is at {self._address}", flush=True)  # noqa: T201  # The address is the command's output.


def run(settings: Settings, knobs: Knobs, listen: Listen, seed_file: Path | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        CannotServeError: The port is taken, or a file cannot be read.

    """
    twin = _twin(settings, knobs, seed_file)
    listener = _bind(listen)
    config = _config(twin, listen)
    # uvicorn raises the signal again after it stopped. These handlers ignore it, so that the
    # exit code is 0.
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: None)
    _Server(config, _address(listen, listener)).run(sockets=[listener])


def _twin(settings: Settings, knobs: Knobs, seed_file: Path | None) -> Twin:
    try:
        state = storage.load(settings.state_file) if settings.state_file else None
        twin = Twin(settings, knobs, state=state)
        if seed_file is not None:
            twin.seed = seed.read(seed_file)
            seeds.load(twin, twin.seed)
    except seed.SeedError as error:
        message = str(error).removeprefix(f"{seed_file}: ")
        raise CannotServeError(f"{seed_file}: {message}") from error
    except storage.UnreadableStateError as error:
        raise CannotServeError(str(error)) from error
    return twin


def _config(twin: Twin, listen: Listen) -> uvicorn.Config:
    config = uvicorn.Config(
        build(twin),
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        ssl_certfile=listen.tls_cert,
        ssl_keyfile=listen.tls_key,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is an OSError.
        raise CannotServeError(f"the certificate or its key cannot be used: {error}") from error
    return config


def _bind(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((listen.host, listen.port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise CannotServeError(f"cannot listen on {listen.host}:{listen.port}: {error}") from error
    listener.set_inheritable(True)
    return listener


def _address(listen: Listen, listener: socket.socket) -> str:
    scheme = "https" if listen.tls_cert else "http"
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}"
