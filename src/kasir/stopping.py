"""A stop waits for what is in hand, and what it cannot wait for is answered all the same.

`kasir serve` passes its signals on to this. In another app's server nobody does, and requests end
as that server ends them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from kasir.errors import CutOff

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send


class Stopping:
    """What this process has in hand, and whether it was told to stop.

    Attributes:
        is_asked: It was: what goes on by itself, as a stream of events does, ends.
        is_cut: It waits no longer.
    """

    def __init__(self) -> None:
        self.is_asked = False
        self.is_cut = False
        self._in_hand: set[asyncio.Task[Any]] = set()

    def ask(self, wait_s: float) -> None:
        """Stop; what is not done after `wait_s` seconds is cut. Asking twice is asking once."""
        if not self.is_asked:
            self.is_asked = True
            asyncio.get_running_loop().call_later(wait_s, self.cut)

    def cut(self) -> None:
        """Wait no longer: everything in hand is answered now."""
        self.is_asked = self.is_cut = True
        for task in self._in_hand:
            task.cancel()

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered.

        Raises:
            CutOff: It was cut before its answer had begun.
        """
        task, has_begun = asyncio.current_task(), False

        async def say(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        if task is None:
            raise RuntimeError("a request is answered in a task")
        self._in_hand.add(task)
        try:
            await app(scope, receive, say)
        except asyncio.CancelledError:
            if not self.is_cut:
                raise  # The server gave it up, not we.
            task.uncancel()
            if not has_begun:
                raise CutOff from None
        finally:
            self._in_hand.discard(task)


def in_hand(app: ASGIApp) -> ASGIApp:
    """An app each of whose requests is known to be in hand."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        stopping: Stopping = scope["litestar_app"].state.stopping
        await stopping.run(app, scope, receive, send)

    return answer
