"""The results of a benchmark: ratios, each with its target and the figures that it is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

#: How the table shows whether a target is met.
_MET: Final = {True: "met", False: "missed", None: "reported"}
_ROW_WIDTH: Final = 22
#: After this time a comparison stops, even with fewer rounds than planned.
WITHIN_S: Final = 40.0
_ROUNDS_MIN: Final = 5


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a ratio: it is at least `bound`, or at most if `is_ceiling`."""

    bound: float
    is_ceiling: bool = False

    def is_met_by(self, ratio: float) -> bool:
        """Whether a ratio meets the target."""
        return ratio <= self.bound if self.is_ceiling else ratio >= self.bound

    def __str__(self) -> str:
        return f"{'at most' if self.is_ceiling else 'at least'} {self.bound:.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of the table.

    Attributes:
        row: The name of the line.
        ratios: One for each round; their median is the result.
        target: The target of the median; None if the median is only reported.
        parts: The medians of the figures behind the ratio; their names contain the units.
    """

    row: str
    ratios: Sequence[float] = ()
    target: Target | None = None
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The median of the rounds; None for a row of plain figures."""
        return median(self.ratios) if self.ratios else None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None if there is no target."""
        if self.target is None or self.ratio is None:
            return None
        return self.target.is_met_by(self.ratio)

    def json(self) -> dict[str, Any]:
        """The result for `results.json`."""
        return {
            "row": self.row,
            "ratio": self.ratio,
            "target": str(self.target) if self.target else None,
            "met": self.is_met,
            "rounds": list(self.ratios),
            "parts": dict(self.parts),
        }


def in_turn(
    measure: Callable[[], dict[str, float]], most: int, *, within_s: float = WITHIN_S
) -> list[dict[str, float]]:
    """Measure `most` times after a warm-up; after `within_s`, 5 rounds are enough."""
    measure()
    give_up_at = time.monotonic() + within_s
    rounds: list[dict[str, float]] = []
    while len(rounds) < most and (len(rounds) < _ROUNDS_MIN or time.monotonic() < give_up_at):
        rounds.append(measure())
    return rounds


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure over all rounds."""
    return {name: median(each[name] for each in rounds) for name in rounds[0]}


def table(results: Sequence[Result]) -> str:
    """The results as a table of text."""
    head = _line("row", "ratio", "target", "", "rounds")
    lines = (line for result in results for line in _lines_of(result))
    return "\n".join([head, "-" * len(head), *lines])


def _lines_of(result: Result) -> list[str]:
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    spread = f"{min(result.ratios):.2f} to {max(result.ratios):.2f}" if result.ratios else ""
    target = str(result.target) if result.target else ""
    first = _line(result.row, ratio, target, _MET[result.is_met], spread)
    return [first, *(f"    {name:<38} {number:>12,.2f}" for name, number in result.parts.items())]


def _line(row: str, ratio: str, target: str, met: str, spread: str) -> str:
    return f"{row:<{_ROW_WIDTH}} {ratio:>7}  {target:<14} {met:<9} {spread}".rstrip()
