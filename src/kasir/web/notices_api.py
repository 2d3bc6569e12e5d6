"""The notifications that Adyen sent, and whether they were processed: `/api/notices`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.params import FromPath, QueryParameter

from kasir.adyen.checks import INT64_MAX
from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.http_types import AnyRequest, OurParts
from kasir.jobs import engine
from kasir.operations.masking import masked
from kasir.store.inbox import NoticeState
from kasir.web.keys import keyed_router
from kasir.web.query_parameters import NO_PARAMETERS, AfterNumber, check_parameters_and_no_body
from kasir.webhooks.notices import KeptNotice, replay_one

_LISTED_MAX: Final = 100
#: The id of a notice. A longer number is no id of PostgreSQL.
_ID: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_PARAMETERS: Final = frozenset({"state", "limit", "after"})


class NoticeOut(KeptNotice, rename="camel", omit_defaults=True, kw_only=True):
    """A notice with its message as it came, in which secrets and personal data are masked.

    `message` is null if it was deleted, or if no key decrypts it.
    """

    message: Any


class NoticesOut(msgspec.Struct):
    """A page of notices, newest first; `next` is the `after` of the following page."""

    notices: list[KeptNotice]
    next: int | None


State = Annotated[
    str | None,
    QueryParameter(name="state", description=f"Only these: {', '.join(NoticeState)}."),
]
Limit = Annotated[
    int, QueryParameter(name="limit", ge=1, le=_LISTED_MAX, description="How many at most.")
]


@get("/api/notices")
async def get_notices(
    request: AnyRequest,
    parts: OurParts,
    in_state: State = None,  # Litestar reserves the argument `state`.
    limit: Limit = _LISTED_MAX,
    after: AfterNumber = None,
) -> NoticesOut:
    """List Adyen's notifications, newest first; with `state`, only those in this state."""
    await check_parameters_and_no_body(request, _PARAMETERS)
    notices = await parts.notices.listed(_state(in_state), limit, after)
    # After a full page there may be another one.
    return NoticesOut(notices=notices, next=notices[-1].id if len(notices) == limit else None)


@get("/api/notices/{notice_id:str}")
async def get_notice(request: AnyRequest, parts: OurParts, notice_id: FromPath[str]) -> NoticeOut:
    """Return one notification with its message, in which secrets are masked."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    notice, body = await parts.notices.find(_row_id(notice_id))
    fields = {name: getattr(notice, name) for name in KeptNotice.__struct_fields__}
    return NoticeOut(**fields, message=masked(body) if body else None)


@post("/api/notices/{notice_id:str}/replay", status_code=200)
async def post_notice_replay(
    request: AnyRequest, parts: OurParts, notice_id: FromPath[str]
) -> KeptNotice:
    """Read a notification again, unless it was read already: then there is nothing to do."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    await replay_one(parts.pool, _row_id(notice_id), engine.enqueue_reading)
    notice, _ = await parts.notices.find(_row_id(notice_id))
    return notice


def _row_id(notice_id: str) -> int:
    """The id in a path as a number that PostgreSQL can have.

    Raises:
        NotFound: It is none.
    """
    if not _ID.fullmatch(notice_id) or int(notice_id) > INT64_MAX:
        raise NotFound("notification", notice_id)
    return int(notice_id)


def _state(name: str | None) -> NoticeState | None:
    if name is None:
        return None
    if name not in tuple(NoticeState):
        raise InvalidRequest([Fault("state", f"must be one of {', '.join(NoticeState)}.")])
    return NoticeState(name)


ROUTES: Final = keyed_router("Kasir", [get_notices, get_notice, post_notice_replay])
