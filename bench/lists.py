"""Measures a page of the list of payments, for each filter, with a million payments.

The payments are written by SQL, because only their number and the distribution of what is searched
for matter here: most are paid, few failed; one shopper has many; some amounts are rare, and one is
that of old payments only. A page is asked for over HTTP, so its time includes the whole server.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Mapping
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import asyncpg
from bench.figures import Result, Target
from bench.site import API_KEY, Server, Site, SiteError

#: The longest time of a page, in milliseconds.
_PAGE_MS_MAX: Final = 100
#: How many pages are read of each search.
_ROUNDS: Final = 15
#: The smallest number of payments of which each search finds something.
_FEW: Final = 20_000

#: $1 payments, one a second; the last one is the newest.
_PAYMENTS: Final = """
    INSERT INTO payment (id, reference, currency, minor_units, method, return_url,
                         shopper_reference, link_id, captures_itself, model, consent, created_at,
                         close_at, status, told_status, psp_reference, captured)
    SELECT 'pay_' || lpad(n::text, 26, '0'), 'ORDER-' || n, 'IDR',
           CASE WHEN n % 997 = 0 THEN 7777777 WHEN n < $1 / 10 THEN 99000
                ELSE 10000 + (n % 40) * 2500 END,
           'gopay_wallet', 'https://shop.example/return',
           CASE WHEN n % 5 = 0 THEN 'guest' ELSE 'shopper-' || n % 100000 END,
           CASE WHEN n % 50 = 0 THEN 'PL_' || n % 1000 END, true, '', '',
           timestamptz '2026-01-01' + n * interval '1 second',
           timestamptz '2026-01-01' + n * interval '1 second',
           status, status, 'PSP' || lpad(n::text, 13, '0'), 0
    FROM generate_series(1, $1::integer) AS n, LATERAL (
        SELECT CASE WHEN n % 1009 = 0 THEN 'failed' WHEN n % 12 = 0 THEN 'refused'
                    WHEN n % 31 = 0 THEN 'expired' ELSE 'authorised' END AS status
    ) AS outcome
"""
_NAMES: Final = "INSERT INTO psp_reference SELECT psp_reference, id FROM payment"
_FACTS: Final = """
    INSERT INTO fact (payment_id, key, says, source, at, about, psp_reference, modification, words)
    SELECT id, 'notification:AUTHORISATION', status, 'notification', created_at, '', psp_reference,
           '', 'AUTHORISATION'
    FROM payment
"""


def lists(site: Site) -> list[Result]:
    """Divide the time of the slowest search by the most that a page may take."""
    size = site.size(1_000_000, _FEW)
    with site.database() as dsn, site.kasir(dsn) as kasir:
        asyncio.run(_fill(dsn, size))
        parts = _measure(kasir, _searches(size))
    ratio = max(parts.values()) / _PAGE_MS_MAX
    return [Result(row="lists", ratios=[ratio], target=Target(1.0, is_ceiling=True), parts=parts)]


def _searches(size: int) -> dict[str, Mapping[str, object]]:
    """The searches by name; each finds something among `size` payments."""
    middle = {"createdBefore": _moment(size // 2)}
    return {
        "all": {},
        "all, in the middle": middle,
        "reference": {"reference": f"ORDER-{size // 3}"},
        "pspReference": {"pspReference": f"PSP{size // 3:013d}"},
        "shopper of few": {"shopperReference": "shopper-7"},
        "shopper of many": {"shopperReference": "guest", **middle},
        "search by id": {"search": f"pay_{size // 3:026d}"},
        "search by shopper": {"search": "shopper-7"},
        "search without result": {"search": "nobody"},
        "status of many": {"status": "authorised", **middle},
        "status of few": {"status": "failed"},
        "status and amount": {"status": "refused", "minValue": 1_000_000},
        "a day": {"createdAfter": _moment(size // 2), "createdBefore": _moment(size // 2 + 86_400)},
        "an amount": {"minValue": 25_000, "maxValue": 25_000},
        "a rare amount": {"minValue": 1_000_000},
        "an amount of old payments": {"minValue": 98_000, "maxValue": 99_500},
        "no amount": {"maxValue": 1},
        "method and link": {"method": "gopay_wallet", "linkId": "PL_50"},
    }


def _moment(second: int) -> str:
    minutes, seconds = divmod(second, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"2026-01-{1 + days:02d}T{hours:02d}:{minutes:02d}:{seconds:02d}Z"


async def _fill(dsn: str, size: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_PAYMENTS, size, timeout=600)
        await connection.execute(_NAMES, timeout=600)
        await connection.execute(_FACTS, timeout=600)
        await connection.execute("VACUUM (ANALYZE)", timeout=600)
    finally:
        await connection.close()


def _measure(kasir: Server, searches: Mapping[str, Mapping[str, object]]) -> dict[str, float]:
    """The median time of a page of each search, in milliseconds; the searches take turns."""
    times: dict[str, list[float]] = {name: [] for name in searches}
    connection = http.client.HTTPConnection(urlsplit(kasir.url).netloc, timeout=60)
    try:
        for number in range(_ROUNDS + 1):
            for name, query in searches.items():
                began = time.perf_counter()
                page = _page(connection, {**query, "limit": 50})
                if number:  # The first round reads the tables into memory.
                    times[name].append((time.perf_counter() - began) * 1000)
                if not page["payments"] and not name.startswith(("no ", "search without")):
                    raise SiteError(f"the search for {name} found nothing")
    finally:
        connection.close()
    return {f"{name}, ms": median(taken) for name, taken in times.items()}


def _page(connection: http.client.HTTPConnection, query: Mapping[str, object]) -> Any:
    path = f"/api/payments?{urlencode(query)}"
    connection.request("GET", path, headers={"X-API-Key": API_KEY})
    response = connection.getresponse()
    body = json.loads(response.read())
    if response.status != http.client.OK:
        raise SiteError(f"{path} was answered {response.status}: {body}")
    return body
