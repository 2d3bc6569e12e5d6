"""How much of the provider's queue of notifications has been delivered to Kasir.

The provider sends its notifications one after another. If Kasir does not accept a notification, the
later ones wait until it does. So all events before the newest notified event were notified too.
While notifications of old events arrive, more of them are still in the queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """What the inbox shows about the provider's queue.

    Attributes:
        notified_until: The time of the newest notified event of Kasir's payments.
        late_at: When the last notification came that had waited in the queue for too long.
        unread_since: When the oldest unread notice came; None if all are read.
    """

    notified_until: datetime | None = None
    late_at: datetime | None = None
    unread_since: datetime | None = None

    def are_late(self, now: datetime, wait: timedelta) -> bool:
        """Whether notices are known to be missing: in the provider's queue, or unread in Kasir."""
        came_late = self.late_at is not None and now <= self.late_at + wait
        is_unread = self.unread_since is not None and now > self.unread_since + wait
        return came_late or is_unread

    def cover(self, moment: datetime) -> bool:
        """Whether an event that happened at this moment or later was notified."""
        return self.notified_until is not None and self.notified_until >= moment
