"""Work that many callers ask for at once: few run it, and it is done for every caller."""

from __future__ import annotations

import asyncio

from kasir.jobs.together import Together


class Work:
    """Work that waits until it is released, and counts how many run it."""

    def __init__(self) -> None:
        self.begun = self.at_once = self.most = 0
        self.may_end = asyncio.Event()
        self.fails = False

    async def do(self) -> None:
        """Do it."""
        self.begun += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.may_end.wait()
            if self.fails:
                raise RuntimeError("it went wrong")
        finally:
            self.at_once -= 1


async def _all_asked(together: Together, many: int) -> list[asyncio.Task[None]]:
    asked = [asyncio.create_task(together()) for _ in range(many)]
    for _ in range(10):  # Each runs until it has to wait.
        await asyncio.sleep(0)
    return asked


async def test_of_a_flood_few_work_and_one_more_does_it_for_those_who_waited() -> None:
    work = Work()
    asked = await _all_asked(Together(work.do, 3), 500)
    at_work = work.begun
    work.may_end.set()
    await asyncio.gather(*asked)

    assert (at_work, work.most) == (3, 3)
    # Callers that waited asked after the three began: it is done again for them, by up to three.
    assert 4 <= work.begun <= 6


async def test_who_asks_after_it_began_is_not_served_by_it() -> None:
    work = Work()
    together = Together(work.do, 1)
    (first,) = await _all_asked(together, 1)
    (second,) = await _all_asked(together, 1)
    work.may_end.set()
    await asyncio.gather(first, second)

    assert work.begun == 2


async def test_work_that_failed_is_not_the_result_of_those_who_waited() -> None:
    work = Work()
    work.fails = True
    asked = await _all_asked(Together(work.do, 1), 5)
    work.may_end.set()
    ended = await asyncio.gather(*asked, return_exceptions=True)

    assert work.begun == 5
    assert [str(one) for one in ended] == ["it went wrong"] * 5
