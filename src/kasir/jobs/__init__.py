"""Background work: one use case a module, run by workers.

Read in this order: `kinds` (every kind of job), `due` and `due_subscriptions` (find what is due,
and queue jobs), `worker` (the loops, and the handler of each kind), then the use cases: `renewing`
with `renewal_reading` and `renewal_writing`, and `closing`. `engine` is the queue, `failed` the
jobs whose handler raised, `together` work that many callers ask for, `schema` the tables.

May import everything but `web`, `payment_form`, `cli`, `demo` and `wiring`. Only `engine` and
`failed` know the queue's library.
"""
