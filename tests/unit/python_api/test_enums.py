"""The library's enums have the members of Kasir's own."""

from __future__ import annotations

from enum import Enum, StrEnum

import pytest

import kasir
from kasir.adyen import checks, replies
from kasir.gateway import gopay
from kasir.payments import disputes, refunds, status
from kasir.python_api import enums
from kasir.subscriptions import commands, plan, states

PAIRS: dict[type[Enum], type[StrEnum]] = {
    enums.PaymentStatus: status.Status,
    enums.RefundStatus: refunds.RefundStatus,
    enums.DisputeStatus: disputes.DisputeStatus,
    enums.ResultCode: replies.ResultCode,
    enums.SubscriptionStatus: states.State,
    enums.IntervalUnit: plan.Unit,
    enums.When: commands.When,
}


@pytest.mark.parametrize("public", PAIRS)
def test_an_enum_of_the_library_has_the_members_of_kasirs_own(public: type[Enum]) -> None:
    own = PAIRS[public]
    members = {each.name: each.value for each in public if each is not enums.ResultCode.OTHER}

    assert {each.name: each.value for each in own} == members


def test_channels_and_models_are_those_that_are_accepted() -> None:
    assert set(checks.CHANNELS) == {str(channel) for channel in enums.Channel}
    assert set(gopay.MODELS) == {str(model) for model in enums.RecurringModel}


def test_the_final_statuses_are_kasirs_own() -> None:
    final = {each.value for each in enums.PaymentStatus if each.is_final}

    assert {each.value for each in status.FINAL} == final


def test_no_enum_of_the_library_is_a_text() -> None:
    public = [getattr(kasir, name) for name in kasir.__all__]
    texts = [each for each in public if isinstance(each, type) and issubclass(each, str | int)]

    assert texts == []
