"""What Adyen demands of a request, rule by rule; the first rule broken is the answer.

The limits are those of Adyen's OpenAPI files for the version called (v71 and v72
differ). The order of the rules, and the codes marked GUESS, are not established.
Nothing here changes anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adyen_twin import errors, limits
from adyen_twin.settings import Knobs, Settings
from adyen_twin.state import Kind

Body = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request to check, and what it is checked against."""

    body: Body
    version: int
    knobs: Knobs
    settings: Settings


def merchant_account(asked: Asked) -> None:
    """The account is the twin's. GUESS: a missing one answers as a wrong one does."""
    if asked.body.get("merchantAccount") != asked.settings.merchant_account:
        raise errors.wrong_merchant()


def reference(asked: Asked) -> None:
    """The shop names the payment."""
    if asked.body.get("reference") in (None, ""):
        raise errors.no_reference()


def return_url(asked: Asked) -> None:
    """There is a way back; on the web it is an http address."""
    url = asked.body.get("returnUrl")
    if url in (None, ""):
        raise errors.no_return_url()
    longest = limits.longest_text("returnUrl", asked.version)
    if not _is_text(url, 1, longest) or any(letter.isspace() for letter in url):
        raise errors.invalid("returnUrl")
    scheme, separator, rest = url.partition("://")
    on_the_web = asked.body.get("channel") in (None, "Web")
    if not (scheme and separator and rest) or (on_the_web and scheme not in ("http", "https")):
        raise errors.invalid("returnUrl")


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
    if not _is_text(currency, 3, 3):
        raise errors.invalid("amount.currency")
    if said.get("value") is None:
        raise errors.no_amount()
    # GUESS: a fraction is answered as an invalid field, not as JSON that cannot be read.
    if not _is_whole(said["value"], limits.INT64):
        raise errors.invalid("amount.value")


def payment_method(asked: Asked) -> None:
    """There is a method, and it says its type."""
    method = asked.body.get("paymentMethod")
    if method is None:
        raise errors.no_payment_method()
    if not isinstance(method, Mapping):
        raise errors.invalid("paymentMethod")
    for name in ("storedPaymentMethodId", "recurringDetailReference"):
        _check_text(method, name, 1, limits.TOKEN_MAX, within="paymentMethod")
    # A token needs no type: Adyen's schema of stored methods does not even know GoPay's.
    if not _names_token(method) and not _is_text(method.get("type"), 1, None):
        raise errors.invalid("paymentMethod.type")


def only_gopay(asked: Asked) -> None:
    """The twin's account has GoPay and nothing else."""
    method = asked.body["paymentMethod"]
    kind = method.get("type")
    if kind != limits.GOPAY and not (kind is None and _names_token(method)):
        raise errors.unsupported()


def gopay_token(asked: Asked) -> None:
    """A token is saved, and used, for a named shopper and one of GoPay's two models.

    GUESS: the codes. That a Subscription or CardOnFile charge is ContAuth, GoPay's page says.
    """
    uses = _names_token(asked.body["paymentMethod"])
    if not uses and not saves_token(asked.body):
        return
    for name in ("shopperReference", "recurringProcessingModel"):
        if asked.body.get(name) is None:
            raise errors.invalid(name)
    if asked.body["recurringProcessingModel"] not in limits.GOPAY_MODELS:
        raise errors.unsupported()
    if uses and asked.knobs.strict and asked.body.get("shopperInteraction") != "ContAuth":
        raise errors.invalid("shopperInteraction")


def saves_token(body: Body) -> bool:
    """Return whether a payment is to save a token; the last two are its older names."""
    if _names_token(body["paymentMethod"]):
        return False
    return any(
        body.get(name) is True
        for name in ("storePaymentMethod", "enableRecurring", "enableOneClick")
    )


def _names_token(method: Mapping[str, Any]) -> bool:
    return bool(method.get("storedPaymentMethodId") or method.get("recurringDetailReference"))


def gopay_amount(asked: Asked) -> None:
    """GoPay takes rupiah, within its limits. GUESS: both codes."""
    if asked.body["amount"]["currency"] != limits.CURRENCY:
        raise errors.unsupported_currency()
    if not asked.knobs.amount_min <= asked.body["amount"]["value"] <= asked.knobs.amount_max:
        raise errors.invalid_amount()


