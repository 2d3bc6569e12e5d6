"""Background work, run by workers: one use case in each module.

Read in this order: `kinds` (every kind of job), `due` and `due_subscriptions` (find what is due,
and queue jobs), `worker` (the loops, and the handler of each kind), then the use cases: `renewing`
with `renewal_reading` and `renewal_writing`, and `closing`. `engine` is the queue, `failed` has the
jobs whose handler raised, `together` runs work once for many callers, `schema` makes the tables.

May import everything but `web`, `payment_form`, `cli`, `demo` and `wiring`. Only `engine` and
`failed` import the queue's library.
"""
