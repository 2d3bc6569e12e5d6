"""Encrypts sensitive data before it is stored: tokens, notifications, and messages to and from
Adyen.

The cipher is AES-256-GCM. Its keys are derived from the secrets in KASIR_SECRET_KEY. The first key
encrypts, and every key decrypts, so a secret can be replaced while older data stays readable.
Nonces are random, which is safe for 2^32 encryptions with one key: hundreds of millions of
payments. Data of earlier versions of Kasir, which used Fernet, can still be decrypted.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kasir.errors import SettingError

#: The first byte of data that this version encrypted; data of earlier versions begins with `g`.
_FORMAT: Final = b"\x01"
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = len(_FORMAT) + _NONCE_BYTES


class Vault:
    """Encrypts bytes (`seal`) and decrypts them (`open`)."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._ciphers = [AESGCM(_key(secret, b"kasir at rest, AES-256-GCM")) for secret in secrets]
        earlier = (_key(secret, b"kasir at rest") for secret in secrets)
        self._earlier = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in earlier])

    def seal(self, plain: bytes) -> bytes:
        """Encrypt bytes with the first encryption key."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._ciphers[0].encrypt(nonce, plain, _FORMAT)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt bytes.

        Raises:
            SettingError: No encryption key decrypts the bytes.
        """
        opened = self._open(sealed) if sealed.startswith(_FORMAT) else self._open_earlier(sealed)
        if opened is None:
            cure = "cannot decrypt the stored data; give the earlier key as the second one"
            raise SettingError("KASIR_SECRET_KEY", cure)
        return opened

    def _open(self, sealed: bytes) -> bytes | None:
        nonce, rest = sealed[len(_FORMAT) : _HEAD_BYTES], sealed[_HEAD_BYTES:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, rest, _FORMAT)
            except (InvalidTag, ValueError):  # ValueError: the data ends within the nonce.
                continue
        return None

    def _open_earlier(self, sealed: bytes) -> bytes | None:
        try:
            return self._earlier.decrypt(sealed)
        except InvalidToken:
            return None


def _key(secret: str, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=use).derive(secret.encode())
