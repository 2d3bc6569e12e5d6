"""Adyen's messages translated to the domain's values and back, and the connection to Adyen.

Read in this order:
- `wire`: the one module that opens connections to Adyen; every failure is a value.
- `methods`, `gopay`: the wallets that Kasir accepts, and GoPay's rules.
- `meanings`, `token_meanings`: replies and notifications become facts.
- `provider`: sends a question and returns the facts of its answer.
- `charged_tokens`, `token_checks`, `token_answers`: check a token before a charge, and record from
  the answer that it is gone.
- `payment_link_checks`, `renewal_messages`, `close_calls`: links, renewals and closing cancels.
- `clock_check`, `twin_clock`, `account_checks`: clocks, and the checks of `kasir doctor` at Adyen.

May import `adyen`, the domain (`payments`, `tokens`, `subscriptions`), `limits` and `config`; never
the database, HTTP routes or use cases.
"""
