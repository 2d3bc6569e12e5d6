"""The only module that opens a connection to Adyen.

Connections are pooled and TLS is verified. Every failure is returned as a value: an answer with a
verdict, or `NoAnswer`. This module never logs an API key or a body.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, Self

import aiohttp
import structlog
from yarl import URL

from kasir.adyen.calls import Api, Call, route_of
from kasir.adyen.environments import Addresses
from kasir.adyen.replies import Answer
from kasir.config import Settings
from kasir.limits import Limits
from kasir.telemetry import metrics, traces

_log = structlog.get_logger("kasir.adyen")

_KEY_CURE: Final = "check ADYEN_API_KEY and its roles, and ADYEN_MERCHANT_ACCOUNT"
#: The statuses with which Adyen refuses a key.
_REFUSED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
#: The exceptions of aiohttp if the server closed a connection before it sent an answer.
_CLOSED: Final = (
    aiohttp.ServerDisconnectedError,
    aiohttp.ClientOSError,
    aiohttp.ClientConnectionResetError,
)
#: For how many seconds after an answer Adyen's time is computed from the answer's `Date`.
_TIME_GOOD_S: Final = 600.0
#: How much of a file is read at a time.
_PIECE_BYTES: Final = 64 * 1024
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "kasir"}


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No complete HTTP answer came. The call may still have been executed."""

    why: str


@dataclass(frozen=True, slots=True)
class Download:
    """The result of fetching a file.

    Attributes:
        status: The HTTP status; None if no answer came.
        error: Why the file is not complete; empty if it is.
    """

    status: int | None = None
    error: str = ""


