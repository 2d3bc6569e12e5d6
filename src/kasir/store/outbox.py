"""Writes what the shop is told, in the transaction of the change that it tells of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from kasir.clock import Clock
from kasir.ids import Ids
from kasir.shop_events.event_policy import EventType
from kasir.store.database import Connection, queries
from kasir.store.vault import Vault
from kasir.subscriptions.events import SubscriptionEvent

SQL: Final = queries("events")


@dataclass(frozen=True, slots=True)
class Telling:
    """An event to write: of what, which, and the thing as it now stands."""

    subject: str
    event: EventType | SubscriptionEvent
    data: msgspec.Struct


@dataclass(frozen=True, slots=True)
class Outbox:
    """Where events are written.

    `is_pushed` says whether they are delivered, or wait to be fetched.
    """

    ids: Ids
    clock: Clock
    vault: Vault
    is_pushed: bool

    async def write(self, connection: Connection, tellings: Sequence[Telling]) -> None:
        """Write events, in order, in the form of Standard Webhooks; in the caller's transaction."""
        if not tellings:
            return
        now = self.clock.now()
        bodies = [
            msgspec.json.encode({"type": telling.event, "timestamp": now, "data": telling.data})
            for telling in tellings
        ]
        await SQL.add_events(
            connection,
            names=[self.ids.new("evt") for _ in tellings],
            subjects=[telling.subject for telling in tellings],
            types=[telling.event for telling in tellings],
            payloads=[self.vault.seal(body) for body in bodies],
            now=now,
            due_at=now if self.is_pushed else None,
        )
