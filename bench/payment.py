"""The cost of a payment through Kasir, compared with Adyen's library and with a plain client.

Kasir commits the payment before it calls Adyen, and commits Adyen's answer. Kasir is called over
HTTP and calls the twin over TLS. The library and the plain client call the same twin over TLS.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from statistics import median
from typing import Any, Final

import Adyen
import aiohttp
import msgspec
from bench import load, machine, messages
from bench.figures import Result, Target, in_turn, medians
from bench.site import API_KEY, TWIN_KEY, Server, Site

_CONNECTIONS: Final = 64
_TRIES_MAX: Final = 4
_PATH: Final = "/v72/payments"
#: The numbers of orders.
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Kasir, and the twin that Kasir calls."""

    site: Site
    kasir: Server
    twin: Server


@contextmanager
def _pair(site: Site) -> Iterator[_Pair]:
    with site.database() as dsn, site.twin() as twin, site.kasir(dsn, twin.url) as kasir:
        yield _Pair(site=site, kasir=kasir, twin=twin)


def latency(site: Site) -> list[Result]:
    """Divide the median latency of sequential payments through Kasir by that of Adyen's library."""
    rounds, calls = site.size(30, 4), site.size(30, 15)
    with _pair(site) as pair:
        # The library has no other setting for a certificate authority.
        os.environ["REQUESTS_CA_BUNDLE"] = str(site.ca_file)
        kasir = _library(f"{pair.kasir.url}/v72", API_KEY)
        direct = _library(f"{pair.twin.url}/v72", TWIN_KEY)
        results = in_turn(lambda: _latency_round(pair, kasir, direct, calls), rounds)
    parts = medians(results)
    return [
        Result(
            row="payment",
            ratios=[
                result["through Kasir, p50 ms"] / result["library, p50 ms"] for result in results
            ],
            target=Target(1.0, is_ceiling=True),
            parts=parts,
        ),
        Result(
            row="payment by library",
            ratios=[
                result["library through Kasir, p50 ms"] / result["library, p50 ms"]
                for result in results
            ],
        ),
    ]


def _latency_round(pair: _Pair, kasir: Any, direct: Any, calls: int) -> dict[str, float]:
    """Measure the three ways of paying one after the other."""
    return {
        "through Kasir, p50 ms": asyncio.run(_one_at_a_time(pair.kasir.url, API_KEY, calls)),
        "library, p50 ms": _by_library(direct, calls),
        "library through Kasir, p50 ms": _by_library(kasir, calls),
    }


async def _one_at_a_time(url: str, key: str, calls: int) -> float:
    """The median time of a payment with a pooled client, in milliseconds."""
    latencies = []
    async with aiohttp.ClientSession() as session:
        for body, headers in (_request(key) for _ in range(calls)):
            began = time.perf_counter()
            await _pay(session, url + _PATH, body, headers)
            latencies.append(time.perf_counter() - began)
    return median(latencies) * 1000


def _library(url: str, key: str) -> Any:
    """Adyen's own client, with another base URL."""
    client = Adyen.Adyen(xapikey=key, platform="test")
    client.checkout.payments_api.baseUrl = url
    return client.checkout.payments_api


def _by_library(api: Any, calls: int) -> float:
    """The median time of a payment with Adyen's library, in milliseconds."""
    latencies = []
    for _ in range(calls):
        reference = _reference()
        body = messages.payment(reference)
        began = time.perf_counter()
        answer = api.payments(body, idempotency_key=reference)
        latencies.append(time.perf_counter() - began)
        _check_redirect(answer.message)
    return median(latencies) * 1000


def throughput(site: Site) -> list[Result]:
    """Divide the rate of concurrent payments through Kasir by that of a plain client."""
    rounds, calls = site.size(11, 2), site.size(320, 128)
    with _pair(site) as pair:
        results = in_turn(lambda: _throughput_round(pair, calls), rounds)
    plain = [result["plain client, per s"] for result in results]
    through = [result["plain client through Kasir, per s"] for result in results]
    lean = [result["lean client through Kasir, per s"] for result in results]
    return [
        Result(
            row="payment-load",
            ratios=[ours / theirs for ours, theirs in zip(through, plain, strict=True)],
            target=Target(0.35),
            parts=medians(results),
        ),
        Result(
            row="payment-load, lean",
            ratios=[ours / theirs for ours, theirs in zip(lean, plain, strict=True)],
        ),
    ]


