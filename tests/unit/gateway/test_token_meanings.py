"""Three kinds of notifications about a token become facts of one kind."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from fakes import notification_item
from kasir.adyen.notifications import Item, item_from
from kasir.adyen.token_notifications import TokenEvent, TokenNotification
from kasir.errors import Unreadable
from kasir.gateway.meanings import names_of
from kasir.gateway.token_meanings import MEANINGS, not_saved, of_item, of_notification
from kasir.payments.facts import Says
from kasir.tokens.model import TokenName, TokenReport, TokenSays

TOKEN = "M5N7TQ4TG5PFWR50"
NAME = TokenName(merchant_account="TwinMerchant", shopper_reference="shopper-1", stored_id=TOKEN)
AT = datetime.fromisoformat("2026-05-05T05:05:05+02:00")
PSP = "QFQTPCQ8HXSKGK82"


def webhook(**changes: str) -> TokenNotification:
    """The token notification of a new token."""
    fields = {
        "type": TokenEvent.CREATED.value,
        "event_id": PSP,
        "created_at": AT.isoformat(),
        "merchant_account": "TwinMerchant",
        "shopper_reference": "shopper-1",
        "stored_id": TOKEN,
        "method": "gopay_wallet",
    }
    return TokenNotification(**fields | changes)


def authorisation(operation: str = "created", **changes: Any) -> Item:
    """The notification of a payment that saved the token."""
    extra = {
        "tokenization.storedPaymentMethodId": TOKEN,
        "tokenization.shopperReference": "shopper-1",
        "tokenization.store.operationType": operation,
    }
    return item_from(json.dumps(notification_item(**{"additionalData": extra} | changes)).encode())


def contract(**changes: Any) -> Item:
    """The notification RECURRING_CONTRACT, whose pspReference is the token."""
    fields = {
        "eventCode": "RECURRING_CONTRACT",
        "pspReference": TOKEN,
        "originalReference": PSP,
        "amount": {"currency": "IDR", "value": 0},
        "additionalData": {
            "recurring.recurringDetailReference": TOKEN,
            "recurring.shopperReference": "shopper-1",
            "shopperReference": "shopper-1",
        },
    }
    return item_from(json.dumps(notification_item(**fields | changes)).encode())


def not_none(report: TokenReport | None) -> TokenReport:
    assert report is not None
    return report


def test_every_type_has_a_meaning_of_its_own() -> None:
    assert set(MEANINGS) == set(TokenEvent)
    assert len(set(MEANINGS.values())) == len(TokenEvent)


def test_all_three_notifications_name_one_token_one_payment_and_one_time() -> None:
    reports = [not_none(of_notification(webhook())), not_none(of_item(authorisation()))]
    reports += [not_none(of_item(contract()))]

    assert {report.name for report in reports} == {NAME}
    assert {report.method for report in reports} == {"gopay_wallet"}
    assert {report.fact.says for report in reports} == {TokenSays.CREATED}
    assert {report.fact.psp_reference for report in reports} == {PSP}
    assert {report.fact.at for report in reports} == {AT}
    # Their keys differ, so that all three are stored.
    assert len({report.fact.key for report in reports}) == 3


@pytest.mark.parametrize("event", TokenEvent)
def test_the_same_event_again_is_the_same_fact(event: TokenEvent) -> None:
    first, again = (not_none(of_notification(webhook(type=event))) for _ in range(2))
    other = not_none(of_notification(webhook(type=event, event_id="ANOTHER")))

    assert first.fact == again.fact
    assert first.fact.key != other.fact.key


def test_the_fact_of_a_disabled_token_names_no_payment() -> None:
    assert not_none(of_notification(webhook(type=TokenEvent.DISABLED))).fact.psp_reference == ""


def test_an_unknown_type_gives_no_fact() -> None:
    assert of_notification(webhook(type="recurring.token.merged")) is None


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ("created", TokenSays.CREATED),
        ("alreadyExisting", TokenSays.ALREADY_EXISTING),
        ("updated", TokenSays.UPDATED),
    ],
)
def test_an_authorisation_reports_the_stored_token(operation: str, says: TokenSays) -> None:
    assert not_none(of_item(authorisation(operation))).fact.says is says


@pytest.mark.parametrize(
    "originals",
    [
        pytest.param({"originalReference": "", "originalPsp": PSP}, id="only originalPsp"),
        pytest.param({"originalReference": None, "originalPsp": PSP}, id="null and originalPsp"),
        # Adyen signs originalReference, and not originalPsp.
        pytest.param({"originalReference": PSP, "originalPsp": "OTHER"}, id="the signed one first"),
    ],
)
def test_a_contract_names_the_payment_that_caused_it(originals: dict[str, Any]) -> None:
    item = contract(**originals)

    assert not_none(of_item(item)).fact.psp_reference == PSP
    assert not_none(of_item(item)).fact.key == f"contract:{PSP}"
    assert names_of(item) == (PSP,)


def test_two_payments_of_one_token_are_two_facts() -> None:
    first = contract(originalReference="", originalPsp=PSP)
    second = contract(originalReference="", originalPsp="PSP-2")

    assert not_none(of_item(first)).fact.key != not_none(of_item(second)).fact.key


def test_a_failed_contract_is_noted_on_its_payment_without_the_token() -> None:
    item = contract(success="false", originalReference="", originalPsp=PSP, reason="Not allowed")
    fact = not_saved(item)
    assert fact is not None

    assert (fact.says, fact.psp_reference, fact.modification) == (Says.NOTED, PSP, "")
    assert fact.words == "the wallet was not saved: Not allowed"
    assert TOKEN not in repr(fact)


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(contract(), id="a contract that succeeded"),
        pytest.param(authorisation(success="false"), id="another event"),
        pytest.param(contract(success="false", originalReference=""), id="without a payment"),
    ],
)
def test_an_item_that_is_not_a_failed_contract_gives_no_fact_about_saving(item: Item) -> None:
    assert not_saved(item) is None


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(authorisation(success="false"), id="a refusal"),
        pytest.param(authorisation(additionalData={}), id="no token"),
        pytest.param(authorisation(operation=""), id="a charge of a token"),
        pytest.param(authorisation(operation="forgotten"), id="an unknown operation"),
        pytest.param(authorisation(eventCode="CAPTURE"), id="another event"),
        pytest.param(contract(success="false"), id="a contract that failed"),
        pytest.param(contract(additionalData={}), id="a contract without a shopper"),
        pytest.param(contract(pspReference=""), id="a contract without a token"),
    ],
)
def test_an_item_that_stores_no_token_gives_no_fact_about_a_token(item: Item) -> None:
    assert of_item(item) is None


def test_the_older_field_names_are_read_too() -> None:
    extra = {
        "recurring.recurringDetailReference": TOKEN,
        "recurring.shopperReference": "shopper-1",
        "tokenization.store.operationType": "created",
    }

    assert not_none(of_item(authorisation(additionalData=extra))).name == NAME


@pytest.mark.parametrize(
    "change",
    [
        {"shopper_reference": ""},
        {"stored_id": ""},
        {"created_at": "yesterday"},
        {"created_at": "2026-05-05T05:05:05"},
    ],
)
def test_a_notification_without_shopper_token_or_time_is_unreadable(change: dict[str, str]) -> None:
    with pytest.raises(Unreadable) as caught:
        of_notification(webhook(**change))

    assert TOKEN not in str(caught.value)


def test_shopper_references_are_case_sensitive() -> None:
    assert not_none(of_notification(webhook(shopper_reference="Shopper-1"))).name != NAME


def test_the_references_stored_unencrypted_with_a_notice_contain_no_token() -> None:
    assert names_of(contract()) == (PSP,)
    assert names_of(authorisation()) == (PSP,)


def test_the_repr_of_a_token_fact_hides_the_token() -> None:
    assert TOKEN not in repr(not_none(of_notification(webhook())))
