"""People: who sees the page, what it changes, and whom an admin cannot change."""

from __future__ import annotations

import re

from desk_client import OpenDesk, text_of
from kasir.people.roles import Role


async def test_an_admin_adds_a_person_whose_password_is_shown_once(desk: OpenDesk) -> None:
    async with desk.signed_in("adds", Role.ADMIN) as admin:
        added = await admin.post("/desk/people/add", name="added", role="act")
        found = re.search(r'class="secret">([^<]+)<', added.text)
        assert found
        assert found[1] not in (await admin.see("/desk/people")).text
    async with desk.browser("added") as person:
        assert (await person.sign_in(found[1])).status_code == 303

        assert "added" in text_of(await person.see("/desk"))


async def test_an_admin_cannot_change_their_own_role(desk: OpenDesk) -> None:
    async with desk.signed_in("alone", Role.ADMIN) as admin:
        answer = await admin.post("/desk/people/alone/role", role="view")

        assert answer.status_code == 422
        assert "is your own" in text_of(answer)


async def test_a_disabled_person_is_signed_out(desk: OpenDesk) -> None:
    async with desk.signed_in("disables", Role.ADMIN) as admin, desk.signed_in("leaves") as person:
        assert (await person.see("/desk")).status_code == 200
        await admin.post("/desk/people/leaves/disable")

        assert (await person.see("/desk")).headers["location"] == "/desk/login"
        assert (await person.sign_in()).status_code == 403
