"""The shopper's pages: Adyen's redirect, and GoPay on a phone or as a QR code.

On a desktop, the page shows a QR code that opens the phone page. After the decision on the
phone, the desktop page returns to the shop, but the phone stays on its page. The docs of other
providers describe this behaviour. The pages are plain HTML; JavaScript adds a PIN pad and
automatic reloads.
"""

from __future__ import annotations

import ipaddress
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote, urlsplit

import jinja2
import segno
from litestar import Response, get, post
from litestar.enums import MediaType
from litestar.response import Redirect

from adyen_twin.core.state import Payment, Status
from adyen_twin.gopay import texts
from adyen_twin.http_types import HttpRequest, HttpResponse, as_json
from adyen_twin.simulation import payments, shopper, tokens, wallets

Page = Response[str] | Redirect

FOLDER: Final = files("adyen_twin.gopay")
NO_STORE: Final = {"Cache-Control": "no-store"}
#: The extension of a file -> its content type.
CONTENT_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
}


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("adyen_twin.gopay"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@get("/checkoutshopper/checkoutPaymentRedirect")
async def get_redirect(request: HttpRequest) -> Page:
    """Redirect the shopper from the shop to GoPay."""
    return _to_wallet(request, form_proof=None)


@post("/checkoutshopper/checkoutPaymentRedirect", status_code=200)
async def post_redirect(request: HttpRequest) -> Page:
    """Redirect the shopper to GoPay, if the action is a POST of a form."""
    form = await request.form()
    return _to_wallet(request, form_proof=str(form.get("payload", "")))


def _to_wallet(request: HttpRequest, form_proof: str | None) -> Page:
    redirect_data = request.query_value("redirectData") or ""
    payment = request.twin.memory.payment(redirect_data)
    if (
        payment is None
        or payment.redirect_data != redirect_data
        or payment.form_proof != form_proof
    ):
        return _unknown(request)
    address = f"{request.path_prefix}/gopay/{payment.page_key}"
    return Redirect(address, status_code=303, headers=NO_STORE)


@get("/gopay/{key:str}")
async def get_page(request: HttpRequest) -> Page:
    """Show the phone page on a phone, else the page with the QR code."""
    payment = _payment(request)
    if payment is None:
        return _unknown(request)
    if payment.status is Status.AWAITING:
        return _waiting_page(request, payment, with_qr=not _is_phone(request))
    if payment.comes_back and payment.status is not Status.EXPIRED:
        return _return_to_shop(request, payment)
    return _decided_page(request, payment)


@get("/gopay/{key:str}/phone")
async def get_phone(request: HttpRequest) -> Page:
    """Show the phone page in any browser."""
    scanned = request.query_value("scanned") == "true"
    payment = _payment(request)
    if payment is None:
        return _unknown(request)
    if payment.status is Status.AWAITING:
        return _waiting_page(request, payment, with_qr=False, scanned=scanned)
    return _decided_page(request, payment, scanned=scanned)


@get("/gopay/{key:str}/status")
async def get_status(request: HttpRequest) -> HttpResponse:
    """Return the status, so that the page with the QR code knows when to return to the shop."""
    payment = _payment(request)
    if payment is None:
        return as_json({}, 404)
    return as_json({"status": payment.status}, headers=NO_STORE)


@post("/gopay/{key:str}/{action:str}", status_code=200)
async def post_action(request: HttpRequest) -> Page:
    """Carry out the action that the shopper chose."""
    payment, action = _payment(request), request.path_part("action")
    data = await request.form()
    if payment is None or action not in shopper.ACTIONS:
        return _unknown(request)
    scanned = data.get("scanned") == "true"
    try:
        if account := str(data.get("account", "")).strip():
            shopper.use_account(request.twin, payment, account)
        shopper.ACTIONS[action](request.twin, payment, str(data.get("pin", "")))
    except shopper.WrongPinError:
        # The PIN form on the page with the QR code has the field `beside`.
        with_qr = data.get("beside") == "true"
        return _waiting_page(request, payment, with_qr=with_qr, scanned=scanned, wrong_pin=True)
    except shopper.AlreadyDecidedError:
        return _decided_page(request, payment, scanned=scanned)
    if scanned or not payment.comes_back or payment.status is Status.EXPIRED:
        return _decided_page(request, payment, scanned=scanned)
    return _return_to_shop(request, payment)


@get("/gopay-app/{shopper:str}")
async def get_app(request: HttpRequest) -> Page:
    """Show the shops that can charge the shopper, as a page of the GoPay app."""
    twin, reference = request.twin, request.path_part("shopper")
    account = wallets.of_shopper(twin, reference).account
    linked = [
        token
        for token in twin.state.tokens.values()
        if token.active and token.wallet_account == account
    ]
    return _page(request, "app.html", shopper=reference, account=account, linked=linked)


@post("/gopay-app/{shopper:str}/unlink", status_code=200)
async def post_unlink(request: HttpRequest) -> Page:
    """Unlink a shop, as the shopper does in the GoPay app."""
    twin, reference = request.twin, request.path_part("shopper")
    form = await request.form()
    token = twin.state.tokens.get(str(form.get("token", "")))
    account = wallets.of_shopper(twin, reference).account
    if token is None or token.wallet_account != account:
        return _unknown(request)
    tokens.disable(twin, token)
    address = f"{request.path_prefix}/gopay-app/{quote(reference, safe='')}"
    return Redirect(address, status_code=303, headers=NO_STORE)


@get(["/checkoutshopper/images/logos/{name:str}", "/gopay/static/{name:str}"], cache=False)
async def get_static(request: HttpRequest) -> HttpResponse:
    """Serve a logo, a style sheet or a script."""
    return _static(request.path_part("name"))


@get("/checkoutshopper/images/logos/{size:str}/{name:str}")
async def get_sized_logo(request: HttpRequest) -> HttpResponse:
    """Serve a logo in one of Adyen's sizes; all sizes have the same SVG."""
    size, name = request.path_part("size"), request.path_part("name")
    return _static(name if name.endswith(".svg") else f"{size}-{name}")


def _static(name: str) -> HttpResponse:
    content_type = CONTENT_TYPES.get(name.rpartition(".")[2])
    file = FOLDER / "static" / name
    if content_type is None or "/" in name or not file.is_file():
        return Response(b"", status_code=404, media_type=MediaType.TEXT)
    return Response(
        file.read_bytes(), media_type=content_type, headers={"Cache-Control": "max-age=3600"}
    )


def _payment(request: HttpRequest) -> Payment | None:
    key = request.path_part("key")
    payment = request.twin.memory.payment(key)
    # `memory.payment` also finds payments by references, which are not secret.
    return payment if payment is not None and payment.page_key == key else None


def _is_phone(request: HttpRequest) -> bool:
    hint = request.headers.get("sec-ch-ua-mobile")
    if hint is not None:
        return hint == "?1"
    agent = request.headers.get("user-agent", "")
    return any(word in agent for word in ("Mobile", "Android", "iPhone"))


def reaches_phone(public_url: str) -> bool:
    """Return whether a phone can open this address; it cannot open a loopback address."""
    host = urlsplit(public_url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _waiting_page(
    request: HttpRequest,
    payment: Payment,
    *,
    with_qr: bool,
    scanned: bool = False,
    wrong_pin: bool = False,
) -> Page:
    twin, knobs = request.twin, request.twin.knobs
    wallet = wallets.of_payment(twin, payment)
    balance = wallets.balance(twin, wallet)
    phone_url = f"{request.public_url}/gopay/{payment.page_key}/phone?scanned=true"
    return _page(
        request,
        "pay.html",
        payment=payment,
        amount=texts.rupiah(payment.amount.value),
        account=wallet.account,
        balance=texts.rupiah(balance),
        enough=payment.amount.value <= balance,
        pin=knobs.wallet_pin,
        tries_left=knobs.pin_tries - payment.pin_tries,
        wrong_pin=wrong_pin,
        scanned=scanned,
        qr=_qr(phone_url) if with_qr else None,
        reaches_phone=reaches_phone(request.public_url),
    )


def _decided_page(request: HttpRequest, payment: Payment, *, scanned: bool = False) -> Page:
    returns = payment.comes_back and not scanned
    return _page(
        request,
        "decided.html",
        payment=payment,
        amount=texts.rupiah(payment.amount.value),
        back=payments.shopper_return(request.twin, payment) if returns else None,
    )


def _return_to_shop(request: HttpRequest, payment: Payment) -> Page:
    back = payments.shopper_return(request.twin, payment)
    if back.method == "GET":
        return Redirect(back.location, status_code=303, headers=NO_STORE)
    return _page(request, "return_post.html", back=back)


def _unknown(request: HttpRequest) -> Page:
    return _page(request, "unknown.html", status_code=404)


def _page(request: HttpRequest, name: str, status_code: int = 200, **values: Any) -> Page:
    translated = texts.texts_for(request.headers.get("accept-language", ""))
    html = _templates().get_template(name).render(t=translated, at=request.path_prefix, **values)
    return Response(html, status_code=status_code, media_type=MediaType.HTML, headers=NO_STORE)


def _qr(url: str) -> str:
    code = segno.make(url, error="m", micro=False)
    svg: str = code.svg_inline(border=2, dark="#0b2f3a", omitsize=True)
    return svg


HANDLERS: Final = [
    get_redirect,
    post_redirect,
    get_app,
    post_unlink,
    get_page,
    get_phone,
    get_status,
    post_action,
    get_static,
    get_sized_logo,
]
