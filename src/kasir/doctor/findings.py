"""Runs the checks of `kasir doctor` of every merchant account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kasir.account_parts import open_accounts
from kasir.accounts import Accounts
from kasir.config import settings_from
from kasir.doctor.checks import account_findings, live_and_test
from kasir.errors import KasirError, SettingError
from kasir.gateway.account_checks import Finding
from kasir.store import database
from kasir.wiring import Parts, open_parts


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
            findings += await account_findings(parts, with_tokens=True)
            async with open_accounts(parts) as accounts:
                findings += await _others(accounts)
    except SettingError as error:
        findings[0] = Finding("settings", is_well=False, says=str(error))
    except KasirError as error:
        findings.append(Finding("database", is_well=False, says=str(error)))
    except database.DRIVER_ERRORS as error:
        says = str(database.unusable(error))
        findings.append(Finding("database", is_well=False, says=says))
    return findings


async def _others(accounts: Accounts[Parts]) -> list[Finding]:
    """Run the checks of each enabled account of the database; its name begins each finding."""
    findings = []
    for account in accounts.others:
        if not account.is_enabled:
            continue
        try:
            parts = await accounts.open(account)
            own = await account_findings(parts, with_tokens=True)
            own = [*live_and_test(parts.settings), *own]
        except (KasirError, *database.DRIVER_ERRORS) as error:
            own = [Finding("the account can be used", is_well=False, says=str(error))]
        findings += [replace(finding, what=f"{account.name}: {finding.what}") for finding in own]
    return findings
