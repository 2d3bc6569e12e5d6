"""A shop in Django under ASGI, with Kasir and its worker inside: one process does everything.

    pip install django  # Beside Kasir: see docs/deploy.md.
    uvicorn django_asgi_shop:app --port 8000

Kasir's settings are environment variables. Adyen's webhooks go to `/kasir/webhooks/adyen`, and
`KASIR_PUBLIC_URL` ends in `/kasir`. Django does nothing at the server's lifespan, so Kasir gets it.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from secrets import token_hex, token_urlsafe
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from kasir import (
    IDR,
    Browser,
    KasirError,
    Money,
    OutcomeUnknown,
    PaymentRequest,
    StillRunning,
    create_app,
)

settings.configure(
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY") or token_urlsafe(),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
)

django_app = get_asgi_application()
kasir_app = create_app(with_worker=True)


async def shop(_: HttpRequest) -> HttpResponse:
    """Make an order, before the shopper presses the button: a second press repeats it."""
    order = f"DJANGO-ASGI-{token_hex(4)}"
    return HttpResponse(f'<form method="post" action="/buy/{order}"><button>Buy</button></form>')


@csrf_exempt  # This shop has no sessions.
@require_POST
async def buy(request: HttpRequest, order: str) -> HttpResponse:
    """Make the payment of an order, and send the shopper to GoPay; again if pressed again."""
    payment = PaymentRequest(
        reference=order,
        amount=Money(IDR, 25_000),
        return_url=request.build_absolute_uri(f"/orders/{order}"),
        browser=Browser(user_agent=request.headers.get("user-agent", "unknown")),
    )
    try:
        started = await kasir_app.kasir.pay(payment, key=order)
    except (OutcomeUnknown, StillRunning):
        # It is not known yet whether it is paid: the order's page shows it later.
        return HttpResponseRedirect(payment.return_url)
    return HttpResponseRedirect(started.redirect_url or payment.return_url)


async def order_page(request: HttpRequest, order: str) -> HttpResponse:
    """Show whether an order is paid; the shopper returns here."""
    if result := request.GET.get("redirectResult"):
        with suppress(KasirError):  # The payment's status says what is known.
            await kasir_app.kasir.returned(result)
    payments = await kasir_app.kasir.payments(order)
    if not payments:
        raise Http404
    return HttpResponse(str(payments[0].status), content_type="text/plain")


urlpatterns = [path("", shop), path("buy/<order>", buy), path("orders/<order>", order_page)]


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    """Send requests below `/kasir` to Kasir, and all others to Django."""
    if scope["type"] == "lifespan":
        await kasir_app(scope, receive, send)
    elif scope["path"].startswith("/kasir/"):
        inner = {**scope, "path": scope["path"].removeprefix("/kasir"), "root_path": "/kasir"}
        await kasir_app(inner, receive, send)
    else:
        await django_app(scope, receive, send)
