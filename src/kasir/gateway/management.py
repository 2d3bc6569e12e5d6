"""Calls Adyen's Management API: what it says, or why it refused and how to cure that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote

from kasir.adyen import management
from kasir.adyen.calls import Call
from kasir.adyen.management import (
    Credential,
    HmacKey,
    Merchant,
    TestResult,
    TestResults,
    Webhook,
    Webhooks,
)
from kasir.adyen.replies import Answer
from kasir.errors import Unreadable, cut
from kasir.gateway.wire import NoAnswer, Wire

T = TypeVar("T")

READS_ACCOUNT: Final = "Management API—Account read"
WRITES_WEBHOOKS: Final = "Management API—Webhooks read and write"
#: Where the roles of a credential are changed.
ROLES_MENU: Final = "Customer Area, Developers, API credentials, your credential, Roles"
#: The event code of the test notifications.
TESTED_EVENT: Final = "AUTHORISATION"
#: The most pages of webhooks that are read.
_PAGES_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why Adyen did not do what was asked, and the cure.

    Attributes:
        says: Both, in one line.
        is_unknown: Whether the call may have been executed: no answer came.
        role: The role that is missing; empty if Adyen refused for another reason.
    """

    says: str
    is_unknown: bool = False
    role: str = ""


class Management:
    """The Management API for one merchant account.

    Args:
        wire: The connections to Adyen, with the account's key.
        merchant_account: The account's code.
    """

    def __init__(self, wire: Wire, merchant_account: str) -> None:
        self._wire = wire
        self._name = merchant_account
        self._path = quote(merchant_account, safe="")

    async def me(self) -> Credential | Refusal:
        """Read the credential of the key."""
        return await self._ask(management.read_me(), Credential, READS_ACCOUNT)

    async def merchant(self) -> Merchant | Refusal:
        """Read the merchant account."""
        return await self._ask(management.read_merchant(self._path), Merchant, READS_ACCOUNT)

    async def webhooks(self) -> tuple[Webhook, ...] | Refusal:
        """Read the account's webhooks; those of its company account are not among them."""
        found: list[Webhook] = []
        for number in range(1, _PAGES_MAX + 1):
            call = management.list_webhooks(self._path, number)
            page = await self._ask(call, Webhooks, WRITES_WEBHOOKS)
            if isinstance(page, Refusal):
                return page
            found += page.data
            if number >= page.pages_total:
                break
        return tuple(found)

    async def webhook(self, webhook_id: str) -> Webhook | Refusal:
        """Read a webhook."""
        call = management.read_webhook(self._path, quote(webhook_id, safe=""))
        return await self._ask(call, Webhook, WRITES_WEBHOOKS)

    async def create(self, fields: Mapping[str, Any]) -> Webhook | Refusal:
        """Create a webhook."""
        call = management.create_webhook(self._path, fields)
        return await self._ask(call, Webhook, WRITES_WEBHOOKS)

    async def change(self, webhook_id: str, fields: Mapping[str, Any]) -> Webhook | Refusal:
        """Change the given fields of a webhook."""
        call = management.change_webhook(self._path, quote(webhook_id, safe=""), fields)
        return await self._ask(call, Webhook, WRITES_WEBHOOKS)

    async def generate_hmac(self, webhook_id: str) -> HmacKey | Refusal:
        """Make a new HMAC key for a webhook."""
        call = management.generate_hmac(self._path, quote(webhook_id, safe=""))
        return await self._ask(call, HmacKey, WRITES_WEBHOOKS)

    async def send_test(self, webhook_id: str) -> tuple[TestResult, ...] | Refusal:
        """Let Adyen send test notifications, and wait until it has."""
        call = management.send_test(self._path, quote(webhook_id, safe=""), [TESTED_EVENT])
        results = await self._ask(call, TestResults, WRITES_WEBHOOKS)
        return results if isinstance(results, Refusal) else results.data

    async def _ask(self, call: Call, kind: type[T], role: str) -> T | Refusal:
        answer = await self._wire.send(call)
        if isinstance(answer, NoAnswer):
            cure = "check ADYEN_ENVIRONMENT and this network's connection to Adyen"
            says = f"the Management API did not answer ({answer.why}); {cure}"
            return Refusal(says, is_unknown=True)
        if answer.status != HTTPStatus.OK:
            return self._refusal(answer, role)
        try:
            return management.decoded(answer.body, kind)
        except Unreadable as error:
            return Refusal(f"{error}; look for a newer Kasir", is_unknown=True)

    def _refusal(self, answer: Answer, role: str) -> Refusal:
        match answer.status:
            case HTTPStatus.UNAUTHORIZED:
                cure = "Adyen does not accept ADYEN_API_KEY; test and live have different keys, and"
                menu = "the credential's allowed IP addresses, if it has any, need this machine's"
                return Refusal(f"401: {cure} {menu}")
            case HTTPStatus.FORBIDDEN:
                cure = f"the credential lacks the role `{role}`, or access to {cut(self._name)}"
                return Refusal(f"403: {cure}; add it in {ROLES_MENU}", role=role)
            case HTTPStatus.NOT_FOUND:
                cure = f"this key finds no such object in {cut(self._name)}"
                return Refusal(f"404: {cure}; check ADYEN_MERCHANT_ACCOUNT")
        fields = answer.json()
        message = (
            fields.get("detail") or fields.get("message") or fields.get("title") or "no message"
        )
        named = [_field_name(one) for one in fields.get("invalidFields") or ()]
        about = f" ({', '.join(named)})" if named else ""
        is_unknown = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return Refusal(f"HTTP {answer.status}: {cut(str(message))}{about}", is_unknown=is_unknown)


def _field_name(invalid: object) -> str:
    return cut(str(invalid.get("name", "a field"))) if isinstance(invalid, dict) else "a field"
