"""`kasir doctor`: checks whether all is ready to take money; a failed finding says what to do.

Read in this order:
- `findings`: runs the checks of every account, for the command.
- `checks`: the checks of one account, for the command and the API.
- `merchant`: what Adyen says of the merchant account: whether it captures by hand.
- `public_address`: whether KASIR_PUBLIC_URL is reached from here.
- `reports`: whether Adyen's reports are fetched and read, and whether cases are open.

May import everything but `web`, `payment_form`, `python_api`, `cli` and `demo`.
"""
