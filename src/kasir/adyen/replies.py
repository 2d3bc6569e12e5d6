"""Adyen's answers, and who must act on them.

An error has the body `{status, errorCode, message, errorType, pspReference?}`. A proxy may answer
with HTML or an empty body instead, so JSON is never assumed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final

import msgspec

from kasir.adyen.texts import all_storable, read_json
from kasir.errors import InvalidRequest, Unreadable, cut

#: The error code of "Request already processed or in progress" (API idempotency page).
ALREADY_PROCESSED: Final = "704"

#: Matches every body that may contain text that PostgreSQL cannot store. Few bodies match, so a
#: search in the body is faster than a check of every text.
_UNSTORABLE: Final = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]|[\x80-\xff]|\x00")

#: Messages for the shop when a proxy answered instead of Adyen.
_UNKNOWN_OUTCOME: Final = (
    "Something other than Adyen answered in its place with HTTP {status}, so the outcome is not "
    "known. Ask again in a moment."
)
_NOT_EXECUTED: Final = (
    "Something other than Adyen answered in its place with HTTP {status}, so nothing was done. "
    "The operator of Kasir must check the connection to Adyen; `kasir doctor` helps."
)
_KEY_REFUSED: Final = (
    "Something other than Adyen answered in its place with HTTP {status}, so nothing was done. "
    "Kasir's own key was refused, not the shop's. The operator of Kasir must check ADYEN_API_KEY "
    "and the connection to Adyen; `kasir doctor` helps."
)


class ResultCode(StrEnum):
    """The result codes that a GoPay payment can have. Source: Adyen's result codes page."""

    AUTHORISED = "Authorised"
    CANCELLED = "Cancelled"
    ERROR = "Error"
    PENDING = "Pending"
    RECEIVED = "Received"
    REDIRECT_SHOPPER = "RedirectShopper"
    REFUSED = "Refused"


class Verdict(StrEnum):
    """What an answer means for the caller."""

    #: Adyen executed the request. The result code shows the result, such as a refusal.
    ANSWERED = "answered"
    #: The request is wrong and must be corrected. Nothing was executed.
    INVALID = "invalid"
    #: Adyen could not execute the request. The caller retries with the same idempotency key.
    TRANSIENT = "transient"
    #: The request may have been executed. The caller retries with the same idempotency key, never
    #: with a new one.
    UNKNOWN = "unknown"


@dataclass(frozen=True)  # Without slots, because `fields` is cached in the instance.
class Answer:
    """An HTTP answer: the status, the unchanged body, and the values of Adyen's own headers.

    `decoded` is the body's JSON object, if the caller already has it. Otherwise the body is decoded
    when a field is first read.
    """

    status: int
    body: bytes
    psp_reference: str = ""
    transient: bool = False
    decoded: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    def json(self) -> Mapping[str, Any]:
        """The body's fields; empty if the body is not a JSON object."""
        return self.fields or {}

    @cached_property
    def fields(self) -> Mapping[str, Any] | None:
        """The body's fields; None if the body is not a JSON object."""
        if self.decoded is not None:
            return self.decoded
        try:
            fields = read_json(self.body)
            if _UNSTORABLE.search(self.body):
                fields = all_storable(fields)
        except (Unreadable, RecursionError):
            return None
        return fields if isinstance(fields, dict) else None

    @property
    def error_code(self) -> str:
        """Adyen's error code; empty if the body has none."""
        return str(self.json().get("errorCode", ""))

    @property
    def is_adyens(self) -> bool:
        """Whether the answer is from Adyen: its body is a JSON object, or its status is 204."""
        return self.status == HTTPStatus.NO_CONTENT or self.fields is not None

    @property
    def verdict(self) -> Verdict:
        """What the answer means for the caller: see `Verdict`."""
        fields = self.json()
        if HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES:
            return Verdict.ANSWERED if fields else Verdict.UNKNOWN
        if str(fields.get("errorCode", "")) == ALREADY_PROCESSED:
            return Verdict.UNKNOWN
        if self.transient or self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Verdict.TRANSIENT
        if self.status == HTTPStatus.REQUEST_TIMEOUT:
            return Verdict.UNKNOWN
        if HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Verdict.INVALID
        # 500 with a configuration error (905, "Payment details are not supported") is final. After
        # any other 5xx the money may have moved.
        return Verdict.INVALID if fields.get("errorType") == "configuration" else Verdict.UNKNOWN


def error_text(answer: Answer) -> str:
    """An error as a sentence: who answered, the HTTP status, Adyen's error code and message."""
    if not answer.is_adyens:
        return f"Something other than Adyen answered with HTTP {answer.status}."
    code, message = answer.error_code, cut(str(answer.json().get("message", "")))
    details = ", ".join(filter(None, (code and f"errorCode {code}", message)))
    return f"Adyen answered with an error: HTTP {answer.status} {details}".rstrip(" .") + "."


def for_shop(answer: Answer) -> Answer:
    """The answer for the shop: Adyen's answer unchanged, or an error in Adyen's format.

    The error is returned if a proxy, a firewall or a maintenance page answered instead of Adyen. If
    the outcome is then unknown, the error is transient.
    """
    if answer.is_adyens:
        return answer
    if answer.verdict is not Verdict.INVALID:
        message = _UNKNOWN_OUTCOME.format(status=answer.status)
        return error(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "703",
            message,
            "internal",
            psp_reference=answer.psp_reference,
            transient=True,
        )
    refused = answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    message = (_KEY_REFUSED if refused else _NOT_EXECUTED).format(status=answer.status)
    return error(answer.status, "000", message, "configuration", psp_reference=answer.psp_reference)


def error(
    status: int,
    code: str,
    message: str,
    error_type: str = "validation",
    *,
    psp_reference: str = "",
    transient: bool = False,
) -> Answer:
    """An error in Adyen's format."""
    fields: dict[str, object] = {
        "status": status,
        "errorCode": code,
        "message": message,
        "errorType": error_type,
    }
    if psp_reference:
        fields["pspReference"] = psp_reference
    return of_fields(status, fields, psp_reference=psp_reference, transient=transient)


def of_fields(
    status: int, fields: Mapping[str, Any], *, psp_reference: str = "", transient: bool = False
) -> Answer:
    """An answer whose body is this JSON object."""
    return Answer(status, msgspec.json.encode(fields), psp_reference, transient, fields)


def invalid(wrong: InvalidRequest) -> Answer:
    """The error answer for an invalid request: the first fault's code, and every fault's cure."""
    first = wrong.faults[0]
    return error(first.status, first.code, str(wrong), first.error_type)
