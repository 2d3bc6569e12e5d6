"""Records facts of payments and tokens, and the shop's events that follow from them.

Read in this order:

1. `payments`: `Ledger` locks payments, computes their new summaries, decides which events follow,
   and writes the facts, the summaries and the events.
2. `tokens`: `TokenLedger` does the same for tokens.
3. `attribution`: decides which payments a batch of messages belongs to, under row locks.
4. `payment_book`: the `PaymentBook` of `payments.flow` in PostgreSQL; each method is one commit.

Imports the domain (`payments`, `tokens`), `shop_events` and the SQL statements of `store`. Used by
`webhooks`, `requests` and `jobs`.
"""
