"""Lists payment links, which are made and withdrawn at `/paymentLinks`: `/api/links`."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import get
from litestar.params import QueryParameter

from kasir.http_types import AnyRequest, OurParts
from kasir.payments.links import Link, LinkStatus
from kasir.shop_events.shapes import AmountOut, Moment
from kasir.web.keys import keyed_router
from kasir.web.query_parameters import After, check_parameters_and_no_body

_LISTED_MAX: Final = 100
_PARAMETERS: Final = frozenset({"limit", "after"})


class ListedLinkOut(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A payment link. `withdrawnAt` is when the shop withdrew it, if it did."""

    id: str
    url: str
    status: LinkStatus
    reference: str
    amount: AmountOut
    created_at: Moment
    expires_at: Moment
    withdrawn_at: Moment | None = None
    shopper_reference: str = ""
    description: str = ""
    reusable: bool = False


class LinksOut(msgspec.Struct):
    """A page of links, newest first; `next` is the `after` of the following page."""

    links: list[ListedLinkOut]
    next: str | None


Limit = Annotated[
    int, QueryParameter(name="limit", ge=1, le=_LISTED_MAX, description="How many at most.")
]


@get("/api/links")
async def get_links(
    request: AnyRequest, parts: OurParts, limit: Limit = _LISTED_MAX, after: After = ""
) -> LinksOut:
    """List payment links, newest first."""
    await check_parameters_and_no_body(request, _PARAMETERS)
    found = await parts.links.listed(after, limit + 1)
    listed = [link_out(link, status, parts.settings.public_url) for link, status in found[:limit]]
    return LinksOut(listed, listed[-1].id if len(found) > limit else None)


def link_out(link: Link, status: LinkStatus, public_url: str) -> ListedLinkOut:
    """A link in the shape that shops read."""
    amount = link.request["amount"]
    return ListedLinkOut(
        id=link.id,
        url=f"{public_url}/pay/{link.id}",
        status=status,
        reference=link.request["reference"],
        amount=AmountOut(amount["currency"], amount["value"]),
        created_at=link.created_at,
        expires_at=link.expires_at,
        withdrawn_at=link.expired_by_shop_at,
        shopper_reference=str(link.request.get("shopperReference") or ""),
        description=str(link.request.get("description") or ""),
        reusable=bool(link.request.get("reusable")),
    )


ROUTES: Final = keyed_router("Kasir", [get_links])
