"""The hosted payment form: the pages that a shopper sees, below `/pay/`.

Read it in this order:

- `routes`: all routes. `form`: the form itself, starting a payment, continuing one.
- `returns`: the shopper's return from the wallet. `payment_status`: the status page and its stream.
- `saved_methods`: wallets that were saved before. `consent`: agreement to saving one.
- `status_views`: what is shown for each status. `offers`, `line_items`, `refusal_advice`,
  `wallet_redirect`, `browser_info`: parts of the pages and of the request to Adyen.
- `pages`, `texts`, `security_headers`, `static_files`, `error_pages`: what all pages share.
- `shop_files`, `colours`: the shop's logo and the style sheet of its colour.
- `form_requests`, `link_lookup`, `rate_limits`, `live_updates`: what all requests share.

This package calls `kasir.requests` through the app's parts, as the API does. It imports
`http_types`, `wiring` and packages below them, and never `kasir.web`.
"""
