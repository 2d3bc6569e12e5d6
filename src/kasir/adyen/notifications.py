"""The messages that Adyen posts to the standard webhook: an envelope with items in it.

`live` and `success` are strings. Adyen sends one item per envelope; any number is accepted. Unknown
fields are ignored, but stay in `Item.raw`. Source: Adyen's Webhooks OpenAPI, v1.

Invalid JSON is read as far as possible, because a refused notification blocks Adyen's queue until
Kasir accepts the notification.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from kasir.adyen.texts import read_json, storable
from kasir.errors import Unreadable, cut

#: The prefix of the names of additional data in a notification that is sent as an HTML form.
_EXTRA: Final = "additionalData."
#: The most fields of such a form.
_FIELDS_MAX: Final = 500
#: The years that a notification's date may have. Near the first and the last year of the calendar,
#: adding an offset to a date fails, here or in the database.
_YEARS: Final = range(2000, 2100)


class EventCode(StrEnum):
    """Every event code of the Webhooks schema. Notifications with other codes are stored too."""

    ACH_NOTIFICATION_OF_CHANGE = "ACH_NOTIFICATION_OF_CHANGE"
    AUTHENTICATION = "AUTHENTICATION"
    AUTHORISATION = "AUTHORISATION"
    AUTHORISATION_ADJUSTMENT = "AUTHORISATION_ADJUSTMENT"
    AUTORESCUE = "AUTORESCUE"
    CANCELLATION = "CANCELLATION"
    CANCEL_AUTORESCUE = "CANCEL_AUTORESCUE"
    CANCEL_OR_REFUND = "CANCEL_OR_REFUND"
    CAPTURE = "CAPTURE"
    CAPTURE_FAILED = "CAPTURE_FAILED"
    CHARGEBACK = "CHARGEBACK"
    CHARGEBACK_REVERSED = "CHARGEBACK_REVERSED"
    DIRECT_DEBIT_NOTICE_OF_CHANGE = "DIRECT_DEBIT_NOTICE_OF_CHANGE_NOTIFICATION"
    DISPUTE_DEFENSE_PERIOD_ENDED = "DISPUTE_DEFENSE_PERIOD_ENDED"
    EXPIRE = "EXPIRE"
    HANDLED_EXTERNALLY = "HANDLED_EXTERNALLY"
    INFORMATION_SUPPLIED = "INFORMATION_SUPPLIED"
    ISSUER_COMMENTS = "ISSUER_COMMENTS"
    ISSUER_RESPONSE_TIMEFRAME_EXPIRED = "ISSUER_RESPONSE_TIMEFRAME_EXPIRED"
    MANUAL_REVIEW_ACCEPT = "MANUAL_REVIEW_ACCEPT"
    MANUAL_REVIEW_REJECT = "MANUAL_REVIEW_REJECT"
    NOTIFICATION_OF_CHARGEBACK = "NOTIFICATION_OF_CHARGEBACK"
    NOTIFICATION_OF_FRAUD = "NOTIFICATION_OF_FRAUD"
    OFFER_CLOSED = "OFFER_CLOSED"
    ORDER_CLOSED = "ORDER_CLOSED"
    ORDER_OPENED = "ORDER_OPENED"
    PAIDOUT_REVERSED = "PAIDOUT_REVERSED"
    PAYOUT_DECLINE = "PAYOUT_DECLINE"
    PAYOUT_EXPIRE = "PAYOUT_EXPIRE"
    PAYOUT_THIRDPARTY = "PAYOUT_THIRDPARTY"
    POSTPONED_REFUND = "POSTPONED_REFUND"
    PREARBITRATION_ACCEPTED = "PREARBITRATION_ACCEPTED"
    PREARBITRATION_DECLINED = "PREARBITRATION_DECLINED"
    PREARBITRATION_ISSUER_WITHDRAWN = "PREARBITRATION_ISSUER_WITHDRAWN"
    PREARBITRATION_LOST = "PREARBITRATION_LOST"
    PREARBITRATION_OPEN = "PREARBITRATION_OPEN"
    PREARBITRATION_WON = "PREARBITRATION_WON"
    RECURRING_CONTRACT = "RECURRING_CONTRACT"
    REFUND = "REFUND"
    REFUNDED_REVERSED = "REFUNDED_REVERSED"
    REFUND_FAILED = "REFUND_FAILED"
    REFUND_WITH_DATA = "REFUND_WITH_DATA"
    REPORT_AVAILABLE = "REPORT_AVAILABLE"
    REQUEST_FOR_INFORMATION = "REQUEST_FOR_INFORMATION"
    SCHEME_ARBITRATION = "SCHEME_ARBITRATION"
    SCHEME_ARBITRATION_LOST = "SCHEME_ARBITRATION_LOST"
    SCHEME_ARBITRATION_WON = "SCHEME_ARBITRATION_WON"
    SECOND_CHARGEBACK = "SECOND_CHARGEBACK"
    TECHNICAL_CANCEL = "TECHNICAL_CANCEL"
    VOID_PENDING_REFUND = "VOID_PENDING_REFUND"


@dataclass(frozen=True, slots=True)
class Item:
    """One notification item. A missing field is an empty string. `raw` is the item's JSON."""

    psp_reference: str
    original_reference: str
    merchant_account_code: str
    merchant_reference: str
    amount_value: str  # The text that Adyen signs; in the JSON it is 25000 or "25000".
    amount_currency: str
    event_code: str
    event_date: str
    success_text: str
    payment_method: str
    reason: str
    additional_data: dict[str, str]
    raw: bytes
    original_psp: str = ""
    #: The field `live` of the item's envelope: "true", "false", or empty. It is not signed.
    live: str = ""

    @property
    def initial_payment(self) -> str:
        """For RECURRING_CONTRACT only: the pspReference of the payment that saved the wallet.

        The schema requires originalPsp. If the item has originalReference too, that is returned,
        because it is signed.
        """
        return self.original_reference or self.original_psp

    @property
    def success(self) -> bool:
        """Whether the event was successful."""
        return self.success_text.lower() == "true"

    @property
    def hmac_signature(self) -> str:
        """The signature in the item; empty if there is none."""
        return self.additional_data.get("hmacSignature", "")

    def storable(self) -> Item:
        """The same item with texts that PostgreSQL can store.

        The signature must be verified before, because the texts may change.
        """
        texts: dict[str, Any] = {name: storable(getattr(self, name)) for name in _TEXTS}
        extra = {storable(key): storable(value) for key, value in self.additional_data.items()}
        return replace(self, additional_data=extra, **texts)


