"""What the twin tells of tokens, and how it is put.

One JSON object per webhook, sealed over its bytes in the header HmacSignature, with a
key of its own. Source: Adyen's OpenAPI file of token webhooks, and its libraries. GUESS:
that `data.type` is gopay_wallet. RECURRING_CONTRACT is the older, standard webhook.
"""

import json
from typing import Any, Final

from adyen_twin.core import names
from adyen_twin.core.clock import spelled
from adyen_twin.core.state import EndpointName, Letter, Payment, Token
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import signing
from adyen_twin.protocol.limits import GOPAY
from adyen_twin.webhooks import outbox, payment_notifications

TOKENS: Final[EndpointName] = "tokens"


def told(twin: Twin, token: Token, operation: str, event_id: str) -> None:
    """Tell that a token was created, exists already, or was updated."""
    _post(twin, token, f"recurring.token.{operation}", event_id, {"operation": operation})


def disabled(twin: Twin, token: Token) -> None:
    """Tell that a token is no more; there is no operation in it."""
    _post(twin, token, "recurring.token.disabled", names.psp_reference(), {})


def contract(twin: Twin, payment: Payment, token: Token) -> None:
    """Tell of a token the older way, where the shop asked for it."""
    if "RECURRING_CONTRACT" in twin.knobs.extra_events:
        payment_notifications.recurring_contract(twin, payment, token)


def _post(twin: Twin, token: Token, kind: str, event_id: str, more: dict[str, str]) -> None:
    said = {
        "createdAt": spelled(twin.now()),
        "eventId": event_id,
        "environment": "test",
        "data": {
            "merchantAccount": token.merchant_account,
            "storedPaymentMethodId": token.id,
            "type": GOPAY,
            **more,
            "shopperReference": token.shopper_reference,
        },
        "type": kind,
    }
    about = outbox.About(says=kind, psp_reference=event_id, reference=token.reference)
    body = _spelled(twin, said)
    outbox.post(twin, TOKENS, about, lambda key: _letter(body, key))


def _spelled(twin: Twin, said: dict[str, Any]) -> str:
    if twin.knobs.tokens_spelled == "spaced":
        return json.dumps(said, ensure_ascii=False, indent=2) + "\n"
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _letter(body: str, key: str | None) -> Letter:
    if key is None:
        return Letter(body)
    seal = signing.seal_of_bytes(body.encode(), key)
    return Letter(body, {"HmacSignature": seal, "Protocol": "HmacSHA256"})
