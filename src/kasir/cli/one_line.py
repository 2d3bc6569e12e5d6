"""A server that cannot start says why in one line, as every command does."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Send

#: What uvicorn says after the reason, as a second line.
_SECOND_LINE: Final = "Application startup failed. Exiting."
_OURS: Final = "kasir."
#: What Python draws around the errors of a group.
_FRAME: Final = " |+-"


def in_one_line(app: ASGIApp) -> ASGIApp:
    """The same app, whose start fails with a line where the error is one of Kasir's own."""
    logging.getLogger("uvicorn.error").addFilter(lambda said: said.msg != _SECOND_LINE)

    async def wrapped(scope: Any, receive: Receive, send: Send) -> None:
        async def tell(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed":
                message = message | {"message": _last_line(message["message"])}
            await send(message)

        await app(scope, receive, tell if scope["type"] == "lifespan" else send)

    return wrapped


def _last_line(told: str) -> str:
    """What an error says, without its traceback; a fault that is not told on purpose keeps it."""
    lines = [line.strip(_FRAME) for line in told.splitlines()]
    name, _, says = [line for line in lines if line][-1].partition(": ")
    return says if name.startswith(_OURS) else told
