"""Adyen's reports: the settlement details of each batch, and the payment accounting.

Read in this order: `journal` (records what happens to payments), `lines` (the rows of a batch
with their fees, and the payout), `mistakes` (planned mistakes in these rows), `registers` (the
movements of the payment accounting), `printing` (amounts, dates, columns, CSV), `details` and
`accounting` (the two files), `closing` (closes a batch, and announces its reports).

Sources: Adyen's pages on both reports and on downloading them, and the column names and rows
that open-source readers of these files have. docs/twin.md lists the guesses.
May import: `core`, `protocol`, `webhooks`.
"""
