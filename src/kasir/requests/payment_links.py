"""Adyen's `paymentLinks` for GoPay, answered by Kasir's own hosted form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec

from kasir.adyen import checks, known_fields
from kasir.adyen.calls import OWN_VERSION
from kasir.adyen.replies import Answer
from kasir.clock import Clock
from kasir.errors import Fault, NotFound
from kasir.gateway.methods import GOPAY
from kasir.gateway.payment_link_checks import expiry_faults, gopay_faults, moment, saving_faults
from kasir.ids import Ids, LinkId, PaymentId
from kasir.payments.links import Link, LinkStatus, link_status
from kasir.payments.payment import Payment
from kasir.payments.question import ShopKey
from kasir.payments.status import FINAL
from kasir.requests.payment_link_attempts import Span
from kasir.requests.payments import (
    Checkout,
    account_faults,
    body_fields,
    key_faults,
    refuse,
    shop_key_of,
)
from kasir.tokens.model import Token

#: What a link's request lends to each payment made through it.
_LENT: Final = (
    "captureDelayHours",
    "lineItems",
    "metadata",
    "merchantOrderReference",
    "shopperEmail",
    "shopperName",
    "shopperReference",
    "telephoneNumber",
    "shopperStatement",
)
_LOOKED_AT_MAX: Final = 20
_ATTEMPT_LETTERS: Final = 40

SUBSCRIPTION: Final = "Subscription"
CARD_ON_FILE: Final = "CardOnFile"


class Saving(StrEnum):
    """Whether the wallet is saved with the payment: a link's `storePaymentMethodMode`."""

    #: It is not; what a link without a word of it means.
    DISABLED = "disabled"
    #: If the shopper says so.
    ASKED = "askForConsent"
    #: It is, and the shopper is told.
    ENABLED = "enabled"


class LinkBook(Protocol):
    """Where links are kept."""

    async def open(self, link: Link, shop_key: ShopKey | None) -> LinkId:
        """Write a link down, once per shop key; gives the id of the first one."""
        ...

    async def link(self, link_id: LinkId) -> Link | None:
        """Give a link."""
        ...

    async def expire(self, link_id: LinkId, now: datetime) -> None:
        """Withdraw a link, and have its open attempts closed by whoever looks next."""
        ...

    async def is_withdrawn(self, link_id: LinkId) -> bool:
        """Whether a link was withdrawn, by now or by whoever is about to."""
        ...


class PaymentsOfLink(Protocol):
    """Where the payments made through a link are found."""

    async def payments_of_link(self, link_id: LinkId, limit: int) -> Sequence[Payment]:
        """Give the newest with their facts, and older ones that are paid or may yet be."""
        ...


