"""The token webhooks: one function per kind of event, and their JSON.

A token webhook is one JSON object. The header HmacSignature has the signature of its bytes,
made with the key of the endpoint `tokens`. Source: Adyen's OpenAPI file of token webhooks, and
its libraries. GUESS: that `data.type` is gopay_wallet.
"""

from __future__ import annotations

import json
from typing import Any

from adyen_twin.core import names
from adyen_twin.core.clock import format_adyen
from adyen_twin.core.state import TOKENS, Message, Token
from adyen_twin.core.twin import Twin
from adyen_twin.protocol import signing
from adyen_twin.protocol.limits import GOPAY
from adyen_twin.webhooks import outbox


def changed(twin: Twin, token: Token, operation: str, event_id: str) -> None:
    """Notify the shop that a token was created or updated, or exists already.

    `operation` is `created`, `updated` or `alreadyExisting`.
    """
    _send(twin, token, f"recurring.token.{operation}", event_id, {"operation": operation})


def disabled(twin: Twin, token: Token) -> None:
    """Notify the shop that a token was disabled; this webhook has no `operation`."""
    _send(twin, token, "recurring.token.disabled", names.psp_reference(), {})


def _send(twin: Twin, token: Token, kind: str, event_id: str, extra: dict[str, str]) -> None:
    content = {
        "createdAt": format_adyen(twin.now()),
        "eventId": event_id,
        "environment": "test",
        "data": {
            "merchantAccount": token.merchant_account,
            "storedPaymentMethodId": token.id,
            "type": GOPAY,
            **extra,
            "shopperReference": token.shopper_reference,
        },
        "type": kind,
    }
    subject = outbox.Subject(event_code=kind, psp_reference=event_id, reference=token.reference)
    body = _serialise(twin, content)
    outbox.send(twin, TOKENS, subject, lambda key: _message(body, key))


def _serialise(twin: Twin, content: dict[str, Any]) -> str:
    if twin.knobs.token_json == "spaced":
        return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _message(body: str, key: str | None) -> Message:
    if key is None:
        return Message(body)
    signature = signing.sign_bytes(body.encode(), key)
    return Message(body, {"HmacSignature": signature, "Protocol": "HmacSHA256"})
