"""Measures how much memory a worker takes to fetch, store and reconcile a settlement report.

Run it as `python scripts/measure_report.py 10000 1000000`. For each number of rows a process
fetches a report of so many settled payments over HTTP, stores and reconciles it, on an empty
database into which the payments were written. Every hundredth payment is refunded. It prints the
peak of the resident memory and the rows a second. The exit code is 1 if the last peak is more than
1.25 times the first.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import asyncpg
from aiohttp import web

from kasir.config import settings_from
from kasir.embedded.server import embedded
from kasir.store import cases, reports
from kasir.store.reports import Announced, ReportState
from kasir.wiring import open_parts

#: The most that the larger report may take, as a ratio to the smaller one.
_RATIO_MAX: Final = 1.25
_NAME: Final = "settlement_detail_report_batch_1.csv"
_KEY: Final = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
_HEADER: Final = (
    "Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
    "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,"
    "Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),"
    "Interchange (NC),Batch Number\n"
)
_AT: Final = datetime(2026, 11, 1, tzinfo=UTC)
#: How many rows the server sends at a time, and how many payments one statement writes.
_ROWS_AT_ONCE: Final = 1_000
_WRITTEN_AT_ONCE: Final = 20_000
_GROSS, _FEE, _REFUND, _REFUNDED_EVERY = 25_000, 500, 5_000, 100
#: Writes paid payments from $1 to $2; every hundredth is refunded in part.
_PAID: Final = f"""
WITH opened AS (
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, captures_itself, model, consent, created_at, close_at,
                         status, psp_reference, captured, refunded, told_status, heard)
    SELECT 'pay_' || lpad(n::text, 9, '0'), 'ORDER-' || n, 'IDR', {_GROSS}, 'gopay_wallet', '', '',
           true, '', '', $3::timestamptz + n * interval '1 ms', $3::timestamptz, 'authorised',
           'PSP-' || n, {_GROSS}, CASE WHEN n % {_REFUNDED_EVERY} = 0 THEN {_REFUND} ELSE 0 END,
           'authorised', 1
    FROM generate_series($1::bigint, $2::bigint) AS n
    RETURNING id, created_at, psp_reference, refunded
), named AS (
    INSERT INTO psp_reference (name, payment_id)
    SELECT psp_reference, id FROM opened
    UNION ALL SELECT 'REF-' || psp_reference, id FROM opened WHERE refunded > 0
)
INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, modification, currency,
                  minor_units, words)
SELECT id, 'paid', 'authorised', 'notification', created_at, '', psp_reference, '', 'IDR', {_GROSS},
       ''
FROM opened
UNION ALL
SELECT id, 'refunded', 'refund_confirmed', 'notification', created_at, '', psp_reference,
       'REF-' || psp_reference, 'IDR', {_REFUND}, ''
