"""What the form answers when Adyen, or Kasir itself, does what the twin never does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.testing import AsyncTestClient

from kasir.adyen.environments import Environment, addresses
from kasir.adyen.replies import Answer
from kasir.clock import SystemClock
from kasir.errors import Fault, InvalidRequest, NotFound, StillRunning
from kasir.ids import LinkId, PaymentId
from kasir.limits import Limits
from kasir.money import IDR, Money
from kasir.payment_form import form, pages, returns
from kasir.payment_form.consent import agreed, consent_of
from kasir.payment_form.pages import Visit
from kasir.payment_form.refusals import advice_of
from kasir.payment_form.saved import apart, saved_of, told_of
from kasir.payment_form.texts import LANGUAGES
from kasir.payment_form.visitors import Visitors
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.fold import fold
from kasir.payments.links import Link, LinkStatus
from kasir.payments.payment import Intent, Payment
from kasir.requests.payment_links import OpenLink
from kasir.tokens.model import Token, TokenName, TokenState, TokenSummary
from kasir.web.problems import HANDLERS
from kasir.wiring import Kasir

WALLET = "https://checkoutshopper-live.adyen.com/checkoutshopper/checkoutPaymentRedirect"
ENGLISH = {"Accept-Language": "en"}


@dataclass
class Links:
    """Links as the form sees them: one link, whose payment goes as the test says."""

    pays: Callable[[], tuple[Answer, PaymentId]] = field(
        default=lambda: (Answer(200, b"{}"), PaymentId("pay_1"))
    )
    status: LinkStatus = LinkStatus.ACTIVE
    payments: tuple[Payment, ...] = ()

    async def find(self, link_id: str) -> OpenLink:
        """Give the link; every other one is not there, and `broken` breaks."""
        if link_id == "broken":
            raise RuntimeError("the database went away, at host secret.internal")
        if link_id != "PL_1":
            raise NotFound("payment link", link_id)
        return OpenLink(_link(), self.status, self.payments)

    def attempt(self, found: OpenLink) -> str:
        """Name the next try."""
        return "first"

    async def pay(self, link: Link, *_: Any) -> tuple[Answer, PaymentId]:
        """Do as the test says."""
        return self.pays()


@get("/elsewhere")
async def elsewhere() -> None:
    """Fail on a road that is not the shopper's."""
    raise NotFound("such thing", "here")


@asynccontextmanager
async def _visiting(
    links: Links, *, root_path: str = "", **more: object
) -> AsyncIterator[AsyncTestClient[Litestar]]:
    kasir = SimpleNamespace(
        links=links,
        clock=SystemClock(),
        **more,
        settings=SimpleNamespace(
            addresses=addresses(Environment.LIVE, live_prefix="abc"),
            environment=Environment.LIVE,
            limits=Limits(adyen_timeout_s=0.0, form_wait_s=0.01),
            merchant_account="Toko",
            public_url="https://shop.example/kasir",
        ),
    )
    app = Litestar(
        [
            form.get_form,
            form.post_form,
            form.post_payment,
            returns.come_back,
            pages.static,
            elsewhere,
        ],
        dependencies={"kasir": Provide(lambda: kasir, sync_to_thread=False)},
        exception_handlers=pages.handlers(HANDLERS),
        request_max_body_size=1000,
        state=State({"kasir": kasir, "visitors": Visitors.within(kasir.settings.limits)}),
        logging_config=None,
    )
    async with AsyncTestClient(app, root_path=root_path) as client:
        yield client


async def _posted(links: Links, **fields: str) -> Any:
    async with _visiting(links) as client:
        return await client.post(
            "/pay/PL_1",
            data={"attempt": "first", **fields},
            headers=ENGLISH,
            follow_redirects=False,
        )


async def hang(*_: object) -> Answer:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def test_where_adyen_never_says_what_is_on_offer_nobody_waits_and_the_form_says_so() -> None:
    checkout = SimpleNamespace(payment_methods=hang)
    async with _visiting(Links(), checkout=checkout) as client:
        said = await client.get("/pay/PL_1", headers=ENGLISH)

    assert said.status_code == 503
    assert escape("GoPay cannot be reached just now") in said.text


