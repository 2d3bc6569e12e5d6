"""The request to close a case of reconciliation, with a person's reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kasir.clock import Clock
from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.reconciliation.cases import CaseKind, CaseState
from kasir.requests.fields import Fields, refuse
from kasir.requests.subscription_fields import own_fields, unknown
from kasir.store import cases
from kasir.store.cases import Case
from kasir.store.database import Pool

_WHY_LETTERS_MAX: Final = 500
#: An id that the database may have.
_ID: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
#: The cursor of a page of rows: the report and the line.
_ROW_CURSOR: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)
_CURSOR_CURE: Final = "must be `next` of an earlier page."
_FIELDS: Final = frozenset({"why"})


@dataclass(frozen=True, slots=True)
class CaseRequests:
    """Closes cases."""

    pool: Pool
    clock: Clock

    async def close(self, name: str, body: bytes, closed_by: str) -> Case:
        """Close a case with the reason in a request's body.

        Raises:
            InvalidRequest: A field is wrong, or the case is closed already.
            NotFound: There is no such case.
        """
        fields = own_fields(body)
        refuse(_faults(fields), unknown(fields, _FIELDS))
        return await self.close_because(name, fields["why"].strip(), closed_by)

    async def close_because(self, name: str, why: str, closed_by: str) -> Case:
        """Close a case; see `close`."""
        now, case_id = self.clock.now(), (await self.case(name)).id
        is_closed = await cases.close(self.pool, case_id, why, closed_by, now)
        if not is_closed:
            raise InvalidRequest([Fault("case_id", "is a case that is closed already.")])
        return await self.case(name)

    async def case(self, name: str) -> Case:
        """Return a case by the id in a path.

        Raises:
            NotFound: There is no such case.
        """
        case = await cases.case(self.pool, int(name)) if _ID.fullmatch(name) else None
        if case is None:
            raise NotFound("case", name)
        return case


def filters_of(state: str | None, kind: str | None) -> tuple[CaseState | None, CaseKind | None]:
    """The filters of a list of cases; None or an empty text for all.

    Raises:
        InvalidRequest: There is no such state or kind.
    """
    if state and state not in tuple(CaseState):
        raise InvalidRequest([Fault("state", f"must be one of {', '.join(CaseState)}.")])
    if kind and kind not in tuple(CaseKind):
        raise InvalidRequest([Fault("kind", f"must be one of {', '.join(CaseKind)}.")])
    return CaseState(state) if state else None, CaseKind(kind) if kind else None


def cursor_of(text: str, otherwise: int) -> int:
    """The id in the cursor of a page; `otherwise` without one.

    Raises:
        InvalidRequest: It is no cursor.
    """
    if not text:
        return otherwise
    if not _ID.fullmatch(text):
        raise InvalidRequest([Fault("after", _CURSOR_CURE)])
    return int(text)


def row_cursor_of(text: str) -> tuple[int, int]:
    """The report and the line in the cursor of a page of rows; zeros without one.

    Raises:
        InvalidRequest: It is no cursor.
    """
    if not text:
        return 0, 0
    found = _ROW_CURSOR.fullmatch(text)
    if found is None:
        raise InvalidRequest([Fault("after", _CURSOR_CURE)])
    return int(found[1]), int(found[2])


def _faults(fields: Fields) -> Iterator[Fault]:
    why = fields.get("why")
    if not isinstance(why, str) or not why.strip():
        yield Fault("why", "say why the case is closed.")
    elif len(why) > _WHY_LETTERS_MAX:
        yield Fault("why", f"must have at most {_WHY_LETTERS_MAX} characters.")
