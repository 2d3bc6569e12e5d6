"""Observes each request: its id, its log lines, its metrics and its span.

The id is the caller's `X-Request-Id`, or a new one where that is missing or not usable. The answer
returns it, and jobs that the request queues keep it.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final

from litestar.enums import ScopeType

from kasir.telemetry import context, metrics, traces

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_REQUEST_ID: Final = b"x-request-id"
#: The status of a request whose client went away before an answer began, or whose app raised.
_NO_ANSWER: Final = 500


def observing(app: ASGIApp) -> ASGIApp:
    """Wrap an app so that each of its requests is observed."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await _observe(app, scope, receive, send)
        else:
            await app(scope, receive, send)

    return wrapped


async def _observe(app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> None:
    headers, begun_at, status = dict(scope["headers"]), perf_counter(), 0
    request_id = context.request_id_of(headers.get(_REQUEST_ID))

    def count(of_answer: int) -> None:
        nonlocal status
        status = of_answer
        metrics.http_request(scope["method"], _route(scope), status, perf_counter() - begun_at)

    async def send_with_id(message: Message) -> None:
        if message["type"] == "http.response.start":
            # Counted before it is sent, so that who has an answer finds it counted.
            count(message["status"])
            # A new list, because the app may send the same one again.
            names = [*message["headers"], (_REQUEST_ID, request_id.encode())]
            message = {**message, "headers": names}
        await send(message)

    parent = headers.get(b"traceparent", b"").decode("ascii", "replace")
    with context.request(request_id), traces.span("HTTP", "server", parent) as span:
        try:
            await app(scope, receive, send_with_id)
        finally:
            if not status:
                count(_NO_ANSWER)
            span.rename(f"{scope['method']} {_route(scope)}".rstrip())
            span.note(
                http__request__method=scope["method"],
                http__route=_route(scope),
                http__response__status_code=status,
                kasir__request_id=request_id,
            )
            if status >= _NO_ANSWER:
                span.fail(str(status))


def _route(scope: HTTPScope) -> str:
    """The template of the request's route; empty if no route has its path."""
    return str(scope.get("path_template", ""))
