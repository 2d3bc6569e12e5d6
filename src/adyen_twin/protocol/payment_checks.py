"""The rules for /paymentMethods, /payments and /payments/details.

The limits are those of Adyen's OpenAPI file for the called version, because v71 and v72
differ. The order of the rules is a guess, and so are the error codes marked GUESS. The name
of a rule must not change, because the knob `answers` uses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adyen_twin.protocol import errors, limits, rules


def reference(request: rules.Request) -> None:
    """The request has a `reference`."""
    if request.body.get("reference") in (None, ""):
        raise errors.no_reference()


def return_url(request: rules.Request) -> None:
    """The request has a `returnUrl`; on the web it is an http or https address.

    Adyen's page on GoPay names none for a charge of a token, but its schema requires one.
    """
    url = request.body.get("returnUrl")
    charges = stored_token(request.body["paymentMethod"]) is not None
    if url in (None, "") and charges and not request.policy.charge_return_url:
        return
    if url in (None, ""):
        raise errors.no_return_url()
    longest = limits.longest_text("returnUrl", request.version)
    if not rules.is_text(url, 1, longest) or any(letter.isspace() for letter in url):
        raise errors.invalid("returnUrl")
    scheme, separator, rest = url.partition("://")
    on_the_web = request.body.get("channel") in (None, "Web")
    if not (scheme and separator and rest) or (on_the_web and scheme not in ("http", "https")):
        raise errors.invalid("returnUrl")


def payment_method(request: rules.Request) -> None:
    """The request has a `paymentMethod` with a type or a token."""
    method = request.body.get("paymentMethod")
    if method is None:
        raise errors.no_payment_method()
    if not isinstance(method, Mapping):
        raise errors.invalid("paymentMethod")
    for name in ("storedPaymentMethodId", "recurringDetailReference"):
        rules.check_text(method, name, 1, limits.TOKEN_MAX, within="paymentMethod")
    # A token needs no type, because Adyen's schema of stored methods does not list GoPay's.
    if stored_token(method) is None and not rules.is_text(method.get("type"), 1, None):
        raise errors.invalid("paymentMethod.type")


def only_gopay(request: rules.Request) -> None:
    """The method is GoPay, because the merchant account has no other method."""
    method = request.body["paymentMethod"]
    kind = method.get("type")
    if kind != limits.GOPAY and not (kind is None and stored_token(method)):
        raise errors.unsupported()


def gopay_token(request: rules.Request) -> None:
    """A payment that saves or charges a token has a shopper and one of GoPay's two models.

    GUESS: the error codes. Adyen's page on GoPay requires ContAuth in charges of both models, but
    adyen-web offers a saved method only for Ecommerce, so CardOnFile may be either.
    """
    charges = stored_token(request.body["paymentMethod"]) is not None
    if not charges and not saves_token(request.body):
        return
    for name in ("shopperReference", "recurringProcessingModel"):
        if request.body.get(name) is None:
            raise errors.invalid(name)
    if request.body["recurringProcessingModel"] not in limits.GOPAY_MODELS:
        raise errors.unsupported()
    model = request.body["recurringProcessingModel"]
    interaction = request.body.get("shopperInteraction") or "Ecommerce"
    if charges and interaction not in interactions(request.policy, model):
        raise errors.invalid("shopperInteraction")


def interactions(policy: rules.Policy, model: str) -> tuple[str, ...]:
    """Return the values of `shopperInteraction` with which a token can be charged in a model."""
    if not policy.strict:
        return limits.INTERACTIONS
    if model == "CardOnFile" and policy.card_on_file_ecommerce:
        return ("Ecommerce", "ContAuth")
    return ("ContAuth",)


def saves_token(body: rules.Body) -> bool:
    """Return whether a payment saves a token; the fields `enable*` are older names."""
    if stored_token(body["paymentMethod"]):
        return False
    return any(
        body.get(name) is True
        for name in ("storePaymentMethod", "enableRecurring", "enableOneClick")
    )


def stored_token(method: Mapping[str, Any]) -> str | None:
    """Return the token of a `paymentMethod`; `recurringDetailReference` is the older name."""
    return method.get("storedPaymentMethodId") or method.get("recurringDetailReference") or None


def gopay_amount(request: rules.Request) -> None:
    """The amount is in rupiah and within GoPay's limits. GUESS: both error codes."""
    if request.body["amount"]["currency"] != limits.CURRENCY:
        raise errors.unsupported_currency()
    if request.body["amount"]["value"] not in request.amounts:
        raise errors.invalid_amount()


def gopay_country(request: rules.Request) -> None:
    """The country is Indonesia. GUESS: the refusal of other countries, and its error code."""
    if request.body.get("countryCode") not in (None, limits.COUNTRY):
        raise errors.unsupported()


