"""The benchmarks' messages are as Adyen would send them, and Kasir accepts them."""

import msgspec
import pytest
from bench import messages
from bench.peers import flask_sample
from bench.site import HMAC_KEY

from kasir.adyen import checks, notifications, signing


def test_notifications_are_authentic_and_distinct() -> None:
    bodies = list(messages.notifications("T", 20))
    items = [item for body in bodies for item in notifications.parse(body)]
    key = signing.key_from_hex(HMAC_KEY)

    assert all(signing.is_signed(item, [key]) for item in items)
    assert len({item.psp_reference for item in items}) == 20


def test_a_notification_contains_kasirs_payment_id() -> None:
    (item,) = notifications.parse(messages.notification("order-1", "PSP", "pay_1"))

    assert item.additional_data["metadata.kasirPaymentId"] == "pay_1"


@pytest.mark.parametrize("version", [71, 72])
def test_a_payment_request_is_valid(version: int) -> None:
    assert list(checks.payment_faults(messages.payment("order-1"), version)) == []


@pytest.mark.parametrize(("key", "status"), [(HMAC_KEY, 202), ("00" * 32, 401)])
def test_the_peer_verifies_the_signature(
    monkeypatch: pytest.MonkeyPatch, key: str, status: int
) -> None:
    monkeypatch.setattr(flask_sample, "_KEY", key)
    body = msgspec.json.decode(messages.notification("order-1", "PSP"))

    answer = flask_sample.app.test_client().post("/webhooks/notifications", json=body)

    assert answer.status_code == status
