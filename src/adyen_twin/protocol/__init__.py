"""Adyen's protocol as pure functions: the rules for requests, and the error answers.

Read in this order: `limits` (lengths and allowed values of Adyen's schemas), `errors` (every
error answer), `rules` (runs the rules of a call, and has the rules of several calls),
`payment_checks` (/paymentMethods, /payments, /payments/details), `change_checks`
(modifications and tokens), `signing` (the signatures of webhooks).

Nothing here has state.
May import: the standard library. No other package of the twin, not even `core`.
"""
