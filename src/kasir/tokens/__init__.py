"""Tokens: a shopper's permission to charge a wallet again.

`model` is all of it: a token's facts, and their fold into a summary. Knows no provider, database or
HTTP; imports nothing of Kasir. Facts are recorded in `ledger.tokens` and their rows are in
`store.tokens`.
"""
