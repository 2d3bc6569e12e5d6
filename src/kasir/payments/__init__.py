"""The domain: what a payment is and what is known of it. Knows no provider, database or HTTP.

Read in this order:

1. `payment`: the intent that is written down, and the summary of its facts.
2. `facts`, `status`, `fold`: a payment's status is a function of the set of its facts.
3. `flow`: write the intent down, ask, write down what came of it; `question` has its values.
4. `matching`: which payment a message belongs to.
5. `changes`, `refunds`, `disputes`, `endings`, `sums`: what happened after it was paid.
6. `links`: a link to pay by. `deliveries`: how far the provider's notifications have come.

Imports `money`, `ids`, `clock` and `errors` only.
"""
