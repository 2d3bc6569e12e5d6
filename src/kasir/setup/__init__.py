"""`kasir setup`: sets up at Adyen what a program may set up there, and lists the rest.

Read in this order:
- `model`: the values.
- `plan`: from what Adyen answered to what will be done. Pure.
- `lines`: what is reported of each answer. Pure.
- `urls`: compares the addresses of webhooks.
- `looking`: asks Adyen and the database.
- `key_stores`: where a new HMAC key is stored.
- `applying`: does the steps, each recorded before Adyen is asked.

May import everything but `web`, `payment_form`, `cli`, `demo`, `doctor` and `wiring`.
"""
