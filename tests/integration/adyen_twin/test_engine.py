"""The engine continues after a failed task."""

from __future__ import annotations

import heapq

import pytest

from adyen_twin.core.state import Task
from adyen_twin.simulation import engine
from kasir.demo.client import until
from twin_fixtures import RunningTwin, Shop, shop, twin

__all__ = ["shop", "twin"]


async def test_a_failed_task_is_logged_and_later_tasks_run(
    twin: RunningTwin,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(engine, "AFTER_FAILURE_S", 0)
    # No function belongs to this kind of task, so the task fails.
    unknown = Task(due_at=twin.twin.now(), number=0, kind="unknown-kind")
    heapq.heappush(twin.twin.state.tasks, unknown)
    await twin.paid()

    async def events() -> list[tuple[str, str]]:
        return shop.events

    # Wait until the list is not empty.
    sent = await until(events, bool, "the webhook of the payment")

    assert sent == [("AUTHORISATION", "true")]
    (record,) = [entry for entry in caplog.records if entry.message == "a scheduled task failed"]
    assert record.exc_info
    assert "unknown-kind" in (record.exc_text or str(record.exc_info[1]))