class Downloads:
    """Fetches files from Adyen, one at a time; the caller has checked the address."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def get(
        self, url: str, user: str, password: str, write: Callable[[bytes], Awaitable[None]]
    ) -> Download:
        """Fetch a file with HTTP Basic, and give its pieces to `write`. No redirect is followed.

        Raises nothing for a failure of Adyen; what `write` raises is passed on.
        """
        limits = self._limits
        timeout = aiohttp.ClientTimeout(
            total=limits.report_timeout_s,
            sock_connect=limits.adyen_connect_timeout_s,
            sock_read=limits.adyen_timeout_s,
        )
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=timeout,
                    headers={"User-Agent": "kasir", "Authorization": _basic(user, password)},
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as session,
                session.get(URL(url, encoded=True), allow_redirects=False) as response,
            ):
                if response.status != HTTPStatus.OK:
                    return Download(response.status, f"HTTP {response.status}")
                size = 0
                async for piece in response.content.iter_chunked(_PIECE_BYTES):
                    size += len(piece)
                    if size > limits.report_bytes_max:
                        response.close()
                        return Download(
                            response.status, f"longer than {limits.report_bytes_max} bytes"
                        )
                    await write(piece)
                return Download(response.status)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return Download(error=type(error).__name__)


class Wire:
    """A pool of connections to Adyen; use as an async context manager."""

    def __init__(self, addresses: Addresses, api_key: str, limits: Limits) -> None:
        self._bases = {
            Api.CHECKOUT: addresses.checkout,
            Api.RECURRING: addresses.recurring,
            Api.MANAGEMENT: addresses.management,
        }
        self._headers = {**_HEADERS, "X-API-Key": api_key}
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None
        #: The latest `Date` of an answer, and the monotonic second at which it came.
        self._answer_date: tuple[datetime, float] | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The connections to the platform of Adyen that the settings choose."""
        return cls(settings.addresses, settings.adyen_api_key, settings.limits)

    async def __aenter__(self) -> Self:
        limits = self._limits
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limits.adyen_connections_max),
            timeout=aiohttp.ClientTimeout(
                total=limits.adyen_timeout_s, sock_connect=limits.adyen_connect_timeout_s
            ),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the wire is used inside `async with`")
        return self._session

    async def twin_now(self) -> datetime | None:
        """The twin's time; None if the twin does not answer."""
        try:
            async with self._open().get(f"{self._bases[Api.CHECKOUT]}/twin/clock") as response:
                return datetime.fromisoformat((await response.json())["now"])
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError):
            return None

    def adyen_time(self) -> datetime | None:
        """Adyen's time by its latest answer; None if that answer is more than ten minutes old."""
        if self._answer_date is None:
            return None
        date, at = self._answer_date
        age = time.monotonic() - at
        return date + timedelta(seconds=age) if age < _TIME_GOOD_S else None

    async def ask_time(self) -> None:
        """Request Adyen's time; `adyen_time` returns it. Any answer has it, even an error."""
        limit = aiohttp.ClientTimeout(total=self._limits.adyen_connect_timeout_s)
        try:
            async with self._open().get(
                self._bases[Api.CHECKOUT], timeout=limit, allow_redirects=False
            ) as response:
                self._note_time(response.headers)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            _log.warning("Adyen did not return its time", error=type(error).__name__)

    def _note_time(self, headers: Mapping[str, str]) -> None:
        try:
            date = parsedate_to_datetime(headers.get("Date", ""))
        except ValueError:
            return  # The answer has no `Date`.
        if date.tzinfo is not None:
            self._answer_date = date.astimezone(UTC), time.monotonic()

    async def send(self, call: Call) -> Answer | NoAnswer:
        """Send a call, and return the answer. A failure is returned as `NoAnswer`, not raised."""
        name, begun_at, status = route_of(call), time.perf_counter(), None
        # The position in the trace is not sent: Adyen does not document that it takes the header.
        with traces.span(f"Adyen {call.method} {name}", "client") as span:
            try:
                answer = await self._send_within_limit(call)
                if isinstance(answer, Answer):
                    status = answer.status
                    span.note(http__response__status_code=status)
                else:
                    span.fail(answer.why)
                return answer
            finally:  # A request that is cut off is cancelled here.
                metrics.adyen_call(name, status, time.perf_counter() - begun_at)

    async def _send_within_limit(self, call: Call) -> Answer | NoAnswer:
        try:
            # One limit for both tries, so that both tries end within the lease of a question.
            async with asyncio.timeout(self._limits.adyen_timeout_s):
                try:
                    return await self._send(call)
                except aiohttp.ClientConnectorError:
                    raise  # There was no connection yet, so Adyen cannot have closed it.
                except _CLOSED:
                    # Adyen closes idle connections, perhaps while the request is being written.
                    # aiohttp does not repeat a POST.
                    if not call.is_repeatable:
                        raise
                    return await self._send(call)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # Only the name of the error, because the text may contain the live prefix.
            return NoAnswer(type(error).__name__)

    async def _send(self, call: Call) -> Answer | NoAnswer:
        if self._open().closed:  # Kasir is being closed, perhaps between the two tries.
            return NoAnswer("SessionClosed")
        url = f"{self._bases[call.api]}/v{call.version}{call.path}"
        headers = {"Idempotency-Key": call.key} if call.key else None
        async with self._open().request(
            call.method,
            # The path is already percent-encoded.
            URL(url, encoded=True),
            data=call.body or None,
            headers=headers,
            allow_redirects=False,
        ) as response:
            self._note_time(response.headers)
            # The caller of the Management API prints what is refused there, and the missing role.
            is_reported = call.api is Api.MANAGEMENT
            if response.status in _REFUSED and not is_reported:
                # Logged, because the shop gets this answer too and may suspect the shop's API key.
                # The path is not logged, because it may contain a token.
                _log.error("Adyen refused our key", status=response.status, cure=_KEY_CURE)
            body = await _body(response, self._limits.adyen_answer_bytes_max)
            if body is None:
                return NoAnswer("AnswerTooLong")
            return _answer(response.status, body, response.headers)


def _basic(user: str, password: str) -> str:
    """The header of HTTP Basic authentication."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


async def _body(response: aiohttp.ClientResponse, most: int) -> bytes | None:
    """The answer's decompressed body; None if it is longer than `most` bytes."""
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > most:
            response.close()  # Otherwise the rest could be read as the next answer.
            return None
    return bytes(body)


def _answer(status: int, body: bytes, headers: Mapping[str, str]) -> Answer:
    return Answer(
        status=status,
        body=body,
        psp_reference=_printable(headers.get("pspReference", "")),
        transient=headers.get("transient-error", "").lower() == "true",
    )


def _printable(text: str) -> str:
    """A pspReference from a header; empty if it cannot be sent in another header."""
    return text if text.isascii() and text.isprintable() else ""
