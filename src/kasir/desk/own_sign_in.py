"""One's own password and second factor."""

from __future__ import annotations

from typing import Final

import segno
from litestar.handlers import HTTPRouteHandler

from kasir.desk.acts import Asked, act
from kasir.desk.pages import OurVisit, Page, page
from kasir.desk.services import services_of
from kasir.errors import Fault, InvalidRequest
from kasir.people import second_factor
from kasir.people.administration import Administration
from kasir.people.roles import Role
from kasir.people.sign_in import hash_of
from kasir.store.people import PersonRow

_PATH: Final = "/desk/me"


@page(_PATH)
async def get_own(visit: OurVisit) -> Page:
    """Show the forms to change one's password and second factor."""
    visit.check_query()
    return visit.page("own_sign_in.html", secret="", image="")


@act(
    "own.password",
    f"{_PATH}/password",
    Role.VIEW,
    needs_reason=False,
    is_about_people=True,
    fields=("password", "new"),
)
async def change_password(asked: Asked) -> Page:
    """Replace one's password; the other sessions end."""
    person = await _proven(asked)
    async with asked.recorded(person.name) as record:
        await _people(asked).set_password(
            person.name, asked.fields.get("new", ""), hash_of(asked.visit.session.token)
        )
        record.after = {"password": "replaced"}
    return asked.done(_PATH, "password_changed")


@act(
    "own.factor_begin",
    f"{_PATH}/factor",
    Role.VIEW,
    needs_reason=False,
    is_about_people=True,
    fields=("password",),
)
async def begin_factor(asked: Asked) -> Page:
    """Make a secret and show it as a QR code; a code of the app then confirms it."""
    person = await _proven(asked)
    before = {"secondFactor": asked.visit.session.has_totp}
    async with asked.recorded(person.name, before) as record:
        secret = await _people(asked).propose_second_factor(person.name)
        record.after = {**before, "secret": "proposed"}
    code = segno.make(second_factor.app_uri(secret, person.name), error="m")
    image = code.svg_data_uri(scale=4, border=4, dark="#000", light="#fff")
    return asked.visit.page("own_sign_in.html", secret=secret, image=image)


@act(
    "own.factor_confirm",
    f"{_PATH}/factor/confirm",
    Role.VIEW,
    needs_reason=False,
    is_about_people=True,
    fields=("code",),
)
async def confirm_factor(asked: Asked) -> Page:
    """Use the secret from now on, if the code is right."""
    visit = asked.visit
    before = {"secondFactor": visit.session.has_totp}
    async with asked.recorded(visit.person, before) as record:
        await _people(asked).confirm_second_factor(visit.person, asked.fields.get("code", ""))
        record.after = {"secondFactor": True}
    return asked.done(_PATH, "factor_on")


@act(
    "own.factor_remove",
    f"{_PATH}/factor/remove",
    Role.VIEW,
    needs_reason=False,
    is_about_people=True,
    fields=("password",),
)
async def remove_factor(asked: Asked) -> Page:
    """Sign in without a second factor from now on."""
    person = await _proven(asked)
    async with asked.recorded(person.name, {"secondFactor": True}) as record:
        await _people(asked).remove_second_factor(person.name)
        record.after = {"secondFactor": False}
    return asked.done(_PATH, "factor_off")


def _people(asked: Asked) -> Administration:
    return services_of(asked.visit.request).people


async def _proven(asked: Asked) -> PersonRow:
    """The signed-in person, who has typed the present password.

    Raises:
        InvalidRequest: The password is wrong.
        SignInSlowed: There were too many wrong passwords.
    """
    services, visit = services_of(asked.visit.request), asked.visit
    person = await services.people.person(visit.person)
    password = asked.fields.get("password", "")
    if not await services.sign_in.is_right_password(person, password):
        raise InvalidRequest([Fault("password", "is not your present password.")])
    return person


ROUTES: Final[list[HTTPRouteHandler]] = [
    get_own,
    change_password,
    begin_factor,
    confirm_factor,
    remove_factor,
]
