"""Reports a failed start of the server in one line on stderr, like the errors of commands."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from kasir.cli.start import print_status

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Send

#: The line that uvicorn logs after the reason; it is not shown.
_SECOND_LINE: Final = "Application startup failed. Exiting."
#: How the name of Kasir's own errors begins in a traceback.
_ERROR_PREFIX: Final = "kasir."
#: What Python prints around the errors of an exception group.
_FRAME: Final = " |+-"


def in_one_line(app: ASGIApp) -> ASGIApp:
    """Wrap an app so that only the message of Kasir's own error at the start is reported."""
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg != _SECOND_LINE)

    async def wrapped(scope: Any, receive: Receive, send: Send) -> None:
        async def send_shortened(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed":
                message = message | {"message": _shown(message["message"])}
            await send(message)

        await app(scope, receive, send_shortened if scope["type"] == "lifespan" else send)

    return wrapped


def _shown(report: str) -> str:
    """Print the message of Kasir's own error; return any other report, for uvicorn to log."""
    lines = [line.strip(_FRAME) for line in report.splitlines()]
    name, _, message = [line for line in lines if line][-1].partition(": ")
    if not name.startswith(_ERROR_PREFIX):
        return report
    print_status(message)
    return ""
