"""The list of payments as a CSV file: complete, streamed, and safe in a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from fakes import NOW
from kasir.operations import payment_csv
from kasir.operations.payment_csv import COLUMNS, csv_of, safe_cell
from kasir.store.payment_search import PaymentFilter
from payment_operator import Operator, authorised, operator
from statements import counted_statements

__all__ = ["operator"]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def export(operator: Operator, **query: str) -> Any:
    """The response with a CSV file."""
    response = await operator.http.get("/api/payments.csv", params=query)
    assert response.status_code == 200, response.text
    return response


async def test_a_file_has_each_payment_in_a_row_newest_first(operator: Operator) -> None:
    await operator.store("pay_1", *authorised("PSP-1"), reference='A "quoted", name\nof two lines')
    await operator.store(
        "pay_2",
        created_at=NOW + timedelta(seconds=1),
        reference="=HYPERLINK(1)",
        shopper_reference="@shopper",
        link_id="PL_1",
    )
    response = await export(operator)

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="payments.csv"'
    assert rows_of(response.text) == [
        {
            "id": "pay_2",
            "createdAt": "2026-11-23T10:00:01+00:00",
            "reference": "'=HYPERLINK(1)",
            "status": "created",
            "currency": "IDR",
            "value": "25000",
            "captured": "0",
            "refunded": "0",
            "method": "gopay_wallet",
            "pspReference": "",
            "shopperReference": "'@shopper",
            "linkId": "PL_1",
        },
        {
            "id": "pay_1",
            "createdAt": "2026-11-23T10:00:00+00:00",
            "reference": 'A "quoted", name\nof two lines',
            "status": "authorised",
            "currency": "IDR",
            "value": "25000",
            "captured": "25000",
            "refunded": "0",
            "method": "gopay_wallet",
            "pspReference": "PSP-1",
            "shopperReference": "",
            "linkId": "",
        },
    ]


async def test_the_filters_of_the_list_apply(operator: Operator) -> None:
    found = rows_of((await export(operator, search="PSP-1")).text)
    nothing = await export(operator, reference="NOBODYS")

    assert [row["id"] for row in found] == ["pay_1"]
    assert nothing.text == ",".join(COLUMNS) + "\r\n"


@pytest.mark.parametrize("query", ["limit=5", "after=x", "status=paid", "sort=id"])
async def test_a_wrong_parameter_is_refused_before_anything_is_sent(
    operator: Operator, query: str
) -> None:
    response = await operator.http.get(f"/api/payments.csv?{query}")

    assert response.status_code == 422
    assert f"Field '{query.partition('=')[0]}' is not valid" in response.json()["message"]


async def test_a_file_needs_an_api_key(operator: Operator) -> None:
    response = await operator.http.get("/api/payments.csv", headers={"X-API-Key": "wrong"})

    assert response.status_code == 401


async def test_each_batch_is_one_statement_outside_a_transaction(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment_csv, "_BATCH", 2)
    for number in range(5):
        await operator.store(f"pay_batch_{number}", reference="BATCH")
    with counted_statements() as counted:
        parts = [
            part
            async for part in await csv_of(operator.kasir.pool, PaymentFilter(reference="BATCH"))
        ]

    assert [part.count(b"\r\n") for part in parts] == [1, 2, 2, 1]
    assert sum(counted.values()) == 3
    assert not [text for text in counted if "BEGIN" in text]


async def test_a_database_that_fails_first_is_an_error_and_later_cuts_the_file_off(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payment_csv, "_BATCH", 2)
    lines = await csv_of(operator.kasir.pool, PaymentFilter(reference="BATCH"))
    read = [await anext(lines), await anext(lines)]
    await operator.kasir.pool.execute("ALTER TABLE payment RENAME TO elsewhere")
    try:
        with capture_logs() as logs, pytest.raises(asyncpg.PostgresError):
            await anext(lines)
        response = await operator.http.get("/api/payments.csv")
    finally:
        await operator.kasir.pool.execute("ALTER TABLE elsewhere RENAME TO payment")

    assert len(read) == 2
    assert [(log["event"], log["error"]) for log in logs] == [
        ("a CSV export was cut off", "UndefinedTableError")
    ]
    assert response.status_code == 500


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_a_text_that_could_be_a_formula_begins_with_an_apostrophe(start: str) -> None:
    assert safe_cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("text", ["", "ORDER-1", "'=1", "1=1", "a@b"])
def test_any_other_text_is_unchanged(text: str) -> None:
    assert safe_cell(text) == text
