"""Translates Adyen's notifications about tokens into facts about tokens.

Adyen's GoPay page names the token webhook. RECURRING_CONTRACT contains the token too, and
AUTHORISATION may (`tokenization.*`, or the older `recurring.*`). All these notifications together
make only one token, even if each of them is sent repeatedly.

Only the body of the token webhook is signed as a whole. In RECURRING_CONTRACT the shopper is not
signed; in AUTHORISATION neither the shopper nor the token is signed. So a token that is known only
from these two is checked at Adyen before a charge (gateway/token_checks.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kasir.adyen.notifications import EventCode, Item, moment
from kasir.adyen.token_notifications import TokenEvent, TokenNotification
from kasir.errors import Unreadable
from kasir.payments.facts import Fact, Says, Source
from kasir.tokens.model import BY_WEBHOOK, TokenFact, TokenName, TokenReport, TokenSays

MEANINGS: Final[Mapping[TokenEvent, TokenSays]] = {
    TokenEvent.CREATED: TokenSays.CREATED,
    TokenEvent.ALREADY_EXISTING: TokenSays.ALREADY_EXISTING,
    TokenEvent.UPDATED: TokenSays.UPDATED,
    TokenEvent.DISABLED: TokenSays.DISABLED,
}

#: The values of `tokenization.store.operationType`.
_OPERATIONS: Final = {
    "created": TokenSays.CREATED,
    "alreadyExisting": TokenSays.ALREADY_EXISTING,
    "updated": TokenSays.UPDATED,
}


def of_notification(notification: TokenNotification) -> TokenReport | None:
    """The fact in a token notification; None if the notification's type is not in the schema.

    Raises:
        Unreadable: The date is malformed, or the shopper or the token is missing.
    """
    try:
        says = MEANINGS[TokenEvent(notification.type)]
    except ValueError:
        return None
    fact = TokenFact(
        key=f"{notification.type}:{notification.event_id}",
        says=says,
        source=BY_WEBHOOK,
        at=moment(notification.created_at),
        psp_reference="" if says is TokenSays.DISABLED else notification.event_id,
    )
    name = _name(
        notification.merchant_account, notification.shopper_reference, notification.stored_id
    )
    return TokenReport(name=name, method=notification.method, fact=fact)


def of_item(item: Item) -> TokenReport | None:
    """The fact about a token in a standard notification; None if there is none.

    Raises:
        Unreadable: The date is malformed.
    """
    if item.event_code == EventCode.AUTHORISATION and item.success:
        return _of_authorisation(item)
    if item.event_code == EventCode.RECURRING_CONTRACT and item.success:
        return _of_contract(item)
    return None


def _of_authorisation(item: Item) -> TokenReport | None:
    extra = item.additional_data
    stored_id = extra.get("tokenization.storedPaymentMethodId") or extra.get(
        "recurring.recurringDetailReference", ""
    )
    shopper = extra.get("tokenization.shopperReference") or extra.get(
        "recurring.shopperReference", ""
    )
    # The AUTHORISATION of a charge names the token too, but is no fact about the token.
    operation = _OPERATIONS.get(extra.get("tokenization.store.operationType", ""))
    if not stored_id or not shopper or operation is None:
        return None
    fact = TokenFact(
        key=f"authorisation:{item.psp_reference}",
        says=operation,
        source="AUTHORISATION",
        at=moment(item.event_date),
        psp_reference=item.psp_reference,
    )
    name = _name(item.merchant_account_code, shopper, stored_id)
    return TokenReport(name=name, method=item.payment_method, fact=fact)


def _of_contract(item: Item) -> TokenReport | None:
    """The fact in a RECURRING_CONTRACT, whose pspReference is the token."""
    extra = item.additional_data
    shopper = extra.get("shopperReference") or extra.get("recurring.shopperReference", "")
    if not shopper or not item.psp_reference:
        return None
    fact = TokenFact(
        key=f"contract:{item.initial_payment}",
        says=TokenSays.CREATED,
        source="RECURRING_CONTRACT",
        at=moment(item.event_date),
        psp_reference=item.initial_payment,
    )
    name = _name(item.merchant_account_code, shopper, item.psp_reference)
    return TokenReport(name=name, method=item.payment_method, fact=fact)


def not_saved(item: Item) -> Fact | None:
    """The fact about a payment in a RECURRING_CONTRACT that failed: the wallet was not saved.

    The fact never contains the item's pspReference, which may be a token. None if the item is no
    such notification.

    Raises:
        Unreadable: The date is malformed.
    """
    if item.event_code != EventCode.RECURRING_CONTRACT or item.success or not item.initial_payment:
        return None
    return Fact(
        key=f"notification:{item.event_code}:{item.initial_payment}:{item.success_text}",
        says=Says.NOTED,
        source=Source.NOTIFICATION,
        at=moment(item.event_date),
        psp_reference=item.initial_payment,
        words=f"the wallet was not saved: {item.reason or 'no reason given'}",
    )


def _name(account: str, shopper: str, stored_id: str) -> TokenName:
    if not shopper or not stored_id:
        raise Unreadable("it names no shopper or no token")
    return TokenName(merchant_account=account, shopper_reference=shopper, stored_id=stored_id)
