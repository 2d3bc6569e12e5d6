"""Has a twin send both kinds of webhooks to Kasir: `twin_webhooks.py TWIN_URL KASIR_URL`.

It reads the keys from ADYEN_HMAC_KEY and ADYEN_TOKEN_HMAC_KEY. The twin accepts it only from its
own machine, so it runs beside the twin.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request


def main() -> None:
    """Set both webhooks."""
    twin_url, kasir_url = sys.argv[1:]
    _set(f"{twin_url}/twin/webhooks/standard", f"{kasir_url}/webhooks/adyen", "ADYEN_HMAC_KEY")
    token_url = f"{kasir_url}/webhooks/adyen/tokens"
    _set(f"{twin_url}/twin/webhooks/tokens", token_url, "ADYEN_TOKEN_HMAC_KEY")


def _set(address: str, webhook_url: str, key: str) -> None:
    body = {"url": webhook_url, "hmacKey": os.environ[key].split(",")[0].strip()}
    request = urllib.request.Request(
        address,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        reply.read()


if __name__ == "__main__":
    main()
