"""What it costs to take notifications in.

Every notification is authentic and another; each is answered 202 only when it is committed, which
the row counts in the database afterwards.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from typing import Final

import asyncpg
from bench import load, machine, messages
from bench.figures import Result, Target, medians
from bench.peers import bare
from bench.site import HMAC_KEY, Server, Site, SiteError

CONNECTIONS: Final = 64
PATH: Final = "/webhooks/adyen"
_SAMPLE_PATH: Final = "/webhooks/notifications"
_tags = count(1)


def over_bare(site: Site) -> list[Result]:
    """Kasir's intake over the same app answering a bare 202 to the same bodies."""
    with site.database() as dsn, site.kasir(dsn) as kasir, ExitStack() as stack:
        rival = stack.enter_context(
            site.served(
                "bare",
                lambda port: [sys.executable, "-m", "bench.peers.bare", str(port)],
                site.settings(dsn),
            )
        )
        found = _compared(site, kasir, rival.url + bare.PATH, "bare 202")
        _must_be_kept(dsn, found.sent)
    return [_result("intake", found.rounds, "bare 202", 0.40)]


def over_sample(site: Site) -> list[Result]:
    """Kasir's intake over an endpoint as Adyen's samples have it."""
    with site.database() as dsn, site.kasir(dsn) as kasir, ExitStack() as stack:
        rival = stack.enter_context(site.served("sample", _gunicorn, {"ADYEN_HMAC_KEY": HMAC_KEY}))
        found = _compared(site, kasir, rival.url + _SAMPLE_PATH, "sample")
        _must_be_kept(dsn, found.sent)
    return [_result("intake-peer", found.rounds, "sample", 1.5)]


def intake(server: Server, bodies: Sequence[bytes]) -> load.Load:
    """Post notifications to Kasir, 64 at a time."""
    return _posted(server.url + PATH, bodies)


def foreign(size: int) -> list[bytes]:
    """Notifications of payments that are not Kasir's, unlike any before."""
    return list(messages.notifications(f"N{next(_tags):05d}", size))


class _Compared:
    """Rounds, and how many notifications went to Kasir in all."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, float]] = []
        self.sent = 0


def _compared(site: Site, kasir: Server, rival_url: str, rival: str) -> _Compared:
    """Kasir and its rival in turn, the same bodies to both; the first round warms up."""
    rounds, size = site.size(24, 3), site.size(1000, 400)
    found = _Compared()
    for _ in range(rounds + 1):
        bodies = foreign(size)
        cpu = machine.cpu_s(kasir.pid)
        ours = intake(kasir, bodies)
        cpu = machine.cpu_s(kasir.pid) - cpu
        theirs = _posted(rival_url, bodies)
        found.sent += size
        found.rounds.append(
            {
                "intake, per s": ours.rate,
                "intake, p50 ms": ours.p50_ms,
                "Kasir's own cpu, ms each": cpu / size * 1000,
                "client, share of a core": ours.client_cpu_share,
                f"{rival}, per s": theirs.rate,
                f"{rival}'s client, share of a core": theirs.client_cpu_share,
            }
        )
    del found.rounds[0]
    return found


def _result(row: str, rounds: Sequence[dict[str, float]], rival: str, bound: float) -> Result:
    ratios = [each["intake, per s"] / each[f"{rival}, per s"] for each in rounds]
    return Result(row=row, ratios=ratios, target=Target(bound), parts=medians(rounds))


def _posted(url: str, bodies: Sequence[bytes]) -> load.Load:
    requests = [load.post(url, body) for body in bodies]
    return load.fire(url, requests, connections=CONNECTIONS, status=202)


def _gunicorn(port: int) -> list[str]:
    program = "bench.peers.flask_sample:app"
    return [sys.executable, "-m", "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", program]


def _must_be_kept(dsn: str, sent: int) -> None:
    """Every 202 stands for a row.

    Raises:
        SiteError: It does not.
    """
    kept = asyncio.run(_count(dsn))
    if kept != sent:
        raise SiteError(f"{sent} notifications were accepted, and {kept} are kept")


async def _count(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM notice")
    finally:
        await connection.close()
    return count