#: The fields of `Item` that are texts.
_TEXTS: Final = tuple(name for name, kind in Item.__annotations__.items() if kind == "str")


class _Element(msgspec.Struct):
    NotificationRequestItem: msgspec.Raw


class _Envelope(msgspec.Struct):
    notificationItems: list[_Element]  # noqa: N815  # Adyen's spelling.
    live: Any = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def parse(body: bytes) -> list[Item]:
    """Read an envelope, and return its items.

    An element that cannot be read becomes an empty `Item` without a signature, if at least one
    other element can be read.

    Raises:
        Unreadable: The body is not JSON, or not the envelope of a standard notification.
    """
    try:
        envelope = _ENVELOPE.decode(body)
        raws = [bytes(each.NotificationRequestItem) for each in envelope.notificationItems]
        return _items(raws, envelope.live)
    except (Unreadable, ValueError):  # Not strict JSON, or an element is not an item.
        pass
    except RecursionError as error:
        raise Unreadable(f"this is not a standard notification: {error}") from error
    return _items(*_raws(body))


def _items(raws: list[bytes], live: Any) -> list[Item]:
    if not raws:
        raise Unreadable("this is not a standard notification: notificationItems is empty")
    live_text = _text(live).lower()
    return [item_from(raw, live_text) for raw in raws]


