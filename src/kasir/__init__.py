"""Kasir takes GoPay through Adyen. As a library: `from kasir import Kasir` (docs/library.md).

Everything that a shop needs is imported from here. The import is cheap: the database driver and the
web framework are imported when a Kasir is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kasir.errors import (
    AccountUnavailable,
    CutOff,
    DatabaseReadOnly,
    DatabaseUnavailable,
    Fault,
    InvalidRequest,
    KasirError,
    KeyReused,
    NotClaimedYet,
    NotFound,
    NotOpen,
    OutcomeUnknown,
    RefusedByAdyen,
    SettingError,
    StillRunning,
)
from kasir.ids import PaymentId
from kasir.money import IDR, Money
from kasir.python_api.client import Kasir
from kasir.python_api.enums import (
    Channel,
    DisputeStatus,
    IntervalUnit,
    PaymentStatus,
    RecurringModel,
    RefundStatus,
    ResultCode,
    SubscriptionStatus,
    When,
)
from kasir.python_api.requests import (
    Browser,
    ChargeRequest,
    LineItem,
    PaymentRequest,
    PlanRequest,
    SubscribeRequest,
)
from kasir.python_api.results import (
    Dispute,
    Payment,
    Plan,
    Refund,
    RequestedChange,
    ReturnedShopper,
    StartedPayment,
    StartedSubscription,
    Subscription,
    Token,
)
from kasir.python_api.sync import SyncKasir
from kasir.subscriptions.plan import PlanId
from kasir.subscriptions.subscription import SubscriptionId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kasir.config import Settings
    from kasir.web.mounted import KasirApp

__all__ = [
    "IDR",
    "AccountUnavailable",
    "Browser",
    "Channel",
    "ChargeRequest",
    "CutOff",
    "DatabaseReadOnly",
    "DatabaseUnavailable",
    "Dispute",
    "DisputeStatus",
    "Fault",
    "IntervalUnit",
    "InvalidRequest",
    "Kasir",
    "KasirError",
    "KeyReused",
    "LineItem",
    "Money",
    "NotClaimedYet",
    "NotFound",
    "NotOpen",
    "OutcomeUnknown",
    "Payment",
    "PaymentId",
    "PaymentRequest",
    "PaymentStatus",
    "Plan",
    "PlanId",
    "PlanRequest",
    "RecurringModel",
    "Refund",
    "RefundStatus",
    "RefusedByAdyen",
    "RequestedChange",
    "ResultCode",
    "ReturnedShopper",
    "SettingError",
    "StartedPayment",
    "StartedSubscription",
    "StillRunning",
    "SubscribeRequest",
    "Subscription",
    "SubscriptionId",
    "SubscriptionStatus",
    "SyncKasir",
    "Token",
    "When",
    "create_app",
]


def create_app(
    settings: Settings | Mapping[str, str] | None = None, *, with_worker: bool = False
) -> KasirApp:
    """Kasir as an ASGI app, to mount or to serve alone (docs/library.md).

    Args:
        settings: The settings by the names of docs/settings.md. None reads them from the
            environment when the app's lifespan begins.
        with_worker: Whether the app runs a worker too, for as long as its lifespan.
    """
    from kasir.web.mounted import KasirApp

    return KasirApp(settings, with_worker=with_worker)
