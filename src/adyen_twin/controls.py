"""The twin's own controls under /twin/: for tests, demos and programs on this machine.

They need no key and answer only to this machine. A request they cannot read is
answered 422 with the field at fault: {"error", "field"?}.
"""

import ipaddress
import re
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec
from litestar import Router, delete, get, post, put
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from adyen_twin import trials, truth, wallet
from adyen_twin.delivery import name_of
from adyen_twin.faults import AnyFault, Planned
from adyen_twin.settings import Knobs
from adyen_twin.state import Endpoint, EndpointName, Payment
from adyen_twin.twin import Twin
from adyen_twin.web import HttpRequest, HttpResponse, as_json

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


class TrialOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Which events to test."""

    types: list[str] = msgspec.field(default_factory=lambda: ["AUTHORISATION"])


def only_this_machine(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse anybody who is not on this machine."""
    try:
        address = ipaddress.ip_address(connection.client.host if connection.client else "")
    except ValueError:
        raise ControlError(403, "the caller is on no machine known") from None
    if not (getattr(address, "ipv4_mapped", None) or address).is_loopback:
        raise ControlError(403, "the twin's controls answer only to this machine")


@get("/health")
async def get_health() -> HttpResponse:
    """Say that the twin is up."""
    return as_json({"status": "ok"})


@put("/webhooks/{name:str}")
async def put_webhook(request: HttpRequest) -> HttpResponse:
    """Set where webhooks go. What is queued is tried at once, there."""
    twin, name = request.twin, _webhook_named(request)
    endpoint = read(await request.body(), Endpoint)
    _check_endpoint(endpoint)
    _remember_previous_key(endpoint, twin.state.endpoints.get(name))
    twin.state.endpoints[name] = endpoint
    for notice in twin.state.queues.get(name, []):
        notice.due_at = min(notice.due_at, twin.now())
    twin.bell()
    return as_json({"webhook": name, "url": endpoint.url})


@delete("/webhooks/{name:str}", status_code=200)
async def delete_webhook(request: HttpRequest) -> HttpResponse:
    """Stop a webhook. What is queued for it is dropped."""
    name = _webhook_named(request)
    request.twin.state.endpoints.pop(name, None)
    request.twin.state.queues.pop(name, None)
    return as_json({"webhook": name, "url": None})


@post("/webhooks/standard/test", status_code=200)
async def post_trial(request: HttpRequest) -> HttpResponse:
    """Send test notifications, as Customer Area does."""
    order = read(await request.body(), TrialOrder)
    endpoint = request.twin.state.endpoints.get("standard")
    if endpoint is None:
        raise ControlError(409, "no standard webhook is set")
    return as_json(await trials.run(request.twin, request.engine, endpoint, order.types))


@post("/wallet", status_code=200)
async def post_wallet(request: HttpRequest) -> HttpResponse:
    """Act as the shopper."""
    twin, order = request.twin, read(await request.body(), WalletOrder)
    payment = _payment_of(twin, order.url)
    pin = twin.knobs.wallet_pin if order.pin is None else order.pin
    try:
        back = wallet.do(twin, payment, order.do, pin)
    except wallet.WrongPinError:
        left = twin.knobs.pin_tries - payment.pin_tries
        return as_json({"location": None, "status": payment.status, "pinTriesLeft": left})
    except wallet.AlreadyDecidedError:
        raise ControlError(409, f"the payment is {payment.status} already", "url") from None
    said: dict[str, Any] = {
        "location": back.location if back else None,
        "status": payment.status,
        "pspReference": payment.psp_reference,
    }
    if back is not None and back.method == "POST":
        said |= {"method": "POST", "url": back.url, "data": back.fields}
    return as_json(said)


@get("/clock")
async def get_clock(request: HttpRequest) -> HttpResponse:
    """Say what time it is."""
    return as_json(truth.of_clock(request.twin))


@post("/clock", status_code=200)
async def post_clock(request: HttpRequest) -> HttpResponse:
    """Let time pass; what falls due is done before this answers. Zero finishes what is due."""
    order = read(await request.body(), ClockOrder)
    if not 0 <= order.advance_s < float("inf"):
        raise ControlError(422, "time passes forward: a number of seconds, 0 or more", "advance_s")
    await request.engine.advance(order.advance_s)
    return as_json(truth.of_clock(request.twin))


@get("/payments")
async def get_payments(request: HttpRequest) -> HttpResponse:
    """List all payments, or those made with one merchantReference; newest first."""
    reference, memory = request.asked("reference"), request.twin.memory
    if reference is not None:
        return as_json(truth.of_payments(memory.payments_with(reference)))
    return as_json(truth.of_payments(list(memory.state.payments.values())))


