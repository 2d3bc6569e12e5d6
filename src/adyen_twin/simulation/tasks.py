"""Tasks: calls of functions that are due at a moment, by the twin's clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

from adyen_twin.core.state import Task
from adyen_twin.core.twin import Twin
from adyen_twin.settlement import closing
from adyen_twin.simulation import charges, modifications, payments, tokens
from adyen_twin.webhooks import outbox

#: The kind of a task -> its function. Kinds must not change, because state files have them.
HANDLERS: Final[dict[str, Callable[..., None]]] = {
    "announce_report": closing.announce,
    "close_batch": closing.close_when_due,
    "decide_charge": charges.decide_if_open,
    "expire_authorisation": modifications.expire_authorisation,
    "expire_payment": payments.expire_when_due,
    "queue_notices": outbox.queue_delayed,
    "release_held": outbox.release_held,
    "settle_modification": modifications.settle,
    "tell_authorisation": payments.send_authorisation,
    "tell_earlier_refusal": payments.send_earlier_refusal,
    "tell_offer_closed": payments.send_offer_closed,
    "tell_token": tokens.send_saved,
    "tell_unknown_cancel": modifications.send_nothing_to_cancel,
    "undo_modification": modifications.undo,
}
#: The kinds that the fault `notice_before_reply` runs before the answer.
BEFORE_REPLY: Final = (
    "decide_charge",
    "queue_notices",
    "release_held",
    "settle_modification",
    "tell_authorisation",
)


def next_due(twin: Twin) -> float | None:
    """Return the moment when the next task is due; None: there are no tasks."""
    return twin.state.tasks[0].due_at if twin.state.tasks else None


def run_due(twin: Twin) -> None:
    """Run every due task, in the order of the due moments."""
    while twin.state.tasks and twin.state.tasks[0].due_at <= twin.now():
        _run(twin, heapq.heappop(twin.state.tasks))


def run_before_reply(twin: Twin, reference: str) -> None:
    """Run the tasks that cause webhooks about this merchantReference, even if not due."""
    tasks = twin.state.tasks
    early_tasks = [
        task for task in tasks if task.kind in BEFORE_REPLY and task.reference == reference
    ]
    for task in sorted(early_tasks):
        tasks.remove(task)
        _run(twin, task)
    heapq.heapify(tasks)


def _run(twin: Twin, task: Task) -> None:
    HANDLERS[task.kind](twin, **task.arguments)
