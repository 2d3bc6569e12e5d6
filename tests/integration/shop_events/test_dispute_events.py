"""Events of disputes have the reason and the deadline, in any order of the notifications."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import permutations
from typing import Any, Final

import pytest

from integration.shop_events.account import PaidAccount
from kasir.payments.facts import DisputeDetails
from kasir.payments.payment import Intent
from kasir.payments.status import Status
from kasir.shop_events.shapes import shown
from kasir.wiring import Parts

DEADLINE: Final = "2026-12-18T10:15:30+01:00"
ANNOUNCED: Final[dict[str, Any]] = {
    "eventCode": "NOTIFICATION_OF_CHARGEBACK",
    "eventDate": "2026-11-23T10:00:00+00:00",
    "reason": "Goods not received",
    "additionalData": {
        "chargebackReasonCode": " 4853",
        "defensePeriodEndsAt": DEADLINE,
        "disputeStatus": "Unresponded",
        "defendable": "true",
    },
}
CHARGED_BACK: Final[dict[str, Any]] = {
    "eventCode": "CHARGEBACK",
    "eventDate": "2026-11-24T10:00:00+00:00",
    "reason": "Goods not received",
    "additionalData": {"disputeStatus": "Undefended"},
}
ANSWERED: Final[dict[str, Any]] = {
    "eventCode": "INFORMATION_SUPPLIED",
    "eventDate": "2026-11-25T10:00:00+00:00",
    "additionalData": {"disputeStatus": "Pending"},
}
WON: Final[dict[str, Any]] = {
    "eventCode": "CHARGEBACK_REVERSED",
    "eventDate": "2026-11-26T10:00:00+00:00",
    "additionalData": {"disputeStatus": "Won"},
}
LOST: Final[dict[str, Any]] = {
    "eventCode": "SECOND_CHARGEBACK",
    "eventDate": "2026-11-27T10:00:00+00:00",
    "additionalData": {"disputeStatus": "Lost"},
}


@pytest.fixture
def account(kasir: Parts) -> PaidAccount:
    return PaidAccount(kasir)


async def _data_of_event(account: PaidAccount, intent: Intent, kind: str) -> dict[str, Any]:
    """The data of the payment's only event of a type."""
    names = await account.kasir.pool.fetch(
        "SELECT name FROM event WHERE subject = $1 AND type = $2", intent.id, kind
    )
    every = await account.kasir.events.after(None, limit=10_000)
    (event,) = [one for one in every if one.name in {row["name"] for row in names}]
    data: dict[str, Any] = json.loads(event.payload)["data"]
    return data


async def test_the_event_of_a_dispute_has_its_reason_deadline_and_status(
    account: PaidAccount,
) -> None:
    intent, psp = await account.create_paid()
    dispute_psp = account.psp()
    await account.receives(dispute_psp, originalReference=psp, **ANNOUNCED)
    (dispute,) = (await _data_of_event(account, intent, "payment.dispute_opened"))["disputes"]

    assert await account.events(intent) == ["payment.dispute_opened"]
    assert dispute == {
        "reference": dispute_psp,
        "amount": {"currency": "IDR", "value": 25_000},
        "status": "open",
        "openedAt": "2026-11-23T10:00:00Z",
        "pspReference": psp,
        "reason": "Goods not received",
        "reasonCode": "4853",
        "deadline": DEADLINE,
        "disputeStatus": "Unresponded",
    }


