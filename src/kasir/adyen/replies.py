"""What Adyen answers, and who must act upon it.

Errors come as `{status, errorCode, message, errorType, pspReference?}`; the body may also be HTML
or nothing (a proxy in front), so JSON is never assumed.
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
from kasir.errors import InvalidRequest, Unreadable

#: "Request already processed or in progress" (API idempotency page).
ALREADY_PROCESSED: Final = "704"

#: Where a body may hold what cannot be kept in a column: looked for first, for it is rare.
_ODD: Final = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]|[\x80-\xff]|\x00")

_NOT_NOW: Final = (
    "In Adyen's place something answered HTTP {status} that is not in Adyen's words, so nothing is "
    "known. Ask again in a moment."
)
_NOT_TAKEN: Final = (
    "In Adyen's place something answered HTTP {status} that is not in Adyen's words, so nothing "
    "was done. Whoever runs Kasir looks at the way to Adyen; `kasir doctor` helps."
)
_REFUSED: Final = (
    "In Adyen's place something answered HTTP {status} that is not in Adyen's words, so nothing "
    "was done. It is not the shop's key that was refused but Kasir's own: whoever runs Kasir "
    "looks at ADYEN_API_KEY and at the way to Adyen; `kasir doctor` helps."
)


class ResultCode(StrEnum):
    """The result codes a GoPay payment can show. Source: Adyen's result codes page."""

    AUTHORISED = "Authorised"
    CANCELLED = "Cancelled"
    ERROR = "Error"
    PENDING = "Pending"
    RECEIVED = "Received"
    REDIRECT_SHOPPER = "RedirectShopper"
    REFUSED = "Refused"


class Verdict(StrEnum):
    """What an answer means for whoever asked."""

    #: Adyen did what was asked, or refused the payment: read the result code.
    ANSWERED = "answered"
    #: The request is wrong and always will be: fix it. Nothing happened.
    OURS = "ours"
    #: Adyen could not: ask again, with the same key.
    THEIRS = "theirs"
    #: It may have happened: ask again with the same key, never with a new one.
    UNKNOWN = "unknown"


@dataclass(frozen=True)  # Without slots: `fields` is kept in the instance once it was read.
class Answer:
    """An HTTP answer: status, body as it came, and the headers that mean something.

    `decoded` is the body's JSON object where the caller has it; without it the body is decoded when
    a field is first read, and only then.
    """

    status: int
    body: bytes
    psp_reference: str = ""
    transient: bool = False
    decoded: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    def json(self) -> Mapping[str, Any]:
        """The body's fields; empty where the body is not a JSON object."""
        return self.fields or {}

    @cached_property
    def fields(self) -> Mapping[str, Any] | None:
        """The body's fields; None where the body is not a JSON object."""
        if self.decoded is not None:
            return self.decoded
        try:
            fields = read_json(self.body)
            if _ODD.search(self.body):
                fields = all_storable(fields)
        except (Unreadable, RecursionError):
            return None
        return fields if isinstance(fields, dict) else None

    @property
    def error_code(self) -> str:
        """Adyen's code for what went wrong; empty where the body has none."""
        return str(self.json().get("errorCode", ""))

    @property
    def is_adyens(self) -> bool:
        """Whether it is in Adyen's words: a JSON object, or nothing where nothing is to be said."""
        return self.status == HTTPStatus.NO_CONTENT or self.fields is not None

    @property
    def verdict(self) -> Verdict:
        """Who must act: see `Verdict`."""
        fields = self.json()
        if HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES:
            return Verdict.ANSWERED if fields else Verdict.UNKNOWN
        if str(fields.get("errorCode", "")) == ALREADY_PROCESSED:
            return Verdict.UNKNOWN
        if self.transient or self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Verdict.THEIRS
        if self.status == HTTPStatus.REQUEST_TIMEOUT:
            return Verdict.UNKNOWN
        if HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Verdict.OURS
        # 500 with a configuration error (905, "Payment details are not supported") is a final
        # word; any other 5xx may have happened before or after the money moved.
        return Verdict.OURS if fields.get("errorType") == "configuration" else Verdict.UNKNOWN


def for_shop(answer: Answer) -> Answer:
    """An answer as a shop may have it: Adyen's as it came, anybody else's in Adyen's body.

    A proxy, a firewall or a page of maintenance may answer in Adyen's place. Where that settles
    nothing, neither does the error that tells of it.
    """
    if answer.is_adyens:
        return answer
    if answer.verdict is not Verdict.OURS:
        message = _NOT_NOW.format(status=answer.status)
        return error(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "703",
            message,
            "internal",
            psp_reference=answer.psp_reference,
            transient=True,
        )
    refused = answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    message = (_REFUSED if refused else _NOT_TAKEN).format(status=answer.status)
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
    """An error in Adyen's body."""
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
    """The error for a request that breaks rules: the first one's code, and the cures."""
    first = wrong.faults[0]
    return error(first.status, first.code, str(wrong), first.error_type)
