"""What people who run Kasir do with it, for the API and the desk: one use case in each module.

- `deliveries`: lists what is sent to the shop, sends it again, pauses an address.
- `disputes`: lists disputed payments, and what a person must do about each.
- `finding_payments`: lists payments by filters, page by page.
- `payment_csv`: exports the payments of a list as CSV.
- `payment_life`: everything that happened to one payment, in order, and what can be done with it.
- `plain_words`: what the entries of a life mean, in English.
- `masking`: hides secrets and personal data in the messages behind a payment.

May import `gateway`, `ledger`, `relay`, `shop_events`, `store` and the domain; never `web`.
"""
