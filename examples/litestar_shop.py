"""A shop in Litestar, with Kasir and its worker inside: one process does everything.

Litestar is installed with Kasir (docs/deploy.md).

    uvicorn litestar_shop:app --port 8000

Kasir's settings are environment variables. Adyen's webhooks go to `/kasir/webhooks/adyen`, and
`KASIR_PUBLIC_URL` ends in `/kasir`.
"""

from __future__ import annotations

from contextlib import suppress
from secrets import token_hex
from typing import Annotated, Any

from litestar import Litestar, MediaType, Request, asgi, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect
from litestar.types import Receive, Scope, Send

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

AnyRequest = Request[Any, Any, Any]

kasir_app = create_app(with_worker=True)


@asgi("/kasir", is_mount=True, copy_scope=True)
async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
    """Kasir's own pages, API and webhooks."""
    await kasir_app(scope, receive, send)


@get("/", media_type=MediaType.HTML)
async def shop() -> str:
    """Make an order, before the shopper presses the button: a second press repeats it."""
    order = f"LITESTAR-{token_hex(4)}"
    return f'<form method="post" action="/buy/{order}"><button>Buy</button></form>'


@post("/buy/{order:str}", status_code=303)
async def buy(request: AnyRequest, order: FromPath[str]) -> Redirect:
    """Make the payment of an order, and send the shopper to GoPay; again if pressed again."""
    payment = PaymentRequest(
        reference=order,
        amount=Money(IDR, 25_000),
        return_url=f"{request.base_url}orders/{order}",
        browser=Browser(user_agent=request.headers.get("user-agent", "unknown")),
    )
    try:
        started = await kasir_app.kasir.pay(payment, key=order)
    except (OutcomeUnknown, StillRunning):
        # It is not known yet whether it is paid: the order's page shows it later.
        return Redirect(payment.return_url, status_code=303)
    return Redirect(started.redirect_url or payment.return_url, status_code=303)


@get("/orders/{order:str}", media_type=MediaType.TEXT)
async def order_page(
    order: FromPath[str], result: Annotated[str, QueryParameter(name="redirectResult")] = ""
) -> str:
    """Show whether an order is paid; the shopper returns here."""
    if result:
        with suppress(KasirError):  # The payment's status says what is known.
            await kasir_app.kasir.returned(result)
    payments = await kasir_app.kasir.payments(order)
    if not payments:
        raise NotFoundException
    return str(payments[0].status)


app = Litestar([mounted, shop, buy, order_page], lifespan=[lambda _: kasir_app.lifespan()])
