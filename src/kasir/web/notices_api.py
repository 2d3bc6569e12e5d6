"""What Adyen sent and what became of it: `/api/notices`."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import Router, get
from litestar.params import QueryParameter

from kasir.adyen.checks import INT64_MAX
from kasir.errors import Fault, InvalidRequest
from kasir.http_types import AnyRequest, OurKasir
from kasir.store.inbox import NoticeState
from kasir.web.keys import KEYED, needs_key
from kasir.web.parameters import refuse_all_but
from kasir.webhooks.notices import KeptNotice

_LISTED_MAX: Final = 100
_KNOWN: Final = frozenset({"state", "limit", "after"})


class NoticesOut(msgspec.Struct):
    """Notices, newest first. Ask again with `after` set to `next` for those before."""

    notices: list[KeptNotice]
    next: int | None


State = Annotated[
    str | None,
    QueryParameter(name="state", description=f"Only these: {', '.join(NoticeState)}."),
]
Limit = Annotated[
    int, QueryParameter(name="limit", ge=1, le=_LISTED_MAX, description="How many at most.")
]
After = Annotated[
    int | None,
    QueryParameter(name="after", ge=0, le=INT64_MAX, description="The `next` of an answer."),
]


@get("/api/notices")
async def get_notices(
    request: AnyRequest,
    kasir: OurKasir,
    in_state: State = None,  # Litestar keeps `state` for itself.
    limit: Limit = _LISTED_MAX,
    after: After = None,
) -> NoticesOut:
    """Give what Adyen sent, newest first: all of it, or what is in one state."""
    await refuse_all_but(request, _KNOWN)
    found = await kasir.notices.listed(_state(in_state), limit, after)
    return NoticesOut(found, found[-1].id if len(found) == limit else None)


def _state(word: str | None) -> NoticeState | None:
    if word is None:
        return None
    if word not in tuple(NoticeState):
        raise InvalidRequest([Fault("state", f"must be one of {', '.join(NoticeState)}.")])
    return NoticeState(word)


ROUTES = Router(
    path="/", before_request=needs_key, security=KEYED, tags=["Kasir"], route_handlers=[get_notices]
)