async def test_a_list_of_saved_wallets_that_never_comes_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def of(_: str) -> list[Token]:
        return []

    monkeypatch.setattr("kasir.payment_form.saved._WAIT_S", 0.01)
    kasir = SimpleNamespace(stored=SimpleNamespace(list=hang), tokens=SimpleNamespace(of=of))
    found = OpenLink(_link(shopperReference="shopper-1"), LinkStatus.ACTIVE, ())

    assert await saved_of(cast("Kasir", kasir), found) == []


async def test_of_adyens_list_only_what_may_be_charged_with_a_pin_is_shown() -> None:
    rows = [
        {"id": "SAYS-NOTHING"},
        {"id": "WITH-A-PIN", "supportedRecurringProcessingModels": ["CardOnFile"]},
        {"id": "WITHOUT", "supportedRecurringProcessingModels": ["Subscription"]},
        {"id": 7},
        {"name": "no id"},
        "no row",
    ]

    async def listed(*_: object) -> Answer:
        return Answer(200, msgspec.json.encode({"storedPaymentMethods": rows}))

    async def of(shopper: str) -> list[Token]:
        return [_token(shopper, name) for name in ("SAYS-NOTHING", "WITH-A-PIN", "WITHOUT")]

    kasir = SimpleNamespace(
        stored=SimpleNamespace(list=listed),
        tokens=SimpleNamespace(of=of),
        settings=SimpleNamespace(merchant_account="Toko"),
    )
    found = OpenLink(_link(shopperReference="shopper-1"), LinkStatus.ACTIVE, ())
    shown = await saved_of(cast("Kasir", kasir), found)

    assert [one.token.name.stored_id for one in shown] == ["SAYS-NOTHING", "WITH-A-PIN"]


def _token(shopper: str, stored_id: str) -> Token:
    return Token(
        id=f"tok_{stored_id}",
        name=TokenName(merchant_account="Toko", shopper_reference=shopper, stored_id=stored_id),
        method="gopay_wallet",
        standing=TokenSummary(
            state=TokenState.ACTIVE, first_psp_reference="", created_at=datetime.now(UTC)
        ),
    )


def test_what_is_agreed_to_is_what_was_shown() -> None:
    found = OpenLink(
        _link(
            shopperReference="shopper-1",
            storePaymentMethodMode="askForConsent",
            recurringProcessingModel="Subscription",
            description="Kopi {shop} <b>.",
            recurringFrequency="30",
        ),
        LinkStatus.ACTIVE,
        (),
    )
    settings = SimpleNamespace(merchant_account="Toko")
    visits = [
        Visit(cast("Kasir", SimpleNamespace(settings=settings)), language, "", "/pay/PL_1")
        for language in LANGUAGES
    ]
    shown = [consent for visit in visits if (consent := consent_of(visit, found))]
    kept = [agreed(visits[0], found, consent.mark) for consent in shown]

    assert kept == [(True, consent.kept) for consent in shown]
    assert [consent.is_asked for consent in shown] == [True, True]
    assert shown[1].text.endswith("What for: Kopi {shop} <b>. At most once in 30 days.")
    assert agreed(visits[0], found, "") == (False, "")
    assert agreed(visits[0], found, shown[0].mark[:-1]) == (False, "")


async def test_an_action_by_post_is_a_form_that_is_sent_on() -> None:
    action = {
        "type": "redirect",
        "method": "POST",
        "url": WALLET,
        "data": {"MD": 'a"<b>', "n": "1"},
    }
    page = await _posted(Links(lambda: _answered(action=action)))

    assert page.status_code == 200
    assert f'<form method="post" action="{WALLET}" data-send>' in page.text
    assert '<input type="hidden" name="MD" value="a&#34;&lt;b&gt;">' in page.text


async def test_an_action_by_get_is_a_redirect() -> None:
    url = f"{WALLET}?redirectData=X3XtfGC9%21H4s"
    page = await _posted(Links(lambda: _answered(action={"type": "redirect", "url": url})))

    assert (page.status_code, page.headers["location"]) == (303, url)


@pytest.mark.parametrize(
    "action", [{"type": "redirect", "url": "javascript:alert(1)"}, {"type": "qrCode"}, {}, None]
)
async def test_an_action_that_cannot_be_followed_leads_to_how_it_stands(action: object) -> None:
    page = await _posted(Links(lambda: _answered(action=action)))

    assert page.status_code == 303
    assert page.headers["location"] == "/kasir/pay/PL_1/payments/pay_1"


