"""What is kept under lock at rest: tokens, raw notifications, and the words exchanged with Adyen.

Fernet (AES-128-CBC with HMAC-SHA256) under keys drawn from KASIR_SECRET_KEY. The first key seals;
any of them opens, so a key can be replaced while what the old one sealed is still read.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kasir.errors import SettingError


class Vault:
    """Seals bytes and opens them again."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(_key(secret)) for secret in secrets])

    def seal(self, plain: bytes) -> bytes:
        """Bytes that say nothing without the key."""
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """What was sealed.

        Raises:
            SettingError: None of the keys opens it.
        """
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            cure = "does not open what is kept; give the key it was kept under as the second one"
            raise SettingError("KASIR_SECRET_KEY", cure) from None


def _key(secret: str) -> bytes:
    drawn = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"kasir at rest")
    return base64.urlsafe_b64encode(drawn.derive(secret.encode()))
