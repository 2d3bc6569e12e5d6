"""What signs people in and administers them: one for all accounts of an app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from kasir.clock import Clock
from kasir.http_types import AnyRequest, default_parts
from kasir.people.administration import Administration
from kasir.people.passwords import Passwords
from kasir.people.sign_in import SignIn
from kasir.store.database import Pool
from kasir.store.vault import Vault
from kasir.wiring import Parts

_STATE: Final = "desk_services"


@dataclass(frozen=True, slots=True)
class Services:
    """The services of the desk.

    Attributes:
        sign_in: Signs people in and out.
        people: Administers people.
        pool: The tables of the environment's account, with the people of all accounts.
        clock: The machine's clock.
    """

    sign_in: SignIn
    people: Administration
    pool: Pool
    clock: Clock

    @classmethod
    def of(cls, parts: Parts) -> Self:
        """Make the services; `parts` are those of the environment's account."""
        settings, clock = parts.settings, parts.times.machine
        vault, passwords = Vault(settings.secrets), Passwords(settings.limits.desk_hashes_max)
        return cls(
            sign_in=SignIn(parts.pool, vault, clock, passwords, settings.limits),
            people=Administration(parts.pool, vault, clock, passwords),
            pool=parts.pool,
            clock=clock,
        )


def services_of(request: AnyRequest) -> Services:
    """Return the services of the app that answers a request."""
    state = request.app.state
    services: Services | None = state.get(_STATE)
    if services is None:
        services = Services.of(default_parts(request.scope))
        state[_STATE] = services
    return services
