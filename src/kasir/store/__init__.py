"""PostgreSQL: the named SQL statements, and rows as values. This package decides nothing.

Read in this order:

1. `database`: the pool, transactions, migrations; `limited`: connections with limited waits.
2. `queries/NAME.sql` with the module of the same name: `payments`, `questions`, `tokens`, `inbox`,
   `links`, `subscriptions`; and `outbox` with `deliveries` for `events.sql`.
3. `vault`: encrypts and decrypts. `askers`: shows whether the process that sent a question is
   alive.
4. `figures`, `doctor`, `cleaning`, `api_keys`: for operators.

A use case in `ledger`, `webhooks`, `jobs` or `requests` holds the transaction and calls these
functions. The store imports the domain and small values, never a package of use cases.
"""
