"""A client that exceeds the payment form's limits does not prevent payments."""

from __future__ import annotations

import asyncio
import re
import secrets

import pytest
from structlog.testing import capture_logs

from kasir.demo.client import until
from raw_http import Caller
from served import Served, served

#: A setting of the twin: its answer to a return names the payment, since it sends no webhooks here.
DETAILS_NAME_THE_PAYMENT = {"detailsReference": "present"}
FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


async def calls_at_adyen(kasir: Served, call: str) -> int:
    """The number of these calls that the twin received since `start_counting`."""
    listed = await kasir.twin.control("GET", "faults")
    count: int = next(fault["met"] for fault in listed["faults"] if fault["call"] == call)
    return count


async def start_counting(kasir: Served, call: str, slow_s: float = 0) -> None:
    """Count this call from now on, by a fault that delays its answers by `slow_s`."""
    fault = {"fault": "slow_reply", "call": call, "seconds": slow_s}
    await kasir.twin.control("PUT", "faults", [fault])


async def test_streams_beyond_the_limit_send_one_status_and_end_and_others_can_pay(
    fresh_database: str,
) -> None:
    async with served(fresh_database, streams_per_link_max=2, follow_poll_s=0.05) as kasir:
        await kasir.twin.control("PUT", "knobs", DETAILS_NAME_THE_PAYMENT)
        link = await kasir.link()
        wallet = await kasir.start(link)
        (payment,) = await kasir.payments()
        url = f"{link['url']}/payments/{payment['id']}/events"
        streams = [await kasir.http.get(url) for _ in range(2)]
        for stream in streams:
            await stream.content.readuntil(b"event: standing")
        beyond = [await kasir.visit(url) for _ in range(10)]
        other_result = await kasir.other_shopper_pays("NEIGHBOUR")
        redirect = await kasir.twin.shopper(wallet)
        await kasir.visit(kasir.on_this_server(redirect["location"]))
        received = [(await stream.content.read()).decode() for stream in streams]

    assert other_result == "RedirectShopper"
    # A stream beyond the limit sends the status once, and a longer time until a reconnection.
    for status, text, _ in beyond:
        assert (status, text.count("event: standing")) == (200, 1)
        assert "retry: 5000" in text
    # The streams within the limit send the final status.
    assert ['"final":true' in text for text in received] == [True, True]


#: The headers in which a proxy on this machine forwards the addresses of two shoppers.
ONE_ADDRESS, OTHER_ADDRESS = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}


async def test_one_address_has_a_limit_of_streams(fresh_database: str) -> None:
    async with served(fresh_database, streams_per_address_max=1) as kasir:
        link = await kasir.link()
        await kasir.start(link)
        (payment,) = await kasir.payments()
        url = f"{link['url']}/payments/{payment['id']}/events"
        streams = [
            await kasir.http.get(url, headers=headers)
            for headers in (ONE_ADDRESS, ONE_ADDRESS, OTHER_ADDRESS)
        ]
        received = [await stream.content.readuntil(b"event: standing") for stream in streams]
        for stream in streams:
            stream.close()

    # The time until a reconnection, in ms, is longer for the stream beyond the limit.
    assert [b"retry: 2000" in text for text in received] == [True, False, True]
    assert b"retry: 5000" in received[1]


async def test_one_address_has_limits_over_all_links(
    fresh_database: str,
) -> None:
    limits = {
        "returns_unknown_per_address_max": 2,
        "forms_per_address_max": 2,
        "offers_per_address_max": 2,
    }
    async with served(fresh_database, **limits) as kasir:
        links = [await kasir.link(reference=f"LINK-{n}") for n in range(4)]
        await start_counting(kasir, "paymentMethods")
        for link in links:
            await kasir.visit(link["url"], headers=ONE_ADDRESS)
        method_calls = await calls_at_adyen(kasir, "paymentMethods")
        await start_counting(kasir, "details")
        forms = [await kasir.visit(link["url"], {"attempt": "x"}, ONE_ADDRESS) for link in links]
        forms.append(await kasir.visit(links[0]["url"], {"attempt": "x"}, OTHER_ADDRESS))
        for number, link in enumerate(links):
            await kasir.start(link)
            (payment,) = await kasir.payments(f"LINK-{number}")
            url = f"{link['url']}/return/{payment['id']}?redirectResult=made-up-{number}"
            await kasir.visit(url, headers=ONE_ADDRESS)
        details_calls = await calls_at_adyen(kasir, "details")

    assert (method_calls, details_calls) == (2, 2)
    assert [status for status, _, _ in forms] == [303, 303, 429, 429, 303]


