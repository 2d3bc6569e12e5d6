"""Notices: Adyen's notifications as they came, what became of each, and reading one again."""

from __future__ import annotations

import json
from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kasir.adyen.checks import INT64_MAX
from kasir.desk.acts import Asked, act
from kasir.desk.form_fields import chosen_field
from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, page
from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.jobs import engine
from kasir.operations.masking import masked
from kasir.store.inbox import NoticeState
from kasir.webhooks.notices import replay_one

_PATH: Final = "/desk/notices"
SECTION: Final = add_section("notices", _PATH)
_LISTED_MAX: Final = 50


@page(_PATH)
async def get_notices(visit: OurVisit) -> Page:
    """List notices, newest first."""
    visit.check_query("state", "after")
    state = chosen_field(visit.query, "state", tuple(NoticeState))
    after = _number(visit.query.get("after", ""))
    if after is None and visit.query.get("after"):
        raise InvalidRequest([Fault("after", "must be the id of a notice.")])
    notices = await visit.parts.notices.listed(
        NoticeState(state) if state else None, _LISTED_MAX + 1, after
    )
    shown = notices[:_LISTED_MAX]
    return visit.page(
        "notices.html",
        notices=shown,
        next=shown[-1].id if len(notices) > _LISTED_MAX else None,
        states=[
            ("", visit.text("any")),
            *((one, visit.text(f"notice.{one}")) for one in NoticeState),
        ],
    )


@page(f"{_PATH}/{{notice_id:str}}")
async def get_notice(visit: OurVisit, notice_id: FromPath[str]) -> Page:
    """Show one notice, with its body, in which secrets are masked."""
    visit.check_query()
    notice, body = await visit.parts.notices.find(_id(notice_id))
    shown = json.dumps(masked(body), indent=2, ensure_ascii=False) if body else ""
    return visit.page("notice.html", notice=notice, body=shown)


@act("notice.replay", f"{_PATH}/{{notice_id:str}}/replay")
async def replay(asked: Asked) -> Page:
    """Read a notice again."""
    notice_id, parts = _id(asked.path["notice_id"]), asked.visit.parts
    notice, _ = await parts.notices.find(notice_id)
    async with asked.recorded(str(notice_id), {"state": notice.state}) as record:
        await replay_one(parts.pool, notice_id, engine.enqueue_reading)
        record.after = {"state": NoticeState.UNREAD}
    return asked.done(f"{_PATH}/{notice_id}", "notice_replayed")


def _id(text: str) -> int:
    """The id of a notice in a path.

    Raises:
        NotFound: No notice can have it.
    """
    number = _number(text)
    if number is None:
        raise NotFound("notification", text)
    return number


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(INT64_MAX))
    number = int(text) if is_number else INT64_MAX + 1
    return number if number <= INT64_MAX else None


ROUTES: Final[list[HTTPRouteHandler]] = [get_notices, get_notice, replay]
