"""Examples of the acts on deliveries, notices, shoppers, subscriptions, plans and links."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from desk_client import Person
from desk_examples import Example
from fakes import NOW
from integration.shop_events.event_setup import SECRET
from kasir.ids import LinkId
from kasir.money import IDR, Money
from kasir.payments.links import Link
from kasir.subscriptions.plan import Interval, Plan, PlanId, Unit
from kasir.wiring import Parts

#: Addresses at which nobody listens; no worker runs in these tests.
_ADDRESSES: Final = {
    "KASIR_EVENTS_URL": "http://127.0.0.1:9/events",
    "KASIR_EVENTS_SECRET": SECRET,
    "KASIR_RELAY_URL": "http://127.0.0.1:9/adyen",
}


def parts_of(person: Person) -> Parts:
    """The parts of the app that a person's browser calls."""
    parts: Parts = person.http._transport.app.state.parts  # type: ignore[attr-defined]  # noqa: SLF001
    return parts


async def _event(person: Person) -> None:
    await parts_of(person).pool.execute(
        "INSERT INTO event (name, subject, type, at, payload, tries, given_up_at)"
        " VALUES ('evt_1', 'pay_1', 'payment.authorised', now(), '', 1, now())"
    )


async def _notice(person: Person) -> None:
    await parts_of(person).pool.execute(
        "INSERT INTO notice (key, kind, item, received_at, event_code, names, state)"
        " VALUES ('k', 'standard', '', now(), 'AUTHORISATION', '{PSP1}', 'held')"
    )


async def _token(person: Person) -> None:
    """Store a token that is disabled already, because no Adyen answers here."""
    parts = parts_of(person)
    await parts.pool.execute(
        "INSERT INTO token (id, merchant_account, shopper_reference, stored_hash, sealed_id,"
        " method, created_at, state) VALUES ('tok_1', 'TwinMerchant', 'shopper-1', 'hash', $1,"
        " 'gopay_wallet', now(), 'disabled')",
        parts.notices.vault.seal(b"TOKEN1"),
    )


async def _plan(person: Person) -> None:
    plan = Plan(
        id=PlanId("pln_1"),
        reference="coffee",
        amount=Money(IDR, 50_000),
        trial_amount=Money(IDR, 1),
        interval=Interval(Unit.MONTH, 1),
        created_at=NOW,
    )
    await parts_of(person).subscriptions.add_plan(plan)


async def _subscription(person: Person) -> None:
    await _plan(person)
    await parts_of(person).pool.execute(
        "INSERT INTO subscription (id, plan_id, reference, shopper_reference, return_url,"
        " created_at, state, minor_units, settled_period, begun_at, anchor, anchor_period)"
        " VALUES ('sub_1', 'pln_1', 'SUB-1', 'shopper-1', 'https://shop.example/', now(),"
        " 'active', 50000, 1, now(), now(), 1)"
    )


async def _paused(person: Person) -> None:
    await _subscription(person)
    await parts_of(person).pool.execute("UPDATE subscription SET state = 'paused'")


async def _paused_address(person: Person) -> None:
    await person.post("/desk/deliveries/addresses/relay/pause")


async def _link(person: Person) -> None:
    request = {"reference": "BY-HAND-1", "amount": {"currency": "IDR", "value": 25_000}}
    now = parts_of(person).clock.now()
    link = Link(
        id=LinkId("PL_1"), request=request, created_at=now, expires_at=now + timedelta(days=1)
    )
    await parts_of(person).links.book.open(link, None)


_SUBSCRIPTION: Final = "/desk/subscriptions/sub_1"
_CONFIRMED: Final = {"confirmed": "yes"}
EXAMPLES: Final = (
    Example("delivery.resend", "/desk/deliveries/evt_1/resend", {}, _event, _ADDRESSES),
    Example(
        "delivery.resend_since",
        "/desk/deliveries/resend",
        {"since": "2026-11-23T10:00", **_CONFIRMED},
        _event,
        _ADDRESSES,
    ),
    Example("address.pause", "/desk/deliveries/addresses/events/pause"),
    Example("address.resume", "/desk/deliveries/addresses/relay/resume", {}, _paused_address),
    Example("notice.replay", "/desk/notices/1/replay", {}, _notice),
    Example("token.disable", "/desk/tokens/tok_1/disable", _CONFIRMED, _token),
    Example("plan.create", "/desk/plans/create", {"reference": "tea", "amount": "1", **_CONFIRMED}),
    Example(
        "subscription.sign_up",
        "/desk/plans/pln_1/sign_up",
        {"shopperReference": "shopper-1", "returnUrl": "https://shop.example/"},
        _plan,
    ),
    Example("subscription.cancel", f"{_SUBSCRIPTION}/cancel", _CONFIRMED, _subscription),
    Example("subscription.pause", f"{_SUBSCRIPTION}/pause", _CONFIRMED, _subscription),
    Example("subscription.resume", f"{_SUBSCRIPTION}/resume", _CONFIRMED, _paused),
    Example(
        "subscription.change",
        f"{_SUBSCRIPTION}/change",
        {"amount": "60.000", **_CONFIRMED},
        _subscription,
    ),
    Example("link.create", "/desk/links/create", {"reference": "BY-HAND-2", "amount": "25000"}),
    Example("link.withdraw", "/desk/links/PL_1/withdraw", _CONFIRMED, _link),
)
