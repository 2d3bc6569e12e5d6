"""Measures whether large tables make Kasir slower.

The same work is done on a young database, with few payments, and on an old one, with many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bench import intake, payment, seeds
from bench.figures import Result, Target, in_turn, medians
from bench.site import Server, Site

_TARGET: Final = Target(0.85)


def history(site: Site) -> list[Result]:
    """Divide the rates of intake and payments with a million payments by those with 10,000."""
    few, many = site.size(10_000, 1_000), site.size(1_000_000, 20_000)
    with (
        site.twin() as twin,
        site.database() as young_dsn,
        site.database() as old_dsn,
        site.kasir(young_dsn, twin.url) as young,
        site.kasir(old_dsn, twin.url) as old,
    ):
        seeds.grow(site, young_dsn, young, twin, seeds.Outcome.PAID, few)
        seeds.grow(site, old_dsn, old, twin, seeds.Outcome.PAID, many)
        return [
            _compare(site, "history, intake", young, old, _intake_rate, site.size(1500, 400)),
            _compare(site, "history, payment", young, old, _payment_rate, site.size(320, 64)),
        ]


def _compare(
    site: Site,
    row: str,
    young: Server,
    old: Server,
    rate: Callable[[Server, int], float],
    size: int,
) -> Result:
    """Measure both servers alternately; `rate` does work of a given size and returns its rate."""
    rounds = in_turn(
        lambda: {"young, per s": rate(young, size), "old, per s": rate(old, size)},
        site.size(15, 3),
    )
    ratios = [figures["old, per s"] / figures["young, per s"] for figures in rounds]
    return Result(row=row, ratios=ratios, target=_TARGET, parts=medians(rounds))


def _intake_rate(server: Server, size: int) -> float:
    return intake.intake(server, intake.foreign(size)).rate


def _payment_rate(server: Server, size: int) -> float:
    return payment.fire_payments(server.url, size).rate
