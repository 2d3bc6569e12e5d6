"""The use cases behind a shop's requests: one module for each kind of request.

Read in this order:
- `fields`: what all requests need: the body's fields, faults, the shop's key.
- `payments`: `/paymentMethods`, `/payments`, `/payments/details`.
- `changes`: captures, refunds, cancels, reversals.
- `payment_links`, `payment_link_attempts`: `/paymentLinks`, and the attempts to pay a link.
- `stored_methods`: the saved wallets in Adyen's list.
- `subscriptions`, `subscription_fields`, `subscription_commands`: plans and subscriptions.

May import `ledger`, `store`, `gateway`, the domain and `adyen`; never routes, jobs or `webhooks`.
Use cases of `jobs` are passed in through protocols declared here.
"""
