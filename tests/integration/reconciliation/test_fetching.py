"""A report that a notification announces is fetched from Adyen, and reconciled."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from app_client import app_client
from fake_server import FakeServer, Handler, plain, serving
from fakes import KEY, NOW, OTHER_KEY, FrozenClock, envelope, notification_item
from kasir.doctor.reports import check_reports
from kasir.gateway.account_checks import Finding
from kasir.jobs.worker import work
from kasir.limits import Limits
from kasir.wiring import Parts, open_parts
from ledger_rows import add_paid, amount_of
from opened_kasir import settings_on, until
from report_files import csv_of, payout, settled
from two_accounts import FIRST, SECOND, add_account, two_accounts, variables_of

NAME = "settlement_detail_report_batch_12.csv"
PATH = f"/reports/download/MerchantAccount/TwinMerchant/{NAME}"
ROWS = [settled(f"PSP-{n}", amount_of(n), amount_of(n) // 50) for n in (1, 2)]
CONTENT = csv_of([*ROWS, payout(ROWS)])
USER = {"KASIR_REPORT_USER": "report_1@Company.X", "KASIR_REPORT_PASSWORD": "sesame"}


@dataclass
class Announcing:
    """A Kasir, and an Adyen that has reports."""

    kasir: Parts
    adyen: FakeServer
    clock: FrozenClock

    async def announce(self, url: str = "", **changes: Any) -> None:
        """Send REPORT_AVAILABLE, and read it."""
        fields = {
            "eventCode": "REPORT_AVAILABLE",
            "pspReference": NAME,
            "reason": url or f"{self.adyen.url}{PATH}",
            "merchantReference": "",
            "amount": {"currency": "EUR", "value": 0},
            "paymentMethod": None,
        }
        body = envelope(notification_item(**(fields | changes)))
        async with app_client(self.kasir) as client:
            assert (await client.post("/webhooks/adyen", content=body)).status_code == 202
        await self.kasir.reader.read_all()

    async def take_due(self) -> None:
        """Run the jobs of reports that are due."""
        await self.kasir.due.look()
        rows = await self.kasir.pool.fetch("DELETE FROM pgqueuer RETURNING entrypoint, payload")
        for row in rows:
            if row["entrypoint"] == "report":
                await self.kasir.reports.run(row["payload"])

    async def report(self) -> dict[str, Any]:
        """The newest report."""
        row = await self.kasir.pool.fetchrow("SELECT * FROM report ORDER BY id DESC LIMIT 1")
        assert row is not None
        return dict(row)


@pytest.fixture
async def announcing(fresh_database: str) -> AsyncIterator[Announcing]:
    clock = FrozenClock(NOW)
    async with serving() as adyen:
        adyen.handler = plain(200, CONTENT)
        settings = settings_on(fresh_database, ADYEN_TWIN_URL=adyen.url, **USER)
        limits = Limits(report_bytes_max=100_000, adyen_timeout_s=5.0)
        async with open_parts(replace(settings, limits=limits), clock=clock) as kasir:
            await add_paid(kasir.pool, 1, 2)
            yield Announcing(kasir, adyen, clock)


def got(adyen: FakeServer) -> list[tuple[str, dict[str, str]]]:
    """The requests for reports."""
    return [(line, headers) for line, headers, _ in adyen.asked if "/reports/" in line]


def says(findings: list[Finding]) -> list[tuple[bool, str]]:
    """Whether each check of the doctor is well, and what it says."""
    return [(finding.is_well, finding.says) for finding in findings]


async def test_an_announced_report_is_fetched_by_the_report_user_and_reconciled(
    announcing: Announcing,
) -> None:
    await announcing.announce()
    await announcing.take_due()
    report = await announcing.report()
    ((line, headers),) = got(announcing.adyen)

    assert line == f"GET {PATH}"
    assert headers["authorization"] == f"Basic {b64encode(b'report_1@Company.X:sesame').decode()}"
    assert "x-api-key" not in headers
    assert (report["state"], report["own_rows"], report["error"]) == ("reconciled", 2, "")
    assert await announcing.kasir.pool.fetchval("SELECT count(*) FROM reconciliation_case") == 0
    assert await announcing.kasir.pool.fetchval("SELECT state FROM notice") == "read"


async def test_a_worker_fetches_and_reconciles_by_itself(announcing: Announcing) -> None:
    await announcing.announce()
    stop = asyncio.Event()
    working = asyncio.create_task(work(announcing.kasir, stop))
    try:

        async def is_reconciled() -> bool:
            return bool((await announcing.report())["state"] == "reconciled")

        await until(is_reconciled)
    finally:
        stop.set()
        await working

    assert len(got(announcing.adyen)) == 1


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (401, "check KASIR_REPORT_USER and KASIR_REPORT_PASSWORD"),
        (403, "Merchant Report Download role"),
        (404, "Adyen has no such report for this user"),
        (500, "HTTP 500"),
        (302, "HTTP 302"),
    ],
)
async def test_a_report_that_is_not_served_is_tried_again_and_the_log_has_the_cure(
    announcing: Announcing, status: int, cure: str
) -> None:
    announcing.adyen.handler = plain(status, b"no", Location="http://127.0.0.1:9/elsewhere")
    await announcing.announce()
    with capture_logs() as logs:
        await announcing.take_due()
    await announcing.take_due()
    failed = await announcing.report()
    announcing.adyen.handler = plain(200, CONTENT)
    announcing.clock.advance(timedelta(minutes=2))
    await announcing.take_due()

    assert [line["event"] for line in logs] == ["a report was not fetched"]
    assert cure in logs[0]["error"]
    assert cure in failed["error"]
    assert (failed["state"], failed["tries"], failed["status"]) == ("announced", 1, status)
    assert (await announcing.report())["state"] == "reconciled"
    assert len(got(announcing.adyen)) == 2


def broken(content: bytes) -> Handler:
    """An answer that ends before it is complete."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(content) + 10)})
        await response.prepare(request)
        await response.write(content)
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


