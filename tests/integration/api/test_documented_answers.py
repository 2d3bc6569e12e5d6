"""Every operation of the OpenAPI document, called over HTTP: the answers are as documented."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import asyncpg
import pytest

from app_client import app_client
from fake_server import plain, serving
from kasir.adyen.calls import VERSIONS
from kasir.demo.client import JourneyClient, until
from kasir.demo.processes import RunningDemo
from ledger_rows import add_payout_and_case
from openapi_document import OpenApi, Operation, own_document
from opened_kasir import kasir_on
from raw_http import Caller, HttpReply, caller

__all__ = ["caller"]

#: The paths of the Checkout versions that are not tested: all but the oldest and the newest. They
#: have the same schemas and handlers as those two.
UNTESTED = tuple(f"/v{version}/" for version in VERSIONS[1:-1])
OPERATIONS = [one for one in own_document().operations() if not one.path.startswith(UNTESTED)]
KEYED = [one for one in OPERATIONS if one.is_keyed]
WITH_BODY = [one for one in OPERATIONS if one.body]
#: Operations on something that a path names, and that Kasir answers 404 where it does not know it.
#: Those on a pspReference or a stored method are left out: Kasir passes them on to Adyen.
NAMED = [
    one
    for one in OPERATIONS
    if one.parameters("path") and not one.name.startswith(("deleteStored", "postPaymentChange"))
]
#: Operations whose fields Kasir checks itself. Adyen checks those of the others.
CHECKED = [one for one in WITH_BODY if "/api/" in one.path]
NO_PATH: Mapping[str, str] = {}


def names(operations: list[Operation]) -> list[str]:
    return [one.name for one in operations]


@dataclass(frozen=True, slots=True)
class Shop:
    """Calls the operations of the document, and checks each answer."""

    caller: Caller
    openapi: OpenApi
    journey: JourneyClient

    async def call(
        self,
        name: str,
        body: object = None,
        *,
        query: str = "",
        key: str | None = "",
        headers: Mapping[str, str] | None = None,
        path: Mapping[str, str] = NO_PATH,
    ) -> HttpReply:
        """Call an operation; `path` has the variables of its path, each `nobody` unless given."""
        one = self.openapi.operation(name)
        filled = re.sub(r"\{(\w+)\}", lambda found: path.get(found[1], "nobody"), one.path)
        reply = await self.caller.call(
            one.method, filled + query, body, api_key=key, headers=headers
        )
        self.openapi.check(name, reply.status, reply.headers.get("Content-Type", ""), reply.body)
        return reply

    async def call_successfully(self, name: str, **more: Any) -> Any:
        """Call an operation, which must succeed; its request is the example unless given."""
        one = self.openapi.operation(name)
        body = more.pop("body", one.body.get("example"))
        reply = await self.call(name, body, **more)
        assert reply.status == one.success, (name, reply.body)
        return json.loads(reply.body) if reply.body.startswith(b"{") else None

    def example(self, name: str, **changes: object) -> dict[str, Any]:
        """The example of a request, with other values for some of its fields."""
        example: dict[str, Any] = self.openapi.operation(name).body["example"]
        return example | changes

    async def approve(self, payment: Mapping[str, Any], do: str = "approve") -> dict[str, Any]:
        """Act as the shopper at the wallet; returns the request that finishes the payment."""
        return {"details": {"redirectResult": await self.journey.shopper(payment["action"], do)}}


@pytest.fixture(scope="module")
async def shop(caller: Caller, system: RunningDemo) -> AsyncIterator[Shop]:
    served = (await caller.call("GET", "/api/openapi.json", api_key=None)).json
    async with aiohttp.ClientSession() as http:
        yield Shop(caller, OpenApi(served), JourneyClient(system, http))


def fresh(name: str) -> str:
    return f"{name}-{secrets.token_hex(6)}"


def test_the_document_is_the_same_for_all_settings(shop: Shop) -> None:
    assert shop.openapi.document == own_document().document


async def test_every_operation_answers_its_example_as_documented(shop: Shop) -> None:
    for version in (f"V{VERSIONS[0]}", ""):
        await pay_and_change(shop, version)
        await save_and_remove(shop, version)
        await make_links(shop, version)
    await use_classic(shop)
    await subscribe(shop)
    await operate(shop)
    await show_payouts(shop)
    for name in (
        "live",
        "ready",
        "metrics",
        "getNotices",
        "getDisputes",
        "getLinks",
        "getToday",
        "getDoctor",
    ):
        await shop.call_successfully(name)
    succeeded = {(one.name, one.success) for one in OPERATIONS}

    assert succeeded - shop.openapi.checked == set()


async def show_payouts(shop: Shop) -> None:
    """Insert a payout and a case into the database, list both, and close the case."""
    connection = await asyncpg.connect(shop.caller.system.environment["KASIR_DATABASE_URL"])
    try:
        case_id = await add_payout_and_case(connection, "documented", 24_500)
    finally:
        await connection.close()
    await shop.call_successfully("getPayouts")
    await shop.call_successfully("getPayout", path={"batch": "documented"})
    await shop.call_successfully("getCases")
    await shop.call_successfully("getCase", path={"case_id": str(case_id)})
    await shop.call_successfully("postCaseClose", path={"case_id": str(case_id)})


async def pay_and_change(shop: Shop, version: str) -> None:
    """List the methods, pay, refund and cancel."""
    methods = await shop.call_successfully(f"postPaymentMethods{version}")
    assert "gopay_wallet" in {one["type"] for one in methods["paymentMethods"]}
    order = fresh("DOC")
    body = shop.example("postPayments", reference=order)
    paid = await shop.call_successfully(
        f"postPayments{version}", body=body, headers={"Idempotency-Key": order}
    )
    await shop.call_successfully(f"postPaymentsDetails{version}", body=await shop.approve(paid))
    payment = await shop.journey.status(order, "authorised")
    change = {"psp_reference": payment["pspReference"], "change": "refunds"}
    await shop.call_successfully(f"postPaymentChange{version}", path=change)
    await shop.journey.wait_for_sum(order, "refunded", 10_000)
    await shop.call_successfully("getPayments", query=f"?reference={order}")
    await shop.call_successfully("getPayment", path={"payment_id": payment["id"]})
    await shop.call_successfully("getPaymentsCsv", query=f"?reference={order}")
    life = await shop.call_successfully("getPaymentLife", path={"payment_id": payment["id"]})
    for message in {entry["message"] for entry in life["entries"] if "message" in entry}:
        path = {"payment_id": payment["id"], "message_id": message}
        await shop.call_successfully("getPaymentMessage", path=path)
    await shop.call_successfully("getEvents")
    other = fresh("DOC")
    await shop.call_successfully(
        f"postPayments{version}", body=shop.example("postPayments", reference=other)
    )
    await shop.call_successfully(
        f"postCancels{version}", body=shop.example("postCancels", paymentReference=other)
    )


async def saved(shop: Shop, shopper: str) -> str:
    """Pay and save the GoPay account; returns its `storedPaymentMethodId`."""
    body = shop.example(
        "postPayments",
        reference=fresh("DOC"),
        shopperReference=shopper,
        storePaymentMethod=True,
        recurringProcessingModel="CardOnFile",
    )
    paid = await shop.call_successfully("postPayments", body=body)
    await shop.call_successfully("postPaymentsDetails", body=await shop.approve(paid))

    async def read() -> list[dict[str, Any]]:
        listed = await shop.call_successfully(
            "getStoredPaymentMethods", query=f"?shopperReference={shopper}"
        )
        found: list[dict[str, Any]] = listed.get("storedPaymentMethods", [])
        return found

    (token,) = await until(read, bool, "a token")
    return str(token["id"])


async def operate(shop: Shop) -> None:
    """List, resend and pause deliveries; read a notice again; disable a token."""
    listed = (await shop.call_successfully("getDeliveries", query="?state=delivered&to=relay"))[
        "deliveries"
    ]
    path = {"delivery_id": listed[0]["id"]}
    for name in ("getDelivery", "postDeliveryResend"):
        await shop.call_successfully(name, path=path)
    await shop.call_successfully("getDeliveryAddresses")
    await shop.call_successfully("postDeliveriesResend", body={"since": "2999-01-01T00:00:00Z"})
    for name in ("postDeliveriesPause", "postDeliveriesResume"):
        await shop.call_successfully(name)
    foreign = await shop.journey.foreign(fresh("FOREIGN"))
    notice = await shop.journey.notice(foreign, ["foreign"])
    for name in ("getNotice", "postNoticeReplay"):
        await shop.call_successfully(name, path={"notice_id": str(notice["id"])})
    shopper = fresh("shopper")
    await saved(shop, shopper)

    async def recorded() -> list[dict[str, Any]]:
        answer = await shop.call_successfully("getTokens", query=f"?shopperReference={shopper}")
        tokens: list[dict[str, Any]] = answer["tokens"]
        return tokens

    (token,) = await until(recorded, bool, "a token that Kasir has recorded")
    await shop.call_successfully("postTokenDisable", path={"token_id": token["id"]})


async def save_and_remove(shop: Shop, version: str) -> None:
    """Save a GoPay account, list it and remove it."""
    shopper = fresh("shopper")
    token = await saved(shop, shopper)
    query = f"?shopperReference={shopper}"
    await shop.call_successfully(
        f"getStoredPaymentMethods{version}", query=query + "&type=gopay_wallet"
    )
    await shop.call_successfully(
        f"deleteStoredPaymentMethod{version}", query=query, path={"stored_id": token}
    )


async def make_links(shop: Shop, version: str) -> None:
    """Make a link, read it and withdraw it."""
    link = await shop.call_successfully(f"postPaymentLinks{version}")
    await shop.call_successfully(f"getPaymentLink{version}", path={"link_id": link["id"]})
    withdrawn = await shop.call_successfully(
        f"patchPaymentLink{version}", path={"link_id": link["id"]}
    )
    assert withdrawn["status"] == "expired"


async def use_classic(shop: Shop) -> None:
    """List and disable a token by the classic API."""
    shopper = fresh("shopper")
    token = await saved(shop, shopper)
    await shop.call_successfully("postListRecurringDetails", body={"shopperReference": shopper})
    await shop.call_successfully(
        "postListRecurringDetails", body={"shopperReference": fresh("nobody")}
    )
    body = {"shopperReference": shopper, "recurringDetailReference": token}
    await shop.call_successfully("postDisable", body=body)


async def subscribe(shop: Shop) -> None:
    """Make a plan and a subscription; change, pause, resume and cancel it."""
    plan = await shop.call_successfully("postPlan")
    await shop.call_successfully("getPlan", path={"plan_id": plan["id"]})
    await shop.call_successfully("getPlans")
    subscription = await signed_up(shop, plan["id"], "approve")
    path = {"subscription_id": subscription["id"]}

    async def status() -> str:
        return str((await shop.call_successfully("getSubscription", path=path))["status"])

    await until(status, lambda found: found == "active", "an active subscription")
    await shop.call_successfully("patchSubscription", path=path)
    await shop.call_successfully("postSubscriptionPause", body={"at": "now"}, path=path)
    await shop.call_successfully("postSubscriptionResume", path=path)
    for command in ("Pause", "Cancel"):
        await shop.call_successfully(f"postSubscription{command}", path=path)
    await shop.call_successfully("getSubscriptions", query=f"?plan={plan['id']}")
    await shop.call_successfully("getSubscriptionMetrics")
    refused = await signed_up(shop, plan["id"], "refuse")
    await shop.call_successfully("postSubscriptionPayment", path={"subscription_id": refused["id"]})


async def signed_up(shop: Shop, plan: str, do: str) -> dict[str, Any]:
    """Sign up a new shopper, who approves or refuses at the wallet; returns the subscription."""
    body = shop.example(
        "postSubscription", plan=plan, reference=fresh("DOC"), shopperReference=fresh("shopper")
    )
    subscription: dict[str, Any] = await shop.call_successfully("postSubscription", body=body)
    details = await shop.approve(subscription["payment"], do)
    await shop.call_successfully("postPaymentsDetails", body=details)
    if do != "approve":
        await shop.journey.status(body["reference"], "refused")
    return subscription


# Errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", KEYED, ids=names(KEYED))
async def test_a_call_without_a_key_is_answered_with_401(shop: Shop, operation: Operation) -> None:
    reply = await shop.call(operation.name, operation.body.get("example"), key=None)

    assert reply.status == 401


@pytest.mark.parametrize("operation", KEYED, ids=names(KEYED))
async def test_the_documented_parameters_are_those_that_the_call_takes(
    shop: Shop, operation: Operation
) -> None:
    body = operation.body.get("example")
    reply = await shop.call(operation.name, body, query="?colour=red")
    listed = re.search(r"there are (none|[\w, ]+)\.", reply.json["message"])

    assert reply.status == 422
    assert listed, reply.body
    taken = set() if listed[1] == "none" else set(listed[1].split(", "))
    assert operation.parameters("query").keys() == taken


@pytest.mark.parametrize("operation", WITH_BODY, ids=names(WITH_BODY))
async def test_a_body_that_is_not_json_or_too_large_is_answered_as_documented(
    shop: Shop, operation: Operation
) -> None:
    path = {"change": "refunds"}
    malformed = await shop.call(operation.name, b"[", path=path)
    large = await shop.call(operation.name, b" " * (1 << 20) + b"{}", path=path)

    assert (malformed.status, large.status) == (400, 413)


@pytest.mark.parametrize("operation", NAMED, ids=names(NAMED))
async def test_an_unknown_name_in_the_path_is_answered_with_404(
    shop: Shop, operation: Operation
) -> None:
    reply = await shop.call(operation.name, operation.body.get("example"))

    assert reply.status == 404


@pytest.fixture(scope="module")
async def subscription_path(shop: Shop) -> dict[str, str]:
    """The variables of a path, for a subscription whose first payment was refused."""
    plan = (await shop.call_successfully("postPlan"))["id"]
    return {"subscription_id": (await signed_up(shop, plan, "refuse"))["id"]}


@pytest.mark.parametrize("operation", CHECKED, ids=names(CHECKED))
async def test_the_documented_fields_are_those_that_the_call_takes(
    shop: Shop, operation: Operation, subscription_path: Mapping[str, str]
) -> None:
    name = operation.body["schema"]["$ref"].rpartition("/")[2]
    schema = shop.openapi.document["components"]["schemas"][name]
    example = operation.body["example"]
    reply = await shop.call(operation.name, example | {"colour": "red"}, path=subscription_path)
    listed = re.search(r"'colour' .*?there are ([\w, ]+)\.", reply.json["message"])

    assert (reply.status, schema["additionalProperties"]) == (422, False)
    assert listed, reply.body
    assert schema["properties"].keys() == set(listed[1].split(", "))
    for required in schema["required"]:
        less = {field: value for field, value in example.items() if field != required}
        assert (await shop.call(operation.name, less, path=subscription_path)).status == 422, (
            required
        )


async def test_another_merchant_account_is_answered_with_403(
    shop: Shop, subscription_path: Mapping[str, str]
) -> None:
    with_account = [one for one in OPERATIONS if "403" in one.content["responses"]]
    for one in with_account:
        query, body = "", one.body.get("example")
        if "merchantAccount" in one.parameters("query"):
            query = "?shopperReference=nobody&merchantAccount=Another"
        else:
            body = one.body["example"] | {"merchantAccount": "Another"}
        reply = await shop.call(
            one.name, body, query=query, path={"change": "refunds", **subscription_path}
        )

        assert reply.status == 403, (one.name, reply.body)
    assert len(with_account) > 10


async def test_a_method_that_a_path_does_not_have_is_answered_as_documented(shop: Shop) -> None:
    one = shop.openapi.operation("postPayments")
    reply = await shop.caller.call("PUT", one.path)
    shop.openapi.check(one.name, reply.status, reply.headers["Content-Type"], reply.body)

    assert reply.status == 405


async def test_a_call_in_progress_and_an_unknown_outcome_are_answered_as_documented(
    fresh_database: str,
) -> None:
    openapi, released = own_document(), asyncio.Event()
    body = openapi.operation("postPayments").body["example"]
    called = asyncio.Event()

    async def wait(request: Any) -> Any:
        called.set()
        await released.wait()
        return await plain(502, b"<html>no way through</html>")(request)

    async with (
        serving() as adyen,
        kasir_on(fresh_database, ADYEN_TWIN_URL=adyen.url, KASIR_API_KEY="shop-key") as kasir,
        app_client(kasir, X_API_Key="shop-key", Idempotency_Key="ORDER-1") as client,
    ):
        adyen.handler = wait
        first = asyncio.create_task(client.post("/v72/payments", json=body))
        await called.wait()
        second = await client.post("/v72/payments", json=body)
        released.set()
        replies = [second, await first]
    for reply in replies:
        kind = reply.headers["Content-Type"]
        openapi.check("postPayments", reply.status_code, kind, reply.content)

    assert [reply.status_code for reply in replies] == [409, 503]
    assert [reply.headers["transient-error"] for reply in replies] == ["true", "true"]
