"""`kasir deliveries` lists events that were not delivered, and sends them again."""

from __future__ import annotations

import json

import asyncpg
import pytest

from command import TWIN, is_one_line, kasir


@pytest.fixture
async def environ(fresh_database: str) -> dict[str, str]:
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


def names(environ: dict[str, str], state: str) -> list[str]:
    """The names of the events that the command lists in this state."""
    result = kasir("deliveries", "--state", state, "--json", **environ)
    return [event["id"] for event in json.loads(result.stdout)]


async def test_each_event_is_listed_in_its_state_and_with_its_tries(
    environ: dict[str, str],
) -> None:
    assert names(environ, "waiting") == ["evt_waits"]
    assert names(environ, "delivered") == ["evt_delivered"]
    result = kasir("deliveries", "--json", **environ)
    *_, lost = json.loads(result.stdout)  # The newest event is first.
    table = kasir("deliveries", **environ).stdout.splitlines()

    assert lost["id"] == "evt_lost"
    assert lost["event"] == "payment.authorised"
    assert lost["subject"] == "pay_2"
    assert lost["state"] == "given_up"
    assert lost["tries"] == [
        {"at": "2026-11-23T12:00:00Z", "status": 503},
        {"at": "2026-11-23T12:00:00Z", "error": "TimeoutError"},
    ]
    assert table[0].endswith("pay_3  not tried yet")
    assert table[1].endswith("2 tries, the last: TimeoutError on 2026-11-23T12:00:00+00:00")
    assert table[2] == "2 given_up"


async def test_resend_without_names_sends_all_events_that_were_given_up(
    environ: dict[str, str],
) -> None:
    named = kasir("deliveries", "resend", "evt_delivered", **environ)
    unnamed = kasir("deliveries", "resend", **environ)
    unnamed_again = kasir("deliveries", "resend", **environ)

    assert [result.stdout for result in (named, unnamed, unnamed_again)] == [
        f"{count} to be sent again\n" for count in (1, 2, 0)
    ]
    assert names(environ, "given_up") == []
    assert set(names(environ, "waiting")) == {
        "evt_waits",
        "evt_delivered",
        "evt_lost",
        "evt_lost_too",
    }


async def test_an_event_given_up_long_ago_is_resent_only_by_its_name(
    environ: dict[str, str],
) -> None:
    connection = await asyncpg.connect(environ["KASIR_DATABASE_URL"])
    await connection.execute(
        "UPDATE event SET given_up_at = now() - interval '8 days' WHERE name = 'evt_lost'"
    )
    await connection.close()
    unnamed = kasir("deliveries", "resend", **environ)
    remaining = names(environ, "given_up")
    named = kasir("deliveries", "resend", "evt_lost", **environ)

    assert unnamed.stdout == (
        "1 to be sent again\n"
        "1 were given up more than 7 days ago and are not sent again; name those that you want to "
        "send\n"
    )
    assert remaining == ["evt_lost"]
    assert named.stdout == "1 to be sent again\n"


async def test_events_that_cannot_be_resent_are_named_and_the_others_are_resent(
    environ: dict[str, str],
) -> None:
    result = kasir("deliveries", "resend", "evt_lost", "evt_waits", "evt_nobody", **environ)

    assert result.returncode == 1
    assert result.stdout == "1 to be sent again\n"
    assert is_one_line(result.stderr)
    assert "evt_nobody, evt_waits" in result.stderr
    assert names(environ, "given_up") == ["evt_lost_too"]
