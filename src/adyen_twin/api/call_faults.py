"""How a call to an Adyen API goes wrong, when a fault says so."""

import asyncio
from collections.abc import Sequence

from adyen_twin.api.http import HttpRequest
from adyen_twin.core import faults
from adyen_twin.protocol import errors
from adyen_twin.protocol.errors import AdyenError


class ConnectionBrokenError(Exception):
    """The caller gets no answer."""


def before(struck: Sequence[faults.CallFault]) -> None:
    """Go wrong before anything is done.

    Raises:
        ConnectionBrokenError: Nobody is to be answered.
        AdyenError: This is to be answered, and nothing done.

    """
    for fault in struck:
        if isinstance(fault, faults.LoseReplyBefore):
            raise ConnectionBrokenError
        if isinstance(fault, faults.ErrorReply) and not fault.after:
            raise error_of(fault)


async def after(
    request: HttpRequest, struck: Sequence[faults.CallFault], reference: str | None
) -> None:
    """Go wrong after the thing was done.

    Raises:
        ConnectionBrokenError: Nobody is to be answered.
        AdyenError: This is to be answered, though the thing was done.

    """
    for fault in struck:
        if isinstance(fault, faults.NoticeBeforeReply) and reference is not None:
            await request.engine.hurry(reference)
        if isinstance(fault, faults.SlowReply):
            await asyncio.sleep(fault.seconds)
    for fault in struck:
        if isinstance(fault, faults.LoseReplyAfter):
            raise ConnectionBrokenError
        if isinstance(fault, faults.ErrorReply) and fault.after:
            raise error_of(fault)


def error_of(fault: faults.ErrorReply) -> AdyenError:
    """Return the error that a fault answers."""
    match fault:
        case faults.Error503():
            return errors.unavailable()
        case faults.Conflict409():
            return errors.in_progress(409)
        case faults.Conflict422():
            return errors.in_progress(422)
        case _:
            return errors.broken()
