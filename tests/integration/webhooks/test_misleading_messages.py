"""Messages that look like those of another payment, or that arrive in an unusual order."""

from __future__ import annotations

import json
import secrets

import pytest

from fakes import KEY, NOW, a_question, an_intent, envelope, notification_item
from integration.webhooks.test_attribution import PRICE, Account
from kasir.adyen.replies import Answer
from kasir.adyen.signing import key_from_hex
from kasir.money import IDR, Money
from kasir.payments.status import Status
from kasir.webhooks.receiving import receive
from kasir.wiring import Parts


@pytest.fixture
def account(kasir: Parts) -> Account:
    return Account(kasir)


#: Less than the amount that the payments of these tests have.
WRONG_AMOUNT = {"currency": "IDR", "value": 1}


async def test_a_payment_with_another_amount_stays_pending_after_the_shopper_returns(
    account: Account,
) -> None:
    ours = await account.open_payment()
    psp = account.psp()
    await account.receives(psp, echo=ours.id, amount=WRONG_AMOUNT)
    before = await account.status(ours)
    await account.shopper_returns(psp)
    payment = await account.payment(ours)
    events = await account.all_events(ours)
    assert (before, payment.status) == (Status.PENDING, Status.PENDING)
    assert "payment.authorised" not in events


async def test_a_payment_stays_pending_when_another_amount_follows_the_return(
    account: Account,
) -> None:
    ours = await account.open_payment()
    psp = account.psp()
    await account.shopper_returns(psp)
    await account.receives(psp, echo=ours.id, amount=WRONG_AMOUNT)
    payment = await account.payment(ours)
    events = await account.all_events(ours)
    assert payment.status is Status.PENDING
    assert "payment.authorised" not in events


async def test_a_failed_cancel_of_another_system_is_at_some_time_not_read_again(
    account: Account,
) -> None:
    ours = await account.open_payment()
    psp, cancel = account.psp(), account.psp()
    await account.receives(psp, echo=ours.id)
    await account.receives(
        cancel, eventCode="TECHNICAL_CANCEL", success="false", originalReference=psp
    )
    was_read = []
    for _ in range(12):
        before = await _version_of_notice(account, cancel)
        await account.kasir.reader.read_all()
        was_read.append(await _version_of_notice(account, cancel) != before)
    assert was_read[6:] == [False] * 6


async def _version_of_notice(account: Account, psp: str) -> str:
    """A text that changes each time the notice with this pspReference is written."""
    version: str = await account.kasir.pool.fetchval(
        "SELECT read_at::text || xmin::text FROM notice WHERE $1 = ANY (names)", psp
    )
    return version


async def test_a_second_open_payment_older_than_the_newest_hundred_is_considered(
    account: Account,
) -> None:
    await account.open_payment()
    for _ in range(100):
        closed = await account.open_payment()
        await account.receives(account.psp(), echo=closed.id, success="false", reason="Refused")
    new = await account.open_payment()
    # The notification has no payment id: the old payment or the new one may be paid.
    psp = account.psp()
    await account.receives(psp)
    assert await account.status(new) is Status.AWAITING_SHOPPER
    assert (await account.notice(psp))[0] == "held"


@pytest.mark.parametrize("newer", ["refused", "open"])
async def test_a_cancel_by_reference_cancels_the_payment_that_adyen_names(
    account: Account, newer: str
) -> None:
    paid = await account.open_payment()
    psp = account.psp()
    await account.receives(psp, echo=paid.id)
    other = await account.open_payment()
    if newer == "refused":
        await account.receives(account.psp(), echo=other.id, success="false", reason="Refused")
    body = json.dumps({"paymentReference": account.reference}).encode()
    kasir = account.kasir
    await kasir.changes.cancel_by_reference(body, 72, None)  # Adyen does not answer this call.
    key = await kasir.pool.fetchval(
        "SELECT key FROM question WHERE kind = 'cancels_by_reference' AND payment_id = ANY ($1)",
        [paid.id, other.id],
    )
    question, _ = await kasir.payments.question(key)
    cancel = account.psp()
    answer_body = json.dumps(
        {"status": "received", "pspReference": cancel, "paymentReference": account.reference}
    ).encode()
    await account.answers(question, Answer(201, answer_body))
    await account.receives(
        cancel, echo=paid.id, eventCode="TECHNICAL_CANCEL", originalReference=psp
    )
    assert await account.status(paid) is Status.CANCELLED


