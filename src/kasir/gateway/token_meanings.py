"""The meaning of Adyen's notifications about tokens: three kinds of them, one kind of fact.

The token webhook is the one that Adyen's GoPay page names. The AUTHORISATION notification may
contain the token too (`tokenization.*`, or the older `recurring.*`), and so does
RECURRING_CONTRACT. All three give the same token, however often they come.

Only the token webhook is signed as a whole. In the others the shopper is not signed, and in
AUTHORISATION the token is not either: a token known from them alone is looked up at Adyen before it
is charged (gateway/token_checks.py).
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

_OPERATIONS: Final = {
    "created": TokenSays.CREATED,
    "alreadyExisting": TokenSays.ALREADY_EXISTING,
    "updated": TokenSays.UPDATED,
}


def of_notification(said: TokenNotification) -> TokenReport | None:
    """What a token notification says; None where its type is not in the schema.

    Raises:
        Unreadable: Its date is no date, or it names no shopper or token.
    """
    try:
        says = MEANINGS[TokenEvent(said.type)]
    except ValueError:
        return None
    fact = TokenFact(
        key=f"{said.type}:{said.event_id}",
        says=says,
        source=BY_WEBHOOK,
        at=moment(said.created_at),
        psp_reference="" if says is TokenSays.DISABLED else said.event_id,
    )
    name = _name(said.merchant_account, said.shopper_reference, said.stored_id)
    return TokenReport(name=name, method=said.method, fact=fact)


def of_item(item: Item) -> TokenReport | None:
    """What a standard notification says about a token, if anything.

    Raises:
        Unreadable: Its date is no date.
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
    # A charge names its token too. Only an operation that stores one says something about it.
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
    """RECURRING_CONTRACT: its pspReference is the token."""
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
    """What a RECURRING_CONTRACT that failed says about its payment: the wallet was not saved.

    The fact never contains the item's pspReference, which may be a token.

    Raises:
        Unreadable: Its date is no date.
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
