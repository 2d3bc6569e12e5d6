"""The facts about a token give the same token and the same events in any order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from kasir.adyen.notifications import Item
from kasir.adyen.token_notifications import TokenNotification
from kasir.gateway import token_meanings
from kasir.shop_events.event_policy import EventType, token_events
from kasir.tokens.model import TokenFact, TokenReport, TokenSays, TokenState, fold

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
#: The facts that a token has ended, and that it was created.
ENDS = {TokenSays.DISABLED, TokenSays.NOT_LISTED}
MAKES = {TokenSays.CREATED, TokenSays.ALREADY_EXISTING}


def at(minute: int) -> str:
    """A time in ISO 8601, in minutes after noon."""
    return (NOON + timedelta(minutes=minute)).isoformat()


def webhook(kind: str, minute: int, event_id: str) -> TokenReport | None:
    """What Kasir reads in a token webhook of this kind, such as `created`."""
    notification = TokenNotification(
        type=f"recurring.token.{kind}",
        event_id=event_id,
        created_at=at(minute),
        merchant_account="TwinMerchant",
        shopper_reference="shopper-1",
        stored_id="M5N7TQ4TG5PFWR50",
        method="gopay_wallet",
    )
    return token_meanings.of_notification(notification)


def item(code: str, minute: int, psp_reference: str, **extra: str) -> TokenReport | None:
    """What Kasir reads about a token in a standard notification with this event code.

    `extra` is the additional data; `__` in a name becomes a dot.
    """
    notification = Item(
        psp_reference=psp_reference,
        original_reference="PSP-FIRST" if code == "RECURRING_CONTRACT" else "",
        merchant_account_code="TwinMerchant",
        merchant_reference="ORDER-1001",
        amount_value="25000",
        amount_currency="IDR",
        event_code=code,
        event_date=at(minute),
        success_text="true",
        payment_method="gopay_wallet",
        reason="",
        additional_data={name.replace("__", "."): text for name, text in extra.items()},
        raw=b"",
    )
    return token_meanings.of_item(notification)


def from_list(says: TokenSays, minute: int) -> TokenFact:
    """A fact from the comparison with Adyen's list of tokens."""
    return TokenFact(f"{says}:{minute}", says, "Adyen's list", NOON + timedelta(minutes=minute))


def fact_of(report: TokenReport | None) -> TokenFact:
    assert report is not None
    return report.fact


#: The additional data of the payment that saves the token.
STORED = {
    "tokenization__storedPaymentMethodId": "M5N7TQ4TG5PFWR50",
    "tokenization__shopperReference": "shopper-1",
    "tokenization__store__operationType": "created",
}
#: The facts about one token from each source, and then also those about its end.
REPORTS = (
    fact_of(item("AUTHORISATION", 1, "PSP-FIRST", **STORED)),
    fact_of(webhook("created", 2, "PSP-FIRST")),
    fact_of(item("RECURRING_CONTRACT", 3, "M5N7TQ4TG5PFWR50", shopperReference="shopper-1")),
    fact_of(webhook("alreadyExisting", 4, "PSP-SECOND")),
    from_list(TokenSays.LISTED, 5),
    fact_of(webhook("updated", 6, "PSP-OTHER")),
)
REPORTS_AND_END = (
    *REPORTS,
    fact_of(webhook("disabled", 7, "PSP-END")),
    from_list(TokenSays.NOT_LISTED, 8),
)


def events_of(received: Sequence[TokenFact]) -> list[EventType]:
    """All events of these facts if they are recorded one by one, as the store does."""
    recorded: dict[str, TokenFact] = {}
    events: list[EventType] = []
    for fact in received:
        if fact.key not in recorded:
            before = [*recorded.values()]
            recorded[fact.key] = fact
            events += token_events(before, [*recorded.values()])
    return events


def event_lists(facts_of_token: Sequence[TokenFact]) -> set[tuple[EventType, ...]]:
    """The sorted events of every possible order of the facts.

    The events of a fact depend only on the set of facts before it, so each set is computed once.
    """
    lists_of: dict[frozenset[TokenFact], set[tuple[EventType, ...]]] = {frozenset(): {()}}
    for size in range(1, len(facts_of_token) + 1):
        for received in map(frozenset, combinations(facts_of_token, size)):
            lists_of[received] = {
                tuple(sorted((*earlier, *token_events([*(received - {last})], [*received]))))
                for last in received
                for earlier in lists_of[received - {last}]
            }
    return lists_of[frozenset(facts_of_token)]


