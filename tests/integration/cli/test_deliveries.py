"""`kasir deliveries` lists events that were not delivered, and sends them again."""

from __future__ import annotations

import json

import asyncpg
import pytest

from command import TWIN, is_one_line, kasir


@pytest.fixture
async def given(fresh_database: str) -> dict[str, str]:
    """Settings of a database that has an event in every state."""
    environ = {**TWIN, "KASIR_DATABASE_URL": fresh_database}
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(
        "INSERT INTO event (name, subject, type, at, payload, tries, due_at, delivered_at,"
        " given_up_at) VALUES"
        " ('evt_waits', 'pay_1', 'payment.refused', now(), '', 0, now(), NULL, NULL),"
        " ('evt_delivered', 'pay_1', 'payment.unknown', now(), '', 1, NULL, now(), NULL),"
        " ('evt_lost', 'pay_2', 'payment.authorised', now(), '', 2, NULL, NULL, now()),"
        " ('evt_lost_too', 'pay_3', 'payment.expired', now(), '', 2, NULL, NULL, now()),"
        " ('evt_fetched', 'pay_4', 'payment.failed', now(), '', 0, NULL, NULL, NULL)"
    )
    await connection.execute(
        "INSERT INTO event_try (event_id, at, status, error)"
        " SELECT id, '2026-11-23T12:00:00Z', status, error FROM event,"
        " (VALUES (503, ''), (NULL::integer, 'TimeoutError')) AS answers (status, error)"
        " WHERE name = 'evt_lost'"
    )
    await connection.close()
    return environ


def names(given: dict[str, str], state: str) -> list[str]:
    result = kasir("deliveries", "--state", state, "--json", **given)
    return [event["id"] for event in json.loads(result.stdout)]


async def test_each_event_is_listed_in_its_state_and_with_its_tries(given: dict[str, str]) -> None:
    assert names(given, "waiting") == ["evt_waits"]
    assert names(given, "delivered") == ["evt_delivered"]
    result = kasir("deliveries", "--json", **given)
    *_, lost = json.loads(result.stdout)
    table = kasir("deliveries", **given).stdout.splitlines()

    assert (lost["id"], lost["event"], lost["subject"]) == (
        *("evt_lost", "payment.authorised", "pay_2"),
    )
    assert lost["state"] == "given_up"
    assert lost["tries"] == [
        {"at": "2026-11-23T12:00:00Z", "status": 503},
        {"at": "2026-11-23T12:00:00Z", "error": "TimeoutError"},
    ]
    assert table[0].endswith("pay_3  not tried yet")
    assert table[1].endswith("2 tries, the last: TimeoutError on 2026-11-23T12:00:00+00:00")
    assert table[2] == "2 given_up"


async def test_resend_without_names_sends_all_events_that_were_given_up(
    given: dict[str, str],
) -> None:
    one = kasir("deliveries", "resend", "evt_delivered", **given)
    all_others = kasir("deliveries", "resend", **given)
    none = kasir("deliveries", "resend", **given)

    assert [result.stdout for result in (one, all_others, none)] == [
        f"{count} to be sent again\n" for count in (1, 2, 0)
    ]
    assert names(given, "given_up") == []
    assert set(names(given, "waiting")) == {
        "evt_waits",
        "evt_delivered",
        "evt_lost",
        "evt_lost_too",
    }


async def test_an_event_given_up_long_ago_is_resent_only_by_its_name(
    given: dict[str, str],
) -> None:
    connection = await asyncpg.connect(given["KASIR_DATABASE_URL"])
    await connection.execute(
        "UPDATE event SET given_up_at = now() - interval '8 days' WHERE name = 'evt_lost'"
    )
    await connection.close()
    unnamed = kasir("deliveries", "resend", **given)
    old = names(given, "given_up")
    named = kasir("deliveries", "resend", "evt_lost", **given)

    assert unnamed.stdout == (
        "1 to be sent again\n"
        "1 were given up more than 7 days ago and are not; name those that the shop is to have "
        "all the same\n"
    )
    assert old == ["evt_lost"]
    assert named.stdout == "1 to be sent again\n"


async def test_events_that_cannot_be_resent_are_named_and_the_others_are_resent(
    given: dict[str, str],
) -> None:
    result = kasir("deliveries", "resend", "evt_lost", "evt_waits", "evt_nobody", **given)

    assert result.returncode == 1
    assert result.stdout == "1 to be sent again\n"
    assert is_one_line(result.stderr)
    assert "evt_nobody, evt_waits" in result.stderr
    assert names(given, "given_up") == ["evt_lost_too"]
