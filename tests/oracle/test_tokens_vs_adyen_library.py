"""Adyen's own Python library saves, charges, lists and removes: at the twin, and through Kasir.

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
class Witness:
    """The library, set up for one address, and the shopper at the twin's wallet."""

    library: Any
    system: RunningDemo
    shopper: str

    @property
    def whose(self) -> dict[str, str]:
        """Whose tokens are meant, as every list and removal says."""
        return {"merchantAccount": ACCOUNT, "shopperReference": self.shopper}

    def pay(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for a payment."""
        api = self.library.checkout.payments_api
        answer = api.payments(dict(body), idempotency_key=str(body["reference"]))
        found: dict[str, Any] = answer.message
        return found

    def approve(self, action: Mapping[str, Any]) -> dict[str, Any]:
        """Have the shopper give the PIN, and finish the payment as a shop does."""
        order = json.dumps({"url": action["url"], "do": "approve"}).encode()
        wallet = urllib.request.Request(
            f"{self.system.twin_url}/twin/wallet",
            order,
            {"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(wallet, timeout=30) as response:
            location = json.load(response)["location"]
        details = {"details": {"redirectResult": redirect_result(location)}}
        found: dict[str, Any] = self.library.checkout.payments_api.payments_details(details).message
        return found

    def save(self, model: str) -> dict[str, Any]:
        """Have the wallet saved by a first payment."""
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
        named = {"reference": reference, "shopperReference": self.shopper}
        return self.pay(charge_body(token, model, **named))

    def listed(self) -> list[dict[str, Any]]:
        """What is saved, Checkout's way."""
        api = self.library.checkout.recurring_api
        answer = api.get_tokens_for_stored_payment_details(query_parameters=self.whose)
        rows: list[dict[str, Any]] = answer.message["storedPaymentMethods"]
        return rows

    def listed_classic(self) -> list[str]:
        """The tokens, the classic way."""
        answer = self.library.recurring.recurring_api.list_recurring_details(self.whose)
        rows = answer.message.get("details", [])
        return [row["RecurringDetail"]["recurringDetailReference"] for row in rows]

    def remove(self, token: str) -> int:
        """Remove one; give the status."""
        api = self.library.checkout.recurring_api
        answer = api.delete_token_for_stored_payment_details(token, query_parameters=self.whose)
        return int(answer.status_code)


@pytest.fixture(params=["twin", "kasir"])
def witness(request: pytest.FixtureRequest, system: RunningDemo) -> Witness:
    """The official client, pointed at the twin or at Kasir, for a shopper of its own."""
    url, key = {
        "twin": (system.twin_url, system.environment["ADYEN_API_KEY"]),
        "kasir": (system.kasir_url, system.api_key),
    }[request.param]
    library = Adyen.Adyen(xapikey=key, platform="test")
    library.checkout.payments_api.baseUrl = f"{url}/v72"
    library.checkout.recurring_api.baseUrl = f"{url}/v72"
    library.recurring.recurring_api.baseUrl = f"{url}/pal/servlet/Recurring/v68"
    return Witness(library, system, f"witness-{secrets.token_hex(6)}")


def test_a_subscription_is_saved_charged_listed_and_removed(witness: Witness) -> None:
    saved = witness.save("Subscription")
    (row,) = witness.listed()
    token = row["id"]
    charged = [witness.charge(token, "Subscription", f"{witness.shopper}-charge") for _ in range(2)]
    details = witness.listed_classic()
    removed = witness.remove(token)
    with pytest.raises(AdyenAPIUnprocessableEntity) as caught:
        witness.charge(token, "Subscription", f"{witness.shopper}-late")

    assert saved["resultCode"] == "Authorised"
    assert (row["type"], row["supportedRecurringProcessingModels"]) == (
        *("gopay_wallet", ["Subscription"]),
    )
    assert charged[0]["resultCode"] == "Authorised"
    assert "action" not in charged[0]
    # The same key: the same payment.
    assert charged[1] == charged[0]
    assert details == [token]
    assert removed == 204
    assert (witness.listed(), witness.listed_classic()) == ([], [])
    assert caught.value.error_code == "803"


def test_a_card_on_file_is_saved_charged_with_a_pin_and_disabled(witness: Witness) -> None:
    saved = witness.save("CardOnFile")
    (row,) = witness.listed()
    asked = witness.charge(row["id"], "CardOnFile", f"{witness.shopper}-charge")
    paid = witness.approve(asked["action"])
    disabled = witness.library.recurring.recurring_api.disable(
        witness.whose | {"recurringDetailReference": row["id"]}
    )

    assert saved["resultCode"] == "Authorised"
    assert (asked["resultCode"], asked["action"]["type"]) == ("RedirectShopper", "redirect")
    assert paid["resultCode"] == "Authorised"
    assert disabled.message == {"response": "[detail-successfully-disabled]"}
    assert witness.listed() == []


def test_another_shoppers_token_is_the_librarys_own_error(witness: Witness) -> None:
    witness.save("Subscription")
    (row,) = witness.listed()
    stranger = Witness(witness.library, witness.system, f"{witness.shopper}-not")
    with pytest.raises(AdyenAPIUnprocessableEntity) as caught:
        stranger.charge(row["id"], "Subscription", f"{stranger.shopper}-charge")

    assert caught.value.error_code == "800"
