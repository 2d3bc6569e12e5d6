"""The benchmarks' HTTP client, against a server with given answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from bench import load

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"
ACCEPTED_AND_CLOSED = b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def server(answer: Callable[[int], bytes]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run a server that answers the n-th request with `answer(n)`.

    Yields its URL, and the list of the request bodies that it has received.
    """
    bodies: list[bytes] = []

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            bodies.append(await reader.readexactly(length))
            response = answer(len(bodies))
            writer.write(response[:20])
            await writer.drain()
            writer.write(response[20:])  # In two pieces, as on a network.
            if b"close" in response:
                break
        writer.close()

    async def respond_until_closed(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await respond(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    listener = await asyncio.start_server(respond_until_closed, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/path", bodies


async def send_all(url: str, count: int, connections: int = 4) -> load.Load:
    requests = [load.post(url, b"%d" % number) for number in range(count)]
    return await asyncio.to_thread(load.fire, url, requests, connections=connections, status=202)


@pytest.mark.parametrize("response", [ACCEPTED, ACCEPTED_AND_CLOSED])
async def test_every_request_is_sent_once_and_answered(response: bytes) -> None:
    async with server(lambda _: response) as (url, bodies):
        measured = await send_all(url, 25)

    assert sorted(bodies, key=int) == [b"%d" % number for number in range(25)]
    assert (measured.count, len(measured.latencies_s)) == (25, 25)


async def test_a_request_that_was_answered_with_503_is_sent_again() -> None:
    async with server(lambda number: UNAVAILABLE if number == 1 else ACCEPTED) as (url, bodies):
        await send_all(url, 2, connections=1)

    assert bodies == [b"0", b"0", b"1"]


@pytest.mark.parametrize("response", [REFUSED, UNAVAILABLE])
async def test_a_refusal_or_a_repeated_503_is_an_error(response: bytes) -> None:
    async with server(lambda _: response) as (url, _):
        with pytest.raises(load.LoadError):
            await send_all(url, 2, connections=1)
