"""Does the steps of a plan, in order; the first one that fails ends it.

A new HMAC key is stored as soon as Adyen has answered. Until then no server knows the key; Adyen
sends again what is refused meanwhile. The key before it is still accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from kasir.adyen.management import TestResult, sent_test
from kasir.adyen.signing import key_from_hex
from kasir.clock import Clock
from kasir.errors import cut
from kasir.gateway.management import Management, Refusal
from kasir.limits import Limits
from kasir.setup.key_stores import KeyStore
from kasir.setup.model import STANDARD_PATH, Kind, Line, Plan, State, Step, Wanted
from kasir.setup.plan import own_webhook
from kasir.store import webhook_keys
from kasir.store.database import Pool, transaction

_AGAIN: Final = "run `kasir setup` again"
_UNAUTHORIZED: Final = str(int(HTTPStatus.UNAUTHORIZED))
_SUBJECTS: Final = {
    Kind.CREATE: "the standard webhook is created",
    Kind.CHANGE: "the standard webhook is changed",
    Kind.MAKE_KEY: "its HMAC key is generated and stored",
    Kind.TEST: "a test notification arrives",
}


class _StepFailed(Exception):
    """A step failed; the line that says why."""

    def __init__(self, state: State, says: str) -> None:
        super().__init__(says)
        self.state, self.says = state, says


@dataclass(slots=True)
class Applying:
    """Does the steps of one plan.

    Attributes:
        management: The Management API.
        pool: The account's tables.
        key_store: Stores a new key.
        clock: The clock.
        limits: The limits of the waits.
        wanted: What Kasir needs.
        webhook_id: The id of Kasir's standard webhook; empty before it exists.
    """

    management: Management
    pool: Pool
    key_store: KeyStore
    clock: Clock
    limits: Limits
    wanted: Wanted
    webhook_id: str = ""

    async def apply(self, plan: Plan) -> AsyncIterator[Line]:
        """Do the steps; yield a line after each."""
        self.webhook_id = plan.webhook_id
        actions: Mapping[Kind, Callable[[Step], Awaitable[str]]] = {
            Kind.CREATE: self._create,
            Kind.CHANGE: self._change,
            Kind.MAKE_KEY: self._make_key,
            Kind.TEST: self._test,
        }
        for step in plan.steps:
            try:
                says = await actions[step.kind](step)
            except _StepFailed as failed:
                yield Line(_SUBJECTS[step.kind], failed.state, failed.says)
                return
            yield Line(_SUBJECTS[step.kind], State.OK, says)

    async def _create(self, step: Step) -> str:
        made = await self.management.create(step.fields)
        if isinstance(made, Refusal) and made.is_unknown:
            # It may exist: another one would send each notification a second time.
            listed = await self.management.webhooks()
            found = None if isinstance(listed, Refusal) else own_webhook(listed, self.wanted)
            made = found or made
        if isinstance(made, Refusal):
            raise _StepFailed(State.FAULT, made.says)
        self.webhook_id = made.id
        return f"it is {made.id}"

    async def _change(self, step: Step) -> str:
        changed = await self.management.change(self.webhook_id, step.fields)
        if isinstance(changed, Refusal):
            raise _StepFailed(State.FAULT, changed.says)
        return f"{self.webhook_id} has the new values"

    async def _make_key(self, _: Step) -> str:
        key_id = await webhook_keys.ask(self.pool, self.webhook_id, self.clock.now())
        made = await self.management.generate_hmac(self.webhook_id)
        if isinstance(made, Refusal):
            if made.is_unknown:
                cure = f"Adyen may sign with a key that nobody knows; {_AGAIN} at once"
                raise _StepFailed(State.FAULT, f"{made.says}; {cure}")
            await webhook_keys.withdraw(self.pool, key_id)
            raise _StepFailed(State.FAULT, made.says)
        try:
            key_from_hex(made.hmac_key)
        except ValueError as error:
            says = f"Adyen answered something that is no key ({error}); {_AGAIN}"
            raise _StepFailed(State.FAULT, says) from None
        async with transaction(self.pool) as connection:
            await self.key_store.keep(connection, key_id, made.hmac_key, self.clock.now())
        now_signed = await self.management.webhook(self.webhook_id)
        if not isinstance(now_signed, Refusal):
            value = now_signed.hmac_key_check_value
            await webhook_keys.note_check_value(self.pool, key_id, value)
        return "servers that run use it within a second; the key before it is still accepted"

    async def _test(self, _: Step) -> str:
        after = await webhook_keys.last_notice_id(self.pool)
        results = await self._send_test()
        if any(one.response_code == _UNAUTHORIZED for one in results):
            # A server that has just looked for new keys does not look again at once.
            await asyncio.sleep(self.limits.setup_test_again_s)
            results = await self._send_test()
        self._check_delivered(results)
        tests = [test for one in results if (test := sent_test(one.request_sent))]
        try:
            async with asyncio.timeout(self.limits.setup_test_s):
                while not await self._are_stored(after, tests):  # noqa: ASYNC110  # By a server.
                    await asyncio.sleep(self.limits.setup_test_poll_s)
        except TimeoutError:
            says = (
                f"Adyen delivered it to {self._url}, and it is not in this database; does another"
                " Kasir answer there, or is KASIR_DATABASE_URL another one?"
            )
            raise _StepFailed(State.FAULT, says) from None
        return f"{len(results)} were delivered to {self._url} and are stored"

    async def _send_test(self) -> Sequence[TestResult]:
        results = await self.management.send_test(self.webhook_id)
        if isinstance(results, Refusal):
            raise _StepFailed(State.FAULT, results.says)
        return results

    @property
    def _url(self) -> str:
        return f"{self.wanted.public_url}{STANDARD_PATH}"

    async def _are_stored(self, after: int, tests: Sequence[tuple[str, datetime]]) -> bool:
        if not tests:  # Adyen's answer does not show what was sent.
            return await webhook_keys.last_notice_id(self.pool) > after
        # An equal notification that was sent within the same second is stored once.
        return all([await webhook_keys.is_stored(self.pool, *test) for test in tests])

    def _check_delivered(self, results: Sequence[TestResult]) -> None:
        """Check how Kasir's server answered.

        Raises:
            _StepFailed: It refused one, or was not reached.
        """
        if not results:
            raise _StepFailed(State.FAULT, f"Adyen sent none; {_AGAIN}")
        refused = [one for one in results if not one.response_code.startswith("2")]
        if not refused:
            return
        code, output = refused[0].response_code, cut(" ".join(refused[0].output.split()))
        if code != _UNAUTHORIZED:
            got = f"HTTP {code}" if code else "no answer"
            cure = "is `kasir serve` running, and can Adyen reach it? Then"
            says = f"Adyen got {got} from {self._url} ({output or 'no text'}); {cure} {_AGAIN}"
            raise _StepFailed(State.FAULT, says)
        if not any("hmacSignature" in one.request_sent for one in refused):
            says = (
                f"Adyen reaches {self._url}, and its test was not signed, so Kasir refused it;"
                " `kasir doctor` shows whether the first real notification is signed"
            )
            raise _StepFailed(State.BY_HAND, says)
        says = (
            f"the server at {self._url} refused it ({output}); restart it if ADYEN_HMAC_KEY or"
            " KASIR_WEBHOOK_PASSWORD was changed. If ADYEN_HMAC_KEY is not this webhook's key,"
            f" unset it and {_AGAIN}, which makes a new key"
        )
        raise _StepFailed(State.FAULT, says)