async def test_a_report_that_breaks_off_is_fetched_again_from_its_beginning(
    announcing: Announcing,
) -> None:
    announcing.adyen.handler = broken(CONTENT[:200])
    await announcing.announce()
    await announcing.take_due()
    failed = await announcing.report()
    announcing.adyen.handler = plain(200, CONTENT)
    announcing.clock.advance(timedelta(minutes=2))
    await announcing.take_due()

    assert (failed["state"], failed["error"]) == ("announced", "ClientPayloadError")
    assert (await announcing.report())["size_bytes"] == len(CONTENT)


@pytest.mark.parametrize(
    ("size", "state", "error"),
    [(100_000, "reconciled", ""), (100_001, "announced", "longer than 100000 bytes")],
)
async def test_a_report_of_the_most_bytes_is_read_and_one_with_a_byte_more_is_not(
    announcing: Announcing, size: int, state: str, error: str
) -> None:
    content = CONTENT.replace(b"ORDER-PSP-1", b"ORDER-PSP-1" + b"x" * (size - len(CONTENT)))
    announcing.adyen.handler = plain(200, content)
    await announcing.announce()
    await announcing.take_due()
    report = await announcing.report()

    assert len(content) == size
    assert (report["state"], report["error"]) == (state, error)


async def test_a_file_given_by_hand_takes_the_place_of_one_that_cannot_be_fetched(
    announcing: Announcing,
) -> None:
    announcing.adyen.handler = plain(404, b"")
    await announcing.announce()
    await announcing.take_due()
    ((before, _), *_) = says(await check_reports(announcing.kasir))

    async def pieces() -> AsyncIterator[bytes]:
        yield CONTENT

    await announcing.kasir.reports.add(NAME, pieces())
    announcing.clock.advance(timedelta(days=1))
    await announcing.take_due()
    states = await announcing.kasir.pool.fetch("SELECT state FROM report ORDER BY id")

    assert before is False
    assert says(await check_reports(announcing.kasir))[0][0] is True
    assert [row["state"] for row in states] == ["duplicate", "reconciled"]
    assert len(got(announcing.adyen)) == 1


async def test_a_redirect_to_another_host_is_not_followed(announcing: Announcing) -> None:
    async with serving() as elsewhere:
        elsewhere.handler = plain(200, CONTENT)
        announcing.adyen.handler = plain(302, b"", Location=f"{elsewhere.url}{PATH}")
        await announcing.announce()
        await announcing.take_due()

        assert elsewhere.asked == []
    assert (await announcing.report())["error"] == "HTTP 302"


