"""The checks of `kasir doctor` of one merchant account. A failed one says what to do."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from kasir.adyen.environments import Environment
from kasir.config import Settings
from kasir.doctor.merchant import merchant_findings
from kasir.doctor.public_address import check_public_address
from kasir.doctor.reports import check_reports
from kasir.gateway.account_checks import Finding, check_account
from kasir.jobs import failed
from kasir.setup.looking import LATELY
from kasir.shop_events.sender import SendResult
from kasir.store import deliveries, relay
from kasir.store.deliveries import RESENT_WITHIN, AddressName
from kasir.store.doctor import DoctorCounts, Undelivered
from kasir.store.inbox import NoticeKind
from kasir.wiring import Parts

#: A call to Adyen that is unanswered for longer is reported.
_LOST_AFTER: Final = timedelta(hours=1)
#: The end of an attempt that Kasir inferred is reported if no notification confirms it for longer.
_CONFIRMED_WITHIN: Final = timedelta(days=2)
#: An event that waits for longer is reported: a shop that accepts events gets them within seconds.
_DELIVERED_WITHIN: Final = timedelta(minutes=1)
#: How many shoppers' tokens are compared with Adyen's list.
_SHOPPERS_MAX: Final = 200
#: How a webhook from which nothing comes is set up, by its kind; `url` is where it sends to.
_CURES: Final = {
    NoticeKind.STANDARD: "run `kasir setup`, which sets up the webhook to {url} and sends a test",
    NoticeKind.TOKENS: (
        "in Customer Area, Developers, Webhooks, set the webhook of recurring tokens life cycle "
        "events to {url}, with its HMAC key in ADYEN_TOKEN_HMAC_KEY, and send a test from there"
    ),
}
#: `test` as a word in a name: WarungTest, test_warung, TESTWarung, not LatestFashion or PROTEST.
_TEST: Final = re.compile(r"(?<![A-Za-z])test(?![a-z])|Test(?![a-z])|(?<![A-Z])TEST(?![A-Z]{2})")
#: How many PSP references with two payments are shown.
_CONFLICTS_MAX: Final = 20


async def account_findings(parts: Parts, *, with_tokens: bool) -> list[Finding]:
    """Run the checks of one merchant account; return the findings in the order to fix them in.

    Args:
        parts: The account's parts.
        with_tokens: Whether to compare shoppers' tokens with Adyen's list too. That is a call to
            Adyen for each of up to 200 shoppers, and corrects the tokens.
    """
    settings, wire = parts.settings, parts.checkout.wire
    received_at = await DoctorCounts(parts.pool).last_notice(NoticeKind.STANDARD)
    return [
        *await check_account(wire, settings.merchant_account),
        *await merchant_findings(wire, settings),
        await _clocks(parts),
        await check_public_address(settings.public_url, received_at, parts.clock.now()),
        _webhook_key(parts),
        *await _notices(parts),
        await _questions(parts),
        await _unknown(parts),
        await _owners(parts),
        await _ends(parts),
        await _jobs(parts),
        await _events(parts),
        await _relay(parts),
        await _pauses(parts),
        *await check_reports(parts),
        *([await _tokens(parts)] if with_tokens else []),
    ]


def live_and_test(settings: Settings) -> list[Finding]:
    """Check that live settings contain no test values, and that the two HMAC keys differ."""
    what = "test and live are not mixed"
    wrong = []
    is_live = settings.environment is Environment.LIVE
    host = urlsplit(settings.public_url).hostname or ""
    if is_live and (host in {"localhost", "::1"} or host.startswith("127.")):
        wrong.append("KASIR_PUBLIC_URL is this machine's own, and shoppers are elsewhere")
    if is_live and _TEST.search(settings.merchant_account):
        wrong.append("ADYEN_MERCHANT_ACCOUNT has `test` in its name")
    if is_live and not settings.token_hmac_keys:
        wrong.append("ADYEN_TOKEN_HMAC_KEY is not set: every token notification will be refused")
    if set(settings.hmac_keys) & set(settings.token_hmac_keys):
        wrong.append("ADYEN_HMAC_KEY and ADYEN_TOKEN_HMAC_KEY are one; each webhook has its own")
    return [Finding(what, is_well=not wrong, says="; ".join(wrong) or "they are not")]


async def _clocks(parts: Parts) -> Finding:
    """Compare the clocks. Adyen's time is known only after other checks have called Adyen."""
    what = "the clocks agree"
    differences = await parts.times.apart()
    rows = [
        f"{difference.total_seconds():+.0f} s against {clock}"
        for clock, difference in differences.items()
    ]
    if max(map(abs, differences.values())) <= parts.times.apart_max:
        return Finding(what, is_well=True, says=", ".join(rows))
    cure = "nothing is closed or charged meanwhile; set this machine's clock, by NTP for one"
    return Finding(what, is_well=False, says=f"{', '.join(rows)}: {cure}")


