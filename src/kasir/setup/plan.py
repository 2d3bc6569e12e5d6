"""What `kasir setup` will do, decided from what Adyen answered: pure functions, without any call.

Another system's webhooks are never changed. A webhook is Kasir's if its URL is Kasir's, or if Kasir
recorded its id when it made the webhook's key and the description still has Kasir's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from kasir.adyen.management import EVENT_CODES, JSON, STANDARD, TLS, UNENCRYPTED, Webhook
from kasir.gateway.management import Refusal
from kasir.setup import lines
from kasir.setup.model import STANDARD_PATH, Kind, Line, Plan, Seen, State, Step, Wanted
from kasir.setup.urls import comparable

#: How the description of Kasir's own webhook begins.
_DESCRIPTION: Final = "Kasir, "


def plan(seen: Seen, wanted: Wanted) -> Plan:
    """Decide what is well, what will be done, and what a person must do."""
    found = [
        *lines.of_roles(seen.credential),
        *map(lines.of_finding, seen.methods),
        *lines.of_merchant(seen.merchant, wanted.live_prefix, is_live=wanted.is_live),
    ]
    webhooks = seen.webhooks
    if isinstance(webhooks, Refusal):
        found.append(Line("the standard webhook", State.FAULT, webhooks.says))
        by_hand = lines.of_token_webhook((), wanted), lines.of_reports(wanted)
        return Plan((*found, *by_hand), (), "")
    own = own_webhook(webhooks, wanted)
    steps = [*_steps(own, wanted)]
    if own:
        found += lines.of_standard_webhook(own, steps, webhooks, wanted)
    found += [lines.of_token_webhook(webhooks, wanted), lines.of_reports(wanted)]
    found += lines.of_others(own, webhooks, wanted)
    return Plan(tuple(found), tuple(steps), own.id if own else "")


def own_webhook(webhooks: Sequence[Webhook], wanted: Wanted) -> Webhook | None:
    """Return Kasir's standard webhook among all of the account."""
    url = comparable(wanted.public_url + STANDARD_PATH)
    standard = [webhook for webhook in webhooks if webhook.type == STANDARD]
    recorded = wanted.stored.webhook_id if wanted.stored else ""
    at_url = [webhook for webhook in standard if comparable(webhook.url) == url]
    # Two may have the URL: first the recorded one, whose key is known, then an active one.
    at_url.sort(key=lambda webhook: (webhook.id != recorded, not webhook.active))
    described = [
        webhook
        for webhook in standard
        if webhook.id == recorded and webhook.description.startswith(_DESCRIPTION)
    ]
    return next(iter(at_url or described), None)


def needs_key(webhook: Webhook, wanted: Wanted) -> str:
    """Return why Kasir needs a new HMAC key for a webhook; empty if it needs none."""
    stored, value = wanted.stored, webhook.hmac_key_check_value
    known = stored if stored and stored.webhook_id == webhook.id else None
    if known and not known.is_kept:
        return "an earlier `kasir setup` asked for a key, and the answer did not come"
    if known and known.check_value in (None, value):
        return ""
    if not value:
        return "its notifications are not signed"
    if known:
        return "its key was replaced elsewhere"
    return "" if wanted.has_own_key else "Kasir does not know its key"


def _steps(own: Webhook | None, wanted: Wanted) -> Iterator[Step]:
    url = wanted.public_url + STANDARD_PATH
    if own is None:
        fields = _fields(wanted)
        yield Step(Kind.CREATE, f"create the standard webhook to {url}", fields)
        yield Step(Kind.MAKE_KEY, "generate its HMAC key, and store it in the database, encrypted")
    else:
        changes = _changes(own, wanted)
        if changes:
            says = "; ".join(_change_text(name, own, wanted) for name in changes)
            yield Step(Kind.CHANGE, f"change the standard webhook {own.id}: {says}", changes)
        if why := needs_key(own, wanted):
            says = f"generate a new HMAC key for the webhook {own.id}, because {why}, and store it"
            yield Step(Kind.MAKE_KEY, f"{says} in the database, encrypted")
        if not changes and not why and wanted.is_received and not own.has_error:
            return
    yield Step(Kind.TEST, "have Adyen send a test notification, and wait until Kasir has stored it")


def _fields(wanted: Wanted) -> dict[str, Any]:
    """All fields of Kasir's webhook."""
    fields: dict[str, Any] = {
        "type": STANDARD,
        "url": wanted.public_url + STANDARD_PATH,
        "active": True,
        "communicationFormat": JSON,
        "description": f"{_DESCRIPTION}{wanted.merchant_account}",
        "additionalSettings": {"includeEventCodes": [*EVENT_CODES]},
    }
    if wanted.user is not None:
        fields |= {"username": wanted.user, "password": wanted.password}
    return fields


def _changes(own: Webhook, wanted: Wanted) -> dict[str, Any]:
    """The fields of a webhook that are wrong, with the values that Kasir needs."""
    fields = _fields(wanted)
    is_right = {
        "url": comparable(own.url) == comparable(fields["url"]),
        "active": own.active,
        "communicationFormat": own.communication_format == JSON,
        "additionalSettings": set(EVENT_CODES) <= {*own.event_codes},
    }
    if wanted.user is not None:
        # Adyen does not show the password. While notifications are refused, it may be a wrong one.
        is_authenticated = own.username == wanted.user and own.has_password and not own.has_error
        is_right |= {"username": is_authenticated, "password": is_authenticated}
    changes = {name: fields[name] for name, right in is_right.items() if not right}
    if own.encryption_protocol == UNENCRYPTED and wanted.public_url.startswith("https:"):
        changes["encryptionProtocol"] = TLS
    if "additionalSettings" in changes:
        # A list that is sent replaces the earlier list (a guess), which may have more events.
        codes = [*own.event_codes, *(code for code in EVENT_CODES if code not in own.event_codes)]
        changes["additionalSettings"] = {"includeEventCodes": codes}
    return changes


def _change_text(name: str, own: Webhook, wanted: Wanted) -> str:
    """A changed field for the operator: never the password."""
    match name:
        case "url":
            return f"URL from {own.url} to {wanted.public_url}{STANDARD_PATH}"
        case "active":
            return "activate it"
        case "communicationFormat":
            return f"format from {own.communication_format or 'none'} to {JSON}"
        case "additionalSettings":
            missing = [code for code in EVENT_CODES if code not in own.event_codes]
            return f"add the events {' and '.join(missing)}"
        case "encryptionProtocol":
            return f"encryption from none to {TLS}"
        case "username":
            return f"user name to {wanted.user}"
        case _:
            return "password to KASIR_WEBHOOK_PASSWORD"
