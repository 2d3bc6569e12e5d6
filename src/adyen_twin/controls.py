"""The twin's own controls under /twin/: for tests, demos and programs on this machine.

They need no key and answer only to this machine. A request they cannot read is
answered 422 with the field at fault: {"error", "field"?}.
"""

import ipaddress
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.connection import ASGIConnection
from litestar.enums import MediaType
from litestar.handlers import BaseRouteHandler

from adyen_twin import wallet
from adyen_twin.clock import spelled_utc
from adyen_twin.delivery import name_of
from adyen_twin.engine import Engine
from adyen_twin.exchange import HttpRequest, HttpResponse
from adyen_twin.settings import Knobs
from adyen_twin.state import Endpoint, Payment
from adyen_twin.twin import Twin

Told = TypeVar("Told")

HEX_KEY_DIGITS = 64


class ControlError(Exception):
    """A control call that cannot be done, with the status to answer."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message} | ({"field": field} if field else {})


class WalletOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What the shopper is to do, and with which payment."""

    url: str
    do: Literal["approve", "approve_without_return", "refuse", "cancel", "expire"]
    pin: str | None = None


class ClockOrder(msgspec.Struct, forbid_unknown_fields=True):
    """How far time is to leap."""

    advance_s: float


def only_this_machine(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse anybody who is not on this machine."""
    host = connection.client.host if connection.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = ipaddress.ip_address("::")
    mapped = getattr(address, "ipv4_mapped", None)
    if not (mapped or address).is_loopback:
        raise ControlError(403, "the twin's controls answer only to this machine")


@get("/health")
async def get_health() -> HttpResponse:
    """Say that the twin is up."""
    return answer({"status": "ok"})


@put("/webhooks/{name:str}")
async def put_webhook(request: HttpRequest, twin: Twin, name: str) -> HttpResponse:
    """Set where webhooks go. What is queued is tried at once, there."""
    known = name_of(name)
    if known is None:
        raise ControlError(404, f"there is no webhook called {name!r}: standard, tokens")
    endpoint = read(await request.body(), Endpoint)
    _check_endpoint(endpoint)
    before = twin.state.endpoints.get(known)
    if before is not None and endpoint.previous_hmac_key is None:
        endpoint.previous_hmac_key = (
            before.hmac_key if before.hmac_key != endpoint.hmac_key else before.previous_hmac_key
        )
    twin.state.endpoints[known] = endpoint
    for notice in twin.state.queues.get(known, []):
        notice.due_at = min(notice.due_at, twin.now())
    twin.bell()
    return answer({"webhook": known, "url": endpoint.url})


@delete("/webhooks/{name:str}", status_code=200)
async def delete_webhook(twin: Twin, name: str) -> HttpResponse:
    """Stop a webhook. What is queued for it is dropped."""
    twin.state.endpoints.pop(name, None)
    twin.state.queues.pop(name, None)
    return answer({"webhook": name, "url": None})


@post("/wallet", status_code=200)
async def post_wallet(request: HttpRequest, twin: Twin) -> HttpResponse:
    """Act as the shopper."""
    order = read(await request.body(), WalletOrder)
    payment = _payment_of(twin, order.url)
    pin = twin.knobs.wallet_pin if order.pin is None else order.pin
    try:
        back = wallet.do(twin, payment, order.do, pin)
    except wallet.WrongPinError:
        left = twin.knobs.pin_tries - payment.pin_tries
        return answer({"location": None, "status": payment.status, "pinTriesLeft": left})
    except wallet.AlreadyDecidedError:
        raise ControlError(409, f"the payment is {payment.status} already", "url") from None
    said: dict[str, Any] = {
        "location": back.location if back else None,
        "status": payment.status,
        "pspReference": payment.psp_reference,
    }
    if back is not None and back.method == "POST":
        said |= {"method": "POST", "url": back.url, "data": back.fields}
    return answer(said)


@get("/clock")
async def get_clock(twin: Twin) -> HttpResponse:
    """Say what time it is."""
    return answer({"now": spelled_utc(twin.now()), "advanced_s": round(twin.clock.advanced_s, 3)})


@post("/clock", status_code=200)
async def post_clock(request: HttpRequest, twin: Twin, engine: Engine) -> HttpResponse:
    """Let time pass; what falls due is done before this answers. Zero finishes what is due."""
    order = read(await request.body(), ClockOrder)
    if not 0 <= order.advance_s < float("inf"):
        raise ControlError(422, "time passes forward: a number of seconds, 0 or more", "advance_s")
    now = await engine.advance(order.advance_s)
    return answer({"now": spelled_utc(now), "advanced_s": round(twin.clock.advanced_s, 3)})


@get("/payments")
async def get_payments(twin: Twin, reference: str | None = None) -> HttpResponse:
    """List all payments, or those made with one merchantReference; newest first."""
    found = (
        list(twin.state.payments.values())
        if reference is None
        else twin.memory.payments_with(reference)
    )
    return answer({"count": len(found), "payments": [told(payment) for payment in reversed(found)]})


@get("/payments/{psp_reference:str}")
async def get_payment(twin: Twin, psp_reference: str) -> HttpResponse:
    """Tell all the twin knows of one payment, by its pspReference or its offer's."""
    payment = twin.memory.payment(psp_reference)
    if payment is None:
        raise ControlError(404, f"there is no payment {psp_reference!r}")
    return answer(told(payment))


@get("/deliveries")
async def get_deliveries(
    twin: Twin, reference: str | None = None, endpoint: str | None = None
) -> HttpResponse:
    """List every try to deliver a webhook, oldest first, and what waits to be tried."""
    tries = [
        attempt
        for attempt in twin.state.attempts
        if reference in (None, attempt.reference) and endpoint in (None, attempt.endpoint)
    ]
    waiting = [
        {
            "endpoint": name,
            "notice": notice.id,
            "eventCode": notice.says,
            "pspReference": notice.psp_reference,
            "reference": notice.reference,
            "tries": notice.tries,
            "dueAt": spelled_utc(notice.due_at),
            "body": notice.body,
        }
        for name, queue in twin.state.queues.items()
        for notice in queue
        if reference in (None, notice.reference) and endpoint in (None, name)
    ]
    return answer({"count": len(tries), "deliveries": tries, "waiting": waiting})


@get("/knobs")
async def get_knobs(twin: Twin) -> HttpResponse:
    """Show every knob."""
    return answer(twin.knobs)


@put("/knobs")
async def put_knobs(request: HttpRequest, twin: Twin) -> HttpResponse:
    """Turn some knobs; the rest stay."""
    turned = read(await request.body(), dict[str, Any])
    twin.knobs = read(msgspec.json.encode(msgspec.to_builtins(twin.knobs) | turned), Knobs)
    return answer(twin.knobs)


@delete("/knobs", status_code=200)
async def delete_knobs(twin: Twin) -> HttpResponse:
    """Turn every knob back."""
    twin.knobs = Knobs()
    return answer(twin.knobs)


@put("/faults")
async def put_faults(request: HttpRequest) -> HttpResponse:
    """Plan faults. None are known yet."""
    if read(await request.body(), list[Any]):
        raise ControlError(422, "no fault of that kind is known", "[0].kind")
    return answer({"faults": []})


@delete("/faults", status_code=200)
async def delete_faults() -> HttpResponse:
    """Plan no faults."""
    return answer({"faults": []})


@post("/reset", status_code=200)
async def post_reset(twin: Twin) -> HttpResponse:
    """Forget everything but settings: knobs, webhooks, and what time it is."""
    twin.forget()
    return answer({"status": "ok"})


def router() -> Router:
    """Return the controls."""
    handlers = [
        get_health,
        put_webhook,
        delete_webhook,
        post_wallet,
        get_clock,
        post_clock,
        get_payments,
        get_payment,
        get_deliveries,
        get_knobs,
        put_knobs,
        delete_knobs,
        put_faults,
        delete_faults,
        post_reset,
    ]
    return Router("/twin", route_handlers=handlers, guards=[only_this_machine])


def told(payment: Payment) -> dict[str, Any]:
    """Return the truth about a payment."""
    return {
        "pspReference": payment.psp_reference,
        "offerReference": payment.offer_reference,
        "merchantAccount": payment.merchant_account,
        "merchantReference": payment.reference,
        "amount": {"currency": payment.amount.currency, "value": payment.amount.value},
        "status": payment.status,
        "refusal": payment.refusal,
        "captured": payment.captured,
        "refunded": payment.refunded,
        "createdAt": spelled_utc(payment.created_at),
        "expiresAt": spelled_utc(payment.expires_at),
        "detailsAsked": payment.details_asked,
        "metadata": payment.metadata,
        "events": [
            {
                "at": spelled_utc(event.at),
                "eventCode": event.code,
                "success": event.success,
                "pspReference": event.psp_reference,
                "value": event.value,
                "reason": event.reason,
            }
            for event in payment.events
        ],
        "warnings": payment.warnings,
    }


def read(raw: bytes, kind: type[Told]) -> Told:
    """Return a control call's body.

    Raises:
        ControlError: It is not what the call takes; says which field.

    """
    try:
        return msgspec.json.decode(raw or b"null", type=kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        field = path.rstrip("`").removeprefix("$").removeprefix(".") or None
        raise ControlError(422, message, field) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ControlError(400, f"not JSON: {error}") from None


def answer(body: Any, status: int = 200) -> HttpResponse:
    """Return a control's answer."""
    return Response(msgspec.json.encode(body), status_code=status, media_type=MediaType.JSON)


def _check_endpoint(endpoint: Endpoint) -> None:
    parts = urlsplit(endpoint.url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ControlError(422, "a webhook goes to an http or https address", "url")
    for name, key in (
        ("hmacKey", endpoint.hmac_key),
        ("previousHmacKey", endpoint.previous_hmac_key),
    ):
        if key is not None and not _is_hex_key(key):
            raise ControlError(422, f"a key is {HEX_KEY_DIGITS} hexadecimal digits", name)
    if (endpoint.username is None) != (endpoint.password is None):
        raise ControlError(422, "username and password go together", "password")


def _is_hex_key(text: str) -> bool:
    digits = "0123456789abcdefABCDEF"
    return len(text) == HEX_KEY_DIGITS and all(letter in digits for letter in text)


def _payment_of(twin: Twin, url: str) -> Payment:
    named = parse_qs(urlsplit(url).query).get("redirectData", [""])[0]
    payment = twin.memory.payment(named)
    if payment is None:
        raise ControlError(404, "no payment has this action.url", "url")
    return payment
