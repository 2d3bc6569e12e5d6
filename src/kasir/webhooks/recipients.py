"""Receives notifications for several merchant accounts.

A notification contains a merchant account. It is verified with the HMAC keys of that merchant
account only, and stored in that merchant account's inbox. So nobody can write to one merchant
account with the HMAC key of another. A notification for a merchant account that Kasir does not have
is stored in the inbox of the merchant account whose HMAC key verifies it; the reader gives it the
state FOREIGN.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from kasir.adyen import notifications, signing, token_notifications
from kasir.adyen.notifications import Item
from kasir.errors import AccountUnavailable, NotAuthentic, Unreadable
from kasir.webhooks.receiving import Inbox, keep_items, keep_raw, receive_token

#: How many items of unknown merchant accounts are verified with the HMAC keys of every merchant
#: account, in one request.
_UNKNOWN_TRIED_MAX: Final = 3


@dataclass(frozen=True, slots=True)
class Recipient:
    """A merchant account that a request may have notifications for.

    Attributes:
        name: The merchant account's code.
        keys: The valid HMAC keys of the standard webhook; none if the webhook has a password and
            the request lacks it.
        token_keys: The valid HMAC keys of the token webhook.
        is_admitted: Whether the request has the webhook's password; False if none is set.
        inbox: Opens the inbox of the merchant account.
    """

    name: str
    keys: Sequence[bytes]
    token_keys: Sequence[bytes]
    is_admitted: bool
    inbox: Callable[[], Awaitable[Inbox]]


class Recipients(Protocol):
    """The merchant accounts of this Kasir."""

    async def named(self, name: str) -> Recipient | None:
        """Return the merchant account with this code; None if Kasir does not have it.

        Raises:
            AccountUnavailable: The settings of the merchant account cannot be used.
        """
        ...

    def all(self) -> Iterator[Recipient]:
        """Return every merchant account, the environment's merchant account first."""
        ...


async def receive_for_accounts(
    body: bytes, *, is_form: bool, recipients: Recipients, received_at: datetime
) -> None:
    """Receive a standard notification, whose items may be for several merchant accounts.

    Raises:
        Unreadable: The body cannot be parsed, and the sender is not proven to be Adyen. Nothing was
            stored.
        AccountUnavailable: An item is for a merchant account whose settings cannot be used. The
            other items were stored.
        NotAuthentic: An item has no valid signature of its merchant account. The other items were
            stored.
    """
    try:
        items = notifications.parse_form(body) if is_form else notifications.parse(body)
    except Unreadable as error:
        admitted = next((one for one in recipients.all() if one.is_admitted), None)
        if admitted is None:
            raise
        await keep_raw(body, error, await admitted.inbox(), received_at)
        return
    sorting = _Sorting(recipients)
    signed = [(recipient, item) async for recipient, item in sorting.signed(items)]
    for recipient in {id(one): one for one, _ in signed}.values():
        of_recipient = [item for one, item in signed if one is recipient]
        await keep_items(of_recipient, await recipient.inbox(), received_at)
    if sorting.unavailable:
        raise sorting.unavailable
    if len(signed) < len(items):
        unsigned = len(items) - len(signed)
        raise NotAuthentic(f"{unsigned} of {len(items)} items have no valid signature")


async def receive_token_for_accounts(
    body: bytes, *, signature: str, recipients: Recipients, received_at: datetime
) -> None:
    """Receive a token notification for the merchant account in its body.

    Raises:
        AccountUnavailable: The settings of the merchant account cannot be used; nothing was stored.
        NotAuthentic: There is no valid signature of the merchant account; nothing was stored.
    """
    name = token_notifications.merchant_account_of(body)
    recipient = await recipients.named(name) if name else None
    if recipient is None:
        tried = recipients.all()
        is_signed = token_notifications.is_signed
        recipient = next((one for one in tried if is_signed(body, signature, one.token_keys)), None)
    if recipient is None or not token_notifications.is_signed(
        body, signature, recipient.token_keys
    ):
        raise NotAuthentic("the token notification has no valid signature")
    await receive_token(
        body,
        signature=signature,
        keys=recipient.token_keys,
        inbox=await recipient.inbox(),
        received_at=received_at,
    )


class _Sorting:
    """Finds the merchant account of each item of one request."""

    def __init__(self, recipients: Recipients) -> None:
        self.unavailable: AccountUnavailable | None = None
        self._recipients = recipients
        self._named: dict[str, Recipient | None] = {}
        #: Merchant accounts whose HMAC keys have verified an item of an unknown merchant account.
        self._verified: list[Recipient] = []
        self._tried = 0

    async def signed(self, items: Sequence[Item]) -> AsyncIterator[tuple[Recipient, Item]]:
        """Yield each item with a valid signature, with its merchant account."""
        for item in items:
            try:
                recipient = await self._recipient(item)
            except AccountUnavailable as error:
                self.unavailable = error
                continue
            if recipient:
                yield recipient, item

    async def _recipient(self, item: Item) -> Recipient | None:
        name = item.merchant_account_code
        if name not in self._named:
            self._named[name] = await self._recipients.named(name)
        named = self._named[name]
        if named:
            return named if signing.is_signed(item, named.keys) else None
        return self._verifying(item)

    def _verifying(self, item: Item) -> Recipient | None:
        """The merchant account whose HMAC keys verify an item of an unknown merchant account."""
        tried: Sequence[Recipient] = self._verified
        if found := next((one for one in tried if signing.is_signed(item, one.keys)), None):
            return found
        # All items of a request come from one webhook, so one HMAC key signs all of them.
        if self._tried == _UNKNOWN_TRIED_MAX:
            return None
        self._tried += 1
        every = self._recipients.all()
        found = next((one for one in every if signing.is_signed(item, one.keys)), None)
        if found:
            self._verified.append(found)
        return found
