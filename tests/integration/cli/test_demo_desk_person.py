"""The demo adds a person who can sign in to its desk, and a new password each time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from command import TWIN, environment
from desk_client import open_desk
from kasir.demo.alone import DemoError
from kasir.demo.desk_person import DESK_PERSON, add_person
from kasir.demo.processes import RunningDemo
from opened_kasir import a_database


def demo_on(database: str, **settings: str) -> RunningDemo:
    """A demo on a database, of which nothing runs."""
    return RunningDemo(
        kasir_url="http://127.0.0.1:9",
        twin_url="http://127.0.0.1:9",
        shop_url="http://127.0.0.1:9",
        environment=environment(TWIN | {"KASIR_DATABASE_URL": database} | settings),
        logs=Path("logs"),
    )


async def test_only_the_password_of_the_last_demo_signs_in_and_as_an_admin(
    postgres_dsn: str,
) -> None:
    async with a_database(postgres_dsn) as database:
        first = add_person(demo_on(database), time.sleep)
        second = add_person(demo_on(database), time.sleep)
        async with open_desk(database) as desk, desk.browser(DESK_PERSON) as person:
            before = await person.sign_in(first)
            after = await person.sign_in(second)
            people = await person.see("/desk/people")

    assert first != second
    assert (before.status_code, after.status_code, people.status_code) == (403, 303, 200)


async def test_nobody_is_added_if_the_desk_is_off(postgres_dsn: str) -> None:
    async with a_database(postgres_dsn) as database:
        password = add_person(demo_on(database, KASIR_DESK="off"), time.sleep)
        async with open_desk(database) as desk:
            people = await desk.services.people.listed()

    assert password == ""
    assert people == []


def test_a_command_that_fails_is_reported_with_what_it_said() -> None:
    with pytest.raises(DemoError, match=r"person could not be added: .*KASIR_DATABASE_URL"):
        add_person(demo_on("postgresql://127.0.0.1:9/nothing"), time.sleep)


async def test_a_command_is_stopped_if_the_demo_is_interrupted(postgres_dsn: str) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    async with a_database(postgres_dsn) as database:
        with pytest.raises(KeyboardInterrupt):
            add_person(demo_on(database), interrupted)
        async with open_desk(database) as desk:
            assert await desk.services.people.listed() == []
