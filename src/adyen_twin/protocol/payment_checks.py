"""What Adyen demands of /paymentMethods, /payments and /payments/details, rule by rule.

The limits are those of Adyen's OpenAPI files for the version called (v71 and v72
differ). The order of the rules, and the codes marked GUESS, are not established.
"""

from collections.abc import Mapping
from typing import Any, Final

from adyen_twin.protocol import errors, limits, rules


def reference(asked: rules.Asked) -> None:
    """The shop names the payment."""
    if asked.body.get("reference") in (None, ""):
        raise errors.no_reference()


def return_url(asked: rules.Asked) -> None:
    """There is a way back; on the web it is an http address."""
    url = asked.body.get("returnUrl")
    if url in (None, ""):
        raise errors.no_return_url()
    longest = limits.longest_text("returnUrl", asked.version)
    if not rules.is_text(url, 1, longest) or any(letter.isspace() for letter in url):
        raise errors.invalid("returnUrl")
    scheme, separator, rest = url.partition("://")
    on_the_web = asked.body.get("channel") in (None, "Web")
    if not (scheme and separator and rest) or (on_the_web and scheme not in ("http", "https")):
        raise errors.invalid("returnUrl")


def payment_method(asked: rules.Asked) -> None:
    """There is a method, and it says its type."""
    method = asked.body.get("paymentMethod")
    if method is None:
        raise errors.no_payment_method()
    if not isinstance(method, Mapping):
        raise errors.invalid("paymentMethod")
    for name in ("storedPaymentMethodId", "recurringDetailReference"):
        rules.check_text(method, name, 1, limits.TOKEN_MAX, within="paymentMethod")
    # A token needs no type: Adyen's schema of stored methods does not even know GoPay's.
    if not _names_token(method) and not rules.is_text(method.get("type"), 1, None):
        raise errors.invalid("paymentMethod.type")


def only_gopay(asked: rules.Asked) -> None:
    """The twin's account has GoPay and nothing else."""
    method = asked.body["paymentMethod"]
    kind = method.get("type")
    if kind != limits.GOPAY and not (kind is None and _names_token(method)):
        raise errors.unsupported()


def gopay_token(asked: rules.Asked) -> None:
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


def saves_token(body: rules.Body) -> bool:
    """Return whether a payment is to save a token; the last two are its older names."""
    if _names_token(body["paymentMethod"]):
        return False
    return any(
        body.get(name) is True
        for name in ("storePaymentMethod", "enableRecurring", "enableOneClick")
    )


def _names_token(method: Mapping[str, Any]) -> bool:
    return bool(method.get("storedPaymentMethodId") or method.get("recurringDetailReference"))


def gopay_amount(asked: rules.Asked) -> None:
    """GoPay takes rupiah, within its limits. GUESS: both codes."""
    if asked.body["amount"]["currency"] != limits.CURRENCY:
        raise errors.unsupported_currency()
    if not asked.knobs.amount_min <= asked.body["amount"]["value"] <= asked.knobs.amount_max:
        raise errors.invalid_amount()


def gopay_country(asked: rules.Asked) -> None:
    """GoPay is Indonesia's. GUESS: that another country is refused, and the code."""
    if asked.body.get("countryCode") not in (None, limits.COUNTRY):
        raise errors.unsupported()


def gopay_browser(asked: rules.Asked) -> None:
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


def texts(asked: rules.Asked) -> None:
    """Text fields are text, within their lengths."""
    for name, (shortest, longest) in limits.TEXTS.items():
        rules.check_text(asked.body, name, shortest, longest)
    for name in limits.LENGTHS_OF_V72:
        rules.check_text(asked.body, name, 0, limits.longest_text(name, asked.version))


def choices(asked: rules.Asked) -> None:
    """Fields with a fixed vocabulary keep to it."""
    for name, allowed in limits.CHOICES.items():
        if asked.body.get(name) is not None and asked.body[name] not in allowed:
            raise errors.invalid(name)


