"""API keys are created and withdrawn; servers cache them for some seconds."""

from __future__ import annotations

from datetime import timedelta

from fakes import NOW, FrozenClock
from kasir.store import api_keys
from kasir.store.api_keys import ApiKeys
from kasir.wiring import Parts

CACHED_FOR = timedelta(seconds=10)


async def test_a_withdrawn_key_is_accepted_no_longer_than_it_is_cached(kasir: Parts) -> None:
    key = await api_keys.create(kasir.pool, "shop", NOW)
    clock = FrozenClock()
    keys = ApiKeys(kasir.pool, None, clock, CACHED_FOR)
    before = await keys.admits(key)
    await api_keys.withdraw(kasir.pool, "shop")
    clock.advance(CACHED_FOR - timedelta(microseconds=1))
    cached = await keys.admits(key)
    clock.advance(timedelta(microseconds=1))

    assert (before, cached) == (True, True)
    assert [await keys.admits(key), await keys.admits(key)] == [False, False]


async def test_a_cached_key_is_checked_again_after_the_clock_went_back(kasir: Parts) -> None:
    key = await api_keys.create(kasir.pool, "shop-2", NOW)
    clock = FrozenClock()
    keys = ApiKeys(kasir.pool, None, clock, CACHED_FOR)
    await keys.admits(key)
    await api_keys.withdraw(kasir.pool, "shop-2")
    clock.advance(-timedelta(days=1))

    assert not await keys.admits(key)


async def test_the_key_in_the_settings_is_accepted_and_an_empty_key_is_not(
    kasir: Parts,
) -> None:
    with_key = ApiKeys(kasir.pool, "from-settings", FrozenClock(), CACHED_FOR)
    without_key = ApiKeys(kasir.pool, None, FrozenClock(), CACHED_FOR)

    assert [await with_key.admits(key) for key in ("from-settings", "", "other")] == [
        True,
        False,
        False,
    ]
    assert [await without_key.admits(key) for key in ("", "from-settings")] == [False, False]
