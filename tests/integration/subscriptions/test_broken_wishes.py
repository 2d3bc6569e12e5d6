"""Wishes, refusals and lost tokens in any order: what is charged, and what is told."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

import pytest

from integration.subscriptions.shop import (
    AUTHORISED, MONTH, NO_BALANCE, NOON, REVOKED, SILENCE, Shop,
)
from kasir.errors import KasirError
from kasir.subscriptions.states import OVER, State
from kasir.tokens.model import TokenFact, TokenName, TokenNews, TokenSays

HOUR = timedelta(hours=1)


class Moody(dict):  # type: ignore[type-arg]
    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self.dice = dice

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ARG002
        return [self.dice.choice([AUTHORISED] * 6 + [NO_BALANCE, NO_BALANCE, REVOKED, SILENCE])]


async def token(shop: Shop, name: str, says: TokenSays, number: int) -> None:
    payments = await shop.kasir.payments.payments_of(name, 1)
    named = TokenName(
        merchant_account=shop.kasir.settings.merchant_account,
        shopper_reference=f"shopper-{name}",
        stored_id=f"TOKEN-{name}",
    )
    fact = TokenFact(f"{says}-{number}", says, "test", shop.clock.now(),
                     payments[0].standing.psp_reference)
    await shop.kasir.tokens.hear([TokenNews(name=named, method="gopay_wallet", fact=fact)])


@pytest.mark.parametrize("seed", range(60))
async def test_wishes_in_any_order(shop: Shop, seed: int) -> None:
    dice = random.Random(seed)
    name = f"S{seed}"
    trial = {"trialDays": 7} if seed % 3 == 0 else {}
    unpaid = {"whenUnpaid": "continue"} if seed % 4 == 1 else {}
    try:
        plan = await shop.plan(**trial, **unpaid)
    except KasirError:
        plan = await shop.plan(**trial)
    found = await shop.active(name, plan)
    shop.adyen.answers = Moody(dice)
    log: list[str] = []

    async def wish(what: str, **fields: Any) -> None:
        before = await shop.find(found)
        n = len(shop.adyen.acted)
        events = len(await shop.events())
        try:
            await getattr(shop.kasir.subscribing, what)(found, json.dumps(fields).encode())
        except KasirError as error:
            log.append(f"{what} {fields}: {str(error)[:60]}")
            return
        after = await shop.find(found)
        told = (await shop.events())[events:]
        log.append(f"{shop.clock.at:%m-%d %H} {what} {fields} {before.state}->{after.state} {told}")
        assert len(shop.adyen.acted) == n, log
        if before.cancel_at and not after.cancel_at and after.state not in OVER:
            assert (what, fields.get("at")) == ("cancel", "never"), log
        if before.pause_at and not after.pause_at and after.state not in OVER:
            assert what == "pause", log

    number = 0
    for _ in range(40):
        number += 1
        match dice.choice([0, 1, 1, 1, 2, 3, 4, 4, 5, 5, 5, 6, 6, 7, 8, 9, 9, 9, 10, 10, 10, 10]):
            case 0:
                await wish("cancel", at="periodEnd")
            case 1:
                await wish("cancel", at="never")
            case 2:
                await wish("pause")
            case 3:
                await wish("pause", at="periodEnd")
            case 4:
                later = (shop.clock.at + timedelta(days=dice.randrange(1, 50))).isoformat()
                await wish("pause", at=dice.choice(["now", "periodEnd"]), resumesAt=later)
            case 5 | 6:
                await wish("resume")
            case 7:
                later = (shop.clock.at + timedelta(days=dice.randrange(1, 20))).isoformat()
                await wish("resume", at=later)
            case 8:
                await token(shop, name, TokenSays.DISABLED, number)
                log.append(f"{shop.clock.at:%m-%d %H} lost")
            case 9:
                await token(shop, name, TokenSays.ALREADY_EXISTING, number)
                log.append(f"{shop.clock.at:%m-%d %H} given")
            case _:
                pass
        for _ in range(dice.randrange(1, 12)):
            it = await shop.find(found)
            n = len(shop.adyen.acted)
            shop.clock.at += timedelta(hours=dice.choice([1, 12, 24]))
            due_resume = it.resumes_at is not None and it.resumes_at <= shop.clock.at
            for _ in range(3):
                await shop.work()
            after = await shop.find(found)
            new = [b["reference"] for b in list(shop.adyen.acted.values())[n:]]
            if new:
                log.append(f"{shop.clock.at:%m-%d %H} asked {new} -> {after.state}")
            if new and (it.state in OVER or (it.state is State.PAUSED and not due_resume)):
                silent = it.renewal and it.renewal.unresolved
                assert silent, (it.state, new, log)
            if it.cancel_at and it.cancel_at <= shop.clock.at and new:
                silent = it.renewal and it.renewal.unresolved
                assert silent, ("charged past its cancel", new, log)
            if it.cancel_at and not after.cancel_at:
                assert after.state in OVER, ("the cancel went", log)
    assert max(shop.adyen.charges().values(), default=0) <= 1, log
    # What was taken, against time: one period a month from the start, less what was paused.
    days = (shop.clock.at - NOON).days
    taken = sum(1 for one in shop.adyen.charges() if "-p" in one)
    resumes = sum("resume" in line and "->active" in line for line in log) + sum(
        one == "subscription.resumed" for one in await shop.events()
    )
    print("TAKEN", taken, "of", days, "days")
    assert taken <= days // 28 + 1 + resumes, (taken, days, log)
