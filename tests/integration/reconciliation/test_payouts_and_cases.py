"""Payouts and cases over the API, on the desk, and by the command."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app_client import app_client
from command import TWIN, kasir
from desk_client import open_desk, text_of
from fakes import NOW, FrozenClock
from integration.reconciliation.reconciliation_setup import Reconciler
from kasir.people.roles import Role
from ledger_rows import add_paid, add_refund, amount_of, id_of
from opened_kasir import kasir_on
from report_files import csv_of, payout, refunded, settled

API: dict[str, str] = {"X_API_Key": "shop-key"}


def row(number: int, **changes: str) -> dict[str, str]:
    amount = amount_of(number)
    return settled(f"PSP-{number}", amount, amount // 50, **changes)


@pytest.fixture
async def http(fresh_database: str) -> AsyncIterator[httpx.AsyncClient]:
    """The API of a Kasir with two batches, in which payment 2 has a wrong amount."""
    async with kasir_on(fresh_database, clock=FrozenClock(NOW), KASIR_API_KEY="shop-key") as kasir:
        await add_paid(kasir.pool, 1, 4)
        await add_refund(kasir.pool, 1, "REF-1", 5_000)
        reconciler = Reconciler(kasir, FrozenClock(NOW))
        wrong = row(2) | {"Gross Credit (GC)": "1000", "Net Credit (NC)": str(1000 - 540)}
        await reconciler.give_batch([row(1), wrong, refunded("PSP-1", "REF-1")], 12)
        await reconciler.give_batch([row(3), row(4)], 13)
        async with app_client(kasir, **API) as client:
            yield client


async def got(http: httpx.AsyncClient, path: str) -> Any:
    answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_payouts_are_listed_latest_first_page_by_page(http: httpx.AsyncClient) -> None:
    first = await got(http, "/api/payouts?limit=1")
    second = await got(http, f"/api/payouts?limit=1&after={first['next']}")
    (latest,), (earlier,) = first["payouts"], second["payouts"]

    assert (latest["batch"], latest["payments"], latest["addsUp"]) == ("13", 2, True)
    assert (
        latest["paidOut"]
        == latest["net"]
        == {
            "currency": "IDR",
            "value": (amount_of(3) + amount_of(4)) * 49 // 50,
        }
    )
    assert latest["paidOutAt"].startswith("2026-11-23T18:00:00+01:00") or latest["paidOutAt"] == (
        "2026-11-23T17:00:00Z"
    )
    assert earlier["batch"] == "12"


async def test_the_payments_of_a_batch_are_listed_page_by_page(http: httpx.AsyncClient) -> None:
    first = await got(http, "/api/payouts/12?limit=2")
    second = await got(http, f"/api/payouts/12?limit=2&after={first['next']}")
    rows = [*first["payments"], *second["payments"]]

    assert [(each["type"], each["paymentId"]) for each in rows] == [
        ("Settled", id_of(1)),
        ("Settled", id_of(2)),
        ("Refunded", id_of(1)),
    ]
    assert rows[2]["net"] == {"currency": "IDR", "value": -5_000}
    assert (await http.get("/api/payouts/99")).status_code == 404
    assert (await http.get("/api/payouts/12?after=x")).status_code == 422


async def test_a_payment_says_when_it_was_paid_out_and_for_how_much(
    http: httpx.AsyncClient,
) -> None:
    paid_out = (await got(http, f"/api/payments/{id_of(1)}"))["payout"]
    gross = amount_of(1)

    assert paid_out["batch"] == "12"
    assert paid_out["fees"] == {"currency": "IDR", "value": gross // 50}
    assert paid_out["net"] == {"currency": "IDR", "value": gross - gross // 50 - 5_000}
    assert [each["type"] for each in paid_out["rows"]] == ["Settled", "Refunded"]


async def test_a_case_is_listed_and_closed_with_a_word_and_no_report_opens_it_again(
    http: httpx.AsyncClient,
) -> None:
    (case,) = (await got(http, "/api/cases?state=open&kind=amount"))["cases"]
    path = f"/api/cases/{case['id']}/close"
    refused = [await http.post(path, json=body) for body in ({}, {"why": " "}, {"because": "x"})]
    closed = await http.post(path, json={"why": "Adyen corrected it by hand"})
    again = await http.post(path, json={"why": "once more"})

    assert (case["pspReference"], case["line"], case["paymentId"]) == ("PSP-2", 3, id_of(2))
    assert [answer.status_code for answer in refused] == [422, 422, 422]
    assert closed.json()["why"] == "Adyen corrected it by hand"
    assert closed.json()["closedBy"] == "API"
    assert again.status_code == 422
    assert (await got(http, "/api/cases?state=open"))["cases"] == []
    assert (await got(http, f"/api/cases/{case['id']}"))["state"] == "closed"
    for query in ("state=x", "kind=x", "colour=red"):
        assert (await http.get(f"/api/cases?{query}")).status_code == 422


async def test_a_case_that_a_person_closed_stays_closed(reconciler: Reconciler) -> None:
    await add_paid(reconciler.kasir.pool, 1, 1)
    wrong = row(1) | {"Gross Credit (GC)": "1000", "Net Credit (NC)": str(1000 - 520)}
    await reconciler.give_batch([wrong])
    async with app_client(reconciler.kasir, X_API_Key="shop-key") as http:
        assert (await http.get("/api/cases")).status_code == 401
    await reconciler.kasir.pool.execute(
        "UPDATE reconciliation_case SET state = 'closed', closed_by = 'budi', closed_why = 'ok'"
    )
    await reconciler.give_batch([wrong], 12)
    await reconciler.give_batch([wrong, refunded("PSP-1", "REF-9")], 12)

    assert await reconciler.kinds() == [("refund", "PSP-1")]


async def test_the_desk_shows_payouts_and_cases_and_closes_one(fresh_database: str) -> None:
    async with open_desk(fresh_database) as desk:
        await add_paid(desk.parts.pool, 1, 2)
        reconciler = Reconciler(desk.parts, FrozenClock(NOW))
        wrong = row(2) | {"Gross Credit (GC)": "1000", "Net Credit (NC)": str(1000 - 540)}
        await reconciler.give_batch([row(1), wrong])
        async with desk.signed_in("sees") as viewer:
            payouts = text_of(await viewer.see("/desk/payouts"))
            batch = text_of(await viewer.see("/desk/payouts/12"))
            unknown = await viewer.see("/desk/payouts/99")
            seen = await viewer.see("/desk/cases")
        async with desk.signed_in("acts", Role.ACT) as person:
            (case,) = await reconciler.open_cases()
            path = f"/desk/cases/{case.id}/close"
            done = await person.post(path, "/desk/cases", reason="the bank returned it")
            closed = text_of(await person.see("/desk/cases?state=closed&lang=id"))

    assert "12" in payouts
    assert "ORDER-PSP-1" in batch
    assert unknown.status_code == 404
    assert "Adyen settled 1000, and Kasir captured 27000" in text_of(seen)
    assert "/close" not in seen.text
    assert done.status_code == 303
    assert "acts: the bank returned it" in closed


async def test_the_command_reconciles_files_and_its_exit_code_says_if_a_case_is_open(
    fresh_database: str, tmp_path: Path
) -> None:
    async with kasir_on(fresh_database) as opened:
        await add_paid(opened.pool, 1, 2)
    environ = {**TWIN, "KASIR_DATABASE_URL": fresh_database}
    wrong = row(2) | {"Gross Credit (GC)": "1000", "Net Credit (NC)": str(1000 - 540)}
    results = []
    for second in (wrong, row(2)):
        file = tmp_path / "settlement_detail_report_batch_12.csv"
        rows = [row(1), second]
        file.write_bytes(csv_of([*rows, payout(rows)]))
        results.append(kasir("reconcile", str(file), "--json", **environ))
    bad = tmp_path / "settlement_detail_report_batch_13.csv"
    bad.write_text("Type\n")
    unreadable = kasir("reconcile", str(bad), **environ)
    missing = kasir("reconcile", str(tmp_path / "none.csv"), **environ)
    first, second_result = (json.loads(result.stdout) for result in results)

    assert [result.returncode for result in results] == [1, 0]
    assert first["openCases"] == {"amount": 1}
    assert first["cases"][0]["pspReference"] == "PSP-2"
    assert second_result["openCases"] == {}
    assert second_result["files"][0]["ownRows"] == 2
    assert unreadable.returncode == 1
    assert "'Merchant Account'" in unreadable.stdout
    assert missing.returncode == 1
    assert "none.csv is no file" in missing.stderr
