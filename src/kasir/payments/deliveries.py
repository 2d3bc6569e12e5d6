"""How much of the provider's queue of notifications has been delivered to Kasir.

The provider sends its notifications one after another, in a queue. If Kasir does not accept a
notification, the later notifications wait until Kasir does. So Kasir has the notifications of all
events before the newest notified event. While notifications of old events arrive, more of them are
still in the queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """What the inbox shows about the provider's queue.

    Attributes:
        notified_until: The time of the newest event of Kasir's payments that was notified; None if
            there is none.
        late_at: When the last notification came that had waited in the queue for too long; None if
            there is none.
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
        """Whether Kasir has a notification of an event at this moment or later."""
        return self.notified_until is not None and self.notified_until >= moment
