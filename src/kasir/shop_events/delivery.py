"""Delivers an event to the shop at least once; retries it until its schedule ends.

A worker runs this once for each job `deliver`. The search for due events, `jobs/due.py`, makes sure
that the events of one payment are sent in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from kasir.clock import Clock
from kasir.errors import SettingError
from kasir.shop_events.sender import EventSender, SendResult
from kasir.store import outbox
from kasir.store.database import Pool
from kasir.store.outbox import StoredEvent, WaitingEvent
from kasir.store.vault import Vault
from kasir.telemetry import context
from kasir.telemetry.origin import continuing

#: The error of a try that failed because none of Kasir's secret keys decrypts the event.
_SEALED: Final = "no KASIR_SECRET_KEY opens it"

_log = structlog.get_logger("kasir.events")


@dataclass(frozen=True, slots=True)
class EventDelivery:
    """Delivers events.

    Attributes:
        pool: The database.
        vault: Decrypts the bodies of events.
        gaps: The wait before each try, including the first one. An event is tried as often as
            there are gaps, and then given up.
        clock: Kasir's clock.
    """

    pool: Pool
    vault: Vault
    gaps: Sequence[timedelta]
    clock: Clock

    async def deliver(self, event_id: int, sender: EventSender) -> None:
        """Try once to deliver the event with this row id, and write when it is tried next."""
        event = await outbox.waiting_event(self.pool, event_id)
        if event is None:
            return  # Another job delivered it, or gave it up.
        if event.is_paused:  # Since the job was queued.
            await outbox.put_back(self.pool, event_id, self.clock.now())
            return
        with continuing(event.origin), context.subject(event.subject):
            await self._deliver(event_id, event, sender)

    async def _deliver(self, event_id: int, event: WaitingEvent, sender: EventSender) -> None:
        result = await self._send(event, sender)
        now, tries = self.clock.now(), event.tries + 1
        due_at = None if result.is_taken else self._next_try(now, tries)
        await outbox.add_try(
            self.pool,
            event_id,
            at=now,
            status=result.status,
            error=result.error,
            is_taken=result.is_taken,
            due_at=due_at,
        )
        if not result.is_taken and due_at is None:
            _log.error("an event was given up", name=event.name, type=event.type, tries=tries)

    def _next_try(self, now: datetime, tries: int) -> datetime | None:
        """When an event is tried next after `tries` failed tries; None if it is given up."""
        return now + self.gaps[tries] if tries < len(self.gaps) else None

    async def _send(self, event: WaitingEvent, sender: EventSender) -> SendResult:
        try:
            payload = self.vault.open(event.sealed_payload)
        except SettingError as error:
            _log.error("an event cannot be opened", name=event.name, error=str(error))
            return SendResult(error=_SEALED)
        return await sender.send(StoredEvent(event.name, payload))
