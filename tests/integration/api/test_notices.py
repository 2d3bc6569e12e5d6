"""The API and the command list Adyen's notifications and their states."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from app_client import app_client
from fakes import KEY, NOW, OTHER_KEY, a_question, an_intent, envelope, notification_item
from kasir.adyen.signing import key_from_hex, sign
from kasir.cli.operator import list_notices
from kasir.webhooks.receiving import receive, receive_token
from kasir.wiring import Parts
from opened_kasir import kasir_on

#: Every state of a notice.
STATES: Final = ("held", "waiting", "foreign", "unheard_of", "unread", "read", "ignored")
#: A `storedPaymentMethodId`.
TOKEN: Final = "TOKENTOKENTOKEN1"


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator who lists the notices of a Kasir."""

    kasir: Parts
    http: httpx.AsyncClient

    async def receive(self, **changes: Any) -> None:
        """Receive a notification item."""
        await receive(
            envelope(notification_item(**changes)),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=self.kasir.inbox,
            received_at=NOW,
        )

    async def receive_token(self, **changes: Any) -> None:
        """Receive a token notification."""
        data = {
            "merchantAccount": "TwinMerchant",
            "shopperReference": "shopper-1",
            "storedPaymentMethodId": TOKEN,
            "type": "gopay_wallet",
        }
        fields = {
            "type": "recurring.token.created",
            "eventId": "PSP-TOKEN",
            "createdAt": "2026-11-23T10:00:00Z",
            "data": data,
        }
        body = json.dumps(fields | changes).encode()
        key = key_from_hex(OTHER_KEY)
        await receive_token(
            body,
            signature=sign(body, key),
            keys=[key],
            inbox=self.kasir.inbox,
            received_at=NOW,
        )

    async def open_payment(self, payment_id: str, reference: str) -> None:
        """Store a new payment."""
        await self.kasir.payments.open(
            an_intent(payment_id, reference=reference), a_question(payment_id), None
        )

    async def list_notices(self, query: str = "") -> Any:
        """List notices over the API."""
        response = await self.http.get(f"/api/notices{query}")
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture
async def operator(fresh_database: str) -> AsyncIterator[Operator]:
    """An operator of a Kasir in this process, on an empty database."""
    async with (
        kasir_on(fresh_database, KASIR_API_KEY="shop-key", ADYEN_TOKEN_HMAC_KEY=OTHER_KEY) as kasir,
        app_client(kasir, X_API_Key="shop-key") as http,
    ):
        yield Operator(kasir, http)


async def test_each_notice_is_listed_with_its_state_and_payment(operator: Operator) -> None:
    await operator.open_payment("pay_1", "ORDER-1")
    metadata = {"metadata.kasirPaymentId": "pay_1"}
    await operator.receive(
        merchantReference="ORDER-1", pspReference="PSP-1", additionalData=metadata
    )
    await operator.receive(merchantReference="NOBODYS", pspReference="PSP-2", success="false")
    await operator.receive(eventCode="BRAND_NEW", pspReference="PSP-3")
    await operator.receive(eventCode="ORDER_OPENED", pspReference="PSP-4")
    await operator.receive(eventDate="yesterday", pspReference="PSP-5")
    await operator.kasir.reader.read_all()
    await operator.receive(merchantReference="ORDER-1", pspReference="PSP-6")
    page = await operator.list_notices()

    by_psp_reference = {notice["pspReference"]: notice for notice in page["notices"]}
    assert page["next"] is None
    assert [notice["id"] for notice in page["notices"]] == [6, 5, 4, 3, 2, 1]
    assert {
        psp_reference: notice["state"] for psp_reference, notice in by_psp_reference.items()
    } == {
        "PSP-1": "read",
        "PSP-2": "foreign",
        "PSP-3": "unheard_of",
        "PSP-4": "ignored",
        "PSP-5": "held",
        "PSP-6": "unread",
    }
    assert by_psp_reference["PSP-1"] == {
        "id": 1,
        "state": "read",
        "eventCode": "AUTHORISATION",
        "success": True,
        "pspReference": "PSP-1",
        "merchantReference": "ORDER-1",
        "paymentId": "pay_1",
        "receivedAt": "2026-11-23T10:00:00Z",
    }
    assert (by_psp_reference["PSP-2"]["success"], by_psp_reference["PSP-2"].get("paymentId")) == (
        False,
        None,
    )
    assert "yesterday" in by_psp_reference["PSP-5"]["why"]
    assert [
        psp_reference for psp_reference, notice in by_psp_reference.items() if "why" in notice
    ] == ["PSP-5"]


