"""`kasir doctor`: checks whether all is ready to take money. A failed row shows what to do."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec

from kasir.account_parts import open_accounts
from kasir.accounts import Accounts
from kasir.adyen.environments import Environment
from kasir.cli.doctor_reports import check_reports
from kasir.config import Settings, settings_from
from kasir.errors import KasirError
from kasir.gateway.account_checks import Finding, check_account
from kasir.jobs import failed
from kasir.shop_events.sender import SendResult
from kasir.store import database, deliveries, relay
from kasir.store.deliveries import RESENT_WITHIN, AddressName
from kasir.store.doctor import DoctorCounts, Undelivered
from kasir.store.inbox import NoticeKind
from kasir.wiring import Parts, open_parts

#: While a shop sells, Adyen sends notifications at least this often.
_LATELY: Final = timedelta(days=7)
#: A call to Adyen that is unanswered for longer is reported.
_LOST_AFTER: Final = timedelta(hours=1)
#: The end of an attempt that Kasir inferred is reported if no notification confirms it for longer.
_CONFIRMED_WITHIN: Final = timedelta(days=2)
#: An event that waits for longer is reported: a shop that accepts events gets them within seconds.
_DELIVERED_WITHIN: Final = timedelta(minutes=1)
#: How many shoppers' tokens are compared with Adyen's list.
_SHOPPERS_MAX: Final = 200
#: `test` as a word in a name: WarungTest, test_warung, TESTWarung, not LatestFashion or PROTEST.
_TEST: Final = re.compile(r"(?<![A-Za-z])test(?![a-z])|Test(?![a-z])|(?<![A-Z])TEST(?![A-Z]{2})")
#: How many PSP references with two payments are shown.
_CONFLICTS_MAX: Final = 20


async def doctor(environ: Mapping[str, str], *, as_json: bool) -> int:
    """Run every check and print a row for each; return the exit code, 1 if one failed."""
    findings = await findings_of(environ)
    if as_json:
        print(msgspec.json.encode(findings).decode())
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.is_well else 'FAIL'}  {finding.what}: {finding.says}")
    return 0 if all(finding.is_well for finding in findings) else 1


async def findings_of(environ: Mapping[str, str]) -> list[Finding]:
    """Run every check; return the findings in the order in which to fix them."""
    try:
        settings = settings_from(environ)
    except KasirError as error:
        return [Finding("settings", is_well=False, says=str(error))]
    well = Finding("settings", is_well=True, says=f"Adyen is {settings.environment}")
    findings = [well, *live_and_test(settings)]
    try:
        async with open_parts(settings) as parts:
            findings.append(Finding("database", is_well=True, says="reachable, its schema is ours"))
            findings += await _account(parts)
            async with open_accounts(parts) as accounts:
                findings += await _others(accounts)
    except KasirError as error:
        findings.append(Finding("database", is_well=False, says=str(error)))
    except database.DRIVER_ERRORS as error:
        says = str(database.unusable(error))
        findings.append(Finding("database", is_well=False, says=says))
    return findings


async def _account(parts: Parts) -> list[Finding]:
    """Run the checks of one merchant account."""
    return [
        *await check_account(parts.checkout.wire, parts.settings.merchant_account),
        await _clocks(parts),
        *await _notices(parts),
        *await _questions(parts),
        await _owners(parts),
        await _ends(parts),
        await _jobs(parts),
        await _events(parts),
        await _relay(parts),
        await _pauses(parts),
        await _tokens(parts),
        *await check_reports(parts),
    ]


async def _others(accounts: Accounts[Parts]) -> list[Finding]:
    """Run the checks of each enabled account of the database; its name begins each finding."""
    findings = []
    for account in accounts.others:
        if not account.is_enabled:
            continue
        try:
            parts = await accounts.open(account)
            own = [*live_and_test(parts.settings), *await _account(parts)]
        except (KasirError, *database.DRIVER_ERRORS) as error:
            own = [Finding("the account can be used", is_well=False, says=str(error))]
        findings += [replace(finding, what=f"{account.name}: {finding.what}") for finding in own]
    return findings


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
    since = parts.clock.now() - _LATELY
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
        cure = (
            f"none in {_LATELY.days} days; set the webhook up in Customer Area, with its HMAC "
            f"key, to {parts.settings.public_url}{path}, and send a test from there"
        )
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


async def _questions(parts: Parts) -> list[Finding]:
    """Report calls to Adyen that have no answer."""
    lost = await DoctorCounts(parts.pool).lost_questions(parts.clock.now() - _LOST_AFTER)
    says = f"{lost} not; is a worker running, and does Adyen answer?" if lost else "every one"
    return [Finding("calls to Adyen were answered", is_well=not lost, says=says)]


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


def main(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Run the command and exit with its exit code."""
    import asyncio

    sys.exit(asyncio.run(doctor(environ, as_json=as_json)))
