"""Adyen's protocol as pure functions: what a request must look like, and what an error says.

Read in this order: `limits` (lengths and vocabularies of Adyen's schemas), `errors` (every
error answer), `rules` (how rules are run, and the rules that many calls share),
`payment_checks` (/paymentMethods, /payments, /payments/details), `change_checks`
(modifications and tokens), `signing` (the signatures of webhooks).

Nothing here has state, and nothing here knows the twin.
May import: the standard library. Nothing else of the twin, not even `core`.
"""
