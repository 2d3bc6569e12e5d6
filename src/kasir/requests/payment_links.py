"""Adyen's `paymentLinks` for GoPay: the shop makes links, and shoppers pay on Kasir's form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final, Protocol

from kasir.adyen import checks, known_fields
from kasir.adyen.calls import OWN_VERSION
from kasir.adyen.replies import Answer, of_fields
from kasir.clock import Clock
from kasir.errors import Fault, NotFound
from kasir.gateway.methods import GOPAY
from kasir.gateway.payment_link_checks import expiry_faults, gopay_faults, saving_faults
from kasir.ids import LINK, Ids, LinkId, PaymentId
from kasir.ledger.payment_book import PostgresPaymentBook
from kasir.payments.links import Link, LinkStatus, link_status, status_of
from kasir.payments.payment import Payment
from kasir.payments.status import FINAL
from kasir.requests.fields import (
    Fields,
    account_faults,
    body_fields,
    key_faults,
    refuse,
    shop_key_of,
    with_number,
)
from kasir.requests.payment_link_attempts import AttemptTimes
from kasir.requests.payments import PaymentRequests
from kasir.shop_identity import link_identity_faults, without_identity
from kasir.store.links import PostgresLinks
from kasir.tokens.model import Token

#: The fields that each payment made through a link copies from the link's request.
_SHARED: Final = (
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
#: How many payments of a link are read, the newest ones.
_READ_MAX: Final = 20
#: How many hexadecimal digits of a hash name an attempt.
_ATTEMPT_LETTERS: Final = 40

#: Values of `recurringProcessingModel`.
SUBSCRIPTION: Final = "Subscription"
CARD_ON_FILE: Final = "CardOnFile"


class Saving(StrEnum):
    """Whether the wallet is saved with the payment: a link's `storePaymentMethodMode`."""

    #: The wallet is not saved; the default.
    DISABLED = "disabled"
    #: The wallet is saved if the shopper agrees.
    ASKED = "askForConsent"
    #: The wallet is saved, and the form informs the shopper.
    ENABLED = "enabled"


