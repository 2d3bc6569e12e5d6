"""The routes under /twin/: controls for tests, demos and programs on this machine.

The controls need no key and answer only to this machine. The answer to an invalid request is
422 with {"error", "field"?}, where `field` is the path of the wrong field.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec
from litestar import Router, delete, get, post, put

from adyen_twin.controls import callers, report_routes, reports, shopper_routes, world_routes
from adyen_twin.controls.requests import ClockAdvance, ControlError, EventTypes, read
from adyen_twin.core import endpoints
from adyen_twin.core.faults import AnyFault, PlannedFault
from adyen_twin.core.profiles import PROFILES, ProfileName
from adyen_twin.core.settings import Knobs
from adyen_twin.core.state import STANDARD, TOKENS, Endpoint, EndpointName, EndpointSettings, Status
from adyen_twin.http_types import HttpRequest, HttpResponse, as_json
from adyen_twin.protocol.change_checks import RULE_NAMES
from adyen_twin.settlement import closing
from adyen_twin.simulation import disputes, other_system
from adyen_twin.webhooks import sample_notifications


@get("/health")
async def get_health() -> HttpResponse:
    """Answer that the twin runs."""
    return as_json({"status": "ok"})


@put("/webhooks/{name:str}")
async def put_webhook(request: HttpRequest) -> HttpResponse:
    """Configure a webhook. Queued webhooks are sent at once to the new address."""
    twin, name = request.twin, _webhook_name(request)
    settings = read(await request.body(), EndpointSettings)
    if fault := endpoints.fault_of(settings):
        field, message = fault
        raise ControlError(422, message, field)
    old = twin.state.endpoints.get(name)
    _keep_previous_key(settings, old)
    endpoint = msgspec.convert(msgspec.to_builtins(settings), Endpoint)
    if old is not None:
        endpoint.id = old.id
    twin.state.endpoints[name] = endpoint
    for webhook in twin.state.queues.get(name, []):
        webhook.due_at = min(webhook.due_at, twin.now())
    twin.on_change()
    return as_json({"webhook": name, "url": settings.url})


@delete("/webhooks/{name:str}", status_code=200)
async def delete_webhook(request: HttpRequest) -> HttpResponse:
    """Delete a webhook and its queue."""
    name = _webhook_name(request)
    request.twin.remove_endpoint(name)
    return as_json({"webhook": name, "url": None})


@post("/webhooks/standard/test", status_code=200)
async def post_test_notifications(request: HttpRequest) -> HttpResponse:
    """Send test notifications, as Customer Area does."""
    test = read(await request.body(), EventTypes)
    endpoint = request.twin.state.endpoints.get(STANDARD)
    if endpoint is None:
        raise ControlError(409, "no standard webhook is set; PUT /twin/webhooks/standard sets one")
    twin, sender = request.twin, request.engine.sender
    return as_json(await sample_notifications.send(twin, sender, endpoint, test.types))


@post("/foreign", status_code=200)
async def post_other_system(request: HttpRequest) -> HttpResponse:
    """Send a notification about a payment of another system on the merchant account."""
    event = read(await request.body(), other_system.OtherSystemEvent)
    return as_json({"pspReference": other_system.send(request.twin, event)})


@get("/clock")
async def get_clock(request: HttpRequest) -> HttpResponse:
    """Report the time."""
    return as_json(reports.of_clock(request.twin))


@post("/clock", status_code=200)
async def post_clock(request: HttpRequest) -> HttpResponse:
    """Advance the clock; answer after everything that became due is done."""
    advance = read(await request.body(), ClockAdvance)
    if not 0 <= advance.advance_s < float("inf"):
        raise ControlError(
            422, "the clock only goes forward: give a number of seconds, 0 or more", "advance_s"
        )
    await request.engine.advance(advance.advance_s)
    return as_json(reports.of_clock(request.twin))


@get("/payments")
async def get_payments(request: HttpRequest) -> HttpResponse:
    """List all payments or those with one merchantReference, newest first."""
    reference, memory = request.query_value("reference"), request.twin.memory
    if reference is not None:
        return as_json(reports.of_payments(memory.payments_with(reference)))
    return as_json(reports.of_payments(list(memory.state.payments.values())))


@get("/payments/{name:str}")
async def get_payment(request: HttpRequest) -> HttpResponse:
    """Report on one payment, found by its pspReference or by that of its offer.

    The offer is what `/payments` answered, before the shopper paid.
    """
    name = request.path_part("name")
    payment = request.twin.memory.payment(name)
    if payment is None:
        hint = "GET /twin/payments lists them by pspReference"
        raise ControlError(404, f"there is no payment {name!r}; {hint}")
    return as_json(reports.of_payment(payment))


@post("/payments/{name:str}/disputes", status_code=200)
async def post_dispute(request: HttpRequest) -> HttpResponse:
    """Send a notification of a dispute, such as CHARGEBACK, for a paid payment."""
    twin = request.twin
    dispute = read(await request.body() or b"{}", disputes.DisputeEvent)
    name = request.path_part("name")
    payment = twin.memory.payment(name)
    if payment is None or payment.psp_reference != name:
        raise ControlError(404, f"there is no payment {name!r}")
    if payment.status is not Status.AUTHORISED:
        raise ControlError(409, f"the payment is {payment.status}: only a paid one can be disputed")
    return as_json({"pspReference": disputes.send(twin, payment, dispute)})


@get("/deliveries")
async def get_deliveries(request: HttpRequest) -> HttpResponse:
    """List the attempts to deliver webhooks, oldest first, and the queues."""
    reference, endpoint = request.query_value("reference"), request.query_value("endpoint")
    return as_json(reports.of_deliveries(request.twin, reference, endpoint))


@get("/knobs")
async def get_knobs(request: HttpRequest) -> HttpResponse:
    """Report every knob."""
    return as_json(request.twin.knobs)


@put("/knobs")
async def put_knobs(request: HttpRequest) -> HttpResponse:
    """Set the given knobs, after those of a `profile`; the others do not change."""
    twin, changes = request.twin, read(await request.body(), dict[str, Any])
    values = msgspec.to_builtins(twin.knobs) | _profile(changes.pop("profile", None)) | changes
    knobs = read(msgspec.json.encode(values), Knobs)
    # The error names only the first unknown rule.
    for name in sorted(knobs.answers.keys() - RULE_NAMES):
        rules = ", ".join(sorted(RULE_NAMES))
        raise ControlError(422, f"no rule is called {name!r}; valid: {rules}", f"answers.{name}")
    twin.knobs = knobs
    return as_json(twin.knobs)


@get("/profiles")
async def get_profiles() -> HttpResponse:
    """List the profiles, and the knobs that each one sets."""
    return as_json({"profiles": {name: dict(knobs) for name, knobs in PROFILES.items()}})


@delete("/knobs", status_code=200)
async def delete_knobs(request: HttpRequest) -> HttpResponse:
    """Reset every knob to its value at the start of the twin."""
    request.twin.knobs = request.twin.initial_knobs
    return as_json(request.twin.knobs)


@get("/faults")
async def get_faults(request: HttpRequest) -> HttpResponse:
    """Report the planned faults, and how often each one matched and was triggered."""
    return as_json(reports.of_faults(request.twin))


@put("/faults")
async def put_faults(request: HttpRequest) -> HttpResponse:
    """Replace all planned faults with those of the body."""
    planned = read(await request.body(), list[AnyFault])
    request.twin.state.faults = [PlannedFault(fault) for fault in planned]
    return as_json(reports.of_faults(request.twin))


@delete("/faults", status_code=200)
async def delete_faults(request: HttpRequest) -> HttpResponse:
    """Remove all planned faults."""
    request.twin.state.faults = []
    return as_json(reports.of_faults(request.twin))


@post("/reset", status_code=200)
async def post_reset(request: HttpRequest) -> HttpResponse:
    """Delete all state except the knobs, the settings of reports, the webhooks and the time."""
    request.twin.reset()
    closing.schedule(request.twin)
    return as_json({"status": "ok"})


def router() -> Router:
    """Return the controls."""
    handlers = [
        get_health,
        put_webhook,
        delete_webhook,
        post_test_notifications,
        *shopper_routes.HANDLERS,
        post_other_system,
        get_clock,
        post_clock,
        get_payments,
        get_payment,
        post_dispute,
        get_deliveries,
        get_knobs,
        put_knobs,
        delete_knobs,
        get_profiles,
        get_faults,
        put_faults,
        delete_faults,
        *report_routes.HANDLERS,
        *world_routes.HANDLERS,
        post_reset,
    ]
    return Router("/twin", route_handlers=handlers, guards=list(callers.GUARDS))


def _profile(name: Any) -> dict[str, Any]:
    """Return the knobs of a profile; none if `name` is None."""
    if name is None:
        return {}
    if not isinstance(name, str) or name not in PROFILES:
        raise ControlError(422, f"no profile {name!r}; valid: {', '.join(PROFILES)}", "profile")
    return dict(PROFILES[cast("ProfileName", name)])


def _webhook_name(request: HttpRequest) -> EndpointName:
    name = request.path_part("name")
    if name not in (STANDARD, TOKENS):
        raise ControlError(404, f"there is no webhook called {name!r}: {STANDARD}, {TOKENS}")
    return name


def _keep_previous_key(endpoint: EndpointSettings, old: Endpoint | None) -> None:
    """Keep the key of the replaced endpoint as the previous key, for the fault `previous_key`."""
    if old is None or endpoint.previous_hmac_key is not None:
        return
    is_new_key = old.hmac_key != endpoint.hmac_key
    endpoint.previous_hmac_key = old.hmac_key if is_new_key else old.previous_hmac_key
