"""The sections of the desk, in the order of the navigation.

Each page's module adds its section. A section that no module adds is not shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kasir.people.roles import Role

#: Every path of the desk begins with this prefix.
DESK_PATH: Final = "/desk"
#: All sections, in the order in which the navigation shows them.
_ORDER: Final = (
    "today",
    "payments",
    "deliveries",
    "notices",
    "tokens",
    "subscriptions",
    "plans",
    "links",
    "disputes",
    "payouts",
    "cases",
    "doctor",
    "people",
    "audit",
    "settings",
)


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the desk.

    Attributes:
        key: Its key in `_ORDER`; the text `nav_KEY` is its name.
        path: The path of its first page.
        role: The role that sees it.
    """

    key: str
    path: str
    role: Role


_added: Final[dict[str, Section]] = {}


def add_section(key: str, path: str, role: Role = Role.VIEW) -> Section:
    """Add a section to the navigation."""
    section = Section(key, path, role)
    _added[key] = section
    return section


def sections(role: Role) -> Sequence[Section]:
    """Return the sections that a person with this role sees, in order."""
    added = (_added[key] for key in _ORDER if key in _added)
    return [section for section in added if role.allows(section.role)]
