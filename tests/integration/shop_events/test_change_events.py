"""Every change of a payment has an event for its result, made through Kasir or elsewhere."""

from __future__ import annotations

from typing import Any, Final

import pytest

from fakes import a_question
from integration.shop_events.account import PaidAccount
from kasir.adyen.replies import Answer
from kasir.payments.question import Kind
from kasir.wiring import Parts


@pytest.fixture
def account(kasir: Parts) -> PaidAccount:
    return PaidAccount(kasir)


def _notification(code: str, *, success: bool = True, **more: Any) -> dict[str, Any]:
    return {"eventCode": code, "success": str(success).lower(), **more}


_AS_CANCEL: Final[dict[str, Any]] = {"additionalData": {"modification.action": "cancel"}}
_AS_REFUND: Final[dict[str, Any]] = {"additionalData": {"modification.action": "refund"}}

#: The kind of a change, Adyen's notifications of it, and the events that follow.
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
#: Without cancels by reference, which only the answer to Kasir's own call relates to a payment.
CHANGES_OF_ONE_PAYMENT: Final = pytest.mark.parametrize(
    ("kind", "notifications", "expected"),
    [result for result in RESULTS if result[0] is not Kind.CANCELS_BY_REFERENCE],
    ids=[name for name in NAMES if not name.startswith(Kind.CANCELS_BY_REFERENCE)],
)


@pytest.mark.parametrize(("kind", "notifications", "expected"), RESULTS, ids=NAMES)
async def test_a_change_through_kasir_has_an_event_for_its_result(
    account: PaidAccount, kind: Kind, notifications: list[dict[str, Any]], expected: list[str]
) -> None:
    # Only a refund needs a captured payment.
    intent, psp = await account.create_paid(captures_itself=kind is Kind.REFUNDS)
    if kind is Kind.REVERSALS and "refund" in expected[0]:  # A captured payment is refunded.
        await account.receives(account.psp(), originalReference=psp, **_notification("CAPTURE"))
    before = await account.events(intent)
    change_psp = await account.request_change(kind, psp)
    for notification in notifications:
        await account.receives(change_psp, originalReference=psp, **notification)
        # Adyen may send a notification twice.
        await account.receives(change_psp, originalReference=psp, **notification)

    assert (await account.events(intent))[len(before) :] == expected


@CHANGES_OF_ONE_PAYMENT
async def test_a_change_made_elsewhere_has_an_event_for_its_result(
    account: PaidAccount, kind: Kind, notifications: list[dict[str, Any]], expected: list[str]
) -> None:
    intent, psp = await account.create_paid(captures_itself=kind is Kind.REFUNDS)
    change_psp = account.psp()
    for notification in notifications:
        await account.receives(change_psp, originalReference=psp, **notification)

    assert await account.events(intent) == expected


async def test_a_cancel_by_reference_made_elsewhere_has_an_event(account: PaidAccount) -> None:
    intent, psp = await account.create_paid(captures_itself=False)
    await account.receives(
        account.psp(), originalReference=psp, **_notification("TECHNICAL_CANCEL")
    )

    assert await account.events(intent) == ["payment.cancelled"]


@CHANGES_OF_ONE_PAYMENT
async def test_a_result_received_before_the_authorisation_has_an_event(
    account: PaidAccount, kind: Kind, notifications: list[dict[str, Any]], expected: list[str]
) -> None:
    intent = await account.open_payment(captures_itself=kind is Kind.REFUNDS)
    psp, change_psp = account.psp(), account.psp()
    await account.receives(change_psp, originalReference=psp, **notifications[-1])
    await account.receives(psp, echo=intent.id)
    await account.kasir.reader.read_all()

    # A payment that was cancelled by then counts as never paid.
    assert (await account.events(intent))[-1:] == expected[-1:]


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
    account: PaidAccount, kind: Kind, event: str
) -> None:
    intent, psp = await account.create_paid(captures_itself=kind is Kind.REFUNDS)
    question = await account.request_without_answer(kind, psp)
    before = await account.events(intent)
    flow = account.change_requests("", REFUSED).flow
    await flow.ask_again(question.key)  # The worker does this when the retry is due.

    assert (before, await account.events(intent)) == ([], [event])


async def test_a_change_that_adyen_refuses_in_its_first_answer_has_no_event(
    account: PaidAccount,
) -> None:
    intent, psp = await account.create_paid(captures_itself=False)
    await account.request_change(Kind.CAPTURES, psp, REFUSED)

    assert await account.events(intent) == []


async def test_a_cancel_by_kasir_that_finds_no_payment_has_no_event(account: PaidAccount) -> None:
    intent = await account.open_payment()
    question = a_question(
        key="kasir-close-1",
        kind=Kind.CANCELS_BY_REFERENCE,
        payment_id=intent.id,
        path="/cancels",
        body=b"{}",
    )
    await account.kasir.payments.open_change(question, lambda _: [], None)
    change_psp = account.psp()
    await account.answers(question, Answer(201, f'{{"pspReference":"{change_psp}"}}'.encode()))
    await account.receives(change_psp, **_notification("TECHNICAL_CANCEL", success=False))
    facts = (await account.payment(intent)).facts
    (fact,) = [fact for fact in facts if fact.says == "cancel_rejected"]

    assert fact.modification == change_psp
    assert await account.all_events(intent) == []
