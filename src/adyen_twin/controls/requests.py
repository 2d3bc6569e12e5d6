"""The bodies of control calls, and how they are read."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from adyen_twin.controls import choices
from adyen_twin.core.state import WalletState
from adyen_twin.http_types import NotJsonError, parse_json

Kind = TypeVar("Kind")
Account = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ControlError(Exception):
    """A control call that cannot be carried out, with the HTTP status to answer."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message} | ({"field": field} if field else {})


class ShopperAction(msgspec.Struct, forbid_unknown_fields=True):
    """What the shopper does, and with which payment."""

    url: str
    do: Literal["approve", "approve_without_return", "refuse", "cancel", "expire"]
    pin: str | None = None
    #: Another GoPay account than the shopper's, if the payment names a shopper.
    account: Account | None = None


class WalletChange(msgspec.Struct, forbid_unknown_fields=True):
    """The new values of a shopper's wallet; a missing field stays."""

    state: WalletState | msgspec.UnsetType = msgspec.UNSET
    #: None: the knob `walletBalance`.
    balance: Annotated[int, msgspec.Meta(ge=0)] | msgspec.UnsetType | None = msgspec.UNSET
    #: The GoPay account that the shopper uses from now on.
    account: Account | msgspec.UnsetType = msgspec.UNSET


class TokenAction(msgspec.Struct, forbid_unknown_fields=True):
    """What GoPay or Adyen does to a token, without the shop."""

    do: Literal["disable", "update"]


class ClockAdvance(msgspec.Struct, forbid_unknown_fields=True):
    """By how many seconds the clock is advanced."""

    advance_s: float


class EventTypes(msgspec.Struct, forbid_unknown_fields=True):
    """The events to send test notifications for."""

    types: list[str] = msgspec.field(default_factory=lambda: ["AUTHORISATION"])


def read(raw: bytes, kind: type[Kind]) -> Kind:
    """Return the body of a control call, converted to a type.

    Raises:
        ControlError: It does not have that type; the error names the field.

    """
    body = raw or b"null"
    try:
        try:
            parsed: Kind = parse_json(body, kind)
        except msgspec.ValidationError as error:
            # The decoder stops at the first wrong type: the rest may not be JSON at all.
            raise ControlError(422, *_explain(str(error), parse_json(body), kind)) from None
    except NotJsonError as error:
        raise ControlError(400, f"not JSON: {error}") from None
    return parsed


def _explain(message: str, body: Any, kind: Any) -> tuple[str, str | None]:
    """Return msgspec's message with the valid names added, and the path that it is about."""
    text, _, at = message.partition(" - at `")
    path = at.rstrip("`")
    if "unknown field" in text:
        text += f"; there are {', '.join(choices.fields_at(kind, body, path))}"
    parts = [path.removeprefix("$").removeprefix(".")]
    if named := re.search(r"(?:required|unknown) field `(.+?)`", text):
        parts.append(named[1])
    wanted = f"{path}.{named[1]}" if named else path
    if values := choices.values_at(kind, body, wanted):
        text += f"; there are {', '.join(values)}"
    return text, ".".join(filter(None, parts)) or None
