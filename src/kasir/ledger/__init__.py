"""Records facts of payments and tokens, and the shop's events that follow from them.

Read in this order:

1. `payments`: `Ledger` locks payments, folds their facts, decides on events, and writes all this.
2. `tokens`: the same for tokens.
3. `attribution`: decides which payments a batch of messages belongs to, under row locks.
4. `payment_book`: the `PaymentBook` of `payments.flow` in PostgreSQL; each method is one commit.

Imports the domain (`payments`, `tokens`), `shop_events` for the shop's events, and the statements
of `store`. Used by `webhooks`, `requests` and `jobs`.
"""
