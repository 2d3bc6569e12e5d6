"""Requests are limited per key, in number and in concurrency. A client's address is its key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fakes import NOW
from kasir.browser_requests import client_key
from kasir.payment_form import rate_limits
from kasir.payment_form.rate_limits import ConcurrencyLimit, RateLimit

MINUTE = timedelta(minutes=1)


def test_requests_are_counted_from_zero_again_after_the_window() -> None:
    limit = RateLimit(2, MINUTE)
    first = [limit.allow("a", NOW) for _ in range(3)]
    later = [limit.allow("a", NOW + MINUTE) for _ in range(3)]

    assert first == later == [True, True, False]


def test_keys_are_counted_separately_and_an_empty_one_is_not_counted() -> None:
    limit = RateLimit(1, MINUTE)

    allowed = [limit.allow(key, NOW) for key in ("a", "b", "a", "", "")]

    assert allowed == [True, True, False, True, True]


def test_an_uncounted_request_is_allowed_once_more() -> None:
    limit = RateLimit(1, MINUTE)
    limit.uncount("never counted")
    first = limit.allow("a", NOW), limit.is_exhausted("a")
    limit.uncount("a")

    assert first == (True, True)
    assert not limit.is_exhausted("a")
    assert not limit.is_exhausted("never counted")
    assert limit.allow("a", NOW)


def test_a_clock_that_was_set_back_blocks_no_request() -> None:
    limit = RateLimit(1, MINUTE)
    limit.allow("a", NOW)

    assert limit.allow("a", NOW - timedelta(days=1))


def test_the_oldest_keys_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "_KEYS_MAX", 2)
    limit = RateLimit(1, MINUTE)
    for key in ("a", "b", "a", "c"):
        limit.allow(key, NOW)

    # "a" is still counted, so it exceeds its limit. "b" was used longest ago.
    assert (limit.allow("a", NOW), limit.allow("b", NOW)) == (False, True)


def test_a_slot_is_free_again_after_the_context_even_if_that_raised() -> None:
    slots, has_slot = ConcurrencyLimit(), []

    def fail() -> None:
        with slots.hold({"a": 1}) as first, slots.hold({"a": 1, "b": 1}) as second:
            with slots.hold({"b": 1}) as third:
                has_slot.extend([first, second, third])
            raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        fail()
    with slots.hold({"a": 1}) as again:
        has_slot.append(again)

    assert has_slot == [True, False, True, True]


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", ""),
        ("a-socket", ""),
    ],
)
def test_requests_from_this_machine_are_not_counted(host: str, key: str) -> None:
    request: Any = type("Request", (), {"client": type("Client", (), {"host": host})()})()

    assert client_key(request) == key


def test_a_request_without_a_client_address_is_not_counted() -> None:
    request: Any = type("Request", (), {"client": None})()

    assert client_key(request) == ""
