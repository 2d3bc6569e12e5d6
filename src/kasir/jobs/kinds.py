"""The kinds of jobs: the name under which each is queued, run and shown."""

from __future__ import annotations

from enum import StrEnum


class JobKind(StrEnum):
    """Every kind of job. Its value is in queued and failed jobs, so it never changes."""

    #: Reads the inbox. No payload.
    READ_NOTICES = "read_notices"
    #: Asks a question again that has no answer. Payload: its key.
    ASK_AGAIN = "ask_again"
    #: Closes an attempt that nobody finished. Payload: the payment's id.
    CLOSE = "close"
    #: Compares a shopper's tokens with the provider's list. Payload: the shopper's reference.
    RECONCILE = "reconcile"
    #: Delivers an event to the shop. Payload: its number.
    DELIVER = "deliver"
    #: Takes the turn of a subscription. Payload: its id.
    RENEW = "subscription"
