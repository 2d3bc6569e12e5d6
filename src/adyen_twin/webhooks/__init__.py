"""The webhooks of the twin: their content, their queues and their delivery.

Read in this order: `payment_notifications` and `token_notifications` (the content of each
webhook), `report_notifications` (REPORT_AVAILABLE), `formats` (form fields and SOAP), `outbox`
(signs a webhook, applies planned faults, queues the webhook), `delivery` (sends the queued
webhooks, and retries for thirty days), `sample_notifications` (test notifications, which are sent
outside the queues).

Nothing here decides about payments; `simulation` calls these functions.
May import: `core`, `protocol`, aiohttp.
"""
