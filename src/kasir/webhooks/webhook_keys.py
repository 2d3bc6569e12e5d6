"""The HMAC keys that verify standard notifications of the environment's account.

They are those of ADYEN_HMAC_KEY, and those that `kasir setup` stored. A running server reads the
stored keys again when no key that it knows verifies a notification.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

import structlog

from kasir.config import HMAC_KEY_CURE
from kasir.errors import SettingError
from kasir.store import webhook_keys
from kasir.store.database import DRIVER_ERRORS, Pool
from kasir.store.vault import Vault

_log = structlog.get_logger("kasir.webhooks")

#: The shortest wait between two reads of the stored keys. Anybody can send a wrong signature.
_READ_EVERY_S: Final = 0.2


class WebhookKeys:
    """The keys of one account.

    Args:
        pool: The account's tables.
        vault: Decrypts the stored keys.
        own: The keys of ADYEN_HMAC_KEY.
    """

    def __init__(self, pool: Pool, vault: Vault, own: tuple[bytes, ...]) -> None:
        self._pool = pool
        self._vault = vault
        self._own = own
        self._stored: tuple[bytes, ...] = ()
        self._read_at = -_READ_EVERY_S
        self._reading = asyncio.Lock()

    @property
    def all(self) -> tuple[bytes, ...]:
        """Every key that is accepted."""
        return (*self._own, *self._stored)

    async def read(self) -> None:
        """Read the stored keys.

        Raises:
            SettingError: There is no key at all.
        """
        self._stored = await webhook_keys.keys(self._pool, self._vault)
        if not self.all:
            raise SettingError("ADYEN_HMAC_KEY", HMAC_KEY_CURE)

    async def refresh(self) -> None:
        """Read the stored keys again, at most once in a while; they stay if that fails."""
        async with self._reading:  # Requests that fail together wait for one read.
            if monotonic() < self._read_at + _READ_EVERY_S:
                return
            self._read_at = monotonic()
            try:
                self._stored = await webhook_keys.keys(self._pool, self._vault)
            except DRIVER_ERRORS as error:
                _log.warning("stored webhook keys were not read", error=type(error).__name__)
