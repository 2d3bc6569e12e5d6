"""A shop in Starlette, with Kasir and its worker inside: one process does everything.

    pip install starlette  # Beside Kasir: see docs/deploy.md.
    uvicorn starlette_shop:app --port 8000

Kasir's settings are environment variables. Adyen's webhooks go to `/kasir/webhooks/adyen`, and
`KASIR_PUBLIC_URL` ends in `/kasir`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from kasir import IDR, Browser, Money, PaymentRequest, create_app

kasir_app = create_app(with_worker=True)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Open Kasir with the shop: Starlette does not run the lifespan of a mounted app."""
    async with kasir_app.lifespan():
        yield


async def buy(request: Request) -> Response:
    """Make a payment, and send the shopper to GoPay."""
    order = f"STARLETTE-{token_hex(4)}"
    payment = PaymentRequest(
        reference=order,
        amount=Money(IDR, 25_000),
        return_url=str(request.url_for("order_page", order=order)),
        browser=Browser(user_agent=request.headers.get("user-agent", "unknown")),
    )
    started = await kasir_app.kasir.pay(payment, key=order)
    return RedirectResponse(started.redirect_url or payment.return_url, status_code=303)


async def order_page(request: Request) -> Response:
    """Show whether an order is paid; the shopper returns here."""
    if result := request.query_params.get("redirectResult"):
        await kasir_app.kasir.returned(result)
    payments = await kasir_app.kasir.payments(request.path_params["order"])
    if not payments:
        return PlainTextResponse("no such order", status_code=404)
    return PlainTextResponse(str(payments[0].status))


app = Starlette(
    routes=[
        Route("/buy", buy, methods=["POST"]),
        Route("/orders/{order}", order_page),
        Mount("/kasir", kasir_app),
    ],
    lifespan=lifespan,
)