@get("/payments/{name:str}")
async def get_payment(request: HttpRequest) -> HttpResponse:
    """Tell all the twin knows of one payment, by its pspReference or its offer's."""
    name = request.path_part("name")
    payment = request.twin.memory.payment(name)
    if payment is None:
        raise ControlError(404, f"there is no payment {name!r}")
    return as_json(truth.of_payment(payment))


@get("/deliveries")
async def get_deliveries(request: HttpRequest) -> HttpResponse:
    """List every try to deliver a webhook, oldest first, and what waits to be tried."""
    return as_json(
        truth.of_deliveries(request.twin, request.asked("reference"), request.asked("endpoint"))
    )


@get("/knobs")
async def get_knobs(request: HttpRequest) -> HttpResponse:
    """Show every knob."""
    return as_json(request.twin.knobs)


@put("/knobs")
async def put_knobs(request: HttpRequest) -> HttpResponse:
    """Turn some knobs; the rest stay."""
    twin, turned = request.twin, read(await request.body(), dict[str, Any])
    whole = msgspec.to_builtins(twin.knobs) | turned
    twin.knobs = read(msgspec.json.encode(whole), Knobs)
    return as_json(twin.knobs)


@delete("/knobs", status_code=200)
async def delete_knobs(request: HttpRequest) -> HttpResponse:
    """Turn every knob back to what it was at the start."""
    request.twin.knobs = request.twin.first_knobs
    return as_json(request.twin.knobs)


@get("/faults")
async def get_faults(request: HttpRequest) -> HttpResponse:
    """Show the planned faults, how often each met what it is aimed at, and struck."""
    return as_json(truth.of_faults(request.twin))


@put("/faults")
async def put_faults(request: HttpRequest) -> HttpResponse:
    """Plan these faults, and no others."""
    planned = read(await request.body(), list[AnyFault])
    request.twin.state.faults = [Planned(fault) for fault in planned]
    return as_json(truth.of_faults(request.twin))


@delete("/faults", status_code=200)
async def delete_faults(request: HttpRequest) -> HttpResponse:
    """Plan no faults."""
    request.twin.state.faults = []
    return as_json(truth.of_faults(request.twin))


@post("/reset", status_code=200)
async def post_reset(request: HttpRequest) -> HttpResponse:
    """Forget everything but settings: knobs, webhooks, and what time it is."""
    request.twin.forget()
    return as_json({"status": "ok"})


def router() -> Router:
    """Return the controls."""
    handlers = [
        get_health,
        put_webhook,
        delete_webhook,
        post_trial,
        post_wallet,
        get_clock,
        post_clock,
        get_payments,
        get_payment,
        get_deliveries,
        get_knobs,
        put_knobs,
        delete_knobs,
        get_faults,
        put_faults,
        delete_faults,
        post_reset,
    ]
    return Router("/twin", route_handlers=handlers, guards=[only_this_machine])


def read(raw: bytes, kind: type[Told]) -> Told:
    """Return a control call's body.

    Raises:
        ControlError: It is not what the call takes; says which field.

    """
    try:
        return msgspec.json.decode(raw or b"null", type=kind)
    except msgspec.ValidationError as error:
        raise ControlError(422, *_complaint(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ControlError(400, f"not JSON: {error}") from None


def _complaint(message: str) -> tuple[str, str | None]:
    """Return msgspec's complaint, and the path of the field that it is about."""
    said, _, path = message.partition(" - at `")
    parts = [path.rstrip("`").removeprefix("$").removeprefix(".")]
    if named := re.search(r"(?:required|unknown) field `(.+?)`", said):
        parts.append(named[1])
    return said, ".".join(filter(None, parts)) or None


def _webhook_named(request: HttpRequest) -> EndpointName:
    said = request.path_part("name")
    name = name_of(said)
    if name is None:
        raise ControlError(404, f"there is no webhook called {said!r}: standard, tokens")
    return name


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


def _remember_previous_key(endpoint: Endpoint, before: Endpoint | None) -> None:
    """Keep the key that a new one replaces, for notices that still come sealed with it."""
    if before is None or endpoint.previous_hmac_key is not None:
        return
    replaced = before.hmac_key != endpoint.hmac_key
    endpoint.previous_hmac_key = before.hmac_key if replaced else before.previous_hmac_key


def _is_hex_key(text: str) -> bool:
    digits = "0123456789abcdefABCDEF"
    return len(text) == HEX_KEY_DIGITS and all(letter in digits for letter in text)


def _payment_of(twin: Twin, url: str) -> Payment:
    named = parse_qs(urlsplit(url).query).get("redirectData", [""])[0]
    payment = twin.memory.payment(named)
    if payment is None or payment.redirect_data != named:
        raise ControlError(404, "no payment has this action.url", "url")
    return payment
