"""The paths of the payment form."""

from __future__ import annotations

from typing import Final

#: Every path of the form begins with this prefix.
FORM_PATH: Final = "/pay/"
