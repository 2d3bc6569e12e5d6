"""What Kasir sends to the shop, its events and relayed notifications: `/api/deliveries`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.params import FromPath, QueryParameter

from kasir.adyen import checks
from kasir.errors import Fault, InvalidRequest
from kasir.http_types import AnyRequest, OurParts
from kasir.operations.deliveries import Address, SentDelivery
from kasir.requests.fields import refuse
from kasir.requests.subscription_fields import own_fields, unknown
from kasir.shop_events.shapes import Moment
from kasir.store.deliveries import AddressName, DeliveryFilter, DeliveryState, Try
from kasir.web.documented import Documented
from kasir.web.keys import keyed_router
from kasir.web.query_parameters import (
    NO_PARAMETERS,
    After,
    check_parameters,
    check_parameters_and_no_body,
)

_LISTED_MAX: Final = 100
_PARAMETERS: Final = frozenset({"to", "state", "event", "payment", "limit", "after"})


class TryOut(msgspec.Struct, omit_defaults=True):
    """One try: the HTTP status of the answer or, if none came, a short error."""

    at: Moment
    status: int | None = None
    error: str = ""


class DeliveryOut(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """An event or a relayed notification, its state, and each try to deliver it.

    `to` is its address without a query; it is left out if none is set. `address` is its name.
    `subject` is the payment, token or subscription that it is about, if that is known.
    """

    id: str
    event: str
    address: AddressName
    state: DeliveryState
    created_at: Moment
    tries: list[TryOut]
    to: str | None = None
    subject: str = ""


class DeliveriesOut(msgspec.Struct):
    """A page of deliveries, newest first; `next` is the `after` of the following page."""

    deliveries: list[DeliveryOut]
    next: str | None


class AddressOut(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """An address, what waits for it, and since when it is paused, if it is.

    `tokensTo` is the relay's address for token notifications.
    """

    name: AddressName
    waiting: int
    to: str | None = None
    tokens_to: str | None = None
    waiting_since: Moment | None = None
    last_try: TryOut | None = None
    paused_at: Moment | None = None


class AddressesOut(msgspec.Struct):
    """The addresses that Kasir delivers to."""

    addresses: list[AddressOut]


class ResendRequest(msgspec.Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """A time, and optionally an address: `events`, `relay` or a URL of theirs."""

    since: Annotated[Moment, msgspec.Meta(description="The beginning of the time.")]
    until: Annotated[Moment, msgspec.Meta(description="Its end; now, unless given.")] | (
        msgspec.UnsetType
    ) = msgspec.UNSET
    to: str | msgspec.UnsetType = msgspec.UNSET


class ResentOut(msgspec.Struct):
    """How many deliveries are sent again.

    If `next` is not null there are more: repeat the call with it as `since`, and the same `until`.
    """

    resent: int
    until: Moment
    next: Moment | None


class AddressRequest(msgspec.Struct, forbid_unknown_fields=True):
    """An address: `events`, `relay` or a URL of theirs."""

    to: str


To = Annotated[
    str,
    QueryParameter(
        name="to", max_length=2048, description="Their address: `events`, `relay`, or a URL of it."
    ),
]
State = Annotated[
    str | None,
    QueryParameter(name="state", description=f"Their state: {', '.join(DeliveryState)}."),
]
Event = Annotated[
    str,
    QueryParameter(
        name="event", max_length=80, description="The event's type, or Adyen's event code."
    ),
]
OfPayment = Annotated[
    str, QueryParameter(name="payment", max_length=80, description="The id of their payment.")
]
Limit = Annotated[
    int, QueryParameter(name="limit", ge=1, le=_LISTED_MAX, description="How many at most.")
]


@get("/api/deliveries")
async def get_deliveries(  # noqa: PLR0913, PLR0917  # One argument per query parameter.
    request: AnyRequest,
    parts: OurParts,
    to: To = "",
    in_state: State = None,  # Litestar reserves the argument `state`.
    event: Event = "",
    payment: OfPayment = "",
    limit: Limit = _LISTED_MAX,
    after: After = "",
) -> DeliveriesOut:
    """List what is sent to the shop, newest first; with parameters, what matches all of them."""
    await check_parameters_and_no_body(request, _PARAMETERS)
    if in_state is not None and in_state not in tuple(DeliveryState):
        raise InvalidRequest([Fault("state", f"must be one of {', '.join(DeliveryState)}.")])
    state = DeliveryState(in_state) if in_state else None
    wanted = DeliveryFilter(state=state, event=event, payment=payment)
    page = await parts.deliveries.listed(wanted, to, limit, after)
    return DeliveriesOut([_delivery_out(one) for one in page.deliveries], page.after)


@get("/api/deliveries/addresses")
async def get_delivery_addresses(request: AnyRequest, parts: OurParts) -> AddressesOut:
    """Return the addresses, what waits for each, and whether it is paused."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    return AddressesOut([_address_out(one) for one in await parts.deliveries.addresses()])


