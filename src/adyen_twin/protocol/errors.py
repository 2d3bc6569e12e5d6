"""Adyen's errors, as its Checkout and Recurring APIs put them.

The body is {status, errorCode, message, errorType, pspReference?}. The codes come
from Adyen's OpenAPI files, its libraries' tests and recorded answers; a code that
nobody could establish for its case bears GUESS, and docs/twin.md lists them all.
"""

from typing import Any


class AdyenError(Exception):
    """An answer other than success, with its body."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        kind: str = "validation",
        *,
        headers: dict[str, str] | None = None,
        psp_reference: str | None = None,
    ) -> None:
        super().__init__(f"{status}/{code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.kind = kind
        self.headers = headers or {}
        self.psp_reference = psp_reference

    def body(self) -> dict[str, Any]:
        """Return the error as Adyen spells it."""
        said: dict[str, Any] = {
            "status": self.status,
            "errorCode": self.code,
            "message": self.message,
            "errorType": self.kind,
        }
        if self.psp_reference is not None:
            said["pspReference"] = self.psp_reference
        return said


def unauthorized() -> AdyenError:
    """No key, or not the twin's."""
    return AdyenError(401, "000", "HTTP Status Response - Unauthorized", "security")


def not_json(message: str) -> AdyenError:
    """The body is no JSON object."""
    return AdyenError(400, "702", f"Unexpected input: {message}, expected: }}")


def wrong_merchant() -> AdyenError:
    """The merchantAccount is missing, or not one this key may use."""
    return AdyenError(403, "901", "Invalid Merchant Account", "security")


def invalid(path: str) -> AdyenError:
    """A field breaks the schema or a rule that has no code of its own."""
    return AdyenError(422, "187", f"Field '{path}' is not valid.")


def no_reference() -> AdyenError:
    """The shop's own reference is missing."""
    return AdyenError(422, "130", "Reference Missing")


def no_return_url() -> AdyenError:
    """There is no way back for the shopper."""
    return AdyenError(422, "14_030", "Return URL is missing.")


def no_payment_method() -> AdyenError:
    """Nothing says how to pay."""
    return AdyenError(422, "14_006", "Required object 'paymentMethod' is not provided.")


def no_amount() -> AdyenError:
    """Nothing says how much."""
    return AdyenError(422, "100", "No amount specified")


def invalid_amount() -> AdyenError:
    """The value is no amount GoPay takes."""
    return AdyenError(422, "137", "Invalid amount specified")


def unsupported_currency() -> AdyenError:
    """GoPay takes rupiah."""
    return AdyenError(422, "138", "Unsupported currency specified")


def metadata_too_large() -> AdyenError:
    """More than twenty pairs, or a key over 20 or a value over 80 characters."""
    return AdyenError(422, "177", "Metadata size exceeds limit")


def unsupported() -> AdyenError:
    """The method is not set up for this account, or not in this combination."""
    return AdyenError(500, "905", "Payment details are not supported", "configuration")


def no_redirect_result() -> AdyenError:
    """The details hold nothing to go by; the message is misleading, and Adyen's own."""
    return AdyenError(422, "14_002", "Required field 'paymentData' is not provided.")


def invalid_payload() -> AdyenError:
    """The redirectResult is none that Adyen issued."""
    return AdyenError(422, "14_018", "Invalid payload provided")


def no_original() -> AdyenError:
    """A modification names no payment that this account has."""
    return AdyenError(422, "167", "Original pspReference required for this operation")


def no_contract() -> AdyenError:
    """The shopper has no such permission: a token of another, or of another account."""
    return AdyenError(422, "800", "Contract not found")


def no_detail() -> AdyenError:
    """There is no such token, or none any more."""
    return AdyenError(422, "803", "PaymentDetail not found")


def unavailable() -> AdyenError:
    """What keeps the idempotency keys is down; asking again later, with the same key, is safe."""
    return AdyenError(
        503,
        "703",
        "required resource temporarily unavailable",
        "internal",  # GUESS: the errorType.
        headers={"transient-error": "true"},
    )


def in_progress(status: int, psp_reference: str | None = None) -> AdyenError:
    """The same request is running, or was done already."""
    return AdyenError(
        status, "704", "request already processed or in progress", psp_reference=psp_reference
    )


def not_found() -> AdyenError:
    """No such path. GUESS: the body; that a wrong path answers 404 is known."""
    return AdyenError(404, "000", "HTTP Status Response - Not Found", "validation")


def broken() -> AdyenError:
    """A fault of the twin itself. GUESS: Adyen's code of its own internal errors."""
    return AdyenError(500, "000", "Internal error", "internal")
