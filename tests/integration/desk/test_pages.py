"""What the pages show: the day, settings without secrets, API keys, the audit log."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest

from desk_client import OpenDesk, open_desk, text_of
from fakes import KEY
from kasir.desk.navigation import sections
from kasir.desk.texts import LANGUAGES
from kasir.desk.today import WHERE
from kasir.operations.disputes import OpenDisputes
from kasir.operations.today import needs_of
from kasir.people.roles import Role
from kasir.store import api_keys
from kasir.store.figures import Figures
from kasir.store.inbox import NoticeState
from opened_kasir import a_database


async def test_the_start_page_shows_what_needs_a_person_first(postgres_dsn: str) -> None:
    async with a_database(postgres_dsn) as database, open_desk(database) as desk:
        await desk.parts.pool.execute(
            "INSERT INTO notice (key, kind, item, received_at, state, event_code, names)"
            " VALUES ('a', 'standard', '', now(), 'held', 'X', '{}')"
        )
        async with desk.signed_in("starts") as person:
            page = await person.see("/desk")
            indonesian = await person.see("/desk?lang=id")
            kept = await person.see("/desk")

    text = text_of(page)
    assert "Notifications that were not understood: 1" in text
    assert text.index("Needs a person") < text.index("Paid today")
    assert page.text.count("data:image/svg+xml;base64,") == 2
    assert "Perlu ditangani" in text_of(indonesian)
    assert 'lang="id"' in kept.text


async def test_every_need_has_a_text_and_leads_to_a_page(desk: OpenDesk) -> None:
    figures = Figures(dict.fromkeys(NoticeState, 1), 0, 1, 1, 0, 0, 0, 1, 0, 1)
    needs = [need.what for need in needs_of(figures, OpenDisputes(1, 1), 1)]
    async with desk.signed_in("leads", Role.VIEW) as person:
        pages = [await person.see(visible_url(what)) for what in needs]

    assert sorted(needs) == sorted(WHERE)
    assert [page.status_code for page in pages] == [200] * len(needs)
    for texts in LANGUAGES.values():
        assert [what for what in needs if f"need_{what}" not in texts] == []


def visible_url(what: str) -> str:
    """The URL of the page about a need."""
    key, query = WHERE[what]
    (path,) = [section.path for section in sections(Role.VIEW) if section.key == key]
    return f"{path}?{urlencode(query)}"


async def test_the_settings_show_no_secret(postgres_dsn: str) -> None:
    secrets: dict[str, Any] = {
        "KASIR_API_KEY": "a-secret-key-of-a-shop",
        "KASIR_EVENTS_URL": "https://user:pass-word@shop.example/events?token=hidden-token",
        "KASIR_EVENTS_SECRET": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "KASIR_RELAY_URL": "https://relay.example/adyen",
        "KASIR_RELAY_USER": "relay",
        "KASIR_RELAY_PASSWORD": "a-password-of-the-relay",
        "KASIR_METRICS_KEY": "a-key-of-the-metrics",
        "KASIR_SECRET_KEY": "a" * 32 + "," + "b" * 32,
        "KASIR_NO_SUCH": "a-setting-of-tomorrow",
    }
    hidden = [*secrets.values(), "pass-word", "hidden-token", KEY, "a" * 32, "b" * 32]
    hidden.remove("https://relay.example/adyen")
    hidden.remove("relay")
    async with (
        a_database(postgres_dsn) as database,
        open_desk(database, **secrets) as desk,
        desk.signed_in("reads", Role.ADMIN) as admin,
    ):
        page = await admin.see("/desk/settings")

    assert [secret for secret in hidden if secret in page.text] == []
    assert database not in page.text
    text = text_of(page)
    assert "KASIR_EVENTS_URL https://shop.example/events" in text
    assert "KASIR_SECRET_KEY 2 values set, and secret" in text
    assert "KASIR_METRICS_KEY set, and secret" in text
    assert "KASIR_SHOP_NAME not set" in text
    assert "KASIR_NO_SUCH set, and secret" in text


async def test_a_key_is_added_used_and_withdrawn(desk: OpenDesk) -> None:
    async with desk.signed_in("keys", Role.ADMIN) as admin:
        added = await admin.post("/desk/settings/keys", name="webshop")
        found = re.search(r'class="secret">([^<]+)<', added.text)
        assert found
        again = await admin.post("/desk/settings/keys", name="webshop")
        used = await admin.see("/api/today", **{"X-API-Key": found[1]})
        look = await admin.post("/desk/settings/keys/withdraw", name="webshop")
        assert "is refused within seconds" in text_of(look)
        assert 'name="confirmed" value="yes"' in look.text
        assert await api_keys.listed(desk.parts.pool)
        done = await admin.post("/desk/settings/keys/withdraw", name="webshop", confirmed="yes")
        listed = await admin.see(done.headers["location"])

    assert found[1] not in listed.text
    assert again.status_code == 422
    assert used.status_code == 200
    assert "The key is withdrawn." in text_of(listed)
    assert await api_keys.listed(desk.parts.pool) == []


async def test_the_audit_log_shows_who_did_what_and_why_page_by_page(postgres_dsn: str) -> None:
    async with (
        a_database(postgres_dsn) as database,
        open_desk(database) as desk,
        desk.signed_in("auditor", Role.ADMIN) as admin,
    ):
        await desk.parts.pool.execute(
            "INSERT INTO audit (at, is_about_people, account, person, address, act, subject,"
            " reason, before) SELECT now(), false, 'A', 'sari', '', 'api_key.add', 'key-' || n,"
            " '<b>', '{}' FROM generate_series(0, 50) AS n"
        )
        await admin.post("/desk/settings/keys", name="till", reason="<i>first")
        await admin.post("/desk/settings/keys", name="till", reason="twice")
        first = await admin.see("/desk/audit")
        after = re.search(r'href="([^"]*after=\d+)" rel="next"', first.text)
        assert after
        second = await admin.see(after[1])
        wrong = await admin.see("/desk/audit?after=x")

    newest, oldest = text_of(first), text_of(second)
    assert "auditor 127.0.0.1" not in newest  # A client of this machine has no address.
    assert "twice" in newest
    assert "failed" in newest
    assert "not known" in newest
    assert "&lt;i&gt;first" in first.text
    assert "key-3 " in newest
    assert [name for name in ("key-2 ", "key-1 ", "key-0 ") if name not in oldest] == []
    assert "key-3 " not in oldest
    assert wrong.status_code == 422


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET reason = 'another'",
        "UPDATE audit SET outcome = 'failed'",
        "UPDATE audit SET at = at - interval '1 day'",
        "DELETE FROM audit",
    ],
)
async def test_the_database_refuses_every_change_of_the_audit_log(
    desk: OpenDesk, change: str
) -> None:
    async with desk.signed_in(f"rewrites-{sum(change.encode())}"):
        with pytest.raises(Exception, match="never changed or removed"):
            await desk.parts.pool.execute(change)


async def test_an_act_that_breaks_is_recorded_as_failed(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> str:
        raise RuntimeError("a secret of the program")

    monkeypatch.setattr(api_keys, "create", broken)
    async with desk.signed_in("breaks", Role.ADMIN) as admin:
        answer = await admin.post("/desk/settings/keys", name="broken")
    row = await desk.parts.pool.fetchrow("SELECT * FROM audit WHERE subject = 'broken'")

    assert row
    assert answer.status_code == 500
    assert "secret of the program" not in answer.text
    assert (row["outcome"], row["error"]) == ("failed", "RuntimeError")


async def test_a_long_reason_is_cut(desk: OpenDesk) -> None:
    async with desk.signed_in("long", Role.ADMIN) as admin:
        await admin.post("/desk/settings/keys", name="long-reason", reason="x" * 600)
        kept = await desk.parts.pool.fetchval(
            "SELECT length(reason) FROM audit WHERE subject = 'long-reason'"
        )

    assert kept == 500
