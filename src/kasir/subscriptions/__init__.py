"""Subscriptions: what is charged and when, and what follows from each payment.

Read in this order:

1. `plan` (what is sold), `calendar` (when a period begins), `states` (every state and move).
2. `renewal` (the payment of one period) and `subscription`.
3. `engine` (which steps are due), with `dunning` (retries after a refusal), `pausing`, `losing`
   (disputes and refunds) and `overpaying`.
4. `commands` (what a shop may request), `turn` (the result of a decision), `events` (for the shop),
   `metrics` (figures by day).

Nothing here does I/O or reads a clock. May import `payments`, `tokens` and the small shared values.
`jobs/renewing` locks a subscription, calls this package, and writes the result.
"""
