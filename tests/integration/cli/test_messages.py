"""Messages to the operator: all missing settings at once, and the settings of a program."""

from __future__ import annotations

import re
import select
import signal
import subprocess

import asyncpg
import pytest

from command import TWIN, is_one_line, kasir, running, until_ready
from fakes import KEY
from kasir.demo.processes import RunningDemo, free_port

SECRET = "word-that-nobody-may-read"


def test_every_missing_setting_is_named_at_once_in_one_line() -> None:
    result = kasir("worker")

    assert result.returncode == 1
    assert is_one_line(result.stderr), result.stderr
    for name in (
        "ADYEN_API_KEY",
        "ADYEN_MERCHANT_ACCOUNT",
        "ADYEN_HMAC_KEY",
        "KASIR_PUBLIC_URL",
        "KASIR_SECRET_KEY",
    ):
        assert f"{name}: is not set" in result.stderr


def test_missing_settings_that_other_settings_require_are_named() -> None:
    result = kasir(
        "worker",
        ADYEN_ENVIRONMENT="live",
        KASIR_WEBHOOK_USER="adyen",
        KASIR_EVENTS_URL="https://shop.example/events",
    )

    assert is_one_line(result.stderr), result.stderr
    for name in ("ADYEN_LIVE_PREFIX", "KASIR_WEBHOOK_PASSWORD", "KASIR_EVENTS_SECRET"):
        assert f"{name}: " in result.stderr


async def test_migrate_apikey_and_replay_need_only_the_setting_of_the_database(
    empty_database: str,
) -> None:
    environ = {"KASIR_DATABASE_URL": empty_database}
    migrated = kasir("migrate", **environ)
    created = kasir("apikey", "create", "shop", **environ)
    withdrawn = kasir("apikey", "withdraw", "shop", **environ)
    replayed = kasir("notices", "replay", **environ)

    results = (migrated, created, withdrawn, replayed)
    assert [result.stderr for result in results] == ["", "", "", ""]
    assert [result.returncode for result in results] == [0, 0, 0, 0]


async def test_listing_notices_needs_only_the_database_and_the_secret_key(
    fresh_database: str,
) -> None:
    missing = kasir("notices", KASIR_DATABASE_URL=fresh_database)
    listed = kasir("notices", KASIR_DATABASE_URL=fresh_database, KASIR_SECRET_KEY="s" * 32)

    assert (missing.returncode, is_one_line(missing.stderr)) == (1, True)
    assert missing.stderr.startswith("kasir: KASIR_SECRET_KEY: is not set")
    assert (listed.returncode, listed.stdout) == (0, "0 held\n")
    assert listed.stderr == f"kasir: notices of {without_password(fresh_database)}\n"


def without_password(dsn: str) -> str:
    """A database's address without its password."""
    return re.sub(r"(//[^:@/]+):[^@/]*@", r"\1@", dsn)


def first_line(process: subprocess.Popen[str]) -> str:
    """The first line on stderr, printed once the program has started; empty after 30 s."""
    assert process.stderr
    ready, _, _ = select.select([process.stderr], [], [], 30)
    return process.stderr.readline() if ready else ""


def settings(dsn: str) -> dict[str, str]:
    return TWIN | {
        "KASIR_DATABASE_URL": dsn,
        "KASIR_EVENTS_URL": "https://shop.example/events",
        "KASIR_EVENTS_SECRET": "whsec_c2VjcmV0",
    }


async def test_serve_prints_where_it_listens_and_what_it_uses(fresh_database: str) -> None:
    port = free_port()
    with running("serve", "--port", str(port), **settings(fresh_database)) as process:
        line = first_line(process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=200)

    assert line.startswith(f"kasir: serve on http://127.0.0.1:{port}; ")
    assert f"database {without_password(fresh_database)}; " in line
    assert "Adyen twin (http://127.0.0.1:9), merchant account TwinMerchant; " in line
    assert "shoppers and webhooks at http://127.0.0.1:8000; " in line
    assert line.endswith("events to https://shop.example/events\n")


async def test_the_worker_prints_what_it_uses_and_that_it_sends_no_events(
    fresh_database: str,
) -> None:
    with running("worker", **TWIN, KASIR_DATABASE_URL=fresh_database) as process:
        line = first_line(process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=200)

    assert line.startswith(f"kasir: worker; database {without_password(fresh_database)}; ")
    assert line.endswith("events to nobody (KASIR_EVENTS_URL is not set)\n")


async def test_port_0_is_printed_as_the_port_that_the_system_chose(fresh_database: str) -> None:
    with running("serve", "--port", "0", **settings(fresh_database)) as process:
        line = first_line(process)
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, line
        until_ready(f"http://127.0.0.1:{found[1]}")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=200)


@pytest.mark.parametrize("part_of_dsn", ["user", "query"])
async def test_no_password_is_ever_printed(fresh_database: str, part_of_dsn: str) -> None:
    host = without_password(fresh_database).rpartition("@")[2]
    dsn = f"postgresql://nobody:{SECRET}@{host}"
    if part_of_dsn == "query":
        dsn = f"postgresql://nobody@{host}{'&' if '?' in host else '?'}password={SECRET}"
    result = kasir("notices", KASIR_DATABASE_URL=dsn, KASIR_SECRET_KEY="s" * 32)

    assert SECRET not in result.stdout + result.stderr


async def test_an_unusable_host_is_reported_in_one_line_that_names_the_option(
    fresh_database: str,
) -> None:
    result = kasir("serve", "--host", "203.0.113.7", **TWIN, KASIR_DATABASE_URL=fresh_database)

    assert (result.returncode, is_one_line(result.stderr)) == (1, True)
    assert "--host 203.0.113.7 --port 8000: cannot listen there" in result.stderr


async def test_a_replay_reports_which_notices_are_not_read_again(system: RunningDemo) -> None:
    connection = await asyncpg.connect(system.environment["KASIR_DATABASE_URL"])
    try:
        ids = {
            state: await connection.fetchval(
                "INSERT INTO notice (key, kind, item, received_at, state, event_code, names)"
                " VALUES (sha256(gen_random_uuid()::text::bytea), 'standard', '', now(), $1, 'X',"
                " '{}') RETURNING id",
                state,
            )
            for state in ("read", "ignored")
        }
    finally:
        await connection.close()
    read_id, ignored_id = str(ids["read"]), str(ids["ignored"])
    environ = dict(system.environment)
    result = kasir("notices", "replay", read_id, ignored_id, **environ)
    unknown = kasir("notices", "replay", ignored_id, "987654321", **environ)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"1 to be read again\n{read_id} was read already, and is not changed\n"
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == (
        "kasir: IDS: there is no notice 987654321; `kasir notices --state` lists them by state\n"
    )


def test_a_too_short_hmac_key_is_reported_in_one_line() -> None:
    result = kasir("worker", **(TWIN | {"ADYEN_HMAC_KEY": KEY[:10]}))

    assert is_one_line(result.stderr)
    assert result.stderr.startswith("kasir: ADYEN_HMAC_KEY: ")
