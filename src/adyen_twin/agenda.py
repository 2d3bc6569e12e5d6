"""What falls due by the twin's clock, and what is done then."""

import heapq
from collections.abc import Callable
from typing import Any, Final

from adyen_twin import payments
from adyen_twin.twin import Twin


def _expire_payment(twin: Twin, *, psp_reference: str) -> None:
    payment = twin.memory.payment(psp_reference)
    if payment is not None:
        payments.expire(twin, payment)


#: Every kind of errand, by the name it is kept under.
DOERS: Final[dict[str, Callable[..., Any]]] = {
    "expire_payment": _expire_payment,
}


def next_due(twin: Twin) -> float | None:
    """Return when the next errand falls due, if there is one."""
    return twin.state.errands[0].due_at if twin.state.errands else None


def run_due(twin: Twin) -> None:
    """Do everything that is due by now, oldest first."""
    while twin.state.errands and twin.state.errands[0].due_at <= twin.now():
        errand = heapq.heappop(twin.state.errands)
        DOERS[errand.kind](twin, **errand.subject)
