"""The behaviour of Adyen and GoPay: payments, modifications, tokens, wallets, disputes.

Read in this order: `payments` (from the request to the result), `wallets` and `shopper`
(which wallet pays, and the shopper's actions), `modifications`, `tokens`, `charges`
(payments with a token), `disputes`, `other_system` (events of payments outside the twin).
`policy` has what Adyen's pages disagree about, as the knobs decide it.
`tasks` runs functions that are due by the twin's clock; `engine` runs tasks and deliveries in
the background, and advances the clock. `seeds` loads and saves a world, and `worlds` has all of
them.

This package changes payments and tokens, and calls `webhooks` to notify the shop.
May import: `core`, `protocol`, `webhooks`, `settlement`; only `engine` does I/O.
"""
