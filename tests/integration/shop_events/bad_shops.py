"""Misbehaving shops: real servers that answer with broken HTTP, or not at all."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

Behave = Callable[["BadShop", asyncio.StreamWriter], Awaitable[None]]

_PIECE_BYTES: Final = 64 * 1024
_HUGE_BYTES: Final = 100 * 1024 * 1024


@dataclass
class BadShop:
    """A shop with one kind of misbehaviour.

    Attributes:
        behave: What the shop does after it has received a request.
        url: The shop's address.
        received: Every request, with its headers.
        sent: How many bytes the shop has sent.
        tasks: One task for each connection.
        over: A shop that hangs waits for this event before it closes its connections.
    """

    behave: Behave
    url: str = ""
    received: list[bytes] = field(default_factory=list)
    sent: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request and misbehave."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        # An error means that the client has disconnected or the test is over.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
            self.received.append(head + await reader.readexactly(length))
            await self.behave(self, writer)
        await close_connection(writer)

    async def send(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        """Send a piece when the buffer has space."""
        writer.write(piece)
        await writer.drain()
        self.sent += len(piece)


async def close_connection(writer: asyncio.StreamWriter) -> None:
    """Close a connection, which may already be broken."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def misbehaving(behave: Behave, tls: ssl.SSLContext | None = None) -> AsyncIterator[BadShop]:
    """A shop with this misbehaviour; the server stops with the context."""
    shop = BadShop(behave)
    server = await asyncio.start_server(shop.handle, "127.0.0.1", 0, ssl=tls)
    shop.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield shop
    finally:
        server.close()
        for task in shop.tasks:
            task.cancel()
        await asyncio.gather(*shop.tasks, return_exceptions=True)


def sends(text: bytes) -> Behave:
    """Send `text` and close the connection."""

    async def behave(shop: BadShop, writer: asyncio.StreamWriter) -> None:
        await shop.send(writer, text)

    return behave


def resets_after(text: bytes) -> Behave:
    """Send `text` and reset the connection."""

    async def behave(shop: BadShop, writer: asyncio.StreamWriter) -> None:
        await shop.send(writer, text)
        # The text must arrive before the reset, which can discard it.
        await asyncio.sleep(0.05)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return behave


async def hangs(shop: BadShop, _: asyncio.StreamWriter) -> None:
    """Never send anything."""
    await shop.over.wait()


def repeats(first: bytes, again: bytes) -> Behave:
    """Send `first` once, then `again` repeatedly until the client closes the connection."""

    async def behave(shop: BadShop, writer: asyncio.StreamWriter) -> None:
        await shop.send(writer, first)
        while True:
            await shop.send(writer, again)
            # While the buffer has space, `drain` does not yield to other tasks.
            await asyncio.sleep(0)

    return behave


def huge(status: int) -> Behave:
    """Answer with 100 MB."""

    async def behave(shop: BadShop, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} Well\r\nContent-Length: {_HUGE_BYTES}\r\n\r\n"
        await shop.send(writer, head.encode())
        while shop.sent < _HUGE_BYTES:
            await shop.send(writer, b"a" * _PIECE_BYTES)

    return behave
