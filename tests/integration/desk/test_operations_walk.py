"""People work on deliveries, notices, subscriptions and links in a browser, phone and desktop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from accessibility import axe_faults
from browser import TIMEOUT_MS, desktop, phone, picture
from desk_client import PASSWORD, OpenDesk, open_desk, served
from fakes import OTHER_KEY
from form_shop import assert_fits
from integration.relay.relay_setup import notify
from integration.shop_events.account import PaidAccount
from integration.shop_events.event_setup import SECRET, write_events
from integration.shop_events.test_dispute_events import ANNOUNCED
from kasir.people.roles import Role
from opened_kasir import a_database

expect.set_options(timeout=TIMEOUT_MS)
SHOPPER: Final = "shopper-of-the-walk"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(postgres_dsn: str) -> AsyncIterator[OpenDesk]:
    """A desk with something on each page."""
    environ = {
        "KASIR_EVENTS_URL": "http://127.0.0.1:9/events",
        "KASIR_EVENTS_SECRET": SECRET,
        "KASIR_RELAY_URL": "http://127.0.0.1:9/adyen",
        "ADYEN_TOKEN_HMAC_KEY": OTHER_KEY,
    }
    async with a_database(postgres_dsn) as database, open_desk(database, None, **environ) as opened:
        await opened.person("sari", Role.ACT)
        await fill(opened)
        yield opened


async def fill(desk: OpenDesk) -> None:
    """Put something on each page."""
    parts = desk.parts
    (event,) = await write_events(parts, "pay_walk")
    await parts.pool.execute(
        "INSERT INTO event_try (event_id, at, status) SELECT id, now(), 503 FROM event"
    )
    await parts.pool.execute(
        "UPDATE event SET due_at = NULL, given_up_at = now() WHERE name = $1", event
    )
    await notify(parts, "PSPWALK", eventDate="yesterday")
    account = PaidAccount(parts)
    _, psp = await account.create_paid()
    await account.receives(account.psp(), originalReference=psp, **ANNOUNCED)
    await parts.reader.read_all()
    await parts.pool.execute(
        "INSERT INTO token (id, merchant_account, shopper_reference, stored_hash, sealed_id,"
        " method, created_at, state) VALUES ('tok_1', 'TwinMerchant', $1, 'hash', $2,"
        " 'gopay_wallet', now(), 'active')",
        SHOPPER,
        parts.notices.vault.seal(b"TOKEN1"),
    )
    plan = await parts.subscribing.make_plan(
        b'{"reference": "coffee", "amount": {"currency": "IDR", "value": 99000},'
        b' "interval": {"unit": "month"}}'
    )
    now = parts.clock.now()
    await parts.pool.execute(
        "INSERT INTO subscription (id, plan_id, reference, shopper_reference, return_url,"
        " created_at, state, minor_units, settled_period, begun_at, anchor, anchor_period,"
        " token_id, behind_since)"
        " VALUES ('sub_1', $1, 'SUB-1', $2, 'https://shop.example/', $3, 'past_due', 99000, 1, $3,"
        " $3, 1, 'tok_1', $3)",
        plan.id,
        SHOPPER,
        now - timedelta(days=31),
    )
    await parts.pool.execute(
        "INSERT INTO renewal (subscription_id, period, due_at, currency, minor_units, reference,"
        " outcome, next_try) VALUES ('sub_1', 2, $1, 'IDR', 99000, 'SUB-1-p2', 'open', $2)",
        now,
        now + timedelta(days=1),
    )
    await parts.links.create(
        b'{"reference": "LINK-1", "amount": {"currency": "IDR", "value": 25000}}'
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def url(desk: OpenDesk) -> AsyncIterator[str]:
    """The address of the desk, over HTTP."""
    async with served(desk) as address:
        yield address


async def paths(desk: OpenDesk) -> list[str]:
    """The pages that are looked at."""
    pool = desk.parts.pool
    event = await pool.fetchval("SELECT name FROM event WHERE subject = 'pay_walk'")
    notice = await pool.fetchval("SELECT id FROM notice WHERE names = '{PSPWALK}'")
    link = await pool.fetchval("SELECT max(id) FROM payment_link")
    return [
        *("/desk/deliveries", f"/desk/deliveries/{event}", "/desk/notices"),
        *(f"/desk/notices/{notice}", f"/desk/tokens?shopper={SHOPPER}", "/desk/subscriptions"),
        *("/desk/subscriptions/sub_1", "/desk/plans", "/desk/links", f"/desk/links/{link}"),
        "/desk/disputes",
    ]


async def sign_in(page: Page, url: str) -> None:
    """Sign in as a person who may act."""
    await page.goto(f"{url}/desk")
    await page.get_by_label("Name").fill("sari")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Today")


async def look(page: Page, desk: OpenDesk, url: str, case: str) -> list[str]:
    """Open every page with all its forms; returns what axe finds wrong."""
    wrong = []
    for path in await paths(desk):
        response = await page.goto(url + path)
        assert response
        assert response.status == 200, path
        await page.evaluate(
            "for (const one of document.querySelectorAll('details')) one.open = true"
        )
        wrong += [f"{path}: {fault}" for fault in await axe_faults(page)]
        await assert_fits(page)
        section, *more = path.split("?")[0].removeprefix("/desk/").split("/")
        await picture(page, f"desk-{section}{'-one' * bool(more)}-{case}")
    return wrong


@pytest.mark.long
async def test_every_page_is_readable_on_a_phone(
    browser: Browser, desk: OpenDesk, url: str
) -> None:
    async with phone(browser, locale="en-GB") as page:
        await sign_in(page, url)

        assert await look(page, desk, url, "390") == []


@pytest.mark.long
async def test_every_page_is_readable_on_a_desktop(
    browser: Browser, desk: OpenDesk, url: str
) -> None:
    async with desktop(browser) as page:
        messages: list[str] = []
        page.on("console", lambda message: messages.append(message.text))
        await sign_in(page, url)

        assert await look(page, desk, url, "1280") == []
        assert messages == []


async def test_a_delivery_is_resent_a_notice_replayed_and_a_subscription_paused_without_scripts(
    browser: Browser, desk: OpenDesk, url: str
) -> None:
    async with desktop(browser, javascript=False) as page:
        await sign_in(page, url)
        await page.get_by_role("link", name="Deliveries").click()
        await page.get_by_label("Status").select_option("given_up")
        await page.get_by_role("button", name="Show", exact=True).click()
        await page.locator("tbody a").first.click()
        await page.get_by_label("Reason").fill("the shop lost it")
        await page.get_by_role("button", name="Send again").click()
        await expect(page.get_by_role("status")).to_contain_text("sent again")

        await page.get_by_role("link", name="Notices").click()
        await page.get_by_label("Status").select_option("held")
        await page.get_by_role("button", name="Show", exact=True).click()
        await page.locator("tbody a").first.click()
        await page.get_by_label("Reason").fill("Kasir was upgraded")
        await page.get_by_role("button", name="Read again").click()
        await expect(page.get_by_role("status")).to_contain_text("read again")

        await page.goto(f"{url}/desk/subscriptions/sub_1")
        form = page.locator("form[action$='/pause']")
        await form.get_by_label("Reason").fill("the shopper asked")
        await form.get_by_role("button", name="Pause").click()
        await page.get_by_role("button", name="Yes, do it").click()
        await expect(page.get_by_role("status")).to_contain_text("changed")
        await expect(page.locator(".badge", has_text="paused")).to_be_visible()
    acts = await desk.parts.pool.fetch(
        "SELECT act, reason FROM audit WHERE act NOT LIKE 'sign%' ORDER BY id"
    )

    assert [(row["act"], row["reason"]) for row in acts] == [
        ("delivery.resend", "the shop lost it"),
        ("notice.replay", "Kasir was upgraded"),
        ("subscription.pause", "the shopper asked"),
    ]
