"""One call to an Adyen API, from the bytes of the request to the bytes of the answer.

The API key is checked first, then the idempotency key, the JSON, and the rules. Source of
the idempotency rules: Adyen's page on API idempotency. An idempotency key is unique in the
company account, so also in the whole twin. The first answer is kept for seven days, even if
it is an error. GUESS: that errors are kept, and the error for a key that is too long.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from litestar import Response
from litestar.enums import MediaType

from adyen_twin.api import call_faults
from adyen_twin.core import faults, names, roles
from adyen_twin.core.state import StoredReply
from adyen_twin.core.twin import Twin
from adyen_twin.http_types import (
    HttpRequest,
    HttpResponse,
    NotJsonError,
    as_json,
    has_api_key,
    parse_json,
)
from adyen_twin.protocol import errors, limits, rules
from adyen_twin.protocol.errors import AdyenError
from adyen_twin.simulation.policy import policy_of

DAY_S: Final = 24 * 3600
UNAUTHORIZED: Final = 401
#: An amount as text: digits only, and no more than an int64 has.
AMOUNT_TEXT: Final = re.compile(r"[0-9]{1,19}", re.ASCII)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A parsed request. The body of a GET or DELETE is its query."""

    #: The version of the Checkout API; 0 for the Recurring API.
    version: int
    body: Mapping[str, Any]
    #: The path parameters.
    path: Mapping[str, str]
    #: The base URL that shoppers use.
    public_url: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer. If `psp_reference` is None, the header gets a new one, except for status 401."""

    body: Mapping[str, Any] | None = None
    status: int = 200
    psp_reference: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation of an API."""

    name: faults.CallName
    run: Callable[[Twin, Call], Reply]
    #: Returns the merchantReference of a call; planned faults are matched by it.
    reference: Callable[[Twin, Call], str | None]
    #: The role that the API credential needs.
    role: str = roles.CHECKOUT


def check(rules_of_call: tuple[rules.Rule, ...], twin: Twin, call: Call) -> None:
    """Check a call with these rules.

    Raises:
        AdyenError: A rule is broken.

    """
    knobs = twin.knobs
    request = rules.Request(
        body=call.body,
        version=call.version,
        merchant_accounts=frozenset(
            {twin.settings.merchant_account, *twin.settings.more_merchant_accounts}
        ),
        policy=policy_of(twin),
        amounts=range(knobs.amount_min, knobs.amount_max + 1),
        answers={
            name: AdyenError(answer.status, answer.error_code, answer.message, answer.error_type)
            for name, answer in knobs.answers.items()
        },
    )
    rules.check(rules_of_call, request)


def require_role(twin: Twin, role: str) -> None:
    """Check that the API credential has a role.

    Raises:
        AdyenError: It has not.

    """
    if role not in twin.knobs.roles:
        raise errors.not_allowed()


async def exchange(request: HttpRequest, operation: Operation) -> HttpResponse:
    """Answer a call to an Adyen API."""
    try:
        if not has_api_key(request):
            raise errors.unauthorized()
        require_role(request.twin, operation.role)
        key = _idempotency_key(request)
    except AdyenError as error:
        return _response(_reply_of(error))
    raw = await request.body()
    call = _parse(request, raw)
    triggered_faults = faults.triggered_by_call(
        request.twin.state.faults,
        call=operation.name,
        reference=_reference(request.twin, operation, call),
    )
    try:
        call_faults.before(triggered_faults)
        idempotency = _Idempotency(request, raw, key)
        return await _answer(request, operation, call, idempotency, triggered_faults)
    except AdyenError as error:
        return _response(_reply_of(error), key)
    except call_faults.ConnectionBrokenError:
        request.break_connection()
        return Response(b"", status_code=500)


async def _answer(
    request: HttpRequest,
    operation: Operation,
    call: Call | AdyenError,
    idempotency: _Idempotency,
    triggered_faults: list[faults.CallFault],
) -> HttpResponse:
    """Return the stored answer of the idempotency key; if there is none, execute the call."""
    response = idempotency.stored_response()
    if response is None:
        reply = _run(request.twin, operation, call)
        response = _response(reply, idempotency.key)
        idempotency.store(response, reply.psp_reference)
    try:
        reference = _reference(request.twin, operation, call)
        await call_faults.after(request, triggered_faults, reference)
    finally:
        idempotency.finish()
    return response


