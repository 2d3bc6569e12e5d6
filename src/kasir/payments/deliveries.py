"""How far the provider's notifications have come: what it has told us of, and up to when.

The provider sends its notifications one after another, and those that follow wait behind one that
we did not take. So whatever happened before the newest thing that we were told of was told already;
and while what comes is old, more of the same is still on its way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """What the inbox says of the provider's queue.

    Attributes:
        told_until: When the newest thing happened that we were told of, of payments of ours.
        late_at: When something came last that had been waiting to be delivered for too long.
        unread_since: When the oldest notice came that nobody has read; None where all are read.
    """

    told_until: datetime | None = None
    late_at: datetime | None = None
    unread_since: datetime | None = None

    def are_late(self, now: datetime, wait: timedelta) -> bool:
        """Whether news is known to be on its way: in the provider's queue, or unread in ours."""
        came_late = self.late_at is not None and now <= self.late_at + wait
        is_unread = self.unread_since is not None and now > self.unread_since + wait
        return came_late or is_unread

    def cover(self, moment: datetime) -> bool:
        """Whether we were told of something that happened as late as this moment."""
        return self.told_until is not None and self.told_until >= moment
