"""A server that reads the body and answers a bare 202: what there is to gain or to lose.

It is Kasir's own app, served as `kasir serve` serves it, with one route more. So the ratio beside
it says what it costs to verify and keep a notification, and nothing of the framework underneath.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import uvicorn
from litestar import Litestar, asgi
from litestar.response.base import ASGIResponse

from kasir.web.app import create_app

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

PATH: Final = "/bench/bare"


@asgi(PATH, is_mount=False, copy_scope=False)
async def answer_202(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the whole body and do nothing with it."""
    more = True
    while more:
        message = await receive()
        more = message["type"] == "http.request" and message["more_body"]
    answer = ASGIResponse(body=b"[accepted]", status_code=202, media_type="text/plain")
    await answer(scope, receive, send)


def app() -> Litestar:
    """Kasir's app with the bare route."""
    made = create_app()
    made.register(answer_202)
    return made


if __name__ == "__main__":
    uvicorn.run(
        "bench.peers.bare:app",
        factory=True,
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        server_header=False,
    )