def flags(asked: rules.Asked) -> None:
    """Fields that are true or false are JSON booleans."""
    for name in limits.FLAGS:
        if asked.body.get(name) is not None and not isinstance(asked.body[name], bool):
            raise errors.invalid(name)


def objects(asked: rules.Asked) -> None:
    """Fields that hold fields are objects."""
    for name in limits.OBJECTS:
        if asked.body.get(name) is not None and not isinstance(asked.body[name], Mapping):
            raise errors.invalid(name)


def capture_delay(asked: rules.Asked) -> None:
    """A capture waits four weeks at most."""
    hours = asked.body.get("captureDelayHours")
    if hours is not None and not rules.is_whole(hours, range(limits.CAPTURE_DELAY_HOURS_MAX + 1)):
        raise errors.invalid("captureDelayHours")


def browser_info(asked: rules.Asked) -> None:
    """What is said of the browser is said in full."""
    said = asked.body.get("browserInfo")
    if said is None:
        return
    if not isinstance(said, Mapping):
        raise errors.invalid("browserInfo")
    for name in limits.BROWSER_TEXTS:
        if not rules.is_text(said.get(name), 0, None):
            raise errors.invalid(f"browserInfo.{name}")
    for name in limits.BROWSER_NUMBERS:
        if not rules.is_whole(said.get(name), limits.INT32):
            raise errors.invalid(f"browserInfo.{name}")
    if said["colorDepth"] not in limits.COLOUR_DEPTHS:
        raise errors.invalid("browserInfo.colorDepth")
    if not isinstance(said.get("javaEnabled"), bool):
        raise errors.invalid("browserInfo.javaEnabled")
    if not isinstance(said.get("javaScriptEnabled", True), bool):
        raise errors.invalid("browserInfo.javaScriptEnabled")


def metadata(asked: rules.Asked) -> None:
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


def redirect_methods(asked: rules.Asked) -> None:
    """A preferred way to redirect is GET or POST."""
    for name in ("redirectFromIssuerMethod", "redirectToIssuerMethod"):
        if asked.body.get(name) not in (None, "GET", "POST"):
            raise errors.invalid(name)


def listing_texts(asked: rules.Asked) -> None:
    """A listing's texts are text."""
    for name in ("countryCode", "shopperLocale", "shopperEmail", "shopperIP", "telephoneNumber"):
        rules.check_text(asked.body, name, 0, None)


def listing(asked: rules.Asked) -> None:
    """A request for /paymentMethods says what it says in the right types."""
    listing_texts(asked)
    rules.check_text(asked.body, "shopperReference", 3, 256)
    if asked.body.get("amount") is not None:
        rules.check_amount(asked.body["amount"])
    if asked.body.get("channel") not in (None, *limits.CHANNELS):
        raise errors.invalid("channel")
    for name in ("allowedPaymentMethods", "blockedPaymentMethods"):
        names = asked.body.get(name)
        if names is not None and not rules.is_texts(names):
            raise errors.invalid(name)


PAYMENT_METHODS: Final[tuple[rules.Rule, ...]] = (rules.merchant_account, listing)

PAYMENTS: Final[tuple[rules.Rule, ...]] = (
    rules.merchant_account,
    reference,
    rules.amount,
    payment_method,
    return_url,
    texts,
    choices,
    flags,
    objects,
    capture_delay,
    redirect_methods,
    browser_info,
    rules.line_items,
    metadata,
    only_gopay,
    gopay_amount,
    gopay_country,
    gopay_browser,
    gopay_token,
)


def redirect_result(body: rules.Body) -> str:
    """Return the redirectResult of a request for /payments/details."""
    details = body.get("details")
    if details is None:
        raise errors.no_redirect_result()
    if not isinstance(details, Mapping):
        raise errors.invalid("details")
    said = details.get("redirectResult")
    if said in (None, ""):
        raise errors.no_redirect_result()
    if not rules.is_text(said, 1, limits.REDIRECT_RESULT_MAX):
        raise errors.invalid("details.redirectResult")
    return str(said)
