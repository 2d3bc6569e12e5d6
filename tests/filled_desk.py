"""A desk with something on each of its pages, in front of an Adyen that accepts every change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from desk_client import OpenDesk, open_desk
from fake_server import FakeServer, plain, serving
from fakes import OTHER_KEY, FrozenClock, a_fact, a_question, an_intent
from integration.reconciliation.reconciliation_setup import Reconciler
from integration.relay.relay_setup import notify
from integration.shop_events.account import PaidAccount
from integration.shop_events.event_setup import SECRET
from integration.shop_events.test_dispute_events import ANNOUNCED
from kasir.ids import PaymentId
from kasir.money import IDR, Money
from kasir.payments.facts import Says, Source
from kasir.people.roles import Role
from opened_kasir import a_database
from report_files import settled

#: Eight in the evening in Jakarta, so that today's payments are spread over the day.
EVENING: Final = datetime.fromisoformat("2026-11-23T20:00:00+07:00")
SHOPPER: Final = "shopper-203"
#: The things that a walk acts on.
PAYMENT: Final = "pay_KOPI1041"
SUBSCRIPTION: Final = "sub_KOPI"
NOTICE_PSP: Final = "HELD4TCBQ2VX9NK3"
BATCH: Final = 112
#: How the payments ended; every tenth of them is refused.
_ENDS: Final = (*(Says.AUTHORISED,) * 9, Says.REFUSED)
_AMOUNTS: Final = (25_000, 48_000, 125_000, 32_500, 64_000, 1_250_000, 18_000)
#: Today's payments; there are as many on the same weekday last week.
_PAYMENTS_A_DAY: Final = 24
#: The payments of the other days of two weeks.
_PAYMENTS_BEFORE: Final = 52
_SETTLED: Final = (1001, 1002, 1003, 1004)
#: The changes of subscriptions: the day before today, the states before and after, and the change.
_MOVES: Final = (
    *((day, "incomplete", "active", "activated") for day in (29, 29, 27, 26, 22, 19, 14, 9, 4, 1)),
    *((day, "active", "cancelled", "cancelled") for day in (15, 3)),
    *((day, "active", "past_due", "fell_behind") for day in (12, 8)),
    (6, "past_due", "active", "recovered"),
)


@dataclass(frozen=True, slots=True)
class FilledDesk:
    """A desk with something on each page.

    Attributes:
        desk: The desk, with the people `sari` (admin), `budi` (may act) and `tono` (may see).
        adyen: The Adyen that was asked for changes.
        addresses: The address of one thing, by the route of its page.
    """

    desk: OpenDesk
    adyen: FakeServer
    addresses: dict[str, str]


@asynccontextmanager
async def filled_desk(server: str) -> AsyncIterator[FilledDesk]:
    """Open a desk on a database of its own, and put something on each page."""
    environ = {
        "KASIR_EVENTS_URL": "http://127.0.0.1:9/events",
        "KASIR_EVENTS_SECRET": SECRET,
        "KASIR_RELAY_URL": "http://127.0.0.1:9/adyen",
        "ADYEN_TOKEN_HMAC_KEY": OTHER_KEY,
        "KASIR_SHOP_NAME": "Warung Kopi Sari",
    }
    async with (
        serving() as adyen,
        a_database(server) as database,
        open_desk(database, FrozenClock(EVENING), ADYEN_TWIN_URL=adyen.url, **environ) as desk,
    ):
        adyen.handler = plain(201, b'{"status": "received", "pspReference": "REFUND7Q2VX9NK3T"}')
        for name, role in (("sari", Role.ADMIN), ("budi", Role.ACT), ("tono", Role.VIEW)):
            await desk.person(name, role)
        await _pay(desk)
        await _notify(desk)
        await _subscribe(desk)
        await _reconcile(desk)
        yield FilledDesk(desk, adyen, await _addresses(desk))


async def _pay(desk: OpenDesk) -> None:
    """Store the payments of today, of the same weekday last week, and of the days between."""
    for number in range(_PAYMENTS_A_DAY):
        await _payment(desk, 1041 - number, EVENING - timedelta(minutes=7 + 29 * number))
        await _payment(desk, 1017 - number, EVENING - timedelta(days=7, minutes=31 * number))
    for number in range(_PAYMENTS_BEFORE):
        day = timedelta(days=1 + number % 13)
        await _payment(desk, 993 - number, EVENING - day - timedelta(minutes=11 * number))
    await desk.parts.pool.execute(
        "INSERT INTO event_try (event_id, at, status) SELECT id, $1, 503 FROM event"
        " WHERE subject = $2",
        EVENING - timedelta(minutes=5),
        PAYMENT,
    )
    await desk.parts.pool.execute(
        "UPDATE event SET due_at = NULL, given_up_at = $1 WHERE subject = $2", EVENING, PAYMENT
    )


async def _payment(desk: OpenDesk, number: int, at: datetime) -> None:
    """Store a payment that ended a minute after it began."""
    name, end = f"pay_KOPI{number}", _ENDS[number % len(_ENDS)]
    amount = Money(IDR, _AMOUNTS[number % len(_AMOUNTS)])
    intent = an_intent(
        name,
        reference=f"KOPI-{number}",
        amount=amount,
        shopper_reference=SHOPPER if number == 1041 else f"shopper-{number % 37 + 200}",
        created_at=at,
        close_at=at + timedelta(hours=1),
    )
    body = {
        "reference": intent.reference,
        "amount": {"currency": IDR, "value": amount.minor_units},
        "paymentMethod": {"type": "gopay_wallet"},
        "shopperReference": intent.shopper_reference,
    }
    question = a_question(name, opened_at=at, asked_at=at, body=json.dumps(body).encode())
    await desk.parts.payments.open(intent, question, None)
    psp_reference = f"GK7Q2VX9NK3T{number}"
    facts = [
        a_fact(Says.AWAITING_SHOPPER, psp_reference, source=Source.REPLY, at=at),
        a_fact(end, psp_reference, at=at + timedelta(minutes=1), amount=amount),
    ]
    await desk.parts.payments.add_facts(PaymentId(name), facts)


async def _notify(desk: OpenDesk) -> None:
    """Receive a notice that is held, one of another system, and one of a dispute."""
    parts = desk.parts
    await notify(parts, NOTICE_PSP, merchantReference="KOPI-1039", eventDate="yesterday")
    await notify(parts, "FOREIGN2VX9NK3TQ", merchantReference="TABLE-14")
    account = PaidAccount(parts)
    account.reference = "KOPI-0998"
    _, psp = await account.create_paid()
    await account.receives(account.psp(), originalReference=psp, **ANNOUNCED)
    await parts.reader.read_all()


async def _subscribe(desk: OpenDesk) -> None:
    """Store a saved GoPay, a plan, a subscription with an unpaid period, and a link."""
    parts = desk.parts
    await parts.pool.execute(
        "INSERT INTO token (id, merchant_account, shopper_reference, stored_hash, sealed_id,"
        " method, created_at, state) VALUES ('tok_KOPI', 'TwinMerchant', $1, 'hash', $2,"
        " 'gopay_wallet', $3, 'active')",
        SHOPPER,
        parts.notices.vault.seal(b"TOKEN1"),
        EVENING - timedelta(days=31),
    )
    plan = await parts.subscribing.make_plan(
        b'{"reference": "kopi-bulanan", "amount": {"currency": "IDR", "value": 99000},'
        b' "interval": {"unit": "month"}}'
    )
    await parts.pool.execute(
        "INSERT INTO subscription (id, plan_id, reference, shopper_reference, return_url,"
        " created_at, state, minor_units, settled_period, begun_at, anchor, anchor_period,"
        " token_id, behind_since) VALUES ($4, $1, 'KOPI-BULANAN-17', $2,"
        " 'https://shop.example/', $3, 'past_due', 99000, 1, $3, $3, 1, 'tok_KOPI', $3)",
        plan.id,
        SHOPPER,
        EVENING - timedelta(days=31),
        SUBSCRIPTION,
    )
    await parts.pool.execute(
        "INSERT INTO renewal (subscription_id, period, due_at, currency, minor_units, reference,"
        " outcome, next_try) VALUES ($3, 2, $1, 'IDR', 99000, 'KOPI-BULANAN-17-p2', 'open', $2)",
        EVENING,
        EVENING + timedelta(days=1),
        SUBSCRIPTION,
    )
    await _move(desk)
    await parts.links.create(
        b'{"reference": "KOPI-PESTA", "amount": {"currency": "IDR", "value": 1250000},'
        b' "description": "Kopi untuk pesta, 40 orang"}'
    )


async def _move(desk: OpenDesk) -> None:
    """Store what became of subscriptions in the last month; the charts show it."""
    paying = ("active", "past_due")
    await desk.parts.pool.executemany(
        "INSERT INTO subscription_change"
        " (subscription_id, at, was, now_is, move, monthly_was, monthly_now)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (
                SUBSCRIPTION,
                EVENING - timedelta(days=day),
                was,
                now,
                move,
                99_000 * (was in paying),
                99_000 * (now in paying),
            )
            for day, was, now, move in _MOVES
        ],
    )


async def _reconcile(desk: OpenDesk) -> None:
    """Reconcile a batch in which one payment has another amount and one is not Kasir's."""
    reconciler = Reconciler(desk.parts, FrozenClock(EVENING))
    rows = []
    for number in _SETTLED:
        amount = _AMOUNTS[number % len(_AMOUNTS)]
        given = amount - 1_000 * (number == _SETTLED[-1])
        rows.append(
            settled(f"GK7Q2VX9NK3T{number}", given, amount // 50)
            | {"Merchant Reference": f"KOPI-{number}"}
        )
    rows.append(settled("GK7Q2VX9NK3T0001", 40_000, 800) | {"Merchant Reference": "TABLE-9"})
    await reconciler.give_batch(rows, BATCH)


async def _addresses(desk: OpenDesk) -> dict[str, str]:
    """The address of one thing, by the route of its page."""
    pool = desk.parts.pool
    event = await pool.fetchval("SELECT name FROM event WHERE subject = $1", PAYMENT)
    notice = await pool.fetchval("SELECT id FROM notice WHERE names = ARRAY[$1]", NOTICE_PSP)
    link = await pool.fetchval("SELECT max(id) FROM payment_link")
    life = await desk.parts.payment_lives.life(PAYMENT)
    message = next(entry.message for entry in life.entries if entry.message)
    return {
        "/desk/payments/{payment_id:str}": f"/desk/payments/{PAYMENT}",
        "/desk/payments/{payment_id:str}/messages/{message_id:str}": (
            f"/desk/payments/{PAYMENT}/messages/{message}"
        ),
        "/desk/deliveries/{delivery_id:str}": f"/desk/deliveries/{event}",
        "/desk/notices/{notice_id:str}": f"/desk/notices/{notice}",
        "/desk/subscriptions/{subscription_id:str}": f"/desk/subscriptions/{SUBSCRIPTION}",
        "/desk/links/{link_id:str}": f"/desk/links/{link}",
        "/desk/payouts/{batch:str}": f"/desk/payouts/{BATCH}",
    }
