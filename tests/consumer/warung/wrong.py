"""One wrong use in each marked line; `mypy: code, pyright: rule` is the error it must have."""

from __future__ import annotations

import kasir as library
from kasir import (
    IDR,
    Browser,
    ChargeRequest,
    Kasir,
    Money,
    PaymentId,
    PaymentRequest,
    PaymentStatus,
    RecurringModel,
    SubscribeRequest,
    Subscription,
    SubscriptionStatus,
    SyncKasir,
)

from kasir import Kassir  # mypy: attr-defined, pyright: reportAttributeAccessIssue
from kasir import open  # mypy: attr-defined, pyright: reportAttributeAccessIssue


async def statuses(kasir: Kasir, payment_id: PaymentId, subscription: Subscription) -> None:
    payment = await kasir.payment(payment_id)
    if payment.status == "authorised":  # mypy: comparison-overlap, pyright: reportUnnecessaryComparison
        pass
    if payment.status == "authorized":  # mypy: comparison-overlap, pyright: reportUnnecessaryComparison
        pass
    if payment.status is SubscriptionStatus.ACTIVE:  # mypy: comparison-overlap, pyright: reportUnnecessaryComparison
        pass
    if subscription.status == "active":  # mypy: comparison-overlap, pyright: reportUnnecessaryComparison
        pass
    PaymentStatus.AUTHORIZED  # mypy: attr-defined, pyright: reportAttributeAccessIssue
    payment.status = PaymentStatus.AUTHORISED  # mypy: misc, pyright: reportAttributeAccessIssue
    payment.psp_refrence  # mypy: attr-defined, pyright: reportAttributeAccessIssue
    payment.amount + 1  # mypy: operator, pyright: reportOperatorIssue
    (await kasir.tokens("shopper-1")).stored_id  # mypy: attr-defined, pyright: reportAttributeAccessIssue


async def keys(kasir: Kasir, charge: ChargeRequest, sign_up: SubscribeRequest) -> None:
    await kasir.charge(charge)  # mypy: call-arg, pyright: reportCallIssue
    await kasir.subscribe(sign_up)  # mypy: call-arg, pyright: reportCallIssue


async def calls(kasir: Kasir, request: PaymentRequest, payment_id: PaymentId) -> None:
    kasir.pay(request)  # mypy: unused-coroutine, pyright: reportUnusedCoroutine
    await kasir.pay({"reference": "ORDER-1"})  # mypy: arg-type, pyright: reportArgumentType
    await kasir.pay(request, "key-1")  # mypy: call-arg, pyright: reportCallIssue
    await kasir.payment("ORDER-1")  # mypy: arg-type, pyright: reportArgumentType
    await kasir.refund(payment_id, 25_000)  # mypy: arg-type, pyright: reportArgumentType
    await kasir.refund(payment_id)  # mypy: call-arg, pyright: reportCallIssue
    await kasir.charge("TOKEN", key="c-1")  # mypy: arg-type, pyright: reportArgumentType
    await kasir.cancel_subscription(payment_id)  # mypy: arg-type, pyright: reportArgumentType
    await kasir.refnud(payment_id, Money(IDR, 1))  # mypy: attr-defined, pyright: reportAttributeAccessIssue
    library.pay(request)  # mypy: attr-defined, pyright: reportAttributeAccessIssue
    library.create_app(worker=True)  # mypy: call-arg, pyright: reportCallIssue
    with Kasir.open():  # mypy: attr-defined, pyright: reportGeneralTypeIssues
        pass
    SyncKasir.open().pay(request)  # mypy: attr-defined, pyright: reportAttributeAccessIssue


def requests(browser: Browser, amount: Money) -> None:
    Money("IDR", 25_000)  # mypy: arg-type, pyright: reportArgumentType
    Money(IDR, 25_000.0)  # mypy: arg-type, pyright: reportArgumentType
    PaymentRequest(reference="O-1", amount=25_000, return_url="https://s.example/")  # mypy: arg-type, pyright: reportArgumentType
    PaymentRequest(reference="O-1", amount=amount)  # mypy: call-arg, pyright: reportCallIssue
    PaymentRequest(refrence="O-1", amount=amount, return_url="https://s.example/")  # mypy: call-arg, pyright: reportCallIssue
    PaymentRequest(reference="O-1", amount=amount, return_url="", channel="web")  # mypy: arg-type, pyright: reportArgumentType
    PaymentRequest(reference="O-1", amount=amount, return_url="", save_for="Subscription")  # mypy: arg-type, pyright: reportArgumentType
    PaymentRequest("O-1", amount, "https://s.example/")  # mypy: call-arg, pyright: reportCallIssue
    RecurringModel.UNSCHEDULED  # mypy: attr-defined, pyright: reportAttributeAccessIssue
    ChargeRequest(token="T", amount=amount, reference="C-1", return_url="")  # mypy: arg-type, pyright: reportArgumentType
