"""docs/twin.md names every knob, fault, control call and event code of the twin."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from adyen_twin import app
from adyen_twin.core import faults
from adyen_twin.core.settings import Knobs
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import change_checks

PAGE = (Path(__file__).parents[2] / "docs" / "twin.md").read_text(encoding="utf-8")
PROSE = re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
#: Every text that the page sets as code, outside of its examples.
NAMED = set(re.findall(r"`([^`]+)`", PROSE))


def is_named(word: str) -> bool:
    """Whether the word is in a text that the page sets as code."""
    return any(word in name for name in NAMED)


@pytest.mark.parametrize("field", msgspec.structs.fields(Knobs), ids=lambda field: field.name)
def test_every_knob_is_on_the_page(field: msgspec.structs.FieldInfo) -> None:
    assert field.encode_name in NAMED


@pytest.mark.parametrize("kind", get_args(faults.AnyFault), ids=lambda kind: kind.__name__)
def test_every_fault_and_its_fields_are_on_the_page(kind: type[faults.Fault]) -> None:
    fields = msgspec.structs.fields(kind)

    assert kind.__struct_config__.tag in NAMED
    assert [field.encode_name for field in fields if not is_named(field.encode_name)] == []


def test_every_rule_whose_answer_a_knob_can_change_is_on_the_page() -> None:
    assert set() == change_checks.RULE_NAMES - NAMED


def test_every_control_call_is_on_the_page() -> None:
    paths = {
        re.sub(r"\{.*", "", route.path).rstrip("/")
        for route in app.build(Twin()).routes
        if route.path.startswith("/twin/")
    }

    assert [path for path in sorted(paths) if not is_named(path)] == []


def test_every_event_code_that_the_twin_sends_is_on_the_page() -> None:
    source = Path(app.__file__).parent
    code = "\n".join(file.read_text(encoding="utf-8") for file in source.rglob("*.py"))
    sent = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', code)) & EVENTS

    assert sent - NAMED == set()
    assert len(sent) == len(EVENTS)


#: The event codes that the twin can send.
EVENTS = {
    *("AUTHORISATION", "CANCELLATION", "CANCEL_OR_REFUND", "CAPTURE", "CAPTURE_FAILED"),
    *("CHARGEBACK_REVERSED", "DISPUTE_DEFENSE_PERIOD_ENDED", "INFORMATION_SUPPLIED"),
    *("NOTIFICATION_OF_CHARGEBACK", "PREARBITRATION_LOST", "PREARBITRATION_WON"),
    "SECOND_CHARGEBACK",
    *(
        "CHARGEBACK",
        "EXPIRE",
        "OFFER_CLOSED",
        "RECURRING_CONTRACT",
        "REFUND",
        "REFUNDED_REVERSED",
        "REFUND_FAILED",
    ),
    "TECHNICAL_CANCEL",
}
