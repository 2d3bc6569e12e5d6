"""Reports of a token from any source, in any order, give the same token and the same events."""

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
ENDS = {TokenSays.DISABLED, TokenSays.NOT_LISTED}
MAKES = {TokenSays.CREATED, TokenSays.ALREADY_EXISTING}


def at(minute: int) -> str:
    return (NOON + timedelta(minutes=minute)).isoformat()


def webhook(kind: str, minute: int, event_id: str) -> TokenReport | None:
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


def looked(says: TokenSays, minute: int) -> TokenFact:
    """A fact from the comparison with Adyen's list, without a text of Adyen's."""
    return TokenFact(f"{says}:{minute}", says, "Adyen's list", NOON + timedelta(minutes=minute))


def of(report: TokenReport | None) -> TokenFact:
    assert report is not None
    return report.fact


#: One life of a token, as each source reports it. The reply and the details do not report it.
STORED = {
    "tokenization__storedPaymentMethodId": "M5N7TQ4TG5PFWR50",
    "tokenization__shopperReference": "shopper-1",
    "tokenization__store__operationType": "created",
}
LIFE = (
    of(item("AUTHORISATION", 1, "PSP-FIRST", **STORED)),
    of(webhook("created", 2, "PSP-FIRST")),
    of(item("RECURRING_CONTRACT", 3, "M5N7TQ4TG5PFWR50", shopperReference="shopper-1")),
    of(webhook("alreadyExisting", 4, "PSP-SECOND")),
    looked(TokenSays.LISTED, 5),
    of(webhook("updated", 6, "PSP-OTHER")),
)
ENDED = (*LIFE, of(webhook("disabled", 7, "PSP-END")), looked(TokenSays.NOT_LISTED, 8))


def events_of(received: Sequence[TokenFact]) -> list[EventType]:
    """All events of these facts, recorded one by one as the store does."""
    known: dict[str, TokenFact] = {}
    events: list[EventType] = []
    for fact in received:
        if fact.key not in known:
            before = [*known.values()]
            known[fact.key] = fact
            events += token_events(before, [*known.values()])
    return events


def event_lists(life: Sequence[TokenFact]) -> set[tuple[EventType, ...]]:
    """The sorted events of each order of the facts: all orders, not a sample.

    The events of a fact depend only on the set received before it, so every set is visited once.
    """
    lists_of: dict[frozenset[TokenFact], set[tuple[EventType, ...]]] = {frozenset(): {()}}
    for size in range(1, len(life) + 1):
        for received in map(frozenset, combinations(life, size)):
            lists_of[received] = {
                tuple(sorted((*earlier, *token_events([*(received - {last})], [*received]))))
                for last in received
                for earlier in lists_of[received - {last}]
            }
    return lists_of[frozenset(life)]


def test_every_order_of_a_life_sends_the_same_events() -> None:
    token = fold(ENDED)

    assert event_lists(ENDED) == {
        (EventType.TOKEN_CREATED, EventType.TOKEN_DISABLED, EventType.TOKEN_UPDATED)
    }
    assert token.state is TokenState.DISABLED
    assert token.first_psp_reference == "PSP-FIRST"
    assert token.created_at == NOON + timedelta(minutes=1)


def test_no_order_of_a_life_without_an_end_sends_a_disabled_event() -> None:
    assert event_lists(LIFE) == {(EventType.TOKEN_CREATED, EventType.TOKEN_UPDATED)}
    assert fold(LIFE).state is TokenState.ACTIVE


@given(st.permutations(ENDED))
def test_every_order_of_a_life_gives_the_same_token(received: list[TokenFact]) -> None:
    assert fold(received) == fold(ENDED)
    assert sorted(events_of(received)) == sorted(events_of(ENDED))


@given(st.lists(st.sampled_from(ENDED), min_size=1, max_size=30))
def test_a_repetition_adds_nothing(received: list[TokenFact]) -> None:
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
lives = st.lists(facts, min_size=1, max_size=8, unique_by=lambda fact: fact.key)


@given(lives.flatmap(lambda life: st.tuples(st.just(life), st.permutations(life))))
@settings(max_examples=300)
def test_any_life_gives_the_same_token_in_any_order(
    orders: tuple[list[TokenFact], list[TokenFact]],
) -> None:
    first, second = orders

    assert fold(first) == fold(second)


@given(lives)
@settings(max_examples=300)
def test_a_token_reported_disabled_is_active_only_if_it_is_made_again_later(
    life: list[TokenFact],
) -> None:
    ends = [fact.at for fact in life if fact.says is TokenSays.DISABLED]
    makes = [fact.at for fact in life if fact.says in MAKES]

    if ends and not any(made > max(ends) for made in makes):
        assert fold(life).state is TokenState.DISABLED


@given(lives)
@settings(max_examples=300)
def test_the_last_event_has_the_state_of_the_token(life: list[TokenFact]) -> None:
    events = events_of(life)
    is_made = any(fact.says not in ENDS for fact in life)

    assert events.count(EventType.TOKEN_CREATED) == is_made
    assert events[:1] in ([], [EventType.TOKEN_CREATED])
    # The last event contains the token, and its state is the current one.
    assert not is_made or last_state(life) is fold(life).state


def last_state(life: Sequence[TokenFact]) -> TokenState | None:
    """The state in the last event that is sent."""
    state = None
    for count in range(1, len(life) + 1):
        if token_events(life[: count - 1], life[:count]):
            state = fold(life[:count]).state
    return state


@given(lives)
@settings(max_examples=300)
def test_a_disabled_event_is_sent_exactly_if_a_token_is_disabled_and_not_made_again(
    life: list[TokenFact],
) -> None:
    # A life in the order of its times, in which an ended token is not made again, as at Adyen.
    ordered = sorted(life, key=lambda fact: (fact.at, fact.says in ENDS, fact.key))
    first_end = next((n for n, fact in enumerate(ordered) if fact.says in ENDS), len(ordered))
    ordered = [
        fact for n, fact in enumerate(ordered) if n < first_end or fact.says is TokenSays.DISABLED
    ]
    if any(fact.says not in ENDS for fact in ordered):
        is_disabled = fold(ordered).state is TokenState.DISABLED

        assert events_of(ordered).count(EventType.TOKEN_DISABLED) == is_disabled
        assert events_of(ordered[::-1]).count(EventType.TOKEN_DISABLED) == is_disabled
