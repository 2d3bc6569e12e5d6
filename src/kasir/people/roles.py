"""What a person may do in an account."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A person's role in an account; each may do what those before it may do."""

    #: See every page.
    VIEW = "view"
    #: Refund, resend, and all other acts but those of `ADMIN`.
    ACT = "act"
    #: People, API keys, and the sign-ins in the audit log.
    ADMIN = "admin"

    def allows(self, needed: Role) -> bool:
        """Whether a person with this role may do what needs the role `needed`."""
        return _RANKS[self] >= _RANKS[needed]


_RANKS: Final = {role: rank for rank, role in enumerate(Role)}


def roles_of(names: Mapping[str, str]) -> dict[str, Role]:
    """Return the role in each account, from the roles' names."""
    return {account: Role(name) for account, name in names.items()}
