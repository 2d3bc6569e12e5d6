"""The plan of `kasir setup`, from what Adyen answered: what is done, and what is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from kasir.adyen.management import (
    EVENT_CODES,
    AdditionalSettings,
    Credential,
    DataCenter,
    Merchant,
    Webhook,
)
from kasir.gateway.account_checks import Finding
from kasir.gateway.management import Refusal
from kasir.setup.lines import ROLES
from kasir.setup.model import Kind, Plan, Seen, State, Wanted
from kasir.setup.plan import own_webhook, plan
from kasir.store.webhook_keys import AskedKey

URL: Final = "https://pay.shop.example/webhooks/adyen"
#: Kasir's webhook as Kasir needs it.
RIGHT: Final = Webhook(
    id="S2-OURS",
    type="standard",
    url=URL,
    active=True,
    communication_format="json",
    description="Kasir, Warung",
    hmac_key_check_value="A1B2",
    additional_settings=AdditionalSettings(include_event_codes=EVENT_CODES),
)
KEPT: Final = AskedKey("S2-OURS", is_kept=True, check_value="A1B2")
WANTED: Final = Wanted(
    merchant_account="Warung", public_url="https://pay.shop.example", stored=KEPT, is_received=True
)
SEEN: Final = Seen(
    credential=Credential(username="ws@Company.Warung", roles=(*ROLES,)),
    merchant=Merchant(capture_delay="immediate"),
    webhooks=(RIGHT,),
    methods=(Finding("GoPay is listed", is_well=True, says="it is"),),
)


def kinds(made: Plan) -> list[Kind]:
    """What the plan does, in order."""
    return [step.kind for step in made.steps]


def faults(made: Plan) -> dict[str, str]:
    """What the plan names as wrong, by subject."""
    return {line.what: line.says for line in made.lines if line.state is State.FAULT}


def said(made: Plan, what: str) -> tuple[State, str]:
    """The line of a subject."""
    (line,) = [line for line in made.lines if line.what == what]
    return line.state, line.says


def webhook(**changes: Any) -> Webhook:
    """Kasir's webhook with changes."""
    fields = {name: getattr(RIGHT, name) for name in RIGHT.__struct_fields__}
    return Webhook(**fields | changes)


def planned(*webhooks: Webhook, **changes: Any) -> Plan:
    """The plan for these webhooks; `changes` are of what Kasir needs and knows."""
    return plan(replace(SEEN, webhooks=webhooks), replace(WANTED, **changes))


def test_nothing_is_done_where_all_is_right() -> None:
    made = plan(SEEN, WANTED)

    assert (kinds(made), faults(made)) == ([], {})
    assert said(made, "the standard webhook")[0] is State.OK


def test_from_nothing_a_webhook_with_a_key_is_made_and_tested() -> None:
    made = planned(stored=None, is_received=False, user="adyen", password="secret-of-the-webhook")

    assert kinds(made) == [Kind.CREATE, Kind.MAKE_KEY, Kind.TEST]
    assert made.steps[0].fields == {
        "type": "standard",
        "url": URL,
        "active": True,
        "communicationFormat": "json",
        "description": "Kasir, Warung",
        "additionalSettings": {"includeEventCodes": ["OFFER_CLOSED", "RECURRING_CONTRACT"]},
        "username": "adyen",
        "password": "secret-of-the-webhook",
    }
    assert "secret-of-the-webhook" not in repr(made)


