"""The valid names that the error about an invalid control call lists."""

from __future__ import annotations

from adyen_twin.controls import choices
from adyen_twin.controls.requests import ShopperAction
from adyen_twin.core.faults import AnyFault
from adyen_twin.core.settings import Knobs


def test_the_valid_values_of_a_field_a_list_item_and_a_map_entry_are_found() -> None:
    knobs = {"answers": {"listing": {"status": "x"}}}

    assert choices.values_at(Knobs, {}, "$.capture") == ["automatic", "manual"]
    # A status can be any number in a range, so there is no list of values.
    assert choices.values_at(Knobs, knobs, "$.answers[...].status") == []
    assert "tokens" in choices.values_at(list[AnyFault], [{"fault": "error_500"}], "$[0].call")


def test_the_valid_fields_of_a_union_are_those_of_the_type_in_the_body() -> None:
    body = [{"fault": "wrong_seal"}, {"fault": "details_say"}]

    assert "tries" in choices.fields_at(list[AnyFault], body, "$[0]")
    assert "resultCode" in choices.fields_at(list[AnyFault], body, "$[1]")
    assert "fault" not in choices.fields_at(ShopperAction, {}, "$")
