"""Translates Adyen's messages into the domain's values and back, and connects to Adyen.

Read in this order:
- `wire`: the one module that opens connections to Adyen. It returns failures and does not raise.
- `methods`, `gopay`: the wallets that Kasir accepts, and GoPay's rules.
- `meanings`, `token_meanings`: replies and notifications become facts.
- `provider`: sends a question and returns the facts of its answer.
- `charged_tokens`, `token_checks`, `token_answers`: check a token before a charge, and record that
  a token is gone if the answer shows that.
- `payment_link_checks`, `renewal_messages`, `close_calls`: links, renewals and closing cancels.
- `clock_check`, `twin_clock`, `account_checks`: clocks, and the calls to Adyen of `kasir doctor`.

May import `adyen`, the domain (`payments`, `tokens`, `subscriptions`), `limits` and `config`; never
the database, HTTP routes or use cases.
"""