@pytest.mark.parametrize(
    ("mistake", "changes", "words"),
    [
        ({"active": False}, {"active": True}, "activate it"),
        ({"communication_format": "soap"}, {"communicationFormat": "json"}, "from soap to json"),
        (
            {"encryption_protocol": "HTTP"},
            {"encryptionProtocol": "TLSv1.2"},
            "encryption from none to TLSv1.2",
        ),
        (
            {"url": "https://old.shop.example/webhooks/adyen"},
            {"url": URL},
            f"URL from https://old.shop.example/webhooks/adyen to {URL}",
        ),
        (
            {"additional_settings": AdditionalSettings()},
            {"additionalSettings": {"includeEventCodes": [*EVENT_CODES]}},
            "add the events OFFER_CLOSED and RECURRING_CONTRACT",
        ),
        (
            {
                "additional_settings": AdditionalSettings(
                    include_event_codes=("POSTPONED_REFUND", "OFFER_CLOSED")
                )
            },
            {
                "additionalSettings": {
                    "includeEventCodes": ["POSTPONED_REFUND", "OFFER_CLOSED", "RECURRING_CONTRACT"]
                }
            },
            "add the events RECURRING_CONTRACT",
        ),
    ],
)
def test_only_what_is_wrong_is_changed_and_then_tested(
    mistake: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    made = planned(webhook(**mistake))

    assert kinds(made) == [Kind.CHANGE, Kind.TEST]
    assert changes == made.steps[0].fields
    assert words in made.steps[0].says


@pytest.mark.parametrize(
    "mistake", [{"username": "other", "has_password": True}, {"username": "adyen"}, {}]
)
def test_a_user_or_password_that_is_missing_is_set(mistake: dict[str, Any]) -> None:
    made = planned(webhook(**mistake), user="adyen", password="secret-of-the-webhook")

    assert made.steps[0].fields == {"username": "adyen", "password": "secret-of-the-webhook"}
    assert "secret-of-the-webhook" not in made.steps[0].says


def test_a_password_that_adyen_has_is_not_set_again() -> None:
    made = planned(webhook(username="adyen", has_password=True), user="adyen", password="any")

    assert kinds(made) == []


@pytest.mark.parametrize(
    ("check_value", "stored", "has_own_key", "why"),
    [
        pytest.param("", None, True, "are not signed", id="unsigned"),
        pytest.param("A1B2", None, False, "does not know its key", id="unknown key"),
        pytest.param("A1B2", None, True, "", id="a key of the environment"),
        pytest.param("A1B2", KEPT, False, "", id="the stored key"),
        pytest.param("FFFF", KEPT, True, "replaced elsewhere", id="replaced in Customer Area"),
        pytest.param("", KEPT, True, "are not signed", id="the key was removed"),
        pytest.param(
            "A1B2", AskedKey("S2-OURS", True, None), False, "", id="the value was never read"
        ),
        pytest.param(
            "", AskedKey("S2-OURS", True, ""), False, "", id="Adyen shows no value of its keys"
        ),
        pytest.param(
            "A1B2", AskedKey("S2-OURS", False, None), True, "did not come", id="a lost answer"
        ),
        pytest.param(
            "A1B2", AskedKey("S2-OTHER", True, "A1B2"), False, "does not know", id="of another"
        ),
    ],
)
def test_a_key_is_made_only_where_it_is_needed(
    check_value: str, stored: AskedKey | None, has_own_key: bool, why: str
) -> None:
    made = planned(
        webhook(hmac_key_check_value=check_value), stored=stored, has_own_key=has_own_key
    )

    assert ([Kind.MAKE_KEY, Kind.TEST] if why else []) == kinds(made)
    assert not why or why in made.steps[0].says


def test_an_unencrypted_webhook_to_an_address_without_tls_is_right() -> None:
    """As on a developer's machine."""
    plain = webhook(encryption_protocol="HTTP", url="http://pay.shop.example/webhooks/adyen")
    seen = replace(SEEN, webhooks=(plain,))
    wanted = replace(WANTED, public_url="http://pay.shop.example")

    assert kinds(plan(seen, wanted)) == []


def test_a_webhook_that_adyen_calls_faulty_is_tested_and_gets_the_password_again() -> None:
    authenticated = webhook(has_error=True, username="adyen", has_password=True)
    without, with_user = (
        planned(webhook(has_error=True)),
        planned(authenticated, user="adyen", password="the-right-password"),
    )

    assert kinds(without) == [Kind.TEST]
    assert "Adyen says that deliveries fail" in said(without, "the standard webhook")[1]
    assert kinds(with_user) == [Kind.CHANGE, Kind.TEST]
    assert with_user.steps[0].fields == {"username": "adyen", "password": "the-right-password"}


def test_a_webhook_from_which_nothing_came_lately_is_tested() -> None:
    assert kinds(planned(RIGHT, is_received=False)) == [Kind.TEST]


@pytest.mark.parametrize(
    "url",
    [
        "https://PAY.shop.example/webhooks/adyen",
        "https://pay.shop.example:443/webhooks/adyen/",
        f" {URL}",
    ],
)
def test_a_webhook_is_known_by_an_equal_url(url: str) -> None:
    made = planned(webhook(url=url, description="made by hand"))

    assert (made.webhook_id, kinds(made)) == ("S2-OURS", [])


@pytest.mark.parametrize(
    "other",
    [
        webhook(id="S2-1", url="https://shop.example/webhooks/adyen"),
        webhook(id="S2-1", url="https://pay.shop.example/other", description="Kasir, Warung"),
        webhook(id="S2-1", type="report-notification"),
        webhook(id="S2-1", url="http://[::1"),
        # Kasir's once, and given to another system since.
        webhook(url="https://shop.example/", description="Shopware"),
    ],
)
def test_another_systems_webhook_is_never_kasirs(other: Webhook) -> None:
    assert own_webhook([other], WANTED) is None
    assert kinds(planned(other)) == [Kind.CREATE, Kind.MAKE_KEY, Kind.TEST]


def test_other_webhooks_are_shown_without_what_may_be_secret() -> None:
    other = webhook(id="S2-1", type="new-kind", url="https://u:p@shop.example/x?token=secret")

    made = planned(RIGHT, other)

    state, says = said(made, "another webhook, S2-1")
    assert State.OK is state
    assert says == (
        "type new-kind, a type that Kasir does not know, to https://shop.example/x;"
        " it is left as it is"
    )


def test_a_second_webhook_to_the_same_address_is_named() -> None:
    made = planned(webhook(id="S2-0"), RIGHT, webhook(id="S2-2", active=False))

    assert made.webhook_id == "S2-OURS"
    assert "S2-0 sends to the same address" in faults(made)["one standard webhook for Kasir"]


TOKENS: Final = webhook(id="S2-T", type="recurring-tokens", url=f"{URL}/tokens")


@pytest.mark.parametrize(
    ("webhooks", "is_received", "state", "words"),
    [
        ((), False, State.BY_HAND, "Customer Area, Developers, Webhooks, Create new webhook"),
        ((TOKENS,), False, State.BY_HAND, "compare its HMAC key with ADYEN_TOKEN_HMAC_KEY"),
        ((TOKENS,), True, State.OK, "came lately"),
        ((webhook(id="S2-T", url=f"{URL}/tokens"),), True, State.FAULT, "S2-T sends standard"),
        (
            (webhook(id="S2-T", type="recurring-tokens", url=f"{URL}/tokens", active=False),),
            True,
            State.FAULT,
            "not active",
        ),
    ],
)
def test_the_token_webhook_is_a_step_by_hand(
    webhooks: tuple[Webhook, ...], is_received: bool, state: State, words: str
) -> None:
    found, says = said(
        planned(RIGHT, *webhooks, is_token_received=is_received), "the token webhook"
    )

    assert state is found
    assert words in says


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({}, State.BY_HAND, "make a report user with the role Merchant Report Download role"),
        ({"has_report_user": True}, State.BY_HAND, "none was fetched lately; in Customer Area"),
        ({"has_report_user": True, "is_report_received": True}, State.OK, "fetched lately"),
    ],
)
def test_reports_are_a_step_by_hand(changes: dict[str, bool], state: State, words: str) -> None:
    found, says = said(planned(RIGHT, **changes), "Adyen's reports")

    assert (state, words in says) == (found, True)


