"""A server that reads the body and answers a bare 202: the upper limit of the intake rate.

The server is Kasir's own app with an additional route, served as `kasir serve` serves it. So the
ratio of the two rates shows the cost of verifying and storing a notification, without the cost of
the framework.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import uvicorn
from litestar import Litestar, asgi

from kasir.web.app import create_app

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

PATH: Final = "/bench/bare"
_BODY: Final = b"[accepted]"
_HEADERS: Final = ((b"content-type", b"text/plain"), (b"content-length", b"%d" % len(_BODY)))


@asgi(PATH, is_mount=False, copy_scope=False)
async def answer_202(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    """Read the whole body and do nothing with it."""
    more = True
    while more:
        message = await receive()
        more = message["type"] == "http.request" and message["more_body"]
    await send({"type": "http.response.start", "status": 202, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY, "more_body": False})


def app() -> Litestar:
    """Kasir's app with the additional route."""
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
