"""Kasir's tokens held against Adyen's list: what is adopted, what is marked, what is let be."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from kasir.adyen.calls import Call
from kasir.adyen.replies import Answer
from kasir.errors import InvalidRequest
from kasir.gateway.wire import Silence, Wire
from kasir.ledger.tokens import Tokens
from kasir.requests.stored_methods import Differences, StoredMethods
from kasir.tokens.model import (
    BY_SHOP,
    BY_WEBHOOK,
    Token,
    TokenFact,
    TokenName,
    TokenNews,
    TokenSays,
    fold,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOPPER = "shopper-1"
GAPS = [timedelta(hours=1), timedelta(days=1), timedelta(days=30)]


async def nothing() -> None:
    """Nothing happens meanwhile."""


@dataclass
class Clock:
    """Goes on by a second with every look at it."""

    time: datetime = NOON

    def now(self) -> datetime:
        """The next second."""
        self.time += timedelta(seconds=1)
        return self.time


@dataclass
class FakeWire:
    """Adyen, as far as lists of tokens go."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    answers: bool = True
    #: What somebody between Adyen and us answers instead.
    page: bytes = b""
    #: What happens between Adyen's reading its list and our reading its answer.
    meanwhile: Callable[[], Awaitable[None]] = nothing
    sent: list[Call] = field(default_factory=list)

    async def send(self, call: Call) -> Answer | Silence:
        """Answer with the list as it was when asked."""
        self.sent.append(call)
        body = json.dumps({"storedPaymentMethods": self.rows}).encode()
        await self.meanwhile()
        answer = Answer(self.status, self.page or body)
        return answer if self.answers else Silence("TimeoutError")


@dataclass
class FakeTokens:
    """What Kasir knows, in memory."""

    facts: dict[str, list[TokenFact]] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    looked_at: list[datetime] = field(default_factory=list)

    async def of(self, shopper_reference: str) -> Sequence[Token]:
        """The tokens there are."""
        return [
            Token(
                id=f"tok_{stored_id}",
                name=name(stored_id),
                method=self.methods.get(stored_id, ""),
                standing=fold(facts),
            )
            for stored_id, facts in self.facts.items()
        ]

    async def hear(self, news: Sequence[TokenNews]) -> None:
        """Keep facts."""
        for said in news:
            self.facts.setdefault(said.name.stored_id, []).append(said.fact)
            self.methods.setdefault(said.name.stored_id, said.method)

    async def looks(self, shopper_reference: str) -> int:
        """How often it was looked."""
        return len(self.looked_at)

    async def looked(self, shopper_reference: str, look_at: datetime) -> None:
        """Keep when to look again."""
        self.looked_at.append(look_at)


def name(stored_id: str) -> TokenName:
    return TokenName(
        merchant_account="TwinMerchant", shopper_reference=SHOPPER, stored_id=stored_id
    )


def row(stored_id: str, method: str = "gopay_wallet") -> dict[str, Any]:
    return {"id": stored_id, "type": method, "firstPspReference": "PSP-FIRST"}


@dataclass
class House:
    """What is under test, and what it works with."""

    wire: FakeWire = field(default_factory=FakeWire)
    tokens: FakeTokens = field(default_factory=FakeTokens)
    clock: Clock = field(default_factory=Clock)

    @property
    def stored(self) -> StoredMethods:
        """What is under test."""
        wire, tokens = cast("Wire", self.wire), cast("Tokens", self.tokens)
        return StoredMethods(wire, tokens, self.clock, "TwinMerchant", GAPS)

    def hears(self, stored_id: str, says: TokenSays, method: str = "gopay_wallet") -> None:
        """Tell of a token."""
        now = self.clock.now()
        fact = TokenFact(f"{says}:{now.isoformat()}", says, BY_WEBHOOK, now)
        self.tokens.facts.setdefault(stored_id, []).append(fact)
        self.tokens.methods.setdefault(stored_id, method)

    async def active(self) -> dict[str, bool]:
        """Which tokens may be charged."""
        return {token.name.stored_id: token.is_active for token in await self.tokens.of(SHOPPER)}


@pytest.fixture
def house() -> House:
    return House()


async def test_a_token_whose_webhook_was_lost_is_adopted_with_its_first_payment(
    house: House,
) -> None:
    house.wire.rows = [row("LOST")]
    found = await house.stored.reconcile(SHOPPER)
    (token,) = await house.tokens.of(SHOPPER)

    assert found == Differences(adopted=1, gone=0)
    assert (token.name, token.method) == (name("LOST"), "gopay_wallet")
    assert token.standing.first_psp_reference == "PSP-FIRST"
    (call,) = house.wire.sent
    assert (call.method, urlsplit(call.path).path) == ("GET", "/storedPaymentMethods")
    assert parse_qs(urlsplit(call.path).query) == {
        "merchantAccount": ["TwinMerchant"],
        "shopperReference": [SHOPPER],
    }


async def test_a_token_that_the_list_lost_is_marked_and_comes_back_with_it(house: House) -> None:
    house.hears("GONE", TokenSays.CREATED)
    found = await house.stored.reconcile(SHOPPER)
    after = await house.active()
    house.wire.rows = [row("GONE")]
    back = await house.stored.reconcile(SHOPPER)

    assert (found, after) == (Differences(adopted=0, gone=1), {"GONE": False})
    assert (back, await house.active()) == (Differences(adopted=0, gone=0), {"GONE": True})


