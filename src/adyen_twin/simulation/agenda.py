"""What falls due by the twin's clock, and what is done then."""

import heapq
from collections.abc import Callable
from typing import Any, Final

from adyen_twin.core.twin import Twin
from adyen_twin.simulation import charges, modifications, payments, tokens
from adyen_twin.webhooks import outbox

#: Every kind of errand, by the name it is kept under.
DOERS: Final[dict[str, Callable[..., Any]]] = {
    "decide_charge": charges.decide_charge,
    "expire_authorisation": modifications.expire_authorisation,
    "expire_payment": payments.expire_by_clock,
    "queue_notices": outbox.queue_notices,
    "release_held": outbox.release_held,
    "settle_modification": modifications.settle,
    "tell_authorisation": payments.tell_authorisation,
    "tell_earlier_refusal": payments.tell_earlier_refusal,
    "tell_offer_closed": payments.tell_offer_closed,
    "tell_token": tokens.tell_token,
    "tell_unknown_cancel": modifications.tell_unknown_cancel,
    "undo_modification": modifications.undo,
}
#: What is hurried when a webhook must come before the answer to the call it is about.
HURRIED: Final = (
    "decide_charge",
    "queue_notices",
    "release_held",
    "settle_modification",
    "tell_authorisation",
)


def next_due(twin: Twin) -> float | None:
    """Return when the next errand falls due, if there is one."""
    return twin.state.errands[0].due_at if twin.state.errands else None


def run_due(twin: Twin) -> None:
    """Do everything that is due by now, oldest first."""
    while twin.state.errands and twin.state.errands[0].due_at <= twin.now():
        errand = heapq.heappop(twin.state.errands)
        DOERS[errand.kind](twin, **errand.subject)


def run_about(twin: Twin, reference: str) -> None:
    """Do at once what is to be told of payments with this reference."""
    errands = twin.state.errands
    hurried = [
        errand for errand in errands if errand.kind in HURRIED and errand.reference == reference
    ]
    for errand in sorted(hurried):
        errands.remove(errand)
        DOERS[errand.kind](twin, **errand.subject)
    heapq.heapify(errands)
