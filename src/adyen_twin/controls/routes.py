"""The twin's own controls under /twin/: for tests, demos and programs on this machine.

They need no key and answer only to this machine. A request they cannot read is
answered 422 with the field at fault: {"error", "field"?}.
"""

from typing import Any

import msgspec
from litestar import Router, delete, get, post, put

from adyen_twin.api import sample_notifications
from adyen_twin.api.http import HttpRequest, HttpResponse, as_json, web_address
from adyen_twin.controls import callers, disputes, foreign, reports, shopper_routes
from adyen_twin.controls.requests import (
    ClockOrder,
    ControlError,
    DisputeOrder,
    ForeignOrder,
    TrialOrder,
    read,
)
from adyen_twin.core.faults import AnyFault, Planned
from adyen_twin.core.settings import Knobs
from adyen_twin.core.state import Endpoint, EndpointName, Status
from adyen_twin.protocol.change_checks import RULE_NAMES
from adyen_twin.webhooks.delivery import name_of

HEX_KEY_DIGITS = 64


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
        raise ControlError(409, "no standard webhook is set; PUT /twin/webhooks/standard sets one")
    return as_json(
        await sample_notifications.run(request.twin, request.engine, endpoint, order.types)
    )


@post("/foreign", status_code=200)
async def post_foreign(request: HttpRequest) -> HttpResponse:
    """Be another system on the same account: its notification comes as any."""
    order = read(await request.body(), ForeignOrder)
    return as_json({"pspReference": foreign.act(request.twin, order)})


@get("/clock")
async def get_clock(request: HttpRequest) -> HttpResponse:
    """Say what time it is."""
    return as_json(reports.of_clock(request.twin))


@post("/clock", status_code=200)
async def post_clock(request: HttpRequest) -> HttpResponse:
    """Let time pass; what falls due is done before this answers. Zero finishes what is due."""
    order = read(await request.body(), ClockOrder)
    if not 0 <= order.advance_s < float("inf"):
        raise ControlError(422, "time passes forward: a number of seconds, 0 or more", "advance_s")
    await request.engine.advance(order.advance_s)
    return as_json(reports.of_clock(request.twin))


@get("/payments")
async def get_payments(request: HttpRequest) -> HttpResponse:
    """List all payments, or those made with one merchantReference; newest first."""
    reference, memory = request.asked("reference"), request.twin.memory
    if reference is not None:
        return as_json(reports.of_payments(memory.payments_with(reference)))
    return as_json(reports.of_payments(list(memory.state.payments.values())))


@get("/payments/{name:str}")
async def get_payment(request: HttpRequest) -> HttpResponse:
    """Tell all the twin knows of one payment, by its pspReference or its offer's."""
    name = request.path_part("name")
    payment = request.twin.memory.payment(name)
    if payment is None:
        cure = "GET /twin/payments lists them by pspReference"
        raise ControlError(404, f"there is no payment {name!r}; {cure}")
    return as_json(reports.of_payment(payment))


@post("/payments/{name:str}/disputes", status_code=200)
async def post_dispute(request: HttpRequest) -> HttpResponse:
    """Be the shopper's side: dispute a payment, or go on with a dispute of it."""
    twin, order = request.twin, read(await request.body() or b"{}", DisputeOrder)
    name = request.path_part("name")
    payment = twin.memory.payment(name)
    if payment is None or payment.psp_reference != name:
        raise ControlError(404, f"there is no payment {name!r}")
    if payment.status is not Status.AUTHORISED:
        raise ControlError(409, f"the payment is {payment.status}: only one that was paid")
    return as_json({"pspReference": disputes.act(twin, payment, order)})


@get("/deliveries")
async def get_deliveries(request: HttpRequest) -> HttpResponse:
    """List every try to deliver a webhook, oldest first, and what waits to be tried."""
    return as_json(
        reports.of_deliveries(request.twin, request.asked("reference"), request.asked("endpoint"))
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
    knobs = read(msgspec.json.encode(whole), Knobs)
    for name in sorted(knobs.answers.keys() - RULE_NAMES):
        rules = ", ".join(sorted(RULE_NAMES))
        raise ControlError(422, f"no rule is called {name!r}; there are {rules}", f"answers.{name}")
    twin.knobs = knobs
    return as_json(twin.knobs)


@delete("/knobs", status_code=200)
async def delete_knobs(request: HttpRequest) -> HttpResponse:
    """Turn every knob back to what it was at the start."""
    request.twin.knobs = request.twin.first_knobs
    return as_json(request.twin.knobs)


@get("/faults")
async def get_faults(request: HttpRequest) -> HttpResponse:
    """Show the planned faults, how often each met what it is aimed at, and struck."""
    return as_json(reports.of_faults(request.twin))


@put("/faults")
async def put_faults(request: HttpRequest) -> HttpResponse:
    """Plan these faults, and no others."""
    planned = read(await request.body(), list[AnyFault])
    request.twin.state.faults = [Planned(fault) for fault in planned]
    return as_json(reports.of_faults(request.twin))


@delete("/faults", status_code=200)
async def delete_faults(request: HttpRequest) -> HttpResponse:
    """Plan no faults."""
    request.twin.state.faults = []
    return as_json(reports.of_faults(request.twin))


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
        *shopper_routes.HANDLERS,
        post_foreign,
        get_clock,
        post_clock,
        get_payments,
        get_payment,
        post_dispute,
        get_deliveries,
        get_knobs,
        put_knobs,
        delete_knobs,
        get_faults,
        put_faults,
        delete_faults,
        post_reset,
    ]
    return Router("/twin", route_handlers=handlers, guards=list(callers.GUARDS))


def _webhook_named(request: HttpRequest) -> EndpointName:
    said = request.path_part("name")
    name = name_of(said)
    if name is None:
        raise ControlError(404, f"there is no webhook called {said!r}: standard, tokens")
    return name


def _check_endpoint(endpoint: Endpoint) -> None:
    if not web_address(endpoint.url):
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
