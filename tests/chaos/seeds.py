"""The seeds that a test runs: its usual ones, or those in `KASIR_SEEDS`."""

from __future__ import annotations

import os
from collections.abc import Iterable


def seeds(usual: Iterable[int]) -> list[int]:
    """`KASIR_SEEDS=17,18` gives two seeds, `KASIR_SEEDS=1-300` gives a range with both ends."""
    given = os.environ.get("KASIR_SEEDS")
    if not given:
        return list(usual)
    chosen: list[int] = []
    for part in given.split(","):
        first, _, last = part.partition("-")
        chosen += range(int(first), int(last or first) + 1)
    return chosen
