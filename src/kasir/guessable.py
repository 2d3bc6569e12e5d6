"""Secrets that anybody knows or may guess: enough for the twin, not for money.

What stands in this repository is known to everybody; what is short, or repeats a few letters, is
found by trying. Nothing here repeats a secret in its words.
"""

from __future__ import annotations

from typing import Final

#: The defaults of the twin and of `kasir demo`.
TWIN_KEY: Final = "twin-api-key"
TWIN_MERCHANT: Final = "TwinMerchant"
TWIN_SECRET: Final = "nothing-that-the-twin-tells-is-secret"
DEMO_KEY: Final = "demo-api-key"
PUBLISHED: Final = frozenset({TWIN_KEY, TWIN_MERCHANT, TWIN_SECRET, DEMO_KEY})

#: What is drawn by chance has many more different letters, or bytes, than this.
_DIFFERENT_MIN: Final = 8


def published(text: str) -> str | None:
    """Say that a value is the twin's or the demo's; nothing where it is not."""
    if text in PUBLISHED:
        return "is the twin's or the demo's, which everybody knows; with live give your own"
    return None


def guessable(secret: str | bytes, least: int, maker: str) -> str | None:
    """Say why a secret is none and how to make one; nothing where it may be one.

    Args:
        secret: The secret.
        least: How many characters, or bytes, it has at least.
        maker: What makes one, as the cure names it.
    """
    if isinstance(secret, str) and (known := published(secret)):
        return f"{known}; {maker} makes one"
    unit = "characters" if isinstance(secret, str) else "bytes"
    if len(secret) < least:
        return f"is too short for live; give {least} {unit} or more, as {maker} makes them"
    if len(set(secret)) < _DIFFERENT_MIN:
        return f"repeats a few {unit}, which is guessed; use one that {maker} makes"
    return None
