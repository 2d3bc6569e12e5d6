"""What people who run Kasir do with it, for the API and the desk: one use case in each module.

- `finding_payments`: lists payments by filters, page by page, and exports them as CSV.
- `payment_life`: everything that happened to one payment, in order, and what can be done with it.
- `masking`: hides secrets and personal data in the messages behind a payment.

May import `ledger`, `relay`, `shop_events`, `store` and the domain; never `web`.
"""
