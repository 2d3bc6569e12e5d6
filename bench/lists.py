"""Measures a page of every list of the API and the desk, for each filter, with a million rows.

A page is asked for over HTTP, so its time includes the whole server.
"""

from __future__ import annotations

import http.client
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from statistics import median
from typing import Final
from urllib.parse import urlencode, urlsplit

from bench import many_rows
from bench.figures import Result, Target
from bench.site import API_KEY, Server, Site, SiteError

#: The longest time of a page, in milliseconds.
_PAGE_MS_MAX: Final = 100
#: How many pages are read of each search.
_ROUNDS: Final = 15
#: The smallest number of rows of which each search finds something.
_FEW: Final = 100_000
_JAKARTA: Final = timezone(timedelta(hours=7))
_PERSON: Final = "bench"
_PASSWORD: Final = "the password of the benchmark"
#: Of a CSV file only so much is read, because the rest is not a page.
_READ_BYTES: Final = 8192

#: Pages by name: each a path and its query.
Searches = dict[str, tuple[str, Mapping[str, object]]]


def lists(site: Site) -> list[Result]:
    """Divide the time of the slowest page by the most that a page may take."""
    size = site.size(1_000_000, _FEW)
    with site.database() as dsn, site.kasir(dsn) as kasir:
        many_rows.fill(dsn, size)
        _add_person(site, dsn)
        parts = _measure(kasir, {**of_payments(size), **of_others(size)})
    ratio = max(parts.values()) / _PAGE_MS_MAX
    return [Result(row="lists", ratios=[ratio], target=Target(1.0, is_ceiling=True), parts=parts)]


def of_payments(size: int) -> Searches:
    """The searches for payments by name: each a path and its query."""
    middle = datetime.now(UTC) - timedelta(seconds=many_rows.SPACING_S * size / 2)
    day = middle.astimezone(_JAKARTA).date().isoformat()
    before = {"createdBefore": middle.isoformat()}
    one_day = {"createdAfter": (middle - timedelta(days=1)).isoformat(), **before}
    old_amount = {"minValue": 98_000, "maxValue": 99_500}
    api: dict[str, Mapping[str, object]] = {
        "all": {},
        "all, in the middle": before,
        "all, the last page": {"createdBefore": _at(size, 30)},
        "reference": {"reference": f"ORDER-{size // 3}"},
        "pspReference": {"pspReference": f"PSP{size // 3:013d}"},
        "shopper of few": {"shopperReference": "shopper-7"},
        "shopper of a tenth": {"shopperReference": "guest", **before},
        "shopper of a tenth, failed": {"shopperReference": "guest", "status": "failed"},
        "shopper of a tenth, old amount": {"shopperReference": "guest", **old_amount},
        "search by id": {"search": f"pay_{size // 3:026d}"},
        "search by shopper": {"search": "guest"},
        "search without result": {"search": "nobody"},
        "status of many": {"status": "authorised", **before},
        "status of few": {"status": "failed"},
        "status of one": {"status": "pending"},
        "status of none": {"status": "unknown"},
        "status and a day": {"status": "refused", **one_day},
        "status and amount": {"status": "refused", "minValue": 1_000_000},
        "status and old amount": {"status": "authorised", **old_amount},
        "a day": one_day,
        "an amount": {"minValue": 25_000, "maxValue": 25_000},
        "a rare amount": {"minValue": 1_000_000},
        "the amount of one": {"minValue": 1_234_567, "maxValue": 1_234_567},
        "an amount of old payments": old_amount,
        "no amount": {"maxValue": 1},
        "method": {"method": "gopay_wallet"},
        "method and link": {"method": "gopay_wallet", "linkId": "PL_50"},
    }
    desk: dict[str, Mapping[str, object]] = {
        "all": {},
        "a day, refused": {"from": day, "to": day, "status": "refused"},
        "an amount of old payments": old_amount,
        "a shopper": {"search": "guest"},
    }
    return {
        **{f"payments: {name}": ("/api/payments", {**q, "limit": 50}) for name, q in api.items()},
        **{f"desk, payments: {name}": ("/desk/payments", q) for name, q in desk.items()},
        "payments as CSV, its beginning": ("/api/payments.csv", {}),
        "CSV of old amounts, its beginning": ("/api/payments.csv", old_amount),
    }


