"""Adyen's errors, as its Checkout and Recurring APIs answer them.

The body is {status, errorCode, message, errorType, pspReference?}. The codes come from
Adyen's OpenAPI files, its libraries' tests and recorded answers. A code that could not be
established is marked GUESS, and docs/twin.md lists all guesses. Each function returns an
error to raise; its docstring names the fault of the request.
"""

from __future__ import annotations

from typing import Any


class AdyenError(Exception):
    """An error answer of Adyen: HTTP status, error code, message and type."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        error_type: str = "validation",
        *,
        headers: dict[str, str] | None = None,
        psp_reference: str | None = None,
    ) -> None:
        super().__init__(f"{status}/{code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.error_type = error_type
        self.headers = headers or {}
        self.psp_reference = psp_reference

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the error."""
        body: dict[str, Any] = {
            "status": self.status,
            "errorCode": self.code,
            "message": self.message,
            "errorType": self.error_type,
        }
        if self.psp_reference is not None:
            body["pspReference"] = self.psp_reference
        return body


def unauthorized() -> AdyenError:
    """The API key is missing or wrong."""
    return AdyenError(401, "000", "HTTP Status Response - Unauthorized", "security")


def not_allowed() -> AdyenError:
    """The API credential lacks the role of the call."""
    return AdyenError(403, "010", "Not allowed", "security")


def not_json(message: str) -> AdyenError:
    """The body is not a JSON object."""
    return AdyenError(400, "702", f"Unexpected input: {message}, expected: }}")


def wrong_merchant() -> AdyenError:
    """The merchantAccount is missing, or this API key has no access to it."""
    return AdyenError(403, "901", "Invalid Merchant Account", "security")


def invalid(path: str) -> AdyenError:
    """A field breaks the schema, or a rule that has no error code of its own."""
    return AdyenError(422, "187", f"Field '{path}' is not valid.")


def no_reference() -> AdyenError:
    """The shop's own reference is missing."""
    return AdyenError(422, "130", "Reference Missing")


def no_return_url() -> AdyenError:
    """The returnUrl is missing."""
    return AdyenError(422, "14_030", "Return URL is missing.")


def no_payment_method() -> AdyenError:
    """The paymentMethod is missing."""
    return AdyenError(422, "14_006", "Required object 'paymentMethod' is not provided.")


def no_amount() -> AdyenError:
    """The amount, or its value, is missing."""
    return AdyenError(422, "100", "No amount specified")


def invalid_amount() -> AdyenError:
    """The value is outside GoPay's limits."""
    return AdyenError(422, "137", "Invalid amount specified")


def unsupported_currency() -> AdyenError:
    """The currency is not the rupiah."""
    return AdyenError(422, "138", "Unsupported currency specified")


def metadata_too_large() -> AdyenError:
    """The metadata has over 20 pairs, a key over 20 characters or a value over 80."""
    return AdyenError(422, "177", "Metadata size exceeds limit")


def unsupported() -> AdyenError:
    """The account does not support this payment method, or not with these other fields."""
    return AdyenError(500, "905", "Payment details are not supported", "configuration")


def no_redirect_result() -> AdyenError:
    """The redirectResult is missing, although Adyen's message names paymentData."""
    return AdyenError(422, "14_002", "Required field 'paymentData' is not provided.")


def invalid_payload() -> AdyenError:
    """The redirectResult was not issued by Adyen."""
    return AdyenError(422, "14_018", "Invalid payload provided")


def no_original() -> AdyenError:
    """The modification names a payment that this account does not have."""
    return AdyenError(422, "167", "Original pspReference required for this operation")


def no_contract() -> AdyenError:
    """The token belongs to another shopper or another account."""
    return AdyenError(422, "800", "Contract not found")


def no_detail() -> AdyenError:
    """The token does not exist, or is disabled."""
    return AdyenError(422, "803", "PaymentDetail not found")


def unavailable() -> AdyenError:
    """The store of idempotency keys is down; the caller can retry with the same key."""
    return AdyenError(
        503,
        "703",
        "required resource temporarily unavailable",
        "internal",  # GUESS: the errorType.
        headers={"transient-error": "true"},
    )


def in_progress(status: int, psp_reference: str | None = None) -> AdyenError:
    """The same request is running, or was executed already."""
    return AdyenError(
        status, "704", "request already processed or in progress", psp_reference=psp_reference
    )


def not_found() -> AdyenError:
    """The path does not exist. The status is known. GUESS: the body."""
    return AdyenError(404, "000", "HTTP Status Response - Not Found", "validation")


def internal_error() -> AdyenError:
    """The twin itself failed. GUESS: Adyen's code for its internal errors."""
    return AdyenError(500, "000", "Internal error", "internal")
