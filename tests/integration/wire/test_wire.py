"""The wire returns a value for every failure of the server, and raises no exception."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import trustme
from aiohttp import web

from fake_server import FakeServer, Handler, plain, serving
from kasir.adyen.calls import Api, Call
from kasir.adyen.environments import Environment, addresses
from kasir.adyen.replies import Answer, Verdict
from kasir.gateway.wire import NoAnswer, Wire
from kasir.limits import Limits

CALL: Final = Call("/payments", b'{ "reference" : "x" }', 72, "kasir-pay_1")
JSON: Final = "application/json"


@pytest.fixture
async def fake_server() -> AsyncIterator[FakeServer]:
    async with serving() as server:
        yield server


def wire_to(url: str, limits: Limits | None = None) -> Wire:
    return Wire(addresses(Environment.TWIN, twin_url=url), "secret-key", limits or Limits())


async def send_call(
    fake_server: FakeServer, handler: Handler, limits: Limits | None = None, call: Call = CALL
) -> Answer | NoAnswer:
    """Send one call to a server with this handler."""
    fake_server.handler = handler
    async with wire_to(fake_server.url, limits) as wire:
        return await wire.send(call)


async def test_a_call_is_sent_unchanged_with_the_api_key_and_its_idempotency_key(
    fake_server: FakeServer,
) -> None:
    await send_call(fake_server, plain(200, b"{}"))
    ((request_line, headers, body),) = fake_server.asked

    assert request_line == "POST /v72/payments"
    assert body == CALL.body
    assert headers["x-api-key"] == "secret-key"
    assert headers["idempotency-key"] == "kasir-pay_1"
    assert headers["content-type"] == JSON


async def test_a_call_is_sent_to_its_version_and_without_a_key_if_it_has_none(
    fake_server: FakeServer,
) -> None:
    fake_server.handler = plain(200, b"{}")
    async with wire_to(fake_server.url) as wire:
        await wire.send(Call("/paymentMethods", b"{}", 71))
    ((request_line, headers, _),) = fake_server.asked

    assert request_line == "POST /v71/paymentMethods"
    assert "idempotency-key" not in headers


async def test_an_answer_is_returned_unchanged_with_its_psp_reference(
    fake_server: FakeServer,
) -> None:
    body = b'{"resultCode":"RedirectShopper","new":[1]}'
    answer = await send_call(fake_server, plain(200, body, pspReference="JLCMPCQ8HXSKGK82"))

    assert answer == Answer(200, body, "JLCMPCQ8HXSKGK82", transient=False)


async def test_a_closed_wire_has_no_answer(fake_server: FakeServer) -> None:
    async with wire_to(fake_server.url) as wire:
        pass

    assert await wire.send(CALL) == NoAnswer("SessionClosed")
    assert fake_server.asked == []


async def test_an_error_of_adyens_is_an_answer(fake_server: FakeServer) -> None:
    body = b'{"status":422,"errorCode":"14_030","message":"m","errorType":"validation"}'
    answer = await send_call(fake_server, plain(422, body, psp_reference="ignored"))

    assert answer == Answer(422, body)
    assert answer.verdict == Verdict.INVALID


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (502, b"<html><h1>502 Bad Gateway</h1></html>", Verdict.UNKNOWN),
        (500, b"", Verdict.UNKNOWN),
        (503, b"upstream \xff\xfe", Verdict.UNKNOWN),
        (401, b"<html>", Verdict.INVALID),
        (200, b"<html>Welcome</html>", Verdict.UNKNOWN),
        (200, b"", Verdict.UNKNOWN),
    ],
)
async def test_a_body_that_is_not_json_has_a_verdict(
    fake_server: FakeServer, status: int, body: bytes, verdict: Verdict
) -> None:
    answer = await send_call(fake_server, plain(status, body))

    assert isinstance(answer, Answer)
    assert (answer.status, answer.body, answer.verdict) == (status, body, verdict)


@pytest.mark.parametrize("header", ["transient-error", "Transient-Error", "TRANSIENT-ERROR"])
async def test_a_transient_error_is_recognised_by_its_header(
    fake_server: FakeServer, header: str
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503, body=b'{"errorCode":"703"}', headers={header: "true"})

    result = await send_call(fake_server, answer)

    assert isinstance(result, Answer)
    assert (result.transient, result.verdict) == (True, Verdict.TRANSIENT)


@pytest.mark.parametrize("value", ["false", "", "0"])
async def test_an_error_whose_header_is_not_true_is_not_transient(
    fake_server: FakeServer, value: str
) -> None:
    result = await send_call(fake_server, plain(503, b"{}", transient_error=value))

    assert isinstance(result, Answer)
    assert result.transient is False


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(fake_server: FakeServer, status: int) -> None:
    answer = await send_call(fake_server, plain(status, b"", Location="/v72/elsewhere"))

    assert isinstance(answer, Answer)
    assert (answer.status, answer.verdict) == (status, Verdict.UNKNOWN)
    assert [request_line for request_line, _, _ in fake_server.asked] == ["POST /v72/payments"]


async def test_a_connection_that_is_reset_gives_no_answer(fake_server: FakeServer) -> None:
    async def reset(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    assert isinstance(await send_call(fake_server, reset), NoAnswer)


async def test_an_incomplete_answer_counts_as_no_answer(fake_server: FakeServer) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"resultCode":"Author')
        assert request.transport is not None
        request.transport.close()
        return response

    assert isinstance(await send_call(fake_server, half), NoAnswer)


async def test_a_server_that_never_answers_gives_no_answer(fake_server: FakeServer) -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    result = await send_call(fake_server, never, Limits(adyen_timeout_s=0.2))

    assert isinstance(result, NoAnswer)
    assert "Timeout" in result.why


async def test_an_answer_that_is_not_completed_in_time_counts_as_no_answer(
    fake_server: FakeServer,
) -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.Event().wait()
        raise AssertionError

    assert isinstance(await send_call(fake_server, stall, Limits(adyen_timeout_s=0.2)), NoAnswer)


@pytest.mark.parametrize(
    ("is_chunked", "is_zipped"), [(False, False), (True, False), (False, True)]
)
async def test_an_answer_that_is_too_long_counts_as_no_answer(
    fake_server: FakeServer, is_chunked: bool, is_zipped: bool
) -> None:
    async def long(_: web.Request) -> web.StreamResponse:
        response = web.Response(body=b'{"resultCode":"' + b"A" * 2000)
        if is_chunked:
            response.enable_chunked_encoding()
        if is_zipped:  # Small while it is sent, and large after it is unzipped.
            response.enable_compression(web.ContentCoding.gzip)
        return response

    result = await send_call(fake_server, long, Limits(adyen_answer_bytes_max=2000))

    assert result == NoAnswer("AnswerTooLong")


async def test_an_answer_as_long_as_the_limit_is_read(fake_server: FakeServer) -> None:
    body = b'{"a":"' + b"A" * 1992 + b'"}'  # 2000 bytes.
    result = await send_call(fake_server, plain(200, body), Limits(adyen_answer_bytes_max=2000))

    assert result == Answer(200, body)


async def test_the_rest_of_a_too_long_answer_is_not_read_as_the_next_answer(
    fake_server: FakeServer,
) -> None:
    long, limits = plain(200, b"{" + b"A" * 2000), Limits(adyen_answer_bytes_max=2000)
    async with wire_to(fake_server.url, limits) as wire:
        fake_server.handler = long
        first = await wire.send(CALL)
        fake_server.handler = plain(200, b"{}")
        second = await wire.send(CALL)

    assert (first, second) == (NoAnswer("AnswerTooLong"), Answer(200, b"{}"))


def breaking(fake_server: FakeServer, *broken: int) -> Handler:
    """A handler that closes the connection of the requests with these numbers, counted from 1."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if len(fake_server.asked) in broken:
            assert request.transport is not None
            request.transport.close()
        return web.Response(body=b"{}")

    return answer


