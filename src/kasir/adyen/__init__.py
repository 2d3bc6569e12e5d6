"""Adyen's protocol as values: messages, their schema, their signatures. Nothing here does I/O.

Read in this order:
- `environments`, `calls`: where Adyen is, and a call to it.
- `checks`, `known_fields`: what a request must look like, by Adyen's schema.
- `replies`: an answer, and who must act on it.
- `notifications`, `token_notifications`: what Adyen posts.
- `signing`: the HMAC signatures of notifications.
- `texts`: JSON is decoded there, and text made storable.

May import `errors` and the small values beside it, and nothing else of Kasir.
"""