def test_the_facts_of_a_token_send_the_same_events_in_every_order() -> None:
    token = fold(REPORTS_AND_END)

    assert event_lists(REPORTS_AND_END) == {
        (EventType.TOKEN_CREATED, EventType.TOKEN_DISABLED, EventType.TOKEN_UPDATED)
    }
    assert token.state is TokenState.DISABLED
    assert token.first_psp_reference == "PSP-FIRST"
    assert token.created_at == NOON + timedelta(minutes=1)


def test_without_the_end_of_the_token_no_order_sends_a_disabled_event() -> None:
    assert event_lists(REPORTS) == {(EventType.TOKEN_CREATED, EventType.TOKEN_UPDATED)}
    assert fold(REPORTS).state is TokenState.ACTIVE


@given(st.permutations(REPORTS_AND_END))
def test_the_facts_of_a_token_give_the_same_token_in_every_order(received: list[TokenFact]) -> None:
    assert fold(received) == fold(REPORTS_AND_END)
    assert sorted(events_of(received)) == sorted(events_of(REPORTS_AND_END))


@given(st.lists(st.sampled_from(REPORTS_AND_END), min_size=1, max_size=30))
def test_a_repeated_fact_changes_no_token_and_sends_no_event(received: list[TokenFact]) -> None:
    once = list(dict.fromkeys(received))

    assert fold(received) == fold(once)
    assert events_of(received) == events_of(once)


facts = st.builds(
    lambda says, minute, number: TokenFact(
        key=f"{says}:{minute}:{number}",
        says=says,
        source="a source",
        at=NOON + timedelta(minutes=minute),
        psp_reference="" if says in ENDS else f"PSP-{number}",
    ),
    st.sampled_from(TokenSays),
    st.integers(0, 6),
    st.integers(0, 2),
)
fact_lists = st.lists(facts, min_size=1, max_size=8, unique_by=lambda fact: fact.key)


@given(fact_lists.flatmap(lambda drawn: st.tuples(st.just(drawn), st.permutations(drawn))))
@settings(max_examples=300)
def test_any_facts_give_the_same_token_in_any_order(
    orders: tuple[list[TokenFact], list[TokenFact]],
) -> None:
    first, second = orders

    assert fold(first) == fold(second)


@given(fact_lists)
@settings(max_examples=300)
def test_a_disabled_token_is_active_only_if_it_is_made_again_later(
    facts_of_token: list[TokenFact],
) -> None:
    ends = [fact.at for fact in facts_of_token if fact.says is TokenSays.DISABLED]
    makes = [fact.at for fact in facts_of_token if fact.says in MAKES]

    if ends and not any(made > max(ends) for made in makes):
        assert fold(facts_of_token).state is TokenState.DISABLED


@given(fact_lists)
@settings(max_examples=300)
def test_the_last_event_has_the_current_state_of_the_token(facts_of_token: list[TokenFact]) -> None:
    events = events_of(facts_of_token)
    is_made = any(fact.says not in ENDS for fact in facts_of_token)

    assert events.count(EventType.TOKEN_CREATED) == is_made
    assert events[:1] in ([], [EventType.TOKEN_CREATED])
    assert not is_made or last_state(facts_of_token) is fold(facts_of_token).state


def last_state(facts_of_token: Sequence[TokenFact]) -> TokenState | None:
    """The token's state in the last event, if the facts are recorded in this order."""
    state = None
    for count in range(1, len(facts_of_token) + 1):
        if token_events(facts_of_token[: count - 1], facts_of_token[:count]):
            state = fold(facts_of_token[:count]).state
    return state


@given(fact_lists)
@settings(max_examples=300)
def test_one_disabled_event_is_sent_if_and_only_if_the_token_is_disabled(
    facts_of_token: list[TokenFact],
) -> None:
    # In the order of time, and without facts that make a token again after its end, as at Adyen.
    ordered = sorted(facts_of_token, key=lambda fact: (fact.at, fact.says in ENDS, fact.key))
    first_end = next((n for n, fact in enumerate(ordered) if fact.says in ENDS), len(ordered))
    ordered = [
        fact for n, fact in enumerate(ordered) if n < first_end or fact.says is TokenSays.DISABLED
    ]
    if any(fact.says not in ENDS for fact in ordered):
        is_disabled = fold(ordered).state is TokenState.DISABLED

        assert events_of(ordered).count(EventType.TOKEN_DISABLED) == is_disabled
        assert events_of(ordered[::-1]).count(EventType.TOKEN_DISABLED) == is_disabled
