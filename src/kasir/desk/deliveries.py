"""Deliveries: what was sent to the shop, each try, sending again, and pausing an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kasir.desk.acts import Asked, act
from kasir.desk.form_fields import chosen_field, moment_field
from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, page
from kasir.errors import Fault, InvalidRequest
from kasir.operations.deliveries import Address
from kasir.store.deliveries import AddressName, DeliveryFilter, DeliveryState

_PATH: Final = "/desk/deliveries"
SECTION: Final = add_section("deliveries", _PATH)
_LISTED_MAX: Final = 50
_FILTERS: Final = ("to", "state", "event", "payment")


@page(_PATH)
async def get_deliveries(visit: OurVisit) -> Page:
    """List deliveries, and show what waits for each address."""
    visit.check_query(*_FILTERS, "after")
    query = visit.query
    state = chosen_field(query, "state", tuple(DeliveryState))
    wanted = DeliveryFilter(
        state=DeliveryState(state) if state else None,
        event=query.get("event", "").strip(),
        payment=query.get("payment", "").strip(),
    )
    found = await visit.parts.deliveries.listed(
        wanted, query.get("to", ""), _LISTED_MAX, query.get("after", "")
    )
    any_one = ("", visit.text("any"))
    return visit.page(
        "deliveries.html",
        page=found,
        addresses=await visit.parts.deliveries.addresses(),
        states=[any_one, *((one, visit.text(f"delivery_{one}")) for one in DeliveryState)],
        names=[any_one, *((one, visit.text(f"address_{one}")) for one in AddressName)],
    )


@page(f"{_PATH}/{{delivery_id:str}}")
async def get_delivery(visit: OurVisit, delivery_id: FromPath[str]) -> Page:
    """Show one delivery with all its tries."""
    visit.check_query()
    return visit.page("delivery.html", sent=await visit.parts.deliveries.find(delivery_id))


@act("delivery.resend", f"{_PATH}/{{delivery_id:str}}/resend")
async def resend(asked: Asked) -> Page:
    """Send one delivery once more, with the same id."""
    deliveries, name = asked.visit.parts.deliveries, asked.path["delivery_id"]
    before = await deliveries.find(name)
    async with asked.recorded(name, {"state": before.delivery.state}) as record:
        after = await deliveries.resend(name)
        record.after = {"state": after.delivery.state}
    return asked.done(f"{_PATH}/{name}", "delivery_resent")


@act("delivery.resend_since", f"{_PATH}/resend", fields=("since", "until", "to"))
async def resend_since(asked: Asked) -> Page:
    """Send again what ended since a time; with more than one call can take, shows from when on."""
    visit, fields = asked.visit, asked.fields
    since, until = moment_field(fields, "since"), moment_field(fields, "until")
    to = chosen_field(fields, "to", tuple(AddressName))
    if since is None:
        raise InvalidRequest([Fault("since", visit.text("since_missing"))])
    name = visit.text(f"address_{to}") if to else visit.text("any")
    if not asked.is_confirmed:
        facts = [(visit.text("to"), name), (visit.text("since"), visit.date_time(since))]
        if until:
            facts.append((visit.text("until"), visit.date_time(until)))
        return asked.second_look(visit.text("resend_since_look"), facts)
    period = {"since": since.isoformat(), "until": until and until.isoformat()}
    async with asked.recorded(to or "all", period) as record:
        resent = await visit.parts.deliveries.resend_since(since, until, to)
        left = resent.left_since.isoformat() if resent.left_since else None
        record.after = {"resent": resent.count, "leftSince": left}
    sentence = visit.text("resent_count", count=str(resent.count))
    if resent.left_since:
        sentence = f"{sentence} {visit.text('resent_left', since=str(left))}"
    return visit.message_page("act_delivery.resend_since", sentence, 200, _PATH)


@act("address.pause", f"{_PATH}/addresses/{{name:str}}/pause")
async def pause(asked: Asked) -> Page:
    """Send nothing to an address; what is for it waits."""
    name = _address(asked)
    deliveries = asked.visit.parts.deliveries
    async with asked.recorded(name, _paused(await deliveries.addresses(), name)) as record:
        record.after = _paused([await deliveries.pause(name)], name)
    return asked.done(_PATH, "address_paused")


@act("address.resume", f"{_PATH}/addresses/{{name:str}}/resume")
async def resume(asked: Asked) -> Page:
    """Send to an address again."""
    name = _address(asked)
    deliveries = asked.visit.parts.deliveries
    async with asked.recorded(name, _paused(await deliveries.addresses(), name)) as record:
        record.after = _paused([await deliveries.resume(name)], name)
    return asked.done(_PATH, "address_resumed")


def _address(asked: Asked) -> str:
    return chosen_field(asked.path, "name", tuple(AddressName))


def _paused(addresses: Sequence[Address], name: str) -> dict[str, Any]:
    """What the audit log has of an address: since when it is paused."""
    paused_at = next(one.paused_at for one in addresses if one.name == name)
    return {"pausedAt": paused_at and paused_at.isoformat()}


ROUTES: Final[list[HTTPRouteHandler]] = [
    get_deliveries,
    get_delivery,
    resend,
    resend_since,
    pause,
    resume,
]
