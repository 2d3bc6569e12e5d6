"""Examples of the acts on people, on keys, and on one's own sign-in."""

from __future__ import annotations

from typing import Final

import pyotp

from desk_client import PASSWORD, Person
from desk_examples import Example

NEW_PASSWORD: Final = "another password of the tests"


async def _other(person: Person) -> None:
    """Add the person that is changed."""
    await person.post("/desk/people/add", name="changed", role="view")


async def _disabled(person: Person) -> None:
    await _other(person)
    await person.post(f"{_CHANGED}/disable")


async def _key(person: Person) -> None:
    await person.post("/desk/settings/keys", name="till")


async def _code(person: Person) -> dict[str, str]:
    """Set up an app; its code is the form's field."""
    page = await person.post("/desk/me/factor", password=PASSWORD)
    secret = page.text.partition("<code>")[2].partition("</code>")[0]
    return {"code": pyotp.TOTP(secret).now()}


async def _factor(person: Person) -> None:
    await person.post("/desk/me/factor/confirm", **await _code(person))


_CHANGED: Final = "/desk/people/changed"
EXAMPLES: Final = (
    Example("person.add", "/desk/people/add", {"name": "newcomer", "role": "act"}),
    Example("person.set_role", f"{_CHANGED}/role", {"role": "act"}, _other),
    Example("person.remove_role", f"{_CHANGED}/remove", {}, _other),
    Example("person.disable", f"{_CHANGED}/disable", {}, _other),
    Example("person.enable", f"{_CHANGED}/enable", {}, _disabled),
    Example("person.reset_password", f"{_CHANGED}/password", {}, _other),
    Example("api_key.add", "/desk/settings/keys", {"name": "till"}),
    Example(
        "api_key.withdraw",
        "/desk/settings/keys/withdraw",
        {"name": "till", "confirmed": "yes"},
        _key,
    ),
    Example("own.password", "/desk/me/password", {"password": PASSWORD, "new": NEW_PASSWORD}),
    Example("own.factor_begin", "/desk/me/factor", {"password": PASSWORD}),
    Example("own.factor_confirm", "/desk/me/factor/confirm", {}, _code),
    Example("own.factor_remove", "/desk/me/factor/remove", {"password": PASSWORD}, _factor),
)
