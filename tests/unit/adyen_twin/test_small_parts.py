"""Clock, names, ladder, words, way back: the parts that need no twin, or a bare one."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from adyen_twin.core import clock, names
from adyen_twin.core.settings import Knobs
from adyen_twin.core.state import Letter, Notice, Payment
from adyen_twin.core.twin import Twin
from adyen_twin.gopay import pages, texts
from adyen_twin.simulation import payments
from adyen_twin.webhooks.delivery import next_try
from twin_fixtures import payment_body


def test_the_clock_runs_and_leaps_and_never_goes_back() -> None:
    ticks = [100.0]
    told = clock.Clock(wall=lambda: 1_000_000.0, ticks=lambda: ticks[0])
    ticks[0] = 103.0
    told.advance_to(1_000_063.0)
    told.advance_to(1_000_000.0)

    assert told.now() == 1_000_063.0
    assert told.advanced_s == 60.0


def test_moments_are_spelled_as_adyen_does() -> None:
    moment = clock.read("2026-05-05T03:05:05Z")

    assert clock.spelled(moment) == "2026-05-05T05:05:05+02:00"
    assert clock.spelled_utc(moment) == "2026-05-05T03:05:05.000+00:00"
    assert clock.read("2026-05-05T03:05:05") == moment


def test_names_look_like_adyens() -> None:
    assert re.fullmatch(r"[A-Z0-9]{16}", names.psp_reference())
    assert names.redirect_data().startswith("X3XtfGC9!H4s")
    assert names.redirect_result().startswith("X6XtfGC3!Y")
    assert names.psp_reference() != names.psp_reference()


def test_the_ladder_of_delivery() -> None:
    notice = Notice(id=1, letter=Letter(""), says="", psp_reference="", reference="", due_at=0.0)
    notice.first_tried_at, now, waits = 0.0, 0.0, []
    while (due_at := next_try(_tried(notice), now)) is not None:
        waits.append(due_at - now)
        now = due_at

    minute, hour = 60, 3600
    assert waits[:3] == [9, 9, 9]
    assert waits[3:12] == [
        *(2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute),
        *(hour, 2 * hour, 4 * hour, 8 * hour),
    ]
    assert set(waits[12:]) == {8 * hour}
    assert 29 * 24 * hour < now <= 30 * 24 * hour


def _tried(notice: Notice) -> Notice:
    notice.tries += 1
    return notice


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("", "id"),
        ("id-ID,id;q=0.9,en;q=0.8", "id"),
        ("en-GB,en;q=0.9,id;q=0.5", "en"),
        ("nl,en;q=0.4", "en"),
        ("nl", "id"),
        ("in", "id"),
        ("en;q=rubbish", "id"),
    ],
)
def test_the_page_speaks_the_browsers_language(accept_language: str, language: str) -> None:
    assert texts.texts_for(accept_language)["lang"] == language


def test_both_languages_say_the_same_things() -> None:
    assert texts.INDONESIAN.keys() == texts.ENGLISH.keys()


def test_rupiah_are_written_with_points() -> None:
    assert [texts.rupiah(value) for value in (1, 25000, 20_000_000)] == [
        "Rp1",
        "Rp25.000",
        "Rp20.000.000",
    ]


@pytest.mark.parametrize(
    "return_url",
    [
        "https://shop.example/return",
        "https://shop.example/return?order=1001&x=%21",
        "https://shop.example/#/return",
        "myshop://return?order=1001",
    ],
)
def test_the_way_back_keeps_the_shops_own_address(return_url: str) -> None:
    twin = Twin()
    payment = _offered(twin, returnUrl=return_url)
    back = urlsplit(payments.way_back(twin, payment).location)
    own = urlsplit(return_url)

    assert (back.scheme, back.netloc, back.path, back.fragment) == (
        *(own.scheme, own.netloc, own.path, own.fragment),
    )
    assert parse_qsl(back.query) == [
        *parse_qsl(own.query),
        ("redirectResult", payment.redirect_result),
    ]
    assert "!" not in back.query


def test_the_way_back_may_have_an_empty_pair() -> None:
    twin = Twin(knobs=Knobs(return_double_ampersand=True))
    payment = _offered(twin, returnUrl="https://shop.example/?order=1")

    assert "?order=1&&redirectResult=" in payments.way_back(twin, payment).location


def _offered(twin: Twin, **changes: object) -> Payment:
    return payments.offer(twin, payment_body(channel="Android", **changes))


@pytest.mark.parametrize(
    ("url", "reaches"),
    [
        ("http://127.0.0.1:8700", False),
        ("http://localhost:8700", False),
        ("http://[::1]:8700", False),
        ("http://192.168.1.7:8700", True),
        ("https://twin.shop.example", True),
    ],
)
def test_a_phone_reaches_what_is_not_this_machines_own(url: str, reaches: bool) -> None:
    assert pages.reaches_phone(url) is reaches
