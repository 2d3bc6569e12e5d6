"""Links: make one by hand, show its address to send, and withdraw it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kasir.desk.acts import Asked, act
from kasir.desk.adyen_answers import require_success
from kasir.desk.form_fields import moment_field, rupiah_field
from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, Visit, money, page
from kasir.errors import Fault, InvalidRequest
from kasir.money import IDR
from kasir.payments.links import Link, LinkStatus

_PATH: Final = "/desk/links"
SECTION: Final = add_section("links", _PATH)
_LISTED_MAX: Final = 50
#: The optional fields of the form that are texts of the request for a link.
_TEXTS: Final = ("description", "returnUrl", "shopperReference", "shopperEmail")
_FIELDS: Final = ("reference", "amount", "expiresAt", *_TEXTS)


@page(_PATH)
async def get_links(visit: OurVisit) -> Page:
    """List links, newest first."""
    visit.check_query("after")
    found = await visit.parts.links.listed(visit.query.get("after", ""), _LISTED_MAX + 1)
    page_of = found[:_LISTED_MAX]
    return visit.page(
        "links.html",
        links=page_of,
        next=page_of[-1][0].id if len(found) > _LISTED_MAX else None,
    )


@page(f"{_PATH}/{{link_id:str}}")
async def get_link(visit: OurVisit, link_id: FromPath[str]) -> Page:
    """Show one link, its address, and the payments made through it."""
    visit.check_query()
    found = await visit.parts.links.find(link_id)
    return visit.page(
        "link.html",
        found=found,
        link=found.link,
        address=_address(visit, found.link),
        may_withdraw=found.status is not LinkStatus.COMPLETED and not found.is_over,
    )


@act("link.create", f"{_PATH}/create", fields=_FIELDS)
async def create(asked: Asked) -> Page:
    """Make a link, and show its address."""
    body = _request(asked)
    async with asked.recorded(body["reference"]) as record:
        answer = await asked.visit.parts.links.create(msgspec.json.encode(body))
        require_success(answer)
        link_id = answer.json()["id"]
        record.after = {"id": link_id, "amount": body["amount"]["value"]}
    return asked.done(f"{_PATH}/{link_id}", "link_created")


@act("link.withdraw", f"{_PATH}/{{link_id:str}}/withdraw")
async def withdraw(asked: Asked) -> Page:
    """Withdraw a link: nobody can pay it any more."""
    visit, link_id = asked.visit, asked.path["link_id"]
    found = await visit.parts.links.find(link_id)
    if not asked.is_confirmed:
        request = found.link.request
        facts = [
            (visit.text("reference"), str(request["reference"])),
            (visit.text("amount"), money(request["amount"])),
        ]
        return asked.second_look(visit.text("look_link.withdraw"), facts)
    async with asked.recorded(link_id, {"status": found.status}) as record:
        require_success(await visit.parts.links.update(link_id, b'{"status": "expired"}'))
        record.after = {"status": (await visit.parts.links.find(link_id)).status}
    return asked.done(f"{_PATH}/{link_id}", "link_withdrawn")


def _request(asked: Asked) -> dict[str, Any]:
    """The body of the request for a link.

    Raises:
        InvalidRequest: The amount is missing, or a field is not what it must be.
    """
    fields = asked.fields
    amount = rupiah_field(fields, "amount")
    if amount is None:
        raise InvalidRequest([Fault("amount", "give the rupiah to be paid.")])
    body: dict[str, Any] = {
        "reference": fields.get("reference", "").strip(),
        "amount": {"currency": IDR, "value": amount},
    }
    body |= {name: text for name in _TEXTS if (text := fields.get(name, "").strip())}
    if expires_at := moment_field(fields, "expiresAt"):
        body["expiresAt"] = expires_at.isoformat()
    return body


def _address(visit: Visit, link: Link) -> str:
    return f"{visit.parts.settings.public_url}/pay/{link.id}"


ROUTES: Final[list[HTTPRouteHandler]] = [get_links, get_link, create, withdraw]
