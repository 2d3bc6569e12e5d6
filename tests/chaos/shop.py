"""A shop that never gives up: it asks again with the same key until it has an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp

from chaos.programs import LOOK_S, PATIENCE_S
from kasir.demo.client import Reply

Ask = Callable[[], Awaitable[Reply]]

#: Answers after which one asks again with the same key: those, and no others, say so.
CANNOT_NOW: Final = frozenset({409, 503})


async def insist(ask: Ask, what: str) -> Reply:
    """Ask until there is an answer that settles it, whatever happens to the server meanwhile."""
    deadline, last = time.monotonic() + PATIENCE_S, "nothing"
    while time.monotonic() < deadline:
        try:
            reply = await ask()
        except (aiohttp.ClientError, OSError) as error:
            last = repr(error)
        else:
            if reply.status not in CANNOT_NOW:
                return reply
            assert reply.headers.get("transient-error") == "true", f"{what}: {reply}"
            last = f"{reply.status} {reply.json}"
        await asyncio.sleep(LOOK_S)
    raise AssertionError(f"{what}: never answered; last heard: {last}")
