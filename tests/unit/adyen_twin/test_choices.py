"""The valid names in the error about a control call, wherever in its body the error is."""

from __future__ import annotations

from adyen_twin.controls import choices
from adyen_twin.controls.requests import ShopperAction
from adyen_twin.core.faults import AnyFault
from adyen_twin.core.settings import Knobs


def test_values_are_found_below_a_field_an_index_and_a_key_of_a_map() -> None:
    knobs = {"answers": {"listing": {"status": "x"}}}

    assert choices.values_at(Knobs, {}, "$.capture") == ["automatic", "manual"]
    assert choices.values_at(Knobs, knobs, "$.answers[...].status") == []
    assert "tokens" in choices.values_at(list[AnyFault], [{"fault": "error_500"}], "$[0].call")


def test_of_a_union_the_member_that_the_body_names_is_used() -> None:
    body = [{"fault": "wrong_seal"}, {"fault": "details_say"}]

    assert "tries" in choices.fields_at(list[AnyFault], body, "$[0]")
    assert "resultCode" in choices.fields_at(list[AnyFault], body, "$[1]")
    assert "fault" not in choices.fields_at(ShopperAction, {}, "$")
