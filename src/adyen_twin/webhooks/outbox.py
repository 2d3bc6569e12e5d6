"""How a webhook is sealed and queued, and what befalls it on the way.

It is sealed when it is made: after a key is rotated, what was queued still bears the
older seal, as Adyen's pages warn.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from adyen_twin.core import faults
from adyen_twin.core.clock import spelled_utc
from adyen_twin.core.state import Attempt, Endpoint, EndpointName, Letter, Notice
from adyen_twin.core.twin import Twin

#: Writes a letter, sealed with this key or with none.
Write = Callable[[str | None], Letter]

NOBODYS_KEY = "0" * 64


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook says, for those who look for it."""

    says: str
    psp_reference: str
    reference: str


def post(twin: Twin, name: EndpointName, about: About, write: Write) -> None:
    """Send a webhook, if there is an endpoint for it."""
    endpoint = twin.state.endpoints.get(name)
    if endpoint is None or not endpoint.active:
        return
    struck = faults.notice_faults(
        twin.state.faults, endpoint=name, event_code=about.says, reference=about.reference
    )
    notices = _written(twin, endpoint, about, write, struck)
    if _hit(struck, faults.LoseNotice):
        _note_lost(twin, name, endpoint, notices[0])
    elif delay := _hit(struck, faults.DelayNotice):
        packed = [msgspec.to_builtins(notice) for notice in notices]
        due_at = twin.now() + delay.seconds
        twin.later("queue_notices", due_at, reference=about.reference, name=name, notices=packed)
    elif reorder := _hit(struck, faults.ReorderNotice):
        twin.state.held.setdefault(name, []).extend(notices)
        twin.later(
            "release_held", twin.now() + reorder.seconds, reference=about.reference, name=name
        )
    else:
        _queue(twin, name, notices)


def queue_notices(twin: Twin, *, name: EndpointName, notices: list[dict[str, Any]]) -> None:
    """Send webhooks that were delayed."""
    late = msgspec.convert(notices, list[Notice])
    for notice in late:
        notice.due_at = twin.now()
    _queue(twin, name, late)


def release_held(twin: Twin, *, name: EndpointName) -> None:
    """Send what waits for another to go before it."""
    _append(twin, name, twin.state.held.pop(name, []))


def _written(
    twin: Twin, endpoint: Endpoint, about: About, write: Write, struck: list[faults.NoticeFault]
) -> list[Notice]:
    """Return the webhook, and its copies if it has any."""
    key = endpoint.hmac_key
    if _hit(struck, faults.PreviousKey):
        key = endpoint.previous_hmac_key or NOBODYS_KEY
    spoiled: list[Letter] = []
    if wrong := _hit(struck, faults.WrongSeal):
        spoiled += [write(NOBODYS_KEY)] * wrong.tries
    if bare := _hit(struck, faults.NoSeal):
        spoiled += [write(None)] * bare.tries
    duplicate = _hit(struck, faults.DuplicateNotice)
    return [
        Notice(
            id=twin.memory.next_number(),
            letter=write(key),
            first_letters=spoiled,
            due_at=twin.now(),
            says=about.says,
            psp_reference=about.psp_reference,
            reference=about.reference,
        )
        for _ in range(1 + (duplicate.copies if duplicate else 0))
    ]


def _queue(twin: Twin, name: EndpointName, notices: list[Notice]) -> None:
    _append(twin, name, notices)
    release_held(twin, name=name)


def _append(twin: Twin, name: EndpointName, notices: list[Notice]) -> None:
    if name in twin.state.endpoints:
        twin.state.queues.setdefault(name, []).extend(notices)
        twin.bell()


def _note_lost(twin: Twin, name: EndpointName, endpoint: Endpoint, notice: Notice) -> None:
    lost = Attempt(
        endpoint=name,
        notice=notice.id,
        attempt=0,
        at=spelled_utc(twin.now()),
        url=endpoint.url,
        event_code=notice.says,
        psp_reference=notice.psp_reference,
        reference=notice.reference,
        status=None,
        body=notice.letter.body,
        headers=notice.letter.headers,
        answer="",
        accepted=False,
        error="lost, as a fault planned",
    )
    twin.state.attempts.append(lost)


def _hit(struck: list[faults.NoticeFault], kind: type[faults.AnyKind]) -> faults.AnyKind | None:
    return next((fault for fault in struck if isinstance(fault, kind)), None)
