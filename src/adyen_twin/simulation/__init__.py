"""What happens at Adyen and at GoPay: payments, modifications, tokens, wallets, disputes.

Read in this order: `payments` (from the request to the result), `wallets` and `shopper`
(whose wallet pays, and what the shopper does), `modifications`, `tokens`, `charges`
(payments with a token), `disputes`, `other_system` (payments that the twin does not have).
`tasks` runs what is due by the twin's clock; `engine` runs tasks and deliveries in the
background, and advances the clock.

Every change of the twin's state that is not configuration is made here, and sent by
`webhooks`. May import: `core`, `protocol`, `webhooks`; only `engine` does I/O.
"""