CAPTURES: Final = "payments are captured when they are authorised"


@pytest.mark.parametrize(
    ("delay", "state", "words"),
    [
        ("immediate", State.OK, "immediate"),
        ("Immediate", State.OK, "immediate"),
        ("manual", State.FAULT, "Adyen takes no money until each is captured"),
        ("3", State.FAULT, "3 days"),
        ("", State.BY_HAND, "Adyen does not say"),
    ],
)
def test_the_capture_delay_is_compared_with_what_kasir_assumes(
    delay: str, state: State, words: str
) -> None:
    made = plan(replace(SEEN, merchant=Merchant(capture_delay=delay)), WANTED)

    found, says = said(made, CAPTURES)
    assert (state, True) == (found, words in says)


def test_a_merchant_account_that_is_not_active_is_named() -> None:
    merchant = Merchant(capture_delay="immediate", status="PreActive")

    made = plan(replace(SEEN, merchant=merchant), WANTED)

    assert "PreActive" in faults(made)["the merchant account is active"]


@pytest.mark.parametrize(
    ("live_prefix", "is_live", "state"),
    [
        ("1797a841-Warung", True, State.OK),
        ("", True, State.FAULT),
        ("9999-Other", False, State.FAULT),
        ("", False, State.OK),
    ],
)
def test_the_live_prefix_is_shown_and_compared(
    live_prefix: str, is_live: bool, state: State
) -> None:
    merchant = Merchant(
        capture_delay="immediate", data_centers=(DataCenter(live_prefix="1797a841-Warung"),)
    )

    made = plan(
        replace(SEEN, merchant=merchant),
        replace(WANTED, live_prefix=live_prefix, is_live=is_live),
    )

    found, says = said(made, "the live prefix")
    assert (state, True) == (found, "1797a841-Warung" in says)


def test_missing_roles_are_named_with_their_use_and_their_place() -> None:
    # Adyen writes the dash in several ways.
    roles = ("Checkout webservice role", "Management API - Webhooks read and write")

    made = plan(replace(SEEN, credential=Credential(username="ws", roles=roles)), WANTED)

    (says,) = faults(made).values()
    assert "`Merchant Recurring role` (for saved wallets and subscriptions)" in says
    assert "`Management API—Account read`" in says
    assert "Webhooks" not in says
    assert "Customer Area, Developers, API credentials" in says


def test_an_inactive_credential_is_named() -> None:
    credential = Credential(username="ws", roles=(*ROLES,), active=False)

    made = plan(replace(SEEN, credential=credential), WANTED)

    assert [*faults(made)] == ["the credential is active"]


def test_every_refusal_is_named_and_without_the_webhooks_nothing_is_done() -> None:
    refused = Refusal("403: the credential lacks the role")
    seen = Seen(
        credential=refused,
        merchant=refused,
        webhooks=refused,
        methods=(Finding("GoPay is listed", is_well=False, says="it is not"),),
    )

    made = plan(seen, WANTED)

    assert (kinds(made), made.webhook_id) == ([], "")
    assert {
        "the credential has its roles",
        CAPTURES,
        "the standard webhook",
        "GoPay is listed",
    } == faults(made).keys()


def test_a_user_name_that_kasir_does_not_check_is_shown() -> None:
    state, says = said(planned(webhook(username="adyen")), "the webhook's password")

    assert (state, "KASIR_WEBHOOK_USER" in says) == (State.BY_HAND, True)
