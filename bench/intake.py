"""The cost of receiving notifications.

Every notification is authentic and distinct, and is answered 202 only after its commit. The
benchmark counts the rows in the database afterwards to check this.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Sequence
from itertools import count
from typing import Final

import asyncpg
from bench import load, machine, messages
from bench.figures import Result, Target, in_turn, medians
from bench.peers import bare
from bench.site import HMAC_KEY, HOST, Server, Site, SiteError

CONNECTIONS: Final = 64
PATH: Final = "/webhooks/adyen"
_SAMPLE_PATH: Final = "/webhooks/notifications"
#: Numbers that make the references of each batch of notifications different.
_tags = count(1)


def over_bare(site: Site) -> list[Result]:
    """Divide the rate of Kasir's intake by that of the same app when it only answers 202."""
    command = functools.partial(_python, "-m", "bench.peers.bare")
    with (
        site.database() as dsn,
        site.kasir(dsn) as kasir,
        site.served("bare", command, site.settings(dsn)) as peer,
    ):
        url = peer.url + bare.PATH
        return [_compare(site, dsn, kasir, row="intake", bound=0.40, peer="bare 202", peer_url=url)]


def over_sample(site: Site) -> list[Result]:
    """Divide the rate of Kasir's intake by that of an endpoint like those in Adyen's samples."""
    with (
        site.database() as dsn,
        site.kasir(dsn) as kasir,
        site.served("sample", _gunicorn, {"ADYEN_HMAC_KEY": HMAC_KEY}) as peer,
    ):
        url = peer.url + _SAMPLE_PATH
        return [
            _compare(site, dsn, kasir, row="intake-peer", bound=1.5, peer="sample", peer_url=url)
        ]


def intake(server: Server, bodies: Sequence[bytes]) -> load.Load:
    """Post notifications to Kasir, 64 at a time."""
    return _post_all(server.url + PATH, bodies)


def foreign(size: int) -> list[bytes]:
    """New, distinct notifications of payments that are not Kasir's."""
    return list(messages.notifications(f"N{next(_tags):05d}", size))


def _compare(
    site: Site, dsn: str, kasir: Server, *, row: str, bound: float, peer: str, peer_url: str
) -> Result:
    """Measure Kasir and a peer alternately, with the same bodies.

    Args:
        site: The environment.
        dsn: The DSN of Kasir's database.
        kasir: Kasir.
        row: The name of the row.
        bound: The least ratio that meets the target.
        peer: The name of the server that Kasir is compared with.
        peer_url: Where the peer receives notifications.
    """
    size = site.size(1000, 400)
    rounds = in_turn(lambda: _round(size, kasir, peer, peer_url), site.size(24, 3))
    _check_stored(dsn, (len(rounds) + 1) * size)  # One round more, which was the warm-up.
    ratios = [each["intake, per s"] / each[f"{peer}, per s"] for each in rounds]
    return Result(row=row, ratios=ratios, target=Target(bound), parts=medians(rounds))


def _round(size: int, kasir: Server, peer: str, peer_url: str) -> dict[str, float]:
    bodies = foreign(size)
    cpu = machine.cpu_s(kasir.pid)
    ours = intake(kasir, bodies)
    cpu = machine.cpu_s(kasir.pid) - cpu
    theirs = _post_all(peer_url, bodies)
    return {
        "intake, per s": ours.rate,
        "intake, p50 ms": ours.p50_ms,
        "Kasir's own cpu, ms each": cpu / size * 1000,
        "client, share of a core": ours.client_cpu_share,
        f"{peer}, per s": theirs.rate,
        f"{peer}'s client, share of a core": theirs.client_cpu_share,
    }


def _post_all(url: str, bodies: Sequence[bytes]) -> load.Load:
    requests = [load.post(url, body) for body in bodies]
    return load.fire(url, requests, connections=CONNECTIONS, status=202)


def _gunicorn(port: int) -> list[str]:
    program = "bench.peers.flask_sample:app"
    return _python("-m", "gunicorn", "-w", "2", program, "-b", f"{HOST}:{port}")


def _python(*arguments: str | int) -> list[str]:
    return [sys.executable, *map(str, arguments)]


def _check_stored(dsn: str, sent: int) -> None:
    """Check that the table has a row for every 202.

    Raises:
        SiteError: The numbers differ.
    """
    stored = asyncio.run(_count(dsn))
    if stored != sent:
        raise SiteError(f"{sent} notifications were accepted, and {stored} are stored")


async def _count(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM notice")
    finally:
        await connection.close()
    return count
