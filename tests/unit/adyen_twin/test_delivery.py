"""When a webhook that was not accepted is tried again."""

from __future__ import annotations

from adyen_twin.core.state import Message, Webhook
from adyen_twin.webhooks.delivery import next_try


def test_the_retries_of_a_webhook() -> None:
    webhook = Webhook(
        id=1, message=Message(""), event_code="", psp_reference="", reference="", due_at=0.0
    )
    webhook.first_tried_at, now, waits = 0.0, 0.0, []
    while (due_at := next_try(_tried(webhook), now)) is not None:
        waits.append(due_at - now)
        now = due_at

    minute, hour = 60, 3600
    assert waits[:3] == [9, 9, 9]
    assert waits[3:12] == [
        *(2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute),
        *(hour, 2 * hour, 4 * hour, 8 * hour),
    ]
    assert set(waits[12:]) == {8 * hour}
    assert 29 * 24 * hour < now <= 30 * 24 * hour


def _tried(webhook: Webhook) -> Webhook:
    webhook.tries += 1
    return webhook
