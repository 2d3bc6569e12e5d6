"""What the shop gets from Kasir without asking: events, as Standard Webhooks.

Read in this order:

- `event_policy`: which events follow from a change of a payment or a token, and when. Pure.
- `shapes`, `subscription_shapes`: payments, tokens, plans and subscriptions as shops read them, in
  events and over HTTP alike.
- `delivery`: the use case of the job `deliver`: one try, and when the next one is.
- `sender`: the HTTP client; with `gateway.wire` the only one that imports aiohttp.

Imports `store` (`outbox`, `vault`) and the domain. Events are written by `ledger` and `jobs`, in
the transaction of the change; `jobs.due` finds those that are due.
"""