def _raws(body: bytes) -> tuple[list[bytes], Any]:
    """The items of an envelope that is not strict JSON, and the envelope's `live`.

    Each item is returned as ASCII JSON, which may contain NaN or Infinity.
    """
    try:
        fields = read_json(body)
    except (Unreadable, RecursionError) as error:
        raise Unreadable(f"this is not a standard notification: {error}") from error
    elements = fields.get("notificationItems") if isinstance(fields, dict) else None
    if not isinstance(elements, list):
        raise Unreadable("this is not a standard notification: there are no notificationItems")
    items = [
        element.get("NotificationRequestItem") if isinstance(element, dict) else None
        for element in elements
    ]
    if elements and not any(isinstance(item, dict) for item in items):
        raise Unreadable("this is not a standard notification: it has no NotificationRequestItem")
    raws = [json.dumps(item if isinstance(item, dict) else {}).encode() for item in items]
    return raws, fields.get("live")


def parse_form(body: bytes) -> list[Item]:
    """Read a notification that was sent as an HTML form, and return its one item.

    The names of additional data in the form have a prefix. The item's `raw` is the item in JSON.

    Raises:
        Unreadable: The body is not the form of a standard notification.
    """
    try:
        text = body.decode(errors="surrogateescape")
        name_value_pairs = parse_qsl(
            text, keep_blank_values=True, errors="surrogateescape", max_num_fields=_FIELDS_MAX
        )
    except ValueError as error:
        raise Unreadable(f"this is not a standard notification: {error}") from error
    pairs = dict(name_value_pairs)
    if "eventCode" not in pairs or "pspReference" not in pairs:
        raise Unreadable("this is not a standard notification: no eventCode or pspReference")
    extras = {name: text for name, text in pairs.items() if name.startswith(_EXTRA)}
    fields: dict[str, Any] = {
        **{name: text for name, text in pairs.items() if name not in extras},
        "amount": {"currency": pairs.get("currency", ""), "value": pairs.get("value", "")},
        "additionalData": {name.removeprefix(_EXTRA): text for name, text in extras.items()},
    }
    return [item_from(json.dumps(fields).encode(), pairs.get("live", "").lower())]


def item_from(raw: bytes, live: str = "") -> Item:
    """Read one item of an envelope; `live` is the envelope's field.

    Raises:
        Unreadable: The item is not a JSON object.
    """
    fields = read_json(raw)
    if not isinstance(fields, dict):
        raise Unreadable("a notification item is a JSON object")
    amount = fields.get("amount")
    money = amount if isinstance(amount, dict) else {}
    extra = fields.get("additionalData")
    return Item(
        psp_reference=_text(fields.get("pspReference")),
        original_reference=_text(fields.get("originalReference")),
        merchant_account_code=_text(fields.get("merchantAccountCode")),
        merchant_reference=_text(fields.get("merchantReference")),
        amount_value=_text(money.get("value")),
        amount_currency=_text(money.get("currency")),
        event_code=_text(fields.get("eventCode")),
        event_date=_text(fields.get("eventDate")),
        success_text=_text(fields.get("success")),
        payment_method=_text(fields.get("paymentMethod")),
        reason=_text(fields.get("reason")),
        additional_data={
            key: _text(value) for key, value in (extra if isinstance(extra, dict) else {}).items()
        },
        raw=raw,
        original_psp=_text(fields.get("originalPsp")),
        live=live,
    )


def live_of(text: str) -> bool | None:
    """Whether the money is real; None if `text` is neither "true" nor "false"."""
    return {"true": True, "false": False}.get(text)


def _text(value: object) -> str:
    """A field as Adyen signs it: null is empty, a boolean is `true` or `false`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def moment(text: str) -> datetime:
    """The time in an ISO 8601 text with an offset.

    Raises:
        Unreadable: The text is not such a time, or the year is not from 2000 to 2099.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"{cut(text)!r} is not an ISO 8601 date-time") from None
    if parsed.tzinfo is None:
        raise Unreadable(f"{cut(text)!r} has no offset")
    if parsed.year not in _YEARS:
        raise Unreadable(f"{cut(text)!r} is not in the years {_YEARS.start} to {_YEARS.stop - 1}")
    return parsed
