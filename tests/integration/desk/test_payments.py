"""The pages of payments: search, saved views, CSV, one payment, and acts that move money."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from html import unescape
from typing import Final

import httpx
import pytest

from desk_client import Person, text_of
from fake_server import plain
from fakes import NOW
from kasir.people.roles import Role
from paying_desk import PayingDesk, paying

__all__ = ["paying"]

PATH: Final = "/desk/payments"


def fields_of(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of the only form with a key: that of the second look."""
    assert page.status_code == 200, text_of(page)
    pairs = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    fields = {name: unescape(value) for name, value in pairs}
    assert "key" in fields
    return fields


async def look(person: Person, path: str, act: str, **fields: str) -> httpx.Response:
    """Post the form of an act on a payment's page."""
    psp_reference = f"PSP-{path.rpartition('_')[2]}"
    return await person.post(f"{path}/{act}", path, attempt=psp_reference, **fields)


async def test_a_person_finds_payments_and_pages_through_them(paying: PayingDesk) -> None:
    for number in range(60):
        await paying.paid(
            f"f{number}", created_at=NOW - timedelta(days=9, minutes=number), shopper_reference="s1"
        )
    async with paying.open.signed_in("finds") as person:
        first = await person.see(f"{PATH}?search=s1&status=&minValue=25.000")
        following = re.search(r'href="([^"]+)" rel="next"', first.text)
        assert following
        second = await person.see(unescape(following[1]))
        by_day = await person.see(f"{PATH}?from=2026-11-14&to=2026-11-14&search=ORDER-f1")
        nothing = await person.see(f"{PATH}?search=s1&from=2026-11-15")
        found = [await person.see(f"{PATH}?search={text}") for text in ("pay_f7", "PSP-f7")]

    assert [first.text.count("ORDER-f"), second.text.count("ORDER-f")] == [50, 10]
    assert "ORDER-f1" in text_of(by_day)
    assert "There is nothing here." in text_of(nothing)
    assert ["ORDER-f7" in text_of(page) for page in found] == [True, True]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("minValue=much", "minValue"),
        ("from=soon", "from"),
        ("status=paid", "status"),
        ("after=x", "after"),
    ],
)
async def test_a_wrong_filter_is_named_on_the_page(
    paying: PayingDesk, query: str, field: str
) -> None:
    async with paying.open.signed_in(f"wrong-{field.lower()}") as person:
        page = await person.see(f"{PATH}?{query}")

    assert page.status_code == 422
    assert f"Field '{field}' is not valid" in text_of(page)


async def test_the_csv_file_has_what_the_list_has(paying: PayingDesk) -> None:
    await paying.paid("csv", reference="=1+1")
    async with paying.open.signed_in("exports") as person:
        page = await person.see(f"{PATH}?search=pay_csv")
        link = re.search(r'href="([^"]+)" download', page.text)
        assert link
        file = await person.see(unescape(link[1]))
        wrong = await person.see(f"{PATH}.csv?minValue=much")

    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert [line.split(",")[2] for line in file.text.splitlines()] == ["reference", "'=1+1"]
    assert wrong.status_code == 422


async def test_a_view_is_saved_for_its_person_and_removed(paying: PayingDesk) -> None:
    async with paying.open.signed_in("saves") as person, paying.open.signed_in("other") as other:
        saved = await person.post(f"{PATH}/views", name="Refused & large", query="status=refused")
        mine, theirs = await person.see(PATH), await other.see(PATH)
        unsaved = await person.post(f"{PATH}/views", name="bad", query="status=nonsense")
        unnamed = await person.post(f"{PATH}/views", name=" ", query="status=refused")
        not_theirs = await other.post(f"{PATH}/views/remove", name="Refused & large")
        removed = await person.post(f"{PATH}/views/remove", name="Refused & large")
        after = await person.see(PATH)

    assert saved.headers["location"] == f"{PATH}?status=refused&done=payment_view_saved"
    assert f'href="{PATH}?status=refused"' in mine.text
    assert "Refused & large" in text_of(mine)
    assert "Refused & large" not in text_of(theirs)
    assert [unsaved.status_code, unnamed.status_code, not_theirs.status_code] == [422, 422, 404]
    assert removed.status_code == 303
    assert "Refused & large" not in text_of(after)


