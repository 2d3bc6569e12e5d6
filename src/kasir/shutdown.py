"""Graceful shutdown: requests in flight get time to finish, and then an error response.

`kasir serve` forwards its signals to `Shutdown`. If Kasir is mounted in another app, the server of
that app ends the requests in its own way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from kasir.errors import CutOff

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send


class Shutdown:
    """The requests that this process has in flight, and whether it is shutting down.

    Attributes:
        is_requested: Whether the shutdown has begun. Endless responses, such as a stream of
            events, end then.
        is_cut: Whether the time to finish is over.
    """

    def __init__(self) -> None:
        self.is_requested = False
        self.is_cut = False
        self._in_flight: set[asyncio.Task[Any]] = set()

    def request(self, wait_s: float) -> None:
        """Begin to shut down; requests are cut after `wait_s` seconds. Only the first call counts.

        The caller runs in the event loop that serves the requests.
        """
        if not self.is_requested:
            self.is_requested = True
            asyncio.get_running_loop().call_later(wait_s, self.cut)

    def cut(self) -> None:
        """Cancel every request in flight; each is answered with an error."""
        self.is_requested = self.is_cut = True
        for task in self._in_flight:
            task.cancel()

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Run an app for one request, which counts as in flight until the app returns.

        Raises:
            CutOff: The request was cut before its response had begun.
        """
        task, has_begun = asyncio.current_task(), False

        async def mark_begun_and_send(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        if task is None:
            raise RuntimeError("a request is answered in a task")
        self._in_flight.add(task)
        try:
            await app(scope, receive, mark_begun_and_send)
        except asyncio.CancelledError:
            if not self.is_cut:
                raise  # The server cancelled the request, not this class.
            task.uncancel()
            if not has_begun:
                raise CutOff from None
        finally:
            self._in_flight.discard(task)


def track_requests(app: ASGIApp) -> ASGIApp:
    """Middleware that runs each request within the app's `Shutdown`."""

    async def tracked(scope: Scope, receive: Receive, send: Send) -> None:
        shutdown: Shutdown = scope["litestar_app"].state.shutdown
        await shutdown.run(app, scope, receive, send)

    return tracked