async def _notices(parts: Parts) -> list[Finding]:
    """Check that both webhooks have received something lately, and that no notice is held."""
    since = parts.clock.now() - LATELY
    addresses = {
        NoticeKind.STANDARD: "/webhooks/adyen",
        NoticeKind.TOKENS: "/webhooks/adyen/tokens",
    }
    findings = []
    for kind, path in addresses.items():
        last = await DoctorCounts(parts.pool).last_notice(kind)
        what = f"a signed {kind} notification came lately"
        if last and last >= since:
            says = f"the last one on {last.isoformat(timespec='seconds')}"
            findings.append(Finding(what, is_well=True, says=says))
            continue
        url = f"{parts.settings.public_url}{path}"
        cure = f"none in {LATELY.days} days; {_CURES[kind].format(url=url)}"
        findings.append(Finding(what, is_well=False, says=cure))
    held = await DoctorCounts(parts.pool).held()
    says = "every one"
    if held:
        says = (
            f"{held} held: they cannot be read, or may be a payment's and nothing proves it; "
            "`kasir notices` shows the reason of each"
        )
    findings.append(Finding("notifications were understood", is_well=not held, says=says))
    return findings


def _webhook_key(parts: Parts) -> Finding:
    """Check that there is a key to verify standard notifications with."""
    what = "standard notifications can be verified"
    if parts.webhook_keys.all:
        return Finding(what, is_well=True, says="there is an HMAC key")
    cure = "no HMAC key is known, so every notification is refused; run `kasir setup`"
    return Finding(what, is_well=False, says=cure)


async def _questions(parts: Parts) -> Finding:
    """Report calls to Adyen that have no answer, and since when."""
    what = "calls to Adyen were answered"
    before = parts.clock.now() - _LOST_AFTER
    lost, since = await DoctorCounts(parts.pool).lost_questions(before)
    if since is None:
        return Finding(what, is_well=True, says="every one")
    cure = "is a worker running, and does Adyen answer?"
    says = f"{lost} not, the first since {_when(since)}; {cure}"
    return Finding(what, is_well=False, says=says)


async def _unknown(parts: Parts) -> Finding:
    """Report payments whose outcome is unknown, and since when."""
    what = "the outcome of every payment is known"
    most = parts.settings.limits.counts_max
    count, since = await DoctorCounts(parts.pool).unknown_payments(most)
    if since is None:
        return Finding(what, is_well=True, says="it is")
    says = f"{count} are unknown, the first since {_when(since)}: the shopper may have paid or not"
    if since > parts.clock.now() - _LOST_AFTER:
        return Finding(what, is_well=True, says=f"{says}; Kasir asks Adyen again by itself")
    cure = "see `A payment's outcome is unknown` in the runbook"
    return Finding(what, is_well=False, says=f"{says}; {cure}")


async def _owners(parts: Parts) -> Finding:
    """Report PSP references with two payments, stored before docs/adr/0013 allowed only one."""
    what = "every pspReference has one payment"
    conflicts = await DoctorCounts(parts.pool).conflicts(_CONFLICTS_MAX)
    if not conflicts:
        return Finding(what, is_well=True, says="it has")
    rows = [f"{name} is {owner}'s, and {other} bears it too" for name, owner, other in conflicts]
    cure = (
        "one of the two was reported as paid with the other's money: compare them with Adyen, "
        "then remove the rows from psp_reference_conflict"
    )
    return Finding(what, is_well=False, says=f"{'; '.join(rows)}: {cure}")


async def _ends(parts: Parts) -> Finding:
    """Report ended attempts whose end Adyen has not confirmed."""
    what = "Adyen confirmed how attempts ended"
    count, since = await DoctorCounts(parts.pool).unconfirmed(parts.settings.limits.counts_max)
    if since is None:
        return Finding(what, is_well=True, says="every one")
    says = f"{count} not yet, the first since {since.isoformat(timespec='seconds')}"
    if since > parts.clock.now() - _CONFIRMED_WITHIN:
        return Finding(what, is_well=True, says=says)
    cure = "see `A payment stays awaiting_shopper` in the runbook"
    return Finding(what, is_well=False, says=f"{says}; {cure}")


