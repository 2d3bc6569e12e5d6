"""Receives and stores Adyen's notifications; a worker reads them later.

Read in this order:

1. `receiving`: verifies each item, stores the item, and answers; nothing else while Adyen waits.
   `recipients` does the same for several merchant accounts.
2. `reading`: the worker's use case: interprets notices and records their facts.
3. `interpreting`: finds the facts in a notice, without I/O.
4. `notices`: the operator's use cases: list notices, replay notices.

Imports `ledger`, `gateway` for the meaning of Adyen's event codes, `adyen` for Adyen's formats, and
the statements of `store.inbox`.
"""
