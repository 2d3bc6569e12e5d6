"""An early response still reaches a client that is sending its body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asgi_fakes import END, SCOPE, START, Connection
from kasir.web.request_bodies import draining


async def responds_early(scope: Any, receive: Any, send: Any) -> None:
    """An application that responds before it reads the body."""
    await send(dict(START))
    await send(dict(END))


def scope_with(name: bytes, value: bytes) -> Any:
    return {"type": "http", "headers": [(name, value)]}


async def respond(
    scope: Any, connection: Connection, bytes_max: int = 10, seconds_max: float = 60
) -> Any:
    await draining(responds_early, bytes_max, seconds_max)(
        scope, connection.receive, connection.send
    )
    return connection.sent


def bodies(sent: Sequence[Any]) -> list[tuple[bytes, bool]]:
    """Each part of the response's body, and whether more parts follow."""
    return [(message["body"], message["more_body"]) for message in sent if "body" in message]


async def test_a_body_is_read_to_its_end_before_the_response_ends() -> None:
    connection = Connection(b"1", b"2", b"3")
    sent = await respond(scope_with(b"content-length", b"3"), connection)

    assert bodies(sent) == [(b"no", True), (b"", False)]
    assert connection._parts == []  # noqa: SLF001  # All of it was read.
    assert sent[0]["headers"] == []


async def test_an_endless_body_is_read_up_to_the_limit_and_its_connection_closed() -> None:
    connection = Connection(*[b"1234"] * 10)
    sent = await respond(scope_with(b"transfer-encoding", b"chunked"), connection)

    assert bodies(sent) == [(b"no", True), (b"", False)]
    assert len(connection._parts) == 7  # noqa: SLF001  # Three parts exceed the limit.
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_an_http_2_response_has_no_connection_header() -> None:
    # HTTP/2 forbids this header, and clients refuse such a response as malformed.
    connection = Connection(b"1234567", b"1234567", is_slow=True)
    sent = await respond(
        {**scope_with(b"content-length", b"1000000"), "http_version": "2"}, connection
    )

    assert sent[0] == START
    assert bodies(sent) == [(b"no", True), (b"", False)]


async def test_the_wait_for_a_slow_client_ends_at_the_limit() -> None:
    connection = Connection(b"1", is_slow=True)
    sent = await respond(scope_with(b"content-length", b"999999"), connection, seconds_max=0)

    assert bodies(sent) == [(b"no", True), (b"", False)]


async def test_there_is_no_wait_for_a_client_that_expects_100_continue() -> None:
    connection = Connection()
    scope = {"type": "http", "headers": [(b"content-length", b"9"), (b"expect", b"100-continue")]}
    sent = await respond(scope, connection)

    assert bodies(sent) == [(b"no", True), (b"", False)]


async def test_a_request_without_a_body_and_other_scopes_are_passed_on_unchanged() -> None:
    connection, other = Connection(), Connection()
    sent = await respond(SCOPE, connection)
    await respond({"type": "lifespan"}, other)

    assert sent == other.sent == [START, END]
