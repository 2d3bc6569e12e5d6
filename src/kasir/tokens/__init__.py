"""Tokens: a shopper's permission to charge a wallet again.

`model` is the only module: a token's facts, and their fold into a summary. It depends on no
provider, database or HTTP, and imports nothing of Kasir. `ledger.tokens` records the facts, and
`store.tokens` has their rows.
"""
