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
        found = await deliveries.deliveries(pool, DeliveryState(state), most)
    table(found, _line, state, as_json=as_json)


def _line(one: Delivery) -> str:
    when = one.created_at.isoformat(timespec="seconds")
    last = f"{len(one.tries)} tries, the last: {one.tries[-1]}" if one.tries else "not tried yet"
    return f"{one.id}  {when}  {one.event:<28} {one.subject}  {last}"


async def resend_deliveries(names: Sequence[str]) -> None:
    """Make events due again, and print how many.

    Raises:
        SettingError: A name belongs to no event, or to one that waits already. The other events
            are sent all the same.
    """
    now = SystemClock().now()
    async with opened() as (pool, _):
        resent = await deliveries.resend(pool, names, now)
        older = 0 if names else await deliveries.left(pool, now, Limits().figures_max)
    print(f"{len(resent)} to be sent again")
    if older:
        print(
            f"{older} were given up more than {deliveries.RESENT_WITHIN.days} days ago and are "
            "not; name those that the shop is to have all the same"
        )
    if left := sorted({*names} - {*resent}):
        cure = "is no event's id, or waits already; `kasir deliveries --state waiting` shows those"
        raise SettingError(", ".join(left), cure)
