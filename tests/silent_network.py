"""A way to PostgreSQL that may fall silent, as a frozen host or a failover without a reset does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass(slots=True)
class Way:
    """Where a database is reached, and whether what is sent there arrives."""

    dsn: str
    _socket: str
    _is_silent: bool = False
    _open: set[_Through] = field(default_factory=set)

    def swallow(self, *, answers_only: bool = False) -> None:
        """Take everything in and let nothing through, on old connections and on new ones.

        With `answers_only` what was asked still arrives, on old connections.
        """
        self._is_silent = True
        for through in self._open:
            through.hears, through.answers = answers_only, False

    def let_through(self) -> None:
        """Serve new connections again; those that fell silent stay so for ever."""
        self._is_silent = False

    def under_way(self) -> list[asyncio.Task[object]]:
        """What carries the connections that are open."""
        return [through.task for through in self._open if through.task]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        through = _Through(asyncio.current_task())
        through.hears = through.answers = not self._is_silent
        self._open.add(through)
        with suppress(OSError, asyncio.CancelledError):  # The way ends, or either end hung up.
            await through.carry(reader, writer, self._socket)
        self._open.discard(through)
        writer.close()


@dataclass(eq=False, slots=True)
class _Through:
    """A connection; a silent one is never closed from our side."""

    task: asyncio.Task[object] | None
    hears: bool = True
    answers: bool = True

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, there: str
    ) -> None:
        if not self.hears:
            while await reader.read(65536):
                pass
            return
        answers, asked = await asyncio.open_unix_connection(there)
        try:
            await asyncio.gather(self._ask(reader, asked), self._answer(answers, writer))
        finally:
            asked.close()

    async def _ask(self, reader: asyncio.StreamReader, asked: asyncio.StreamWriter) -> None:
        while sent := await reader.read(65536):
            if self.hears:
                asked.write(sent)
        if self.hears:
            asked.close()

    async def _answer(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await answers.read(65536):
            if self.answers:
                writer.write(said)
        if self.answers:
            writer.close()


@asynccontextmanager
async def way_to(dsn: str) -> AsyncIterator[Way]:
    """A way over TCP to a server that listens on a Unix socket."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    way = Way("", f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}")
    server = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    way.dsn = f"postgresql://kasir@127.0.0.1:{port}{parts.path}"
    try:
        yield way
    finally:
        server.close()
        carried = way.under_way()
        for task in carried:
            task.cancel()
        await asyncio.gather(*carried, return_exceptions=True)
