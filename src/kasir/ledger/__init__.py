"""Records facts of payments and tokens, with the shop's events that follow. Runs in transactions.

Read in this order:

1. `payments`: `Ledger` locks payments, folds their facts, decides on events, writes all of it.
2. `tokens`: the same for tokens.
3. `attribution`: decides which payments a batch of messages belongs to, under row locks.
4. `payment_book`: the book that `payments.flow` writes in; each method is one commit.

Imports the domain (`payments`, `tokens`), `shop_events` for what a shop is sent, and the statements
of `store`. Used by `webhooks`, `requests` and `jobs`.
"""
