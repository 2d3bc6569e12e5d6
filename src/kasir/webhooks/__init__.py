"""Adyen's notifications, which are received and stored at once, and read later by a worker.

Read in this order:

1. `receiving`: verifies each item, stores it, and answers; nothing else while Adyen waits.
2. `reading`: the worker's use case: interprets notices and records their facts.
3. `interpreting`: finds the facts in a notice. Without I/O.
4. `notices`: the operator's use cases: list notices, replay them.

Imports `ledger`, `gateway` for the meaning of Adyen's event codes, `adyen` for its formats, and the
statements of `store.inbox`.
"""
