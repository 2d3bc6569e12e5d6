"""The bodies of control calls, and the function that parses them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from adyen_twin.controls import choices
from adyen_twin.core.state import WalletState
from adyen_twin.http_types import NotJsonError, parse_json

Parsed = TypeVar("Parsed")
Account = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ControlError(Exception):
    """The answer to a control call that cannot be executed: HTTP status, message and field."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message} | ({"field": field} if field else {})


class ShopperAction(msgspec.Struct, forbid_unknown_fields=True):
    """An action of the shopper, and the action.url of its payment."""

    url: str
    do: Literal["approve", "approve_without_return", "refuse", "cancel", "expire"]
    pin: str | None = None
    #: The GoPay account to use instead of the shopper's, if the payment names a shopper.
    account: Account | None = None


class WalletChange(msgspec.Struct, forbid_unknown_fields=True):
    """The new values of a shopper's wallet; a missing field does not change."""

    state: WalletState | msgspec.UnsetType = msgspec.UNSET
    #: In rupiah; None: the value of the knob `walletBalance`.
    balance: Annotated[int, msgspec.Meta(ge=0)] | msgspec.UnsetType | None = msgspec.UNSET
    #: The number of the GoPay account that the shopper uses from now on.
    account: Account | msgspec.UnsetType = msgspec.UNSET


class TokenAction(msgspec.Struct, forbid_unknown_fields=True):
    """An action of GoPay or Adyen on a token, which the shop did not request."""

    do: Literal["disable", "update"]


class ClockAdvance(msgspec.Struct, forbid_unknown_fields=True):
    """The number of seconds by which to advance the clock."""

    advance_s: float


class EventTypes(msgspec.Struct, forbid_unknown_fields=True):
    """The events to send test notifications for."""

    types: list[str] = msgspec.field(default_factory=lambda: ["AUTHORISATION"])


def read(raw: bytes, kind: type[Parsed]) -> Parsed:
    """Return the body of a control call, converted to a type.

    Raises:
        ControlError: The body is not of that type; the error names the field.

    """
    body = raw or b"null"
    try:
        try:
            parsed: Parsed = parse_json(body, kind)
        except msgspec.ValidationError as error:
            # The decoder stopped at the first wrong type; `parse_json` checks the rest.
            raise ControlError(422, *_explain(str(error), parse_json(body), kind)) from None
    except NotJsonError as error:
        raise ControlError(400, f"not JSON: {error}") from None
    return parsed


def _explain(message: str, body: Any, kind: Any) -> tuple[str, str | None]:
    """Return msgspec's message with the valid names added, and the path of the field."""
    text, _, quoted_path = message.partition(" - at `")
    path = quoted_path.rstrip("`")
    if "unknown field" in text:
        text += f"; valid: {', '.join(choices.fields_at(kind, body, path))}"
    parts = [path.removeprefix("$").removeprefix(".")]
    if field := re.search(r"(?:required|unknown) field `(.+?)`", text):
        parts.append(field[1])
    field_path = f"{path}.{field[1]}" if field else path
    if values := choices.values_at(kind, body, field_path):
        text += f"; valid: {', '.join(values)}"
    return text, ".".join(filter(None, parts)) or None
