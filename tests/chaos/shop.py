"""A shop that retries with the same key until it has an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp

from chaos.programs import PATIENCE_S, POLL_S
from kasir.demo.client import Reply

Ask = Callable[[], Awaitable[Reply]]

#: The HTTP statuses after which a shop retries with the same key. Such an answer has the header
#: `transient-error: true`.
TRANSIENT: Final = frozenset({409, 503})


async def call_until_answered(ask: Ask, what: str) -> Reply:
    """Repeat a call until it has a final answer, also while the server is down.

    `what` names the call in the error message.
    """
    deadline, last = time.monotonic() + PATIENCE_S, "nothing"
    while time.monotonic() < deadline:
        try:
            reply = await ask()
        except (aiohttp.ClientError, OSError) as error:
            last = repr(error)
        else:
            if reply.status not in TRANSIENT:
                return reply
            assert reply.headers.get("transient-error") == "true", f"{what}: {reply}"
            last = f"{reply.status} {reply.json}"
        await asyncio.sleep(POLL_S)
    raise AssertionError(f"{what}: never answered; the last answer: {last}")
