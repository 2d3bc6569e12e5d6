"""The settings, the state and the clock of a world.

Read in this order: `settings` (options and knobs), `profiles` (knobs as other providers document
GoPay), `faults` (planned faults, and what triggers them), `roles` (of the API credential),
`report_settings` and `books` (the reports), `state` (payments, tokens, queues and other data),
`endpoints` (what a webhook endpoint must be), `clock`, `twin` (one object with settings, state and
clock), `storage` (the state file), `seed` (a world as a file). `names` returns random
pspReferences, tokens and secrets in Adyen's formats.

Nothing here implements Adyen's rules, makes calls or serves requests.
May import: the standard library and msgspec. Not `protocol`, nor any higher layer.
"""
