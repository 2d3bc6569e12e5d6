"""What the status page of a payment shows: an icon, a sentence and the next step.

The reason of a refusal is shown only if the shopper can act on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from litestar import Response

from kasir.adyen.calls import payment_key
from kasir.payment_form.line_items import line_items
from kasir.payment_form.pages import Visit
from kasir.payment_form.refusal_advice import advice_of
from kasir.payments.facts import Says, has_returned
from kasir.payments.links import LinkStatus
from kasir.payments.payment import Payment
from kasir.payments.status import Status
from kasir.requests.payment_links import OpenLink


class DisplayStatus(StrEnum):
    """The status that a page shows; each has a title and a sentence in texts.py."""

    PAID = "paid"
    #: The shopper is at the wallet, or has returned and the payment is not confirmed yet.
    WAITING = "waiting"
    #: The wallet is processing the payment.
    PENDING = "pending"
    #: The outcome of the call to Adyen is unknown.
    CHECKING = "checking"
    #: The time at the wallet is over, and Adyen has not confirmed yet that nothing was paid.
    CLOSING = "closing"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"


_DISPLAYED: Final = {
    Status.CREATED: DisplayStatus.CHECKING,
    Status.UNKNOWN: DisplayStatus.CHECKING,
    Status.AWAITING_SHOPPER: DisplayStatus.WAITING,
    Status.PENDING: DisplayStatus.PENDING,
    Status.AUTHORISED: DisplayStatus.PAID,
    Status.REFUSED: DisplayStatus.REFUSED,
    Status.CANCELLED: DisplayStatus.CANCELLED,
    Status.EXPIRED: DisplayStatus.EXPIRED,
    Status.FAILED: DisplayStatus.FAILED,
}

#: Statuses that may be shown with advice.
_ADVISED: Final = frozenset({DisplayStatus.REFUSED, DisplayStatus.FAILED})

#: Statuses in which the shopper may continue the payment.
_CONTINUED: Final = frozenset({DisplayStatus.WAITING, DisplayStatus.CHECKING})

#: Statuses that can still change.
_OPEN: Final = frozenset(
    {DisplayStatus.WAITING, DisplayStatus.PENDING, DisplayStatus.CHECKING, DisplayStatus.CLOSING}
)


@dataclass(frozen=True, slots=True)
class StatusView:
    """What the status page and its stream show.

    Attributes:
        status: The status shown.
        can_retry: Whether the shopper can make another attempt at the link.
        can_continue: Whether the shopper can continue this payment.
    """

    status: DisplayStatus
    can_retry: bool
    can_continue: bool

    @property
    def is_final(self) -> bool:
        """Whether the status cannot change any more."""
        return self.status not in _OPEN

    @property
    def key(self) -> str:
        """An identifier of the view; when it changes, the page's script replaces the view."""
        return f"{self.status}{'-again' * self.can_retry}{'-resumes' * self.can_continue}"


def status_view(open_link: OpenLink, payment: Payment) -> StatusView:
    """Decide what is shown of a payment.

    Once a link is paid, every payment of it is shown as paid. An unanswered `/payments/details` is
    shown as waiting for the wallet, because the shopper cannot act on it. After the time at the
    wallet is over, the wallet's page is useless, so the shopper is not sent there.
    """
    status = _DISPLAYED[payment.status]
    if open_link.status is LinkStatus.COMPLETED:
        status = DisplayStatus.PAID
    elif status is DisplayStatus.CHECKING and _was_answered(payment):
        status = DisplayStatus.WAITING
    # A payment in `left` cannot be paid any more; one in `stale` was not finished in time.
    is_left = payment.intent.id in open_link.left
    if is_left or (status is DisplayStatus.WAITING and payment.intent.id in open_link.stale):
        status = DisplayStatus.PAID if status is DisplayStatus.PAID else DisplayStatus.CLOSING
    is_open, is_payable = status in _OPEN, not is_over(open_link)
    return StatusView(
        status=status,
        can_retry=is_payable and (is_left or not is_open) and status is not DisplayStatus.PAID,
        # A shopper who has returned from the wallet does not have to go there again.
        can_continue=is_payable and status in _CONTINUED and not has_returned(payment.facts),
    )


def is_over(open_link: OpenLink) -> bool:
    """Whether a link takes no new payments; a payment that was started may still be paid."""
    return open_link.is_over or open_link.status is LinkStatus.EXPIRED


def _was_answered(payment: Payment) -> bool:
    """Whether Adyen has answered `/payments`, so that only `/payments/details` is unanswered."""
    key = payment_key(payment.intent.id)
    return any(fact.about == key and fact.says is not Says.UNKNOWN for fact in payment.facts)


def closed_page(visit: Visit, open_link: OpenLink) -> Response[str] | None:
    """Make the page of a link that can no longer be paid; None while it can be paid."""
    if open_link.status is LinkStatus.COMPLETED:
        paid = (each for each in open_link.payments if each.status is Status.AUTHORISED)
        return status_page(visit, open_link, next(paid), returns_to_shop=False)
    if not is_over(open_link):
        return None
    return visit.message_page("link_over", HTTPStatus.GONE, shop_url=open_link.shop_url)


def status_page(
    visit: Visit, open_link: OpenLink, payment: Payment, *, returns_to_shop: bool = True
) -> Response[str]:
    """Make the status page of a payment.

    Args:
        visit: The shopper's request.
        open_link: The payment's link.
        payment: The payment.
        returns_to_shop: Whether the page of a paid payment returns to the shop automatically.
    """
    link_id, payment_id = open_link.link.id, payment.intent.id
    view = status_view(open_link, payment)
    return visit.page(
        "status.html",
        HTTPStatus.OK,
        events_url=visit.url(link_id, "payments", payment_id, "events"),
        part=status_part(visit, open_link, payment, returns_to_shop=returns_to_shop),
        view=view,
        title=title(visit, view),
    )


def status_part(
    visit: Visit, open_link: OpenLink, payment: Payment, *, returns_to_shop: bool = True
) -> str:
    """Render the part of the status page that changes."""
    link_id, payment_id = open_link.link.id, payment.intent.id
    view = status_view(open_link, payment)
    is_paid = view.status is DisplayStatus.PAID
    return visit.render(
        "status_part.html",
        advice=advice_of(payment) if view.status in _ADVISED else "",
        amount=payment.intent.amount,
        shop_url=open_link.shop_url,
        form_url=visit.url(link_id),
        returns_to_shop=returns_to_shop and is_paid and bool(open_link.shop_url),
        receipt=_receipt(visit, open_link, payment) if is_paid else None,
        reference=payment.intent.reference,
        continue_url=visit.url(link_id, "payments", payment_id),
        view=view,
    )


def _receipt(visit: Visit, open_link: OpenLink, payment: Payment) -> dict[str, Any]:
    """Return the receipt of the payment that paid the link: lines, time and PSP reference."""
    all_paid = (each for each in open_link.payments if each.status is Status.AUTHORISED)
    paid = next(all_paid, payment)
    moments = [fact.at for fact in paid.facts if fact.says is Says.AUTHORISED]
    return {
        "lines": line_items(open_link.link.request),
        "at": visit.date_time(min(moments, default=paid.intent.created_at)),
        "psp_reference": paid.summary.psp_reference,
    }


def title(visit: Visit, view: StatusView) -> str:
    """Return the title of the status page."""
    return visit.text(f"{view.status}_title")
