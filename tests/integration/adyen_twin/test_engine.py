"""A task of the twin that fails."""

from __future__ import annotations

import heapq

import pytest

from adyen_twin.core.state import Task
from adyen_twin.simulation import engine
from kasir.demo.client import until
from twin_fixtures import Shop, TwinAtWork, shop, twin

__all__ = ["shop", "twin"]


async def test_a_task_that_fails_is_logged_and_the_next_ones_run(
    twin: TwinAtWork,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(engine, "AFTER_FAILURE_S", 0)
    broken = Task(due_at=twin.twin.now(), number=0, kind="an-older-twins")
    heapq.heappush(twin.twin.state.tasks, broken)
    await twin.paid()

    async def events() -> list[tuple[str, str]]:
        return shop.events

    sent = await until(events, bool, "the webhook of the payment")

    assert sent == [("AUTHORISATION", "true")]
    (line,) = [one for one in caplog.records if one.message == "a scheduled task failed"]
    assert line.exc_info
    assert "an-older-twins" in (line.exc_text or str(line.exc_info[1]))
