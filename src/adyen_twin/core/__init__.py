"""The twin's data and time: what it was configured with, what it remembers, and its clock.

Read in this order: `settings` (options and knobs), `faults` (planned failures and when they
trigger), `state` (payments, tokens, queues: everything that is kept), `clock`, `twin` (one
object that holds all of these), `storage` (the state file). `names` makes the random
references and tokens that Adyen would make.

Nothing here knows what Adyen answers or when; it makes no calls and serves no requests.
May import: the standard library and msgspec. Not `protocol`, nor anything above it.
"""
