"""All routes of the desk, for an app to serve."""

from __future__ import annotations

from typing import Final

from litestar import Router
from litestar.handlers import HTTPRouteHandler

from kasir.desk import (
    audit,
    cases,
    deliveries,
    disputes,
    doctor,
    links,
    login,
    notices,
    own_sign_in,
    payment,
    payments,
    payouts,
    people,
    plans,
    settings,
    shoppers,
    subscriptions,
    today,
)
from kasir.desk.access import desk_router, open_router

#: Every page and act: a signed-in person with its role may use it.
GUARDED: Final[list[HTTPRouteHandler]] = [
    *login.ROUTES,
    *today.ROUTES,
    *payments.ROUTES,
    *payment.ROUTES,
    *payouts.ROUTES,
    *cases.ROUTES,
    *people.ROUTES,
    *deliveries.ROUTES,
    *notices.ROUTES,
    *shoppers.ROUTES,
    *subscriptions.ROUTES,
    *plans.ROUTES,
    *links.ROUTES,
    *disputes.ROUTES,
    *doctor.ROUTES,
    *audit.ROUTES,
    *settings.ROUTES,
    *own_sign_in.ROUTES,
]
ROUTERS: Final[list[Router]] = [open_router(login.OPEN_ROUTES), desk_router(GUARDED)]
