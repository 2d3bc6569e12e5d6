"""The second factor: six digits that an app shows for half a minute (TOTP, RFC 6238)."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Final

import pyotp

#: How long a code is shown.
_STEP_S: Final = 30
#: The codes before and after the present one are accepted too, because clocks differ.
_STEPS_APART: Final = (0, -1, 1)
_ISSUER: Final = "Kasir"


def new_secret() -> str:
    """Make the secret that the app and Kasir share, in base 32."""
    return pyotp.random_base32()


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that a code is for; None for a wrong code.

    A code is used once: the caller stores the step, and refuses it and all earlier ones afterwards.
    """
    digits = "".join(code.split())
    totp, present = pyotp.TOTP(secret), int(now.timestamp()) // _STEP_S
    for apart in _STEPS_APART:
        right = totp.generate_otp(present + apart)
        if hmac.compare_digest(right.encode(), digits.encode()):
            return present + apart
    return None


def app_uri(secret: str, name: str) -> str:
    """Return the address that the app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER)
