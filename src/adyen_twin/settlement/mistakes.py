"""Makes the planned mistakes in the rows of a batch.

A mistake in a row is made before the payout is computed, so the batch still adds up: only the
shop's own ledger shows it. `batch_arithmetic` and `row_arithmetic` break the file itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from adyen_twin.core import report_settings as planned
from adyen_twin.core.books import Entry
from adyen_twin.core.report_settings import AnyMistake, AnyRowMistake, ReportSettings
from adyen_twin.settlement.lines import PAYOUT, Batch, Line, in_rupiah, with_net

Kind = TypeVar("Kind", bound=planned.Mistake)


@dataclass(frozen=True, kw_only=True)
class Changed:
    """The rows with their mistakes, and the records that the next batch settles instead."""

    lines: list[Line]
    later: list[Entry] = field(default_factory=list)

    def settles(self, line: Line) -> bool:
        """Return whether this batch settles a row, and not only the next one."""
        settled = [one.entry for one in self.lines]
        return line.entry not in self.later or line.entry in settled


def in_rows(settings: ReportSettings, lines: Sequence[Line]) -> Changed:
    """Make the mistakes whose rows are in this batch, each as often as it is planned."""
    changed = Changed(lines=list(lines))
    for mistake in list(settings.mistakes):
        if not isinstance(mistake, AnyRowMistake):
            continue
        hits = [index for index, line in enumerate(changed.lines) if _matches(mistake, line)]
        # From the last row on, so that the indexes of the others stay right.
        for index in reversed(hits[: mistake.times]):
            _change(changed, index, mistake)
        _use(settings, mistake, len(hits[: mistake.times]))
    return changed


def in_batch(settings: ReportSettings, batch: Batch) -> Batch:
    """Make the planned mistake in the payout, if the batch has one."""
    is_paid_out = any(line.type == PAYOUT for line in batch.lines)
    mistake = take(settings, planned.BatchArithmetic) if is_paid_out else None
    if mistake is None:
        return batch
    lines = [with_net(line, -mistake.by) if line.type == PAYOUT else line for line in batch.lines]
    return replace(batch, lines=lines)


def take(settings: ReportSettings, kind: type[Kind]) -> Kind | None:
    """Return the first planned mistake of a kind, and count it as made."""
    for mistake in settings.mistakes:
        if isinstance(mistake, kind):
            _use(settings, mistake, 1)
            return mistake
    return None


def _use(settings: ReportSettings, mistake: AnyMistake, count: int) -> None:
    """Count a mistake as made; one that was made often enough is removed."""
    if count == 0:
        return
    index = next(i for i, one in enumerate(settings.mistakes) if one is mistake)
    left = mistake.times - count
    settings.mistakes[index : index + 1] = (
        [msgspec.structs.replace(mistake, times=left)] if left > 0 else []
    )


def _matches(mistake: AnyRowMistake, line: Line) -> bool:
    entry = line.entry
    return (
        entry is not None
        and line.type == mistake.type
        and mistake.reference in (None, entry.reference)
    )


def _change(changed: Changed, index: int, mistake: AnyRowMistake) -> None:
    line = changed.lines[index]
    changed.lines[index : index + 1] = _instead(line, mistake)
    match mistake:
        case planned.RowMissing() | planned.RefundMissing() | planned.SettledTwice():
            if mistake.later and line.entry is not None:
                changed.later.insert(0, line.entry)


def _instead(line: Line, mistake: AnyRowMistake) -> list[Line]:
    """Return the rows that stand where a row should."""
    match mistake:
        case planned.RowMissing() | planned.RefundMissing():
            return []
        case planned.SettledTwice():
            return [line] if mistake.later else [line, line]
        case planned.AmountOff():
            return [_with_gross(line, mistake.by)]
        case planned.UnknownType():
            return [replace(line, type=mistake.name)]
        case planned.FeeOdd():
            fees = replace(line.fees, commission=line.fees.commission + mistake.by)
            return [replace(line, fees=fees, net=line.net - mistake.by)]
        case planned.RowArithmetic():
            return [with_net(line, mistake.by)]


def _with_gross(line: Line, by: int) -> Line:
    """Return a row whose amount is higher by so much, with the same fees."""
    signed = by if line.gross >= 0 else -by
    currency = line.entry.currency if line.entry is not None else ""
    return replace(
        line, gross=line.gross + signed, net=line.net + in_rupiah(signed, currency, line.rate)
    )
