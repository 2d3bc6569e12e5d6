"""The domain of payments. It depends on no provider, database or HTTP.

Read in this order:

1. `payment`: the stored intent, and the summary of its facts.
2. `facts`, `status`, `fold`: a payment's status is a function of the set of its facts.
3. `flow`: store the intent, call the provider, store the result; `question` has the values.
4. `matching`: which payment a message belongs to.
5. `changes`, `refunds`, `disputes`, `endings`, `sums`: changes of a paid payment.
6. `links`: payment links. `deliveries`: the delay of the provider's notifications.

Imports `money`, `ids`, `clock` and `errors` only.
"""
