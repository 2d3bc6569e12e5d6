"""The formats of the twin's random names."""

from __future__ import annotations

import re

from adyen_twin.core import names


def test_names_have_adyens_formats() -> None:
    assert re.fullmatch(r"[A-Z0-9]{16}", names.psp_reference())
    assert names.redirect_data().startswith("X3XtfGC9!H4s")
    assert names.redirect_result().startswith("X6XtfGC3!Y")
    assert names.psp_reference() != names.psp_reference()
