"""Examples of the acts on cases of reconciliation."""

from __future__ import annotations

from typing import Final

from desk_client import Person
from desk_examples import Example
from fakes import NOW
from kasir.reconciliation.cases import CaseKind, Finding
from kasir.store import cases, reports
from kasir.wiring import Parts


async def _case(person: Person) -> None:
    """Open a case, whose id is 1."""
    parts: Parts = person.http._transport.app.state.parts  # type: ignore[attr-defined]  # noqa: SLF001
    report = await reports.add(parts.pool, "settlement_detail_report_batch_1.csv", NOW)
    finding = Finding(key="amount:1", kind=CaseKind.AMOUNT, reason="25000 and 24000")
    await cases.open_cases(parts.pool, [finding], report, NOW)


EXAMPLES: Final = (Example("case.close", "/desk/cases/1/close", {}, _case),)
