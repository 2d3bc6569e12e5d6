"""Controls by which a program is the shopper: the wallet, the PIN, the tokens."""

from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import msgspec
from litestar import get, post, put

from adyen_twin.api.http import HttpRequest, HttpResponse, as_json
from adyen_twin.controls import reports
from adyen_twin.controls.requests import ControlError, TokenOrder, WalletChange, WalletOrder, read
from adyen_twin.core.state import Payment
from adyen_twin.core.twin import Twin
from adyen_twin.simulation import shopper as wallet
from adyen_twin.simulation import tokens, wallets


@post("/wallet", status_code=200)
async def post_wallet(request: HttpRequest) -> HttpResponse:
    """Act as the shopper."""
    twin, order = request.twin, read(await request.body(), WalletOrder)
    payment = _payment_of(twin, order.url)
    pin = twin.knobs.wallet_pin if order.pin is None else order.pin
    try:
        if order.account is not None:
            wallet.use_account(twin, payment, order.account)
        back = wallet.do(twin, payment, order.do, pin)
    except wallet.WrongPinError:
        left = twin.knobs.pin_tries - payment.pin_tries
        return as_json({"location": None, "status": payment.status, "pinTriesLeft": left})
    except wallet.AlreadyDecidedError:
        raise ControlError(409, f"the payment is {payment.status} already", "url") from None
    said: dict[str, Any] = {
        "location": back.location if back else None,
        "status": payment.status,
        "pspReference": payment.psp_reference,
    }
    if back is not None and back.method == "POST":
        said |= {"method": "POST", "url": back.url, "data": back.fields}
    return as_json(said)


@get("/wallets/{shopperReference:str}")
async def get_wallet(request: HttpRequest) -> HttpResponse:
    """Show a shopper's wallet, and the page on which they may unlink shops."""
    return as_json(_told_wallet(request))


@put("/wallets/{shopperReference:str}")
async def put_wallet(request: HttpRequest) -> HttpResponse:
    """Change a shopper's wallet."""
    twin, shopper = request.twin, request.path_part("shopperReference")
    change = read(await request.body(), WalletChange)
    if change.account is not msgspec.UNSET:
        twin.state.shoppers[shopper] = change.account
    purse = wallets.of_shopper(twin, shopper)
    if change.state is not msgspec.UNSET:
        purse.state = change.state
    if change.balance is not msgspec.UNSET:
        purse.balance = change.balance
    return as_json(_told_wallet(request))


@get("/tokens")
async def get_tokens(request: HttpRequest) -> HttpResponse:
    """List all tokens, or one shopper's; the disabled ones too, oldest first."""
    return as_json(reports.of_tokens(request.twin, request.asked("shopperReference")))


@post("/tokens/{id:str}", status_code=200)
async def post_token(request: HttpRequest) -> HttpResponse:
    """Disable a token as GoPay or Adyen would, or tell that it was updated."""
    order, name = read(await request.body(), TokenOrder), request.path_part("id")
    token = request.twin.state.tokens.get(name)
    if token is None:
        raise ControlError(404, f"there is no token {name!r}; GET /twin/tokens lists them")
    {"disable": tokens.disable, "update": tokens.update}[order.do](request.twin, token)
    return as_json(reports.of_token(token))


def _told_wallet(request: HttpRequest) -> dict[str, Any]:
    shopper = request.path_part("shopperReference")
    told = reports.of_wallet(request.twin, shopper)
    return told | {"app": f"{request.public_url}/gopay-app/{quote(shopper, safe='')}"}


def _payment_of(twin: Twin, url: str) -> Payment:
    named = parse_qs(urlsplit(url).query).get("redirectData", [""])[0]
    payment = twin.memory.payment(named)
    if payment is None or payment.redirect_data != named:
        cure = "give the action.url of an answer to /payments, whole"
        raise ControlError(404, f"no payment has this action.url; {cure}", "url")
    return payment


HANDLERS: Final = [post_wallet, get_wallet, put_wallet, get_tokens, post_token]
