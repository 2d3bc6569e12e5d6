"""What a stop does with requests in hand, and what an early answer does with a body."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from kasir.errors import CutOff
from kasir.stopping import Stopping
from kasir.web.whole_requests import heard

START: Any = {"type": "http.response.start", "status": 413, "headers": []}
END: Any = {"type": "http.response.body", "body": b"no", "more_body": False}
SCOPE: Any = {"type": "http", "headers": []}


class Line:
    """Both ends of a connection: what comes in by turns, and what was sent."""

    def __init__(self, *parts: bytes, is_slow: bool = False) -> None:
        self._parts = list(parts)
        self._is_slow = is_slow
        self.sent: list[Any] = []
        self.has_begun = asyncio.Event()

    async def receive(self) -> Any:
        """Give the next part; a slow one never sends its last."""
        if not self._parts:
            await asyncio.Event().wait()
        part = self._parts.pop(0)
        more = bool(self._parts) or self._is_slow
        return {"type": "http.request", "body": part, "more_body": more}

    async def send(self, message: Any) -> None:
        """Note what was sent."""
        self.sent.append(message)
        self.has_begun.set()


async def refuses(scope: Any, receive: Any, send: Any) -> None:
    await send(dict(START))
    await send(dict(END))


async def waits(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


async def begins_and_waits(scope: Any, receive: Any, send: Any) -> None:
    await send(dict(START))
    await asyncio.Event().wait()


async def in_hand(stopping: Stopping, line: Line, app: Any) -> asyncio.Task[None]:
    """A request that is being answered."""
    task = asyncio.create_task(stopping.run(app, SCOPE, line.receive, line.send))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_what_is_not_done_at_the_end_of_the_wait_is_cut() -> None:
    stopping, line = Stopping(), Line()
    task = await in_hand(stopping, line, waits)
    stopping.ask(0)
    stopping.ask(1000)  # A second time is no longer wait.

    with pytest.raises(CutOff):
        await task
    assert stopping.is_cut


async def test_an_answer_that_has_begun_is_broken_off_and_no_second_one_sent() -> None:
    stopping, line = Stopping(), Line()
    task = await in_hand(stopping, line, begins_and_waits)
    stopping.cut()
    await task

    assert [message["type"] for message in line.sent] == ["http.response.start"]


async def test_a_request_that_the_server_gives_up_is_given_up() -> None:
    task = await in_hand(Stopping(), Line(), waits)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


def lengthy(name: bytes, value: bytes) -> Any:
    return {"type": "http", "headers": [(name, value)]}


async def answered(scope: Any, line: Line, bytes_max: int = 10, seconds_max: float = 60) -> Any:
    await heard(refuses, bytes_max, seconds_max)(scope, line.receive, line.send)
    return line.sent


def bodies(sent: Sequence[Any]) -> list[tuple[bytes, bool]]:
    return [(one["body"], one["more_body"]) for one in sent if "body" in one]


async def test_a_body_is_read_to_its_end_before_the_answer_ends() -> None:
    line = Line(b"1", b"2", b"3")
    sent = await answered(lengthy(b"content-length", b"3"), line)

    assert bodies(sent) == [(b"no", True), (b"", False)]
    assert line._parts == []  # noqa: SLF001  # All of it was read.
    assert sent[0]["headers"] == []


async def test_a_body_without_end_is_read_as_far_as_the_bound_and_its_connection_closed() -> None:
    line = Line(*[b"1234"] * 10)
    sent = await answered(lengthy(b"transfer-encoding", b"chunked"), line)

    assert bodies(sent) == [(b"no", True), (b"", False)]
    assert len(line._parts) == 7  # noqa: SLF001  # The bound was passed with the third.
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_over_http_2_no_word_is_said_of_the_connection() -> None:
    # There a server may not say it: the whole answer would be refused as malformed.
    line = Line(b"1234567", b"1234567", is_slow=True)
    sent = await answered({**lengthy(b"content-length", b"1000000"), "http_version": "2"}, line)

    assert sent[0] == START
    assert bodies(sent) == [(b"no", True), (b"", False)]


async def test_who_sends_too_slowly_is_waited_for_no_longer_than_the_bound() -> None:
    line = Line(b"1", is_slow=True)
    sent = await answered(lengthy(b"content-length", b"999999"), line, seconds_max=0)

    assert bodies(sent) == [(b"no", True), (b"", False)]


async def test_a_body_that_was_never_sent_is_not_waited_for() -> None:
    line = Line()
    scope = {"type": "http", "headers": [(b"content-length", b"9"), (b"expect", b"100-continue")]}
    sent = await answered(scope, line)

    assert bodies(sent) == [(b"no", True), (b"", False)]


async def test_without_a_body_and_beside_http_nothing_changes() -> None:
    line, other = Line(), Line()
    sent = await answered(SCOPE, line)
    await answered({"type": "lifespan"}, other)

    assert sent == other.sent == [START, END]