@pytest.mark.parametrize("state", STATES)
async def test_notices_can_be_filtered_by_state(operator: Operator, state: str) -> None:
    # The merchant reference of each notice is its state.
    for number, each in enumerate(STATES):
        await operator.receive(pspReference=f"PSP-{number}", merchantReference=each)
        await operator.kasir.pool.execute(
            "UPDATE notice SET state = $1 WHERE names = $2", each, [f"PSP-{number}"]
        )
    page = await operator.list_notices(f"?state={state}")

    assert [(notice["state"], notice["merchantReference"]) for notice in page["notices"]] == [
        (state, state)
    ]


async def test_pages_list_every_notice_with_the_newest_first(operator: Operator) -> None:
    for number in range(5):
        await operator.receive(pspReference=f"PSP-{number}")
    pages: list[list[str]] = []
    after = ""
    while len(pages) < 9:  # At most, if the pages never end.
        page = await operator.list_notices(f"?state=unread&limit=2{after}")
        pages.append([notice["pspReference"] for notice in page["notices"]])
        if page["next"] is None:
            break
        # A notice that arrives now is newer, so no later page lists it.
        await operator.receive(pspReference=f"LATE-{len(pages)}")
        after = f"&after={page['next']}"

    assert pages == [["PSP-4", "PSP-3"], ["PSP-2", "PSP-1"], ["PSP-0"]]


async def test_a_token_notification_is_listed_without_the_token(
    operator: Operator,
) -> None:
    await operator.receive_token()
    await operator.receive(
        eventCode="RECURRING_CONTRACT", pspReference=TOKEN, originalReference="PSP-1"
    )
    contract, token = (await operator.list_notices())["notices"]

    assert token == {
        "id": 1,
        "state": "unread",
        "eventCode": "recurring.token.created",
        "pspReference": "PSP-TOKEN",
        "receivedAt": "2026-11-23T10:00:00Z",
    }
    assert contract["merchantReference"] == "ORDER-1001"
    assert TOKEN not in json.dumps(contract)


@pytest.mark.parametrize("item", [b"garbage", b"\x01short", b""])
async def test_a_notice_that_no_key_decrypts_is_listed_without_its_content(
    operator: Operator, item: bytes
) -> None:
    await operator.receive(pspReference="PSP-1")
    await operator.kasir.pool.execute("UPDATE notice SET item = $1", item)
    (notice,) = (await operator.list_notices())["notices"]

    assert notice == {
        "id": 1,
        "state": "unread",
        "eventCode": "AUTHORISATION",
        "receivedAt": "2026-11-23T10:00:00Z",
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=lost", "state"),
        ("state=", "state"),
        ("state=READ", "state"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("after=PSP", "after"),
        ("after=-1", "after"),
        ("after=99999999999999999999", "after"),
        ("sate=held", "sate"),
    ],
)
async def test_an_invalid_parameter_of_notices_is_refused_and_named(
    operator: Operator, query: str, field: str
) -> None:
    response = await operator.http.get(f"/api/notices?{query}")

    assert response.status_code == 422
    assert f"Field '{field}' is not valid: " in response.json()["message"]


async def test_notices_require_an_api_key(operator: Operator) -> None:
    response = await operator.http.get("/api/notices", headers={"X-API-Key": "wrong"})

    assert response.status_code == 401


async def test_the_command_lists_the_same_notices_as_the_api(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await operator.receive(pspReference="PSP-1", eventDate="yesterday", success="false")
    await operator.kasir.reader.read_all()
    monkeypatch.setenv("ADYEN_ENVIRONMENT", "twin")
    monkeypatch.setenv("ADYEN_HMAC_KEY", KEY)
    monkeypatch.setenv("KASIR_DATABASE_URL", operator.kasir.settings.database_url or "")
    await list_notices("held", most=10, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    await list_notices("held", most=10, as_json=False)
    table = capsys.readouterr().out

    (notice,) = (await operator.list_notices("?state=held"))["notices"]
    assert printed == [notice]
    for text in ("AUTHORISATION", "false", "PSP-1", "ORDER-1001", notice["why"], "1 held"):
        assert text in table
