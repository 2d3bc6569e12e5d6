"""Kasir compares its tokens with Adyen's list: it adopts tokens, and marks those not listed."""

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
from kasir.gateway.wire import NoAnswer, Wire
from kasir.ledger.tokens import Tokens
from kasir.requests.stored_methods import Differences, StoredMethods
from kasir.tokens.model import (
    BY_SHOP,
    BY_WEBHOOK,
    Token,
    TokenFact,
    TokenName,
    TokenReport,
    TokenSays,
    fold,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHOPPER = "shopper-1"
#: The times between comparisons.
GAPS = [timedelta(hours=1), timedelta(days=1), timedelta(days=30)]


async def nothing() -> None:
    """Do nothing."""


@dataclass
class Clock:
    """A clock that moves by a second each time it is read."""

    time: datetime = NOON

    def now(self) -> datetime:
        """Return the next second."""
        self.time += timedelta(seconds=1)
        return self.time


@dataclass
class FakeWire:
    """A fake of Adyen, which answers every call with the list of tokens."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    is_answering: bool = True
    #: The body of a proxy, which replaces Adyen's.
    proxy_body: bytes = b""
    #: Called after the answer was built and before Kasir reads it.
    meanwhile: Callable[[], Awaitable[None]] = nothing
    sent: list[Call] = field(default_factory=list)

    async def send(self, call: Call) -> Answer | NoAnswer:
        """Answer with the list from before `meanwhile`."""
        self.sent.append(call)
        body = json.dumps({"storedPaymentMethods": self.rows}).encode()
        await self.meanwhile()
        answer = Answer(self.status, self.proxy_body or body)
        return answer if self.is_answering else NoAnswer("TimeoutError")


@dataclass
class FakeTokens:
    """The ledger of tokens, in memory."""

    facts: dict[str, list[TokenFact]] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    #: When each comparison made the next one due.
    next_due: list[datetime] = field(default_factory=list)

    async def of(self, shopper_reference: str) -> Sequence[Token]:
        """Return all tokens."""
        return [
            Token(
                id=f"tok_{stored_id}",
                name=token_name(stored_id),
                method=self.methods.get(stored_id, ""),
                summary=fold(facts),
            )
            for stored_id, facts in self.facts.items()
        ]

    async def record(self, changes: Sequence[TokenReport]) -> None:
        """Store facts."""
        for report in changes:
            self.facts.setdefault(report.name.stored_id, []).append(report.fact)
            self.methods.setdefault(report.name.stored_id, report.method)

    async def comparisons(self, shopper_reference: str) -> int:
        """Return how often the tokens were compared."""
        return len(self.next_due)

    async def count_comparison(self, shopper_reference: str, compare_at: datetime) -> None:
        """Store when the next comparison is due."""
        self.next_due.append(compare_at)


def token_name(stored_id: str) -> TokenName:
    return TokenName(
        merchant_account="TwinMerchant", shopper_reference=SHOPPER, stored_id=stored_id
    )


def row(stored_id: str, method: str = "gopay_wallet") -> dict[str, Any]:
    """A row of Adyen's list."""
    return {"id": stored_id, "type": method, "firstPspReference": "PSP-FIRST"}


@dataclass
class Setup:
    """The stored methods under test, and their fakes."""

    wire: FakeWire = field(default_factory=FakeWire)
    tokens: FakeTokens = field(default_factory=FakeTokens)
    clock: Clock = field(default_factory=Clock)

    @property
    def stored(self) -> StoredMethods:
        """The stored methods under test."""
        wire, tokens = cast("Wire", self.wire), cast("Tokens", self.tokens)
        return StoredMethods(wire, tokens, self.clock, "TwinMerchant", GAPS)

    def record(self, stored_id: str, says: TokenSays, method: str = "gopay_wallet") -> None:
        """Record a fact about a token."""
        now = self.clock.now()
        fact = TokenFact(f"{says}:{now.isoformat()}", says, BY_WEBHOOK, now)
        self.tokens.facts.setdefault(stored_id, []).append(fact)
        self.tokens.methods.setdefault(stored_id, method)

    async def active(self) -> dict[str, bool]:
        """Whether each token may be charged, by its stored id."""
        return {token.name.stored_id: token.is_active for token in await self.tokens.of(SHOPPER)}


@pytest.fixture
def setup() -> Setup:
    return Setup()


async def test_a_token_whose_webhook_was_lost_is_adopted_with_its_first_payment(
    setup: Setup,
) -> None:
    setup.wire.rows = [row("LOST")]
    differences = await setup.stored.reconcile(SHOPPER)
    (token,) = await setup.tokens.of(SHOPPER)

    assert differences == Differences(adopted=1, gone=0)
    assert (token.name, token.method) == (token_name("LOST"), "gopay_wallet")
    assert token.summary.first_psp_reference == "PSP-FIRST"
    (call,) = setup.wire.sent
    assert (call.method, urlsplit(call.path).path) == ("GET", "/storedPaymentMethods")
    assert parse_qs(urlsplit(call.path).query) == {
        "merchantAccount": ["TwinMerchant"],
        "shopperReference": [SHOPPER],
    }


async def test_a_token_is_inactive_while_the_list_does_not_have_it(setup: Setup) -> None:
    setup.record("GONE", TokenSays.CREATED)
    not_listed = await setup.stored.reconcile(SHOPPER)
    after = await setup.active()
    setup.wire.rows = [row("GONE")]
    listed_again = await setup.stored.reconcile(SHOPPER)

    assert (not_listed, after) == (Differences(adopted=0, gone=1), {"GONE": False})
    assert (listed_again, await setup.active()) == (Differences(adopted=0, gone=0), {"GONE": True})


async def test_a_list_with_the_same_tokens_changes_nothing(setup: Setup) -> None:
    setup.record("HERE", TokenSays.CREATED)
    setup.wire.rows = [row("HERE")]
    before = {stored_id: [*facts] for stored_id, facts in setup.tokens.facts.items()}

    assert await setup.stored.reconcile(SHOPPER) == Differences(0, 0)
    assert setup.tokens.facts == before


async def test_a_disabled_token_stays_inactive_although_the_list_still_has_it(
    setup: Setup,
) -> None:
    setup.record("ENDED", TokenSays.CREATED)
    setup.record("ENDED", TokenSays.DISABLED)
    setup.wire.rows = [row("ENDED")]
    await setup.stored.reconcile(SHOPPER)

    assert await setup.active() == {"ENDED": False}


async def test_a_token_recorded_while_the_list_was_sent_stays_active(
    setup: Setup,
) -> None:
    async def record_a_token() -> None:
        setup.record("NEW", TokenSays.CREATED)

    setup.wire.meanwhile = record_a_token
    differences = await setup.stored.reconcile(SHOPPER)

    assert differences == Differences(0, 0)
    assert await setup.active() == {"NEW": True}


async def test_rows_of_other_methods_and_malformed_rows_are_ignored(setup: Setup) -> None:
    setup.record("CARD", TokenSays.CREATED, "scheme")
    setup.wire.rows = [row("VISA", "scheme"), {"id": 7, "type": "gopay_wallet"}, {}]

    assert await setup.stored.reconcile(SHOPPER) == Differences(0, 0)
    assert await setup.active() == {"CARD": True}


@pytest.mark.parametrize(("is_answering", "status"), [(False, 200), (True, 500), (True, 422)])
async def test_without_adyens_list_nothing_is_recorded_and_the_comparison_stays_due(
    setup: Setup, is_answering: bool, status: int
) -> None:
    setup.record("HERE", TokenSays.CREATED)
    setup.wire.is_answering, setup.wire.status = is_answering, status
    await setup.stored.compare_with_list(SHOPPER)

    assert await setup.stored.reconcile(SHOPPER) is None
    assert await setup.active() == {"HERE": True}
    assert setup.tokens.next_due == []


@pytest.mark.parametrize("page", [b"<html>Welcome</html>", b"{}", b"[]", b"null"])
async def test_an_answer_without_a_list_leaves_the_tokens_active(setup: Setup, page: bytes) -> None:
    setup.record("HERE", TokenSays.CREATED)
    setup.wire.proxy_body = page

    assert await setup.stored.reconcile(SHOPPER) is None
    assert await setup.active() == {"HERE": True}


async def test_a_disable_call_with_an_answer_of_a_proxy_is_not_recorded(setup: Setup) -> None:
    setup.record("HERE", TokenSays.CREATED)
    setup.wire.proxy_body = b"<html>Welcome</html>"
    fields = {"shopperReference": SHOPPER, "recurringDetailReference": "HERE"}
    await setup.stored.disable_classic(json.dumps(fields).encode())

    assert await setup.active() == {"HERE": True}


async def test_comparisons_become_less_frequent_and_never_end(setup: Setup) -> None:
    gaps = []
    for _ in range(4):
        await setup.stored.compare_with_list(SHOPPER)
        gaps.append(setup.tokens.next_due[-1] - setup.clock.time)

    assert gaps == [GAPS[1], GAPS[2], GAPS[2], GAPS[2]]


@pytest.mark.parametrize("given", [{}, {"shopperReference": "ab"}, {"shopperReference": "s" * 257}])
async def test_without_a_valid_shopper_reference_adyen_is_not_called(
    setup: Setup, given: dict[str, str]
) -> None:
    body = json.dumps(given).encode()
    with pytest.raises(InvalidRequest):
        await setup.stored.list(given, 72)
    with pytest.raises(InvalidRequest):
        await setup.stored.remove("TOKEN", given, 72)
    with pytest.raises(InvalidRequest):
        await setup.stored.list_classic(body, None)
    with pytest.raises(InvalidRequest):
        await setup.stored.disable_classic(body)

    assert setup.wire.sent == []


async def test_a_removal_without_an_answer_is_not_recorded(setup: Setup) -> None:
    setup.record("HERE", TokenSays.CREATED)
    setup.wire.is_answering = False
    answer = await setup.stored.remove("HERE", {"shopperReference": SHOPPER}, 72)

    assert (answer.status, answer.json()["errorCode"]) == (503, "703")
    assert await setup.active() == {"HERE": True}


async def test_a_token_with_special_characters_stays_one_path_segment(setup: Setup) -> None:
    await setup.stored.remove("a/b?c=d", {"shopperReference": "s&p=1"}, 72)
    (call,) = setup.wire.sent

    assert call.path.startswith("/storedPaymentMethods/a%2Fb%3Fc%3Dd?")
    assert parse_qs(urlsplit(call.path).query)["shopperReference"] == ["s&p=1"]


async def test_a_token_disabled_for_one_use_is_disabled_only_if_adyen_no_longer_lists_it(
    setup: Setup,
) -> None:
    for stored_id in ("LEFT", "TAKEN", "LOST"):
        setup.record(stored_id, TokenSays.CREATED)
    setup.wire.rows = [row("LEFT")]
    fields = {
        "shopperReference": SHOPPER,
        "recurringDetailReference": "TAKEN",
        "contract": "ONECLICK",  # Only one use of the token is disabled.
    }
    body = json.dumps(fields).encode()
    await setup.stored.disable_classic(body)
    last = {stored_id: facts[-1] for stored_id, facts in setup.tokens.facts.items()}

    assert {stored_id: fact.says for stored_id, fact in last.items()} == {
        "LEFT": TokenSays.CREATED,
        "TAKEN": TokenSays.DISABLED,
        "LOST": TokenSays.NOT_LISTED,
    }
    # A request of the shop counts even if Adyen's clock is ahead.
    assert last["TAKEN"].source == BY_SHOP
