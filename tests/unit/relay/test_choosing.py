"""Which notices are relayed, by the setting and by their state."""

from __future__ import annotations

import pytest

from kasir.relay.choosing import is_wanted
from kasir.relay_settings import RelaySend
from kasir.store.inbox import NoticeState

STATES = [*NoticeState]
#: The states of notices that may be Kasir's as well as another system's.
UNSURE = {NoticeState.WAITING, NoticeState.HELD}


@pytest.mark.parametrize("state", STATES)
def test_by_default_every_notice_is_relayed_and_none_waits_to_be_read(state: NoticeState) -> None:
    assert is_wanted(RelaySend.ALL, state) is True


@pytest.mark.parametrize("send", [RelaySend.FOREIGN, RelaySend.OWN])
def test_a_choice_waits_until_the_notice_is_read(send: RelaySend) -> None:
    assert is_wanted(send, NoticeState.UNREAD) is None


@pytest.mark.parametrize("state", sorted({*NoticeState} - UNSURE - {NoticeState.UNREAD}))
def test_a_notice_that_is_surely_kasirs_or_not_is_relayed_in_one_mode(state: NoticeState) -> None:
    is_own = state is NoticeState.READ

    assert is_wanted(RelaySend.OWN, state) is is_own
    assert is_wanted(RelaySend.FOREIGN, state) is not is_own


@pytest.mark.parametrize("state", sorted(UNSURE))
def test_a_notice_that_may_be_anybodys_is_relayed_in_every_mode(state: NoticeState) -> None:
    assert [is_wanted(send, state) for send in RelaySend] == [True, True, True]
