"""`kasir deliveries`: lists events with their deliveries, and sends events again."""

from __future__ import annotations

from collections.abc import Sequence

from kasir.cli.operator import opened, table
from kasir.clock import SystemClock
from kasir.errors import SettingError
from kasir.limits import Limits
from kasir.store import deliveries
from kasir.store.deliveries import Delivery, DeliveryState


async def list_deliveries(state: str, most: int, *, as_json: bool) -> None:
    """Print the deliveries in a state, newest first."""
    async with opened() as (pool, _):
        rows = await deliveries.deliveries(pool, DeliveryState(state), most)
    table(rows, _line, state, as_json=as_json)


def _line(delivery: Delivery) -> str:
    when, tries = delivery.created_at.isoformat(timespec="seconds"), delivery.tries
    last = f"{len(tries)} tries, the last: {tries[-1]}" if tries else "not tried yet"
    return f"{delivery.id}  {when}  {delivery.event:<28} {delivery.subject}  {last}"


async def resend_deliveries(ids: Sequence[str]) -> None:
    """Make events due again, and print how many.

    Raises:
        SettingError: An id is not an event's, or its event already waits to be sent. The other
            events are sent nevertheless.
    """
    now = SystemClock().now()
    async with opened() as (pool, _):
        resent = await deliveries.resend(pool, ids, now)
        older = 0 if ids else await deliveries.left(pool, now, Limits().counts_max)
    print(f"{len(resent)} to be sent again")
    if older:
        print(
            f"{older} were given up more than {deliveries.RESENT_WITHIN.days} days ago and are "
            "not sent again; name those that you want to send"
        )
    if not_resent := sorted({*ids} - {*resent}):
        cure = "is no event's id, or waits already; `kasir deliveries --state waiting` shows those"
        raise SettingError(", ".join(not_resent), cure)
