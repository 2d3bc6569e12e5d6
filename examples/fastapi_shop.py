"""A shop in FastAPI, with Kasir and its worker inside: one process does everything.

    pip install fastapi  # Beside Kasir: see docs/deploy.md.
    uvicorn fastapi_shop:app --port 8000

Kasir's settings are environment variables. Adyen's webhooks go to `/kasir/webhooks/adyen`, and
`KASIR_PUBLIC_URL` ends in `/kasir`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex

from fastapi import FastAPI, HTTPException, Request, status
from fastapi.responses import PlainTextResponse, RedirectResponse

from kasir import IDR, Browser, InvalidRequest, Money, PaymentRequest, create_app

kasir_app = create_app(with_worker=True)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open Kasir with the shop: FastAPI does not run the lifespan of a mounted app."""
    async with kasir_app.lifespan():
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/kasir", kasir_app)


@app.post("/buy")
async def buy(request: Request) -> RedirectResponse:
    """Make a payment, and send the shopper to GoPay."""
    order = f"FASTAPI-{token_hex(4)}"
    payment = PaymentRequest(
        reference=order,
        amount=Money(IDR, 25_000),
        return_url=str(request.url_for("order_page", order=order)),
        browser=Browser(user_agent=request.headers.get("user-agent", "unknown")),
    )
    try:
        started = await kasir_app.kasir.pay(payment, key=order)
    except InvalidRequest as error:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, str(error)) from error
    return RedirectResponse(started.redirect_url or payment.return_url, status.HTTP_303_SEE_OTHER)


@app.get("/orders/{order}", response_class=PlainTextResponse)
async def order_page(order: str, redirectResult: str = "") -> str:  # noqa: N803  # Adyen's name.
    """Show whether an order is paid; the shopper returns here."""
    if redirectResult:
        await kasir_app.kasir.returned(redirectResult)
    payments = await kasir_app.kasir.payments(order)
    if not payments:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return str(payments[0].status)
