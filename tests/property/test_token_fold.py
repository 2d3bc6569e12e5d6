"""Whatever told of a token, in whatever order and however often, it is one token and one story."""

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
    said = TokenNotification(
        type=f"recurring.token.{kind}",
        event_id=event_id,
        created_at=at(minute),
        merchant_account="TwinMerchant",
        shopper_reference="shopper-1",
        stored_id="M5N7TQ4TG5PFWR50",
        method="gopay_wallet",
    )
    return token_meanings.of_notification(said)


def item(code: str, minute: int, psp_reference: str, **extra: str) -> TokenReport | None:
    said = Item(
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
    return token_meanings.of_item(said)


def looked(says: TokenSays, minute: int) -> TokenFact:
    """What reconciling with Adyen's list brings, without words of Adyen's to read."""
    return TokenFact(f"{says}:{minute}", says, "Adyen's list", NOON + timedelta(minutes=minute))


def of(news: TokenReport | None) -> TokenFact:
    assert news is not None
    return news.fact


#: One life of a token, as each source tells it. The reply and the details say nothing of it.
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


def told(heard: Sequence[TokenFact]) -> list[EventType]:
    """Everything the shop is told, hearing fact by fact as the store does."""
    known: dict[str, TokenFact] = {}
    events: list[EventType] = []
    for fact in heard:
        if fact.key not in known:
            before = [*known.values()]
            known[fact.key] = fact
            events += token_events(before, [*known.values()])
    return events


def stories(life: Sequence[TokenFact]) -> set[tuple[EventType, ...]]:
    """What the shop is told in each order, sorted: all orders, not a sample.

    What one fact adds depends on the set heard before it, so every set is visited once.
    """
    told_by: dict[frozenset[TokenFact], set[tuple[EventType, ...]]] = {frozenset(): {()}}
    for size in range(1, len(life) + 1):
        for heard in map(frozenset, combinations(life, size)):
            told_by[heard] = {
                tuple(sorted((*story, *token_events([*(heard - {last})], [*heard]))))
                for last in heard
                for story in told_by[heard - {last}]
            }
    return told_by[frozenset(life)]


def test_every_order_of_a_life_tells_one_story() -> None:
    standing = fold(ENDED)

    assert stories(ENDED) == {
        (EventType.TOKEN_CREATED, EventType.TOKEN_DISABLED, EventType.TOKEN_UPDATED)
    }
    assert standing.state is TokenState.DISABLED
    assert standing.first_psp_reference == "PSP-FIRST"
    assert standing.created_at == NOON + timedelta(minutes=1)


def test_every_order_of_a_life_without_its_end_tells_of_none() -> None:
    assert stories(LIFE) == {(EventType.TOKEN_CREATED, EventType.TOKEN_UPDATED)}
    assert fold(LIFE).state is TokenState.ACTIVE


@given(st.permutations(ENDED))
def test_every_order_of_a_life_comes_to_one_token(heard: list[TokenFact]) -> None:
    assert fold(heard) == fold(ENDED)
    assert sorted(told(heard)) == sorted(told(ENDED))


@given(st.lists(st.sampled_from(ENDED), min_size=1, max_size=30))
def test_a_repetition_adds_nothing(heard: list[TokenFact]) -> None:
    once = list(dict.fromkeys(heard))

    assert fold(heard) == fold(once)
    assert told(heard) == told(once)


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
def test_any_life_comes_to_the_same_in_any_order(
    orders: tuple[list[TokenFact], list[TokenFact]],
) -> None:
    first, second = orders

    assert fold(first) == fold(second)


@given(lives)
@settings(max_examples=300)
def test_what_was_told_to_be_disabled_is_never_active_unless_made_again_later(
    life: list[TokenFact],
) -> None:
    ends = [fact.at for fact in life if fact.says is TokenSays.DISABLED]
    makes = [fact.at for fact in life if fact.says in MAKES]

    if ends and not any(made > max(ends) for made in makes):
        assert fold(life).state is TokenState.DISABLED


@given(lives)
@settings(max_examples=300)
def test_the_shop_ends_up_knowing_what_is(life: list[TokenFact]) -> None:
    events = told(life)
    is_made = any(fact.says not in ENDS for fact in life)

    assert events.count(EventType.TOKEN_CREATED) == is_made
    assert events[:1] in ([], [EventType.TOKEN_CREATED])
    # Its last word on whether the token holds is the truth; it comes with the token as it stands.
    assert not is_made or last_told(life) is fold(life).state


def last_told(life: Sequence[TokenFact]) -> TokenState | None:
    """The state in the last event that the shop is told."""
    state = None
    for count in range(1, len(life) + 1):
        if token_events(life[: count - 1], life[:count]):
            state = fold(life[:count]).state
    return state


@given(lives)
@settings(max_examples=300)
def test_where_nothing_is_made_again_an_end_is_told_exactly_if_there_is_one(
    life: list[TokenFact],
) -> None:
    # A life in its own order, where what ended is not made again: as Adyen's tokens live.
    story = sorted(life, key=lambda fact: (fact.at, fact.says in ENDS, fact.key))
    first_end = next((n for n, fact in enumerate(story) if fact.says in ENDS), len(story))
    story = [
        fact for n, fact in enumerate(story) if n < first_end or fact.says is TokenSays.DISABLED
    ]
    if any(fact.says not in ENDS for fact in story):
        is_disabled = fold(story).state is TokenState.DISABLED

        assert told(story).count(EventType.TOKEN_DISABLED) == is_disabled
        assert told(story[::-1]).count(EventType.TOKEN_DISABLED) == is_disabled
