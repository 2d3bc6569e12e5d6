"""The demo shop's handler of Adyen's notifications, as the shop had it before Kasir.

It has the shape of Adyen's own sample for Python: it verifies each notification with Adyen's
library and answers 202. For the journeys it also lists what it accepted, and can be switched off.
It imports nothing of Kasir.
"""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Any, Final

from Adyen.util import is_valid_hmac_notification, is_valid_hmac_payload
from flask import Flask, request

#: How many accepted notifications are kept.
_KEPT_MAX: Final = 10_000


class AdyenHandler:
    """Receives notifications; keeps those that it accepted, and counts the others."""

    def __init__(self) -> None:
        self._key = _current(os.environ["ADYEN_HMAC_KEY"])
        self._token_key = _current(os.environ["ADYEN_TOKEN_HMAC_KEY"])
        self._accepted: list[dict[str, str]] = []
        self._refused = 0
        self._missed = 0
        self._is_down = False

    def add_to(self, app: Flask) -> None:
        """Add the handler's routes, and those with which a journey controls it."""
        app.add_url_rule("/adyen", view_func=self.standard, methods=["POST"])
        app.add_url_rule("/adyen/tokens", view_func=self.tokens, methods=["POST"])
        app.add_url_rule("/adyen/accepted", view_func=self.accepted)
        app.add_url_rule("/adyen/down", view_func=self.switch, methods=["PUT"])

    def standard(self) -> tuple[str, int]:
        """Receive a standard notification."""
        item = request.get_json()["notificationItems"][0]["NotificationRequestItem"]
        summary = {name: item[name] for name in ("eventCode", "merchantReference")}
        return self._answer(summary, is_valid=is_valid_hmac_notification(item, self._key))

    def tokens(self) -> tuple[str, int]:
        """Receive a token notification."""
        signature, body = request.headers["HmacSignature"], request.get_data()
        fields = request.get_json()
        summary = {"eventCode": fields["type"], "shopper": fields["data"]["shopperReference"]}
        valid = is_valid_hmac_payload(signature, self._token_key, body)
        return self._answer(summary, is_valid=valid)

    def _answer(self, summary: dict[str, str], *, is_valid: bool) -> tuple[str, int]:
        if self._is_down:
            self._missed += 1
            return "", HTTPStatus.SERVICE_UNAVAILABLE
        if not is_valid:
            self._refused += 1
            return "Invalid HMAC signature", HTTPStatus.UNAUTHORIZED
        self._accepted.append(summary)
        del self._accepted[:-_KEPT_MAX]
        return "", HTTPStatus.ACCEPTED

    def accepted(self) -> dict[str, Any]:
        """Return what was accepted, how many were unsigned, and how many came while it was off."""
        return {"accepted": self._accepted, "refused": self._refused, "missed": self._missed}

    def switch(self) -> tuple[str, int]:
        """Switch the handler off (`{"down": true}`) or on."""
        self._is_down = bool(request.get_json()["down"])
        return "", HTTPStatus.NO_CONTENT


def _current(keys: str) -> str:
    return keys.split(",", maxsplit=1)[0].strip()
