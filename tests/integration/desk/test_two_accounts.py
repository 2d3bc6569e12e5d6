"""A person sees and changes nothing of an account in which they have no role."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest_asyncio

from desk_client import OpenDesk, Person, open_desk, text_of
from kasir.people.roles import Role
from opened_kasir import a_database
from two_accounts import FIRST, SECOND, add_account, variables_of


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    """A desk with two accounts."""
    async with a_database(postgres_dsn) as database:
        await add_account(database, SECOND, variables_of(SECOND))
        async with open_desk(database) as opened:
            yield opened


async def switch(person: Person, account: str) -> None:
    """Choose an account."""
    token = await person.csrf_token()
    await person.http.post("/desk/account", data={"csrf": token, "account": account})


async def names(person: Person) -> str:
    """The text of the page of people."""
    return text_of(await person.see("/desk/people"))


async def test_the_keys_of_each_account_are_its_own(desk: OpenDesk) -> None:
    async with desk.signed_in("keys1", Role.ADMIN) as first:
        await first.post("/desk/settings/keys", name="till-of-first")
        async with desk.signed_in("keys2", Role.ADMIN, SECOND) as second:
            made = await second.post("/desk/settings/keys", name="till-of-second")
            seen = text_of(await second.see("/desk/settings"))
            log = text_of(await second.see("/desk/audit"))
        own = text_of(await first.see("/desk/settings"))

    assert 'class="secret">kasir.' in made.text  # A key of an account of the database has its tag.
    assert "till-of-second" in seen
    assert "till-of-first" not in seen + log
    assert FIRST not in seen
    assert "till-of-first" in own
    assert "till-of-second" not in own


async def test_the_first_account_cannot_be_chosen_without_a_role_in_it(desk: OpenDesk) -> None:
    async with desk.signed_in("only2", Role.ADMIN, SECOND) as person:
        await switch(person, FIRST)
        page = await person.see("/desk/settings")

    assert FIRST not in page.text


async def test_a_form_of_the_account_shown_before_is_refused(desk: OpenDesk) -> None:
    await desk.person("both", Role.ADMIN)
    await desk.services.people.set_role("both", SECOND, Role.ADMIN)
    async with desk.browser("both") as person:
        await person.sign_in()
        token = await person.csrf_token()
        await switch(person, SECOND)
        late = await person.http.post(
            "/desk/settings/keys", data={"csrf": token, "reason": "late", "name": "late"}
        )
        shown = await person.see("/desk/settings")

    assert late.status_code == 403
    assert re.search(rf"<option selected>{SECOND}<", shown.text)
    assert "late" not in text_of(shown)


async def test_a_role_of_one_account_gives_no_right_in_another(desk: OpenDesk) -> None:
    await desk.person("mixed", Role.ADMIN)
    await desk.services.people.set_role("mixed", SECOND, Role.VIEW)
    async with desk.browser("mixed") as person:
        await person.sign_in()
        assert (await person.see("/desk/people")).status_code == 200
        await switch(person, SECOND)
        page, act = (
            await person.see("/desk/people"),
            await person.post("/desk/settings/keys", name="mine"),
        )

    assert page.status_code == act.status_code == 403


async def test_an_admin_sees_and_changes_only_people_of_the_account(desk: OpenDesk) -> None:
    await desk.person("first-only")
    await desk.person("of-both")
    await desk.services.people.set_role("of-both", SECOND, Role.VIEW)
    async with desk.signed_in("admin2", Role.ADMIN, SECOND) as admin:
        listed = await names(admin)
        unseen = await admin.post("/desk/people/first-only/role", role="admin")
        whole = await admin.post("/desk/people/of-both/disable")
        password = await admin.post("/desk/people/of-both/password")
        await admin.post("/desk/people/of-both/role", role="act")
    person = await desk.services.people.person("of-both")
    other = await desk.services.people.person("first-only")

    assert "of-both" in listed
    assert "first-only" not in listed
    assert unseen.status_code == 404
    assert whole.status_code == password.status_code == 422
    assert person.is_active
    assert person.roles == {FIRST: "view", SECOND: "act"}
    assert other.roles == {FIRST: "view"}


async def test_sign_ins_are_seen_by_admins_of_the_persons_accounts(desk: OpenDesk) -> None:
    async with desk.signed_in("signs1"), desk.signed_in("signs2", account=SECOND):
        async with desk.signed_in("watch1", Role.ADMIN) as first:
            seen1 = text_of(await first.see("/desk/audit?about=people"))
        async with desk.signed_in("watch2", Role.ADMIN, SECOND) as second:
            seen2 = text_of(await second.see("/desk/audit?about=people"))
        async with desk.signed_in("viewer") as viewer:
            refused = await viewer.see("/desk/audit?about=people")

    assert "signs1" in seen1
    assert "signs2" not in seen1
    assert "signs2" in seen2
    assert "signs1" not in seen2
    assert refused.status_code == 422
