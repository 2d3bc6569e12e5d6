"""Relays notices to the shop's own Adyen handler, in order; each until it is accepted.

A worker runs this for each job `relay`. The job has taken the queue (`store/relay.py`), so one
worker at a time sends. A worker that dies after it sent a notice and before it recorded the answer
leaves the notice in the queue, and it is sent again: the handler may get a notice twice, as from
Adyen.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from kasir.clock import Clock
from kasir.errors import KasirError, SettingError
from kasir.relay.choosing import is_wanted
from kasir.relay.sealing import Message, message_of
from kasir.relay_settings import RelaySettings
from kasir.shop_events.sender import SendResult, ShopClient
from kasir.store import relay
from kasir.store.database import Pool
from kasir.store.inbox import NoticeKind
from kasir.store.relay import WaitingNotice
from kasir.store.vault import Vault

#: The errors of a try without a request, because the notice could not be prepared.
_SEALED: Final = "no KASIR_SECRET_KEY opens it"
_UNSIGNABLE: Final = "it cannot be signed anew"

_log = structlog.get_logger("kasir.relay")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Relays notices.

    Attributes:
        pool: The database.
        vault: Decrypts notices.
        clock: Kasir's clock.
        gaps: The waits after the first, second, ... failed try; the last one is repeated.
        lease: For how long a running job has the queue without a sign of life.
        run_max: The most notices of one run.
        is_live: The platform of an envelope, where the received one named none.
        settings: The handler's addresses and keys; None if nothing is relayed.
    """

    pool: Pool
    vault: Vault
    clock: Clock
    gaps: Sequence[timedelta]
    lease: timedelta
    run_max: int
    is_live: bool
    settings: RelaySettings | None

    async def run(self, holder: str, client: ShopClient, stop: asyncio.Event) -> None:
        """Send waiting notices, oldest first, until one fails, none waits or `stop` is set.

        `holder` is the token of the job that has taken the queue.
        """
        for _ in range(self.run_max):
            # Without settings, the job is from before they were removed.
            if (settings := self.settings) is None or stop.is_set():
                break
            notice = await relay.first(self.pool, holder, self.lease)
            if notice is None:
                break
            if not notice.sealed_item:
                await self._drop(notice)
                continue
            url = _address(settings, notice.kind)
            is_sent = is_wanted(settings.send, notice.state, notice.kind, notice.event_code)
            if url and is_sent is None:
                break  # It is not read yet, so nobody knows whose it is.
            if not url or not is_sent:
                # Nothing changes if the notice was read again meanwhile. It is chosen again then.
                await relay.skip(self.pool, notice, self.clock.now())
            elif not await self._is_accepted(notice, holder, url, settings, client):
                return
        await relay.release(self.pool, holder)

    async def _drop(self, notice: WaitingNotice) -> None:
        """Drop a notice whose body was deleted at the moment at which it was to be resent."""
        _log.warning("a notification to relay has no body any more", notice=notice.notice_id)
        await relay.drop(self.pool, [notice.notice_id], self.clock.now(), batch_max=1)

    async def _is_accepted(
        self,
        notice: WaitingNotice,
        holder: str,
        url: str,
        settings: RelaySettings,
        client: ShopClient,
    ) -> bool:
        """Send a notice and record the result; return whether the handler accepted it."""
        result = await self._send(notice, url, settings, client)
        now, status = self.clock.now(), result.status
        if result.is_taken and status is not None:
            await relay.accept(self.pool, notice.id, holder, now, status)
            return True
        gap = self.gaps[min(notice.failures, len(self.gaps) - 1)]
        _log.warning(
            "a notification was not relayed",
            notice=notice.notice_id,
            status=status,
            error=result.error,
            failures=notice.failures + 1,
        )
        await relay.fail(
            self.pool,
            notice.id,
            holder,
            at=now,
            due_at=now + gap,
            status=status,
            error=result.error,
        )
        return False

    async def _send(
        self, notice: WaitingNotice, url: str, settings: RelaySettings, client: ShopClient
    ) -> SendResult:
        try:
            message = self._message(notice, settings)
        except SettingError:
            return SendResult(error=_SEALED)
        except (KasirError, RecursionError):
            return SendResult(error=_UNSIGNABLE)
        return await client.post(url, message.body, {**message.headers, **_basic(settings)})

    def _message(self, notice: WaitingNotice, settings: RelaySettings) -> Message:
        return message_of(
            notice.kind,
            self.vault.open(notice.sealed_item),
            notice.signature,
            is_live=self.is_live if notice.is_live is None else notice.is_live,
            keys=(_current(settings.hmac_keys), _current(settings.token_hmac_keys)),
        )


def _address(settings: RelaySettings, kind: NoticeKind) -> str | None:
    """The handler's address for notices of a kind; None if they are not relayed."""
    return settings.tokens_url if kind is NoticeKind.TOKENS else settings.url


def _current(keys: Sequence[bytes]) -> bytes | None:
    """The key that signs: the current one; None without keys."""
    return keys[0] if keys else None


def _basic(settings: RelaySettings) -> dict[str, str]:
    """The header of HTTP basic authentication, if it is set."""
    if settings.user is None:
        return {}
    credentials = f"{settings.user}:{settings.password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
