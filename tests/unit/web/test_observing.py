from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kasir.telemetry import metrics
from kasir.web.observing import observing


async def answer(app: Any, **scope: Any) -> list[Any]:
    """Answer a request with an observed app; returns the messages of the answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    request = {"type": "http", "method": "GET", "headers": []} | scope
    await observing(app)(request, receive, send)  # type: ignore[arg-type]
    return sent


async def respond(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200 at a route."""
    scope["path_template"] = "/pay/{link_id}"
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


async def fail(scope: Any, receive: Any, send: Any) -> None:
    """Raise an error before an answer."""
    scope["path_template"] = "/fails"
    raise RuntimeError("planted")


def counted(**labels: str) -> float:
    """How many requests with these labels were counted."""
    text = metrics.text("Main", are_several=False).decode()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "kasir_http_requests_total" and sample.labels == labels
    )


async def test_an_answer_returns_the_callers_id() -> None:
    start, _ = await answer(respond, headers=[(b"x-request-id", b"ORDER-7:1")])

    assert start["headers"] == [(b"content-type", b"text/plain"), (b"x-request-id", b"ORDER-7:1")]


async def test_an_answer_without_a_usable_id_has_a_new_one() -> None:
    start, _ = await answer(respond, headers=[(b"x-request-id", b"not\r\nusable")])
    returned = dict(start["headers"])[b"x-request-id"]

    assert returned.startswith(b"req_")


async def test_a_request_is_counted_by_the_template_of_its_route() -> None:
    labels = {"method": "GET", "route": "/pay/{link_id}", "status": "2xx"}
    before = counted(**labels)
    await answer(respond, path="/pay/PL_1")
    await answer(respond, path="/pay/PL_2")

    assert counted(**labels) == before + 2


async def test_a_request_that_fails_without_an_answer_is_counted_as_an_error() -> None:
    labels = {"method": "GET", "route": "/fails", "status": "5xx"}
    before = counted(**labels)
    with pytest.raises(RuntimeError):
        await answer(fail)

    assert counted(**labels) == before + 1


async def test_the_lifespan_is_passed_on() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    await answer(app, type="lifespan")

    assert seen == ["lifespan"]
