"""What people who run Kasir do with it, for the API and the desk: one use case in each module.

- `deliveries`: lists what is sent to the shop, sends it again, pauses an address.
- `disputes`: lists disputed payments, and what a person must do about each.

May import `ledger`, `relay`, `shop_events`, `store` and the domain; never `web`.
"""
