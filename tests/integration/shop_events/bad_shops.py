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

_PIECE: Final = 64 * 1024
_HUGE: Final = 100 * 1024 * 1024


@dataclass
class BadShop:
    """A shop with one kind of misbehaviour.

    Attributes:
        behave: What it does after it has received a request.
        url: Its address.
        received: Every request as it arrived.
        sent: How many bytes it could send.
        tasks: One task for each connection.
        over: Set when a shop that hangs may close its connections.
    """

    behave: Behave
    url: str = ""
    received: list[bytes] = field(default_factory=list)
    sent: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request and misbehave."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        # The client has gone, or the test is over.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
            self.received.append(head + await reader.readexactly(length))
            await self.behave(self, writer)
        await closed(writer)

    async def send(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        """Send a piece when the buffer has space."""
        writer.write(piece)
        await writer.drain()
        self.sent += len(piece)


async def closed(writer: asyncio.StreamWriter) -> None:
    """Close a connection, broken or not."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def misbehaving(behave: Behave, tls: ssl.SSLContext | None = None) -> AsyncIterator[BadShop]:
    """A shop with this misbehaviour; it ends with the context."""
    shop = BadShop(behave)
    server = await asyncio.start_server(shop.meet, "127.0.0.1", 0, ssl=tls)
    shop.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield shop
    finally:
        server.close()
        for task in shop.tasks:
            task.cancel()
        await asyncio.gather(*shop.tasks, return_exceptions=True)


def sends(text: bytes) -> Behave:
    """Send this and close."""

    async def behave(shop: BadShop, writer: asyncio.StreamWriter) -> None:
        await shop.send(writer, text)

    return behave


def resets_after(text: bytes) -> Behave:
    """Send this, and reset the connection."""

    async def behave(shop: BadShop, writer: asyncio.StreamWriter) -> None:
        await shop.send(writer, text)
        # What is sent must arrive before the reset, or it may be lost with it.
        await asyncio.sleep(0.05)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return behave


async def hangs(shop: BadShop, _: asyncio.StreamWriter) -> None:
    """Never send anything."""
    await shop.over.wait()


def repeats(first: bytes, again: bytes) -> Behave:
    """Send the first and then the other without end, as long as the client reads."""

    async def behave(shop: BadShop, writer: asyncio.StreamWriter) -> None:
        await shop.send(writer, first)
        while True:
            await shop.send(writer, again)
            await asyncio.sleep(
                0
            )  # While the buffer has space, `drain` does not yield to other tasks.

    return behave


def huge(status: int) -> Behave:
    """Answer with 100 MB."""

    async def behave(shop: BadShop, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} Well\r\nContent-Length: {_HUGE}\r\n\r\n"
        await shop.send(writer, head.encode())
        while shop.sent < _HUGE:
            await shop.send(writer, b"a" * _PIECE)

    return behave
