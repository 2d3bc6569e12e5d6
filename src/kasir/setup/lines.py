"""What `kasir setup` reports of Adyen's answers: each fault with its cure, and the place for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from kasir.adyen.management import KNOWN_TYPES, STANDARD, Credential, Merchant, Webhook, role_key
from kasir.gateway.account_checks import Finding
from kasir.gateway.management import READS_ACCOUNT, ROLES_MENU, WRITES_WEBHOOKS, Refusal
from kasir.setup.model import STANDARD_PATH, TOKENS_PATH, Kind, Line, State, Step, Wanted
from kasir.setup.urls import comparable, shown

#: The roles that Kasir's credential needs, and what for.
ROLES: Final = {
    "Checkout webservice role": "payments",
    "Merchant Recurring role": "saved wallets and subscriptions",
    READS_ACCOUNT: "`kasir setup` and `kasir doctor`: the capture delay and the live prefix",
    WRITES_WEBHOOKS: "`kasir setup`: the standard webhook",
}
#: The status of a merchant account that takes payments.
_ACTIVE: Final = "Active"
_WEBHOOKS_MENU: Final = "Customer Area, Developers, Webhooks"
_CAPTURE_MENU: Final = "Customer Area, Settings, Account settings, Capture delay"


def of_merchant(merchant: Merchant | Refusal, live_prefix: str, *, is_live: bool) -> Iterator[Line]:
    """Yield the lines about the merchant account: how it captures, and its live prefix."""
    what = "payments are captured when they are authorised"
    if isinstance(merchant, Refusal):
        yield Line(what, State.FAULT, merchant.says)
        return
    if merchant.status not in ("", _ACTIVE):
        says = f"its status is {merchant.status}, so it takes no payments; ask your Adyen contact"
        yield Line("the merchant account is active", State.FAULT, says)
    delay, menu = merchant.capture_delay, _CAPTURE_MENU
    match delay.lower():
        case "":
            says = f"Adyen does not say; check it in {menu}"
            yield Line(what, State.BY_HAND, says)
        case "immediate":
            yield Line(what, State.OK, "the capture delay is immediate")
        case "manual":
            cure = "Kasir counts them as captured, and Adyen takes no money until each is captured"
            yield Line(what, State.FAULT, f"the capture delay is manual: {cure}; set it in {menu}")
        case _:
            cure = "Kasir counts them as captured at once, and a refund before that fails"
            says = f"the capture delay is {delay} days: {cure}; set it to immediate in {menu}"
            yield Line(what, State.FAULT, says)
    prefixes = sorted({one.live_prefix for one in merchant.data_centers if one.live_prefix})
    if prefixes:
        yield _prefix_line(prefixes, live_prefix, is_live=is_live)


def _prefix_line(prefixes: Sequence[str], live_prefix: str, *, is_live: bool) -> Line:
    what, named = "the live prefix", " or ".join(prefixes)
    if live_prefix in prefixes:
        return Line(what, State.OK, f"ADYEN_LIVE_PREFIX is {live_prefix}")
    state = State.FAULT if is_live or live_prefix else State.OK
    return Line(what, state, f"it is {named}: set ADYEN_LIVE_PREFIX to it for live")


def of_finding(finding: Finding) -> Line:
    """Return the line of a check that is also one of `kasir doctor`."""
    state = State.OK if finding.is_well else State.FAULT
    return Line(finding.what, state, finding.says)


def of_roles(credential: Credential | Refusal) -> Iterator[Line]:
    """Yield the lines about the credential: whether it is active, and which roles it lacks."""
    what = "the credential has its roles"
    if isinstance(credential, Refusal):
        yield Line(what, State.FAULT, credential.says)
        return
    if not credential.active:
        cure = f"activate {credential.username} in Customer Area, Developers, API credentials"
        yield Line("the credential is active", State.FAULT, f"it is not; {cure}")
    has = {role_key(role) for role in credential.roles}
    missing = [f"`{role}` (for {use})" for role, use in ROLES.items() if role_key(role) not in has]
    if not missing:
        yield Line(what, State.OK, f"{credential.username} has all {len(ROLES)}")
        return
    says = f"{credential.username} lacks {', '.join(missing)}; add them in {ROLES_MENU}"
    yield Line(what, State.FAULT, says)


def of_standard_webhook(
    own: Webhook, steps: Sequence[Step], webhooks: Sequence[Webhook], wanted: Wanted
) -> Iterator[Line]:
    """Yield the lines about Kasir's webhook, and about others at the same address."""
    url = wanted.public_url + STANDARD_PATH
    if not any(step.kind is not Kind.TEST for step in steps):
        says = f"{own.id} is active, is signed, and sends JSON and all events to {url}"
        failing = "; Adyen says that deliveries fail" if own.has_error else ""
        yield Line("the standard webhook", State.OK, f"{says}{failing}")
    if wanted.user is None and own.username:
        says = (
            f"{own.id} sends the user name {own.username}, and Kasir checks none; set"
            " KASIR_WEBHOOK_USER and KASIR_WEBHOOK_PASSWORD if it should"
        )
        yield Line("the webhook's password", State.BY_HAND, says)
    again = [
        webhook.id
        for webhook in webhooks
        if webhook.id != own.id
        and webhook.type == STANDARD
        and webhook.active
        and comparable(webhook.url) == comparable(url)
    ]
    if again:
        says = (
            f"{', '.join(again)} sends to the same address, so each notification comes twice and"
            f" one of them with another key; deactivate it in {_WEBHOOKS_MENU}"
        )
        yield Line("one standard webhook for Kasir", State.FAULT, says)


