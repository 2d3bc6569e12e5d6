"""A dispute is computed from its facts, in any order."""

from __future__ import annotations

from datetime import timedelta

from fakes import NOW, a_fact, an_intent
from kasir.money import IDR, Money
from kasir.payments.disputes import DisputeStatus
from kasir.payments.facts import DisputeDetails, Says
from kasir.payments.fold import fold

PAID = a_fact(Says.AUTHORISED, "PSP")


def test_a_dispute_without_a_psp_reference_is_shown() -> None:
    bare = a_fact(Says.CHARGED_BACK, "PSP", amount=Money(IDR, 500))
    (dispute,) = fold(an_intent(), [PAID, bare]).disputes

    assert (dispute.status, dispute.amount, dispute.attempt) == (
        DisputeStatus.CHARGED_BACK,
        Money(IDR, 500),
        "PSP",
    )


def test_a_dispute_recorded_before_details_were_kept_is_shown_without_them() -> None:
    old = a_fact(Says.DISPUTE_ANNOUNCED, "PSP", modification="D1")
    (dispute,) = fold(an_intent(), [PAID, old]).disputes

    assert (dispute.name, dispute.reason, dispute.deadline) == ("D1", "", None)
    assert (dispute.opened_at, dispute.is_announced) == (NOW, True)


def test_a_request_for_information_is_not_a_dispute() -> None:
    asked = a_fact(
        Says.NOTED, "PSP", modification="R1", dispute=DisputeDetails(reason="what was bought?")
    )

    assert fold(an_intent(), [PAID, asked]).disputes == ()


def test_the_details_with_the_providers_latest_time_count() -> None:
    def details_at(status: str, days: int) -> DisputeDetails:
        return DisputeDetails(status=status, deadline=NOW + timedelta(days=days))

    early = a_fact(Says.DISPUTE_ANNOUNCED, "PSP", modification="D1", dispute=details_at("Open", 1))
    late = a_fact(
        Says.NOTED,
        "PSP",
        modification="D1",
        dispute=details_at("Pending", 9),
        at=NOW + timedelta(days=2),
    )
    by_order = [fold(an_intent(), facts).disputes for facts in ([early, late], [late, early])]

    assert by_order[0] == by_order[1]
    (dispute,) = by_order[0]
    assert (dispute.provider_status, dispute.deadline) == ("Pending", NOW + timedelta(days=9))
