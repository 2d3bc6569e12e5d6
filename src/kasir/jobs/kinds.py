"""The kinds of jobs, each with the name under which its jobs are queued, run and shown."""

from __future__ import annotations

from enum import StrEnum


class JobKind(StrEnum):
    """Every kind of job. The values are stored in queued and failed jobs, so they never change."""

    #: Reads the inbox. No payload.
    READ_NOTICES = "read_notices"
    #: Sends an unanswered question again. Payload: the question's idempotency key.
    ASK_AGAIN = "ask_again"
    #: Closes an unfinished attempt. Payload: the payment's id.
    CLOSE = "close"
    #: Compares a shopper's tokens with the provider's list. Payload: the shopper's reference.
    RECONCILE = "reconcile"
    #: Delivers an event to the shop. Payload: the id of the event's row.
    DELIVER = "deliver"
    #: Relays notifications to the shop's Adyen handler. Payload: `holder` of the relay's queue.
    RELAY = "relay"
    #: Fetches a report from Adyen and reconciles it. Payload: the report's id; empty to search for
    #: payments that are in no report.
    REPORT = "report"
    #: Does all steps of a subscription that are due (a turn). Payload: the subscription's id.
    RENEW = "subscription"
