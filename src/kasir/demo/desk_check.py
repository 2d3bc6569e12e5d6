"""A journey of people at the desk: sign in, find a payment, refund it after a second look."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import aiohttp

from kasir.demo.client import JourneyClient, expect, reference

_HIDDEN: Final = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
_FORM: Final = re.compile(r'<form method="post" action="([^"]+)".*?</form>', re.DOTALL)
_REFUNDED: Final = 10_000
#: A page, a redirect after a form, and a form or sign-in that is refused.
_PAGE, _REDIRECT, _REFUSED = HTTPStatus.OK, HTTPStatus.SEE_OTHER, HTTPStatus.FORBIDDEN


@dataclass(frozen=True, slots=True)
class _Browser:
    """A browser without JavaScript, with cookies of its own."""

    url: str
    http: aiohttp.ClientSession

    async def see(self, path: str) -> tuple[int, str]:
        """Open a page; return its status, and its HTML or the address it redirects to."""
        async with self.http.get(self.url + path, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def post(self, path: str, form: Mapping[str, str]) -> tuple[int, str]:
        """Post a form; return the status, and the HTML or the address it redirects to."""
        async with self.http.post(self.url + path, data=form, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text()

    async def sign_in(self, name: str, password: str) -> tuple[int, str]:
        """Post the form to sign in."""
        return await self.post("/desk/login", {"name": name, "password": password})


async def refund_by_hand(client: JourneyClient) -> None:
    """A person signs in, finds a payment and refunds a part; nobody without the role does."""
    order = reference("desk")
    action = (await client.pay(order)).json["action"]
    await client.details(await client.shopper(action, "approve"))
    payment = await client.status(order, "authorised")
    path = f"/desk/payments/{payment['id']}"
    async with _person(client, "act") as sari, _person(client, "view") as tono:
        _, found = await sari.see(f"/desk/payments?{urlencode({'search': order})}")
        expect(path in found, True, "the payment is found")
        _, page = await sari.see(path)
        form = _fields_of(page, f"{path}/refund")
        asked = form | {"value": "10.000", "reason": "one cup was cold"}
        _, own = await tono.see(path)
        token = dict(_HIDDEN.findall(own))["csrf"]
        refused = [
            (await sari.post(f"{path}/refund", asked | {"csrf": ""}))[0],
            (await tono.post(f"{path}/refund", asked | {"csrf": token}))[0],
        ]
        expect(refused, [_REFUSED] * 2, "a refund without the token, or without the role")

        status, look = await sari.post(f"{path}/refund", asked)
        expect((status, "Rp10.000" in look), (_PAGE, True), "the second look")
        expect((await client.newest(order))["refunded"], 0, "refunded before it is confirmed")
        confirmed = _fields_of(look, f"{path}/refund")
        for attempt in ("first", "second"):
            status, _ = await sari.post(f"{path}/refund", confirmed)
            expect(status, _REDIRECT, f"the {attempt} click")
        await client.wait_for_sum(order, "refunded", _REFUNDED)
        _, log = await sari.see("/desk/audit")
        expect("one cup was cold" in log, True, "the reason is in the audit log")
        await sari.post("/desk/logout", {"csrf": form["csrf"]})
        expect((await sari.see(path))[0], _REDIRECT, "a page after signing out")


@asynccontextmanager
async def _person(client: JourneyClient, role: str) -> AsyncIterator[_Browser]:
    """A new person with a role, who is signed in after a wrong password."""
    name = reference(role)
    password = (await client.kasir("desk", "user", "add", name, "--role", role)).strip()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=client.made.tls or True),
        cookie_jar=aiohttp.CookieJar(unsafe=True),  # The address is an IP address.
    ) as http:
        browser = _Browser(client.made.kasir_url, http)
        status, location = await browser.see("/desk/payments")
        expect((status, location.partition("?")[0]), (_REDIRECT, "/desk/login"), "a stranger")
        expect((await browser.sign_in(name, "wrong"))[0], _REFUSED, "a wrong password")
        expect((await browser.sign_in(name, password))[0], _REDIRECT, "signing in")
        yield browser


def _fields_of(page: str, path: str) -> dict[str, str]:
    """The hidden fields of the form that is posted to a path."""
    form = next((found[0] for found in _FORM.finditer(page) if found[1] == path), "")
    expect(bool(form), True, f"a form for {path}")
    return {name: unescape(value) for name, value in _HIDDEN.findall(form)}


JOURNEYS: Final = {"the desk: sign in, find, refund after a second look": refund_by_hand}
