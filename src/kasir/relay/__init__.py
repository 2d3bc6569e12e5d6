"""Relays Adyen's notifications to the shop's own Adyen handler, in Adyen's shape.

Read in this order:

- `relaying`: the use case of the job `relay`: sends the oldest waiting notice, then the next one,
  until one fails.
- `choosing`: whether a notice is relayed at all. Pure.
- `sealing`: the message of a notice, with Adyen's signature or a new one. Pure.

Imports `store` (`relay`, `vault`), the HTTP client of `shop_events`, and `adyen`. `store.inbox`
queues notices, in the transaction that stores them; `jobs.due` takes the queue for a job.
"""
