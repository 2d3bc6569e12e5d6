"""What rules about a request are made of, and the rules that many calls share.

A rule looks at what was asked and raises for what breaks it; the first rule broken is
the answer. Nothing here changes anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adyen_twin.core.settings import Knobs, Settings
from adyen_twin.protocol import errors, limits
from adyen_twin.protocol.errors import AdyenError

Body = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request to check, and what it is checked against."""

    body: Body
    version: int
    knobs: Knobs
    settings: Settings


Rule = Callable[[Asked], None]


def check(rules: tuple[Rule, ...], asked: Asked) -> None:
    """Raise for the first rule that the request breaks; a knob may say what."""
    for rule in rules:
        try:
            rule(asked)
        except AdyenError:
            other = asked.knobs.answers.get(rule.__name__)
            if other is None:
                raise
            raise AdyenError(
                other.status, other.error_code, other.message, other.error_type
            ) from None


def merchant_account(asked: Asked) -> None:
    """The account is the twin's. GUESS: a missing one answers as a wrong one does."""
    if asked.body.get("merchantAccount") != asked.settings.merchant_account:
        raise errors.wrong_merchant()


def amount(asked: Asked) -> None:
    """There is an amount, whole, with a currency of three letters."""
    check_amount(asked.body.get("amount"))


def check_amount(said: object) -> None:
    """Raise unless this is an amount as the schema has it."""
    if said is None:
        raise errors.no_amount()
    if not isinstance(said, Mapping):
        raise errors.invalid("amount")
    currency = said.get("currency")
    if not is_text(currency, 3, 3):
        raise errors.invalid("amount.currency")
    if said.get("value") is None:
        raise errors.no_amount()
    # GUESS: a fraction is answered as an invalid field, not as JSON that cannot be read.
    if not is_whole(said["value"], limits.INT64):
        raise errors.invalid("amount.value")


def line_items(asked: Asked) -> None:
    """Items bought are a list of objects with text and whole numbers."""
    items = asked.body.get("lineItems")
    if items is None:
        return
    if not isinstance(items, list):
        raise errors.invalid("lineItems")
    for number, item in enumerate(items):
        _check_item(item, f"lineItems[{number}]")


def _check_item(item: object, path: str) -> None:
    if not isinstance(item, Mapping):
        raise errors.invalid(path)
    for name in limits.ITEM_NUMBERS:
        if item.get(name) is not None and not is_whole(item[name], limits.INT64):
            raise errors.invalid(f"{path}.{name}")
    for name in limits.ITEM_TEXTS:
        check_text(item, name, 0, None, within=path)
    check_text(item, "description", 0, limits.ITEM_DESCRIPTION_MAX, within=path)


def check_text(
    fields: Mapping[str, Any], name: str, shortest: int, longest: int | None, *, within: str = ""
) -> None:
    """Raise unless a field is left out, or is text of these lengths."""
    if fields.get(name) is not None and not is_text(fields[name], shortest, longest):
        raise errors.invalid(f"{within}.{name}" if within else name)


def is_text(value: object, shortest: int, longest: int | None) -> bool:
    """Return whether this is text of these lengths."""
    return (
        isinstance(value, str)
        and len(value) >= shortest
        and (longest is None or len(value) <= longest)
    )


def is_texts(values: object) -> bool:
    """Return whether this is a list of text."""
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def is_whole(value: object, within: range) -> bool:
    """Return whether this is a whole number of that range."""
    # JSON's true is an int to Python, and no number to Adyen.
    return isinstance(value, int) and not isinstance(value, bool) and value in within
