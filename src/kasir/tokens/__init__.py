"""Tokens: a shopper's permission to charge a wallet again.

`model` is the only module: a token's facts, and the function that computes a summary from the
facts. `model` depends on no provider, database or HTTP, and imports nothing of Kasir.
`ledger.tokens` records the facts, and `store.tokens` reads and writes the rows.
"""
