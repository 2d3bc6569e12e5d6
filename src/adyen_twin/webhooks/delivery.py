"""Delivery of webhooks: one queue per endpoint, retried for thirty days.

An endpoint's webhooks are delivered in order; while the first webhook fails, the others wait.
A webhook is accepted by any 2xx within ten seconds. A failed webhook is retried 9, 18 and 27
seconds after its first try, then after 2, 5, 10, 15 and 30 minutes and 1, 2, 4 and 8 hours.
Source: Adyen's page on troubleshooting webhooks. GUESS: that later retries come every 8 hours,
and that the times of the first three retries are counted from the first try.
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp

from adyen_twin.core.clock import format_utc
from adyen_twin.core.state import (
    ATTEMPTS_MAX,
    ENDPOINT_NAMES,
    Attempt,
    Endpoint,
    EndpointName,
    Message,
    Webhook,
)
from adyen_twin.core.twin import Twin

#: The first retries, in seconds after the first try.
FIRST_RETRIES_S: Final = (9, 18, 27)
#: The later retries, in seconds after the previous try; the last wait repeats.
LATER_RETRIES_S: Final = tuple(
    [minutes * 60 for minutes in (2, 5, 10, 15, 30)] + [hours * 3600 for hours in (1, 2, 4, 8)]
)
GIVEN_UP_AFTER_S: Final = 30 * 24 * 3600
#: How many characters of an answer's body are kept.
ANSWER_KEPT_MAX: Final = 2000


def next_try(webhook: Webhook, now: float) -> float | None:
    """Return the moment of the next try of a webhook that just failed; None: no more tries."""
    first_tried_at = webhook.first_tried_at if webhook.first_tried_at is not None else now
    if webhook.tries <= len(FIRST_RETRIES_S):
        return max(now, first_tried_at + FIRST_RETRIES_S[webhook.tries - 1])
    index = min(webhook.tries - len(FIRST_RETRIES_S), len(LATER_RETRIES_S)) - 1
    due_at = now + LATER_RETRIES_S[index]
    return due_at if due_at - first_tried_at <= GIVEN_UP_AFTER_S else None


class Sender:
    """Delivers the queued webhooks, one at a time per endpoint."""

    def __init__(self, twin: Twin, session: aiohttp.ClientSession) -> None:
        self._twin = twin
        self._session = session
        self._locks = {name: asyncio.Lock() for name in ENDPOINT_NAMES}

    def next_due(self, name: EndpointName) -> float | None:
        """Return the moment of the next try in an endpoint's queue; None: the queue is empty."""
        queue = self._twin.state.queues.get(name)
        return queue[0].due_at if queue else None

    async def deliver_due(self, name: EndpointName) -> None:
        """Deliver the queue in order, until it is empty or its first webhook must wait."""
        async with self._locks[name]:
            while (due_at := self.next_due(name)) is not None and due_at <= self._twin.now():
                await self._deliver_first(name)

    async def post(
        self, endpoint: Endpoint, message: Message
    ) -> tuple[int | None, str, str | None]:
        """Send one message now; return the status and body of the answer, and the error."""
        try:
            async with self._session.post(
                endpoint.url,
                data=message.body.encode(),
                headers={
                    "User-Agent": self._twin.knobs.webhook_user_agent,
                    **_headers(endpoint, message),
                },
                # A redirect is not followed, so that it counts as a failure.
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._twin.knobs.webhook_timeout_s),
            ) as response:
                return response.status, await response.text(errors="replace"), None
        except TimeoutError:
            return None, "", f"no answer within {self._twin.knobs.webhook_timeout_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return None, "", f"{type(error).__name__}: {error}"

    async def _deliver_first(self, name: EndpointName) -> None:
        queue = self._twin.state.queues[name]
        webhook = queue[0]
        # A queue always has an endpoint, because they are removed together.
        accepted = await self._try(name, self._twin.state.endpoints[name], webhook)
        # During the call, a reset or a request to the control API may have removed the webhook.
        if webhook in queue:
            self._reschedule_or_remove(queue, webhook, accepted=accepted)

    def _reschedule_or_remove(
        self, queue: list[Webhook], webhook: Webhook, *, accepted: bool
    ) -> None:
        due_at = None if accepted else next_try(webhook, self._twin.now())
        if due_at is None:
            queue.remove(webhook)
        else:
            webhook.due_at = due_at

    async def _try(self, name: EndpointName, endpoint: Endpoint, webhook: Webhook) -> bool:
        webhook.tries += 1
        # During the call a reset may replace the state; the try belongs to the one before.
        attempts, now = self._twin.state.attempts, self._twin.now()
        webhook.first_tried_at = now if webhook.first_tried_at is None else webhook.first_tried_at
        message = _message_of_this_try(webhook)
        status, answer, error = await self.post(endpoint, message)
        accepted = self._is_accepted(status, answer)
        attempts.append(
            Attempt(
                endpoint=name,
                webhook_id=webhook.id,
                attempt=webhook.tries,
                at=format_utc(now),
                url=endpoint.url,
                event_code=webhook.event_code,
                psp_reference=webhook.psp_reference,
                reference=webhook.reference,
                status=status,
                body=message.body,
                headers=message.headers,
                answer=answer[:ANSWER_KEPT_MAX],
                accepted=accepted,
                error=error,
            )
        )
        del attempts[:-ATTEMPTS_MAX]
        return accepted

    def _is_accepted(self, status: int | None, answer: str) -> bool:
        if status is None or not is_success(status):
            return False
        return self._twin.knobs.accepted_by == "status" or answer.strip() == "[accepted]"


def is_success(status: int) -> bool:
    """Return whether an HTTP status is a 2xx."""
    return 200 <= status < 300  # noqa: PLR2004  # HTTP's own numbers.


def _message_of_this_try(webhook: Webhook) -> Message:
    """Return the message of this try; a fault may have changed the messages of the first tries."""
    spoiled = webhook.spoiled
    return spoiled[webhook.tries - 1] if webhook.tries <= len(spoiled) else webhook.message


def _headers(endpoint: Endpoint, message: Message) -> dict[str, str]:
    headers = {"Content-Type": "application/json; charset=utf-8", **message.headers}
    if endpoint.username is not None and endpoint.password is not None:
        headers["Authorization"] = aiohttp.encode_basic_auth(
            endpoint.username, endpoint.password, encoding="utf-8"
        )
    return headers