FROM opened WHERE refunded > 0
"""  # noqa: S608  # Only constants of this module.


def main() -> None:
    """Measure each number of rows in a process of its own, and print the ratio."""
    if sys.argv[1] == "--one":
        asyncio.run(_measure(sys.argv[2], sys.argv[3], int(sys.argv[4])))
        return
    counts = [int(each) for each in sys.argv[1:]]
    folder = Path(tempfile.mkdtemp(prefix="kasir-report-"))
    try:
        with embedded(folder, {"fsync": "off", "synchronous_commit": "off"}) as dsn:
            peaks = asyncio.run(_measured(dsn, counts))
    finally:
        shutil.rmtree(folder)
    ratio = peaks[-1] / peaks[0]
    print(f"{counts[-1]:,} rows take {ratio:.2f} times the memory of {counts[0]:,}")
    sys.exit(0 if ratio <= _RATIO_MAX else 1)


async def _measured(dsn: str, counts: list[int]) -> list[float]:
    """The peaks of memory in MiB, one for each number of rows."""
    peaks = []
    for count in counts:
        connection = await asyncpg.connect(dsn)
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await connection.close()
        async with _serving(count) as url:
            command = (sys.executable, __file__, "--one", dsn, url, str(count))
            done = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            output, _ = await done.communicate()
        if done.returncode:
            raise RuntimeError(output.decode())
        before, peak, taken_s = (float(each) for each in output.split()[-3:])
        print(
            f"{count:,} rows: {before:.0f} MiB before, {peak:.0f} MiB at most, {taken_s:.0f} s, "
            f"{count / taken_s:,.0f} rows a second",
            flush=True,
        )
        peaks.append(peak)
    return peaks


async def _measure(dsn: str, url: str, count: int) -> None:
    """Print the memory before and at most, in MiB, and how long the report took, in seconds."""
    environ = {
        "ADYEN_ENVIRONMENT": "twin",
        "ADYEN_TWIN_URL": url,
        "ADYEN_HMAC_KEY": _KEY,
        "KASIR_DATABASE_URL": dsn,
        "KASIR_REPORT_USER": "report@Company.Twin",
        "KASIR_REPORT_PASSWORD": "report-password",
    }
    async with open_parts(settings_from(environ)) as parts:
        await _write_payments(dsn, count)
        address = f"{url}/reports/download/MerchantAccount/TwinMerchant/{_NAME}"
        announced = Announced(_NAME, address, "settlement_details", ReportState.ANNOUNCED)
        await reports.announce(parts.pool, [announced], parts.clock.now())
        before, began = _peak_mib(), time.perf_counter()
        await parts.reports.take(1)
        taken_s = time.perf_counter() - began
        report = await reports.report(parts.pool, 1)
        opened = await cases.count_open_of_reports(parts.pool, [1])
        rows = count + count // _REFUNDED_EVERY
        if report is None or report.state is not ReportState.RECONCILED:
            raise RuntimeError(f"the report is {report}")
        if report.own_rows != rows or opened:
            raise RuntimeError(f"{report.own_rows} of {rows} rows, and the open cases {opened}")
    print(before, _peak_mib(), taken_s)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _write_payments(dsn: str, count: int) -> None:
    connection = await asyncpg.connect(dsn)
    for first in range(1, count + 1, _WRITTEN_AT_ONCE):
        await connection.execute(_PAID, first, min(first + _WRITTEN_AT_ONCE - 1, count), _AT)
    await connection.execute("ANALYZE")
    await connection.close()


@asynccontextmanager
async def _serving(count: int) -> AsyncIterator[str]:
    """Serve the report, which is made while it is sent."""

    async def send(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/csv"})
        await response.prepare(request)
        rows = _rows(count)
        while lines := "".join(islice(rows, _ROWS_AT_ONCE)):
            await response.write(lines.encode())
        return response

    app = web.Application()
    app.router.add_get("/reports/{path:.*}", send)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _rows(count: int) -> Iterator[str]:
    """The lines of the report, whose last one pays out what the others come to."""
    yield _HEADER
    paid_out = 0
    for number in range(1, count + 1):
        name, net = f"PSP-{number}", _GROSS - _FEE
        amounts = f"IDR,,{_GROSS},1,IDR,,{net},{_FEE},,,,1"
        yield _line(name, "Settled", name, amounts)
        paid_out += net
        if number % _REFUNDED_EVERY == 0:
            amounts = f"IDR,{_REFUND},,1,IDR,{_REFUND},,,,,,1"
            yield _line(name, "Refunded", f"REF-{name}", amounts)
            paid_out -= _REFUND
    yield _line("", "MerchantPayout", "TX1 batch 1", f",,,,IDR,{paid_out},,,,,,1")


def _line(psp_reference: str, kind: str, modification: str, amounts: str) -> str:
    at = f"{_AT:%Y-%m-%d %H:%M:%S},UTC"
    method = "gopay_wallet" if psp_reference else ""
    return f"TwinMerchant,{psp_reference},,{method},{at},{kind},{modification},{amounts}\n"


if __name__ == "__main__":
    main()