async def test_made_up_redirect_results_cause_a_limited_number_of_calls(
    fresh_database: str,
) -> None:
    async with served(fresh_database, returns_unknown_max=3) as kasir:
        link = await kasir.link()
        wallet = await kasir.start(link)
        (payment,) = await kasir.payments()
        await start_counting(kasir, "details")
        url = f"{link['url']}/return/{payment['id']}?redirectResult="
        with capture_logs() as logs:
            answers = [await kasir.visit(url + secrets.token_urlsafe(20)) for _ in range(12)]
        calls = await calls_at_adyen(kasir, "details")
        rows = await kasir.fetch_value("SELECT count(*) FROM question WHERE kind = 'details'")
        other_result = await kasir.other_shopper_pays("NEIGHBOUR")
        redirect = await kasir.twin.shopper(wallet)
        genuine_status, _, location = await kasir.visit(kasir.on_this_server(redirect["location"]))
        page_status, page, _ = await kasir.visit(kasir.on_this_server(location))

    assert (calls, rows) == (3, 3)
    assert {genuine_status, *(status for status, _, _ in answers)} == {303}
    assert [log["event"] for log in logs] == ["too many returns with unknown results"]
    assert other_result == "RedirectShopper"
    # The status page waits for the notification.
    assert page_status == 200
    assert "data-events" in page


async def test_a_real_payment_completes_after_made_up_redirect_results(caller: Caller) -> None:
    """The limits are the defaults, and a notification completes the payment."""
    reference = f"MADE-UP-{secrets.token_hex(4)}"
    body = {"reference": reference, "amount": {"currency": "IDR", "value": 25000}}
    link = (await caller.post("/v72/paymentLinks", body | {"returnUrl": "https://s.example/"})).json
    wallet = await start_payment(caller, link["id"])
    (payment,) = (await caller.call("GET", f"/api/payments?reference={reference}")).json["payments"]
    path = f"/pay/{link['id']}/return/{payment['id']}?redirectResult="
    for _ in range(15):
        await caller.call("GET", path + secrets.token_urlsafe(20), api_key=None)
    url = f"{caller.system.twin_url}/twin/wallet"
    async with caller.http.post(url, json={"url": wallet, "do": "approve"}) as response:
        back = (await response.json())["location"]
    async with caller.http.get(back, allow_redirects=False) as response:
        status = response.status

    async def payment_status() -> str:
        shown = await caller.call("GET", f"/api/payments/{payment['id']}")
        found: str = shown.json["status"]
        return found

    assert status == 303
    await until(payment_status, lambda found: found == "authorised", "the payment is authorised")


async def start_payment(caller: Caller, link_id: str) -> str:
    """Start a payment at a link; returns the wallet's URL."""
    form = (await caller.call("GET", f"/pay/{link_id}", api_key=None)).body.decode()
    attempt = re.search(r'name="attempt" value="([^"]+)"', form)
    assert attempt
    posted = await caller.call(
        "POST",
        f"/pay/{link_id}",
        f"attempt={attempt[1]}".encode(),
        api_key=None,
        headers=FORM_HEADERS,
    )
    return posted.headers["Location"]


async def test_made_up_redirect_results_store_few_rows_while_adyen_is_unavailable(
    fresh_database: str,
) -> None:
    async with served(fresh_database, returns_unknown_max=3) as kasir:
        link = await kasir.link()
        await kasir.start(link)
        (payment,) = await kasir.payments()
        fault = {"fault": "lose_reply_before", "call": "details"}
        await kasir.twin.control("PUT", "faults", [fault])
        url = f"{link['url']}/return/{payment['id']}?redirectResult="
        for _ in range(8):
            await kasir.visit(url + secrets.token_urlsafe(20))

        assert await kasir.fetch_value("SELECT count(*) FROM question WHERE kind = 'details'") == 3


