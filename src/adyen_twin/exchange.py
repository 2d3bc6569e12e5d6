"""One call to an Adyen API, from the bytes that came to the bytes that go.

The key is looked at first, then the idempotency key, then the JSON, then the rules.
Source of the idempotency rules: Adyen's page on API idempotency. A key belongs to the
company, so to the whole twin; the first answer is kept for seven days, errors too.
GUESS: that errors are kept (a literal reading), and what too long a key answers.
"""

import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from litestar import Response
from litestar.enums import MediaType

from adyen_twin import errors, limits, names
from adyen_twin.errors import AdyenError
from adyen_twin.state import KeptReply
from adyen_twin.twin import Twin
from adyen_twin.web import HttpRequest, HttpResponse, as_json

DAY_S = 24 * 3600

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Call:
    """What was asked, read."""

    version: int
    body: Mapping[str, Any]
    public_url: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What is answered. A body without a pspReference still has one in its header."""

    body: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    psp_reference: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Act = Callable[[Twin, Call], Reply]


async def exchange(request: HttpRequest, act: Act) -> HttpResponse:
    """Answer a POST of an Adyen API."""
    try:
        authenticate(request)
        key = _idempotency_key(request)
    except AdyenError as error:
        return _spelled(_reply_of(error))
    raw = await request.body()
    if key is None:
        return _spelled(_acted(request, raw, act))
    return _once(request, raw, act, key)


def authenticate(request: HttpRequest) -> None:
    """Raise unless the request bears the twin's key."""
    said = request.headers.get("x-api-key", "")
    if not hmac.compare_digest(said.encode(), request.twin.settings.api_key.encode()):
        raise errors.unauthorized()


def _idempotency_key(request: HttpRequest) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= limits.IDEMPOTENCY_KEY_MAX:
        raise errors.invalid("Idempotency-Key")
    return key


def _once(request: HttpRequest, raw: bytes, act: Act, key: str) -> HttpResponse:
    """Act only for the first call that bears this key; answer the rest as the first."""
    twin = request.twin
    fingerprint = hashlib.sha256(request.url.path.encode() + b"\n" + raw).hexdigest()
    kept = _kept(twin, key)
    if kept is not None:
        return _again(twin, kept, key, fingerprint)
    # Kept before the act: a call that comes while this one runs finds it running.
    kept = twin.state.replies[key] = KeptReply(fingerprint=fingerprint, at=twin.now())
    reply = _acted(request, raw, act)
    response = _spelled(reply, key)
    kept.status, kept.body = response.status_code, response.content
    kept.headers = dict(response.headers.items())
    kept.psp_reference = reply.psp_reference
    return response


def _kept(twin: Twin, key: str) -> KeptReply | None:
    kept = twin.state.replies.get(key)
    if kept is not None and kept.at + twin.knobs.idempotency_days * DAY_S <= twin.now():
        del twin.state.replies[key]
        return None
    return kept


def _again(twin: Twin, kept: KeptReply, key: str, fingerprint: str) -> HttpResponse:
    if kept.status is None:
        return _spelled(_reply_of(errors.in_progress(409)), key)
    if kept.fingerprint != fingerprint:
        _warn_of_other_body(twin, kept, key)
        if twin.knobs.idempotency_other_body == "refuse":
            return _spelled(_reply_of(errors.in_progress(422)), key)
    return Response(
        kept.body, status_code=kept.status, headers=kept.headers, media_type=MediaType.JSON
    )


def _warn_of_other_body(twin: Twin, kept: KeptReply, key: str) -> None:
    warning = f"idempotency key {key!r} came again with another body or path"
    log.warning("%s", warning)
    payment = twin.memory.payment(kept.psp_reference) if kept.psp_reference else None
    if payment is not None:
        payment.warnings.append(warning)


def _acted(request: HttpRequest, raw: bytes, act: Act) -> Reply:
    try:
        return act(request.twin, _read(request, raw))
    except AdyenError as error:
        return _reply_of(error)


def _read(request: HttpRequest, raw: bytes) -> Call:
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.not_json(str(error)) from None
    if not isinstance(body, dict):
        raise errors.not_json("not an object")
    version = request.route_handler.opt.get("version", 0)
    return Call(version=version, body=body, public_url=request.public_url)


def _reply_of(error: AdyenError) -> Reply:
    """Return the answer that an error is. A wrong key gets no pspReference, a bad one does."""
    known = error.status not in (400, 401)
    psp_reference = error.psp_reference or (names.psp_reference() if known else None)
    body = error.body() | ({"pspReference": psp_reference} if psp_reference else {})
    return Reply(body=body, status=error.status, psp_reference=psp_reference, headers=error.headers)


def _spelled(reply: Reply, key: str | None = None) -> HttpResponse:
    headers = dict(reply.headers)
    psp_reference = reply.psp_reference
    if psp_reference is None and reply.status != 401:  # noqa: PLR2004 - HTTP's own number.
        psp_reference = names.psp_reference()
    if psp_reference is not None:
        headers["pspReference"] = psp_reference
    if key is not None:
        headers["Idempotency-Key"] = key
    return as_json(reply.body, reply.status, headers)
