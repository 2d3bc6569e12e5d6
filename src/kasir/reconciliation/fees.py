"""Estimates the usual fees: a fixed fee for each payment, and a percentage of its amount.

Both are estimated from payments and their fees, by medians, so that a few wrong fees do not change
them. A fee is unusual if it differs from the estimate by more than rounding, and by more than six
times as much as fees usually do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Final

#: The amount of a payment and its fees, both in major units of the settlement currency.
Point = tuple[Decimal, Decimal]

#: How many payments a fit needs.
SEEN_MIN: Final = 10
#: The most points that a sample holds.
_SAMPLE_MAX: Final = 1000
#: A normal distribution's standard deviation, in median deviations.
_PER_DEVIATION: Final = Decimal("1.4826")
_DEVIATIONS: Final = 6
#: The sample for later reports has two halves: earlier fees, and those of this report. The most
#: points of each half.
_KEPT_MAX: Final = 200
#: By how many minor units rounding may move a sum of four fees.
_ROUNDING_UNITS: Final = 2
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class FeeModel:
    """The usual fees, in major units of the settlement currency.

    Attributes:
        fixed: The fee of each payment.
        share: The share of the payment's amount.
        apart_max: By how much a fee may differ.
    """

    fixed: Decimal
    share: Decimal
    apart_max: Decimal

    def expected(self, base: Decimal) -> Decimal:
        """The fee of a payment of this amount."""
        return self.fixed + self.share * base

    def is_usual(self, base: Decimal, fee: Decimal) -> bool:
        """Whether a fee differs from the expected one by no more than `apart_max`."""
        return abs(fee - self.expected(base)) <= self.apart_max

    def __str__(self) -> str:
        return f"{self.fixed.normalize():f} + {(self.share * 100).quantize(Decimal('0.01'))} %"


class FeeSample:
    """A bounded sample of fees.

    When it is full, every second fee is removed, and from then on half as many are added.

    So the sample is spread over the whole file, and the same file gives the same sample.
    """

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._every = 1
        self._seen = 0

    def add(self, base: Decimal, fee: Decimal) -> None:
        """Add the fees of a payment."""
        if self._seen % self._every == 0:
            self.points.append((base, fee))
        self._seen += 1
        if len(self.points) > _SAMPLE_MAX:
            self.points = self.points[::2]
            self._every *= 2


def fitted(points: Sequence[Point], decimals: int) -> FeeModel | None:
    """The usual fees; None if there are too few points.

    Args:
        points: Amounts and their fees.
        decimals: The decimals of the settlement currency.
    """
    if len(points) < SEEN_MIN:
        return None
    share = _share(sorted(points))
    fixed = median(fee - share * base for base, fee in points)
    apart = median(abs(fee - fixed - share * base) for base, fee in points)
    rounding = Decimal(_ROUNDING_UNITS).scaleb(-decimals)
    return FeeModel(fixed, share, max(rounding, _DEVIATIONS * _PER_DEVIATION * apart))


def _share(ordered: Sequence[Point]) -> Decimal:
    """The median slope between points that are half the sample apart (Theil's estimator)."""
    half = len(ordered) // 2
    pairs = zip(ordered, ordered[half:], strict=False)
    slopes = [
        (fee_2 - fee_1) / (base_2 - base_1)
        for (base_1, fee_1), (base_2, fee_2) in pairs
        if base_2 != base_1
    ]
    if slopes:
        return median(slopes)
    # All payments have one amount, so a fixed fee and a share cannot be distinguished.
    shares = [fee / base for base, fee in ordered if base]
    return median(shares) if shares else _ZERO


def change(earlier: Sequence[Point], now: Sequence[Point], decimals: int) -> str:
    """How the usual fees differ from the earlier ones; empty if they do not, or for too few."""
    before, after = fitted(earlier, decimals), fitted(now, decimals)
    if before is None or after is None:
        return ""
    base = median(base for base, _ in now)
    apart = abs(before.expected(base) - after.expected(base))
    if apart <= max(before.apart_max, after.apart_max):
        return ""
    return f"the usual fees of a payment changed from {before} to {after} in this report"


def merged(earlier: Sequence[Point], now: Sequence[Point], decimals: int) -> list[Point]:
    """A sample of usual fees for later reports: half from earlier reports, half from this one."""
    model = fitted([*earlier, *now], decimals)
    usual = [(base, fee) for base, fee in now if model is None or model.is_usual(base, fee)]
    return [*_thinned(earlier), *_thinned(usual)]


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    return points[:: 1 + len(points) // _KEPT_MAX]


def points_text(points: Sequence[Point]) -> str:
    """A sample as JSON."""
    return json.dumps([[str(base), str(fee)] for base, fee in points])


def points_from(text: str) -> list[Point]:
    """The sample in a JSON text of `points_text`."""
    return [(Decimal(base), Decimal(fee)) for base, fee in json.loads(text)]
