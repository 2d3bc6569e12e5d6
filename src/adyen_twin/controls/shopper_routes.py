"""Controls for programs that act as the shopper: payments, wallets and tokens."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import msgspec
from litestar import get, post, put

from adyen_twin.controls import reports
from adyen_twin.controls.requests import (
    ControlError,
    ShopperAction,
    TokenAction,
    WalletChange,
    read,
)
from adyen_twin.core.state import Payment
from adyen_twin.core.twin import Twin
from adyen_twin.http_types import HttpRequest, HttpResponse, as_json
from adyen_twin.simulation import shopper, tokens, wallets


@post("/wallet", status_code=200)
async def post_wallet(request: HttpRequest) -> HttpResponse:
    """Act as the shopper."""
    twin, action = request.twin, read(await request.body(), ShopperAction)
    payment = _find_payment(twin, action.url)
    pin = twin.knobs.wallet_pin if action.pin is None else action.pin
    try:
        if action.account is not None:
            shopper.use_account(twin, payment, action.account)
        return_request = shopper.act(twin, payment, action.do, pin)
    except shopper.WrongPinError:
        tries_left = twin.knobs.pin_tries - payment.pin_tries
        return as_json({"location": None, "status": payment.status, "pinTriesLeft": tries_left})
    except shopper.AlreadyDecidedError:
        raise ControlError(409, f"the payment is {payment.status} already", "url") from None
    body: dict[str, Any] = {
        "location": return_request.location if return_request else None,
        "status": payment.status,
        "pspReference": payment.psp_reference,
    }
    if return_request is not None and return_request.method == "POST":
        body |= {"method": "POST", "url": return_request.url, "data": return_request.fields}
    return as_json(body)


@get("/wallets/{shopperReference:str}")
async def get_wallet(request: HttpRequest) -> HttpResponse:
    """Report on a shopper's wallet; `app` is the address of the page to unlink shops."""
    return as_json(_wallet_body(request))


@put("/wallets/{shopperReference:str}")
async def put_wallet(request: HttpRequest) -> HttpResponse:
    """Change a shopper's wallet."""
    twin, reference = request.twin, request.path_part("shopperReference")
    change = read(await request.body(), WalletChange)
    if change.account is not msgspec.UNSET:
        twin.state.shoppers[reference] = change.account
    wallet = wallets.of_shopper(twin, reference)
    if change.state is not msgspec.UNSET:
        wallet.state = change.state
    if change.balance is not msgspec.UNSET:
        wallets.set_balance(wallet, change.balance)
    return as_json(_wallet_body(request))


@get("/tokens")
async def get_tokens(request: HttpRequest) -> HttpResponse:
    """List all tokens or those of one shopper, including disabled ones, oldest first."""
    return as_json(reports.of_tokens(request.twin, request.query_value("shopperReference")))


@post("/tokens/{id:str}", status_code=200)
async def post_token(request: HttpRequest) -> HttpResponse:
    """Disable a token without a request of the shop, or notify the shop of an update."""
    action, token_id = read(await request.body(), TokenAction), request.path_part("id")
    token = request.twin.state.tokens.get(token_id)
    if token is None:
        raise ControlError(404, f"there is no token {token_id!r}; GET /twin/tokens lists them")
    {"disable": tokens.disable, "update": tokens.update}[action.do](request.twin, token)
    return as_json(reports.of_token(token))


def _wallet_body(request: HttpRequest) -> dict[str, Any]:
    reference = request.path_part("shopperReference")
    app = f"{request.public_url}/gopay-app/{quote(reference, safe='')}"
    return reports.of_wallet(request.twin, reference) | {"app": app}


def _find_payment(twin: Twin, url: str) -> Payment:
    redirect_data = parse_qs(urlsplit(url).query).get("redirectData", [""])[0]
    payment = twin.memory.payment(redirect_data)
    if payment is None or payment.redirect_data != redirect_data:
        hint = "give the whole action.url of an answer to /payments"
        raise ControlError(404, f"no payment has this action.url; {hint}", "url")
    return payment


HANDLERS: Final = [post_wallet, get_wallet, put_wallet, get_tokens, post_token]
