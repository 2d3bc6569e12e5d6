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

    dsn: str = ""
    _server: str = ""
    _swallows: bool = False
    _open: set[_Through] = field(default_factory=set)

    def swallow(self) -> None:
        """Take everything in and let nothing through, on old connections and on new ones."""
        self._swallows = True
        for through in self._open:
            through.is_dead = True

    def let_through(self) -> None:
        """Serve new connections again; those that fell silent stay so for ever."""
        self._swallows = False

    @property
    def opened(self) -> int:
        """How many connections are open by now, silent ones included."""
        return len(self._open)

    def under_way(self) -> list[asyncio.Task[object]]:
        """What carries the connections that are open."""
        return [through.task for through in self._open if through.task]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        through = _Through(asyncio.current_task(), is_dead=self._swallows)
        self._open.add(through)
        try:
            if through.is_dead:
                while await reader.read(65536):
                    pass
                return
            there, back = await asyncio.open_unix_connection(self._server)
            with suppress(ConnectionError):
                await asyncio.gather(through.carry(reader, back), through.carry(there, writer))
        except asyncio.CancelledError:
            pass  # The way ends, and nobody waits for this.
        finally:
            self._open.discard(through)
            writer.close()


@dataclass(eq=False, slots=True)
class _Through:
    """A connection; a dead one is never closed from our side."""

    task: asyncio.Task[object] | None
    is_dead: bool

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while sent := await reader.read(65536):
            if not self.is_dead:
                writer.write(sent)
                await writer.drain()
        if not self.is_dead:
            writer.close()


@asynccontextmanager
async def way_to(dsn: str) -> AsyncIterator[Way]:
    """A way over TCP to a server that listens on a Unix socket."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    way = Way(_server=f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}")
    server = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    way.dsn = f"postgresql://kasir@127.0.0.1:{port}{parts.path}"
    try:
        yield way
    finally:
        server.close()
        for through in way.under_way():
            through.cancel()
