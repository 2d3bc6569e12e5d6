"""Subscriptions: what is charged and when, and what follows from each payment. Pure.

Read in this order: `plan` (what is sold), `calendar` (when a period begins), `states` (every state
and move), `renewal` (one period's payment) and `subscription`, then `engine` (what is done by now),
with `dunning` (what follows from a refusal), `pausing`, `losing` (disputes and refunds) and
`overpaying`. `commands` is what a shop may ask for, `turn` the result of a decision, `events` what
the shop is sent, `metrics` the figures by day.

Nothing here does I/O or reads a clock. May import `payments`, `tokens` and the small shared values.
`jobs/renewing` runs it under a lock and writes what it decides.
"""
