"""Counting what visitors do: so often within a time, so many at a time, by whose address."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fakes import NOW
from kasir.payment_form import visitors
from kasir.payment_form.visitors import Places, Tries, address_of, customer_of

MINUTE = timedelta(minutes=1)


def test_so_many_tries_pass_within_the_time_and_as_many_again_after_it() -> None:
    tries = Tries(2, MINUTE)
    first = [tries.take("a", NOW) for _ in range(3)]
    later = [tries.take("a", NOW + MINUTE) for _ in range(3)]

    assert first == later == [True, True, False]


def test_one_key_takes_nothing_from_another_and_an_empty_one_is_not_counted() -> None:
    tries = Tries(1, MINUTE)

    assert [tries.take(key, NOW) for key in ("a", "b", "a", "", "")] == [
        *(True, True),
        False,
        *(True, True),
    ]


def test_what_is_given_back_was_not_taken() -> None:
    tries = Tries(1, MINUTE)
    tries.give_back("never taken")
    taken = tries.take("a", NOW), tries.is_spent("a")
    tries.give_back("a")

    assert taken == (True, True)
    assert not tries.is_spent("a")
    assert not tries.is_spent("never taken")
    assert tries.take("a", NOW)


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    tries = Tries(1, MINUTE)
    tries.take("a", NOW)

    assert tries.take("a", NOW - timedelta(days=1))


def test_the_oldest_keys_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "_KEYS_MAX", 2)
    tries = Tries(1, MINUTE)
    for key in ("a", "b", "a", "c"):
        tries.take(key, NOW)

    assert (tries.take("a", NOW), tries.take("b", NOW)) == (False, True)


def test_a_place_is_free_again_when_it_is_left_whatever_happened() -> None:
    places, seen = Places(), []

    def fail() -> None:
        with places.taken({"a": 1}) as first, places.taken({"a": 1, "b": 1}) as second:
            with places.taken({"b": 1}) as third:
                seen.extend([first, second, third])
            raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        fail()
    with places.taken({"a": 1}) as again:
        seen.append(again)

    assert seen == [True, False, True, True]


@pytest.mark.parametrize(
    ("host", "counted"),
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
def test_whatever_comes_by_way_of_this_machine_is_counted_for_nobody(
    host: str, counted: str
) -> None:
    request: Any = type("Request", (), {"client": type("Client", (), {"host": host})()})()

    assert address_of(request) == counted


def test_a_request_without_a_client_is_counted_for_nobody() -> None:
    request: Any = type("Request", (), {"client": None})()

    assert address_of(request) == ""


def test_all_addresses_that_one_customer_of_a_network_has_are_one() -> None:
    same = {customer_of("2001:db8:1:2::9"), customer_of("2001:db8:1:2:ffff::")}

    assert len(same) == 1
    assert customer_of("2001:db8:1:3::9") not in same
    assert customer_of("::ffff:203.0.113.9") != customer_of("::ffff:203.0.113.8")
    assert customer_of("a-socket") == "a-socket"
