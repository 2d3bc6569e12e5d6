"""The webhooks that the twin sends: what they say, how they are queued, how they are delivered.

Read in this order: `payment_notifications` and `token_notifications` (the content of each
webhook), `outbox` (signs a webhook, applies planned faults, puts it in a queue), `delivery`
(sends what is queued, and retries for thirty days), `sample_notifications` (test
notifications, sent outside the queues).

Nothing here decides what happens to a payment; `simulation` calls these functions.
May import: `core`, `protocol`, aiohttp.
"""
