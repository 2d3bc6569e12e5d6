"""Adyen's own Python library saves, charges, lists and removes tokens at the twin and at Kasir.

Only its base URLs and its key are changed.
"""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import Adyen
import pytest
from Adyen.exceptions import AdyenAPIUnprocessableEntity

from kasir.demo.client import redirect_result
from kasir.demo.processes import RunningDemo
from twin_fixtures import charge_body, payment_body

ACCOUNT = "TwinMerchant"


@dataclass(frozen=True, slots=True)
class Client:
    """The library with the base URL of the twin or of Kasir, for one shopper."""

    adyen_library: Any
    system: RunningDemo
    shopper: str

    @property
    def owner(self) -> dict[str, str]:
        """The parameters of every call that lists or removes tokens: the account and shopper."""
        return {"merchantAccount": ACCOUNT, "shopperReference": self.shopper}

    def pay(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Request a payment."""
        api = self.adyen_library.checkout.payments_api
        answer = api.payments(dict(body), idempotency_key=str(body["reference"]))
        message: dict[str, Any] = answer.message
        return message

    def approve(self, action: Mapping[str, Any]) -> dict[str, Any]:
        """Approve at the wallet as the shopper, and complete the payment as a shop does."""
        command = json.dumps({"url": action["url"], "do": "approve"}).encode()
        wallet = urllib.request.Request(
            f"{self.system.twin_url}/twin/wallet",
            command,
            {"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(wallet, timeout=30) as response:
            location = json.load(response)["location"]
        details = {"details": {"redirectResult": redirect_result(location)}}
        answer = self.adyen_library.checkout.payments_api.payments_details(details)
        message: dict[str, Any] = answer.message
        return message

    def save(self, model: str) -> dict[str, Any]:
        """Save the wallet with a first payment; returns the final answer."""
        started = self.pay(
            payment_body(
                reference=f"{self.shopper}-{model}",
                storePaymentMethod=True,
                shopperReference=self.shopper,
                recurringProcessingModel=model,
            )
        )
        assert started["resultCode"] == "RedirectShopper"
        return self.approve(started["action"])

    def charge(self, token: str, model: str, reference: str) -> dict[str, Any]:
        """Charge the saved wallet."""
        fields = {"reference": reference, "shopperReference": self.shopper}
        return self.pay(charge_body(token, model, **fields))

    def listed(self) -> list[dict[str, Any]]:
        """The saved tokens in the Checkout API."""
        api = self.adyen_library.checkout.recurring_api
        answer = api.get_tokens_for_stored_payment_details(query_parameters=self.owner)
        rows: list[dict[str, Any]] = answer.message["storedPaymentMethods"]
        return rows

    def listed_classic(self) -> list[str]:
        """The ids of the saved tokens in the classic Recurring API."""
        answer = self.adyen_library.recurring.recurring_api.list_recurring_details(self.owner)
        rows = answer.message.get("details", [])
        return [row["RecurringDetail"]["recurringDetailReference"] for row in rows]

    def remove(self, token: str) -> int:
        """Remove a token; returns the HTTP status."""
        api = self.adyen_library.checkout.recurring_api
        answer = api.delete_token_for_stored_payment_details(token, query_parameters=self.owner)
        return int(answer.status_code)


@pytest.fixture(params=["twin", "kasir"])
def client(request: pytest.FixtureRequest, system: RunningDemo) -> Client:
    """The official client with the base URL of the twin or of Kasir, and a new shopper."""
    url, key = {
        "twin": (system.twin_url, system.environment["ADYEN_API_KEY"]),
        "kasir": (system.kasir_url, system.api_key),
    }[request.param]
    library = Adyen.Adyen(xapikey=key, platform="test")
    library.checkout.payments_api.baseUrl = f"{url}/v72"
    library.checkout.recurring_api.baseUrl = f"{url}/v72"
    library.recurring.recurring_api.baseUrl = f"{url}/pal/servlet/Recurring/v68"
    return Client(library, system, f"library-{secrets.token_hex(6)}")


def test_a_subscription_is_saved_charged_listed_and_removed(client: Client) -> None:
    saved = client.save("Subscription")
    (row,) = client.listed()
    token = row["id"]
    charged = [client.charge(token, "Subscription", f"{client.shopper}-charge") for _ in range(2)]
    details = client.listed_classic()
    removed = client.remove(token)
    with pytest.raises(AdyenAPIUnprocessableEntity) as caught:
        client.charge(token, "Subscription", f"{client.shopper}-late")

    assert saved["resultCode"] == "Authorised"
    assert row["type"] == "gopay_wallet"
    assert row["supportedRecurringProcessingModels"] == ["Subscription"]
    assert charged[0]["resultCode"] == "Authorised"
    assert "action" not in charged[0]
    # Both charges have the same idempotency key, so there is one payment.
    assert charged[1] == charged[0]
    assert details == [token]
    assert removed == 204
    assert (client.listed(), client.listed_classic()) == ([], [])
    assert caught.value.error_code == "803"


def test_a_card_on_file_is_saved_charged_with_a_pin_and_disabled(client: Client) -> None:
    saved = client.save("CardOnFile")
    (row,) = client.listed()
    charge = client.charge(row["id"], "CardOnFile", f"{client.shopper}-charge")
    paid = client.approve(charge["action"])
    disabled = client.adyen_library.recurring.recurring_api.disable(
        client.owner | {"recurringDetailReference": row["id"]}
    )

    assert saved["resultCode"] == "Authorised"
    assert (charge["resultCode"], charge["action"]["type"]) == ("RedirectShopper", "redirect")
    assert paid["resultCode"] == "Authorised"
    assert disabled.message == {"response": "[detail-successfully-disabled]"}
    assert client.listed() == []


def test_another_shoppers_token_raises_the_librarys_own_error(client: Client) -> None:
    client.save("Subscription")
    (row,) = client.listed()
    other = Client(client.adyen_library, client.system, f"{client.shopper}-other")
    with pytest.raises(AdyenAPIUnprocessableEntity) as caught:
        other.charge(row["id"], "Subscription", f"{other.shopper}-charge")

    assert caught.value.error_code == "800"
