"""Background work, run by workers: one use case in each module.

Read in this order:

1. `kinds` (every kind of job), `due` and `due_subscriptions` (find due rows, and queue jobs).
2. `worker` (the loops, and the handler of each kind); `account_worker` runs one per merchant
   account.
3. The use cases: `renewing` with `renewal_reading` and `renewal_writing`, and `closing`.
4. `engine` (the queue), `failed` (jobs whose handler raised), `together` (runs work once for many
   callers), `schema` (creates the tables).

May import everything but `web`, `payment_form`, `cli`, `demo` and `wiring`. Only `engine` and
`failed` import PgQueuer.
"""
