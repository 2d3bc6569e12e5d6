"""A proxy to PostgreSQL that can go silent, as a frozen host or a failover without a reset does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit


@dataclass(slots=True)
class Proxy:
    """A proxy to PostgreSQL. Clients connect to its `dsn`."""

    dsn: str
    _socket: str
    _is_silent: bool = False
    _open: set[_Connection] = field(default_factory=set)

    def go_silent(self, *, answers_only: bool = False) -> None:
        """Accept data and forward none of it, on existing connections and on new ones.

        With `answers_only`, existing connections still forward requests.
        """
        self._is_silent = True
        for connection in self._open:
            connection.forwards_requests, connection.forwards_answers = answers_only, False

    def let_through(self) -> None:
        """Forward data on new connections again; silent connections stay silent."""
        self._is_silent = False

    def under_way(self) -> list[asyncio.Task[object]]:
        """The tasks of the open connections."""
        return [connection.task for connection in self._open if connection.task]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection."""
        connection = _Connection(asyncio.current_task())
        connection.forwards_requests = connection.forwards_answers = not self._is_silent
        self._open.add(connection)
        # OSError: one side closed the connection. CancelledError: the proxy ends.
        with suppress(OSError, asyncio.CancelledError):
            await connection.forward(reader, writer, self._socket)
        self._open.discard(connection)
        writer.close()


@dataclass(eq=False, slots=True)
class _Connection:
    """A client's connection. While it is silent, the proxy does not close it."""

    task: asyncio.Task[object] | None
    forwards_requests: bool = True
    forwards_answers: bool = True

    async def forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, socket: str
    ) -> None:
        if not self.forwards_requests:
            while await reader.read(65536):
                pass
            return
        answers, requests = await asyncio.open_unix_connection(socket)
        try:
            await asyncio.gather(
                self._forward_requests(reader, requests), self._forward_answers(answers, writer)
            )
        finally:
            requests.close()

    async def _forward_requests(
        self, reader: asyncio.StreamReader, requests: asyncio.StreamWriter
    ) -> None:
        while sent := await reader.read(65536):
            if self.forwards_requests:
                requests.write(sent)
        if self.forwards_requests:
            requests.close()

    async def _forward_answers(
        self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await answers.read(65536):
            if self.forwards_answers:
                writer.write(data)
        if self.forwards_answers:
            writer.close()


@asynccontextmanager
async def proxy_to(dsn: str) -> AsyncIterator[Proxy]:
    """A proxy over TCP to a server that listens on a Unix socket."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    proxy = Proxy("", f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}")
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    proxy.dsn = f"postgresql://kasir@127.0.0.1:{port}{parts.path}"
    try:
        yield proxy
    finally:
        server.close()
        tasks = proxy.under_way()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