def gopay_browser(request: rules.Request) -> None:
    """The request has `browserInfo` and `channel`; a lenient twin requires only one field.

    Adyen's page on GoPay requires both fields, except in a payment with a token. An older copy of
    the page requires one field. An implementer reported that browserInfo is mandatory. Adyen's page
    on GoPay in Android apps sends no browserInfo. GUESS: the error code.
    """
    if stored_token(request.body["paymentMethod"]):
        return
    present = [name for name in ("browserInfo", "channel") if request.body.get(name) is not None]
    policy, is_app = request.policy, request.body.get("channel") in limits.APP_CHANNELS
    needs_browser = policy.strict and (policy.app_browser_info or not is_app)
    if needs_browser and "browserInfo" not in present:
        raise errors.invalid("browserInfo")
    if policy.strict and "channel" not in present:
        raise errors.invalid("channel")
    if not present:
        raise errors.invalid("browserInfo")


def texts(request: rules.Request) -> None:
    """Text fields are text, and neither too short nor too long."""
    for name, (shortest, longest) in limits.TEXTS.items():
        rules.check_text(request.body, name, shortest, longest)
    for name in limits.LENGTHS_OF_V72:
        longest = limits.longest_text(name, request.version)
        rules.check_text(request.body, name, shortest=0, longest=longest)


def choices(request: rules.Request) -> None:
    """Each field with a fixed list of values has one of these values."""
    for name, allowed in limits.CHOICES.items():
        if request.body.get(name) is not None and request.body[name] not in allowed:
            raise errors.invalid(name)


def flags(request: rules.Request) -> None:
    """Boolean fields are JSON booleans."""
    for name in limits.FLAGS:
        if request.body.get(name) is not None and not isinstance(request.body[name], bool):
            raise errors.invalid(name)


def objects(request: rules.Request) -> None:
    """Object fields are JSON objects."""
    for name in limits.OBJECTS:
        if request.body.get(name) is not None and not isinstance(request.body[name], Mapping):
            raise errors.invalid(name)


def capture_delay(request: rules.Request) -> None:
    """`captureDelayHours` is a whole number of hours, at most four weeks."""
    hours = request.body.get("captureDelayHours")
    if hours is not None and not rules.is_whole(hours, range(limits.CAPTURE_DELAY_HOURS_MAX + 1)):
        raise errors.invalid("captureDelayHours")


def browser_info(request: rules.Request) -> None:
    """`browserInfo` is complete and valid, if the request has one."""
    info = request.body.get("browserInfo")
    if info is None:
        return
    if not isinstance(info, Mapping):
        raise errors.invalid("browserInfo")
    for name in limits.BROWSER_TEXTS:
        if not rules.is_text(info.get(name), 0, None):
            raise errors.invalid(f"browserInfo.{name}")
    for name in limits.BROWSER_NUMBERS:
        if not rules.is_whole(info.get(name), limits.INT32):
            raise errors.invalid(f"browserInfo.{name}")
    if info["colorDepth"] not in limits.COLOUR_DEPTHS:
        raise errors.invalid("browserInfo.colorDepth")
    if not isinstance(info.get("javaEnabled"), bool):
        raise errors.invalid("browserInfo.javaEnabled")
    if not isinstance(info.get("javaScriptEnabled", True), bool):
        raise errors.invalid("browserInfo.javaScriptEnabled")


def metadata(request: rules.Request) -> None:
    """`metadata` is at most twenty short pairs of text."""
    pairs = request.body.get("metadata")
    if pairs is None:
        return
    if not isinstance(pairs, Mapping):
        raise errors.invalid("metadata")
    for key, value in pairs.items():
        if not isinstance(value, str):
            raise errors.invalid(f"metadata.{key}")
        if len(key) > limits.METADATA_KEY_MAX or len(value) > limits.METADATA_VALUE_MAX:
            raise errors.metadata_too_large()
    if len(pairs) > limits.METADATA_PAIRS_MAX:
        raise errors.metadata_too_large()


def redirect_methods(request: rules.Request) -> None:
    """The preferred HTTP methods of the redirects are GET or POST."""
    for name in ("redirectFromIssuerMethod", "redirectToIssuerMethod"):
        if request.body.get(name) not in (None, "GET", "POST"):
            raise errors.invalid(name)


def listing_texts(request: rules.Request) -> None:
    """Text fields of a request for /paymentMethods are text."""
    for name in ("countryCode", "shopperLocale", "shopperEmail", "shopperIP", "telephoneNumber"):
        rules.check_text(request.body, name, 0, None)


def listing(request: rules.Request) -> None:
    """The fields of a request for /paymentMethods have the right types."""
    listing_texts(request)
    rules.check_text(request.body, "shopperReference", shortest=3, longest=256)
    if request.body.get("amount") is not None:
        rules.check_amount(request.body["amount"])
    if request.body.get("channel") not in (None, *limits.CHANNELS):
        raise errors.invalid("channel")
    for name in ("allowedPaymentMethods", "blockedPaymentMethods"):
        names = request.body.get(name)
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
    result = details.get("redirectResult")
    if result in (None, ""):
        raise errors.no_redirect_result()
    if not rules.is_text(result, 1, limits.REDIRECT_RESULT_MAX):
        raise errors.invalid("details.redirectResult")
    return str(result)
