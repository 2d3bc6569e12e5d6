"""Adyen's notifications: received at once, read later.

Read in this order:

1. `receiving`: verify each item, keep it, answer. Nothing else while Adyen waits.
2. `reading`: the use case of a worker: take notices, interpret, lock, attribute, record, settle.
3. `interpreting`: what a notice says of a payment or a token. Pure.
4. `notices`: what an operator does with notices: list them, have them read again.

Imports `ledger`, `gateway` for the meaning of Adyen's event codes, `adyen` for its formats, and the
statements of `store.inbox`.
"""
