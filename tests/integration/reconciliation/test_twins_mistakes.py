"""Each way in which the twin's reports can be wrong is the case that it should be, and no other."""

from __future__ import annotations

from typing import Any, Final

import pytest

from integration.reconciliation.twin_and_kasir import TwinAndKasir, twin_and_kasir

AGAIN_S: Final = 24 * 3600
#: The mistake of a batch, the kind of its case, and the payment that the case is about.
MISTAKES: Final[list[tuple[dict[str, Any], list[tuple[str, str]]]]] = [
    ({"mistake": "row_missing"}, [("missing_there", "A")]),
    ({"mistake": "refund_missing"}, [("refund", "B")]),
    ({"mistake": "amount_off"}, [("amount", "A")]),
    ({"mistake": "amount_off", "type": "Refunded"}, [("refund", "B")]),
    ({"mistake": "settled_twice"}, [("settled_twice", "A")]),
    ({"mistake": "unknown_type"}, [("unknown_type", "A")]),
    ({"mistake": "fee_odd"}, [("fee", "A")]),
    ({"mistake": "row_arithmetic"}, [("row_arithmetic", "A")]),
    ({"mistake": "batch_arithmetic"}, [("batch_arithmetic", "")]),
    ({"mistake": "late_report"}, []),
]


async def batch(run: TwinAndKasir, name: str) -> dict[str, str]:
    """Pay three orders, the second of which is refunded in part; returns their pspReferences."""
    paid = {}
    for order in ("A", "B", "C"):
        if order == "C":
            await run.change(f"B-{name}", "refunds", 5_000)
            await run.until(f"B-{name}", refunded=5_000)
            # Times of notifications are whole seconds: the last payment is later than the refund.
            await run.twin.settle(2)
        paid[order] = (await run.paid(f"{order}-{name}"))["pspReference"]
    return paid


@pytest.mark.long
async def test_each_mistake_is_its_case_and_closes_when_the_right_file_comes(
    fresh_database: str,
) -> None:
    async with twin_and_kasir(fresh_database) as run:
        for number in range(10):  # So that the usual fees are known.
            await run.paid(f"USUAL-{number}", 20_000 + 1_000 * number)
        await run.close()
        usual = await run.cases()
        found, after = [], []
        for number, (mistake, _) in enumerate(MISTAKES):
            orders = {psp: order for order, psp in (await batch(run, str(number))).items()}
            again = {"mistake": "same_name_again", "seconds": AGAIN_S, "corrected": True}
            await run.close(mistake, again)
            found.append(
                (mistake, [(kind, orders.get(psp, psp)) for kind, psp in await run.cases()])
            )
            await run.twin.settle(4 * AGAIN_S)
            await run.reconciled()
            after.append(await run.cases())

        assert usual == []
        assert found == MISTAKES
        assert after == [[]] * len(MISTAKES)
