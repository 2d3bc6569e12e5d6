"""The typed calls of the library: what they return, and which error each failure raises."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from fake_server import plain, serving
from integration.python_api.python_shop import RETURN_URL, request, settings, shop_with
from kasir import (
    IDR,
    Browser,
    ChargeRequest,
    DatabaseReadOnly,
    DatabaseUnavailable,
    IntervalUnit,
    InvalidRequest,
    Kasir,
    KeyReused,
    LineItem,
    Money,
    NotFound,
    NotOpen,
    OutcomeUnknown,
    PaymentId,
    PaymentStatus,
    PlanRequest,
    RecurringModel,
    RefundStatus,
    RefusedByAdyen,
    ResultCode,
    ReturnedShopper,
    SubscribeRequest,
    SubscriptionId,
    SubscriptionStatus,
    When,
    create_app,
)
from kasir.adyen.calls import OWN_VERSION
from kasir.payments.facts import Fact, Says, Source
from kasir.python_api.client import kasir_of
from kasir.wiring import Parts
from opened_kasir import NOWHERE, kasir_on
from twin_fixtures import RunningTwin


async def test_a_payment_is_made_returned_refunded_and_read(
    twin: RunningTwin, fresh_database: str
) -> None:
    async with shop_with(twin, fresh_database) as shop:
        items = [LineItem(description="Kopi", quantity=1, unit_price=Money(IDR, 25_000))]
        started = await shop.kasir.pay(request(line_items=items, metadata={"a": "b"}), key="1")
        again = await shop.kasir.pay(request(line_items=items, metadata={"a": "b"}), key="1")
        assert started.redirect_url
        done = await twin.shopper(started.redirect_url)
        result = parse_qs(urlsplit(done["location"]).query)["redirectResult"][0]
        returned = await shop.kasir.returned(result)
        paid = await shop.until(
            started.payment.id, lambda payment: payment.status is PaymentStatus.AUTHORISED
        )
        asked = await shop.kasir.refund(paid.id, Money(IDR, 10_000), reference="R-1", key="r-1")
        await twin.settle(3600)
        refunded = await shop.until(paid.id, lambda payment: bool(payment.refunded.minor_units))
        listed = await shop.kasir.payments("ORDER-1")

    assert again == started
    assert started.payment.status is PaymentStatus.AWAITING_SHOPPER
    assert returned.result_code is ResultCode.AUTHORISED
    assert paid.amount == Money(IDR, 25_000)
    assert paid.psp_reference == returned.psp_reference == done["pspReference"]
    assert asked.payment_id == paid.id
    assert (refunded.refunded, refunded.captured) == (Money(IDR, 10_000), Money(IDR, 25_000))
    assert [(each.reference, each.status) for each in refunded.refunds] == [
        (asked.psp_reference, RefundStatus.SUCCEEDED)
    ]
    assert listed == [refunded]


async def test_a_payment_with_manual_capture_is_captured_or_cancelled(
    twin: RunningTwin, fresh_database: str
) -> None:
    await twin.control("PUT", "knobs", {"capture": "manual"})
    async with shop_with(twin, fresh_database) as shop:
        paid = []
        for name in ("CAPTURED", "CANCELLED"):
            started = await shop.kasir.pay(request(reference=name, manual_capture=True))
            await twin.shopper(started.redirect_url or "")
            paid.append(
                await shop.until(
                    started.payment.id, lambda payment: payment.status is PaymentStatus.AUTHORISED
                )
            )
        await shop.kasir.capture(paid[0].id, Money(IDR, 20_000))
        await shop.kasir.cancel(paid[1].id)
        await twin.settle(3600)
        captured = await shop.until(paid[0].id, lambda one: bool(one.captured.minor_units))
        cancelled = await shop.until(paid[1].id, lambda one: one.status is PaymentStatus.CANCELLED)

    assert captured.captured == Money(IDR, 20_000)
    assert cancelled.captured == Money(IDR, 0)


async def test_a_wallet_is_saved_charged_and_removed(
    twin: RunningTwin, fresh_database: str
) -> None:
    async with shop_with(twin, fresh_database) as shop:
        saving = request(save_for=RecurringModel.SUBSCRIPTION, shopper_reference="shopper-1")
        started = await shop.kasir.pay(saving)
        await twin.shopper(started.redirect_url or "")
        while not (tokens := await shop.kasir.tokens("shopper-1")):
            await twin.settle()
        charge = ChargeRequest(
            token=tokens[0],
            amount=Money(IDR, 5_000),
            reference="CHARGE-1",
            return_url=RETURN_URL,
        )
        charged = await shop.kasir.charge(charge, key="c-1")
        await shop.until(charged.payment.id, lambda one: one.status is PaymentStatus.AUTHORISED)
        await shop.kasir.remove_token(tokens[0])
        (removed,) = await shop.kasir.tokens("shopper-1")
        with pytest.raises(InvalidRequest, match="disabled"):
            await shop.kasir.charge(charge, key="c-2")

    assert (tokens[0].is_active, removed.is_active) == (True, False)
    assert tokens[0].model is RecurringModel.SUBSCRIPTION
    assert tokens[0].stored_id not in repr(tokens[0])
    assert charged.redirect_url is None


async def test_a_shopper_subscribes_and_the_subscription_is_paused_and_cancelled(
    twin: RunningTwin, fresh_database: str
) -> None:
    async with shop_with(twin, fresh_database) as shop:
        kasir = shop.kasir
        plan = await kasir.make_plan(
            PlanRequest(reference="COFFEE", amount=Money(IDR, 50_000), unit=IntervalUnit.MONTH)
        )
        sign_up = SubscribeRequest(
            plan=plan.id,
            shopper_reference="shopper-2",
            return_url=RETURN_URL,
            browser=Browser(user_agent="Mozilla/5.0"),
        )
        started = await kasir.subscribe(sign_up, key="s-1")
        subscription_id = started.subscription.id
        await twin.shopper(started.redirect_url or "")
        while (now := await kasir.subscription(subscription_id)).status is (
            SubscriptionStatus.INCOMPLETE
        ):
            await twin.settle()
        planned = await kasir.cancel_subscription(subscription_id, When.PERIOD_END)
        withdrawn = await kasir.cancel_subscription(subscription_id, When.NEVER)
        paused = await kasir.pause_subscription(subscription_id)
        resumed = await kasir.resume_subscription(subscription_id)
        ended = await kasir.cancel_subscription(subscription_id)

    assert started.subscription.status is SubscriptionStatus.INCOMPLETE
    assert now.status is SubscriptionStatus.ACTIVE
    assert (planned.cancel_at, withdrawn.cancel_at) == (now.paid_until, None)
    assert (paused.status, resumed.status, ended.status) == (
        SubscriptionStatus.PAUSED,
        SubscriptionStatus.ACTIVE,
        SubscriptionStatus.CANCELLED,
    )


async def test_each_wrong_call_raises_the_error_of_its_class(
    twin: RunningTwin, fresh_database: str
) -> None:
    async with Kasir.open(settings(fresh_database, twin.url)) as kasir:
        started = await kasir.pay(request(), key="one")
        with pytest.raises(KeyReused):
            await kasir.pay(request(reference="ORDER-2"), key="one")
        with pytest.raises(InvalidRequest) as invalid:
            await kasir.pay(request(amount=Money(IDR, 0), browser=None))
        with pytest.raises(NotFound):
            await kasir.payment(PaymentId("pay_1"))
        with pytest.raises(InvalidRequest, match="nothing is paid"):
            await kasir.refund(started.payment.id, Money(IDR, 1))
        with pytest.raises(RefusedByAdyen):
            await kasir.returned("no-such-result")

    assert [fault.field for fault in invalid.value.faults] == ["browserInfo", "amount.value"]


async def test_a_payment_that_adyen_does_not_answer_is_unknown_and_has_an_id(
    fresh_database: str,
) -> None:
    async with Kasir.open(settings(fresh_database, NOWHERE)) as kasir:
        with pytest.raises(OutcomeUnknown) as unknown:
            await kasir.pay(request(), key="one")
        (payment,) = await kasir.payments("ORDER-1")

    assert unknown.value.payment_id == payment.id
    assert payment.status is PaymentStatus.UNKNOWN


async def test_a_sign_up_that_adyen_does_not_answer_names_its_subscription(
    fresh_database: str,
) -> None:
    async with Kasir.open(settings(fresh_database, NOWHERE)) as kasir:
        sign_up = await _sign_up(kasir)
        with pytest.raises(OutcomeUnknown) as unknown:
            await kasir.subscribe(sign_up, key="s-1")
        subscription_id = unknown.value.subscription_id
        assert subscription_id
        stored = await kasir.subscription(SubscriptionId(subscription_id))

    assert stored.shopper_reference == sign_up.shopper_reference
    assert subscription_id in str(unknown.value)


async def test_a_call_that_cannot_read_what_it_made_names_it(
    postgres_dsn: str, fresh_database: str
) -> None:
    name = urlsplit(fresh_database).path.removeprefix("/")
    connection = await asyncpg.connect(fresh_database)
    try:
        await connection.execute(f"ALTER DATABASE {name} SET lock_timeout = '50ms'")
        async with serving() as adyen, Kasir.open(settings(fresh_database, adyen.url)) as kasir:
            adyen.handler = plain(200, b'{"resultCode":"Pending"}')
            sign_up = await _sign_up(kasir)
            started = await kasir.pay(request(), key="one")
            signed_up = await kasir.subscribe(sign_up, key="s-1")
            async with connection.transaction():
                await connection.execute("LOCK TABLE fact, renewal")
                with pytest.raises(OutcomeUnknown) as paid:
                    await kasir.pay(request(), key="one")
                with pytest.raises(OutcomeUnknown) as subscribed:
                    await kasir.subscribe(sign_up, key="s-1")
    finally:
        await connection.close()

    assert paid.value.payment_id == started.payment.id
    assert subscribed.value.subscription_id == signed_up.subscription.id


async def test_a_call_is_repeated_with_its_key_after_an_upgrade_and_another_attempt(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving() as adyen,
        kasir_on(fresh_database, ADYEN_TWIN_URL=adyen.url) as parts,
    ):
        kasir = kasir_of(parts)
        adyen.handler = plain(200, b'{"resultCode":"Authorised","pspReference":"PSP-B"}')
        sign_up = await _sign_up(kasir)
        paid = (await kasir.pay(request(), key="one")).payment
        subscribed = await kasir.subscribe(sign_up, key="s-1")
        await _authorise(parts, paid.id, "PSP-B")
        adyen.handler = plain(201, b'{"status":"received","pspReference":"PSP-C"}')
        refund = await kasir.refund(paid.id, Money(IDR, 1_000), key="r-1")
        await _authorise(parts, paid.id, "PSP-A")
        now = await kasir.payment(paid.id)
        for module in ("kasir.adyen.calls", "kasir.requests.subscriptions"):
            monkeypatch.setattr(f"{module}.OWN_VERSION", OWN_VERSION + 1)
        sent = len(adyen.asked)
        paid_again = await kasir.pay(request(), key="one")
        refund_again = await kasir.refund(paid.id, Money(IDR, 1_000), key="r-1")
        subscribed_again = await kasir.subscribe(sign_up, key="s-1")

    assert (now.psp_reference, len(adyen.asked)) == ("PSP-A", sent)
    assert paid_again.payment.id == paid.id
    assert refund_again == refund
    assert subscribed_again.subscription.id == subscribed.subscription.id


async def test_a_return_with_another_result_code_or_without_an_answer_is_no_error(
    fresh_database: str,
) -> None:
    async def returned(status: int, body: bytes) -> ReturnedShopper:
        adyen.handler = plain(status, body)
        return await kasir.returned(f"result-{len(adyen.asked)}")

    async with serving() as adyen, Kasir.open(settings(fresh_database, adyen.url)) as kasir:
        other = await returned(200, b'{"resultCode":"ChallengeShopper","pspReference":"PSP-1"}')
        unanswered = [await returned(200, b"{}"), await returned(500, b"")]

    assert other == ReturnedShopper(result_code=ResultCode.OTHER, psp_reference="PSP-1")
    assert [each.result_code for each in unanswered] == [ResultCode.RECEIVED] * 2


@pytest.mark.parametrize("limit", [-1, 2**63])
async def test_a_limit_that_is_out_of_range_is_an_invalid_request(
    fresh_database: str, limit: int
) -> None:
    async with Kasir.open(settings(fresh_database, NOWHERE)) as kasir:
        with pytest.raises(InvalidRequest, match="limit"):
            await kasir.payments("ORDER-1", limit=limit)
        none = await kasir.payments("ORDER-1", limit=0)

    assert none == []


async def test_a_database_that_takes_no_writes_has_an_error_of_its_own(
    fresh_database: str,
) -> None:
    name = urlsplit(fresh_database).path.removeprefix("/")
    setting = "default_transaction_read_only"
    connection = await asyncpg.connect(fresh_database)
    async with kasir_on(fresh_database) as parts:
        try:
            await connection.execute(f"ALTER DATABASE {name} SET {setting} = on")
            await parts.pool.expire_connections()
            with pytest.raises(DatabaseReadOnly, match="no writes"):
                await kasir_of(parts).pay(request(), key="one")
        finally:
            await connection.execute(f"ALTER DATABASE {name} RESET {setting}")
            await connection.close()
            await parts.pool.expire_connections()


async def test_a_closed_kasir_raises_that_its_database_is_unavailable(fresh_database: str) -> None:
    async with Kasir.open(settings(fresh_database, NOWHERE)) as kasir:
        pass
    with pytest.raises(DatabaseUnavailable):
        await kasir.payments("ORDER-1")


async def _sign_up(kasir: Kasir) -> SubscribeRequest:
    """Make a plan; returns a sign-up to it."""
    plan = await kasir.make_plan(
        PlanRequest(reference="COFFEE", amount=Money(IDR, 50_000), unit=IntervalUnit.MONTH)
    )
    return SubscribeRequest(
        plan=plan.id,
        shopper_reference="shopper-2",
        return_url=RETURN_URL,
        browser=Browser(user_agent="Mozilla/5.0"),
    )


async def _authorise(parts: Parts, payment_id: PaymentId, psp_reference: str) -> None:
    """Record that an attempt of a payment is authorised."""
    now = datetime.now(UTC)
    amount = Money(IDR, 25_000)
    fact = Fact(
        key=f"test:{psp_reference}",
        says=Says.AUTHORISED,
        source=Source.NOTIFICATION,
        at=now,
        about=psp_reference,
        psp_reference=psp_reference,
        amount=amount,
    )
    await parts.payments.add_facts(payment_id, [fact])


async def test_a_payment_that_adyen_refuses_has_adyens_code_and_message(
    fresh_database: str,
) -> None:
    reply = b'{"status":422,"errorCode":"130","message":"Bad","errorType":"validation"}'
    async with serving() as adyen:
        adyen.handler = plain(422, reply)
        async with Kasir.open(settings(fresh_database, adyen.url)) as kasir:
            with pytest.raises(RefusedByAdyen, match="422 130: Bad") as refused:
                await kasir.pay(request())
            (payment,) = await kasir.payments("ORDER-1")

    assert (refused.value.status, refused.value.code) == (422, "130")
    assert refused.value.payment_id == payment.id
    assert payment.status is PaymentStatus.FAILED


async def test_a_database_that_goes_away_is_an_error_without_its_address(
    postgres_dsn: str, fresh_database: str
) -> None:
    name = urlsplit(fresh_database).path.removeprefix("/")
    async with Kasir.open(settings(fresh_database, NOWHERE)) as kasir:
        connection = await asyncpg.connect(postgres_dsn)
        try:
            await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
            )
            with pytest.raises(DatabaseUnavailable) as away:
                await kasir.payments("ORDER-1")
        finally:
            await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await connection.close()

    assert name not in str(away.value)


async def test_a_mounted_app_has_a_kasir_during_its_lifespan_only(fresh_database: str) -> None:
    app = create_app(settings(fresh_database, NOWHERE))
    with pytest.raises(NotOpen):
        _ = app.kasir
    async with app.lifespan():
        listed = await app.kasir.payments("ORDER-1")
    with pytest.raises(NotOpen):
        _ = app.kasir

    assert listed == []


async def test_an_app_that_cannot_open_its_database_reports_that_to_the_server() -> None:
    app = create_app(settings("postgresql://127.0.0.1:9/none", NOWHERE), with_worker=True)
    sent: list[dict[str, str]] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, str]) -> None:
        sent.append(message)

    with pytest.RaisesGroup(DatabaseUnavailable):
        await app({"type": "lifespan"}, receive, send)

    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    with pytest.raises(NotOpen):
        _ = app.kasir