async def test_each_account_fetches_its_reports_as_its_own_report_user(
    fresh_database: str,
) -> None:
    own = {"KASIR_REPORT_USER": "report_2@Company.X", "KASIR_REPORT_PASSWORD": "other"}
    await add_account(fresh_database, SECOND, variables_of(SECOND, **own))
    async with (
        serving() as adyen,
        two_accounts(fresh_database, ADYEN_TWIN_URL=adyen.url, **USER) as shops,
    ):
        adyen.handler = plain(200, CONTENT)
        for account, key in ((FIRST, KEY), (SECOND, OTHER_KEY)):
            fields = {
                "eventCode": "REPORT_AVAILABLE",
                "merchantAccountCode": account,
                "pspReference": NAME,
                "reason": f"{adyen.url}{PATH.replace(FIRST, account)}",
                "merchantReference": "",
            }
            body = envelope(notification_item(key=key, **fields))
            assert (await shops.http.post("/webhooks/adyen", content=body)).status_code == 202
            parts = await shops.accounts.parts_of(account)
            await parts.reader.read_all()
            await parts.reports.take(1)
            states = await parts.pool.fetch("SELECT state, url FROM report")
            # The other account's report has the same name, and is not in this account's schema.
            assert [(row["state"], row["url"]) for row in states] == [
                ("reconciled", fields["reason"])
            ]
        users = [headers["authorization"] for _, headers in got(adyen)]

    assert users == [
        f"Basic {b64encode(user).decode()}"
        for user in (b"report_1@Company.X:sesame", b"report_2@Company.X:other")
    ]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/reports/download/a/b/{name}", "{base}/x"])
async def test_an_address_that_is_not_adyens_is_refused_and_never_called(
    announcing: Announcing, url: str
) -> None:
    await announcing.announce(url.format(base=announcing.adyen.url, name=NAME))
    with capture_logs() as logs:
        await announcing.take_due()

    assert (await announcing.report())["state"] == "refused"
    assert [line["event"] for line in logs] == ["a report's address is refused"]
    assert got(announcing.adyen) == []


async def test_the_same_report_announced_twice_is_reconciled_once(announcing: Announcing) -> None:
    await announcing.announce()
    await announcing.take_due()
    await announcing.announce(eventDate="2026-11-24T05:05:05+02:00")
    await announcing.take_due()
    states = await announcing.kasir.pool.fetch("SELECT state FROM report ORDER BY id")
    parts = await announcing.kasir.pool.fetchval("SELECT count(*) FROM report_part")

    assert [row["state"] for row in states] == ["reconciled", "duplicate"]
    assert parts == 1


async def test_other_reports_are_listed_and_not_fetched(announcing: Announcing) -> None:
    await announcing.announce(pspReference="dispute_report_2026_11_23.csv")
    await announcing.take_due()

    assert (await announcing.report())["state"] == "other"
    assert got(announcing.adyen) == []


async def test_without_a_report_user_reports_wait_until_there_is_one(fresh_database: str) -> None:
    async with serving() as adyen:
        adyen.handler = plain(200, CONTENT)
        url = {"ADYEN_TWIN_URL": adyen.url}
        clock = FrozenClock(NOW)
        async with open_parts(settings_on(fresh_database, **url), clock=clock) as kasir:
            without = Announcing(kasir, adyen, clock)
            await without.announce()
            await without.take_due()
            before = (await without.report())["state"], got(adyen)
        async with open_parts(settings_on(fresh_database, **url, **USER), clock=clock) as kasir:
            with_user = Announcing(kasir, adyen, clock)
            await with_user.take_due()

            assert before == ("announced", [])
            assert (await with_user.report())["state"] == "reconciled"


async def test_the_doctor_says_what_is_wrong_with_reports(announcing: Announcing) -> None:
    kasir = announcing.kasir
    ((none_well, none),) = says(await check_reports(kasir))[:1]
    announcing.adyen.handler = plain(401, b"")
    await announcing.announce()
    await announcing.take_due()
    ((failed_well, failed),) = says(await check_reports(kasir))[:1]
    wrong = ROWS[0] | {"Gross Credit (GC)": "1000"}
    announcing.adyen.handler = plain(200, csv_of([wrong]))
    announcing.clock.advance(timedelta(minutes=2))
    await announcing.take_due()
    fetched, agreed = says(await check_reports(kasir))

    assert (none_well, "none came in 8 days" in none) == (False, True)
    assert (failed_well, f"{NAME}: HTTP 401: check KASIR_REPORT_USER" in failed) == (False, True)
    assert fetched == (True, "the last one on 2026-11-23")
    assert agreed[0] is False
    assert "cases are open; /desk/cases" in agreed[1]