def gopay_country(asked: Asked) -> None:
    """GoPay is Indonesia's. GUESS: that another country is refused, and the code."""
    if asked.body.get("countryCode") not in (None, limits.COUNTRY):
        raise errors.unsupported()


def gopay_browser(asked: Asked) -> None:
    """GoPay's page demands browserInfo and channel; an older page says one of them.

    GUESS: the code. That browserInfo is mandatory, an implementer reported. The page
    does not name them among what a payment with a token needs.
    """
    if _names_token(asked.body["paymentMethod"]):
        return
    present = [name for name in ("browserInfo", "channel") if asked.body.get(name) is not None]
    if asked.knobs.strict and "browserInfo" not in present:
        raise errors.invalid("browserInfo")
    if asked.knobs.strict and "channel" not in present:
        raise errors.invalid("channel")
    if not present:
        raise errors.invalid("browserInfo")


def texts(asked: Asked) -> None:
    """Text fields are text, within their lengths."""
    for name, (shortest, longest) in limits.TEXTS.items():
        _check_text(asked.body, name, shortest, longest)
    for name in limits.LENGTHS_OF_V72:
        _check_text(asked.body, name, 0, limits.longest_text(name, asked.version))


def choices(asked: Asked) -> None:
    """Fields with a fixed vocabulary keep to it."""
    for name, allowed in limits.CHOICES.items():
        if asked.body.get(name) is not None and asked.body[name] not in allowed:
            raise errors.invalid(name)


def flags(asked: Asked) -> None:
    """Fields that are true or false are JSON booleans."""
    for name in limits.FLAGS:
        if asked.body.get(name) is not None and not isinstance(asked.body[name], bool):
            raise errors.invalid(name)


def objects(asked: Asked) -> None:
    """Fields that hold fields are objects."""
    for name in limits.OBJECTS:
        if asked.body.get(name) is not None and not isinstance(asked.body[name], Mapping):
            raise errors.invalid(name)


def capture_delay(asked: Asked) -> None:
    """A capture waits four weeks at most."""
    hours = asked.body.get("captureDelayHours")
    if hours is not None and not _is_whole(hours, range(limits.CAPTURE_DELAY_HOURS_MAX + 1)):
        raise errors.invalid("captureDelayHours")


def browser_info(asked: Asked) -> None:
    """What is said of the browser is said in full."""
    said = asked.body.get("browserInfo")
    if said is None:
        return
    if not isinstance(said, Mapping):
        raise errors.invalid("browserInfo")
    for name in limits.BROWSER_TEXTS:
        if not _is_text(said.get(name), 0, None):
            raise errors.invalid(f"browserInfo.{name}")
    for name in limits.BROWSER_NUMBERS:
        if not _is_whole(said.get(name), limits.INT32):
            raise errors.invalid(f"browserInfo.{name}")
    if said["colorDepth"] not in limits.COLOUR_DEPTHS:
        raise errors.invalid("browserInfo.colorDepth")
    if not isinstance(said.get("javaEnabled"), bool):
        raise errors.invalid("browserInfo.javaEnabled")
    if not isinstance(said.get("javaScriptEnabled", True), bool):
        raise errors.invalid("browserInfo.javaScriptEnabled")


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
        if item.get(name) is not None and not _is_whole(item[name], limits.INT64):
            raise errors.invalid(f"{path}.{name}")
    for name in limits.ITEM_TEXTS:
        _check_text(item, name, 0, None, within=path)
    _check_text(item, "description", 0, limits.ITEM_DESCRIPTION_MAX, within=path)


def metadata(asked: Asked) -> None:
    """Metadata is at most twenty short pairs of text."""
    said = asked.body.get("metadata")
    if said is None:
        return
    if not isinstance(said, Mapping):
        raise errors.invalid("metadata")
    for key, value in said.items():
        if not isinstance(value, str):
            raise errors.invalid(f"metadata.{key}")
        if len(key) > limits.METADATA_KEY_MAX or len(value) > limits.METADATA_VALUE_MAX:
            raise errors.metadata_too_large()
    if len(said) > limits.METADATA_PAIRS_MAX:
        raise errors.metadata_too_large()


def redirect_methods(asked: Asked) -> None:
    """A preferred way to redirect is GET or POST."""
    for name in ("redirectFromIssuerMethod", "redirectToIssuerMethod"):
        if asked.body.get(name) not in (None, "GET", "POST"):
            raise errors.invalid(name)


