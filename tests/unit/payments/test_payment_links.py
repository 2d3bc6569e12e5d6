"""The status of a link, by its payments and the time. A paid link stays completed."""

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


def that(says: Says) -> Payment:
    return fold.payment(an_intent(), [a_fact(says, "PSP-A", about="call")])


def test_a_new_link_is_active_until_its_time_runs_out() -> None:
    moment = timedelta(microseconds=1)

    assert link_status(link(), [], NOW) == LinkStatus.ACTIVE
    assert link_status(link(), [], ENDS - moment) == LinkStatus.ACTIVE
    assert link_status(link(), [], ENDS) == LinkStatus.EXPIRED


def test_a_link_that_the_shop_withdrew_is_over_at_once() -> None:
    assert link_status(link(withdrawn=True), [], NOW) == LinkStatus.EXPIRED


@pytest.mark.parametrize("now", [NOW, ENDS + timedelta(days=99)])
@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_paid_link_stays_so_whatever_time_it_is(now: Any, withdrawn: bool) -> None:
    payments = [that(Says.REFUSED), that(Says.AUTHORISED)]

    assert link_status(link(withdrawn=withdrawn), payments, now) == LinkStatus.COMPLETED


def test_a_reusable_link_can_be_paid_again() -> None:
    assert link_status(link(reusable=True), [that(Says.AUTHORISED)], NOW) == LinkStatus.ACTIVE
    assert link_status(link(reusable=True), [that(Says.AUTHORISED)], ENDS) == LinkStatus.EXPIRED


@pytest.mark.parametrize("says", [Says.PENDING, Says.UNKNOWN])
def test_a_link_with_a_payment_without_final_status_is_pending(says: Says) -> None:
    assert link_status(link(), [that(says)], NOW) == LinkStatus.PAYMENT_PENDING


@pytest.mark.parametrize("says", [Says.REFUSED, Says.CANCELLED, Says.EXPIRED, Says.FAILED])
def test_a_failed_payment_leaves_the_link_open(says: Says) -> None:
    assert link_status(link(), [that(says)], NOW) == LinkStatus.ACTIVE


@pytest.mark.parametrize("says", [Says.AWAITING_SHOPPER, Says.PENDING, Says.UNKNOWN])
def test_an_expired_link_stays_pending_while_one_of_its_payments_can_be_paid(
    says: Says,
) -> None:
    assert link_status(link(), [that(says)], ENDS) == LinkStatus.PAYMENT_PENDING
    assert link_status(link(), [that(Says.REFUSED), that(says)], ENDS) == LinkStatus.PAYMENT_PENDING
    assert link_status(link(withdrawn=True), [that(says)], ENDS) == LinkStatus.EXPIRED
