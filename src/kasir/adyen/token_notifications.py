"""The messages that Adyen posts to the token webhook: one JSON object per request.

The raw body is signed with the HMAC key of the token webhook. The signature is in the header
`HmacSignature` (in some requests in lower case). The fields `shopperReference` and
`storedPaymentMethodId` are read under `data`, as in Adyen's schema (TokenizationNotification, v1),
although Adyen's GoPay page shows these fields at the top level.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from kasir.adyen.signing import sign
from kasir.adyen.texts import read_json, storable
from kasir.errors import Unreadable


class TokenEvent(StrEnum):
    """The types of token notifications in the schema. Notices of other types are stored too."""

    CREATED = "recurring.token.created"
    ALREADY_EXISTING = "recurring.token.alreadyExisting"
    UPDATED = "recurring.token.updated"
    DISABLED = "recurring.token.disabled"


@dataclass(frozen=True, slots=True)
class TokenNotification:
    """A token notification. `event_id` is the pspReference of the event that caused it."""

    type: str
    event_id: str
    created_at: str
    merchant_account: str
    shopper_reference: str
    stored_id: str = field(repr=False)  # Secret: with it the wallet can be charged.
    method: str


class _Data(msgspec.Struct, rename="camel"):
    merchant_account: str
    shopper_reference: str
    stored_payment_method_id: str
    type: str = ""


class _Body(msgspec.Struct, rename="camel"):
    type: str
    event_id: str
    created_at: str
    data: _Data


def parse(body: bytes) -> TokenNotification:
    """Read a token notification.

    Raises:
        Unreadable: The body is not JSON, or does not match the schema.
    """
    try:
        fields = msgspec.convert(read_json(body), _Body)
    except (Unreadable, msgspec.ValidationError, RecursionError) as error:
        raise Unreadable(f"this is not a token notification: {error}") from error
    return TokenNotification(
        type=storable(fields.type),
        event_id=storable(fields.event_id),
        created_at=fields.created_at,
        merchant_account=storable(fields.data.merchant_account),
        shopper_reference=storable(fields.data.shopper_reference),
        stored_id=storable(fields.data.stored_payment_method_id),
        method=storable(fields.data.type),
    )


class Envelope(msgspec.Struct, rename="camel"):
    """The fields of every token notification, of any type."""

    type: str = ""
    event_id: str = ""
    environment: Any = None

    @property
    def is_live(self) -> bool | None:
        """Whether the notification is from the live platform; None if `environment` is neither."""
        return {"live": True, "test": False}.get(str(self.environment))


def envelope(body: bytes) -> Envelope:
    """Read the common fields of a token notification; the other fields may have any schema.

    Raises:
        Unreadable: The body is not a JSON object.
    """
    try:
        return msgspec.convert(read_json(body), Envelope)
    except (Unreadable, msgspec.ValidationError, RecursionError) as error:
        raise Unreadable(f"this is not a token notification: {error}") from error


class _Owner(msgspec.Struct, rename="camel"):
    merchant_account: str = ""


class _Owned(msgspec.Struct):
    data: _Owner


def merchant_account_of(body: bytes) -> str:
    """Return the merchant account in a body that is not verified yet; empty if there is none."""
    try:
        return storable(msgspec.convert(read_json(body), _Owned).data.merchant_account)
    except (Unreadable, msgspec.ValidationError, RecursionError):
        return ""


def is_signed(body: bytes, signature: str, keys: Iterable[bytes]) -> bool:
    """Whether `signature`, from the header, is valid for the raw body with any of the HMAC keys."""
    given = signature.strip().encode()
    valid = [hmac.compare_digest(sign(body, key).encode(), given) for key in keys]
    return bool(given) and any(valid)
