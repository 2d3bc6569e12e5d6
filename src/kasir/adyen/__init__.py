"""Adyen's protocol as values: messages, their schema, their signatures. Nothing here does I/O.

Read in this order:
- `environments`, `calls`: Adyen's addresses, and a call to Adyen.
- `checks`, `known_fields`: the rules of Adyen's schema for requests.
- `replies`: an answer, and who must act on it.
- `notifications`, `token_notifications`: the messages that Adyen posts.
- `signing`: the HMAC signatures of notifications.
- `texts`: decodes JSON, and makes text storable.

May import only `errors` and the other modules of `kasir` that define plain values.
"""
