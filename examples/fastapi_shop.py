"""A shop in FastAPI, with Kasir and its worker inside: one process does everything.

    pip install fastapi  # Beside Kasir: see docs/deploy.md.
    uvicorn fastapi_shop:app --port 8000

Kasir's settings are environment variables. Adyen's webhooks go to `/kasir/webhooks/adyen`, and
`KASIR_PUBLIC_URL` ends in `/kasir`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from secrets import token_hex

from fastapi import FastAPI, HTTPException, Request, status
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse

from kasir import (
    IDR,
    Browser,
    InvalidRequest,
    KasirError,
    Money,
    OutcomeUnknown,
    PaymentRequest,
    StillRunning,
    create_app,
)

kasir_app = create_app(with_worker=True)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open Kasir with the shop: FastAPI does not run the lifespan of a mounted app."""
    async with kasir_app.lifespan():
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/kasir", kasir_app)


@app.get("/", response_class=HTMLResponse)
async def shop() -> str:
    """Make an order, before the shopper presses the button: a second press repeats it."""
    order = f"FASTAPI-{token_hex(4)}"
    return f'<form method="post" action="/buy/{order}"><button>Buy</button></form>'


@app.post("/buy/{order}")
async def buy(request: Request, order: str) -> RedirectResponse:
    """Make the payment of an order, and send the shopper to GoPay; again if pressed again."""
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
    except (OutcomeUnknown, StillRunning):
        # It is not known yet whether it is paid: the order's page shows it later.
        return RedirectResponse(payment.return_url, status.HTTP_303_SEE_OTHER)
    return RedirectResponse(started.redirect_url or payment.return_url, status.HTTP_303_SEE_OTHER)


@app.get("/orders/{order}", response_class=PlainTextResponse)
async def order_page(order: str, redirectResult: str = "") -> str:  # noqa: N803  # Adyen's name.
    """Show whether an order is paid; the shopper returns here."""
    if redirectResult:
        with suppress(KasirError):  # The payment's status says what is known.
            await kasir_app.kasir.returned(redirectResult)
    payments = await kasir_app.kasir.payments(order)
    if not payments:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return str(payments[0].status)
