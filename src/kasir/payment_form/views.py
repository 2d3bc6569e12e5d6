"""How a payment stands, as its shopper is shown it: a picture, a sentence, and a way on.

A shopper is told why a wallet said no only where they can do something about it, and a payment that
is not theirs does not exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from litestar import Response

from kasir.adyen.calls import payment_key
from kasir.errors import NotFound
from kasir.ids import PaymentId
from kasir.payment_form.basket import basket
from kasir.payment_form.pages import Visit
from kasir.payment_form.refusals import advice_of
from kasir.payments.facts import Says, has_returned
from kasir.payments.links import LinkStatus
from kasir.payments.payment import Payment
from kasir.payments.status import Status
from kasir.requests.payment_links import OpenLink
from kasir.wiring import Kasir

_PAYMENT_ID: Final = re.compile(r"[0-9A-Za-z_]{1,64}")


class View(StrEnum):
    """What a shopper is shown of a payment; each is a title and a sentence in texts.py."""

    PAID = "paid"
    #: The shopper is at the wallet, or back from it and not yet confirmed.
    WAITING = "waiting"
    #: The wallet has it, and has not finished.
    PENDING = "pending"
    #: We asked and have not heard.
    CHECKING = "checking"
    #: The wallet's time is over, and nobody has said yet that it was not paid.
    CLOSING = "closing"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"


_VIEWS: Final = {
    Status.CREATED: View.CHECKING,
    Status.UNKNOWN: View.CHECKING,
    Status.AWAITING_SHOPPER: View.WAITING,
    Status.PENDING: View.PENDING,
    Status.AUTHORISED: View.PAID,
    Status.REFUSED: View.REFUSED,
    Status.CANCELLED: View.CANCELLED,
    Status.EXPIRED: View.EXPIRED,
    Status.FAILED: View.FAILED,
}

#: Views that may say what a shopper can do about the wallet's no.
_ADVISED: Final = frozenset({View.REFUSED, View.FAILED})

#: Views that change by themselves.
OPEN: Final = frozenset({View.WAITING, View.PENDING, View.CHECKING, View.CLOSING})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a payment stands, for its page and for the stream that follows it.

    Attributes:
        view: What is shown.
        again: Whether another try can be made at the link.
        resumes: Whether this payment can be gone on with by hand.
    """

    view: View
    again: bool
    resumes: bool

    @property
    def is_final(self) -> bool:
        """Whether the page has nothing more to wait for."""
        return self.view not in OPEN

    @property
    def sign(self) -> str:
        """Names it for the page's script, which shows another and leaves the same alone."""
        return f"{self.view}{'-again' * self.again}{'-resumes' * self.resumes}"


def standing(found: OpenLink, payment: Payment) -> Standing:
    """How a payment stands at its link.

    A link that was paid is paid for this shopper, whichever try did it. A wait for the answer
    to `/payments/details` is a wait for the wallet: the shopper can do nothing about it. The
    wallet's page is dead once its time is over, and nobody is sent there any more.
    """
    view = _VIEWS[payment.status]
    if found.status is LinkStatus.COMPLETED:
        view = View.PAID
    elif view is View.CHECKING and _was_answered(payment):
        view = View.WAITING
    is_left = payment.intent.id in found.left
    if is_left or (view is View.WAITING and payment.intent.id in found.stale):
        view = View.PAID if view is View.PAID else View.CLOSING
    is_open, alive = view in OPEN, not is_over(found)
    return Standing(
        view=view,
        again=alive and (is_left or not is_open) and view is not View.PAID,
        # Whoever came back from the wallet has nothing to do there any more.
        resumes=alive and view in (View.WAITING, View.CHECKING) and not has_returned(payment.facts),
    )


def is_over(found: OpenLink) -> bool:
    """Whether a link takes no more payments, though one that was begun may still be paid."""
    return found.is_over or found.status is LinkStatus.EXPIRED


def _was_answered(payment: Payment) -> bool:
    asked = payment_key(payment.intent.id)
    return any(fact.about == asked and fact.says is not Says.UNKNOWN for fact in payment.facts)


async def payment_of(kasir: Kasir, found: OpenLink, payment_id: str) -> Payment:
    """A payment made through this link.

    Raises:
        NotFound: There is none of that id, or it is another link's.
    """
    payment = next((one for one in found.payments if one.intent.id == payment_id), None)
    if payment is None and _PAYMENT_ID.fullmatch(payment_id):
        payment = await kasir.payments.payment(PaymentId(payment_id))
    if payment is None or payment.intent.link_id != found.link.id:
        raise NotFound("payment", payment_id)
    return payment


def closed(visit: Visit, found: OpenLink) -> Response[str] | None:
    """The page of a link that cannot be paid any more; None while it can."""
    if found.status is LinkStatus.COMPLETED:
        paid = next(one for one in found.payments if one.status is Status.AUTHORISED)
        return status_page(visit, found, paid, goes_back=False)
    if not is_over(found):
        return None
    return visit.message("link_over", HTTPStatus.GONE, back=found.link.request["returnUrl"])


def status_page(
    visit: Visit, found: OpenLink, payment: Payment, *, goes_back: bool = True
) -> Response[str]:
    """The page of a payment as it stands.

    Args:
        visit: Whose page it is.
        found: The link it was made through.
        payment: The payment.
        goes_back: Whether the shopper of a paid one is brought back to the shop.
    """
    link_id, payment_id = found.link.id, payment.intent.id
    stands = standing(found, payment)
    return visit.page(
        "status.html",
        HTTPStatus.OK,
        events=visit.address(link_id, "payments", payment_id, "events"),
        part=status_part(visit, found, payment, goes_back=goes_back),
        stands=stands,
        title=title(visit, stands),
    )


def status_part(visit: Visit, found: OpenLink, payment: Payment, *, goes_back: bool = True) -> str:
    """The part of that page that changes, as HTML."""
    link_id, payment_id = found.link.id, payment.intent.id
    stands = standing(found, payment)
    advice = advice_of(payment) if stands.view in _ADVISED else ""
    return visit.rendered(
        "standing.html",
        advice=advice,
        amount=payment.intent.amount,
        back=found.link.request["returnUrl"],
        form=visit.address(link_id),
        goes_back=goes_back and stands.view is View.PAID,
        receipt=_receipt(visit, found, payment) if stands.view is View.PAID else None,
        reference=payment.intent.reference,
        resume=visit.address(link_id, "payments", payment_id),
        stands=stands,
    )


def _receipt(visit: Visit, found: OpenLink, payment: Payment) -> dict[str, Any]:
    """What was paid, when and for what: of the payment that paid the link, whichever it was."""
    paid = next((one for one in found.payments if one.status is Status.AUTHORISED), payment)
    moments = [fact.at for fact in paid.facts if fact.says is Says.AUTHORISED]
    return {
        "lines": basket(found.link.request),
        "at": visit.moment(min(moments, default=paid.intent.created_at)),
        "psp_reference": paid.standing.psp_reference,
    }


def title(visit: Visit, stands: Standing) -> str:
    """The title of the page, in a word or three."""
    return visit.says(f"{stands.view}_title")
