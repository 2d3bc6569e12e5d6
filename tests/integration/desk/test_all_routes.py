"""Every page needs a session, every act needs its role and its token, and writes one audit row."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest
from litestar.handlers import HTTPRouteHandler

from desk_client import PASSWORD, OpenDesk, open_desk, text_of
from desk_examples import Example, examples
from kasir.desk.acts import Act
from kasir.desk.routes import GUARDED
from kasir.desk.texts import LANGUAGES
from kasir.people.roles import Role
from opened_kasir import a_database

EXAMPLES: Final = examples()
#: The routes, each with one of its paths, with a value for each variable.
PATHS: Final = [
    (handler, re.sub(r"\{\w+:\w+\}", "1", path)) for handler in GUARDED for path in handler.paths
]
READS: Final = [(handler, path) for handler, path in PATHS if "GET" in handler.http_methods]
FORMS: Final = [(handler, path) for handler, path in PATHS if "POST" in handler.http_methods]
OF_ACTS: Final = [(handler, path) for handler, path in FORMS if "act" in handler.opt]
#: The acts, by name; of two acts of the same name only one is here.
ACTS: Final[dict[str, Act]] = {
    handler.opt["act"].name: handler.opt["act"] for handler, _ in FORMS if "act" in handler.opt
}
#: Acts before which there was nothing: they make something, or replace a password.
WITHOUT_BEFORE: Final = {
    "api_key.add",
    "link.create",
    "own.password",
    "payment_view.save",
    "person.add",
    "person.reset_password",
    "plan.create",
}
WITH_REASON: Final = [example for example in EXAMPLES if ACTS[example.act].needs_reason]


def _ids(routes: list[tuple[HTTPRouteHandler, str]]) -> list[str]:
    return [path for _, path in routes]


async def audit_count(desk: OpenDesk) -> int:
    """How many acts the audit log has, without sign-ins."""
    return int(
        await desk.parts.pool.fetchval(
            "SELECT count(*) FROM audit WHERE act NOT IN ('sign_in', 'sign_out')"
        )
    )


def test_every_act_has_one_name_and_one_example() -> None:
    acts = [handler for handler, _ in FORMS if "act" in handler.opt]

    assert sorted(example.act for example in EXAMPLES) == sorted(ACTS)
    assert len(acts) == len(ACTS)


def test_every_form_is_an_act_but_those_of_a_session() -> None:
    others = [path for handler, path in FORMS if "act" not in handler.opt]

    assert others == ["/desk/logout", "/desk/account"]


def test_every_act_has_a_text_in_each_language() -> None:
    for texts in LANGUAGES.values():
        assert [name for name in ACTS if f"act_{name}" not in texts] == []


@pytest.mark.parametrize(("handler", "path"), PATHS, ids=_ids(PATHS))
async def test_nobody_sees_or_does_anything_without_a_session(
    desk: OpenDesk, handler: HTTPRouteHandler, path: str
) -> None:
    before = await audit_count(desk)
    async with desk.browser() as stranger:
        for method in handler.http_methods:
            answer = await stranger.http.request(method, path)

            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/desk/login")
            assert "no-store" in answer.headers["cache-control"]
    assert await audit_count(desk) == before


@pytest.mark.parametrize(("handler", "path"), READS, ids=_ids(READS))
async def test_every_page_has_the_security_headers_and_refuses_unknown_parameters(
    desk: OpenDesk, handler: HTTPRouteHandler, path: str
) -> None:
    name = f"reads-{READS.index((handler, path))}"
    async with desk.signed_in(name, Role.ADMIN) as admin:
        page = await admin.see(path)
        unknown = await admin.see(f"{path}?nosuch=1")

    assert page.status_code in {200, 404}
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert not re.search(r"\sstyle=|<style|<script(?! src=)|\son\w+=", page.text)
    assert unknown.status_code == 422
    assert "nosuch" in text_of(unknown)


@pytest.mark.parametrize(("handler", "path"), FORMS, ids=_ids(FORMS))
async def test_no_form_is_accepted_without_its_token_or_from_elsewhere(
    desk: OpenDesk, handler: HTTPRouteHandler, path: str
) -> None:
    name = f"forms-{FORMS.index((handler, path))}"
    async with desk.signed_in(name, Role.ADMIN) as admin, desk.signed_in(f"{name}-b") as other:
        before = await audit_count(desk)
        token, others = await admin.csrf_token(), await other.csrf_token()
        fields = {"reason": "a test"}
        without = await admin.http.post(path, data=fields)
        foreign = await admin.http.post(path, data=fields | {"csrf": others})
        elsewhere = await admin.http.post(
            path, data=fields | {"csrf": token}, headers={"Origin": "https://evil.example"}
        )
        framed = await admin.http.post(
            path, data=fields | {"csrf": token}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        still_in = await admin.see("/desk")

    answers = (without, foreign, elsewhere, framed)
    assert [answer.status_code for answer in answers] == [403] * 4
    assert still_in.status_code == 200
    assert await audit_count(desk) == before


@pytest.mark.parametrize(("handler", "path"), FORMS, ids=_ids(FORMS))
@pytest.mark.parametrize("where", ["query", "form"])
async def test_no_form_is_accepted_with_an_unknown_field_or_parameter(
    desk: OpenDesk, handler: HTTPRouteHandler, path: str, where: str
) -> None:
    name = f"unknown-{where}-{FORMS.index((handler, path))}"
    async with desk.signed_in(name, Role.ADMIN) as admin:
        before = await audit_count(desk)
        if where == "query":
            answer = await admin.post(f"{path}?nosuch=1")
        else:
            answer = await admin.post(path, **_fields_of(handler), nosuch="1")
        still_in = await admin.see("/desk")

    assert answer.status_code == 422
    assert "nosuch" in text_of(answer)
    assert still_in.status_code == 200
    assert await audit_count(desk) == before


def _fields_of(handler: HTTPRouteHandler) -> dict[str, str]:
    """The fields that all acts have, without those that other forms lack."""
    return {"confirmed": "yes"} if "act" in handler.opt else {}


@pytest.mark.parametrize(("handler", "path"), PATHS, ids=_ids(PATHS))
async def test_nothing_is_shown_or_done_without_the_role(
    desk: OpenDesk, handler: HTTPRouteHandler, path: str
) -> None:
    needed: Role = handler.opt["role"]
    lower = [role for role in Role if not role.allows(needed)]
    for role in lower:
        name = f"lower-{PATHS.index((handler, path))}-{role}"
        async with desk.signed_in(name, role) as person:
            before, token = await audit_count(desk), await person.csrf_token()
            for method in handler.http_methods:
                answer = await person.http.request(
                    method, path, data={"csrf": token, "reason": "a test"}
                )

                assert answer.status_code == 403
    if lower:
        assert await audit_count(desk) == before


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
async def test_every_act_writes_one_row_with_who_when_why_before_and_after(
    postgres_dsn: str, example: Example
) -> None:
    async with (
        a_database(postgres_dsn) as database,
        open_desk(database, None, **example.environ) as desk,
    ):
        async with desk.signed_in("admin", Role.ADMIN) as admin:
            more = await example.prepare(admin) or {}
            before = await audit_count(desk)
            answer = await admin.post(example.path, **example.fields, **more)
            assert answer.status_code in {200, 303}, answer.text
        assert await audit_count(desk) == before + 1
        row = await desk.parts.pool.fetchrow("SELECT * FROM audit ORDER BY id DESC LIMIT 1")

    assert row
    assert (row["act"], row["person"], row["outcome"]) == (example.act, "admin", "done")
    assert row["reason"] == "a test"
    assert row["subject"]
    assert row["ended_at"] >= row["at"]
    assert row["is_about_people"] == ACTS[example.act].is_about_people
    before_and_after = [json.loads(row[name]) for name in ("before", "after")]
    assert before_and_after[1]
    assert bool(before_and_after[0]) != (example.act in WITHOUT_BEFORE)
    # No Adyen answers here, so the example's token is disabled already.
    assert before_and_after[0] != before_and_after[1] or example.act == "token.disable"


@pytest.mark.parametrize(("handler", "path"), OF_ACTS, ids=_ids(OF_ACTS))
async def test_an_act_that_is_refused_leads_back_to_the_page_of_its_form(
    desk: OpenDesk, handler: HTTPRouteHandler, path: str
) -> None:
    pages = [page for _, page in READS]
    async with desk.signed_in(f"back-{OF_ACTS.index((handler, path))}", Role.ADMIN) as admin:
        answer = await admin.post(path, nosuch="1")
    back = re.search(r'<main.*?href="([^"]+)"', answer.text, re.DOTALL)

    assert back
    assert back[1] in pages
    assert path.startswith(f"{back[1]}/")
    assert back[1] != "/desk"


@pytest.mark.parametrize("example", WITH_REASON, ids=lambda example: example.id)
async def test_an_act_without_its_reason_is_not_done(desk: OpenDesk, example: Example) -> None:
    async with desk.signed_in(f"why-{EXAMPLES.index(example)}", Role.ADMIN) as admin:
        before = await audit_count(desk)
        answer = await admin.post(example.path, **{**example.fields, "reason": "  "})

    assert answer.status_code == 422
    assert await audit_count(desk) == before


@pytest.mark.parametrize("query", ["", "?nosuch=1"])
async def test_signing_in_refuses_unknown_fields_and_parameters(desk: OpenDesk, query: str) -> None:
    await desk.person(f"unknown{len(query)}")
    async with desk.browser(f"unknown{len(query)}") as person:
        fields = {} if query else {"nosuch": "1"}
        answer = await person.http.post(
            f"/desk/login{query}", data={"name": person.name, "password": PASSWORD} | fields
        )
        form = await person.see("/desk/login?nosuch=1")
        start = await person.see("/desk")

    assert (answer.status_code, form.status_code) == (422, 422)
    assert "nosuch" in text_of(answer)
    assert start.status_code == 303


async def test_a_page_that_does_not_exist_is_a_page_of_the_desk(desk: OpenDesk) -> None:
    async with desk.browser() as stranger:
        answer = await stranger.see("/desk/nosuch", **{"Accept-Language": "id"})

    assert answer.status_code == 404
    assert "text/html" in answer.headers["content-type"]
    assert "Halaman tidak ditemukan" in answer.text