async def test_a_person_has_a_limited_number_of_views(
    paying: PayingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kasir.desk.payments._VIEWS_MAX", 1)
    async with paying.open.signed_in("many") as person:
        answers = [
            await person.post(f"{PATH}/views", name=name, query="status=refused")
            for name in ("one", "two", "one")
        ]

    assert [answer.status_code for answer in answers] == [303, 422, 303]


async def test_a_payments_page_tells_its_life_in_both_languages(paying: PayingDesk) -> None:
    path = await paying.paid("life", shopper_reference="shopper <1>")
    async with paying.open.signed_in("reads") as person:
        page = await person.see(path)
        indonesian = await person.see(f"{path}?lang=id")
        message = re.search(rf'href="({path}/messages/[^"]+)"', page.text)
        assert message
        shown = await person.see(message[1])
        missing = await person.see(f"{path}/messages/notice-1")

    assert "The payment is paid." in text_of(page)
    assert "Pembayaran lunas." in text_of(indonesian)
    assert "shopper <1>" in text_of(page)
    assert "Rp25.000" in text_of(page)
    assert 'action="/desk/payments/pay_life/refund"' not in page.text  # A viewer has no forms.
    assert '"reference": "ORDER-1001"' in text_of(shown)
    assert missing.status_code == 404


async def test_a_refund_moves_money_only_after_a_second_look(paying: PayingDesk) -> None:
    path = await paying.paid("look")
    async with paying.open.signed_in("refunds", Role.ACT) as person:
        page = await look(person, path, "refund", value="10.000")
        before = list(paying.sent("PSP-look"))
        fields = fields_of(page)
        done = await person.http.post(f"{path}/refund", data=fields)
        shown = await person.see(done.headers["location"])

    assert before == []
    assert "Refund Rp10.000 of the payment ORDER-look to the shopper?" in text_of(page)
    assert "pay_look" in text_of(page)
    assert "Still refundable Rp25.000" in text_of(page)
    assert f'<a href="{path}">Back</a>' in page.text
    assert done.headers["location"] == f"{path}?done=payment_changed"
    assert [body["amount"] for body in paying.sent("PSP-look")] == [
        {"currency": "IDR", "value": 10_000}
    ]
    assert "Still refundable Rp15.000" in text_of(shown)
    (row,) = await paying.audit("pay_look")
    assert (row["act"], row["person"], row["reason"], row["outcome"]) == (
        "payment.refund",
        "refunds",
        "a test",
        "done",
    )
    assert json.loads(row["before"])["refundable"] == 25_000
    assert json.loads(row["after"])["pspReference"] == "PSP-CHANGE"


async def test_a_double_click_refunds_once(paying: PayingDesk) -> None:
    path = await paying.paid("double")
    async with paying.open.signed_in("clicks", Role.ACT) as person:
        fields = fields_of(await look(person, path, "refund", value="10000"))
        answers = await asyncio.gather(
            *(person.http.post(f"{path}/refund", data=fields) for _ in range(3))
        )
        again = await person.http.post(f"{path}/refund", data=fields)

    assert [answer.status_code for answer in (*answers, again)] == [303] * 4
    assert again.headers["location"] == f"{path}?done=payment_changed"
    assert len(paying.sent("PSP-double")) == 1
    assert len(await paying.audit("pay_double")) == 4


async def test_of_two_persons_the_second_is_told_how_much_is_left(paying: PayingDesk) -> None:
    path = await paying.paid("two")
    async with (
        paying.open.signed_in("first", Role.ACT) as first,
        paying.open.signed_in("second", Role.ACT) as second,
    ):
        looks = [await look(person, path, "refund", value="20000") for person in (first, second)]
        answers = await asyncio.gather(
            *(
                person.http.post(f"{path}/refund", data=fields_of(page))
                for person, page in zip((first, second), looks, strict=True)
            )
        )
        late = await look(first, path, "refund", value="20000")

    assert sorted(answer.status_code for answer in answers) == [303, 422]
    (refused,) = [answer for answer in answers if answer.status_code == 422]
    assert "at most 5000 IDR can still be refunded: of 25000, 20000" in text_of(refused)
    assert late.status_code == 422
    assert "at most 5000 can still be refunded: of 25000, 20000" in text_of(late)
    assert len(paying.sent("PSP-two")) == 1
    assert sorted(row["outcome"] for row in await paying.audit("pay_two")) == ["done", "failed"]


async def test_a_payment_is_captured_in_part_and_another_cancelled(paying: PayingDesk) -> None:
    captured = await paying.paid("cap", captures_itself=False)
    cancelled = await paying.paid("can", captures_itself=False)
    async with paying.open.signed_in("captures", Role.ACT) as person:
        for path, act, more in (
            (captured, "capture", {"value": "9000"}),
            (cancelled, "cancel", {}),
        ):
            page = await look(person, path, act, **more)
            answer = await person.http.post(f"{path}/{act}", data=fields_of(page))
            assert answer.headers["location"] == f"{path}?done=payment_changed"
        too_much = await look(person, captured, "capture", value="16001")

    assert [body["amount"]["value"] for body in paying.sent("PSP-cap")] == [9000]
    assert ["amount" in body for body in paying.sent("PSP-can")] == [False]
    assert "at most 16000 can still be captured" in text_of(too_much)


async def test_an_unknown_outcome_and_a_refusal_are_told(paying: PayingDesk) -> None:
    unknown, refused = await paying.paid("unknown"), await paying.paid("refused")
    accepts = paying.adyen.handler
    error = b'{"status": 422, "errorCode": "137", "message": "No.", "errorType": "validation"}'
    async with paying.open.signed_in("waits", Role.ACT) as person:
        answers = []
        for path, status, body in ((unknown, 500, b"{}"), (refused, 422, error)):
            fields = fields_of(await look(person, path, "refund", value="10000"))
            paying.adyen.handler = plain(status, body)
            try:
                answers.append(await person.http.post(f"{path}/refund", data=fields))
            finally:
                paying.adyen.handler = accepts
        shown = await person.see(answers[0].headers["location"])

    assert "Kasir asks again by itself: do not repeat it." in text_of(shown)
    assert answers[1].status_code == 422
    assert "No." in text_of(answers[1])
    (row,) = await paying.audit("pay_unknown")
    assert json.loads(row["after"])["outcome"] == "unknown"
    assert [one["outcome"] for one in await paying.audit("pay_refused")] == ["failed"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"value": "0"}, "value"),
        ({"value": ""}, "value"),
        ({"value": "much"}, "value"),
        ({"value": "25001"}, "value"),
        ({"value": "1", "attempt": "PSP-OTHER"}, "attempt"),
        ({"value": "1", "confirmed": "yes"}, "key"),
        ({"value": "1", "confirmed": "yes", "key": "ORDER-1"}, "key"),
    ],
)
async def test_a_wrong_form_moves_no_money(
    paying: PayingDesk, fields: dict[str, str], field: str
) -> None:
    name = f"w{abs(hash(tuple(fields.items())))}"
    path = await paying.paid(name)
    async with paying.open.signed_in(name, Role.ACT) as person:
        answer = await person.post(f"{path}/refund", path, **{"attempt": f"PSP-{name}"} | fields)
        without_reason = await look(person, path, "refund", value="1", reason=" ")

    assert answer.status_code == 422
    assert f"Field '{field}' is not valid" in text_of(answer)
    assert "Give a reason." in text_of(without_reason)
    assert paying.sent(f"PSP-{name}") == []
    assert await paying.audit(f"pay_{name}") == []


