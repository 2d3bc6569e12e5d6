"""The desk in the test's own process, and the browsers of its people, without JavaScript."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Final

import httpx
import uvicorn
from argon2 import PasswordHasher
from litestar import Litestar

from kasir.account_parts import open_accounts
from kasir.cli.serve import THIS_MACHINE
from kasir.clock import Clock
from kasir.desk.services import Services
from kasir.people.passwords import Passwords
from kasir.people.roles import Role
from kasir.web.app import create_app
from kasir.wiring import Parts, open_parts
from opened_kasir import settings_on
from twin_fixtures import QuietServer
from two_accounts import FIRST

PASSWORD: Final = "a password of the tests"
#: The address of the desk in the tests.
HOST: Final = "http://kasir"
#: argon2 with little work, so that the tests spend their time on other things.
QUICK: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True, slots=True)
class Person:
    """A person at a browser."""

    name: str
    http: httpx.AsyncClient

    async def see(self, path: str, **headers: str) -> httpx.Response:
        """Open a page; redirects are not followed."""
        return await self.http.get(path, headers=headers)

    async def sign_in(
        self, password: str = PASSWORD, name: str | None = None, **fields: str
    ) -> httpx.Response:
        """Post the form to sign in."""
        given = {"name": name or self.name, "password": password} | fields
        return await self.http.post("/desk/login", data=given)

    async def post(self, path: str, page: str = "", **fields: str) -> httpx.Response:
        """Post a form with the CSRF token of a page; any page of the account has the same."""
        token = await self.csrf_token(page or "/desk/me")
        return await self.http.post(path, data={"csrf": token, "reason": "a test"} | fields)

    async def sign_out(self) -> httpx.Response:
        """Post the form to sign out."""
        return await self.http.post("/desk/logout", data={"csrf": await self.csrf_token()})

    async def csrf_token(self, page: str = "/desk/me") -> str:
        """The CSRF token on a page."""
        answer = await self.see(page)
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', answer.text)
        assert found, f"{page} {answer.status_code}"
        return found[1]


@dataclass(frozen=True, slots=True)
class OpenDesk:
    """An open Kasir whose desk people use."""

    parts: Parts
    services: Services
    app: Litestar

    async def person(self, name: str, role: Role | None = Role.VIEW, account: str = FIRST) -> None:
        """Add a person, with a role in an account."""
        await self.services.people.add(name, PASSWORD, account, role or Role.VIEW)
        if role is None:
            await self.services.people.remove_role(name, account)

    @asynccontextmanager
    async def browser(self, name: str = "", client: str = "127.0.0.1") -> AsyncIterator[Person]:
        """A browser in which nobody is signed in."""
        transport = httpx.ASGITransport(app=self.app, client=(client, 50_000))  # type: ignore[arg-type]  # ASGI, with Litestar's own types.
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
            yield Person(name, http)

    @asynccontextmanager
    async def signed_in(
        self, name: str, role: Role = Role.VIEW, account: str = FIRST
    ) -> AsyncIterator[Person]:
        """A new person who is signed in."""
        await self.person(name, role, account)
        async with self.browser(name) as person:
            assert (await person.sign_in()).status_code == 303
            yield person


@asynccontextmanager
async def open_desk(
    dsn: str, clock: Clock | None = None, **environ: str
) -> AsyncIterator[OpenDesk]:
    """Open a Kasir with a desk on a database; `clock` is the machine's."""
    settings = settings_on(dsn, **environ)
    async with open_parts(settings, machine=clock) as parts, open_accounts(parts) as accounts:
        app = create_app(settings)
        app.state.parts, app.state.accounts = parts, accounts
        services = app.state["desk_services"] = Services.of(parts, Passwords(2, QUICK))
        yield OpenDesk(parts, services, app)


def text_of(page: httpx.Response) -> str:
    """The text of a page without tags, each run of whitespace as one space."""
    body = re.sub(r"<(style|script|title)\b.*?</\1>", "", page.text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@asynccontextmanager
async def served(desk: OpenDesk) -> AsyncIterator[str]:
    """Serve an open desk over HTTP as `kasir serve` does; yields its URL."""
    server = QuietServer(
        uvicorn.Config(
            desk.app,
            http="kasir.cli.connections:BoundedHttp",
            lifespan="off",  # `open_desk` has opened what the lifespan opens.
            log_config=None,
            ws="none",
            forwarded_allow_ips=THIS_MACHINE,
        )
    )
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        assert not task.done(), "the desk did not start"
        await asyncio.sleep(0)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stopping.set()
        await task
