"""Reconciliation: Adyen's reports against themselves and against Kasir's payments. Without I/O.

Read in this order:

1. `tables`: a CSV file, read by the names of its columns, in pieces of any size.
2. `amounts`, `times`: a report's amounts in minor units, and its times with their zones.
3. `entries`: one row of a report in a common form; `settlement` and `accounting` make it.
4. `arithmetic`: whether a row and a batch add up; `fees`: which fees were seen.
5. `comparing`: an entry against the payment in Kasir. `cases`: what is found.

Imports `payments` and `money`. Opens no file: a use case (`jobs/reconciling.py`) reads and writes.
"""
