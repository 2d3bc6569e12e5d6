"""What Adyen posts to the standard webhook: an envelope with items in it.

`live` and `success` are strings. The JSON form carries one item; we read as many as come. Fields
we do not know are kept (in `raw`) and ignored. Source: Adyen's Webhooks OpenAPI, v1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from kasir.errors import Unreadable, cut

_EXTRA: Final = "additionalData."
_FIELDS_MAX: Final = 500


class EventCode(StrEnum):
    """Every event code of the Webhooks schema. Others may come at any time: they are kept too."""

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
    """One notification item. A field that did not come is an empty string."""

    psp_reference: str
    original_reference: str
    merchant_account_code: str
    merchant_reference: str
    amount_value: str  # As text: Adyen signs what it wrote, be it 25000 or "25000".
    amount_currency: str
    event_code: str
    event_date: str
    success_text: str
    payment_method: str
    reason: str
    additional_data: dict[str, str]
    raw: bytes
    #: What the envelope says of all its items: "true", "false", or empty. No seal covers it.
    live: str = ""

    @property
    def success(self) -> bool:
        """Whether the event went well."""
        return self.success_text.lower() == "true"

    @property
    def hmac_signature(self) -> str:
        """The seal that came with the item, or an empty string."""
        return self.additional_data.get("hmacSignature", "")


class _ItemBox(msgspec.Struct):
    NotificationRequestItem: msgspec.Raw


class _Envelope(msgspec.Struct):
    notificationItems: list[_ItemBox]  # noqa: N815  # Adyen's spelling.
    live: Any = None


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ITEM = msgspec.json.Decoder(dict[str, Any])


def parse(body: bytes) -> list[Item]:
    """Read an envelope into its items.

    Raises:
        Unreadable: It is not JSON, or not the envelope of a standard notification.
    """
    try:
        envelope = _ENVELOPE.decode(body)
        live = _text(envelope.live).lower()
        items = [
            item_from(bytes(box.NotificationRequestItem), live)
            for box in envelope.notificationItems
        ]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"this is not a standard notification: {error}") from error
    if not items:
        raise Unreadable("this is not a standard notification: notificationItems is empty")
    return items


def parse_form(body: bytes) -> list[Item]:
    """Read a notification that came as a form: one item, flat, `additionalData.` before its extras.

    The item is kept as the JSON it would have been.

    Raises:
        Unreadable: It is not the form of a standard notification.
    """
    try:
        pairs = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX))
    except (UnicodeDecodeError, ValueError) as error:
        raise Unreadable(f"this is not a standard notification: {error}") from error
    if "eventCode" not in pairs or "pspReference" not in pairs:
        raise Unreadable("this is not a standard notification: no eventCode or pspReference")
    extras = {name: text for name, text in pairs.items() if name.startswith(_EXTRA)}
    fields: dict[str, Any] = {
        **{name: text for name, text in pairs.items() if name not in extras},
        "amount": {"currency": pairs.get("currency", ""), "value": pairs.get("value", "")},
        "additionalData": {name.removeprefix(_EXTRA): text for name, text in extras.items()},
    }
    return [item_from(msgspec.json.encode(fields), pairs.get("live", "").lower())]


def item_from(raw: bytes, live: str = "") -> Item:
    """Read one item, as it stands inside the envelope; `live` is what the envelope says."""
    fields = _ITEM.decode(raw)
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
        live=live,
    )


def live_of(text: str) -> bool | None:
    """Whether Adyen says that it is real money; None where it does not say."""
    return {"true": True, "false": False}.get(text)


def _text(value: object) -> str:
    """A field as Adyen would sign it: nothing is empty, a boolean is `true` or `false`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def moment(text: str) -> datetime:
    """The moment that Adyen wrote: ISO 8601 with its offset.

    Raises:
        Unreadable: It is something else.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable(f"{cut(text)!r} is not an ISO 8601 date-time") from None
    if found.tzinfo is None:
        raise Unreadable(f"{cut(text)!r} has no offset")
    return found
