"""Examples of a token's state and events; tests/property/test_token_fold.py tests the rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kasir.shop_events.event_policy import EventType, token_events
from kasir.shop_events.shapes import shown_token
from kasir.tokens.model import (
    Token,
    TokenFact,
    TokenName,
    TokenReport,
    TokenSays,
    TokenState,
    TokenSummary,
    fold,
    shortened,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
STORED_ID = "M5N7TQ4TG5PFWR50"
NAME = TokenName(
    merchant_account="TwinMerchant", shopper_reference="shopper-1", stored_id=STORED_ID
)


def fact(says: TokenSays, minute: int, psp_reference: str = "", key: str = "") -> TokenFact:
    at = NOON + timedelta(minutes=minute)
    return TokenFact(key or f"{says}:{minute}", says, "a test", at, psp_reference)


def state_of(*sequence: tuple[TokenSays, int]) -> TokenState:
    """The state of a token with these facts, each with its minute."""
    return fold(fact(says, minute) for says, minute in sequence).state


CREATED, EXISTING, UPDATED = TokenSays.CREATED, TokenSays.ALREADY_EXISTING, TokenSays.UPDATED
LISTED, DISABLED, NOT_LISTED = TokenSays.LISTED, TokenSays.DISABLED, TokenSays.NOT_LISTED


@pytest.mark.parametrize("says", [CREATED, EXISTING, UPDATED, LISTED])
def test_any_fact_except_disabled_and_not_listed_makes_a_token_active(says: TokenSays) -> None:
    assert state_of((says, 1)) is TokenState.ACTIVE
    assert token_events([], [fact(says, 1)])[0] is EventType.TOKEN_CREATED


@pytest.mark.parametrize("says", [DISABLED, NOT_LISTED])
def test_a_token_that_was_only_disabled_or_not_listed_gives_no_event(says: TokenSays) -> None:
    assert state_of((says, 1)) is TokenState.DISABLED
    assert token_events([], [fact(says, 1)]) == []


@pytest.mark.parametrize(
    ("sequence", "state"),
    [
        pytest.param([(CREATED, 1), (DISABLED, 2)], TokenState.DISABLED, id="disabled"),
        pytest.param(
            [(CREATED, 1), (DISABLED, 2), (EXISTING, 3)], TokenState.ACTIVE, id="saved again"
        ),
        pytest.param(
            [(CREATED, 1), (DISABLED, 2), (CREATED, 3)], TokenState.ACTIVE, id="created again"
        ),
        pytest.param(
            [(CREATED, 1), (DISABLED, 2), (UPDATED, 3)],
            TokenState.DISABLED,
            id="updated after the end",
        ),
        pytest.param(
            [(CREATED, 1), (DISABLED, 2), (LISTED, 3)],
            TokenState.DISABLED,
            id="listed after the end",
        ),
        pytest.param(
            [(CREATED, 1), (DISABLED, 1)],
            TokenState.DISABLED,
            id="created and disabled in the same minute",
        ),
        pytest.param([(CREATED, 1), (NOT_LISTED, 2)], TokenState.DISABLED, id="not listed"),
        pytest.param(
            [(CREATED, 2), (NOT_LISTED, 1)], TokenState.ACTIVE, id="not listed before its creation"
        ),
        pytest.param(
            [(CREATED, 1), (NOT_LISTED, 2), (UPDATED, 3)],
            TokenState.ACTIVE,
            id="updated after it was not listed",
        ),
        pytest.param(
            [(CREATED, 1), (NOT_LISTED, 2), (LISTED, 3)], TokenState.ACTIVE, id="listed again"
        ),
        pytest.param([(LISTED, 1), (NOT_LISTED, 2)], TokenState.DISABLED, id="listed once"),
    ],
)
def test_a_sequence_of_facts_has_the_same_state_in_any_order(
    sequence: list[tuple[TokenSays, int]], state: TokenState
) -> None:
    assert state_of(*sequence) is state
    assert state_of(*reversed(sequence)) is state


def test_the_first_payment_is_that_of_the_earliest_creation() -> None:
    facts = [
        fact(EXISTING, 5, "PSP-LATER"),
        fact(CREATED, 2, "PSP-FIRST"),
        fact(UPDATED, 7, "PSP-LAST"),
        fact(DISABLED, 1),
    ]

    assert fold(facts) == TokenSummary(
        state=TokenState.ACTIVE,
        first_psp_reference="PSP-FIRST",
        created_at=NOON + timedelta(minutes=1),
    )


def test_the_shop_gets_one_event_for_creation_update_and_end_each() -> None:
    sequence = [fact(CREATED, 1), fact(UPDATED, 2), fact(DISABLED, 3), fact(NOT_LISTED, 4)]
    reported = [
        token_events(sequence[:number], sequence[: number + 1]) for number in range(len(sequence))
    ]

    assert reported == [
        [EventType.TOKEN_CREATED],
        [EventType.TOKEN_UPDATED],
        [EventType.TOKEN_DISABLED],
        [],
    ]


def test_an_end_that_is_recorded_first_is_reported_after_the_creation() -> None:
    reported = token_events([fact(DISABLED, 3)], [fact(DISABLED, 3), fact(CREATED, 1)])

    assert reported == [EventType.TOKEN_CREATED, EventType.TOKEN_DISABLED]


def test_an_update_that_is_recorded_first_is_reported_after_a_creation() -> None:
    assert token_events([], [fact(UPDATED, 2)]) == [
        EventType.TOKEN_CREATED,
        EventType.TOKEN_UPDATED,
    ]


def test_the_shop_gets_an_event_when_a_token_is_active_again() -> None:
    before = [fact(CREATED, 1), fact(DISABLED, 2)]

    assert token_events(before, [*before, fact(EXISTING, 3)]) == [EventType.TOKEN_UPDATED]


@pytest.mark.parametrize(
    ("stored_id", "shown"),
    [(STORED_ID, "M5…50"), ("123456789", "12…89"), ("12345678", "…"), ("", "…")],
)
def test_a_shortened_token_cannot_be_used(stored_id: str, shown: str) -> None:
    assert shortened(stored_id) == shown


def test_no_repr_shows_a_token() -> None:
    token_summary = TokenSummary(
        state=TokenState.ACTIVE, first_psp_reference="PSP-FIRST", created_at=NOON
    )
    token = Token(id="tok_1", name=NAME, method="a_wallet", summary=token_summary)
    report = TokenReport(name=NAME, method="a_wallet", fact=fact(CREATED, 1))
    shown = shown_token(token)

    assert shown.stored_payment_method_id == STORED_ID
    assert [text for text in map(repr, (NAME, token, report, shown)) if STORED_ID in text] == []