async def test_a_call_whose_connection_was_closed_is_sent_once_more(
    fake_server: FakeServer,
) -> None:
    fake_server.handler = breaking(fake_server, 2)
    async with wire_to(fake_server.url) as wire:
        results = [await wire.send(CALL), await wire.send(CALL)]

    assert results == [Answer(200, b"{}")] * 2
    # The second call was sent twice, with the same body and key, so that Adyen executes it once.
    assert len(fake_server.asked) == 3
    assert [body for _, _, body in fake_server.asked] == [CALL.body] * 3
    assert {headers["idempotency-key"] for _, headers, _ in fake_server.asked} == {CALL.key}


async def test_a_call_is_sent_at_most_twice(fake_server: FakeServer) -> None:
    fake_server.handler = breaking(fake_server, 1, 2)
    async with wire_to(fake_server.url) as wire:
        result = await wire.send(CALL)

    assert isinstance(result, NoAnswer)
    assert len(fake_server.asked) == 2


async def test_both_tries_together_end_within_the_timeout_of_a_call(
    fake_server: FakeServer,
) -> None:
    async def late(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return await breaking(fake_server, 1)(request)

    result = await send_call(fake_server, late, Limits(adyen_timeout_s=0.5))

    assert isinstance(result, NoAnswer)
    assert "Timeout" in result.why


@pytest.mark.parametrize(
    "call",
    [
        Call("/paymentMethods", b"{}"),
        Call("/listRecurringDetails", b"{}", 68, api=Api.RECURRING),
        Call("/storedPaymentMethods", method="GET"),
    ],
)
async def test_a_call_that_changes_nothing_is_sent_once_more_even_without_a_key(
    fake_server: FakeServer, call: Call
) -> None:
    result = await send_call(fake_server, breaking(fake_server, 1), call=call)

    assert result == Answer(200, b"{}")


async def test_a_call_without_a_key_that_changes_something_is_not_sent_again(
    fake_server: FakeServer,
) -> None:
    call = Call("/disable", b"{}", 68, api=Api.RECURRING)

    assert isinstance(await send_call(fake_server, breaking(fake_server, 1), call=call), NoAnswer)
    assert len(fake_server.asked) == 1


async def test_a_refused_connection_gives_no_answer_and_its_error_hides_the_address() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    async with wire_to(f"http://127.0.0.1:{port}") as wire:
        result = await wire.send(CALL)

    assert isinstance(result, NoAnswer)
    assert str(port) not in result.why
    assert "secret" not in result.why


async def test_a_host_that_does_not_exist_gives_no_answer() -> None:
    async with wire_to("http://adyen.invalid") as wire:
        result = await wire.send(CALL)

    assert isinstance(result, NoAnswer)
    assert "adyen.invalid" not in result.why


async def test_a_server_that_does_not_speak_http_gives_no_answer() -> None:
    async def speak_smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 smtp.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak_smtp, "127.0.0.1", 0)
    async with server, wire_to(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as wire:
        result = await wire.send(CALL)

    assert isinstance(result, NoAnswer)


async def test_consecutive_calls_share_a_connection(fake_server: FakeServer) -> None:
    fake_server.handler = plain(200, b"{}")
    async with wire_to(fake_server.url) as wire:
        for _ in range(5):
            await wire.send(CALL)

    assert (len(fake_server.asked), len(fake_server.peers)) == (5, 1)


async def test_the_number_of_connections_stays_within_the_limit(fake_server: FakeServer) -> None:
    fake_server.handler = plain(200, b"{}")
    async with wire_to(fake_server.url, Limits(adyen_connections_max=2)) as wire:
        answers = await asyncio.gather(*(wire.send(CALL) for _ in range(20)))

    assert len([answer for answer in answers if isinstance(answer, Answer)]) == 20
    assert len(fake_server.peers) <= 2


async def test_a_cookie_is_not_sent_back(fake_server: FakeServer) -> None:
    fake_server.handler = plain(200, b"{}", Set_Cookie="session=1; Path=/")
    async with wire_to(fake_server.url) as wire:
        await wire.send(CALL)
        await wire.send(CALL)

    assert ["cookie" in headers for _, headers, _ in fake_server.asked] == [False, False]


async def test_a_wire_can_be_used_only_inside_its_context() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await wire_to("http://127.0.0.1:1").send(CALL)


# TLS.


def certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's certificate for a name, and the certificate file of its authority."""
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(tls)
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(file)
    return tls, file


async def test_an_untrusted_certificate_is_refused_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    tls, _ = certificate("127.0.0.1", tmp_path)
    async with serving(tls) as fake_server:
        result = await send_call(fake_server, plain(200, b"{}"))

    assert isinstance(result, NoAnswer)
    assert "Certificate" in result.why
    assert fake_server.asked == []


#: Makes one call, in a process whose environment sets the trusted authorities.
SCRIPT: Final = """
import asyncio, sys
from kasir.adyen.calls import Call
from kasir.adyen.environments import Environment, addresses
from kasir.limits import Limits
from kasir.gateway.wire import Wire

async def main():
    async with Wire(addresses(Environment.TWIN, twin_url=sys.argv[1]), "key", Limits()) as wire:
        answer = await wire.send(Call("/payments", b"{}"))
    print(type(answer).__name__)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("name", "outcome"), [("127.0.0.1", "Answer"), ("adyen.example", "NoAnswer")]
)
async def test_a_trusted_certificate_is_accepted_for_its_own_name_only(
    tmp_path: Path, name: str, outcome: str
) -> None:
    tls, authority = certificate(name, tmp_path)
    async with serving(tls) as fake_server:
        fake_server.handler = plain(200, b"{}")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SCRIPT, fake_server.url),
            env={"SSL_CERT_FILE": str(authority), "PYTHONPATH": ":".join(sys.path)},
            stdout=subprocess.PIPE,
        )
        output, _ = await process.communicate()

    assert (process.returncode, output.decode().strip()) == (0, outcome)
    assert len(fake_server.asked) == (1 if outcome == "Answer" else 0)
