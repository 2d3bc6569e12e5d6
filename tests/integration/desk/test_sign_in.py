"""Signing in: passwords, waits after wrong ones, sessions that end, second factors, a proxy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyotp
import pytest

from desk_client import PASSWORD, OpenDesk, Person, open_desk, text_of
from kasir.limits import Limits
from kasir.people.roles import Role
from opened_kasir import a_database

NOON = datetime(2026, 11, 26, 5, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROXY: Final[dict[str, Any]] = {
    "KASIR_DESK_PROXY_HEADER": "X-Auth-User",
    "KASIR_DESK_PROXY_ADDRESSES": "10.0.0.0/24",
}


@dataclass
class Watch:
    """A clock that the test sets."""

    moment: datetime = NOON

    def now(self) -> datetime:
        """The set time."""
        return self.moment

    def later(self, delay: timedelta) -> None:
        """Move the clock forward."""
        self.moment += delay


async def is_in(person: Person) -> bool:
    """Whether the browser is signed in."""
    return (await person.see("/desk")).status_code == 200


async def test_a_person_signs_in_and_out(desk: OpenDesk) -> None:
    await desk.person("inout")
    async with desk.browser("inout") as person:
        asked = await person.see("/desk/audit?after=7")
        where = asked.headers["location"]
        answer = await person.sign_in(next="/desk/audit?after=7")
        cookie = answer.headers["set-cookie"]
        assert where == "/desk/login?next=%2Fdesk%2Faudit%3Fafter%3D7"
        assert answer.headers["location"] == "/desk/audit?after=7"
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Secure" not in cookie
        assert await is_in(person)
        kept = dict(person.http.cookies)
        await person.sign_out()
        assert not await is_in(person)
        person.http.cookies.update(kept)

        assert not await is_in(person)


@pytest.mark.parametrize(
    "after", ["https://evil.example/", "//evil.example", "/pay/x", "/desk/\\evil", "javascript:x"]
)
async def test_signing_in_leads_to_a_page_of_the_desk_only(desk: OpenDesk, after: str) -> None:
    name = re.sub(r"\W", "", after) or "x"
    await desk.person(name)
    async with desk.browser(name) as person:
        answer = await person.sign_in(next=after)

    assert answer.headers["location"] == "/desk"


async def test_an_unknown_name_gets_the_answer_of_a_wrong_password(desk: OpenDesk) -> None:
    await desk.person("known")
    async with desk.browser() as person:
        wrong = await person.sign_in("wrong", "known")
        unknown = await person.sign_in("wrong", "unknown")

    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text.replace("known", "N") == unknown.text.replace("unknown", "N")


async def test_a_form_of_another_site_signs_nobody_in(desk: OpenDesk) -> None:
    await desk.person("lured")
    async with desk.browser("lured") as person:
        answer = await person.http.post(
            "/desk/login",
            data={"name": "lured", "password": PASSWORD},
            headers={"Origin": "https://evil.example"},
        )

        assert answer.status_code == 403
        assert not await is_in(person)


async def test_20_wrong_passwords_slow_down_every_server_and_address(postgres_dsn: str) -> None:
    watch = Watch()
    async with a_database(postgres_dsn) as database, open_desk(database, watch) as desk:
        await desk.person("target")
        statuses = []
        async with desk.browser("target") as guesser:
            for _ in range(20):
                statuses.append((await guesser.sign_in("wrong")).status_code)
                watch.later(timedelta(milliseconds=100))
        async with open_desk(database, watch) as second, second.browser("target") as right:
            slowed = await right.sign_in()
            assert slowed.status_code == 429
            assert int(slowed.headers["retry-after"]) >= 1
            assert "wrong passwords" in text_of(slowed)
            watch.later(timedelta(seconds=Limits().desk_guess_wait_s))

            assert (await right.sign_in()).status_code == 303
    assert statuses[:5] == [403] * 5
    assert statuses.count(429) >= 12


async def test_the_waits_grow_and_have_a_longest(postgres_dsn: str) -> None:
    watch, waits = Watch(), []
    async with (
        a_database(postgres_dsn) as database,
        open_desk(database, watch) as desk,
        desk.browser("nobody") as guesser,
    ):
        for _ in range(20):
            slowed = await guesser.sign_in("wrong")
            while slowed.status_code == 403:
                slowed = await guesser.sign_in("wrong")
            waits.append(int(slowed.headers["retry-after"]))
            watch.later(timedelta(seconds=waits[-1]))

    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == Limits().desk_guess_wait_s


async def test_many_names_from_one_address_are_slowed_and_another_address_is_not(
    postgres_dsn: str,
) -> None:
    watch = Watch()
    async with a_database(postgres_dsn) as database, open_desk(database, watch) as desk:
        await desk.person("bystander")
        async with desk.browser(client="203.0.113.9") as guesser:
            statuses = [
                (await guesser.sign_in("wrong", f"name-{number}")).status_code
                for number in range(22)
            ]
        async with desk.browser("bystander", client="203.0.113.10") as person:
            assert (await person.sign_in()).status_code == 303
    assert statuses[:19] == [403] * 19
    assert statuses[-1] == 429


async def test_right_passwords_of_an_address_are_not_counted(postgres_dsn: str) -> None:
    async with a_database(postgres_dsn) as database, open_desk(database, Watch()) as desk:
        await desk.person("often")
        async with desk.browser("often", client="203.0.113.9") as person:
            statuses = {(await person.sign_in()).status_code for _ in range(22)}

    assert statuses == {303}


async def test_a_session_ends_after_an_idle_hour_and_after_twelve_hours(postgres_dsn: str) -> None:
    watch = Watch()
    async with a_database(postgres_dsn) as database, open_desk(database, watch) as desk:
        async with desk.signed_in("idle") as idle:
            watch.later(HOUR - timedelta(seconds=1))
            assert await is_in(idle)
            watch.later(HOUR - timedelta(seconds=1))
            assert await is_in(idle)
            watch.later(HOUR)
            assert not await is_in(idle)
        async with desk.signed_in("busy") as busy:
            for _ in range(23):
                watch.later(HOUR / 2)
                assert await is_in(busy)
            watch.later(HOUR / 2)
            assert not await is_in(busy)
        async with desk.signed_in("next"):
            kept = await desk.parts.pool.fetch("SELECT person FROM person_session")
    assert [row["person"] for row in kept] == ["next"]


async def test_a_new_password_ends_the_other_sessions(desk: OpenDesk) -> None:
    async with desk.signed_in("renews") as person, desk.browser("renews") as elsewhere:
        await elsewhere.sign_in()
        wrong = await person.post("/desk/me/password", password="wrong", new="a newer password")
        assert "present password" in text_of(wrong)
        short = await person.post("/desk/me/password", password=PASSWORD, new="short")
        assert short.status_code == 422
        await person.post("/desk/me/password", password=PASSWORD, new="a newer password")

        assert await is_in(person)
        assert not await is_in(elsewhere)
        assert (await elsewhere.sign_in()).status_code == 403
        assert (await elsewhere.sign_in("a newer password")).status_code == 303


async def test_the_database_has_neither_passwords_nor_tokens(desk: OpenDesk) -> None:
    async with desk.signed_in("hashed") as person:
        token = person.http.cookies["kasir_desk"]
        hashed = await desk.parts.pool.fetchval("SELECT password FROM person WHERE name = 'hashed'")
        sessions = await desk.parts.pool.fetch("SELECT hash FROM person_session")

    assert hashed.startswith("$argon2id$")
    assert token.encode() not in [row["hash"] for row in sessions]


async def test_a_code_of_the_second_factor_is_used_once(postgres_dsn: str) -> None:
    watch = Watch()
    async with a_database(postgres_dsn) as database, open_desk(database, watch) as desk:
        async with desk.signed_in("factor") as person:
            page = await person.post("/desk/me/factor", password=PASSWORD)
            secret = page.text.partition("<code>")[2].partition("</code>")[0]
            totp = pyotp.TOTP(secret)
            wrong = await person.post("/desk/me/factor/confirm", code="000000")
            assert wrong.status_code == 422
            await person.post("/desk/me/factor/confirm", code=totp.at(watch.now()))
            sealed = await desk.parts.pool.fetchval("SELECT totp FROM person")
            assert secret.encode() not in sealed
        async with desk.browser("factor") as again:
            statuses = [
                (await again.sign_in()).status_code,
                (await again.sign_in(code=totp.at(watch.now()))).status_code,
            ]
            watch.later(timedelta(seconds=30))
            code = totp.at(watch.now())
            spaced = f"{code[:3]} {code[3:]}"
            statuses.append((await again.sign_in(code=spaced)).status_code)
            statuses.append((await again.sign_in(code=code)).status_code)
            watch.later(timedelta(seconds=90))
            statuses.append((await again.sign_in(code=code)).status_code)

    assert statuses == [403, 403, 303, 403, 403]


async def test_a_disabled_person_cannot_sign_in(desk: OpenDesk) -> None:
    await desk.person("disabled")
    await desk.services.people.set_active("disabled", is_active=False)
    async with desk.browser("disabled") as person:
        assert (await person.sign_in()).status_code == 403


async def test_a_person_without_a_role_sees_nothing(desk: OpenDesk) -> None:
    await desk.person("roleless", role=None)
    async with desk.browser("roleless") as person:
        await person.sign_in()
        answer = await person.see("/desk")

    assert answer.status_code == 403
    assert "no role" in text_of(answer)


async def test_with_https_the_cookie_is_secure_and_of_this_host_only(postgres_dsn: str) -> None:
    public: dict[str, Any] = {"KASIR_PUBLIC_URL": "https://kasir.example/shop"}
    async with a_database(postgres_dsn) as database, open_desk(database, **public) as desk:
        await desk.person("secure")
        async with desk.browser("secure") as person:
            answer = await person.sign_in()

    assert answer.headers["set-cookie"].startswith("__Host-kasir_desk=")
    assert "; Path=/;" in answer.headers["set-cookie"]
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["location"] == "/shop/desk"


async def test_a_trusted_proxy_signs_a_person_in(postgres_dsn: str) -> None:
    async with a_database(postgres_dsn) as database, open_desk(database, **PROXY) as desk:
        await desk.person("via.proxy@shop.example", Role.ACT)
        async with desk.browser(client="10.0.0.7") as browser:
            page = await browser.see("/desk", **{"X-Auth-User": "Via.Proxy@shop.example"})
            other = await browser.see("/desk", **{"X-Auth-User": "stranger"})
            back = await browser.see("/desk", **{"X-Auth-User": "via.proxy@shop.example"})

    assert "via.proxy@shop.example" in text_of(page)
    assert other.headers["location"] == "/desk/login"
    assert back.status_code == 200


async def test_the_header_of_an_untrusted_address_is_ignored_and_logged(
    postgres_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_database(postgres_dsn) as database, open_desk(database, **PROXY) as desk:
        await desk.person("forged", Role.ADMIN)
        async with desk.browser(client="10.0.1.7") as browser:
            answer = await browser.see("/desk", **{"X-Auth-User": "forged"})

    assert answer.headers["location"] == "/desk/login"
    assert "proxy header from an untrusted address" in capsys.readouterr().out


async def test_without_the_setting_no_header_signs_anybody_in(desk: OpenDesk) -> None:
    await desk.person("trusting", Role.ADMIN)
    async with desk.browser(client="10.0.0.7") as browser:
        answer = await browser.see("/desk", **{"X-Auth-User": "trusting"})

    assert answer.headers["location"] == "/desk/login"


@pytest.mark.parametrize("path", ["/desk", "/desk/login", "/desk/people", "/desk/static/desk.css"])
async def test_a_desk_that_is_switched_off_is_an_unknown_path(postgres_dsn: str, path: str) -> None:
    async with (
        a_database(postgres_dsn) as database,
        open_desk(database, KASIR_DESK="off") as desk,
        desk.browser() as browser,
    ):
        answer = await browser.see(path)

    assert answer.status_code == 404
    assert answer.json()["message"].startswith(f"There is no {path} here")


async def test_every_sign_in_is_in_the_audit_log(desk: OpenDesk) -> None:
    async with desk.signed_in("logged") as person:
        await person.sign_in("wrong")
        await person.sign_out()
    async with desk.browser() as stranger:
        await stranger.sign_in("wrong", "a password typed as a name")
    rows = await desk.parts.pool.fetch(
        "SELECT act, outcome FROM audit WHERE person = 'logged' ORDER BY id"
    )
    typed = await desk.parts.pool.fetchval(
        "SELECT count(*) FROM audit WHERE person LIKE '%typed%' OR subject LIKE '%typed%'"
    )

    assert [tuple(row) for row in rows] == [
        ("sign_in", "done"),
        ("sign_in", "failed"),
        ("sign_out", "done"),
    ]
    assert typed == 0
