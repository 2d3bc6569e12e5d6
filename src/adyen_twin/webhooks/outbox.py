"""The outbox: signs a webhook, applies planned faults, and adds it to its endpoint's queue.

A webhook is signed when it is queued. So after a change of keys, the queued webhooks still
have the signature of the old key, as Adyen's pages warn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from adyen_twin.core import faults
from adyen_twin.core.clock import format_utc
from adyen_twin.core.state import (
    OFF_BY_DEFAULT,
    STANDARD,
    TOKENS,
    Attempt,
    Endpoint,
    EndpointName,
    Message,
    Webhook,
)
from adyen_twin.core.twin import Twin
from adyen_twin.webhooks import formats

#: Builds the message of a webhook, signed with this key; None: not signed.
BuildMessage = Callable[[str | None], Message]

#: A key that no endpoint has, for wrong signatures.
WRONG_KEY: Final = "0" * 64


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The event and payment of a webhook; faults and /twin/deliveries select webhooks by them."""

    #: An eventCode, or the type of a token webhook.
    event_code: str
    psp_reference: str
    #: The payment's merchantReference.
    reference: str


def send(twin: Twin, kind: str, subject: Subject, build: BuildMessage) -> None:
    """Queue a webhook for each active endpoint of this type that wants its event."""
    for name, endpoint in twin.state.endpoints.items():
        is_of_kind = kind == (TOKENS if name == TOKENS else endpoint.type)
        if is_of_kind and endpoint.active and _wants(twin, endpoint, subject.event_code):
            _send_to(twin, name, endpoint, subject, build)


def is_enabled(twin: Twin, event_code: str) -> bool:
    """Return whether the shop enabled an event that is off by default."""
    return event_code in twin.knobs.extra_events or any(
        event_code in (endpoint.include_event_codes or ())
        for endpoint in twin.state.endpoints.values()
    )


def included_events(twin: Twin, endpoint: Endpoint) -> list[str]:
    """Return the events that an endpoint gets beside the default ones."""
    included = endpoint.include_event_codes
    return twin.knobs.extra_events if included is None else included


def _wants(twin: Twin, endpoint: Endpoint, event_code: str) -> bool:
    return event_code not in OFF_BY_DEFAULT or event_code in included_events(twin, endpoint)


def _send_to(
    twin: Twin, name: EndpointName, endpoint: Endpoint, subject: Subject, build: BuildMessage
) -> None:
    triggered_faults = faults.triggered_by_webhook(
        twin.state.faults,
        endpoint=TOKENS if name == TOKENS else STANDARD,
        event_code=subject.event_code,
        reference=subject.reference,
    )
    webhooks = _with_copies(twin, endpoint, subject, build, triggered_faults)
    if _fault_of_kind(triggered_faults, faults.LoseWebhook):
        _record_lost(twin, name, endpoint, webhooks[0])
    elif delay := _fault_of_kind(triggered_faults, faults.DelayWebhook):
        webhooks_as_data = [msgspec.to_builtins(webhook) for webhook in webhooks]
        due_at = twin.now() + delay.seconds
        twin.schedule(
            "queue_notices",
            due_at,
            reference=subject.reference,
            name=name,
            notices=webhooks_as_data,
        )
    elif reorder := _fault_of_kind(triggered_faults, faults.ReorderWebhook):
        twin.state.held.setdefault(name, []).extend(webhooks)
        due_at = twin.now() + reorder.seconds
        twin.schedule("release_held", due_at, reference=subject.reference, name=name)
    else:
        _queue(twin, name, webhooks)


def queue_delayed(twin: Twin, *, name: EndpointName, notices: list[dict[str, Any]]) -> None:
    """Queue webhooks that a fault delayed; `notices` has the format of the state file."""
    webhooks = msgspec.convert(notices, list[Webhook])
    for webhook in webhooks:
        webhook.due_at = twin.now()
    _queue(twin, name, webhooks)


def release_held(twin: Twin, *, name: EndpointName) -> None:
    """Queue the webhooks that a fault held back."""
    _append(twin, name, twin.state.held.pop(name, []))


def _with_copies(
    twin: Twin,
    endpoint: Endpoint,
    subject: Subject,
    build: BuildMessage,
    triggered_faults: list[faults.WebhookFault],
) -> list[Webhook]:
    """Return the webhook, and its copies if a fault duplicates it."""

    def build_as_configured(key: str | None) -> Message:
        return formats.convert(build(key), endpoint.communication_format)

    key = endpoint.hmac_key
    if _fault_of_kind(triggered_faults, faults.PreviousKey):
        key = endpoint.previous_hmac_key or WRONG_KEY
    spoiled: list[Message] = []
    if wrong_signature := _fault_of_kind(triggered_faults, faults.WrongSignature):
        spoiled += [build_as_configured(WRONG_KEY)] * wrong_signature.tries
    if no_signature := _fault_of_kind(triggered_faults, faults.NoSignature):
        spoiled += [build_as_configured(None)] * no_signature.tries
    duplicate = _fault_of_kind(triggered_faults, faults.DuplicateWebhook)
    return [
        Webhook(
            id=twin.memory.next_number(),
            message=build_as_configured(key),
            spoiled=spoiled,
            due_at=twin.now(),
            event_code=subject.event_code,
            psp_reference=subject.psp_reference,
            reference=subject.reference,
        )
        for _ in range(1 + (duplicate.copies if duplicate else 0))
    ]


def _queue(twin: Twin, name: EndpointName, webhooks: list[Webhook]) -> None:
    """Queue the webhooks, and after them those that a fault held back."""
    _append(twin, name, webhooks)
    release_held(twin, name=name)


def _append(twin: Twin, name: EndpointName, webhooks: list[Webhook]) -> None:
    """Add webhooks to the queue, unless the endpoint was removed."""
    if name in twin.state.endpoints:
        twin.state.queues.setdefault(name, []).extend(webhooks)
        twin.on_change()


def _record_lost(twin: Twin, name: EndpointName, endpoint: Endpoint, webhook: Webhook) -> None:
    attempt = Attempt(
        endpoint=name,
        webhook_id=webhook.id,
        attempt=0,
        at=format_utc(twin.now()),
        url=endpoint.url,
        event_code=webhook.event_code,
        psp_reference=webhook.psp_reference,
        reference=webhook.reference,
        status=None,
        body=webhook.message.body,
        headers=webhook.message.headers,
        answer="",
        accepted=False,
        error="lost because of a planned fault",
    )
    twin.state.attempts.append(attempt)


def _fault_of_kind(
    triggered_faults: list[faults.WebhookFault], kind: type[faults.AnyKind]
) -> faults.AnyKind | None:
    return next((fault for fault in triggered_faults if isinstance(fault, kind)), None)