async def test_a_list_that_agrees_changes_nothing(house: House) -> None:
    house.hears("HERE", TokenSays.CREATED)
    house.wire.rows = [row("HERE")]
    before = {stored_id: [*facts] for stored_id, facts in house.tokens.facts.items()}

    assert await house.stored.reconcile(SHOPPER) == Differences(0, 0)
    assert house.tokens.facts == before


async def test_what_was_told_to_be_disabled_is_not_brought_back_by_a_list_that_lags(
    house: House,
) -> None:
    house.hears("ENDED", TokenSays.CREATED)
    house.hears("ENDED", TokenSays.DISABLED)
    house.wire.rows = [row("ENDED")]
    await house.stored.reconcile(SHOPPER)

    assert await house.active() == {"ENDED": False}


async def test_a_token_told_of_while_the_list_was_on_its_way_is_not_taken_for_gone(
    house: House,
) -> None:
    async def told() -> None:
        house.hears("NEW", TokenSays.CREATED)

    house.wire.meanwhile = told
    found = await house.stored.reconcile(SHOPPER)

    assert found == Differences(0, 0)
    assert await house.active() == {"NEW": True}


async def test_rows_of_other_methods_and_rows_of_no_shape_are_let_be(house: House) -> None:
    house.hears("CARD", TokenSays.CREATED, "scheme")
    house.wire.rows = [row("VISA", "scheme"), {"id": 7, "type": "gopay_wallet"}, {}]

    assert await house.stored.reconcile(SHOPPER) == Differences(0, 0)
    assert await house.active() == {"CARD": True}


@pytest.mark.parametrize(("answers", "status"), [(False, 200), (True, 500), (True, 422)])
async def test_where_adyen_does_not_say_nothing_is_concluded_and_it_comes_up_again(
    house: House, answers: bool, status: int
) -> None:
    house.hears("HERE", TokenSays.CREATED)
    house.wire.answers, house.wire.status = answers, status
    await house.stored.look_after(SHOPPER)

    assert await house.stored.reconcile(SHOPPER) is None
    assert await house.active() == {"HERE": True}
    assert house.tokens.looked_at == []


@pytest.mark.parametrize("page", [b"<html>Welcome</html>", b"{}", b"[]", b"null"])
async def test_a_page_that_is_not_adyens_takes_no_token_away(house: House, page: bytes) -> None:
    house.hears("HERE", TokenSays.CREATED)
    house.wire.page = page

    assert await house.stored.reconcile(SHOPPER) is None
    assert await house.active() == {"HERE": True}


async def test_a_disabling_that_somebody_else_answered_is_not_believed(house: House) -> None:
    house.hears("HERE", TokenSays.CREATED)
    house.wire.page = b"<html>Welcome</html>"
    asked = {"shopperReference": SHOPPER, "recurringDetailReference": "HERE"}
    await house.stored.disable_classic(json.dumps(asked).encode())

    assert await house.active() == {"HERE": True}


async def test_looks_grow_rarer_and_never_end(house: House) -> None:
    gaps = []
    for _ in range(4):
        await house.stored.look_after(SHOPPER)
        gaps.append(house.tokens.looked_at[-1] - house.clock.time)

    assert gaps == [GAPS[1], GAPS[2], GAPS[2], GAPS[2]]


@pytest.mark.parametrize("given", [{}, {"shopperReference": "ab"}, {"shopperReference": "s" * 257}])
async def test_without_a_shopper_nothing_is_asked(house: House, given: dict[str, str]) -> None:
    body = json.dumps(given).encode()
    with pytest.raises(InvalidRequest):
        await house.stored.list(given, 72)
    with pytest.raises(InvalidRequest):
        await house.stored.remove("TOKEN", given, 72)
    with pytest.raises(InvalidRequest):
        await house.stored.list_classic(body, None)
    with pytest.raises(InvalidRequest):
        await house.stored.disable_classic(body)

    assert house.wire.sent == []


async def test_a_removal_that_nobody_answered_is_not_believed(house: House) -> None:
    house.hears("HERE", TokenSays.CREATED)
    house.wire.answers = False
    answer = await house.stored.remove("HERE", {"shopperReference": SHOPPER}, 72)

    assert (answer.status, answer.json()["errorCode"]) == (503, "703")
    assert await house.active() == {"HERE": True}


async def test_a_name_with_odd_letters_stays_one_part_of_the_address(house: House) -> None:
    await house.stored.remove("a/b?c=d", {"shopperReference": "s&p=1"}, 72)
    (call,) = house.wire.sent

    assert call.path.startswith("/storedPaymentMethods/a%2Fb%3Fc%3Dd?")
    assert parse_qs(urlsplit(call.path).query)["shopperReference"] == ["s&p=1"]


async def test_of_one_use_taken_away_the_list_tells_and_it_counts_as_the_shops_doing(
    house: House,
) -> None:
    for stored_id in ("LEFT", "TAKEN", "LOST"):
        house.hears(stored_id, TokenSays.CREATED)
    house.wire.rows = [row("LEFT")]
    named = {"recurringDetailReference": "TAKEN", "contract": "ONECLICK"}
    asked = json.dumps({"shopperReference": SHOPPER} | named).encode()
    await house.stored.disable_classic(asked)
    last = {stored_id: facts[-1] for stored_id, facts in house.tokens.facts.items()}

    assert {stored_id: fact.says for stored_id, fact in last.items()} == {
        "LEFT": TokenSays.CREATED,
        "TAKEN": TokenSays.DISABLED,
        "LOST": TokenSays.NOT_LISTED,
    }
    # So it holds though Adyen's clock be ahead of ours.
    assert last["TAKEN"].source == BY_SHOP
