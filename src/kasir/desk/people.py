"""The people who may see the account: add them, change their roles, passwords, second factors."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from kasir.desk.acts import Asked, act
from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, page
from kasir.desk.services import services_of
from kasir.errors import Fault, InvalidRequest, NotFound
from kasir.people.administration import Administration, checked_name
from kasir.people.passwords import made
from kasir.people.roles import Role
from kasir.store.people import PersonRow

_PATH: Final = "/desk/people"
SECTION: Final = add_section("people", _PATH, Role.ADMIN)


@page(_PATH, role=Role.ADMIN)
async def get_people(visit: OurVisit) -> Page:
    """List the people with a role in the account."""
    visit.check_query()
    people = await services_of(visit.request).people.listed(visit.account)
    roles = [(role, visit.text(f"role_{role}")) for role in Role]
    return visit.page("people.html", people=people, role_pairs=roles)


@act("person.add", f"{_PATH}/add", Role.ADMIN, is_about_people=True, fields=("name", "role"))
async def add_person(asked: Asked) -> Page:
    """Add a person, and show a password once."""
    name, role = checked_name(asked.fields.get("name", "")), _role(asked)
    password = made()
    async with asked.recorded(name) as record:
        await _people(asked).add(name, password, asked.visit.account, role)
        record.after = {"role": role}
    return asked.visit.page("person_password.html", name=name, password=password)


@act(
    "person.set_role",
    f"{_PATH}/{{name:str}}/role",
    Role.ADMIN,
    is_about_people=True,
    fields=("role",),
)
async def set_role(asked: Asked) -> Page:
    """Give a person another role in the account."""
    person, role = await _other(asked), _role(asked)
    async with asked.recorded(person.name, {"role": _role_here(asked, person)}) as record:
        await _people(asked).set_role(person.name, asked.visit.account, role)
        record.after = {"role": role}
    return asked.done(_PATH, "role_set")


@act("person.remove_role", f"{_PATH}/{{name:str}}/remove", Role.ADMIN, is_about_people=True)
async def remove_role(asked: Asked) -> Page:
    """Take away a person's role in the account."""
    person = await _other(asked)
    async with asked.recorded(person.name, {"role": _role_here(asked, person)}) as record:
        await _people(asked).remove_role(person.name, asked.visit.account)
        record.after = {"role": None}
    return asked.done(_PATH, "role_removed")


@act("person.disable", f"{_PATH}/{{name:str}}/disable", Role.ADMIN, is_about_people=True)
async def disable(asked: Asked) -> Page:
    """Refuse a person's sign-in, and end their sessions."""
    person = await _whole(asked)
    async with asked.recorded(person.name, {"isActive": person.is_active}) as record:
        await _people(asked).set_active(person.name, is_active=False)
        record.after = {"isActive": False}
    return asked.done(_PATH, "person_disabled")


@act("person.enable", f"{_PATH}/{{name:str}}/enable", Role.ADMIN, is_about_people=True)
async def enable(asked: Asked) -> Page:
    """Let a person sign in again."""
    person = await _whole(asked)
    async with asked.recorded(person.name, {"isActive": person.is_active}) as record:
        await _people(asked).set_active(person.name, is_active=True)
        record.after = {"isActive": True}
    return asked.done(_PATH, "person_enabled")


@act("person.reset_password", f"{_PATH}/{{name:str}}/password", Role.ADMIN, is_about_people=True)
async def reset_password(asked: Asked) -> Page:
    """Replace a person's password by one that is shown once; their sessions end."""
    person = await _whole(asked)
    password = made()
    async with asked.recorded(person.name) as record:
        await _people(asked).set_password(person.name, password)
        record.after = {"password": "replaced"}
    return asked.visit.page("person_password.html", name=person.name, password=password)


def _people(asked: Asked) -> Administration:
    return services_of(asked.visit.request).people


def _role(asked: Asked) -> Role:
    name = asked.fields.get("role", "")
    if name not in tuple(Role):
        raise InvalidRequest([Fault("role", f"must be one of {', '.join(Role)}.")])
    return Role(name)


def _role_here(asked: Asked, person: PersonRow) -> str:
    return person.roles[asked.visit.account]


async def _other(asked: Asked) -> PersonRow:
    """The person of the path, who has a role in the account and is not the one who asks.

    An admin cannot take away their own role, so an account keeps its last admin.

    Raises:
        NotFound: Nobody of that name has a role in the account.
        InvalidRequest: It is the person who asks.
    """
    person = await _people(asked).person(asked.path["name"])
    if asked.visit.account not in person.roles:
        raise NotFound("person", asked.path["name"])
    if person.name == asked.visit.person:
        raise InvalidRequest([Fault("name", "is your own; another admin can do this.")])
    return person


async def _whole(asked: Asked) -> PersonRow:
    """The person of the path, if the one who asks is an admin wherever that person has a role.

    Raises:
        InvalidRequest: The person also has a role in an account in which the other is no admin.
    """
    person = await _other(asked)
    own = asked.visit.session.roles
    if any(own.get(account) is not Role.ADMIN for account in person.roles):
        cure = "has a role in another account too; `kasir desk user` can do this."
        raise InvalidRequest([Fault("name", cure)])
    return person


ROUTES: Final[list[HTTPRouteHandler]] = [
    get_people,
    add_person,
    set_role,
    remove_role,
    disable,
    enable,
    reset_password,
]