async def test_a_redirect_result_that_adyen_knows_is_not_counted(fresh_database: str) -> None:
    async with served(fresh_database, returns_unknown_max=1) as kasir:
        await kasir.twin.control("PUT", "knobs", DETAILS_NAME_THE_PAYMENT)
        link = await kasir.link()
        redirect = await kasir.twin.shopper(await kasir.start(link))
        with capture_logs() as logs:
            for _ in range(3):
                await kasir.visit(kasir.on_this_server(redirect["location"]))
        (payment,) = await kasir.payments()

    assert logs == []  # Repeats are not counted either.
    assert payment["status"] == "authorised"


async def test_posted_forms_are_limited_and_others_can_pay(
    fresh_database: str,
) -> None:
    async with served(fresh_database, forms_per_link_max=3) as kasir:
        link, other = await kasir.link(reusable=True), await kasir.link(reference="OTHER")
        await start_counting(kasir, "payments")
        answers = [await kasir.visit(link["url"], {"attempt": f"try-{n}"}) for n in range(8)]
        calls = await calls_at_adyen(kasir, "payments")
        async with kasir.http.post(link["url"], data={"attempt": "9"}) as response:
            last_status, retry_after = response.status, response.headers["Retry-After"]
            last_text = await response.text()
        wallet = await kasir.start(other)
        other_result = await kasir.other_shopper_pays("NEIGHBOUR")

    assert [status for status, _, _ in answers] == [303] * 3 + [429] * 5
    assert calls == 3
    assert (last_status, retry_after) == (429, "60")
    assert "Terlalu banyak percobaan" in last_text  # "Too many attempts".
    assert wallet
    assert other_result == "RedirectShopper"


async def test_removals_of_saved_wallets_are_limited(fresh_database: str) -> None:
    async with served(fresh_database, forms_per_link_max=2) as kasir:
        link = await kasir.link(shopperReference="shopper-1")
        answers = [await kasir.visit(f"{link['url']}/saved/tok_1", {}) for _ in range(4)]

    assert [status for status, _, _ in answers] == [404, 404, 429, 429]


async def test_views_of_a_form_cause_a_limited_number_of_calls_and_the_form_works(
    fresh_database: str,
) -> None:
    async with served(fresh_database, offers_per_link_max=2) as kasir:
        link = await kasir.link()
        await start_counting(kasir, "paymentMethods")
        pages = [await kasir.visit(link["url"]) for _ in range(6)]
        calls = await calls_at_adyen(kasir, "paymentMethods")
        wallet = await kasir.start(link)

    assert calls == 2
    assert [status for status, _, _ in pages] == [200] * 6
    assert wallet


@pytest.mark.parametrize("reusable", [False, True])
async def test_a_form_beyond_the_limit_of_waiting_forms_can_be_posted_again(
    fresh_database: str, reusable: bool
) -> None:
    async with served(fresh_database, forms_waiting_max=0) as kasir:
        link = await kasir.link(reusable=reusable)
        _, page, _ = await kasir.visit(link["url"])
        attempt = re.search(r'name="attempt" value="([^"]+)"', page)
        assert attempt
        form = {"attempt": attempt[1]}
        await start_counting(kasir, "payments", slow_s=5)
        first = asyncio.create_task(kasir.visit(link["url"], form))

        async def calls() -> int:
            return await calls_at_adyen(kasir, "payments")

        await until(calls, lambda count: count == 1, "the call to Adyen")
        status, text, location = await kasir.visit(link["url"], form)
        await kasir.twin.control("DELETE", "faults")
        other_result = await kasir.other_shopper_pays("NEIGHBOUR")
        _, _, wallet = await first
        (payment,) = await kasir.payments()
        _, _, wallet_again = await kasir.visit(link["url"], form)

    if reusable:
        assert status == 503
        assert attempt[1] in text  # The button posts the same attempt.
    else:
        assert (status, location) == (303, f"/pay/{link['id']}/payments/{payment['id']}")
    assert other_result == "RedirectShopper"
    assert wallet_again == wallet != ""
