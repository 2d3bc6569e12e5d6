"""Adyen's APIs over HTTP: Checkout, the classic Recurring API, and Management.

Read in this order: `exchange` (one call from its bytes to its answer: key, idempotency,
JSON, rules), `call_faults` (planned failures of a call), `checkout` and `recurring` (each
operation and its path), `management` (the standard webhook's configuration).

Handlers check a request with `protocol`, call `simulation`, and build the answer; what
happens to a payment is decided there.
May import: `http_types` and below. Not `gopay`, not `controls`.
"""