async def test_reading_notices_in_one_batch_has_the_same_result_as_one_by_one(
    account: Account,
) -> None:
    outcomes = []
    for in_one_batch in (False, True):
        account.reference = f"ORDER-{secrets.token_hex(6)}"
        ours = await account.open_payment()
        psp = account.psp()
        await account.posts(account.psp(), echo=ours.id, eventCode="CANCELLATION")
        if not in_one_batch:
            await account.kasir.reader.read_all()
        await account.posts(psp)
        await account.kasir.reader.read_all()
        outcomes.append((await account.status(ours), (await account.notice(psp))[0]))
    assert outcomes[0] == outcomes[1]


async def test_a_foreign_notification_gives_an_event_for_at_most_one_paid_payment(
    account: Account,
) -> None:
    paid = [await account.open_payment() for _ in range(30)]
    for ours in paid:
        await account.receives(account.psp(), echo=ours.id)
    await account.receives(account.psp())
    events = [(await account.all_events(ours)).count("payment.needs_attention") for ours in paid]
    assert sum(events) <= 1


async def test_a_payment_in_another_currency_is_not_authorised_by_a_return(
    account: Account,
) -> None:
    """Adyen's answer about the return has no amount; the notification has one in dollars."""
    ours = await account.open_payment()
    psp = account.psp()
    await account.shopper_returns(psp)
    await account.receives(psp, echo=ours.id, amount={"currency": "USD", "value": PRICE})
    assert await account.status(ours) is not Status.AUTHORISED


async def test_a_refund_of_an_attempt_with_another_amount_is_not_counted(account: Account) -> None:
    ours = await account.open_payment()
    psp = account.psp()
    await account.receives(psp, echo=ours.id, amount=WRONG_AMOUNT)
    await account.receives(account.psp(), eventCode="CAPTURE", originalReference=psp)
    await account.receives(
        account.psp(), eventCode="REFUND", originalReference=psp, amount=WRONG_AMOUNT
    )
    payment = await account.payment(ours)
    assert payment.summary.refunded.minor_units == 0


async def test_a_signed_reference_outranks_a_payment_id_that_is_not_signed(
    account: Account,
) -> None:
    """Somebody added Kasir's payment id to the signed notification of a card payment."""
    ours = await account.open_payment()
    psp = account.psp()
    item = notification_item(
        pspReference=psp,
        merchantReference="CARD-9",
        paymentMethod="visa",
        amount={"currency": "IDR", "value": PRICE},
    )
    item["additionalData"]["metadata.kasirPaymentId"] = ours.id
    await receive(
        envelope(item),
        is_form=False,
        keys=[key_from_hex(KEY)],
        inbox=account.kasir.inbox,
        received_at=NOW,
    )
    await account.kasir.reader.read_all()
    assert await account.status(ours) is Status.AWAITING_SHOPPER


async def test_a_renewal_with_another_amount_stays_pending_after_the_answer_to_its_call(
    account: Account,
) -> None:
    """The notification arrives before the answer to the call, and the answer has no amount."""
    ours = an_intent(
        f"pay_{account.psp()}",
        amount=Money(IDR, PRICE),
        reference=account.reference,
        created_at=account.kasir.clock.now(),
    )
    question = a_question(ours.id)
    await account.kasir.payments.open(ours, question, None)
    psp = account.psp()
    await account.receives(psp, echo=ours.id, amount=WRONG_AMOUNT)
    body = f'{{"resultCode":"Authorised","pspReference":"{psp}"}}'
    await account.answers(question, Answer(200, body.encode()))
    assert await account.status(ours) is Status.PENDING


async def test_one_cancel_cancels_both_attempts_of_a_payment(account: Account) -> None:
    ours = await account.open_payment()
    first, second, cancel = account.psp(), account.psp(), account.psp()
    for psp in (first, second):
        await account.receives(psp, echo=ours.id)
    for psp in (first, second):
        await account.receives(
            cancel, echo=ours.id, eventCode="TECHNICAL_CANCEL", originalReference=psp
        )
    payment = await account.payment(ours)
    assert payment.status is Status.CANCELLED