@pytest.mark.parametrize(
    ("notifications", "status", "adyen_status", "charged_back"),
    [
        ((ANNOUNCED,), "open", "Unresponded", 0),
        ((ANNOUNCED, CHARGED_BACK), "charged_back", "Undefended", 25_000),
        ((ANNOUNCED, CHARGED_BACK, ANSWERED), "charged_back", "Pending", 25_000),
        ((ANNOUNCED, CHARGED_BACK, ANSWERED, WON), "reversed", "Won", 0),
        ((ANNOUNCED, CHARGED_BACK, WON, LOST), "lost", "Lost", 25_000),
    ],
    ids=["open", "charged back", "answered", "reversed", "lost"],
)
async def test_the_status_of_a_dispute_does_not_depend_on_the_order_of_its_notifications(
    account: PaidAccount,
    notifications: tuple[dict[str, Any], ...],
    status: str,
    adyen_status: str,
    charged_back: int,
) -> None:
    for order in [*permutations(notifications)][:8]:  # Eight orders are enough.
        intent, psp = await account.create_paid()
        dispute_psp = account.psp()
        for notification in order:
            await account.receives(dispute_psp, originalReference=psp, **notification)
        view = shown(await account.payment(intent))
        (dispute,) = view.disputes

        assert (dispute.status, dispute.dispute_status) == (status, adyen_status)
        assert (dispute.deadline, dispute.reason_code) == (
            datetime.fromisoformat(DEADLINE),
            "4853",
        )
        assert view.charged_back == charged_back
        assert (await account.events(intent)).count("payment.dispute_opened") == 1


async def test_a_dispute_received_before_the_authorisation_has_events_after_it(
    account: PaidAccount,
) -> None:
    intent = await account.open_payment()
    psp, dispute_psp = account.psp(), account.psp()
    await account.receives(dispute_psp, originalReference=psp, **CHARGED_BACK)
    await account.receives(dispute_psp, originalReference=psp, **ANNOUNCED)
    events_before = await account.all_events(intent)
    await account.receives(psp, echo=intent.id)
    await account.kasir.reader.read_all()
    (dispute,) = (await account.payment(intent)).summary.disputes

    assert events_before == []
    assert await account.status(intent) is Status.AUTHORISED
    assert dispute.status == "charged_back"
    assert sorted(await account.all_events(intent)) == [
        "payment.authorised",
        "payment.charged_back",
        "payment.dispute_opened",
    ]


async def test_a_chargeback_of_zero_has_an_event_too(account: PaidAccount) -> None:
    intent, psp = await account.create_paid()
    nothing = {"currency": "IDR", "value": 0}
    await account.receives(account.psp(), originalReference=psp, **CHARGED_BACK, amount=nothing)

    assert await account.events(intent) == ["payment.charged_back"]


async def test_two_disputes_of_one_payment_have_an_event_each(account: PaidAccount) -> None:
    intent, psp = await account.create_paid()
    first, second = account.psp(), account.psp()
    part = {"currency": "IDR", "value": 10_000}
    await account.receives(first, originalReference=psp, **ANNOUNCED, amount=part)
    later = ANNOUNCED | {"eventDate": "2026-11-24T10:00:00+00:00"}
    await account.receives(second, originalReference=psp, **later, amount=part)
    disputes = (await account.payment(intent)).summary.disputes

    assert await account.events(intent) == ["payment.dispute_opened"] * 2
    assert [one.name for one in disputes] == [first, second]


@pytest.mark.parametrize("deadline", ["soon", "", "2026-12-18", "2026-12-18T10:15:30"])
async def test_a_deadline_that_cannot_be_parsed_is_left_out_of_the_event(
    account: PaidAccount, deadline: str
) -> None:
    intent, psp = await account.create_paid()
    extra = {"defensePeriodEndsAt": deadline}
    await account.receives(
        account.psp(), originalReference=psp, **ANNOUNCED | {"additionalData": extra}
    )
    (dispute,) = (await account.payment(intent)).summary.disputes
    details = [fact.dispute for fact in (await account.payment(intent)).facts if fact.dispute]

    assert await account.events(intent) == ["payment.dispute_opened"]
    assert (dispute.deadline, dispute.reason, dispute.provider_status) == (
        None,
        "Goods not received",
        "",
    )
    assert details == [DisputeDetails(reason="Goods not received")]
