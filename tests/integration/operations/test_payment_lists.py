"""Payments are listed by filters and page by page, over the API."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from fakes import NOW, a_fact
from kasir.payments.facts import Says
from payment_operator import Operator, authorised, operator
from statements import counted_statements

__all__ = ["operator"]

#: Payments, each with the facts and fields that a filter finds it by, oldest first.
STORED: tuple[tuple[str, Iterable[Any], dict[str, Any]], ...] = (
    ("pay_old", [], {"created_at": NOW - timedelta(days=2), "reference": "ORDER-OLD"}),
    ("pay_paid", authorised("PSP-PAID"), {"shopper_reference": "shopper-1"}),
    ("pay_refused", [a_fact(Says.REFUSED, "PSP-NO")], {"created_at": NOW + timedelta(minutes=1)}),
    ("pay_large", [], {"created_at": NOW + timedelta(minutes=2), "value": 2_000_000}),
    ("pay_link", [], {"created_at": NOW + timedelta(minutes=3), "link_id": "PL_1"}),
    (
        "pay_refund",
        [
            *authorised("PSP-PAID-2"),
            a_fact(Says.REFUND_ASKED, "PSP-PAID-2", about="chg_1"),
            a_fact(Says.REFUND_RECEIVED, "PSP-PAID-2", about="chg_1", modification="PSP-REFUND"),
        ],
        {"created_at": NOW + timedelta(minutes=4), "shopper_reference": "shopper-1"},
    ),
)
NEWEST_FIRST = [name for name, _, _ in reversed(STORED)]


@pytest.fixture(scope="module", autouse=True)
async def _stored(operator: Operator) -> None:
    for name, facts, changes in STORED:
        await operator.store(name, *facts, **changes)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, NEWEST_FIRST),
        ({"reference": "ORDER-OLD"}, ["pay_old"]),
        ({"reference": "order-old"}, []),
        ({"pspReference": "PSP-PAID"}, ["pay_paid"]),
        ({"pspReference": "PSP-REFUND"}, ["pay_refund"]),
        ({"pspReference": "PSP-NOBODYS"}, []),
        ({"shopperReference": "shopper-1"}, ["pay_refund", "pay_paid"]),
        ({"status": "refused"}, ["pay_refused"]),
        ({"status": "authorised", "shopperReference": "shopper-1"}, ["pay_refund", "pay_paid"]),
        ({"status": "refused", "shopperReference": "shopper-1"}, []),
        ({"createdBefore": "2026-11-23T10:00:00Z"}, ["pay_old"]),
        ({"createdAfter": "2026-11-23T17:03:00+07:00"}, ["pay_refund", "pay_link"]),
        ({"minValue": 25_001}, ["pay_large"]),
        ({"minValue": 2_000_000, "maxValue": 2_000_000}, ["pay_large"]),
        ({"maxValue": 24_999}, []),
        ({"linkId": "PL_1"}, ["pay_link"]),
        ({"method": "gopay_wallet", "maxValue": 25_000, "limit": 1}, ["pay_refund"]),
        ({"search": "pay_old"}, ["pay_old"]),
        ({"search": "ORDER-OLD"}, ["pay_old"]),
        ({"search": "PSP-REFUND"}, ["pay_refund"]),
        ({"search": "shopper-1"}, ["pay_refund", "pay_paid"]),
        ({"search": "nothing", "status": "refused"}, []),
        ({"search": "a\0b"}, []),
    ],
)
async def test_each_filter_finds_its_payments_newest_first(
    operator: Operator, query: dict[str, object], found: list[str]
) -> None:
    assert await operator.ids(**query) == found


@pytest.mark.parametrize(
    ("query", "field", "cure"),
    [
        ({"status": "paid"}, "status", "must be one of created, unknown"),
        ({"status": ""}, "status", "must be one of"),
        ({"method": "ovo"}, "method", "must be one of gopay_wallet"),
        ({"minValue": "-1"}, "minValue", "a whole number"),
        ({"maxValue": "1.5"}, "maxValue", "a whole number"),
        ({"maxValue": "9" * 19}, "maxValue", "a whole number"),
        ({"minValue": "9", "maxValue": "8"}, "minValue", "not be greater than maxValue"),
        ({"createdAfter": "2026-11-23"}, "createdAfter", "with its offset"),
        ({"createdBefore": "yesterday"}, "createdBefore", "with its offset"),
        ({"createdBefore": "9999-12-31T23:59:59-10:00"}, "createdBefore", "with its offset"),
        (
            {"createdAfter": "2026-11-23T10:00:00Z", "createdBefore": "2026-11-23T10:00:00Z"},
            "createdAfter",
            "earlier than createdBefore",
        ),
        ({"reference": "x" * 81}, "reference", "80 characters at most"),
        ({"linkId": ""}, "linkId", "1 to 256 characters"),
        ({"search": "x" * 257}, "search", "1 to 256 characters"),
        ({"limit": "0"}, "limit", "1 to 100"),
        ({"limit": "101"}, "limit", "1 to 100"),
        ({"after": "pay_old"}, "after", "give the `next` of an earlier answer"),
        ({"after": "WzEsMl0"}, "after", "give the `next` of an earlier answer"),
        ({"after": "a-_é"}, "after", "give the `next` of an earlier answer"),
        ({"state": "refused"}, "state", "is no parameter of this call; there are after,"),
    ],
)
async def test_a_wrong_parameter_is_refused_with_its_name_and_a_cure(
    operator: Operator, query: dict[str, str], field: str, cure: str
) -> None:
    response = await operator.http.get("/api/payments", params=query)

    assert response.status_code == 422
    assert f"Field '{field}' is not valid: " in response.json()["message"]
    assert cure in response.json()["message"]


async def test_all_wrong_parameters_are_named_at_once(operator: Operator) -> None:
    response = await operator.http.get("/api/payments?status=paid&minValue=x&limit=0&after=x")
    filters = await operator.http.get("/api/payments?status=paid&minValue=x")

    assert {"limit", "after"} <= set(response.json()["message"].split("'"))
    assert {"status", "minValue"} <= set(filters.json()["message"].split("'"))


async def test_pages_list_every_payment_once_while_others_are_created(operator: Operator) -> None:
    pages: list[list[str]] = []
    query: dict[str, object] = {"limit": 2, "createdBefore": "2026-11-24T00:00:00Z"}
    while len(pages) < 9:  # At most, if the pages never end.
        page = await operator.listed(**query)
        pages.append([payment["id"] for payment in page["payments"]])
        if page["next"] is None:
            break
        await operator.store(f"pay_late_{len(pages)}", created_at=NOW + timedelta(hours=1))
        query["after"] = page["next"]
    late = await operator.kasir.pool.execute("DELETE FROM question WHERE payment_id ~ '_late_'")
    await operator.kasir.pool.execute("DELETE FROM payment WHERE id ~ '_late_'")

    assert pages == [NEWEST_FIRST[:2], NEWEST_FIRST[2:4], NEWEST_FIRST[4:]]
    assert late == "DELETE 2"


async def test_payments_of_the_same_moment_are_on_one_page_each(operator: Operator) -> None:
    for number in range(5):
        await operator.store(f"pay_same_{number}", reference="SAME")
    found: list[str] = []
    query: dict[str, object] = {"reference": "SAME", "limit": 2}
    while True:
        page = await operator.listed(**query)
        found += [payment["id"] for payment in page["payments"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]

    assert found == [f"pay_same_{number}" for number in (4, 3, 2, 1, 0)]


async def test_a_reference_alone_is_answered_without_next_as_before(operator: Operator) -> None:
    answers = [
        await operator.listed(reference="ORDER-OLD"),
        await operator.listed(reference="ORDER-OLD", limit=1),
        await operator.listed(),
    ]

    assert [answer.keys() for answer in answers] == [
        {"payments"},
        {"payments", "next"},
        {"payments", "next"},
    ]


async def test_a_page_takes_two_statements_whatever_its_size(operator: Operator) -> None:
    counts = []
    for limit in (1, 100):
        with counted_statements() as counted:
            await operator.listed(limit=limit)
        counts.append(sum(counted.values()))

    assert counts == [2, 2]