async def test_a_link_that_adyen_would_not_take_is_the_shops_to_mend() -> None:
    def refuse() -> tuple[Answer, PaymentId]:
        raise InvalidRequest([Fault("returnUrl", "must have at most 1024 characters.")])

    page = await _posted(Links(refuse))

    assert page.status_code == 422
    assert "This order cannot be paid here" in page.text
    assert "1024" not in page.text


async def test_a_try_that_is_still_being_made_is_asked_for_again_by_its_name() -> None:
    def wait() -> tuple[Answer, PaymentId]:
        raise StillRunning("link-1")

    page = await _posted(Links(wait))

    assert page.status_code == 503
    assert "We are checking your payment" in page.text
    assert '<input type="hidden" name="attempt" value="first">' in page.text


async def test_a_form_without_the_name_of_its_try_is_shown_anew() -> None:
    page = await _posted(Links(), attempt="")

    assert (page.status_code, page.headers["location"]) == (303, "/kasir/pay/PL_1")


@pytest.mark.parametrize("status", [LinkStatus.COMPLETED, LinkStatus.EXPIRED])
async def test_no_payment_is_gone_on_with_once_its_link_is_over(status: LinkStatus) -> None:
    """A first try may be paid after all while a second one waits at the wallet."""
    links = Links(status=status, payments=(_waiting(),))
    async with _visiting(links) as client:
        page = await client.post("/pay/PL_1/payments/pay_2", follow_redirects=False)

    assert (page.status_code, page.headers["location"]) == (303, "/kasir/pay/PL_1/payments/pay_2")


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/pay/broken", 500, "Something went wrong on our side"),
        ("GET", "/pay/PL_2", 404, "This page was not found"),
        ("GET", "/pay/PL_1/no/such", 404, "This page was not found"),
        ("DELETE", "/pay/PL_1", 405, "This request could not be understood"),
        ("POST", "/pay/PL_1", 413, "This request could not be understood"),
    ],
)
async def test_whatever_goes_wrong_on_the_shoppers_road_is_a_page(
    method: str, path: str, status: int, sentence: str
) -> None:
    async with _visiting(Links()) as client:
        page = await client.request(
            method, path, content=b"a" * 2000 if method == "POST" else None, headers=ENGLISH
        )

    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{sentence}</h1>" in page.text
    assert "secret" not in page.text


@pytest.mark.parametrize("path", ["PL_2", "PL_1/no/such"])
async def test_below_a_prefix_the_pages_are_the_same(path: str) -> None:
    async with _visiting(Links(), root_path="/kasir") as client:
        page = await client.get(f"/kasir/pay/{path}", headers=ENGLISH)

    assert page.status_code == 404
    assert f'href="/kasir/pay/{path}?lang=id"' in page.text


async def test_elsewhere_errors_stay_adyens() -> None:
    async with _visiting(Links()) as client:
        answer = await client.get("/elsewhere")

    assert answer.status_code == 404
    assert answer.json()["errorCode"]


async def test_a_style_is_named_anew_when_it_changes_and_kept_until_then() -> None:
    async with _visiting(Links()) as client:
        page = await client.get("/pay/PL_2")
        style = page.text.partition('<link rel="stylesheet" href="/kasir')[2].partition('"')[0]
        answer = await client.get(style)

    assert "?v=" in style
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]


async def test_no_banner_of_a_test_is_shown_in_live() -> None:
    async with _visiting(Links()) as client:
        page = await client.get("/pay/PL_2", headers=ENGLISH)

    assert "Test mode" not in page.text


def _answered(**fields: object) -> tuple[Answer, PaymentId]:
    body = {"resultCode": "RedirectShopper", **fields}
    return Answer(200, msgspec.json.encode(body)), PaymentId("pay_1")


def _waiting() -> Payment:
    now = datetime.now(UTC)
    intent = Intent(
        id=PaymentId("pay_2"),
        reference="ORDER-1",
        amount=Money(IDR, 25000),
        method="gopay_wallet",
        return_url="https://shop.example/back",
        created_at=now,
        close_at=now + timedelta(hours=1),
        link_id=LinkId("PL_1"),
    )
    sent = Fact(key="reply:1", says=Says.AWAITING_SHOPPER, source=Source.REPLY, at=now)
    return Payment(intent=intent, standing=fold(intent, [sent]), facts=(sent,))


