"""A shop in Starlette, with Kasir and its worker inside: one process does everything.

    pip install starlette  # Beside Kasir: see docs/deploy.md.
    uvicorn starlette_shop:app --port 8000

Kasir's settings are environment variables. Adyen's webhooks go to `/kasir/webhooks/adyen`, and
`KASIR_PUBLIC_URL` ends in `/kasir`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from secrets import token_hex

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

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

kasir_app = create_app(with_worker=True)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Open Kasir with the shop: Starlette does not run the lifespan of a mounted app."""
    async with kasir_app.lifespan():
        yield


async def shop(_: Request) -> Response:
    """Make an order, before the shopper presses the button: a second press repeats it."""
    order = f"STARLETTE-{token_hex(4)}"
    return HTMLResponse(f'<form method="post" action="/buy/{order}"><button>Buy</button></form>')


async def buy(request: Request) -> Response:
    """Make the payment of an order, and send the shopper to GoPay; again if pressed again."""
    order = request.path_params["order"]
    payment = PaymentRequest(
        reference=order,
        amount=Money(IDR, 25_000),
        return_url=str(request.url_for("order_page", order=order)),
        browser=Browser(user_agent=request.headers.get("user-agent", "unknown")),
    )
    try:
        started = await kasir_app.kasir.pay(payment, key=order)
    except (OutcomeUnknown, StillRunning):
        # It is not known yet whether it is paid: the order's page shows it later.
        return RedirectResponse(payment.return_url, status_code=303)
    return RedirectResponse(started.redirect_url or payment.return_url, status_code=303)


async def order_page(request: Request) -> Response:
    """Show whether an order is paid; the shopper returns here."""
    if result := request.query_params.get("redirectResult"):
        with suppress(KasirError):  # The payment's status says what is known.
            await kasir_app.kasir.returned(result)
    payments = await kasir_app.kasir.payments(request.path_params["order"])
    if not payments:
        return PlainTextResponse("no such order", status_code=404)
    return PlainTextResponse(str(payments[0].status))


app = Starlette(
    routes=[
        Route("/", shop),
        Route("/buy/{order}", buy, methods=["POST"]),
        Route("/orders/{order}", order_page),
        Mount("/kasir", kasir_app),
    ],
    lifespan=lifespan,
)
