"""The events that Kasir sends to the shop, as Standard Webhooks.

Read in this order:

- `event_policy`: which events follow from a change of a payment or a token, and when. Pure.
- `shapes`, `subscription_shapes`: payments, tokens, plans and subscriptions as shops read them,
  both in events and over HTTP.
- `delivery`: the use case of the job `deliver`: makes one try, and plans the next one.
- `sender`: the HTTP client. Only `sender` and `gateway.wire` import aiohttp.

Imports `store` (`outbox`, `vault`) and the domain. Events are written by `ledger` and `jobs`, in
the transaction of the change; `jobs.due` finds those that are due.
"""
