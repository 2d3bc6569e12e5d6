"""What a control call is told would have been right, wherever in its body it went wrong."""

import pytest

from adyen_twin.controls import choices
from adyen_twin.controls.requests import ControlError, WalletOrder, read
from adyen_twin.core.faults import AnyFault
from adyen_twin.core.settings import Knobs


def test_words_are_found_below_a_field_an_index_and_a_name_of_the_callers_own() -> None:
    knobs = {"answers": {"listing": {"status": "x"}}}

    assert choices.words_at(Knobs, {}, "$.capture") == ["automatic", "manual"]
    assert choices.words_at(Knobs, knobs, "$.answers[...].status") == []
    assert "tokens" in choices.words_at(list[AnyFault], [{"fault": "error_500"}], "$[0].call")


def test_of_several_kinds_that_is_meant_which_the_body_names() -> None:
    body = [{"fault": "wrong_seal"}, {"fault": "details_say"}]

    assert "tries" in choices.fields_at(list[AnyFault], body, "$[0]")
    assert "resultCode" in choices.fields_at(list[AnyFault], body, "$[1]")
    assert "fault" not in choices.fields_at(WalletOrder, {}, "$")


@pytest.mark.parametrize(
    "raw", [b"[]", b'"text"', b"[7]", b'{"url": {"url": 1}, "do": 1}', b"null"]
)
def test_whatever_a_body_is_the_complaint_about_it_is_told(raw: bytes) -> None:
    with pytest.raises(ControlError) as told:
        read(raw, WalletOrder)

    assert told.value.status == 422
    assert told.value.body["error"]
