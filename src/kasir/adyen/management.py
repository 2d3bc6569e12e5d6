"""The Management API v3: what `kasir setup` reads and changes at Adyen, as values.

Source: Adyen's OpenAPI file of Management. Fields that Kasir does not use are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from kasir.adyen.calls import MANAGEMENT_VERSION, Api, Call
from kasir.adyen.notifications import moment
from kasir.adyen.texts import read_json
from kasir.errors import Unreadable

T = TypeVar("T")

#: The type of the webhook that reports payments.
STANDARD: Final = "standard"
#: The format in which Kasir reads notifications.
JSON: Final = "json"
#: The encryption of a webhook: none, which Adyen accepts in test only, and Adyen's default.
UNENCRYPTED: Final = "HTTP"
TLS: Final = "TLSv1.2"
#: The event codes that Kasir uses and that Adyen does not send unless they are included.
EVENT_CODES: Final = ("OFFER_CLOSED", "RECURRING_CONTRACT")
#: The values of a webhook's `type` in Adyen's documents. The type of the webhook of recurring
#: tokens life cycle events is not documented.
KNOWN_TYPES: Final = frozenset(
    {
        STANDARD,
        "account-settings-notification",
        "ach-notification-of-change-notification",
        "banktransfer-notification",
        "boletobancario-notification",
        "direct-debit-notice-of-change-notification",
        "directdebit-notification",
        "ideal-notification",
        "ideal-pending-notification",
        "pending-notification",
        "report-notification",
        "rreq-notification",
        "terminal-boarding",
        "terminal-settings",
    }
)
#: The most webhooks in one answer.
_PAGE_SIZE: Final = 100
_NO_WORD: Final = re.compile(r"[^a-z]+")


class Credential(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The API credential that a key belongs to."""

    id: str = ""
    username: str = ""
    roles: tuple[str, ...] = ()
    active: bool = True


class DataCenter(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A data center of Adyen, with the prefix of the live addresses there."""

    name: str = ""
    live_prefix: str = ""


class Merchant(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A merchant account. `capture_delay` is immediate, manual or a number of days."""

    id: str = ""
    status: str = ""
    capture_delay: str = ""
    data_centers: tuple[DataCenter, ...] = ()


class AdditionalSettings(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The events that a webhook sends beside the default ones."""

    include_event_codes: tuple[str, ...] | None = None


class Webhook(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A webhook.

    `hmac_key_check_value` identifies its HMAC key, and is empty if it has none. `has_error` says
    that something is to be looked for, by a test.
    """

    id: str
    type: str
    url: str = ""
    active: bool = False
    communication_format: str = ""
    description: str = ""
    username: str = ""
    has_password: bool = False
    has_error: bool = False
    encryption_protocol: str = ""
    hmac_key_check_value: str = ""
    additional_settings: AdditionalSettings = AdditionalSettings()

    @property
    def event_codes(self) -> tuple[str, ...]:
        """The events that it sends beside the default ones."""
        return self.additional_settings.include_event_codes or ()


class Webhooks(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """One page of a merchant account's webhooks."""

    pages_total: int = 1
    data: tuple[Webhook, ...] = ()


class HmacKey(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A new HMAC key in hexadecimal; Adyen shows it only once."""

    hmac_key: str

    def __repr__(self) -> str:
        """Return a text without the key."""
        return "HmacKey(...)"


class TestResult(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """What became of one test notification: the receiver's status and body, or an error."""

    __test__ = False  # It is no test of pytest's.

    status: str = ""
    output: str = ""
    request_sent: str = ""
    response_code: str = ""


class TestResults(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """What became of the test notifications of one request."""

    __test__ = False

    data: tuple[TestResult, ...] = ()


def read_me() -> Call:
    """Return the call that reads the credential of the key."""
    return _call("GET", "/me")


def read_merchant(merchant: str) -> Call:
    """Return the call that reads a merchant account."""
    return _call("GET", f"/merchants/{merchant}")


def list_webhooks(merchant: str, page: int) -> Call:
    """Return the call that reads a page of an account's webhooks; the first page is 1."""
    return _call("GET", f"/merchants/{merchant}/webhooks?pageNumber={page}&pageSize={_PAGE_SIZE}")


def read_webhook(merchant: str, webhook: str) -> Call:
    """Return the call that reads a webhook."""
    return _call("GET", f"/merchants/{merchant}/webhooks/{webhook}")


def create_webhook(merchant: str, fields: Mapping[str, Any]) -> Call:
    """Return the call that creates a webhook."""
    return _call("POST", f"/merchants/{merchant}/webhooks", fields)


def change_webhook(merchant: str, webhook: str, fields: Mapping[str, Any]) -> Call:
    """Return the call that changes the given fields of a webhook."""
    return _call("PATCH", f"/merchants/{merchant}/webhooks/{webhook}", fields)


def generate_hmac(merchant: str, webhook: str) -> Call:
    """Return the call that makes a new HMAC key, which signs a webhook from then on."""
    return _call("POST", f"/merchants/{merchant}/webhooks/{webhook}/generateHmac")


def send_test(merchant: str, webhook: str, event_codes: Sequence[str]) -> Call:
    """Return the call that sends test notifications, four for each event code."""
    path = f"/merchants/{merchant}/webhooks/{webhook}/test"
    return _call("POST", path, {"types": [*event_codes]})


def role_key(role: str) -> str:
    """Return a role's name without case, dashes and spaces, which Adyen writes in several ways."""
    return _NO_WORD.sub("", role.lower())


def sent_test(request_sent: str) -> tuple[str, datetime] | None:
    """Return the pspReference and the date of a test notification; None if it does not show them.

    Both together recognise one test: every test of an event code has the same pspReferences.
    """
    try:
        body = read_json(request_sent.encode())
        item = body["notificationItems"][0]["NotificationRequestItem"]
        return str(item["pspReference"]), moment(str(item["eventDate"]))
    except (LookupError, TypeError, Unreadable):
        return None


def decoded(body: bytes, kind: type[T]) -> T:
    """Decode an answer of the Management API.

    Raises:
        Unreadable: It does not have the format of Adyen's schema.
    """
    try:
        return msgspec.convert(read_json(body), kind)
    except msgspec.ValidationError as error:
        raise Unreadable(f"the answer has not the format of Adyen's schema: {error}") from None


def _call(method: str, path: str, fields: Mapping[str, Any] | None = None) -> Call:
    body = b"" if fields is None else msgspec.json.encode(fields)
    return Call(path, body, MANAGEMENT_VERSION, method=method, api=Api.MANAGEMENT)