async def _jobs(parts: Parts) -> Finding:
    """Report jobs that failed."""
    what = "jobs were done"
    count, since = await failed.count_failed(parts.pool, parts.settings.limits.counts_max)
    if since is None:
        return Finding(what, is_well=True, says="every one")
    says = (
        f"{count} failed, the first on {since.isoformat(timespec='seconds')}; `kasir jobs failed` "
        "shows which and why, `kasir jobs retry` runs them again"
    )
    return Finding(what, is_well=False, says=says)


async def _events(parts: Parts) -> Finding:
    """Report events that the shop has not accepted, since when, and the shop's last answer."""
    what = "the shop takes its events"
    now, most = parts.clock.now(), parts.settings.limits.counts_max
    undelivered = await DoctorCounts(parts.pool).undelivered(now - RESENT_WITHIN, most)
    answered = f"; the last answer was {undelivered.last}" if undelivered.last else ""
    if not undelivered.since and not undelivered.given_up:
        return Finding(what, is_well=True, says=f"none waits{answered}")
    says = []
    if undelivered.since:
        says.append(f"{undelivered.waiting} wait, the first since {_when(undelivered.since)}")
    if undelivered.given_up:
        says.append(f"{undelivered.given_up} were given up in the last {RESENT_WITHIN.days} days")
    is_well = not undelivered.given_up and not _is_stuck(parts, undelivered, now)
    cure = "" if is_well else "; see `Paid, but the order was not delivered` in the runbook"
    return Finding(what, is_well=is_well, says=f"{' and '.join(says)}{answered}{cure}")


def _is_stuck(parts: Parts, undelivered: Undelivered, now: datetime) -> bool:
    """Whether the shop refused the last event, the first waits too long, or no URL is set."""
    is_refused = undelivered.last is not None and not SendResult(undelivered.last.status).is_taken
    is_late = undelivered.since is not None and undelivered.since < now - _DELIVERED_WITHIN
    return is_refused or is_late or not parts.settings.events_url


async def _relay(parts: Parts) -> Finding:
    """Report notifications that wait for the relay, since when, and the handler's last answer."""
    what = "the shop's Adyen handler takes relayed notifications"
    left = await relay.backlog(parts.pool, parts.settings.limits.counts_max)
    is_set = parts.settings.relay is not None
    answered = f"; the last answer was {left.answer}" if left.answer else ""
    if left.since is None:
        says = f"none waits{answered}" if is_set else "no relay is set"
        return Finding(what, is_well=True, says=says)
    says = f"{left.waiting} wait, the first ({left.first}) since {_when(left.since)}{answered}"
    if is_set and not left.failures and left.since > parts.clock.now() - _DELIVERED_WITHIN:
        return Finding(what, is_well=True, says=says)
    cure = "see `The relay's queue is waiting` in the runbook"
    unset = "" if is_set else "; KASIR_RELAY_URL is not set, so they are kept and not sent"
    return Finding(what, is_well=False, says=f"{says}{unset}; {cure}")


async def _pauses(parts: Parts) -> Finding:
    """Report addresses to which nothing is sent, because an operator paused them."""
    what = "no address is paused"
    paused = await deliveries.paused(parts.pool)
    if not paused:
        return Finding(what, is_well=True, says="none is")
    rows = [f"{name} since {_when(paused[name])}" for name in AddressName if name in paused]
    cure = "what is for it waits until POST /api/deliveries/resume, or the desk"
    return Finding(what, is_well=False, says=f"{' and '.join(rows)}; {cure}")


def _when(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


async def _tokens(parts: Parts) -> Finding:
    """Correct shoppers' tokens by Adyen's list, most overdue first; report the corrections."""
    what = "tokens agree with Adyen's list"
    adopted = gone = unanswered = 0
    shoppers = await parts.tokens.watched(_SHOPPERS_MAX)
    for shopper in shoppers:
        changes = await parts.stored.reconcile(shopper)
        if changes is None:
            unanswered += 1
            continue
        adopted, gone = adopted + changes.adopted, gone + changes.gone
    if unanswered:
        says = f"Adyen did not answer for {unanswered} of {len(shoppers)} shoppers"
        return Finding(what, is_well=False, says=says)
    if adopted or gone:
        cure = "their webhooks were lost; check the token webhook in Customer Area"
        says = f"{adopted} adopted and {gone} marked disabled just now; {cure}"
        return Finding(what, is_well=False, says=says)
    return Finding(what, is_well=True, says=f"{len(shoppers)} shoppers checked")
