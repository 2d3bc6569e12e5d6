"""Adyen's answers and the driver's errors as what the library returns and raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from kasir.errors import DatabaseReadOnly, DatabaseUnavailable, OutcomeUnknown, RefusedByAdyen
from kasir.python_api.enums import ResultCode

if TYPE_CHECKING:
    from kasir.adyen.replies import Answer
    from kasir.ids import PaymentId
    from kasir.subscriptions.subscription import SubscriptionId


@contextmanager
def translated() -> Iterator[None]:
    """Turn the database driver's errors into `DatabaseUnavailable`.

    Raises:
        DatabaseReadOnly: The driver reported that the database takes no writes.
        DatabaseUnavailable: The driver reported that the database cannot be used.
    """
    from kasir.store.database import READ_ONLY, UNAVAILABLE

    try:
        yield
    except READ_ONLY as error:
        raise DatabaseReadOnly("PostgreSQL takes no writes") from error
    except UNAVAILABLE as error:
        # Without the error's text, which may have the database's address.
        raise DatabaseUnavailable(f"PostgreSQL cannot be used ({type(error).__name__})") from error


@contextmanager
def named(
    payment_id: PaymentId | None = None, *, subscription_id: SubscriptionId | None = None
) -> Iterator[None]:
    """Name a payment or subscription that was just made, if it cannot be read.

    Raises:
        OutcomeUnknown: The database cannot be used.
    """
    try:
        yield
    except DatabaseUnavailable as error:
        raise OutcomeUnknown(payment_id, subscription_id=subscription_id, why=str(error)) from error


def accepted(
    answer: Answer,
    payment_id: PaymentId | None = None,
    *,
    subscription_id: SubscriptionId | None = None,
) -> Answer:
    """The answer, if Adyen executed the request.

    Raises:
        OutcomeUnknown: Adyen has not answered.
        RefusedByAdyen: Adyen answered with an error.
    """
    from kasir.adyen.replies import Verdict, for_shop

    if answer.status == HTTPStatus.NO_CONTENT or answer.verdict is Verdict.ANSWERED:
        return answer
    if answer.verdict is not Verdict.INVALID:
        raise OutcomeUnknown(payment_id, subscription_id=subscription_id)
    error = for_shop(answer)
    raise RefusedByAdyen(
        status=error.status,
        code=error.error_code,
        message=str(error.json().get("message", "")),
        psp_reference=error.psp_reference,
        payment_id=payment_id,
    )


def result_code(text: str) -> ResultCode:
    """Adyen's result code; `OTHER` for one that this version does not know."""
    known = {code.value: code for code in ResultCode}
    return known.get(text, ResultCode.OTHER)


def redirect_url(answer: Answer) -> str | None:
    """The address to which Adyen's answer redirects the shopper; None without one."""
    match answer.json():
        case {"action": {"url": str(url)}}:
            return url
    return None
