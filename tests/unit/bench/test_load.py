"""The lean client against a server that answers by the book it is given."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from bench import load

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
AND_CLOSED = b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
NOT_NOW = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def server(answer: Callable[[int], bytes]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that gives the n-th request the n-th answer; yields its address and the bodies."""
    bodies: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            bodies.append(await reader.readexactly(length))
            response = answer(len(bodies))
            writer.write(response[:20])
            await writer.drain()
            writer.write(response[20:])  # In two pieces, as a network may bring it.
            if b"close" in response:
                break
        writer.close()

    async def forgive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    listener = await asyncio.start_server(forgive, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/path", bodies


async def fired(url: str, count: int, connections: int = 4) -> load.Load:
    requests = [load.post(url, b"%d" % number) for number in range(count)]
    return await asyncio.to_thread(load.fire, url, requests, connections=connections, status=202)


@pytest.mark.parametrize("response", [ACCEPTED, AND_CLOSED])
async def test_every_request_is_sent_once_and_answered(response: bytes) -> None:
    async with server(lambda _: response) as (url, bodies):
        found = await fired(url, 25)

    assert sorted(bodies, key=int) == [b"%d" % number for number in range(25)]
    assert (found.count, len(found.latencies_s)) == (25, 25)


async def test_an_unknown_result_is_requested_again_with_the_same_body() -> None:
    async with server(lambda number: NOT_NOW if number == 1 else ACCEPTED) as (url, bodies):
        await fired(url, 2, connections=1)

    assert bodies == [b"0", b"0", b"1"]


@pytest.mark.parametrize("response", [REFUSED, NOT_NOW])
async def test_another_answer_ends_the_volley(response: bytes) -> None:
    async with server(lambda _: response) as (url, _):
        with pytest.raises(load.LoadError):
            await fired(url, 2, connections=1)
