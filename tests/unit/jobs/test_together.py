"""Many concurrent callers share a few runs of the same work."""

from __future__ import annotations

import asyncio

from kasir.jobs.together import Together


class Work:
    """Work that waits until it is released, and counts its runs."""

    def __init__(self) -> None:
        self.runs = self.running = self.running_max = 0
        self.may_finish = asyncio.Event()
        self.fails = False

    async def do(self) -> None:
        """Run once."""
        self.runs += 1
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        try:
            await self.may_finish.wait()
            if self.fails:
                raise RuntimeError("failed")
        finally:
            self.running -= 1


async def _call(together: Together, callers: int) -> list[asyncio.Task[None]]:
    calls = [asyncio.create_task(together()) for _ in range(callers)]
    for _ in range(10):  # Let every call run until it has to wait.
        await asyncio.sleep(0)
    return calls


async def test_500_callers_need_at_most_six_runs_and_three_at_a_time() -> None:
    work = Work()
    calls = await _call(Together(work.do, 3), 500)
    first_runs = work.runs
    work.may_finish.set()
    await asyncio.gather(*calls)

    assert (first_runs, work.running_max) == (3, 3)
    # The callers that waited came after these three runs began, so they need other runs.
    assert 4 <= work.runs <= 6


async def test_a_run_does_not_serve_a_caller_that_came_after_it_began() -> None:
    work = Work()
    together = Together(work.do, 1)
    (first,) = await _call(together, 1)
    (second,) = await _call(together, 1)
    work.may_finish.set()
    await asyncio.gather(first, second)

    assert work.runs == 2


async def test_after_a_failed_run_each_waiting_caller_runs_the_work_itself() -> None:
    work = Work()
    work.fails = True
    calls = await _call(Together(work.do, 1), 5)
    work.may_finish.set()
    results = await asyncio.gather(*calls, return_exceptions=True)

    assert work.runs == 5
    assert [str(error) for error in results] == ["failed"] * 5
