"""The moments at which a failed webhook is retried."""

from __future__ import annotations

from adyen_twin.core.state import Message, Webhook
from adyen_twin.webhooks.delivery import next_try


def test_a_failed_webhook_is_retried_for_thirty_days() -> None:
    webhook = Webhook(
        id=1, message=Message(""), event_code="", psp_reference="", reference="", due_at=0.0
    )
    webhook.first_tried_at = now = 0.0
    waits = []
    while (due_at := next_try(_with_one_more_try(webhook), now)) is not None:
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


def _with_one_more_try(webhook: Webhook) -> Webhook:
    webhook.tries += 1
    return webhook
