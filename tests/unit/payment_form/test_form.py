"""How the form responds to answers and errors that the twin never produces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from types import SimpleNamespace
from typing import Any

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
from kasir.payment_form.rate_limits import VisitorLimits
from kasir.payment_form.routes import ROUTES
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.fold import fold
from kasir.payments.links import Link, LinkStatus
from kasir.payments.payment import Intent, Payment
from kasir.requests.payment_links import OpenLink
from kasir.shop_identity import ShopIdentity
from kasir.web.app import respond_to_error
from payment_form_fixtures import hang, payment_link

WALLET = "https://checkoutshopper-live.adyen.com/checkoutshopper/checkoutPaymentRedirect"
ENGLISH = {"Accept-Language": "en"}


@dataclass
class Links:
    """A fake of the use cases of payment links, with one link; `pays` pays it."""

    pays: Callable[[], tuple[Answer, PaymentId]] = field(
        default=lambda: (Answer(200, b"{}"), PaymentId("pay_1"))
    )
    status: LinkStatus = LinkStatus.ACTIVE
    payments: tuple[Payment, ...] = ()

    async def find(self, link_id: str) -> OpenLink:
        """Return the link PL_1; `broken` raises an internal error, and no other link exists."""
        if link_id == "broken":
            raise RuntimeError("the database went away, at host secret.internal")
        if link_id != "PL_1":
            raise NotFound("payment link", link_id)
        return OpenLink(payment_link(), self.status, self.payments)

    def attempt(self, found: OpenLink) -> str:
        """Return the name of the next attempt."""
        return "first"

    async def pay(self, link: Link, *_: Any) -> tuple[Answer, PaymentId]:
        """Return what the test defined, or raise it."""
        return self.pays()


@get("/elsewhere")
async def outside_of_the_form() -> None:
    """Raise an error on a path that is not below `/pay`."""
    raise NotFound("such thing", "here")


@asynccontextmanager
async def form_client(
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
            identity=ShopIdentity(name="Toko"),
            public_url="https://shop.example/kasir",
        ),
    )
    app = Litestar(
        [*ROUTES, outside_of_the_form],
        dependencies={"parts": Provide(lambda: kasir, sync_to_thread=False)},
        exception_handlers={Exception: respond_to_error},
        request_max_body_size=1000,
        state=State({"parts": kasir, "visitor_limits": VisitorLimits.of(kasir.settings.limits)}),
        logging_config=None,
    )
    async with AsyncTestClient(app, root_path=root_path) as client:
        yield client


async def _post_form(links: Links, **fields: str) -> Any:
    """Post the form of the link PL_1, and return the response."""
    async with form_client(links) as client:
        return await client.post(
            "/pay/PL_1",
            data={"attempt": "first", **fields},
            headers=ENGLISH,
            follow_redirects=False,
        )


async def test_without_adyens_list_of_methods_in_time_the_form_shows_an_error() -> None:
    checkout = SimpleNamespace(methods=hang)
    async with form_client(Links(), checkout=checkout) as client:
        page = await client.get("/pay/PL_1", headers=ENGLISH)

    assert page.status_code == 503
    assert escape("GoPay cannot be reached just now") in page.text


async def test_an_action_by_post_becomes_a_page_with_a_form() -> None:
    action = {
        "type": "redirect",
        "method": "POST",
        "url": WALLET,
        "data": {"MD": 'a"<b>', "n": "1"},
    }
    page = await _post_form(Links(lambda: _redirecting(action=action)))

    assert page.status_code == 200
    assert f'<form method="post" action="{WALLET}" data-send>' in page.text
    assert '<input type="hidden" name="MD" value="a&#34;&lt;b&gt;">' in page.text


async def test_an_action_by_get_becomes_a_redirect() -> None:
    url = f"{WALLET}?redirectData=X3XtfGC9%21H4s"
    page = await _post_form(Links(lambda: _redirecting(action={"type": "redirect", "url": url})))

    assert (page.status_code, page.headers["location"]) == (303, url)


@pytest.mark.parametrize(
    "action", [{"type": "redirect", "url": "javascript:alert(1)"}, {"type": "qrCode"}, {}, None]
)
async def test_an_action_that_cannot_be_followed_leads_to_the_status_page(action: object) -> None:
    page = await _post_form(Links(lambda: _redirecting(action=action)))

    assert page.status_code == 303
    assert page.headers["location"] == "/kasir/pay/PL_1/payments/pay_1"


async def test_a_link_that_cannot_be_paid_asks_the_shopper_to_contact_the_shop() -> None:
    def refuse() -> tuple[Answer, PaymentId]:
        raise InvalidRequest([Fault("returnUrl", "must have at most 1024 characters.")])

    page = await _post_form(Links(refuse))

    assert page.status_code == 422
    assert "This order cannot be paid here" in page.text
    assert "1024" not in page.text


async def test_an_attempt_still_in_flight_is_shown_with_a_button_that_posts_it_again() -> None:
    def wait() -> tuple[Answer, PaymentId]:
        raise StillRunning("link-1")

    page = await _post_form(Links(wait))

    assert page.status_code == 503
    assert "We are checking your payment" in page.text
    assert '<input type="hidden" name="attempt" value="first">' in page.text


async def test_a_form_posted_without_an_attempt_is_shown_again() -> None:
    page = await _post_form(Links(), attempt="")

    assert (page.status_code, page.headers["location"]) == (303, "/kasir/pay/PL_1")


@pytest.mark.parametrize("status", [LinkStatus.COMPLETED, LinkStatus.EXPIRED])
async def test_no_payment_is_continued_once_its_link_is_over(status: LinkStatus) -> None:
    """The link was paid by one payment while the shopper is at the wallet for another, pay_2."""
    links = Links(status=status, payments=(_awaiting_payment(),))
    async with form_client(links) as client:
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
async def test_every_error_below_the_forms_path_is_a_page(
    method: str, path: str, status: int, sentence: str
) -> None:
    async with form_client(Links()) as client:
        page = await client.request(
            method, path, content=b"a" * 2000 if method == "POST" else None, headers=ENGLISH
        )

    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{sentence}</h1>" in page.text
    assert "secret" not in page.text


@pytest.mark.parametrize("path", ["PL_2", "PL_1/no/such"])
async def test_a_form_mounted_below_a_prefix_has_the_same_error_pages(path: str) -> None:
    async with form_client(Links(), root_path="/kasir") as client:
        page = await client.get(f"/kasir/pay/{path}", headers=ENGLISH)

    assert page.status_code == 404
    assert f'href="/kasir/pay/{path}?lang=id"' in page.text


async def test_errors_outside_of_the_form_have_adyens_format() -> None:
    async with form_client(Links()) as client:
        answer = await client.get("/elsewhere")

    assert answer.status_code == 404
    assert answer.json()["errorCode"]


async def test_a_static_files_url_changes_with_its_content_and_is_cached() -> None:
    async with form_client(Links()) as client:
        page = await client.get("/pay/PL_2")
        style = page.text.partition('<link rel="stylesheet" href="/kasir')[2].partition('"')[0]
        answer = await client.get(style)

    assert "?v=" in style
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]


async def test_a_live_page_has_no_test_banner() -> None:
    async with form_client(Links()) as client:
        page = await client.get("/pay/PL_2", headers=ENGLISH)

    assert "Test mode" not in page.text


def _redirecting(**fields: object) -> tuple[Answer, PaymentId]:
    """Adyen's answer to a payment, with these fields, and the payment's id."""
    body = {"resultCode": "RedirectShopper", **fields}
    return Answer(200, msgspec.json.encode(body)), PaymentId("pay_1")


def _awaiting_payment() -> Payment:
    """A payment of the link whose shopper was redirected to the wallet."""
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
    return Payment(intent=intent, summary=fold(intent, [sent]), facts=(sent,))


APP = "gojek://gopay/merchanttransfer?redirectData=X3XtfGC9"


@pytest.mark.parametrize("url", [APP, "gopay://pay?a=1&b=2", "intent://pay#Intent;package=x;end"])
async def test_an_action_that_opens_the_wallets_app_becomes_a_page_with_a_link(url: str) -> None:
    page = await _post_form(Links(lambda: _redirecting(action={"type": "redirect", "url": url})))

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
        "unknown://app",
        "gojek://pay\n?x",
        "http://[",
    ],
)
async def test_an_action_with_an_unknown_scheme_is_not_followed(url: str) -> None:
    page = await _post_form(Links(lambda: _redirecting(action={"type": "redirect", "url": url})))

    assert page.status_code == 303
    assert page.headers["location"] == "/kasir/pay/PL_1/payments/pay_1"
