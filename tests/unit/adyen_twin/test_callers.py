"""The twin's controls answer only to callers on this machine."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from adyen_twin.controls import callers
from adyen_twin.controls.requests import ControlError


@pytest.mark.parametrize(
    ("host", "is_accepted"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.168.1.7", False),
        ("::ffff:10.0.0.1", False),
        ("", False),
        ("testclient", False),
    ],
)
def test_controls_answer_only_to_this_machine(host: str, is_accepted: bool) -> None:
    class Connection:
        client = type("Client", (), {"host": host})()

    expected = nullcontext() if is_accepted else pytest.raises(ControlError, match="machine")
    with expected:
        callers.only_this_machine(Connection(), None)  # type: ignore[arg-type]
