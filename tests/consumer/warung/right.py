"""Every call of the library as a shop writes it; both type checkers accept each line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from kasir import (
    IDR,
    Browser,
    Channel,
    ChargeRequest,
    DatabaseUnavailable,
    IntervalUnit,
    InvalidRequest,
    Kasir,
    KasirError,
    KeyReused,
    LineItem,
    Money,
    OutcomeUnknown,
    PaymentId,
    PaymentRequest,
    PaymentStatus,
    PlanRequest,
    RecurringModel,
    RefusedByAdyen,
    StillRunning,
    SubscribeRequest,
    SubscriptionStatus,
    SyncKasir,
    When,
    create_app,
)

app = create_app(with_worker=True)


async def buy(kasir: Kasir, order: str, total: int, user_agent: str) -> tuple[str | None, str]:
    """Make a payment; returns the wallet's address and a text for the shopper."""
    request = PaymentRequest(
        reference=order,
        amount=Money(IDR, total),
        return_url=f"https://shop.example/orders/{order}",
        browser=Browser(user_agent=user_agent),
        channel=Channel.WEB,
        shopper_reference="shopper-1",
        save_for=RecurringModel.CARD_ON_FILE,
        expires_at=datetime(2030, 1, 1, tzinfo=UTC),
        line_items=[LineItem(description="Kopi", quantity=1, unit_price=Money(IDR, total))],
        metadata={"basket": "7"},
        more={"shopperEmail": "pembeli@shop.example"},
    )
    try:
        started = await kasir.pay(request, key=f"{order}-1")
    except InvalidRequest as error:
        return None, ", ".join(fault.field for fault in error.faults)
    except OutcomeUnknown as error:
        return None, f"not known yet: {error.payment_id}"
    except (KeyReused, StillRunning) as error:
        return None, error.key
    except RefusedByAdyen as error:
        return None, f"{error.status} {error.code} {error.message}"
    except DatabaseUnavailable:
        return None, "try again later"
    except KasirError as error:
        return None, str(error)
    return started.redirect_url, started.payment.id


async def show(kasir: Kasir, stored_id: str) -> str:
    """What the shopper reads about a payment."""
    payment = await kasir.payment(PaymentId(stored_id))
    if payment.status is PaymentStatus.AUTHORISED:
        left = payment.captured - payment.refunded
        return f"paid {payment.amount}, {left} left, {payment.psp_reference}"
    return "not paid" if payment.status.is_final else f"waiting: {payment.status}"


async def give_back(kasir: Kasir, payment_id: PaymentId) -> str:
    """Refund a part, or capture or cancel the whole."""
    payment = await kasir.payment(payment_id)
    if not payment.captured.minor_units:
        await kasir.capture(payment_id, payment.amount)
        await kasir.cancel(payment_id, key="cancel-1")
    refund = await kasir.refund(payment_id, Money(IDR, 1_000), reference="R-1", key="r-1")
    return refund.psp_reference


async def saved(kasir: Kasir) -> None:
    """Charge the shopper's wallets, and remove those that were refused."""
    for token in await kasir.tokens("shopper-1"):
        if token.is_active and token.model is RecurringModel.SUBSCRIPTION:
            charge = ChargeRequest(
                token=token,
                amount=Money(IDR, 5_000),
                reference="CHARGE-1",
                return_url="https://shop.example/",
            )
            charged = await kasir.charge(charge, key="c-1")
            if charged.payment.status == PaymentStatus.REFUSED:
                await kasir.remove_token(token)


async def subscribe(kasir: Kasir) -> bool:
    """Make a plan, and sign a shopper up."""
    plan = await kasir.make_plan(
        PlanRequest(reference="COFFEE", amount=Money(IDR, 50_000), unit=IntervalUnit.MONTH)
    )
    started = await kasir.subscribe(
        SubscribeRequest(
            plan=plan.id,
            shopper_reference="shopper-1",
            return_url="https://shop.example/",
            browser=Browser(user_agent="Mozilla/5.0"),
        ),
        key="s-1",
    )
    ending = await kasir.cancel_subscription(started.subscription.id, When.PERIOD_END)
    return ending.status in {SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING}


def blocking(order: str) -> list[PaymentStatus]:
    """The same library in a thread."""
    with SyncKasir.open({"ADYEN_ENVIRONMENT": "twin"}) as kasir:
        return [payment.status for payment in kasir.payments(order, limit=3)]


async def main() -> None:
    """Open Kasir, and work until the end."""
    async with Kasir.open() as kasir, asyncio.TaskGroup() as tasks:
        stop = asyncio.Event()
        tasks.create_task(kasir.work(stop))
        print(await buy(kasir, "ORDER-1", 25_000, "Mozilla/5.0"))  # noqa: T201
        stop.set()
    print(await show(app.kasir, "pay_1"))  # noqa: T201
