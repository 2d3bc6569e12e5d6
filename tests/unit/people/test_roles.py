"""Each role may do what those before it may do."""

from __future__ import annotations

import pytest

from kasir.errors import InvalidRequest
from kasir.people.administration import checked_name
from kasir.people.roles import Role


def test_a_role_allows_what_lower_roles_allow_and_no_more() -> None:
    allowed = {role: [needed for needed in Role if role.allows(needed)] for role in Role}

    assert allowed == {
        Role.VIEW: [Role.VIEW],
        Role.ACT: [Role.VIEW, Role.ACT],
        Role.ADMIN: [Role.VIEW, Role.ACT, Role.ADMIN],
    }


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a/b", "-a", "sari\n2", "x" * 81, "s\u0430ri", "a?b"]
)
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        checked_name(name)


def test_a_name_is_kept_in_lower_case() -> None:
    assert checked_name(" Sari@Shop.example ") == "sari@shop.example"
