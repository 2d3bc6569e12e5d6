"""The error about a control call with an invalid body."""

from __future__ import annotations

import pytest

from adyen_twin.controls.requests import ControlError, ShopperAction, read


@pytest.mark.parametrize(
    "raw", [b"[]", b'"text"', b"[7]", b'{"url": {"url": 1}, "do": 1}', b"null"]
)
def test_an_invalid_body_is_answered_with_an_error(raw: bytes) -> None:
    with pytest.raises(ControlError) as caught:
        read(raw, ShopperAction)

    assert caught.value.status == 422
    assert caught.value.body["error"]
