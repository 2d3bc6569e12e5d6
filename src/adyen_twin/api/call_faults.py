"""Applies the faults that a call to an Adyen API triggers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from adyen_twin.core import faults
from adyen_twin.http_types import HttpRequest
from adyen_twin.protocol import errors
from adyen_twin.protocol.errors import AdyenError


class ConnectionBrokenError(Exception):
    """The connection must be closed without an answer."""


def before(triggered_faults: Sequence[faults.CallFault]) -> None:
    """Apply the faults that precede the execution of the call.

    Raises:
        ConnectionBrokenError: The caller gets no answer, and the call is not executed.
        AdyenError: The caller gets this error, and the call is not executed.

    """
    for fault in triggered_faults:
        if isinstance(fault, faults.LoseReplyBefore):
            raise ConnectionBrokenError
        if isinstance(fault, faults.ErrorReply) and not fault.after:
            raise _error_of(fault)


async def after(
    request: HttpRequest, triggered_faults: Sequence[faults.CallFault], reference: str | None
) -> None:
    """Apply the faults that follow the execution of the call.

    `reference` is the merchantReference of the call's payment, if it has one.

    Raises:
        ConnectionBrokenError: The caller gets no answer, although the call was executed.
        AdyenError: The caller gets this error, although the call was executed.

    """
    for fault in triggered_faults:
        if isinstance(fault, faults.WebhookBeforeReply) and reference is not None:
            await request.engine.deliver_before_reply(reference)
        if isinstance(fault, faults.SlowReply):
            await asyncio.sleep(fault.seconds)
    # An error ends this function, so the errors come after the other faults.
    for fault in triggered_faults:
        if isinstance(fault, faults.LoseReplyAfter):
            raise ConnectionBrokenError
        if isinstance(fault, faults.ErrorReply) and fault.after:
            raise _error_of(fault)


def _error_of(fault: faults.ErrorReply) -> AdyenError:
    match fault:
        case faults.Error503():
            return errors.unavailable()
        case faults.Conflict409():
            return errors.in_progress(409)
        case faults.Conflict422():
            return errors.in_progress(422)
        case _:
            return errors.internal_error()