@get("/api/deliveries/{delivery_id:str}")
async def get_delivery(
    request: AnyRequest, parts: OurParts, delivery_id: FromPath[str]
) -> DeliveryOut:
    """Return one delivery with all its tries."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    return _delivery_out(await parts.deliveries.find(delivery_id))


@post("/api/deliveries/{delivery_id:str}/resend", status_code=200)
async def post_delivery_resend(
    request: AnyRequest, parts: OurParts, delivery_id: FromPath[str]
) -> DeliveryOut:
    """Send a delivery once more, with the same id and body."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    return _delivery_out(await parts.deliveries.resend(delivery_id))


@post("/api/deliveries/resend", status_code=200, documented=Documented(body=ResendRequest))
async def post_deliveries_resend(request: AnyRequest, parts: OurParts) -> ResentOut:
    """Send again what was accepted, given up or dropped since a time, each with its own id."""
    check_parameters(request, NO_PARAMETERS)
    fields = own_fields(await request.body())
    refuse(unknown(fields, frozenset({"since", "until", "to"})))
    faults = [
        Fault(name, checks.MOMENT_CURE)
        for name in ("since", "until")
        if (name == "since" or name in fields) and checks.moment_of(fields.get(name)) is None
    ]
    if faults:
        raise InvalidRequest(faults)
    until = datetime.fromisoformat(fields["until"]) if "until" in fields else None
    to = _to_of(fields) if "to" in fields else ""
    since = datetime.fromisoformat(fields["since"])
    resent = await parts.deliveries.resend_since(since, until, to)
    return ResentOut(resent.count, resent.until, resent.left_since)


@post("/api/deliveries/pause", status_code=200, documented=Documented(body=AddressRequest))
async def post_deliveries_pause(request: AnyRequest, parts: OurParts) -> AddressOut:
    """Send nothing to an address until it is resumed; what is for it waits, and nothing is lost."""
    return _address_out(await parts.deliveries.pause(await _address_of(request)))


@post("/api/deliveries/resume", status_code=200, documented=Documented(body=AddressRequest))
async def post_deliveries_resume(request: AnyRequest, parts: OurParts) -> AddressOut:
    """Send to a paused address again: first what has waited, in order."""
    return _address_out(await parts.deliveries.resume(await _address_of(request)))


async def _address_of(request: AnyRequest) -> str:
    check_parameters(request, NO_PARAMETERS)
    fields = own_fields(await request.body())
    refuse(unknown(fields, frozenset({"to"})))
    return _to_of(fields)


def _to_of(fields: dict[str, Any]) -> str:
    """The address that a body names.

    Raises:
        InvalidRequest: It names none.
    """
    to = fields.get("to")
    if not isinstance(to, str) or not to:
        raise InvalidRequest([Fault("to", f"must be {' or '.join(AddressName)}, or a URL of it.")])
    return to


def _delivery_out(sent: SentDelivery) -> DeliveryOut:
    delivery = sent.delivery
    return DeliveryOut(
        id=delivery.id,
        event=delivery.event,
        address=sent.address,
        state=delivery.state,
        created_at=delivery.created_at,
        tries=[_try_out(one) for one in delivery.tries],
        to=sent.to,
        subject=delivery.subject,
    )


def _address_out(address: Address) -> AddressOut:
    return AddressOut(
        name=address.name,
        waiting=address.waiting,
        to=address.to,
        tokens_to=address.tokens_to,
        waiting_since=address.waiting_since,
        last_try=_try_out(address.last_try) if address.last_try else None,
        paused_at=address.paused_at,
    )


def _try_out(one: Try) -> TryOut:
    return TryOut(one.at, one.status, one.error)


ROUTES: Final = keyed_router(
    "Kasir",
    [
        get_deliveries,
        get_delivery_addresses,
        get_delivery,
        post_delivery_resend,
        post_deliveries_resend,
        post_deliveries_pause,
        post_deliveries_resume,
    ],
)
