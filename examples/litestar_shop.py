"""A shop in Litestar, with Kasir and its worker inside: one process does everything.

Litestar is installed with Kasir (docs/deploy.md).

    uvicorn litestar_shop:app --port 8000

Kasir's settings are environment variables. Adyen's webhooks go to `/kasir/webhooks/adyen`, and
`KASIR_PUBLIC_URL` ends in `/kasir`.
"""

from __future__ import annotations

from secrets import token_hex
from typing import Annotated, Any

from litestar import Litestar, MediaType, Request, asgi, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect
from litestar.types import Receive, Scope, Send

from kasir import IDR, Browser, Money, PaymentRequest, create_app

AnyRequest = Request[Any, Any, Any]

kasir_app = create_app(with_worker=True)


@asgi("/kasir", is_mount=True, copy_scope=True)
async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
    """Kasir's own pages, API and webhooks."""
    await kasir_app(scope, receive, send)


@post("/buy", status_code=303)
async def buy(request: AnyRequest) -> Redirect:
    """Make a payment, and send the shopper to GoPay."""
    order = f"LITESTAR-{token_hex(4)}"
    payment = PaymentRequest(
        reference=order,
        amount=Money(IDR, 25_000),
        return_url=f"{request.base_url}orders/{order}",
        browser=Browser(user_agent=request.headers.get("user-agent", "unknown")),
    )
    started = await kasir_app.kasir.pay(payment, key=order)
    return Redirect(started.redirect_url or payment.return_url, status_code=303)


@get("/orders/{order:str}", media_type=MediaType.TEXT)
async def order_page(
    order: FromPath[str], result: Annotated[str, QueryParameter(name="redirectResult")] = ""
) -> str:
    """Show whether an order is paid; the shopper returns here."""
    if result:
        await kasir_app.kasir.returned(result)
    payments = await kasir_app.kasir.payments(order)
    if not payments:
        raise NotFoundException
    return str(payments[0].status)


app = Litestar([mounted, buy, order_page], lifespan=[lambda _: kasir_app.lifespan()])
