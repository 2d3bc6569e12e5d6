"""Plans: list them, make one, and sign a shopper up to one by a link."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler

from kasir.desk.acts import Asked, act
from kasir.desk.form_fields import chosen_field, rupiah_field
from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, money, page
from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.money import IDR
from kasir.shop_events.subscription_shapes import shown_plan
from kasir.subscriptions.plan import Unit, WhenUnpaid

_PATH: Final = "/desk/plans"
SECTION: Final = add_section("plans", _PATH)
_LISTED_MAX: Final = 100
#: The fields of a plan that are whole numbers, and may be left out.
_NUMBERS: Final = ("trialDays", "cycles", "noticeDays")
_FIELDS: Final = ("reference", "amount", "unit", "count", "whenUnpaid", *_NUMBERS)


@page(_PATH)
async def get_plans(visit: OurVisit) -> Page:
    """List the newest plans."""
    visit.check_query()
    plans = await visit.parts.subscriptions.plans(_LISTED_MAX)
    return visit.page(
        "plans.html",
        plans=[shown_plan(plan) for plan in plans],
        units=[(unit, visit.text(f"unit_{unit}")) for unit in Unit],
        unpaid=[(one, visit.text(f"unpaid_{one}")) for one in WhenUnpaid],
    )


@act("plan.create", f"{_PATH}/create", fields=_FIELDS)
async def create(asked: Asked) -> Page:
    """Make a plan. A plan never changes, so it is shown once more first."""
    visit, body = asked.visit, _plan(asked)
    if not asked.is_confirmed:
        interval = body["interval"]
        one = "one_" if interval["count"] == 1 else ""
        every = visit.text(f"every_{one}{interval['unit']}", count=str(interval["count"]))
        facts = [
            (visit.text("reference"), body["reference"]),
            (visit.text("amount"), money(body["amount"])),
            (visit.text("interval"), every),
        ]
        return asked.second_look(visit.text("look_plan.create"), facts)
    async with asked.recorded(body["reference"]) as record:
        plan = await visit.parts.subscribing.make_plan(msgspec.json.encode(body))
        record.after = {"id": plan.id, "amount": plan.amount.minor_units}
    return asked.done(_PATH, "plan_created")


@act(
    "subscription.sign_up",
    f"{_PATH}/{{plan_id:str}}/sign_up",
    fields=("shopperReference", "returnUrl", "reference"),
)
async def sign_up(asked: Asked) -> Page:
    """Sign a shopper up by a link, which is shown to be sent to the shopper."""
    visit, fields, plan_id = asked.visit, asked.fields, asked.path["plan_id"]
    if await visit.parts.subscriptions.plan(plan_id) is None:
        raise NotFound("plan", plan_id)
    body = {
        "plan": plan_id,
        "shopperReference": fields.get("shopperReference", "").strip(),
        "returnUrl": fields.get("returnUrl", "").strip(),
        "signUpBy": "link",
    }
    if reference := fields.get("reference", "").strip():
        body["reference"] = reference
    async with asked.recorded(body["shopperReference"], {"plan": plan_id}) as record:
        name, _ = await visit.parts.subscribing.sign_up(msgspec.json.encode(body), None)
        record.after = {"id": name}
    return asked.done(f"/desk/subscriptions/{name}", "signed_up")


def _plan(asked: Asked) -> dict[str, Any]:
    """The body of the request for a plan.

    Raises:
        InvalidRequest: A field is not what it must be.
    """
    fields = asked.fields
    amount = rupiah_field(fields, "amount")
    if amount is None:
        raise InvalidRequest([Fault("amount", "give the rupiah of each period.")])
    body: dict[str, Any] = {
        "reference": fields.get("reference", "").strip(),
        "amount": {"currency": IDR, "value": amount},
        "interval": {
            "unit": chosen_field(fields, "unit", tuple(Unit)) or Unit.MONTH,
            "count": rupiah_field(fields, "count") or 1,
        },
    }
    for name in _NUMBERS:
        number = rupiah_field(fields, name)
        if number is not None:
            body[name] = number
    if unpaid := chosen_field(fields, "whenUnpaid", tuple(WhenUnpaid)):
        body["whenUnpaid"] = unpaid
    return body


ROUTES: Final[list[HTTPRouteHandler]] = [get_plans, create, sign_up]