class Closer(Protocol):
    """Who closes attempts."""

    async def close(self, payment_id: PaymentId) -> None:
        """Close one attempt if it is still open."""
        ...


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link as it stands now, with the payments made through it, newest first.

    Attributes:
        link: Which one.
        status: Where it stands.
        payments: The payments.
        is_over: Whether it takes no more payments.
        stale: Those that nobody finished in the time that the wallet had for them.
        left: Those of them that a new one may be opened beside.
    """

    link: Link
    status: LinkStatus
    payments: tuple[Payment, ...]
    is_over: bool = False
    stale: frozenset[PaymentId] = frozenset()
    left: frozenset[PaymentId] = frozenset()

    @property
    def reusable(self) -> bool:
        """Whether it may be paid many times; then its payments are several shoppers'."""
        return bool(self.link.request.get("reusable"))

    @property
    def saving(self) -> Saving:
        """Whether the wallet is saved with the payment."""
        return Saving(self.link.request.get("storePaymentMethodMode") or Saving.DISABLED)

    @property
    def model(self) -> str:
        """What the wallet is saved for; empty where the link does not say."""
        return str(self.link.request.get("recurringProcessingModel") or "")

    @property
    def locale(self) -> str:
        """The language the shop knows its shopper by, if it told."""
        return str(self.link.request.get("shopperLocale") or "")

    @property
    def returning_shopper(self) -> str:
        """Whose saved wallets may be used here; empty for nobody's.

        A reusable link is many shoppers'. One that is to save a wallet for a subscription cannot
        do so by charging what was saved before.
        """
        makes_subscription = self.saving is not Saving.DISABLED and self.model == SUBSCRIPTION
        if self.reusable or makes_subscription:
            return ""
        return str(self.link.request.get("shopperReference") or "")

    @property
    def lets_remove(self) -> bool:
        """Whether the shopper may remove a saved wallet here."""
        return self.link.request.get("showRemovePaymentMethodButton") is not False

    @property
    def under_way(self) -> Payment | None:
        """The payment to go on with, beside which no second one is opened; a reusable has none."""
        if self.reusable:
            return None
        return next((one for one in self.payments if self._is_under_way(one)), None)

    def _is_under_way(self, payment: Payment) -> bool:
        return payment.status not in FINAL and payment.intent.id not in self.left


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try at a link, as its shopper chose it.

    Attributes:
        name: Names this try, whichever way it is paid; the same again gives the first answer again.
        browser_info: The shopper's browser, complete.
        charged: The saved wallet that pays; None for the ordinary way.
        saves: Whether the wallet is saved with the payment.
        consent: What the shopper agreed to about that, in the words that were shown.
    """

    name: str
    browser_info: Mapping[str, Any]
    charged: Token | None = None
    saves: bool = False
    consent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Payment links: made and withdrawn by the shop, paid on the hosted form."""

    book: LinkBook
    payments: PaymentsOfLink
    checkout: Checkout
    ids: Ids
    clock: Clock
    merchant_account: str
    public_url: str
    lifetime: timedelta
    lifetime_max: timedelta
    closer: Closer
    span: Span

    async def create(self, body: bytes, key: str | None = None) -> Answer:
        """Make a link: `POST /paymentLinks`, once per shop key.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was kept.
            KeyReused: The shop key came before with another body.
        """
        fields = body_fields(body)
        now = self.clock.now()
        shop_key = shop_key_of(key, fields, "/paymentLinks", OWN_VERSION)
        refuse(
            key_faults(key),
            account_faults(fields, self.merchant_account),
            known_fields.unknown(fields, known_fields.LINK_FIELDS),
            known_fields.unknown(_amount(fields), known_fields.AMOUNT_FIELDS, "amount."),
            checks.link_faults(fields),
            gopay_faults(fields),
            saving_faults(fields),
            expiry_faults(fields, now, self.lifetime_max),
        )
        fields.setdefault("merchantAccount", self.merchant_account)
        link = Link(
            id=LinkId(self.ids.new("PL")),
            request=fields,
            created_at=now,
            expires_at=self._expires_at(fields, now),
        )
        first = await self.book.open(link, shop_key)
        if first != link.id and (opened := await self.book.link(first)):
            link = opened
        return Answer(201, msgspec.json.encode(self._shown(link, LinkStatus.ACTIVE)))

    async def get(self, link_id: str) -> Answer:
        """Show a link: `GET /paymentLinks/{linkId}`.

        Raises:
            NotFound: There is none of that id.
        """
        found = await self.find(link_id)
        return Answer(200, msgspec.json.encode(self._shown(found.link, found.status)))

    async def update(self, link_id: str, body: bytes) -> Answer:
        """Withdraw a link: `PATCH /paymentLinks/{linkId}` with status `expired`.

        Raises:
            InvalidRequest: The status asked for is not `expired`, or the link is paid already.
            NotFound: There is none of that id.
        """
        fields = body_fields(body)
        refuse(known_fields.unknown(fields, frozenset({"status"})))
        if fields.get("status") != "expired":
            refuse([Fault("status", "a link can only be set to expired.")])
        found = await self.find(link_id)
        if found.status is LinkStatus.COMPLETED:
            refuse([Fault("status", "this link is paid; refund the payment instead.")])
        await self.book.expire(found.link.id, self.clock.now())
        found = await self.find(link_id)
        still_open = [one.intent.id for one in found.payments if one.status not in FINAL]
        # At once; what fails here is due for a worker.
        await asyncio.gather(*(self.closer.close(payment_id) for payment_id in still_open))
        return Answer(200, msgspec.json.encode(self._shown(found.link, found.status)))

    async def find(self, link_id: str) -> OpenLink:
        """Give a link as it stands, with its payments.

        Raises:
            NotFound: There is none of that id.
        """
        link = await self.book.link(LinkId(link_id)) if "\0" not in link_id else None
        if link is None:
            raise NotFound("payment link", link_id)
        payments = await self.payments.payments_of_link(link.id, _LOOKED_AT_MAX)
        now = self.clock.now()
        return OpenLink(
            link=link,
            status=link_status(link, payments, now),
            payments=tuple(payments),
            is_over=link.is_over(now),
            stale=frozenset(one.intent.id for one in payments if self.span.is_stale(one, now)),
            left=frozenset(one.intent.id for one in payments if self.span.is_left(one, now)),
        )

    def attempt(self, found: OpenLink) -> str:
        """A name for the next try at a link.

        It is made of the tries before it, so that two pages shown at once name the same try, and
        the database lets only one of them open it. A link that may be paid many times gives every
        page a name of its own.
        """
        if found.reusable:
            return self.ids.new("try")
        newest = found.payments[:_LOOKED_AT_MAX]  # Whatever becomes of those before them.
        before = "".join(sorted(payment.intent.id for payment in newest))
        return sha256(before.encode()).hexdigest()[:_ATTEMPT_LETTERS]

    async def pay(
        self, link: Link, tried: Try, return_url: Callable[[PaymentId], str]
    ) -> tuple[Answer, PaymentId]:
        """Start a payment through a link.

        Args:
            link: Which one.
            tried: What the shopper chose.
            return_url: Where the shopper comes back to, made from the payment's id.

        Raises:
            InvalidRequest: Adyen would not take what the link says, or the saved wallet is gone
                (803); nothing was sent.
            StillRunning: This try was opened a moment ago and has no answer yet.
        """
        request = link.request
        fields: dict[str, Any] = {name: request[name] for name in _LENT if name in request}
        fields |= {
            "merchantAccount": self.merchant_account,
            "amount": request["amount"],
            "reference": request["reference"],
            "paymentMethod": {"type": GOPAY.type},
            "channel": "Web",
            "countryCode": GOPAY.country,
            "browserInfo": dict(tried.browser_info),
            "returnUrl": self.public_url,  # Until the payment has its id.
            # So that the wallet, too, closes the offer when we do, and before the link is over.
            "sessionValidity": self._valid_until(link).isoformat(timespec="seconds"),
            **_recurring(link, tried),
        }
        if request.get("manualCapture") is True:
            fields["additionalData"] = {"manualCapture": "true"}
        answer, payment_id = await self.checkout.payments(
            msgspec.json.encode(fields),
            OWN_VERSION,
            _shop_key(link, tried.name),
            link.id,
            return_url,
            tried.consent,
        )
        if await self.book.is_withdrawn(link.id):
            await self.closer.close(payment_id)  # Whoever withdrew it could not see it yet.
            return Answer(HTTPStatus.OK, b"{}"), payment_id  # It leads nowhere any more.
        return answer, payment_id

    def _valid_until(self, link: Link) -> datetime:
        return min(link.expires_at, self.clock.now() + self.span.lifetime).astimezone(UTC)

    def _expires_at(self, fields: Mapping[str, Any], now: datetime) -> datetime:
        return moment(fields.get("expiresAt")) or now + self.lifetime

    def _shown(self, link: Link, status: LinkStatus) -> dict[str, Any]:
        return {
            **link.request,
            "id": link.id,
            "expiresAt": link.expires_at.isoformat(timespec="seconds"),
            "status": status,
            "url": f"{self.public_url}/pay/{link.id}",
        }


def _amount(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    amount = fields.get("amount")
    return amount if isinstance(amount, dict) else {}


def _recurring(link: Link, tried: Try) -> dict[str, Any]:
    """What a payment says of saving the wallet, or of charging a saved one."""
    if tried.charged:
        return {
            "paymentMethod": {"storedPaymentMethodId": tried.charged.name.stored_id},
            "shopperReference": tried.charged.name.shopper_reference,
            "shopperInteraction": "ContAuth",
            "recurringProcessingModel": CARD_ON_FILE,
        }
    if not tried.saves:
        return {}
    model = link.request["recurringProcessingModel"]
    return {"storePaymentMethod": True, "recurringProcessingModel": model}


def _shop_key(link: Link, attempt: str) -> str:
    """One key per try at a link. Hashed: the name of a try comes back from a browser."""
    named = sha256(f"{link.id} {attempt}".encode(errors="replace"))
    return f"link-{named.hexdigest()[:_ATTEMPT_LETTERS]}"
