"""`kasir serve`: one process, or several that share a socket."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from typing import Final

import uvicorn

from kasir.cli.start import say, used
from kasir.config import settings_from
from kasir.errors import SettingError
from kasir.wiring import Kasir

#: Longer than clients and proxies keep an idle connection (aiohttp 15 s, nginx and most load
#: balancers 60 s), so that it is they who close it, and not we while a payment is on its way.
_KEEP_ALIVE_S: Final = 75
#: So many new objects, before the collector looks through them: a request makes hundreds, nearly
#: none of them in a circle.
_YOUNG_MAX: Final = 20_000


def serve(host: str, port: int, workers: int) -> None:
    """Serve until told to stop.

    Raises:
        SettingError: A setting is missing or malformed, or the address cannot be listened on;
            found before anything starts.
    """
    asyncio.run(_preflight())
    port = _free(host, port)
    say(f"serve on http://{f'[{host}]' if ':' in host else host}:{port}; {used(settings_from())}")
    try:
        uvicorn.run(
            "kasir.cli.serve:app",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            log_level="warning",
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            # A shopper's return page keeps a connection open; a stop does not wait for it.
            timeout_graceful_shutdown=10,
            server_header=False,
        )
    except SystemExit as ended:
        # Uvicorn said in a line why it could not listen; how it counts such ends is its own.
        sys.exit(1 if ended.code else 0)


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


def app() -> object:
    """The app for uvicorn, made anew in each process."""
    from kasir.web.app import create_app

    gc.set_threshold(_YOUNG_MAX)
    return create_app(settings_from())