def of_others(size: int) -> Searches:
    """The other pages of the desk by name, and the metrics of subscriptions."""
    deliveries: dict[str, Mapping[str, object]] = {
        "": {},
        ", in the middle": {"after": f"{size // 2}.{size // 2}"},
        ", given up": {"state": "given_up"},
        ", waiting": {"state": "waiting"},
        ", skipped": {"state": "skipped"},
        ", rare event": {"event": "dispute.opened"},
        ", rare code": {"event": "REPORT_AVAILABLE"},
        ", no event": {"event": "none"},
        ", one payment": {"payment": f"pay_{size // 3:026d}"},
    }
    notices: dict[str, Mapping[str, object]] = {
        "": {},
        ", in the middle": {"after": size // 2},
        ", foreign": {"state": "foreign"},
        ", held": {"state": "held"},
    }
    subscriptions: dict[str, Mapping[str, object]] = {
        "": {},
        ", in the middle": {"after": f"sub_{size // 2:026d}"},
        ", past due": {"status": "past_due"},
        ", paused": {"status": "paused"},
        ", plan of few": {"plan": "plan_2"},
        ", shopper": {"shopperReference": "shopper-7"},
        ", reference": {"reference": "SUB-77"},
    }
    return {
        "today": ("/desk", {}),
        **{f"deliveries{name}": ("/desk/deliveries", q) for name, q in deliveries.items()},
        **{f"notices{name}": ("/desk/notices", q) for name, q in notices.items()},
        **{f"subscriptions{name}": ("/desk/subscriptions", q) for name, q in subscriptions.items()},
        "metrics of subscriptions": ("/api/subscriptions/metrics", {}),
        "shopper": ("/desk/tokens", {"shopper": "guest"}),
        "links": ("/desk/links", {}),
        "disputes": ("/desk/disputes", {}),
        "cases": ("/desk/cases", {}),
        "one payment": (f"/desk/payments/pay_{size // 3:026d}", {}),
    }


def _at(size: int, number: int) -> str:
    """When the payment with a number was made."""
    age = timedelta(seconds=many_rows.SPACING_S * (size - number))
    return (datetime.now(UTC) - age).isoformat()


def _add_person(site: Site, dsn: str) -> None:
    """Add a person who may see the desk."""
    command = site.kasir_command("desk", "user", "add", _PERSON, "--role", "view")
    added = subprocess.run(
        [*command, "--from-stdin"],
        env=site.environment(dsn),
        input=f"{_PASSWORD}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if added.returncode:
        raise SiteError(f"the person was not added: {added.stderr.strip()}")


def _sign_in(connection: http.client.HTTPConnection) -> str:
    """Sign the person in; return the cookie."""
    form = urlencode({"name": _PERSON, "password": _PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/desk/login", form, headers)
    response = connection.getresponse()
    response.read()
    cookie = response.headers.get("Set-Cookie")
    if response.status != http.client.SEE_OTHER or cookie is None:
        raise SiteError(f"the person was not signed in: {response.status}")
    return cookie.partition(";")[0]


def _measure(kasir: Server, searches: Searches) -> dict[str, float]:
    """The median time of a page of each search, in milliseconds; the searches take turns."""
    times: dict[str, list[float]] = {name: [] for name in searches}
    netloc = urlsplit(kasir.url).netloc
    connection = http.client.HTTPConnection(netloc, timeout=60)
    headers = {"X-API-Key": API_KEY, "Cookie": _sign_in(connection)}
    try:
        for number in range(_ROUNDS + 1):
            for name, (path, query) in searches.items():
                began = time.perf_counter()
                _read_page(connection, f"{path}?{urlencode(query)}", headers)
                if number:  # The first round reads the tables into memory.
                    times[name].append((time.perf_counter() - began) * 1000)
                if path.endswith(".csv"):
                    connection.close()  # The next request opens it again.
    finally:
        connection.close()
    return {f"{name}, ms": median(taken) for name, taken in times.items()}


def _read_page(
    connection: http.client.HTTPConnection, target: str, headers: Mapping[str, str]
) -> None:
    """Ask for a page, and read all of it; of a CSV file, the beginning."""
    connection.request("GET", target.rstrip("?"), headers=dict(headers))
    response = connection.getresponse()
    if response.status != http.client.OK:
        raise SiteError(f"{target} was answered {response.status}: {response.read(500)!r}")
    response.read(_READ_BYTES if ".csv" in target else None)
