"""One call to an Adyen API, from the bytes that came to the bytes that go.

The key is looked at first, then the idempotency key, then the JSON, then the rules.
Source of the idempotency rules: Adyen's page on API idempotency. A key belongs to the
company, so to the whole twin; the first answer is kept for seven days, errors too.
GUESS: that errors are kept (a literal reading), and what too long a key answers.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar import Response
from litestar.enums import MediaType

from adyen_twin.api import call_faults
from adyen_twin.api.http import HttpRequest, HttpResponse, NotJsonError, as_json, bears_key, json_of
from adyen_twin.core import faults, names
from adyen_twin.core.state import KeptReply
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import errors, limits
from adyen_twin.protocol.errors import AdyenError

DAY_S = 24 * 3600
UNAUTHORIZED = 401

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Call:
    """What was asked, read. Of a GET or DELETE the body is its query."""

    version: int
    body: Mapping[str, Any]
    path: Mapping[str, str]
    public_url: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What is answered. A body without a pspReference still has one in its header."""

    body: Mapping[str, Any] | None = None
    status: int = 200
    psp_reference: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing the API can do."""

    name: faults.CallName
    act: Callable[[Twin, Call], Reply]
    #: Which merchantReference a call is about, for faults that are aimed at it.
    about: Callable[[Twin, Call], str | None]


async def exchange(request: HttpRequest, operation: Operation) -> HttpResponse:
    """Answer a call of an Adyen API."""
    try:
        if not bears_key(request):
            raise errors.unauthorized()
        key = _idempotency_key(request)
    except AdyenError as error:
        return _spelled(_reply_of(error))
    call, raw = _read(request, await request.body()), await request.body()
    reference = None if isinstance(call, AdyenError) else operation.about(request.twin, call)
    struck = faults.call_faults(request.twin.state.faults, call=operation.name, reference=reference)
    try:
        call_faults.before(struck)
        return await _answered(request, operation, call, _Kept(request, raw, key), struck)
    except AdyenError as error:
        return _spelled(_reply_of(error), key)
    except call_faults.ConnectionBrokenError:
        request.break_connection()
        return Response(b"", status_code=500)


async def _answered(
    request: HttpRequest,
    operation: Operation,
    call: Call | AdyenError,
    kept: "_Kept",
    struck: list[faults.CallFault],
) -> HttpResponse:
    """Act, unless this key was seen, and answer, with whatever goes wrong after the act."""
    response = kept.again()
    if response is None:
        reply = _acted(request.twin, operation, call)
        response = _spelled(reply, kept.key)
        kept.keep(response, reply.psp_reference)
    reference = None if isinstance(call, AdyenError) else operation.about(request.twin, call)
    try:
        await call_faults.after(request, struck, reference)
    finally:
        kept.finish()
    return response


class _Kept:
    """The first answer to one idempotency key, or to none."""

    def __init__(self, request: HttpRequest, raw: bytes, key: str | None) -> None:
        self.key = key
        self._twin = request.twin
        self._fingerprint = hashlib.sha256(request.url.path.encode() + b"\n" + raw).hexdigest()
        self._mine: KeptReply | None = None

    def again(self) -> HttpResponse | None:
        """Return what a call that bears a key seen before is answered."""
        kept = self._find()
        if kept is None:
            return None
        if kept.running:
            raise errors.in_progress(409)
        if kept.fingerprint != self._fingerprint:
            self._warn(kept)
            if self._twin.knobs.idempotency_other_body == "refuse":
                raise errors.in_progress(422)
        return Response(
            kept.body, status_code=kept.status, headers=kept.headers, media_type=MediaType.JSON
        )

    def keep(self, response: HttpResponse, psp_reference: str | None) -> None:
        """Keep the first answer; until it is given, the call still runs."""
        if self.key is None:
            return
        self._forget_the_old()
        self._mine = KeptReply(
            fingerprint=self._fingerprint,
            at=self._twin.now(),
            status=response.status_code or 200,
            body=response.content,
            headers=dict(response.headers.items()),
            psp_reference=psp_reference,
        )
        self._twin.state.replies[self.key] = self._mine

    def finish(self) -> None:
        """Let others have the answer."""
        if self._mine is not None:
            self._mine.running = False

    def _find(self) -> KeptReply | None:
        kept = self._twin.state.replies.get(self.key) if self.key is not None else None
        if kept is None:
            return None
        return None if self._is_over(kept) else kept

    def _is_over(self, kept: KeptReply) -> bool:
        return kept.at + self._twin.knobs.idempotency_days * DAY_S <= self._twin.now()

    def _forget_the_old(self) -> None:
        """Drop what no key will be answered with again; the oldest were kept first."""
        replies = self._twin.state.replies
        while replies and self._is_over(replies[oldest := next(iter(replies))]):
            del replies[oldest]

    def _warn(self, kept: KeptReply) -> None:
        warning = f"idempotency key {self.key!r} came again with another body or path"
        log.warning("%s", warning)
        payment = self._twin.memory.payment(kept.psp_reference or "")
        if payment is not None:
            payment.warnings.append(warning)


def _idempotency_key(request: HttpRequest) -> str | None:
    key = request.headers.get("idempotency-key")
    if request.method != "POST" or key is None:
        return None  # GET and DELETE may be repeated by their nature.
    if not 0 < len(key) <= limits.IDEMPOTENCY_KEY_MAX:
        raise errors.invalid("Idempotency-Key")
    return key


def _acted(twin: Twin, operation: Operation, call: Call | AdyenError) -> Reply:
    if isinstance(call, AdyenError):
        return _reply_of(call)
    try:
        return operation.act(twin, call)
    except AdyenError as error:
        return _reply_of(error)


def _read(request: HttpRequest, raw: bytes) -> Call | AdyenError:
    body: Any = dict(request.query_params)
    if request.method == "POST":
        try:
            body = json_of(raw)
        except NotJsonError as error:
            return errors.not_json(str(error))
        if not isinstance(body, dict):
            return errors.not_json("not an object")
    return Call(
        version=request.route_handler.opt.get("version", 0),
        body=body,
        path=request.path_params,
        public_url=request.public_url,
    )


def _reply_of(error: AdyenError) -> Reply:
    """Return the answer that an error is. A wrong key gets no pspReference, a bad one does."""
    known = error.status not in (400, UNAUTHORIZED)
    psp_reference = error.psp_reference or (names.psp_reference() if known else None)
    body = error.body() | ({"pspReference": psp_reference} if psp_reference else {})
    return Reply(body=body, status=error.status, psp_reference=psp_reference, headers=error.headers)


def _spelled(reply: Reply, key: str | None = None) -> HttpResponse:
    headers = dict(reply.headers)
    psp_reference = reply.psp_reference
    if psp_reference is None and reply.status != UNAUTHORIZED:
        psp_reference = names.psp_reference()
    if psp_reference is not None:
        headers["pspReference"] = psp_reference
    if key is not None:
        headers["Idempotency-Key"] = key
    if reply.body is None:
        return Response(b"", status_code=reply.status, headers=headers)
    return as_json(reply.body, reply.status, headers)
