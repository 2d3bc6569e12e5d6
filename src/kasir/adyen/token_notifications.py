"""What Adyen posts to the token webhook: one JSON object per request, its raw bytes signed.

The signature is in the header `HmacSignature` (seen in lower case too), under a key of its own.
Adyen's GoPay page shows `shopperReference` and `storedPaymentMethodId` at the top level; its schema
(TokenizationNotification, v1) has them under `data`, where they are read.
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
    """The types of the schema. Others may come at any time: they are kept too."""

    CREATED = "recurring.token.created"
    ALREADY_EXISTING = "recurring.token.alreadyExisting"
    UPDATED = "recurring.token.updated"
    DISABLED = "recurring.token.disabled"


@dataclass(frozen=True, slots=True)
class TokenNotification:
    """A token notification. `event_id` is the pspReference of what caused it."""

    type: str
    event_id: str
    created_at: str
    merchant_account: str
    shopper_reference: str
    stored_id: str = field(repr=False)  # It can be charged.
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
        Unreadable: It is not JSON, or not of the schema.
    """
    try:
        said = msgspec.convert(read_json(body), _Body)
    except (Unreadable, msgspec.ValidationError, RecursionError) as error:
        raise Unreadable(f"this is not a token notification: {error}") from error
    return TokenNotification(
        type=storable(said.type),
        event_id=storable(said.event_id),
        created_at=said.created_at,
        merchant_account=storable(said.data.merchant_account),
        shopper_reference=storable(said.data.shopper_reference),
        stored_id=storable(said.data.stored_payment_method_id),
        method=storable(said.data.type),
    )


class Envelope(msgspec.Struct, rename="camel"):
    """The fields that every such notification has, whatever its type."""

    type: str = ""
    event_id: str = ""
    environment: Any = None

    @property
    def is_live(self) -> bool | None:
        """Whether it comes from Adyen's live platform; None where it does not say."""
        return {"live": True, "test": False}.get(str(self.environment))


def envelope(body: bytes) -> Envelope:
    """Read the type of a notification, though the rest may have an unknown schema.

    Raises:
        Unreadable: It is not a JSON object.
    """
    try:
        return msgspec.convert(read_json(body), Envelope)
    except (Unreadable, msgspec.ValidationError, RecursionError) as error:
        raise Unreadable(f"this is not a token notification: {error}") from error


def is_signed(body: bytes, signature: str, keys: Iterable[bytes]) -> bool:
    """Whether the header's signature is that of the raw body under any of `keys`."""
    found = signature.strip().encode()
    valid = [hmac.compare_digest(sign(body, key).encode(), found) for key in keys]
    return bool(found) and any(valid)
