"""A shop in Django under WSGI, with `SyncKasir` beside `kasir serve` and `kasir worker`.

    pip install django gunicorn  # Beside Kasir: see docs/deploy.md.
    gunicorn --bind 127.0.0.1:8080 django_wsgi_shop:app

The shop has Kasir's settings as environment variables, and shares its database. `kasir serve`
receives Adyen's webhooks.
"""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack, suppress
from functools import cache
from secrets import token_hex, token_urlsafe

from django.conf import settings
from django.core.wsgi import get_wsgi_application
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
    SyncKasir,
)

settings.configure(
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY") or token_urlsafe(),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
)

app = get_wsgi_application()


@cache
def kasir() -> SyncKasir:
    """Open Kasir at the first request: that is after gunicorn has forked its workers."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(SyncKasir.open())


def shop(_: HttpRequest) -> HttpResponse:
    """Make an order, before the shopper presses the button: a second press repeats it."""
    order = f"DJANGO-WSGI-{token_hex(4)}"
    return HttpResponse(f'<form method="post" action="/buy/{order}"><button>Buy</button></form>')


@csrf_exempt  # This shop has no sessions.
@require_POST
def buy(request: HttpRequest, order: str) -> HttpResponse:
    """Make the payment of an order, and send the shopper to GoPay; again if pressed again."""
    payment = PaymentRequest(
        reference=order,
        amount=Money(IDR, 25_000),
        return_url=request.build_absolute_uri(f"/orders/{order}"),
        browser=Browser(user_agent=request.headers.get("user-agent", "unknown")),
    )
    try:
        started = kasir().pay(payment, key=order)
    except (OutcomeUnknown, StillRunning):
        # It is not known yet whether it is paid: the order's page shows it later.
        return HttpResponseRedirect(payment.return_url)
    return HttpResponseRedirect(started.redirect_url or payment.return_url)


def order_page(request: HttpRequest, order: str) -> HttpResponse:
    """Show whether an order is paid; the shopper returns here."""
    if result := request.GET.get("redirectResult"):
        with suppress(KasirError):  # The payment's status says what is known.
            kasir().returned(result)
    payments = kasir().payments(order)
    if not payments:
        raise Http404
    return HttpResponse(str(payments[0].status), content_type="text/plain")


urlpatterns = [path("", shop), path("buy/<order>", buy), path("orders/<order>", order_page)]
