"""One connection that listens for notifications of PostgreSQL on many channels.

Notifications are lost when the connection is lost, so workers also search regularly.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import Any, Final

import structlog
from asyncpg import InterfaceError

from kasir.clock import pause
from kasir.store.database import DRIVER_ERRORS, Connection, Pool

#: The wait between two checks of the connection.
_CHECK_EVERY_S: Final = 5.0
_AFTER_FAILURE_S: Final = 1.0

_log = structlog.get_logger("kasir.listening")


class Listening:
    """Listens on channels, and calls a channel's callbacks for each notification on the channel."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._callbacks: defaultdict[str, list[Any]] = defaultdict(list)
        self._changed = asyncio.Event()

    def add(self, channel: str, callback: Any) -> None:
        """Call `callback` with the payload of each notification on `channel`."""
        self._callbacks[channel].append(callback)
        self._changed.set()

    def remove(self, channel: str, callback: Any) -> None:
        """Stop calling `callback` for notifications on `channel`."""
        self._callbacks[channel].remove(callback)
        self._changed.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop` is set. If the connection is lost, listen over another connection."""
        while not stop.is_set():
            try:
                async with self._pool.acquire() as connection:
                    await self._listen(connection, stop)
            except DRIVER_ERRORS as error:
                _log.warning("listening was interrupted", error=type(error).__name__)
                await pause(_AFTER_FAILURE_S, stop)

    async def _listen(self, connection: Connection, stop: asyncio.Event) -> None:
        listened: set[str] = set()
        try:
            while not stop.is_set():
                self._changed.clear()
                wanted = {channel for channel, calls in self._callbacks.items() if calls}
                for channel in wanted - listened:
                    await connection.add_listener(channel, self._notified)
                for channel in listened - wanted:
                    await connection.remove_listener(channel, self._notified)
                listened = wanted
                await self._wait(stop)
                await connection.execute("SELECT 1")
        finally:
            with suppress(InterfaceError):  # A cancellation has closed the connection already.
                connection.terminate()  # The pool must not lend a session that listens.

    async def _wait(self, stop: asyncio.Event) -> None:
        """Wait until the channels change, `stop` is set, or the connection must be checked."""
        waits = [asyncio.create_task(one.wait()) for one in (self._changed, stop)]
        try:
            await asyncio.wait(waits, timeout=_CHECK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _notified(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        for callback in [*self._callbacks[channel]]:
            callback(str(payload))
