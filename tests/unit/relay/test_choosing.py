"""Which notices are relayed, by the setting, their state and their kind."""

from __future__ import annotations

import pytest

from kasir.adyen.notifications import EventCode
from kasir.relay.choosing import is_wanted
from kasir.relay_settings import RelaySend
from kasir.store.inbox import NoticeKind, NoticeState

#: The states of notices that may be Kasir's as well as another system's.
UNSURE = {NoticeState.WAITING, NoticeState.HELD, NoticeState.UNHEARD_OF}
SURE = {*NoticeState} - UNSURE - {NoticeState.UNREAD}


def wanted(
    send: RelaySend,
    state: NoticeState,
    kind: NoticeKind = NoticeKind.STANDARD,
    event_code: str = EventCode.AUTHORISATION,
) -> bool | None:
    return is_wanted(send, state, kind, event_code)


@pytest.mark.parametrize("kind", [*NoticeKind])
@pytest.mark.parametrize("state", [*NoticeState])
def test_by_default_every_notice_is_relayed_and_none_waits_to_be_read(
    state: NoticeState, kind: NoticeKind
) -> None:
    assert wanted(RelaySend.ALL, state, kind) is True


@pytest.mark.parametrize("kind", [*NoticeKind])
@pytest.mark.parametrize("send", [RelaySend.FOREIGN, RelaySend.OWN])
def test_a_choice_waits_until_the_notice_is_read(send: RelaySend, kind: NoticeKind) -> None:
    assert wanted(send, NoticeState.UNREAD, kind) is None


@pytest.mark.parametrize("state", sorted(SURE))
def test_a_notice_that_is_surely_kasirs_or_not_is_relayed_in_one_mode(state: NoticeState) -> None:
    is_own = state is NoticeState.READ

    assert wanted(RelaySend.OWN, state) is is_own
    assert wanted(RelaySend.FOREIGN, state) is not is_own


@pytest.mark.parametrize("state", sorted(UNSURE))
def test_a_notice_that_may_be_anybodys_is_relayed_in_every_mode(state: NoticeState) -> None:
    assert [wanted(send, state) for send in RelaySend] == [True, True, True]


@pytest.mark.parametrize("state", [NoticeState.READ, NoticeState.IGNORED])
@pytest.mark.parametrize(
    ("kind", "event_code"),
    [
        (NoticeKind.TOKENS, "recurring.token.created"),
        (NoticeKind.STANDARD, EventCode.RECURRING_CONTRACT),
    ],
)
def test_a_notice_about_a_token_of_the_account_is_relayed_in_every_mode(
    kind: NoticeKind, event_code: str, state: NoticeState
) -> None:
    assert [wanted(send, state, kind, event_code) for send in RelaySend] == [True, True, True]


@pytest.mark.parametrize("kind", [*NoticeKind])
def test_a_notice_of_another_merchant_account_is_surely_foreign(kind: NoticeKind) -> None:
    assert wanted(RelaySend.FOREIGN, NoticeState.FOREIGN, kind) is True
    assert wanted(RelaySend.OWN, NoticeState.FOREIGN, kind) is False


@pytest.mark.parametrize("state", [NoticeState.READ, NoticeState.IGNORED])
def test_a_report_is_relayed_to_the_handler_of_the_other_payments(state: NoticeState) -> None:
    report = EventCode.REPORT_AVAILABLE

    assert wanted(RelaySend.FOREIGN, state, event_code=report) is True
    assert wanted(RelaySend.OWN, state, event_code=report) is False
