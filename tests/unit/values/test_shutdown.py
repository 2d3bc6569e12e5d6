"""A shutdown ends the requests that are still in flight when its time limit is over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asgi_fakes import SCOPE, START, Connection
from kasir.errors import CutOff
from kasir.shutdown import Shutdown


async def never_responds(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


async def begins_a_response(scope: Any, receive: Any, send: Any) -> None:
    await send(dict(START))
    await asyncio.Event().wait()


async def start(shutdown: Shutdown, connection: Connection, app: Any) -> asyncio.Task[None]:
    """Start a request, and return its task once it is in flight."""
    task = asyncio.create_task(shutdown.run(app, SCOPE, connection.receive, connection.send))
    # Two iterations of the event loop: the task starts, and then its request runs.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_a_request_in_flight_is_cut_when_the_time_is_over() -> None:
    shutdown, connection = Shutdown(), Connection()
    task = await start(shutdown, connection, never_responds)
    shutdown.request(0)
    shutdown.request(1000)  # A second call does not extend the time.

    with pytest.raises(CutOff):
        await task
    assert shutdown.is_cut


async def test_a_response_that_has_begun_ends_without_a_second_one() -> None:
    shutdown, connection = Shutdown(), Connection()
    task = await start(shutdown, connection, begins_a_response)
    shutdown.cut()
    await task

    assert [message["type"] for message in connection.sent] == ["http.response.start"]


async def test_a_request_that_the_server_cancels_stays_cancelled() -> None:
    task = await start(Shutdown(), Connection(), never_responds)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
