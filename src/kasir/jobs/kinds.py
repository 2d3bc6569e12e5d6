"""The kinds of jobs: the name under which each is queued, run and shown."""

from __future__ import annotations

from enum import StrEnum


class JobKind(StrEnum):
    """Every kind of job. The values are stored in queued and failed jobs, so they never change."""

    #: Reads the inbox. No payload.
    READ_NOTICES = "read_notices"
    #: Sends an unanswered question again. Payload: its key.
    ASK_AGAIN = "ask_again"
    #: Closes an unfinished attempt. Payload: the payment's id.
    CLOSE = "close"
    #: Compares a shopper's tokens with the provider's list. Payload: the shopper's reference.
    RECONCILE = "reconcile"
    #: Delivers an event to the shop. Payload: the id of its row.
    DELIVER = "deliver"
    #: Relays notifications to the shop's own Adyen handler. Payload: the token of the queue.
    RELAY = "relay"
    #: Fetches a report of Adyen's and reconciles it. Payload: its id; empty to look for payments
    #: that no report has.
    REPORT = "report"
    #: Does what is due for a subscription (its turn). Payload: its id.
    RENEW = "subscription"
