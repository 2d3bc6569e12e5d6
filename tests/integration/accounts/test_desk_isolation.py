"""No person sees or changes anything of an account in which they have no role, by any desk route.

The routes come from the desk's own table. A route with a path parameter that this test does not
know fails it, and so does an act without an example. Each request has the ids of the other account.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import permutations
from typing import Final

import httpx
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from desk_client import HOST, PASSWORD, QUICK, Person
from desk_examples import Example, examples
from integration.accounts.test_isolation import (
    AMOUNTS,
    SHOPPER,
    STORED_ID,
    Owned,
    owned_by,
    parts_of,
    rows_of,
)
from kasir.desk.routes import GUARDED
from kasir.desk.services import Services
from kasir.people.passwords import Passwords
from kasir.people.roles import Role
from two_accounts import FIRST, SECOND, Shops

EXAMPLES: Final[Mapping[str, Example]] = {example.act: example for example in examples()}
#: A variable of a path.
_VARIABLE: Final = re.compile(r"\{(\w+):\w+\}")
#: What a person's own acts write into the tables of the environment's account.
_OF_PEOPLE: Final = ("person", "person_role", "person_session", "sign_in_guess", "audit")
#: Variables of paths that name nothing of an account: a path of their own, or a person.
_ADDRESS_PATH: Final = "/desk/deliveries/addresses/"
_PEOPLE_PATH: Final = "/desk/people/"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the desk, with another account's names."""

    method: str
    path: str
    fields: Mapping[str, str]
    has_id: bool


@pytest.fixture
def services(shops: Shops) -> Services:
    """What signs people in to the desk of both accounts."""
    app: Litestar = shops.http._transport.app  # type: ignore[attr-defined]  # noqa: SLF001
    made = Services.of(shops.accounts.default, Passwords(2, QUICK))
    app.state["desk_services"] = made
    return made


@asynccontextmanager
async def admin_of(shops: Shops, services: Services, account: str) -> AsyncIterator[Person]:
    """An admin of one account, who is signed in."""
    name = person_of(account)
    transport = shops.http._transport  # noqa: SLF001
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
        person = Person(name, http)
        assert (await person.sign_in()).status_code == 303
        yield person


def person_of(account: str) -> str:
    """The name of an account's admin."""
    return f"admin-of-{account.lower()}"


def ids_of(path: str, owned: Owned) -> dict[str, str]:
    """The values of a path's variables. A variable that is not known here fails the test."""
    own = dict(owned.ids)
    if path.startswith(_ADDRESS_PATH):
        own["name"] = "events"
    elif path.startswith(_PEOPLE_PATH):
        own["name"] = person_of(owned.account)
    return {name: own[name] for name in _VARIABLE.findall(path)}


def requests_with(owned: Owned) -> Iterator[Request]:
    """A request to each route of the desk, with the names of an account."""
    for handler in GUARDED:
        for path in handler.paths:
            ids = ids_of(path, owned)
            filled = _VARIABLE.sub(lambda found, ids=ids: ids[found[1]], path)  # type: ignore[misc]  # Called at once.
            has_id = bool(ids) and not path.startswith(_ADDRESS_PATH)
            for method in sorted(handler.http_methods):
                fields = _fields(handler, owned) if method == "POST" else {}
                yield Request(method, filled, fields, has_id)


def _fields(handler: HTTPRouteHandler, owned: Owned) -> dict[str, str]:
    """The fields of a form, each that names something with the name that an account has."""
    if "act" not in handler.opt:
        return {"account": owned.account} if handler.paths == {"/desk/account"} else {}
    own = {
        "attempt": owned.ids["psp_reference"],
        "token": owned.ids["token_id"],
        "shopperReference": SHOPPER,
    }
    if handler.opt["act"].name == "api_key.withdraw":
        own["name"] = f"key-of-{owned.account}"
    given = dict(EXAMPLES[handler.opt["act"].name].fields)
    return {**given, **{name: text for name, text in own.items() if name in given}}


async def test_no_desk_route_shows_or_changes_anything_of_another_account(
    shops: Shops, services: Services
) -> None:
    owned = [await owned_by(shops, account) for account in (FIRST, SECOND)]
    for account in (FIRST, SECOND):
        await services.people.add(person_of(account), PASSWORD, account, Role.ADMIN)
    tried = 0
    for caller, victim in permutations(owned):
        parts = await parts_of(shops, victim.account)
        rows = await rows_of(parts, but=_OF_PEOPLE)
        async with admin_of(shops, services, caller.account) as person:
            for request in requests_with(victim):
                if request.path == "/desk/logout":
                    continue
                status, text = await send(person, request)
                tried += 1

                assert status == 404 if request.has_id else status < 500, (request, status, text)
                seen = shown(request, text)
                assert str(AMOUNTS[victim.account]) not in seen.replace(".", ""), request
                assert not [name for name in names_of(victim) if name in seen], request
        assert rows == await rows_of(parts, but=_OF_PEOPLE)
        victim_person = await services.people.person(person_of(victim.account))
        assert (victim_person.roles, victim_person.is_active) == ({victim.account: "admin"}, True)

    assert tried > 2 * len(GUARDED)


async def test_each_admin_sees_what_is_of_the_own_account_by_the_same_requests(
    shops: Shops, services: Services
) -> None:
    owned = [await owned_by(shops, account) for account in (FIRST, SECOND)]
    for own in owned:
        await services.people.add(person_of(own.account), PASSWORD, own.account, Role.ADMIN)
        async with admin_of(shops, services, own.account) as person:
            for request in requests_with(own):
                if request.method == "GET":
                    status, _ = await send(person, request)

                    assert status == 200, request


async def send(person: Person, request: Request) -> tuple[int, str]:
    """Send a request; returns the status and the text of the answer."""
    if request.method == "POST":
        answer = await person.post(request.path, **request.fields)
    else:
        answer = await person.http.request(request.method, request.path)
    return answer.status_code, answer.text


def names_of(owned: Owned) -> list[str]:
    """What an account has and no other, without the ids that are plain numbers."""
    names = [name for name in owned.ids.values() if not name.isdigit() and name != STORED_ID]
    return [*names, owned.account, person_of(owned.account), f"key-of-{owned.account}"]


def shown(request: Request, text: str) -> str:
    """The text of an answer without the names that the request itself has."""
    named = [*request.path.split("/"), *request.fields.values()]
    for name in sorted(filter(None, named), key=len, reverse=True):
        text = text.replace(name, "")
    return text
