"""Adyen's APIs over HTTP: Checkout, the classic Recurring API, and Management.

Read in this order: `exchange` (answers one call: checks the keys, parses the JSON, runs the
operation), `call_faults` (planned failures of a call), `checkout` and `recurring` (each
operation and its path), `management_calls`, `management` and `management_webhooks` (the
Management API), `report_files` (the download of reports).

Handlers check a request with `protocol`, call `simulation`, and build the answer. Only
`simulation` decides about payments.
May import: `http_types` and below. Not `gopay`, not `controls`.
"""
