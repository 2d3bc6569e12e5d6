"""Fakes for tests of ASGI middleware: a connection, and the messages of a short response."""

from __future__ import annotations

import asyncio
from typing import Any

#: ASGI messages: the start and the end of a response with status 413.
START: Any = {"type": "http.response.start", "status": 413, "headers": []}
END: Any = {"type": "http.response.body", "body": b"no", "more_body": False}
#: The ASGI scope of a request without headers.
SCOPE: Any = {"type": "http", "headers": []}


class Connection:
    """A fake of an ASGI connection that yields `parts` as the request body.

    With `is_slow` the client announces one more part, and never sends it.
    """

    def __init__(self, *parts: bytes, is_slow: bool = False) -> None:
        self._parts = list(parts)
        self._is_slow = is_slow
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        """Return the next part of the body; after the last one, never return."""
        if not self._parts:
            await asyncio.Event().wait()
        part = self._parts.pop(0)
        is_more_announced = bool(self._parts) or self._is_slow
        return {"type": "http.request", "body": part, "more_body": is_more_announced}

    async def send(self, message: Any) -> None:
        """Record a message of the response."""
        self.sent.append(message)
