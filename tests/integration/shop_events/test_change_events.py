"""Every change of a payment has an event for its result, made through Kasir or elsewhere."""

from __future__ import annotations

from typing import Any, Final

import pytest

from fakes import a_question
from integration.shop_events.account import Sold
from kasir.adyen.replies import Answer
from kasir.payments.question import Kind
from kasir.wiring import Parts


@pytest.fixture
def sold(kasir: Parts) -> Sold:
    return Sold(kasir)


def _notification(code: str, *, success: bool = True, **more: Any) -> dict[str, Any]:
    return {"eventCode": code, "success": str(success).lower(), **more}


_AS_CANCEL: Final[dict[str, Any]] = {"additionalData": {"modification.action": "cancel"}}
_AS_REFUND: Final[dict[str, Any]] = {"additionalData": {"modification.action": "refund"}}

#: A change, Adyen's notifications of it, and the events that the shop gets.
RESULTS: Final = [
    (Kind.CAPTURES, [_notification("CAPTURE")], ["capture.succeeded"]),
    (Kind.CAPTURES, [_notification("CAPTURE", success=False)], ["capture.failed"]),
    (
        Kind.CAPTURES,
        [_notification("CAPTURE"), _notification("CAPTURE_FAILED")],
        ["capture.succeeded", "capture.failed"],
    ),
    (Kind.REFUNDS, [_notification("REFUND")], ["refund.succeeded"]),
    (Kind.REFUNDS, [_notification("REFUND", success=False)], ["refund.failed"]),
    (
        Kind.REFUNDS,
        [_notification("REFUND"), _notification("REFUND_FAILED")],
        ["refund.succeeded", "refund.failed"],
    ),
    (
        Kind.REFUNDS,
        [_notification("REFUND"), _notification("REFUNDED_REVERSED")],
        ["refund.succeeded", "refund.reversed"],
    ),
    (Kind.CANCELS, [_notification("CANCELLATION")], ["payment.cancelled"]),
    (Kind.CANCELS, [_notification("CANCELLATION", success=False)], ["cancel.failed"]),
    (Kind.REVERSALS, [_notification("CANCEL_OR_REFUND", **_AS_CANCEL)], ["payment.cancelled"]),
    (Kind.REVERSALS, [_notification("CANCEL_OR_REFUND", **_AS_REFUND)], ["refund.succeeded"]),
    (Kind.REVERSALS, [_notification("CANCEL_OR_REFUND", success=False)], ["refund.failed"]),
    (Kind.CANCELS_BY_REFERENCE, [_notification("TECHNICAL_CANCEL")], ["payment.cancelled"]),
    (
        Kind.CANCELS_BY_REFERENCE,
        [_notification("TECHNICAL_CANCEL", success=False)],
        ["cancel.failed"],
    ),
]
NAMES: Final = [f"{kind}: {' then '.join(events)}" for kind, _, events in RESULTS]
#: Without cancels by reference: only the answer to our own call relates them to a payment.
OF_ONE_PAYMENT: Final = pytest.mark.parametrize(
    ("kind", "notifications", "expected"),
    [one for one in RESULTS if one[0] is not Kind.CANCELS_BY_REFERENCE],
    ids=[name for name in NAMES if not name.startswith(Kind.CANCELS_BY_REFERENCE)],
)


@pytest.mark.parametrize(("kind", "notifications", "expected"), RESULTS, ids=NAMES)
async def test_a_change_through_kasir_has_an_event_for_its_result(
    sold: Sold, kind: Kind, notifications: list[dict[str, Any]], expected: list[str]
) -> None:
    is_manual = kind is not Kind.REFUNDS
    intent, psp = await sold.paid(captures_itself=not is_manual)
    if kind is Kind.REVERSALS and "refund" in expected[0]:
        await sold.receives(sold.psp(), originalReference=psp, **_notification("CAPTURE"))
    before = await sold.events(intent)
    change_psp = await sold.request_change(kind, psp)
    for notification in notifications:
        await sold.receives(change_psp, originalReference=psp, **notification)
        # Adyen may send a notification twice.
        await sold.receives(change_psp, originalReference=psp, **notification)

    assert (await sold.events(intent))[len(before) :] == expected


@OF_ONE_PAYMENT
async def test_a_change_made_elsewhere_has_an_event_for_its_result(
    sold: Sold, kind: Kind, notifications: list[dict[str, Any]], expected: list[str]
) -> None:
    intent, psp = await sold.paid(captures_itself=kind is Kind.REFUNDS)
    change_psp = sold.psp()
    for notification in notifications:
        await sold.receives(change_psp, originalReference=psp, **notification)

    assert await sold.events(intent) == expected


async def test_a_cancel_by_reference_made_elsewhere_has_an_event(sold: Sold) -> None:
    intent, psp = await sold.paid(captures_itself=False)
    await sold.receives(sold.psp(), originalReference=psp, **_notification("TECHNICAL_CANCEL"))

    assert await sold.events(intent) == ["payment.cancelled"]


@OF_ONE_PAYMENT
async def test_a_result_received_before_the_authorisation_has_an_event(
    sold: Sold, kind: Kind, notifications: list[dict[str, Any]], expected: list[str]
) -> None:
    intent = await sold.open_payment(captures_itself=kind is Kind.REFUNDS)
    psp, change_psp = sold.psp(), sold.psp()
    await sold.receives(change_psp, originalReference=psp, **notifications[-1])
    await sold.receives(psp, echo=intent.id)
    await sold.kasir.reader.read_all()

    # A payment that was cancelled by then counts as never paid.
    assert (await sold.events(intent))[-1:] == expected[-1:]


REFUSED: Final = Answer(
    422, b'{"status":422,"errorCode":"167","errorType":"validation","message":"not found"}'
)


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        (Kind.CAPTURES, "capture.failed"),
        (Kind.REFUNDS, "refund.failed"),
        (Kind.CANCELS, "cancel.failed"),
        (Kind.REVERSALS, "refund.failed"),
    ],
)
async def test_a_change_that_adyen_refuses_after_a_timeout_has_a_failure_event(
    sold: Sold, kind: Kind, event: str
) -> None:
    intent, psp = await sold.paid(captures_itself=kind is Kind.REFUNDS)
    question = await sold.request_without_answer(kind, psp)
    before = await sold.events(intent)
    flow = sold.change_requests("", REFUSED).flow
    await flow.ask_again(question.key)  # The worker does this when the retry is due.

    assert (before, await sold.events(intent)) == ([], [event])


async def test_a_change_that_adyen_refuses_in_its_first_answer_has_no_event(sold: Sold) -> None:
    intent, psp = await sold.paid(captures_itself=False)
    await sold.request_change(Kind.CAPTURES, psp, REFUSED)

    assert await sold.events(intent) == []


async def test_a_cancel_by_kasir_that_finds_no_payment_has_no_event(sold: Sold) -> None:
    intent = await sold.open_payment()
    question = a_question(
        key="kasir-close-1",
        kind=Kind.CANCELS_BY_REFERENCE,
        payment_id=intent.id,
        path="/cancels",
        body=b"{}",
    )
    await sold.kasir.payments.open_change(question, lambda _: [], None)
    change_psp = sold.psp()
    await sold.answers(question, Answer(201, f'{{"pspReference":"{change_psp}"}}'.encode()))
    await sold.receives(change_psp, **_notification("TECHNICAL_CANCEL", success=False))
    (fact,) = [one for one in (await sold.payment(intent)).facts if one.says == "cancel_rejected"]

    assert fact.modification == change_psp
    assert await sold.all_events(intent) == []