async def test_a_viewer_cannot_refund_and_an_unknown_payment_is_not_found(
    paying: PayingDesk,
) -> None:
    path = await paying.paid("viewed")
    async with paying.open.signed_in("views") as viewer:
        refused = await viewer.post(f"{path}/refund", attempt="PSP-viewed", value="1")
        unknown = [
            await viewer.see(f"{PATH}/{name}") for name in ("pay_nobodys", "pay_1/messages/x")
        ]

    assert refused.status_code == 403
    assert [page.status_code for page in unknown] == [404, 404]
    assert paying.sent("PSP-viewed") == []


async def test_a_second_look_and_a_refused_form_lead_back_to_the_payment(
    paying: PayingDesk,
) -> None:
    path = await paying.paid("back")
    async with paying.open.signed_in("turns-back", Role.ACT) as person:
        second = await look(person, path, "refund", value="1.000")
        refused = await look(person, path, "refund", value="much")
        of_page = await person.see(path)

    assert (second.status_code, refused.status_code) == (200, 422)
    assert [page.text.count(f'<a href="{path}">Back</a>') for page in (second, refused)] == [1, 1]
    # The answer to a form has no address, so the language is changed on pages only.
    assert ["lang=id" in page.text for page in (second, refused, of_page)] == [False, False, True]
