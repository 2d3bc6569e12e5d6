"""The status of a link follows from its payments and the time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fakes import NOW, a_fact, an_intent
from kasir.ids import LinkId
from kasir.payments import fold
from kasir.payments.facts import Says
from kasir.payments.links import Link, LinkStatus, link_status
from kasir.payments.payment import Payment

ENDS = NOW + timedelta(days=1)


def link(*, withdrawn: bool = False, **request: Any) -> Link:
    return Link(
        id=LinkId("PL_1"),
        request=request,
        created_at=NOW,
        expires_at=ENDS,
        expired_by_shop_at=NOW if withdrawn else None,
    )


def a_payment(says: Says) -> Payment:
    return fold.payment(an_intent(), [a_fact(says, "PSP-A", about="call")])


def test_a_new_link_is_active_until_its_time_runs_out() -> None:
    tick = timedelta(microseconds=1)

    assert link_status(link(), [], NOW) == LinkStatus.ACTIVE
    assert link_status(link(), [], ENDS - tick) == LinkStatus.ACTIVE
    assert link_status(link(), [], ENDS) == LinkStatus.EXPIRED


def test_a_link_that_the_shop_withdrew_is_expired_at_once() -> None:
    assert link_status(link(withdrawn=True), [], NOW) == LinkStatus.EXPIRED


@pytest.mark.parametrize("now", [NOW, ENDS + timedelta(days=99)])
@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_paid_link_stays_completed(now: Any, withdrawn: bool) -> None:
    payments = [a_payment(Says.REFUSED), a_payment(Says.AUTHORISED)]

    assert link_status(link(withdrawn=withdrawn), payments, now) == LinkStatus.COMPLETED


def test_a_reusable_link_can_be_paid_again() -> None:
    assert link_status(link(reusable=True), [a_payment(Says.AUTHORISED)], NOW) == LinkStatus.ACTIVE
    assert (
        link_status(link(reusable=True), [a_payment(Says.AUTHORISED)], ENDS) == LinkStatus.EXPIRED
    )


@pytest.mark.parametrize("says", [Says.PENDING, Says.UNKNOWN])
def test_a_link_is_pending_while_the_status_of_a_payment_is_not_final(says: Says) -> None:
    assert link_status(link(), [a_payment(says)], NOW) == LinkStatus.PAYMENT_PENDING


@pytest.mark.parametrize("says", [Says.REFUSED, Says.CANCELLED, Says.EXPIRED, Says.FAILED])
def test_a_failed_payment_leaves_the_link_open(says: Says) -> None:
    assert link_status(link(), [a_payment(says)], NOW) == LinkStatus.ACTIVE


@pytest.mark.parametrize("says", [Says.AWAITING_SHOPPER, Says.PENDING, Says.UNKNOWN])
def test_an_expired_link_stays_pending_while_one_of_its_payments_can_be_paid(
    says: Says,
) -> None:
    assert link_status(link(), [a_payment(says)], ENDS) == LinkStatus.PAYMENT_PENDING
    assert (
        link_status(link(), [a_payment(Says.REFUSED), a_payment(says)], ENDS)
        == LinkStatus.PAYMENT_PENDING
    )
    assert link_status(link(withdrawn=True), [a_payment(says)], ENDS) == LinkStatus.EXPIRED
