"""Asks Adyen what is set up there, and the database what Kasir knows itself. Changes nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from kasir.config import Settings
from kasir.gateway.account_checks import Finding, check_account
from kasir.gateway.management import Management
from kasir.gateway.wire import Wire
from kasir.setup.model import Seen, Wanted
from kasir.store import reports, webhook_keys
from kasir.store.database import Pool
from kasir.store.doctor import DoctorCounts
from kasir.store.inbox import NoticeKind

#: While a shop sells, Adyen sends notifications at least this often.
LATELY: Final = timedelta(days=7)
#: Adyen makes settlement details for each batch, and batches are closed daily or weekly. GUESS.
REPORTED_WITHIN: Final = timedelta(days=8)


#: Of live, before its prefix is known: nothing is sent to an address that may be another's.
_NOT_ASKED: Final = Finding(
    "Adyen answers this key",
    is_well=False,
    says="Checkout was not asked, because ADYEN_LIVE_PREFIX is not set",
)


async def look(wire: Wire, management: Management, settings: Settings) -> Seen:
    """Ask Adyen for everything that the plan is made from, at the same time."""
    credential, merchant, webhooks, methods = await asyncio.gather(
        management.me(),
        management.merchant(),
        management.webhooks(),
        _methods(wire, settings),
    )
    return Seen(credential=credential, merchant=merchant, webhooks=webhooks, methods=(*methods,))


async def _methods(wire: Wire, settings: Settings) -> list[Finding]:
    if settings.is_live and not settings.environ.get("ADYEN_LIVE_PREFIX"):
        return [_NOT_ASKED]
    return await check_account(wire, settings.merchant_account)


async def wanted_of(settings: Settings, pool: Pool, now: datetime) -> Wanted:
    """Return what an account needs at Adyen.

    Args:
        settings: The account's settings.
        pool: The account's tables.
        now: The time.
    """
    counts, since = DoctorCounts(pool), now - LATELY
    received = await counts.last_notice(NoticeKind.STANDARD)
    token_received = await counts.last_notice(NoticeKind.TOKENS)
    reported = (await reports.figures(pool, 0)).last_at
    return Wanted(
        merchant_account=settings.merchant_account,
        public_url=settings.public_url,
        user=settings.webhook_user,
        password=settings.webhook_password,
        is_live=settings.is_live,
        live_prefix=settings.environ.get("ADYEN_LIVE_PREFIX", ""),
        has_own_key=bool(settings.hmac_keys),
        stored=await webhook_keys.last_asked(pool),
        is_received=received is not None and received >= since,
        is_token_received=token_received is not None and token_received >= since,
        has_report_user=settings.reports.user is not None,
        is_report_received=reported is not None and reported >= now - REPORTED_WITHIN,
    )
