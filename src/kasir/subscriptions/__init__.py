"""Subscriptions: what is charged how often, and what follows from each payment. Pure.

Read in this order: `plan` (what is sold), `calendar` (when a period begins), `states` (every state
and move), `renewal` (one period's payment) and `subscription`, then `engine` (what is done by now),
with `dunning` (what follows from a refusal), `pausing`, `losing` (disputes and refunds) and
`overpaying`. `commands` is what a shop may ask for, `turn` what a decision comes to, `events` what
the shop is told, `metrics` the figures by day.

Nothing here does I/O or reads a clock. May import `payments`, `tokens` and the small shared values;
`jobs/renewing` runs it under a lock and writes what it decides.
"""