def _throughput_round(pair: _Pair, calls: int) -> dict[str, float]:
    """Measure the plain client at the twin, and both clients through Kasir."""
    figures: dict[str, float] = {}
    plain = asyncio.run(_many_at_a_time(pair.twin.url, TWIN_KEY, calls, pair.site))
    figures["plain client, per s"] = plain.rate
    figures["plain client, share of a core"] = plain.client_cpu_share
    server_cpu = machine.cpu_s(pair.kasir.pid)
    through = asyncio.run(_many_at_a_time(pair.kasir.url, API_KEY, calls, pair.site))
    server_cpu = machine.cpu_s(pair.kasir.pid) - server_cpu
    figures["plain client through Kasir, per s"] = through.rate
    figures["its share of a core"] = through.client_cpu_share
    figures["Kasir's own cpu, ms a payment"] = server_cpu / calls * 1000
    lean = fire_payments(pair.kasir.url, calls)
    figures["lean client through Kasir, per s"] = lean.rate
    figures["lean client, share of a core"] = lean.client_cpu_share
    return figures


async def _many_at_a_time(url: str, key: str, calls: int, site: Site) -> load.Load:
    """Pay with a plain aiohttp client, 64 payments at a time."""
    requests = iter([_request(key) for _ in range(calls)])
    latencies: list[float] = []
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=site.tls())
    async with aiohttp.ClientSession(connector=connector) as session:

        async def keep_paying() -> None:
            for body, headers in requests:
                sent_at = time.perf_counter()
                await _pay(session, url + _PATH, body, headers)
                latencies.append(time.perf_counter() - sent_at)

        cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(keep_paying() for _ in range(_CONNECTIONS)))
        seconds = time.perf_counter() - began
    return load.Load(
        count=calls,
        seconds=seconds,
        latencies_s=latencies,
        client_cpu_s=time.process_time() - cpu,
    )


async def _pay(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]
) -> None:
    for _ in range(_TRIES_MAX):
        async with session.post(url, data=body, headers=headers) as response:
            answer = await response.json(content_type=None)
        # After a 503 a shop repeats the request with the same key.
        if response.status != HTTPStatus.SERVICE_UNAVAILABLE:
            break
    _check_redirect(answer)


def _check_redirect(answer: dict[str, Any]) -> None:
    if answer.get("resultCode") != "RedirectShopper":
        raise load.LoadError(f"not a redirect to the wallet: {answer}")


def fire_payments(url: str, calls: int) -> load.Load:
    """Pay through Kasir with the lean client, 64 payments at a time."""
    requests = _requests(url, calls)
    return load.fire(url, requests, connections=_CONNECTIONS, status=200)


def _requests(url: str, calls: int) -> Sequence[bytes]:
    return [
        load.post(url + _PATH, body, headers)
        for body, headers in (_request(API_KEY) for _ in range(calls))
    ]


def memory(site: Site) -> list[Result]:
    """The server's memory after many payments."""
    calls = site.size(10_000, 1_000)
    with _pair(site) as pair:
        fire_payments(pair.kasir.url, _CONNECTIONS)
        before = machine.rss_mib(pair.kasir.pid)
        for _ in range(10):
            fire_payments(pair.kasir.url, calls // 10)
        after = machine.rss_mib(pair.kasir.pid)
    parts = {
        "at first, MiB": before,
        f"after {calls:,} payments, MiB": after,
        "grown, KiB a payment": (after - before) * 1024 / calls,
    }
    return [Result(row="memory", parts=parts)]


def _request(key: str) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a new payment request, with this API key."""
    reference = _reference()
    headers = {
        "X-API-Key": key,
        "Idempotency-Key": reference,
        "Content-Type": "application/json",
    }
    return msgspec.json.encode(messages.payment(reference)), headers


def _reference() -> str:
    """The reference of an order, unique within a run."""
    return f"order-{next(_numbers):08d}"
