"""Answers in Adyen's format that are no success, as errors that an act shows to the person."""

from __future__ import annotations

from http import HTTPStatus

from kasir.adyen.replies import Answer
from kasir.errors import OutcomeUnknown, RefusedByAdyen


def require_success(answer: Answer) -> None:
    """Check that an answer is a success.

    Raises:
        OutcomeUnknown: Adyen has not answered, or failed.
        RefusedByAdyen: It refused the request.
    """
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise OutcomeUnknown
    raise RefusedByAdyen(
        status=answer.status,
        code=answer.error_code,
        message=str(answer.json().get("message", "")),
        psp_reference=answer.psp_reference,
        payment_id=None,
    )
