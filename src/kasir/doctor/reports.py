"""What `kasir doctor` says of Adyen's reports and of open cases."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from kasir.gateway.account_checks import Finding
from kasir.setup.looking import REPORTED_WITHIN
from kasir.store import reports
from kasir.wiring import Parts

#: A report that waits for longer to be fetched is reported.
_FETCHED_WITHIN: Final = timedelta(hours=1)
_ERRORS_MAX: Final = 3


async def check_reports(parts: Parts) -> list[Finding]:
    """Check that reports come and can be read, and that no case is open."""
    figures = await reports.figures(parts.pool, _ERRORS_MAX)
    now, is_set = parts.clock.now(), parts.settings.reports.user is not None
    what = "Adyen's reports are fetched and read"
    if not is_set:
        says = "KASIR_REPORT_USER is not set, so none is fetched"
        fetched = Finding(what, is_well=not figures.bad, says=says)
    else:
        wrong = [f"{name}: {error}" for name, error in figures.errors]
        since = figures.waiting_since
        if since and since < now - _FETCHED_WITHIN:
            wrong.append(f"{figures.waiting} wait, the first since {since:%Y-%m-%d %H:%M}")
        unreported = figures.unreported_since
        if unreported and unreported < now - REPORTED_WITHIN:
            wrong.append(
                f"none came in {REPORTED_WITHIN.days} days after a payment; switch "
                "REPORT_AVAILABLE on in the webhook, and the report 'Settlement details' as CSV in "
                "Customer Area, Reports"
            )
        last = f"the last one on {figures.last_at:%Y-%m-%d}" if figures.last_at else "none yet"
        fetched = Finding(what, is_well=not wrong, says="; ".join(wrong) or last)
    cases = figures.open_cases
    says = f"{cases} cases are open; /desk/cases and /api/cases list them" if cases else "all of it"
    return [fetched, Finding("Adyen's reports agree with Kasir", is_well=not cases, says=says)]
