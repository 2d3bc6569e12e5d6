"""Which notices are relayed, by KASIR_RELAY_SEND and by what the reader made of them. Pure.

A notice that may be Kasir's own or another system's is relayed in every mode: a handler must
tolerate a notification that it does not expect, but cannot act on one that it does not get.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kasir.adyen.notifications import EventCode
from kasir.relay_settings import RelaySend
from kasir.store.inbox import NoticeKind, NoticeState

#: For each state: whether its notices may be another system's, and whether they may be Kasir's.
_MAY_BE: Final[Mapping[NoticeState, tuple[bool, bool]]] = {
    NoticeState.READ: (False, True),
    NoticeState.FOREIGN: (True, False),
    NoticeState.IGNORED: (True, False),
    NoticeState.UNHEARD_OF: (True, True),
    NoticeState.WAITING: (True, True),
    NoticeState.HELD: (True, True),
}
#: A notice about a token gets these states whether Kasir saved the token or another system did.
_OF_ANY_TOKEN: Final = frozenset({NoticeState.READ, NoticeState.IGNORED})


def is_wanted(
    send: RelaySend, state: NoticeState, kind: NoticeKind, event_code: str
) -> bool | None:
    """Whether a notice is relayed; None: it must be read first."""
    if send is RelaySend.ALL:
        return True
    if state is NoticeState.UNREAD:
        return None
    is_of_token = kind is NoticeKind.TOKENS or event_code == EventCode.RECURRING_CONTRACT
    if is_of_token and state in _OF_ANY_TOKEN:
        return True
    # A report that Kasir fetches is of all payments of the merchant account.
    is_report = state is NoticeState.READ and event_code == EventCode.REPORT_AVAILABLE
    is_foreign, is_own = _MAY_BE[NoticeState.IGNORED if is_report else state]
    return is_foreign if send is RelaySend.FOREIGN else is_own
