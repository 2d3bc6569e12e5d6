"""Secrets that are published or can be guessed. They may be used with the twin, not in live.

A secret in this repository is published. A short secret, or one that repeats a few characters, can
be guessed. No message here contains a secret.
"""

from __future__ import annotations

from typing import Final

#: The defaults of the twin and of `kasir demo`.
TWIN_KEY: Final = "twin-api-key"
TWIN_MERCHANT: Final = "TwinMerchant"
TWIN_SECRET: Final = "nothing-that-the-twin-tells-is-secret"
DEMO_KEY: Final = "demo-api-key"
PUBLISHED: Final = frozenset({TWIN_KEY, TWIN_MERCHANT, TWIN_SECRET, DEMO_KEY})

#: A random secret has many more different characters, or bytes, than this.
_DIFFERENT_MIN: Final = 8


def published(text: str) -> str | None:
    """What is wrong with a value that is the twin's or the demo's; None for any other value."""
    if text in PUBLISHED:
        return "is the twin's or the demo's, which is published; in live give your own"
    return None


def guessable(secret: str | bytes, least: int, maker: str) -> str | None:
    """Why a secret can be guessed, and how to make a better one; None for a good secret.

    Args:
        secret: The secret.
        least: How many characters, or bytes, it must have.
        maker: The command or page that makes such a secret, as the message names it.
    """
    if isinstance(secret, str) and (known := published(secret)):
        return f"{known}; {maker} makes one"
    unit = "characters" if isinstance(secret, str) else "bytes"
    if len(secret) < least:
        return f"is too short for live; give {least} {unit} or more, as {maker} makes them"
    if len(set(secret)) < _DIFFERENT_MIN:
        return f"repeats a few {unit}, which is guessed; use one that {maker} makes"
    return None
