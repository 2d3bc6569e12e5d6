"""The stored payment methods in Adyen's list: passed on to shops, and compared with Kasir's tokens.

Kasir answers Checkout's `/storedPaymentMethods` and the classic `/listRecurringDetails` and
`/disable` as Adyen does. A token that is removed through Kasir is recorded as disabled at once. If
Adyen lists a token that Kasir does not know, because its webhook was lost, Kasir records it. If
Adyen does not list a token any more, Kasir records that too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from kasir.adyen import checks
from kasir.adyen.calls import OWN_VERSION, RECURRING_VERSION, Api, Call
from kasir.adyen.replies import Answer, Verdict, of_fields
from kasir.clock import Clock
from kasir.errors import Fault, NotFound
from kasir.gateway.methods import METHODS
from kasir.gateway.wire import NoAnswer, Wire
from kasir.ledger.tokens import Tokens
from kasir.requests.fields import Fields, account_faults, body_fields, refuse
from kasir.requests.payments import no_answer
from kasir.tokens.model import BY_LIST, BY_SHOP, TokenFact, TokenName, TokenReport, TokenSays

_SHOPPER: Final = checks.Text(least=3, most=256)


@dataclass(frozen=True, slots=True)
class Differences:
    """How many of a shopper's tokens differed from Adyen's list.

    Attributes:
        adopted: Listed tokens that Kasir had not recorded before.
        gone: Active tokens that Adyen does not list.
    """

    adopted: int
    gone: int


@dataclass(frozen=True, slots=True)
class StoredMethods:
    """Shoppers' stored payment methods.

    Attributes:
        wire: Calls Adyen.
        tokens: Kasir's own record of the tokens.
        clock: Kasir's time.
        merchant_account: The shop's account at Adyen.
        check_gaps: The times before the first, second, … comparison of a shopper's tokens with
            Adyen's list, each since the comparison before. The last one is repeated.
    """

    wire: Wire
    tokens: Tokens
    clock: Clock
    merchant_account: str
    check_gaps: Sequence[timedelta]

    async def list(self, asked: Mapping[str, str], version: int) -> Answer:
        """List a shopper's stored methods: `GET /storedPaymentMethods`.

        Args:
            asked: The query's parameters: `shopperReference`, `merchantAccount`, and Kasir's own
                `type`, which limits the rows to that payment method.
            version: The Checkout version that was called.

        Raises:
            InvalidRequest: The shopper is missing, or the account is another's.
        """
        refuse(self._faults(asked))
        answer = await self._read_list(asked["shopperReference"], version)
        return _only(answer, "storedPaymentMethods", asked.get("type"), _type_of)

    async def remove(self, stored_id: str, asked: Mapping[str, str], version: int) -> Answer:
        """Remove a stored method: `DELETE /storedPaymentMethods/{storedPaymentMethodId}`.

        Raises:
            InvalidRequest: The shopper is missing, or the account is another's.
        """
        refuse(self._faults(asked))
        shopper = asked["shopperReference"]
        path = f"/storedPaymentMethods/{quote(stored_id, safe='')}?{self._query(shopper)}"
        answer = await self.wire.send(Call(path, version=version, method="DELETE"))
        if isinstance(answer, NoAnswer):
            return no_answer()
        if answer.status == HTTPStatus.NO_CONTENT:
            await self._record_disabled(shopper, [stored_id])
        return answer

    async def disable(self, token_id: str) -> Answer | None:
        """Remove a stored method by Kasir's id of its token; a disabled one is not changed.

        Returns:
            Adyen's answer; None where the token was disabled before.

        Raises:
            NotFound: There is no such token.
        """
        token = await self.tokens.find(token_id)
        if token is None:
            raise NotFound("token", token_id)
        if not token.is_active:
            return None
        asked = {"shopperReference": token.name.shopper_reference}
        return await self.remove(token.name.stored_id, asked, OWN_VERSION)

    async def list_classic(self, body: bytes, wanted: str | None) -> Answer:
        """List a shopper's tokens by the classic API: `POST /listRecurringDetails`.

        Args:
            body: The shop's request.
            wanted: The payment method whose rows are returned; None returns all.

        Raises:
            InvalidRequest: The shopper is missing, or the account is another's.
        """
        answer = await self._classic("/listRecurringDetails", body_fields(body))
        return _only(answer, "details", wanted, _variant_of)

    async def disable_classic(self, body: bytes) -> Answer:
        """Disable tokens by the classic API: `POST /disable`.

        A request without `recurringDetailReference` disables all tokens of the shopper.

        Raises:
            InvalidRequest: The shopper is missing, or the account is another's.
        """
        fields = body_fields(body)
        answer = await self._classic("/disable", fields)
        if answer.status == HTTPStatus.OK and answer.is_adyens:
            shopper, named = fields["shopperReference"], fields.get("recurringDetailReference")
            known = await self.tokens.of(shopper)
            ids = [named] if named else [token.name.stored_id for token in known]
            if fields.get("contract"):
                # Only one use of the tokens was disabled, so they may still be on the list.
                await self.reconcile(shopper, by_shop=ids)
            else:
                await self._record_disabled(shopper, ids)
        return answer

    async def compare_with_list(self, shopper_reference: str) -> None:
        """Compare a shopper's tokens with Adyen's list, and store when to compare them again."""
        if await self.reconcile(shopper_reference) is None:
            return  # The comparison stays due.
        count = await self.tokens.comparisons(shopper_reference)
        gap = self.check_gaps[min(count + 1, len(self.check_gaps) - 1)]
        await self.tokens.count_comparison(shopper_reference, self.clock.now() + gap)

    async def reconcile(
        self, shopper_reference: str, by_shop: Collection[str] = ()
    ) -> Differences | None:
        """Record the listed tokens that Kasir does not know, and the tokens that are not listed.

        Args:
            shopper_reference: The shopper.
            by_shop: The ids of tokens that are recorded as disabled by the shop, if they are not
                listed.

        Returns:
            How many tokens differed; None where Adyen did not answer.
        """
        # Kasir's tokens are read before the list. Otherwise a token that is recorded between the
        # two readings would count as gone.
        known = {
            token.name.stored_id: token
            for token in await self.tokens.of(shopper_reference)
            if token.method in {*METHODS, ""}
        }
        answer = await self._read_list(shopper_reference, OWN_VERSION)
        if answer.status != HTTPStatus.OK or answer.verdict is not Verdict.ANSWERED:
            return None  # Only an answer from Adyen shows the tokens.
        rows = {row["id"]: row for row in _rows(answer) if row.get("type") in METHODS}
        new = [row for stored_id, row in rows.items() if stored_id not in known]
        gone = [
            token.name
            for stored_id, token in known.items()
            if token.is_active and stored_id not in rows
        ]
        disabled = [
            rows[stored_id]
            for stored_id, token in known.items()
            if not token.is_active and stored_id in rows
        ]
        unsure = [
            rows[stored_id]
            for stored_id, token in known.items()
            if token.is_active and not token.summary.is_sure and stored_id in rows
        ]
        to_record = [*new, *disabled, *unsure]
        listed_facts = [self._listed_fact(shopper_reference, row) for row in to_record]
        gone_facts = [
            self._gone_fact(
                name, TokenSays.DISABLED if name.stored_id in by_shop else TokenSays.NOT_LISTED
            )
            for name in gone
        ]
        if listed_facts or gone_facts:
            await self.tokens.record([*listed_facts, *gone_facts])
        return Differences(len(new), len(gone))

    async def _read_list(self, shopper: str, version: int) -> Answer:
        path = f"/storedPaymentMethods?{self._query(shopper)}"
        answer = await self.wire.send(Call(path, version=version, method="GET"))
        return no_answer() if isinstance(answer, NoAnswer) else answer

    async def _classic(self, path: str, fields: Fields) -> Answer:
        refuse(self._faults(fields))
        body = msgspec.json.encode({**fields, "merchantAccount": self.merchant_account})
        call = Call(path, body, RECURRING_VERSION, api=Api.RECURRING)
        answer = await self.wire.send(call)
        return no_answer() if isinstance(answer, NoAnswer) else answer

    async def _record_disabled(self, shopper: str, stored_ids: Sequence[str]) -> None:
        names = [self._name(shopper, stored_id) for stored_id in stored_ids]
        known = {token.name for token in await self.tokens.of(shopper)}
        facts = [self._gone_fact(name, TokenSays.DISABLED) for name in names if name in known]
        if facts:
            await self.tokens.record(facts)

    def _listed_fact(self, shopper: str, row: Mapping[str, Any]) -> TokenReport:
        fact = TokenFact(
            key=f"listed:{self.clock.now().isoformat()}",
            says=TokenSays.LISTED,
            source=BY_LIST,
            at=self.clock.now(),
            psp_reference=str(row.get("firstPspReference") or ""),
        )
        return TokenReport(name=self._name(shopper, row["id"]), method=row["type"], fact=fact)

    def _gone_fact(self, name: TokenName, says: TokenSays) -> TokenReport:
        now = self.clock.now()
        source = BY_SHOP if says is TokenSays.DISABLED else BY_LIST
        fact = TokenFact(key=f"{says}:{now.isoformat()}", says=says, source=source, at=now)
        return TokenReport(name=name, method="", fact=fact)

    def _name(self, shopper: str, stored_id: str) -> TokenName:
        return TokenName(
            merchant_account=self.merchant_account, shopper_reference=shopper, stored_id=stored_id
        )

    def _query(self, shopper: str) -> str:
        return urlencode({"merchantAccount": self.merchant_account, "shopperReference": shopper})

    def _faults(self, fields: Fields) -> Iterator[Fault]:
        yield from account_faults(fields, self.merchant_account)
        cure = _SHOPPER.cure(fields.get("shopperReference", ""))
        if cure:
            yield Fault("shopperReference", cure)


def _rows(answer: Answer) -> list[dict[str, Any]]:
    rows = answer.json().get("storedPaymentMethods") or []
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)]


def _only(answer: Answer, field: str, wanted: str | None, type_of: Any) -> Answer:
    """The answer with the rows of one payment method; unchanged where `wanted` is empty."""
    if not wanted or answer.status != HTTPStatus.OK:
        return answer
    rows = answer.json().get(field)
    if not isinstance(rows, list):
        return answer
    filtered = {**answer.json(), field: [row for row in rows if type_of(row) == wanted]}
    return of_fields(answer.status, filtered, psp_reference=answer.psp_reference)


def _type_of(row: Any) -> object:
    return row.get("type") if isinstance(row, dict) else None


def _variant_of(row: Any) -> object:
    match row:
        case {"RecurringDetail": {"variant": variant}}:
            return variant
    return None
