"""Every change tells how it ended: each kind, both ends, asked for through Kasir or elsewhere."""

from __future__ import annotations

from typing import Any, Final

import pytest

from fakes import a_question
from integration.shop_events.account import Sold
from kasir.adyen.replies import Answer
from kasir.payments.question import Kind
from kasir.wiring import Kasir


@pytest.fixture
def sold(kasir: Kasir) -> Sold:
    return Sold(kasir)


def _told(code: str, *, success: bool = True, **more: Any) -> dict[str, Any]:
    return {"eventCode": code, "success": str(success).lower(), **more}


_AS_CANCEL: Final[dict[str, Any]] = {"additionalData": {"modification.action": "cancel"}}
_AS_REFUND: Final[dict[str, Any]] = {"additionalData": {"modification.action": "refund"}}

#: A change, what Adyen tells of it, and what the shop is told.
ENDS: Final = [
    (Kind.CAPTURES, [_told("CAPTURE")], ["capture.succeeded"]),
    (Kind.CAPTURES, [_told("CAPTURE", success=False)], ["capture.failed"]),
    (
        Kind.CAPTURES,
        [_told("CAPTURE"), _told("CAPTURE_FAILED")],
        ["capture.succeeded", "capture.failed"],
    ),
    (Kind.REFUNDS, [_told("REFUND")], ["refund.succeeded"]),
    (Kind.REFUNDS, [_told("REFUND", success=False)], ["refund.failed"]),
    (
        Kind.REFUNDS,
        [_told("REFUND"), _told("REFUND_FAILED")],
        ["refund.succeeded", "refund.failed"],
    ),
    (
        Kind.REFUNDS,
        [_told("REFUND"), _told("REFUNDED_REVERSED")],
        ["refund.succeeded", "refund.reversed"],
    ),
    (Kind.CANCELS, [_told("CANCELLATION")], ["payment.cancelled"]),
    (Kind.CANCELS, [_told("CANCELLATION", success=False)], ["cancel.failed"]),
    (Kind.REVERSALS, [_told("CANCEL_OR_REFUND", **_AS_CANCEL)], ["payment.cancelled"]),
    (Kind.REVERSALS, [_told("CANCEL_OR_REFUND", **_AS_REFUND)], ["refund.succeeded"]),
    (Kind.REVERSALS, [_told("CANCEL_OR_REFUND", success=False)], ["refund.failed"]),
    (Kind.CANCELS_BY_REFERENCE, [_told("TECHNICAL_CANCEL")], ["payment.cancelled"]),
    (Kind.CANCELS_BY_REFERENCE, [_told("TECHNICAL_CANCEL", success=False)], ["cancel.failed"]),
]
NAMES: Final = [f"{kind}: {' then '.join(events)}" for kind, _, events in ENDS]
#: A cancel by reference names no payment until the answer to our own call does.
OF_ONE_PAYMENT: Final = pytest.mark.parametrize(
    ("kind", "tells", "wanted"),
    [end for end in ENDS if end[0] is not Kind.CANCELS_BY_REFERENCE],
    ids=[name for name in NAMES if not name.startswith(Kind.CANCELS_BY_REFERENCE)],
)


@pytest.mark.parametrize(("kind", "tells", "wanted"), ENDS, ids=NAMES)
async def test_a_change_made_through_kasir_tells_how_it_ended(
    sold: Sold, kind: Kind, tells: list[dict[str, Any]], wanted: list[str]
) -> None:
    is_manual = kind is not Kind.REFUNDS
    intent, psp = await sold.paid(captures_itself=not is_manual)
    if kind is Kind.REVERSALS and "refund" in wanted[0]:
        await sold.hears(sold.psp(), originalReference=psp, **_told("CAPTURE"))
    before = await sold.news(intent)
    name = await sold.asks(kind, psp)
    for told in tells:
        await sold.hears(name, originalReference=psp, **told)
        await sold.hears(name, originalReference=psp, **told)  # Adyen may say it twice.

    assert (await sold.news(intent))[len(before) :] == wanted


@OF_ONE_PAYMENT
async def test_a_change_made_elsewhere_tells_how_it_ended(
    sold: Sold, kind: Kind, tells: list[dict[str, Any]], wanted: list[str]
) -> None:
    intent, psp = await sold.paid(captures_itself=kind is Kind.REFUNDS)
    name = sold.psp()
    for told in tells:
        await sold.hears(name, originalReference=psp, **told)

    assert await sold.news(intent) == wanted


async def test_a_cancel_by_reference_made_elsewhere_tells_that_it_was_done(sold: Sold) -> None:
    intent, psp = await sold.paid(captures_itself=False)
    await sold.hears(sold.psp(), originalReference=psp, **_told("TECHNICAL_CANCEL"))

    assert await sold.news(intent) == ["payment.cancelled"]


@OF_ONE_PAYMENT
async def test_an_end_told_before_the_payment_is_known_as_paid_is_told_too(
    sold: Sold, kind: Kind, tells: list[dict[str, Any]], wanted: list[str]
) -> None:
    intent = await sold.opens(captures_itself=kind is Kind.REFUNDS)
    psp, name = sold.psp(), sold.psp()
    await sold.hears(name, originalReference=psp, **tells[-1])
    await sold.hears(psp, echo=intent.id)
    await sold.kasir.reader.read_all()

    # What is cancelled by then was never paid, as far as the shop is concerned.
    assert (await sold.news(intent))[-1:] == wanted[-1:]


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
async def test_a_change_that_adyen_refuses_after_silence_tells_that_it_failed(
    sold: Sold, kind: Kind, event: str
) -> None:
    intent, psp = await sold.paid(captures_itself=kind is Kind.REFUNDS)
    silence = await sold.silent(kind, psp)
    before = await sold.news(intent)
    flow = sold.changes("", REFUSED).flow
    await flow.ask_again(silence.key)  # As a worker does, when its hour comes.

    assert (before, await sold.news(intent)) == ([], [event])


async def test_what_adyen_refuses_at_once_is_told_by_the_answer_alone(sold: Sold) -> None:
    intent, psp = await sold.paid(captures_itself=False)
    await sold.asks(Kind.CAPTURES, psp, REFUSED)

    assert await sold.news(intent) == []


async def test_a_cancel_of_kasirs_own_that_finds_nothing_is_no_news(sold: Sold) -> None:
    intent = await sold.opens()
    question = a_question(
        key="kasir-close-1",
        kind=Kind.CANCELS_BY_REFERENCE,
        payment_id=intent.id,
        path="/cancels",
        body=b"{}",
    )
    await sold.kasir.payments.open_change(question, lambda _: [], None)
    name = sold.psp()
    await sold.answers(question, Answer(201, f'{{"pspReference":"{name}"}}'.encode()))
    await sold.hears(name, **_told("TECHNICAL_CANCEL", success=False))
    (fact,) = [one for one in (await sold.payment(intent)).facts if one.says == "cancel_rejected"]

    assert fact.modification == name
    assert await sold.told(intent) == []