def listing_texts(asked: Asked) -> None:
    """A listing's texts are text."""
    for name in ("countryCode", "shopperLocale", "shopperEmail", "shopperIP", "telephoneNumber"):
        _check_text(asked.body, name, 0, None)


def listing(asked: Asked) -> None:
    """A request for /paymentMethods says what it says in the right types."""
    listing_texts(asked)
    _check_text(asked.body, "shopperReference", 3, 256)
    if asked.body.get("amount") is not None:
        check_amount(asked.body["amount"])
    if asked.body.get("channel") not in (None, *limits.CHANNELS):
        raise errors.invalid("channel")
    for name in ("allowedPaymentMethods", "blockedPaymentMethods"):
        names = asked.body.get(name)
        if names is not None and not _is_texts(names):
            raise errors.invalid(name)


Rule = Callable[[Asked], None]

PAYMENT_METHODS: Final[tuple[Rule, ...]] = (merchant_account, listing)

PAYMENTS: Final[tuple[Rule, ...]] = (
    merchant_account,
    reference,
    amount,
    payment_method,
    return_url,
    texts,
    choices,
    flags,
    objects,
    capture_delay,
    redirect_methods,
    browser_info,
    line_items,
    metadata,
    only_gopay,
    gopay_amount,
    gopay_country,
    gopay_browser,
    gopay_token,
)


def modification_texts(asked: Asked) -> None:
    """A modification's own fields are what the schema says."""
    _check_text(asked.body, "reference", 0, limits.REFERENCE_MAX)
    reason = asked.body.get("merchantRefundReason")
    if reason is not None and reason not in limits.REFUND_REASONS:
        raise errors.invalid("merchantRefundReason")


def payment_reference(asked: Asked) -> None:
    """A cancel by reference says which. GUESS: the code."""
    if not _is_text(asked.body.get("paymentReference"), 1, None):
        raise errors.invalid("paymentReference")


def shopper(asked: Asked) -> None:
    """A call about tokens says whose. GUESS: the code."""
    if not _is_text(asked.body.get("shopperReference"), 3, 256):
        raise errors.invalid("shopperReference")


def contract(body: Body) -> set[str]:
    """Return the classic contracts that a list is narrowed to; none, if it is not."""
    recurring = body.get("recurring") or {}
    said = recurring.get("contract") if isinstance(recurring, Mapping) else ""
    if said is None:
        return set()
    if said not in limits.CONTRACTS:
        raise errors.invalid("recurring.contract")
    return set(str(said).split(","))


TOKENS: Final[tuple[Rule, ...]] = (merchant_account, shopper)

CANCELS: Final[tuple[Rule, ...]] = (merchant_account, payment_reference, modification_texts)

_OF_AMOUNT: Final = (merchant_account, amount, modification_texts, line_items)
_OF_ALL: Final = (merchant_account, modification_texts)
MODIFICATIONS: Final[dict[Kind, tuple[Rule, ...]]] = {
    Kind.CAPTURE: _OF_AMOUNT,
    Kind.REFUND: _OF_AMOUNT,
    Kind.CANCEL: _OF_ALL,
    Kind.REVERSAL: _OF_ALL,
}


def check(rules: tuple[Rule, ...], asked: Asked) -> None:
    """Raise for the first rule that the request breaks."""
    for rule in rules:
        rule(asked)


def redirect_result(body: Body) -> str:
    """Return the redirectResult of a request for /payments/details."""
    details = body.get("details")
    if details is None:
        raise errors.no_redirect_result()
    if not isinstance(details, Mapping):
        raise errors.invalid("details")
    said = details.get("redirectResult")
    if said in (None, ""):
        raise errors.no_redirect_result()
    if not _is_text(said, 1, limits.REDIRECT_RESULT_MAX):
        raise errors.invalid("details.redirectResult")
    return str(said)


def _check_text(
    fields: Mapping[str, Any], name: str, shortest: int, longest: int | None, *, within: str = ""
) -> None:
    if fields.get(name) is not None and not _is_text(fields[name], shortest, longest):
        raise errors.invalid(f"{within}.{name}" if within else name)


def _is_text(value: object, shortest: int, longest: int | None) -> bool:
    return (
        isinstance(value, str)
        and len(value) >= shortest
        and (longest is None or len(value) <= longest)
    )


def _is_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _is_whole(value: object, within: range) -> bool:
    # JSON's true is an int to Python, and no number to Adyen.
    return isinstance(value, int) and not isinstance(value, bool) and value in within
