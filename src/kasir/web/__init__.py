"""Kasir's HTTP API: an ASGI app, one module for each kind of resource.

Read it in this order:

- `app`: builds the app from all routes, the hosted payment form's included.
- `checkout_api`, `recurring_api`: Adyen's own APIs for GoPay, with Adyen's paths and JSON.
- `payments_api`, `subscriptions_api`, `events_api`, `notices_api`, `doctor_api`: Kasir's own API.
- `webhooks`: receives Adyen's notifications. `health`: liveness, readiness, metrics.
- `keys`, `query_parameters`, `request_bodies`: the checks of every request.
- `problems`, `unknown_paths`: errors as HTTP responses.
- `openapi`: the OpenAPI document, of `documented`, `adyen_shapes`, `request_shapes`, `examples`.

Handlers translate between HTTP and `kasir.requests` and decide nothing about money. Only `app`
imports `kasir.payment_form`. Only the command line and the demo may import this package.
"""