def of_token_webhook(webhooks: Sequence[Webhook], wanted: Wanted) -> Line:
    """Return the line about the token webhook, which the Management API cannot make."""
    what, url = "the token webhook", wanted.public_url + TOKENS_PATH
    found = next((one for one in webhooks if comparable(one.url) == comparable(url)), None)
    if found and found.type in KNOWN_TYPES:
        cure = f"its type must be Recurring tokens life cycle events; make it in {_WEBHOOKS_MENU}"
        return Line(what, State.FAULT, f"{found.id} sends {found.type} to {url}: {cure}")
    if found and not found.active:
        says = f"{found.id} is not active; activate it in {_WEBHOOKS_MENU}"
        return Line(what, State.FAULT, says)
    if wanted.is_token_received:
        return Line(what, State.OK, "a signed token notification came lately")
    if found:
        says = (
            f"{found.id} (type {found.type}) sends to {url}, and no signed notification came"
            f" lately; compare its HMAC key with ADYEN_TOKEN_HMAC_KEY, and send a test from"
            f" {_WEBHOOKS_MENU}"
        )
        return Line(what, State.BY_HAND, says)
    says = (
        f"only a person can make it: {_WEBHOOKS_MENU}, Create new webhook, Recurring tokens life"
        f" cycle events, URL {url}; generate its HMAC key and set ADYEN_TOKEN_HMAC_KEY to it"
    )
    return Line(what, State.BY_HAND, says)


def of_reports(wanted: Wanted) -> Line:
    """Return the line about Adyen's reports, which no API can switch on."""
    what, menu = "Adyen's reports", "Customer Area, Reports, switch on Settlement details as CSV"
    if not wanted.has_report_user:
        says = (
            "if Kasir should compare them with its payments, only a person can set them up: in"
            " Customer Area, Developers, API credentials, make a report user with the role Merchant"
            f" Report Download role, and set KASIR_REPORT_USER and KASIR_REPORT_PASSWORD; in {menu}"
        )
        return Line(what, State.BY_HAND, says)
    if wanted.is_report_received:
        return Line(what, State.OK, "one was fetched lately")
    return Line(what, State.BY_HAND, f"none was fetched lately; in {menu}")


def of_others(own: Webhook | None, webhooks: Sequence[Webhook], wanted: Wanted) -> Iterator[Line]:
    """Yield the lines about webhooks that are not Kasir's: they are shown and never changed."""
    urls = {comparable(wanted.public_url + path) for path in (STANDARD_PATH, TOKENS_PATH)}
    for webhook in webhooks:
        if (own and webhook.id == own.id) or comparable(webhook.url) in urls:
            continue
        unknown = "" if webhook.type in KNOWN_TYPES else ", a type that Kasir does not know"
        says = f"type {webhook.type}{unknown}, to {shown(webhook.url)}; it is left as it is"
        yield Line(f"another webhook, {webhook.id}", State.OK, says)