class Closer(Protocol):
    """Closes unfinished payments. The package `jobs` implements it."""

    async def close(self, payment_id: PaymentId) -> None:
        """Close a payment if it is still open."""
        ...


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link with its status and the payments made through it, newest first.

    Attributes:
        link: The link.
        status: The link's status.
        payments: The payments.
        is_over: Whether the link has expired or was withdrawn.
        stale: The ids of payments that were not finished in time.
        left: The ids of stale payments that cannot be paid any more, so that another payment may be
            opened.
    """

    link: Link
    status: LinkStatus
    payments: tuple[Payment, ...]
    is_over: bool = False
    stale: frozenset[PaymentId] = frozenset()
    left: frozenset[PaymentId] = frozenset()

    @property
    def reusable(self) -> bool:
        """Whether the link may be paid many times, by several shoppers."""
        return bool(self.link.request.get("reusable"))

    @property
    def saving(self) -> Saving:
        """Whether the wallet is saved with the payment."""
        return Saving(self.link.request.get("storePaymentMethodMode") or Saving.DISABLED)

    @property
    def model(self) -> str:
        """The recurring model that the wallet is saved for; empty where the link has none."""
        return str(self.link.request.get("recurringProcessingModel") or "")

    @property
    def locale(self) -> str:
        """The shopper's language, as the shop gave it; empty where it gave none."""
        return str(self.link.request.get("shopperLocale") or "")

    @property
    def returning_shopper(self) -> str:
        """The shopper whose saved wallets may pay this link; empty where none may.

        A reusable link is for many shoppers. A link that saves a wallet for a subscription needs an
        ordinary payment, because the charge of a saved wallet does not save a wallet.
        """
        makes_subscription = self.saving is not Saving.DISABLED and self.model == SUBSCRIPTION
        if self.reusable or makes_subscription:
            return ""
        return str(self.link.request.get("shopperReference") or "")

    @property
    def shop_url(self) -> str:
        """Where the shopper goes afterwards; empty where the shop gave no address."""
        return str(self.link.request.get("returnUrl") or "")

    @property
    def lets_remove(self) -> bool:
        """Whether the shopper may remove a saved wallet here."""
        return self.link.request.get("showRemovePaymentMethodButton") is not False

    @property
    def under_way(self) -> Payment | None:
        """The payment to continue instead of a new one; None for a reusable link."""
        if self.reusable:
            return None
        return next((each for each in self.payments if self._is_under_way(each)), None)

    def _is_under_way(self, payment: Payment) -> bool:
        return payment.status not in FINAL and payment.intent.id not in self.left


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkAttempt:
    """One attempt to pay a link, as the shopper chose it.

    Attributes:
        name: The attempt's name, from `PaymentLinks.attempt`. A repeated name returns the first
            answer again.
        browser_info: The shopper's browser, with all fields of a browserInfo.
        charged: The saved wallet that pays; None for an ordinary payment.
        saves: Whether the wallet is saved with the payment.
        consent: The text about saving to which the shopper agreed, as it was shown.
    """

    name: str
    browser_info: Mapping[str, Any]
    charged: Token | None = None
    saves: bool = False
    consent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLinks:
    """The use cases of payment links, which the shop makes and shoppers pay on Kasir's form."""

    book: PostgresLinks
    payments: PostgresPaymentBook
    requests: PaymentRequests
    ids: Ids
    clock: Clock
    merchant_account: str
    public_url: str
    lifetime: timedelta
    lifetime_max: timedelta
    closer: Closer
    times: AttemptTimes

    async def create(self, body: bytes, key: str | None = None) -> Answer:
        """Make a link: `POST /paymentLinks`. A repeated shop key returns the first link.

        Raises:
            InvalidRequest: One or more fields are wrong; nothing was stored.
            KeyReused: The shop key was used before with another body.
        """
        fields = with_number(body_fields(body))
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
            link_identity_faults(fields),
        )
        fields = {**fields, "merchantAccount": self.merchant_account}
        link = Link(
            id=LinkId(self.ids.new(LINK)),
            request=fields,
            created_at=now,
            expires_at=self._expires_at(fields, now),
        )
        stored_id = await self.book.open(link, shop_key)
        # Another id is that of the link which an earlier request with this shop key made.
        if stored_id != link.id and (earlier := await self.book.link(stored_id)):
            link = earlier
        return of_fields(HTTPStatus.CREATED, self._shown(link, LinkStatus.ACTIVE))

    async def get(self, link_id: str) -> Answer:
        """Show a link: `GET /paymentLinks/{linkId}`.

        Raises:
            NotFound: No link has that id.
        """
        open_link = await self.find(link_id)
        return of_fields(HTTPStatus.OK, self._shown(open_link.link, open_link.status))

    async def update(self, link_id: str, body: bytes) -> Answer:
        """Withdraw a link: `PATCH /paymentLinks/{linkId}` with status `expired`.

        Raises:
            InvalidRequest: The requested status is not `expired`, or the link is already paid.
            NotFound: No link has that id.
        """
        fields = body_fields(body)
        refuse(known_fields.unknown(fields, frozenset({"status"})))
        if fields.get("status") != "expired":
            refuse([Fault("status", "a link can only be set to expired.")])
        open_link = await self.find(link_id)
        if open_link.status is LinkStatus.COMPLETED:
            refuse([Fault("status", "this link is paid; refund the payment instead.")])
        await self.book.expire(open_link.link.id, self.clock.now())
        open_link = await self.find(link_id)
        open_ids = [each.intent.id for each in open_link.payments if each.status not in FINAL]
        # Try to close these payments now; a worker closes those for which this fails.
        await asyncio.gather(*(self.closer.close(payment_id) for payment_id in open_ids))
        return of_fields(HTTPStatus.OK, self._shown(open_link.link, open_link.status))

    async def listed(self, after: str, limit: int) -> list[tuple[Link, LinkStatus]]:
        """Return links with their statuses, newest first; those after the link with an id, if any.

        The number of statements does not depend on the number of links.
        """
        now = self.clock.now()
        found = await self.book.newest(after, limit)
        return [(link, status_of(statuses, link, now)) for link, statuses in found]

    async def find(self, link_id: str) -> OpenLink:
        """Return a link with its status and its payments.

        Raises:
            NotFound: No link has that id.
        """
        link = await self.book.link(LinkId(link_id))
        if link is None:
            raise NotFound("payment link", link_id)
        payments = await self.payments.payments_of_link(link.id, _READ_MAX)
        now = self.clock.now()
        return OpenLink(
            link=link,
            status=link_status(link, payments, now),
            payments=tuple(payments),
            is_over=link.is_over(now),
            stale=frozenset(each.intent.id for each in payments if self.times.is_stale(each, now)),
            left=frozenset(each.intent.id for each in payments if self.times.is_left(each, now)),
        )

    def attempt(self, found: OpenLink) -> str:
        """The name of the next attempt to pay a link.

        The name is derived from the earlier attempts. So two pages that are open at the same time
        have the same name, and the database lets only one of them open the attempt. For a reusable
        link every page has another name.
        """
        if found.reusable:
            return self.ids.new("try")
        newest = found.payments[:_READ_MAX]  # Older payments may drop out of the list later.
        before = "".join(sorted(payment.intent.id for payment in newest))
        return sha256(before.encode()).hexdigest()[:_ATTEMPT_LETTERS]

    async def pay(
        self, link: Link, attempt: LinkAttempt, return_url: Callable[[PaymentId], str]
    ) -> tuple[Answer, PaymentId]:
        """Start a payment through a link.

        Args:
            link: The link.
            attempt: The attempt, as the shopper chose it.
            return_url: Makes the address to which the shopper returns, from the payment's id.

        Returns:
            Adyen's answer (empty if the link was withdrawn meanwhile), and the payment's id.

        Raises:
            InvalidRequest: Adyen would not accept the link's fields, or the saved wallet is gone
                (803); nothing was sent.
            StillRunning: This attempt was opened a moment ago and has no answer yet.
        """
        request = link.request
        fields: dict[str, Any] = {name: request[name] for name in _SHARED if name in request}
        if "metadata" in fields:
            fields["metadata"] = without_identity(fields["metadata"])
        fields |= {
            "merchantAccount": self.merchant_account,
            "amount": request["amount"],
            "reference": request["reference"],
            "paymentMethod": {"type": GOPAY.type},
            "channel": "Web",
            "countryCode": GOPAY.country,
            "browserInfo": dict(attempt.browser_info),
            "returnUrl": self.public_url,  # Replaced once the payment has its id.
            # After this time the wallet does not accept the payment, and Kasir closes it.
            "sessionValidity": self._valid_until(link).isoformat(timespec="seconds"),
            **_recurring(link, attempt),
        }
        if request.get("manualCapture") is True:
            fields["additionalData"] = {"manualCapture": "true"}
        answer, payment_id = await self.requests.pay(
            fields,
            OWN_VERSION,
            _shop_key(link, attempt.name),
            link_id=link.id,
            return_url=return_url,
            consent=attempt.consent,
        )
        if await self.book.is_withdrawn(link.id):
            await self.closer.close(payment_id)  # The withdrawal may have missed this payment.
            return of_fields(HTTPStatus.OK, {}), payment_id  # The shopper is not redirected.
        return answer, payment_id

    def _valid_until(self, link: Link) -> datetime:
        return min(link.expires_at, self.clock.now() + self.times.lifetime).astimezone(UTC)

    def _expires_at(self, fields: Fields, now: datetime) -> datetime:
        return checks.moment_of(fields.get("expiresAt")) or now + self.lifetime

    def _shown(self, link: Link, status: LinkStatus) -> dict[str, Any]:
        return {
            **link.request,
            "id": link.id,
            "expiresAt": link.expires_at.isoformat(timespec="seconds"),
            "status": status,
            "url": f"{self.public_url}/pay/{link.id}",
        }


def _amount(fields: Fields) -> Fields:
    amount = fields.get("amount")
    return amount if isinstance(amount, dict) else {}


def _recurring(link: Link, attempt: LinkAttempt) -> dict[str, Any]:
    """The fields of a payment that save the wallet, or charge a saved one."""
    if attempt.charged:
        return {
            "paymentMethod": {"storedPaymentMethodId": attempt.charged.name.stored_id},
            "shopperReference": attempt.charged.name.shopper_reference,
            "shopperInteraction": "ContAuth",
            "recurringProcessingModel": CARD_ON_FILE,
        }
    if not attempt.saves:
        return {}
    model = link.request["recurringProcessingModel"]
    return {"storePaymentMethod": True, "recurringProcessingModel": model}


def _shop_key(link: Link, attempt: str) -> str:
    """One key per attempt to pay a link; hashed, because a browser sends the attempt's name."""
    digest = sha256(f"{link.id} {attempt}".encode(errors="replace"))
    return f"link-{digest.hexdigest()[:_ATTEMPT_LETTERS]}"