def _link(**more: object) -> Link:
    now = datetime.now(UTC)
    request = {
        "amount": {"currency": "IDR", "value": 25000},
        "reference": "ORDER-1",
        "returnUrl": "https://shop.example/back",
        **more,
    }
    return Link(
        id=LinkId("PL_1"), request=request, created_at=now, expires_at=now + timedelta(hours=1)
    )


APP = "gojek://gopay/merchanttransfer?redirectData=X3XtfGC9"


@pytest.mark.parametrize("url", [APP, "gopay://pay?a=1&b=2", "intent://pay#Intent;package=x;end"])
async def test_an_action_that_opens_the_wallets_app_is_a_page_with_a_link_to_it(url: str) -> None:
    page = await _posted(Links(lambda: _answered(action={"type": "redirect", "url": url})))

    assert page.status_code == 200
    assert f'href="{escape(url)}" data-open>Open the GoPay app</a>' in page.text
    assert 'href="/kasir/pay/PL_1/payments/pay_1"' in page.text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://shop.example/1",
        "JavaScript:alert(1)",
        "gojek",
        "//evil.example",
        "unheard-of://app",
        "gojek://pay\n?x",
        "http://[",
    ],
)
async def test_an_action_with_an_address_that_is_no_wallets_is_not_followed(url: str) -> None:
    page = await _posted(Links(lambda: _answered(action={"type": "redirect", "url": url})))

    assert page.status_code == 303
    assert page.headers["location"] == "/kasir/pay/PL_1/payments/pay_1"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({}, ""),
        ({"name": "GoPay"}, ""),
        ({"name": "GoPay Wallet"}, ""),
        ({"name": "GoPay Budi"}, "GoPay Budi"),
        ({"name": "GoPay", "lastFour": "6281234567890"}, "•••• 7890"),
        ({"shopperEmail": "budi@warung.example"}, "b•••@warung.example"),
        ({"shopperEmail": "no address"}, ""),
        ({"label": "Budi S.", "holderName": "B. Santoso"}, "Budi S."),
        ({"ownerName": " ", "holderName": "B. Santoso"}, "B. Santoso"),
        ({"lastFour": None, "alias": 7}, ""),
    ],
)
def test_a_saved_wallet_is_told_by_what_adyen_gives_of_it(
    row: dict[str, object], told: str
) -> None:
    assert told_of(row) == told


def test_saved_wallets_are_told_apart_by_day_then_time_then_number() -> None:
    visit = Visit(cast("Kasir", None), "en", "", "/pay/PL_1")
    noon = datetime(2026, 11, 26, 5, 0, tzinfo=UTC)
    later, other = noon + timedelta(hours=1), noon + timedelta(days=1)
    day, at_noon, at_one = "26 Nov 2026", "26 Nov 2026, 12.00 WIB", "26 Nov 2026, 13.00 WIB"

    assert apart(visit, []) == []
    assert apart(visit, [("", noon), ("", other)]) == [day, "27 Nov 2026"]
    assert apart(visit, [("•••• 1", noon), ("•••• 2", noon)]) == [day, day]
    assert apart(visit, [("", noon), ("", later)]) == [at_noon, at_one]
    assert apart(visit, [("", noon), ("", noon)]) == [f"{at_noon} (1)", f"{at_noon} (2)"]


@pytest.mark.parametrize(
    ("says", "words", "advice"),
    [
        (Says.REFUSED, "Not enough balance", "balance"),
        (Says.REFUSED, "NOT_ENOUGH_BALANCE", "balance"),
        (Says.REFUSED, "12 : Not enough balance", "balance"),
        (Says.REFUSED, "Withdrawal amount exceeded", "limit"),
        (Says.FAILED, "Invalid amount specified", "limit"),
        (Says.REFUSED, "FRAUD", ""),
        (Says.NOTED, "Not enough balance", ""),
        (Says.REFUSED, "", ""),
    ],
)
def test_only_a_no_that_the_shopper_can_mend_is_advised_on(
    says: Says, words: str, advice: str
) -> None:
    fact = Fact("a", says, Source.DETAILS, datetime(2026, 11, 26, tzinfo=UTC), words=words)
    payment = SimpleNamespace(facts=(fact,))

    assert advice_of(cast("Payment", payment)) == advice