class _Idempotency:
    """The stored answer of one idempotency key; without a key, nothing is stored."""

    def __init__(self, request: HttpRequest, raw: bytes, key: str | None) -> None:
        self.key = key
        self._twin = request.twin
        self._fingerprint = hashlib.sha256(request.url.path.encode() + b"\n" + raw).hexdigest()
        self._new_reply: StoredReply | None = None

    def stored_response(self) -> HttpResponse | None:
        """Return the first answer to this key, or None if the key is new.

        Raises:
            AdyenError: The first call with this key still runs; or it had another body, and the
                knob `idempotencyOtherBody` is `refuse`.

        """
        stored = self._find()
        if stored is None:
            return None
        if stored.running:
            raise errors.in_progress(409)
        if stored.fingerprint != self._fingerprint:
            self._warn(stored)
            if self._twin.knobs.idempotency_other_body == "refuse":
                raise errors.in_progress(422)
        return Response(
            stored.body,
            status_code=stored.status,
            headers=stored.headers,
            media_type=MediaType.JSON,
        )

    def store(self, response: HttpResponse, psp_reference: str | None) -> None:
        """Store the first answer to this key. Until `finish`, a repeat with this key gets 409."""
        if self.key is None:
            return
        self._delete_expired()
        self._new_reply = StoredReply(
            fingerprint=self._fingerprint,
            at=self._twin.now(),
            status=response.status_code or 200,
            body=response.content,
            headers=dict(response.headers.items()),
            psp_reference=psp_reference,
        )
        self._twin.state.replies[self.key] = self._new_reply

    def finish(self) -> None:
        """Allow other calls with this key to get the stored answer."""
        if self._new_reply is not None:
            self._new_reply.running = False

    def _find(self) -> StoredReply | None:
        stored = self._twin.state.replies.get(self.key) if self.key is not None else None
        if stored is None:
            return None
        return None if self._is_expired(stored) else stored

    def _is_expired(self, stored: StoredReply) -> bool:
        return stored.at + self._twin.knobs.idempotency_days * DAY_S <= self._twin.now()

    def _delete_expired(self) -> None:
        """Delete the expired answers; the oldest is first in the dict."""
        replies = self._twin.state.replies
        while replies and self._is_expired(replies[oldest := next(iter(replies))]):
            del replies[oldest]

    def _warn(self, stored: StoredReply) -> None:
        warning = f"idempotency key {self.key!r} was used again with another body or path"
        log.warning("%s", warning)
        payment = self._twin.memory.payment(stored.psp_reference or "")
        if payment is not None:
            payment.warnings.append(warning)


def _idempotency_key(request: HttpRequest) -> str | None:
    key = request.headers.get("idempotency-key")
    if request.method != "POST" or key is None:
        return None  # GET and DELETE are idempotent without a key.
    if not 0 < len(key) <= limits.IDEMPOTENCY_KEY_MAX:
        raise errors.invalid("Idempotency-Key")
    return key


def _reference(twin: Twin, operation: Operation, call: Call | AdyenError) -> str | None:
    return None if isinstance(call, AdyenError) else operation.reference(twin, call)


def _run(twin: Twin, operation: Operation, call: Call | AdyenError) -> Reply:
    if isinstance(call, AdyenError):
        return _reply_of(call)
    try:
        return operation.run(twin, call)
    except AdyenError as error:
        return _reply_of(error)


def _parse(request: HttpRequest, raw: bytes) -> Call | AdyenError:
    """Return the call, or the error to answer if the body is not a JSON object."""
    body: Any = dict(request.query_params)
    if request.method == "POST":
        try:
            body = parse_json(raw)
        except NotJsonError as error:
            return errors.not_json(str(error))
        if not isinstance(body, dict):
            return errors.not_json("not an object")
        if request.twin.knobs.amount_texts == "accept":
            body = _with_number(body)
    return Call(
        version=request.route_handler.opt.get("version", 0),
        body=body,
        path=request.path_params,
        public_url=request.public_url,
    )


def _with_number(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body whose `amount.value` is a number, if it was a text of digits.

    Adyen's schema has a number; its Python sample and its page on payment links send a text.
    GUESS: that Adyen accepts it.
    """
    amount = body.get("amount")
    if not isinstance(amount, dict) or not isinstance(amount.get("value"), str):
        return body
    is_whole = AMOUNT_TEXT.fullmatch(amount["value"]) is not None
    return body | {"amount": amount | {"value": int(amount["value"])}} if is_whole else body


def _reply_of(error: AdyenError) -> Reply:
    """Return the answer for an error; only 400 and 401 have no pspReference in the body."""
    has_reference = error.status not in (400, UNAUTHORIZED)
    psp_reference = error.psp_reference or (names.psp_reference() if has_reference else None)
    body = error.body() | ({"pspReference": psp_reference} if psp_reference else {})
    return Reply(body=body, status=error.status, psp_reference=psp_reference, headers=error.headers)


def _response(reply: Reply, key: str | None = None) -> HttpResponse:
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
