"""A small shop, such as a merchant might have: Flask and Adyen's own Python library.

Of Kasir it imports only its own other module, `shop_handler`. Only the library's base URL and key
differ from an integration with Adyen itself, so an existing integration keeps its code.
"""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import Adyen
import requests
from flask import Flask, redirect, render_template_string, request
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from kasir.demo.shop_handler import AdyenHandler

PRODUCTS: Final = {
    "gayo": ("Kopi Gayo, 200 g", 75_000),
    "teh": ("Teh melati, 50 kantong", 25_000),
    "keripik": ("Keripik singkong", 15_000),
}

_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }} · Warung Kasir</title>
<style>
  body { font: 17px/1.5 system-ui, sans-serif; margin: 0; background: #faf7f2; color: #241c15 }
  main { max-width: 30rem; margin: 0 auto; padding: 1.5rem }
  h1 { font-size: clamp(1.125rem, 9vw, 1.5rem) } h1, .big { overflow-wrap: anywhere }
  li { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center;
    padding: .6rem 0 }
  ul { list-style: none; padding: 0 } li + li { border-top: 1px solid #e5dccf }
  input[type=number] { width: 4rem; font: inherit; padding: .3rem }
  button, .button { display: block; width: 100%; box-sizing: border-box; margin: .8rem 0; border: 0;
    padding: .9rem; font: inherit; font-weight: 600; text-align: center; text-decoration: none;
    border-radius: .6rem; background: #6b3f1d; color: #fff; cursor: pointer }
  .quiet { background: #e9dfd2; color: #241c15 } .big { font-size: 2rem; margin: .2rem 0 }
  .note { color: #6d6154; font-size: .9rem }
</style>
<main>{{ body|safe }}<p class="note">A demo shop. No real money moves: Adyen and GoPay are played by
adyen_twin on this machine.</p></main>
"""

_PRODUCT_LIST: Final = """<h1>Warung Kasir</h1>
<form method="post" action="/checkout"><ul>
{% for code, (name, price) in products.items() %}<li><label for="{{ code }}">{{ name }}<br>
<span class="note">Rp{{ "{:,}".format(price).replace(",", ".") }}</span></label>
<input id="{{ code }}" name="{{ code }}" type="number" min="0" max="9"
 value="{{ 1 if loop.first else 0 }}"></li>{% endfor %}</ul>
<button name="way" value="direct">Pay with GoPay</button>
<button name="way" value="link" class="quiet">Pay on Kasir's form</button></form>"""

_STATUS: Final = """<h1>Order {{ order.reference }}</h1><p class="big" id="status">{{ label }}</p>
<p>Rp{{ "{:,}".format(order.total).replace(",", ".") }}</p>
{% if not final %}<p class="note">Waiting for the final word…</p>
<noscript><meta http-equiv="refresh" content="1"></noscript>
<script>
  const shown = document.getElementById("status").textContent;
  const refresh = async () => {
    const text = await (await fetch(location.href)).text();
    const page = new DOMParser().parseFromString(text, "text/html");
    if (page.getElementById("status").textContent !== shown) location.reload();
    else setTimeout(refresh, 1000);
  };
  setTimeout(refresh, 1000);
</script>{% endif %}<a class="button" href="/">Back to the shop</a>"""

#: What the order page shows for each final status.
_LABELS: Final = {
    "authorised": "paid",
    "refused": "not paid",
    "cancelled": "cancelled",
    "expired": "expired",
    "failed": "not paid",
}


@dataclass
class Order:
    """What a shopper wants to buy; `total` is in rupiah."""

    reference: str
    items: list[dict[str, Any]]
    total: int


class Shop:
    """The shop's pages; its backend calls Kasir through Adyen's library."""

    def __init__(self, kasir_url: str, api_key: str) -> None:
        self._kasir_url = kasir_url
        self._api_key = api_key
        self._orders: dict[str, Order] = {}
        self._adyen = Adyen.Adyen(xapikey=api_key, platform="test").checkout
        for api in (self._adyen.payments_api, self._adyen.payment_links_api):
            api.baseUrl = f"{kasir_url}/v72"  # The one line that an integration changes.

    def app(self) -> Flask:
        """The shop as a WSGI app."""
        app = Flask(__name__)
        app.add_url_rule("/", view_func=self.product_list)
        app.add_url_rule("/health", view_func=lambda: "ok", endpoint="health")
        app.add_url_rule("/checkout", view_func=self.checkout, methods=["POST"])
        app.add_url_rule("/orders/<reference>", view_func=self.order_page, methods=["GET", "POST"])
        AdyenHandler().add_to(app)
        return app

    def product_list(self) -> str:
        """Show the products."""
        return _page("Shop", _PRODUCT_LIST, products=PRODUCTS)

    def checkout(self) -> Response:
        """Send the shopper to pay: straight to GoPay, or to Kasir's own form."""
        order = _order(request.form)
        if not order.items:
            return redirect("/")
        self._orders[order.reference] = order
        body = _payment(order, request.host_url)
        if request.form.get("way") == "link":
            link = self._adyen.payment_links_api.payment_links(
                {name: body[name] for name in _LINK_FIELDS}, idempotency_key=order.reference
            )
            return redirect(link.message["url"])
        paid = self._adyen.payments_api.payments(body, idempotency_key=order.reference)
        if "action" in paid.message:
            return redirect(paid.message["action"]["url"])
        return redirect(f"/orders/{order.reference}")

    def order_page(self, reference: str) -> str | tuple[str, int] | Response:
        """Show the status of the order; the shopper returns to this page."""
        if reference not in self._orders:
            return _page("Unknown order", "<h1>There is no such order</h1>"), HTTPStatus.NOT_FOUND
        if result := request.values.get("redirectResult"):
            self._adyen.payments_api.payments_details({"details": {"redirectResult": result}})
            # After this redirect, reloading the page does not send the result again.
            return redirect(f"/orders/{reference}")
        status = self._status(reference)
        label, final = _LABELS.get(status, "waiting"), status in _LABELS
        return _page("Order", _STATUS, order=self._orders[reference], label=label, final=final)

    def _status(self, reference: str) -> str:
        """Return the status of the order's payment at Kasir."""
        answer = requests.get(
            f"{self._kasir_url}/api/payments",
            params={"reference": reference},
            headers={"X-API-Key": self._api_key},
            timeout=10,
        ).json()
        payments = answer["payments"]
        return str(payments[0]["status"]) if payments else "created"


def _page(title: str, template: str, **values: Any) -> str:
    body = render_template_string(template, **values)
    return render_template_string(_PAGE, title=title, body=body)


#: The fields of a payment request that a request for a payment link needs.
_LINK_FIELDS: Final = (
    "merchantAccount",
    "reference",
    "amount",
    "lineItems",
    "countryCode",
    "returnUrl",
)


def _order(form: Any) -> Order:
    """Return the order in a posted form, which has the quantity of each product."""
    items = []
    for code, (name, price) in PRODUCTS.items():
        count = form.get(code, 0, type=int)
        if count > 0:
            items.append(
                {"id": code, "description": name, "quantity": count, "amountIncludingTax": price}
            )
    total = sum(item["quantity"] * item["amountIncludingTax"] for item in items)
    reference = f"WK-{secrets.token_hex(4).upper()}"
    return Order(reference=reference, items=items, total=total)


def _payment(order: Order, host_url: str) -> dict[str, Any]:
    """Return the `/payments` request, as Adyen's GoPay page requires it."""
    return {
        "merchantAccount": os.environ["ADYEN_MERCHANT_ACCOUNT"],
        "reference": order.reference,
        "amount": {"currency": "IDR", "value": order.total},
        "paymentMethod": {"type": "gopay_wallet"},
        "channel": "Web",
        "countryCode": "ID",
        "lineItems": order.items,
        "browserInfo": {
            "userAgent": request.headers.get("User-Agent", "unknown"),
            "acceptHeader": request.headers.get("Accept", "*/*"),
            "language": "id-ID",
            "colorDepth": 24,
            "screenHeight": 844,
            "screenWidth": 390,
            "timeZoneOffset": -420,
            "javaEnabled": False,
        },
        "returnUrl": f"{host_url}orders/{order.reference}",
    }


def main() -> None:
    """Serve the shop: `python -m kasir.demo.shop PORT KASIR_URL`."""
    port, kasir_url = int(sys.argv[1]), sys.argv[2]
    shop = Shop(kasir_url, os.environ["KASIR_API_KEY"]).app()
    make_server("127.0.0.1", port, shop, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
