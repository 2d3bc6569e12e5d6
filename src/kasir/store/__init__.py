"""PostgreSQL: named statements, and rows as values. The only package with SQL; it decides nothing.

Read in this order:

1. `database`: the pool, transactions, migrations; `limited`: connections on which every wait ends.
2. `queries/NAME.sql` with the module of the same name: `payments`, `questions`, `tokens`, `inbox`,
   `links`, and `outbox` with `deliveries` for `events.sql`.
3. `vault`: what is encrypted before it is written. `askers`: which process sends a question.
4. `figures`, `diagnosis`, `cleaning`, `api_keys`: for operators.

A use case in `ledger`, `webhooks`, `jobs` or `requests` holds the transaction and calls these. The
store imports the domain and small values, and never a package of use cases.
"""
