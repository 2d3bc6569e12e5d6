"""How webhooks reach the shop: one queue per endpoint, tried again for thirty days.

An endpoint's notices are delivered in turn; while the first is failing the rest queue
behind it. Any 2xx within ten seconds accepts. Failed, a notice is tried again 9, 18 and
27 seconds after its first try, then after 2, 5, 10, 15 and 30 minutes and 1, 2, 4 and 8
hours. Source: Adyen's page on troubleshooting webhooks. GUESS: after the 8 hours, every
8 hours; and that the three quick tries count from the first.
"""

import asyncio
from typing import Final

import aiohttp

from adyen_twin.core.clock import spelled_utc
from adyen_twin.core.state import ATTEMPTS_MAX, Attempt, Endpoint, EndpointName, Letter, Notice
from adyen_twin.core.twin import Twin

QUICK_S: Final = (9, 18, 27)
LADDER_S: Final = tuple(
    [minutes * 60 for minutes in (2, 5, 10, 15, 30)] + [hours * 3600 for hours in (1, 2, 4, 8)]
)
GIVEN_UP_AFTER_S: Final = 30 * 24 * 3600
ANSWER_KEPT_MAX: Final = 2000
ENDPOINTS: Final[tuple[EndpointName, ...]] = ("standard", "tokens")


def next_try(notice: Notice, now: float) -> float | None:
    """Return when a notice that just failed is tried next; None when it is given up."""
    first = notice.first_tried_at if notice.first_tried_at is not None else now
    if notice.tries <= len(QUICK_S):
        return max(now, first + QUICK_S[notice.tries - 1])
    step = min(notice.tries - len(QUICK_S), len(LADDER_S)) - 1
    due_at = now + LADDER_S[step]
    return due_at if due_at - first <= GIVEN_UP_AFTER_S else None


class PostOffice:
    """Delivers what is queued. Only one delivery per endpoint is under way at a time."""

    def __init__(self, twin: Twin, session: aiohttp.ClientSession) -> None:
        self._twin = twin
        self._session = session
        self._busy = {name: asyncio.Lock() for name in ENDPOINTS}

    def next_due(self, name: EndpointName) -> float | None:
        """Return when the head of an endpoint's queue is tried next, if there is one."""
        queue = self._twin.state.queues.get(name)
        return queue[0].due_at if queue else None

    async def deliver_due(self, name: EndpointName) -> None:
        """Deliver, in turn, until the queue is empty or its head must wait."""
        async with self._busy[name]:
            while (due_at := self.next_due(name)) is not None and due_at <= self._twin.now():
                await self._deliver_head(name)

    async def _deliver_head(self, name: EndpointName) -> None:
        queue = self._twin.state.queues[name]
        notice = queue[0]
        # Where there is a queue, there is an endpoint: one is taken away with its queue.
        accepted = await self._try(name, self._twin.state.endpoints[name], notice)
        # While it was on its way the twin may have been reset, or the endpoint taken away.
        if notice in queue:
            self._settle(queue, notice, accepted=accepted)

    def _settle(self, queue: list[Notice], notice: Notice, *, accepted: bool) -> None:
        due_at = None if accepted else next_try(notice, self._twin.now())
        if due_at is None:
            queue.remove(notice)
        else:
            notice.due_at = due_at

    async def _try(self, name: EndpointName, endpoint: Endpoint, notice: Notice) -> bool:
        notice.tries += 1
        now = self._twin.now()
        notice.first_tried_at = now if notice.first_tried_at is None else notice.first_tried_at
        letter = _letter_of(notice)
        status, answer, error = await self.post(endpoint, letter)
        accepted = self._is_accepted(status, answer)
        attempts = self._twin.state.attempts
        attempts.append(
            Attempt(
                endpoint=name,
                notice=notice.id,
                attempt=notice.tries,
                at=spelled_utc(now),
                url=endpoint.url,
                event_code=notice.says,
                psp_reference=notice.psp_reference,
                reference=notice.reference,
                status=status,
                body=letter.body,
                headers=letter.headers,
                answer=answer[:ANSWER_KEPT_MAX],
                accepted=accepted,
                error=error,
            )
        )
        del attempts[:-ATTEMPTS_MAX]
        return accepted

    async def post(self, endpoint: Endpoint, letter: Letter) -> tuple[int | None, str, str | None]:
        """Post one letter. Return status and body of the answer, or what went wrong."""
        try:
            async with self._session.post(
                endpoint.url,
                data=letter.body.encode(),
                headers=_headers(endpoint, letter),
                # A webhook endpoint must not redirect; following would hide that it does.
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._twin.knobs.webhook_timeout_s),
            ) as response:
                return response.status, await response.text(errors="replace"), None
        except TimeoutError:
            return None, "", f"no answer within {self._twin.knobs.webhook_timeout_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return None, "", f"{type(error).__name__}: {error}"

    def _is_accepted(self, status: int | None, answer: str) -> bool:
        if status is None or not 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers.
            return False
        return self._twin.knobs.accepted_by == "status" or answer.strip() == "[accepted]"


def _letter_of(notice: Notice) -> Letter:
    """Return what this try posts; a fault may have spoiled the first ones."""
    spoiled = notice.first_letters
    return spoiled[notice.tries - 1] if notice.tries <= len(spoiled) else notice.letter


def _headers(endpoint: Endpoint, letter: Letter) -> dict[str, str]:
    headers = {"Content-Type": "application/json; charset=utf-8", **letter.headers}
    if endpoint.username is not None and endpoint.password is not None:
        headers["Authorization"] = aiohttp.encode_basic_auth(
            endpoint.username, endpoint.password, encoding="utf-8"
        )
    return headers


def name_of(text: str) -> EndpointName | None:
    """Return the endpoint of that name, if it is one."""
    return next((name for name in ENDPOINTS if name == text), None)
