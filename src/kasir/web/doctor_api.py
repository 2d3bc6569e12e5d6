"""The checks of `kasir doctor` of one merchant account: `/api/doctor`."""

from __future__ import annotations

from typing import Final

import msgspec
from litestar import get

from kasir.doctor.checks import account_findings, live_and_test
from kasir.http_types import AnyRequest, OurParts
from kasir.web.keys import keyed_router
from kasir.web.query_parameters import NO_PARAMETERS, check_parameters_and_no_body


class FindingOut(msgspec.Struct, rename="camel"):
    """The result of one check: what was checked, whether it is well, what was found and the cure.

    `says` has the cure too if it is not well.
    """

    what: str
    is_well: bool
    says: str


class FindingsOut(msgspec.Struct):
    """The results of all checks, in the order in which to fix what is wrong."""

    findings: list[FindingOut]


@get("/api/doctor")
async def get_doctor(request: AnyRequest, parts: OurParts) -> FindingsOut:
    """Run the checks of `kasir doctor`, but for the comparison of tokens with Adyen's list."""
    await check_parameters_and_no_body(request, NO_PARAMETERS)
    found = [
        *live_and_test(parts.settings),
        *await account_findings(parts, with_tokens=False),
    ]
    return FindingsOut([FindingOut(one.what, one.is_well, one.says) for one in found])


ROUTES: Final = keyed_router("Kasir", [get_doctor])
