"""The page of checks shows the findings of `kasir doctor` of the account, in both languages."""

from __future__ import annotations

from desk_client import OpenDesk, text_of
from kasir.desk.doctor import check_key
from kasir.desk.texts import LANGUAGES
from kasir.doctor.checks import account_findings, live_and_test


async def test_a_person_who_may_look_sees_every_finding_the_failed_ones_first(
    desk: OpenDesk,
) -> None:
    await desk.parts.pool.execute(
        "INSERT INTO notice (key, kind, item, received_at, state, event_code, names)"
        " VALUES ('held', 'standard', '', now(), 'held', 'X', '{}')"
    )
    found = [
        *live_and_test(desk.parts.settings),
        *await account_findings(desk.parts, with_tokens=False),
    ]
    async with desk.signed_in("looks") as person:
        start = await person.see("/desk")
        page = await person.see("/desk/doctor")
    text = text_of(page)
    wrong, well = text.index("To be mended"), text.index("In order (")

    assert page.status_code == 200
    assert 'href="/desk/doctor"' in start.text
    assert {finding.is_well for finding in found} == {True, False}
    for finding in found:
        place = text.index(f"{finding.what} {'in' if finding.is_well else 'not in'} order")
        assert (place > well) is finding.is_well
        assert place > wrong
    assert "1 held: they cannot be read" in text


async def test_every_finding_has_its_name_in_each_language(desk: OpenDesk) -> None:
    found = [
        *live_and_test(desk.parts.settings),
        *await account_findings(desk.parts, with_tokens=False),
    ]
    async with desk.signed_in("membaca") as person:
        page = text_of(await person.see("/desk/doctor?lang=id"))

    assert [one.what for one in found if check_key(one.what) not in LANGUAGES["id"]] == []
    assert [one.what for one in found if LANGUAGES["en"][check_key(one.what)] != one.what] == []
    assert "jam-jam cocok baik" in page
    assert "Perlu diperbaiki" in page
