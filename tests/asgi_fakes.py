"""Fakes for tests of ASGI middleware: a connection, and the messages of a short response."""

from __future__ import annotations

import asyncio
from typing import Any

START: Any = {"type": "http.response.start", "status": 413, "headers": []}
END: Any = {"type": "http.response.body", "body": b"no", "more_body": False}
SCOPE: Any = {"type": "http", "headers": []}


class Connection:
    """A fake of an ASGI connection: it gives the parts of a request body, and records messages."""

    def __init__(self, *parts: bytes, is_slow: bool = False) -> None:
        self._parts = list(parts)
        self._is_slow = is_slow
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        """Return the next part; a slow client never sends the last one."""
        if not self._parts:
            await asyncio.Event().wait()
        part = self._parts.pop(0)
        more = bool(self._parts) or self._is_slow
        return {"type": "http.request", "body": part, "more_body": more}

    async def send(self, message: Any) -> None:
        """Record a message of the response."""
        self.sent.append(message)
