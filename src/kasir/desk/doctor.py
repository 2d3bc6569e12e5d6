"""The checks of `kasir doctor` of the account: what is well, and the cure of what is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from litestar.handlers import HTTPRouteHandler

from kasir.desk.navigation import add_section
from kasir.desk.pages import OurVisit, Page, Visit, page
from kasir.doctor.checks import account_findings, live_and_test
from kasir.gateway.account_checks import Finding

_PATH: Final = "/desk/doctor"
SECTION: Final = add_section("doctor", _PATH)


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """A finding: what was checked in the page's language, and what was found, in English."""

    what: str
    is_well: bool
    says: str


@page(_PATH)
async def get_doctor(visit: OurVisit) -> Page:
    """Run the checks, and show those that failed first; each group in the order to fix it in."""
    visit.check_query()
    parts = visit.parts
    found = [
        *live_and_test(parts.settings),
        *await account_findings(parts, with_tokens=False),
    ]
    shown = [_shown(visit, finding) for finding in found]
    return visit.page(
        "doctor.html",
        at=parts.clock.now(),
        wrong=_of(shown, is_well=False),
        well=_of(shown, is_well=True),
    )


def check_key(what: str) -> str:
    """Return the key of the text with the name of a check."""
    return f"check_{re.sub(r'[^a-z]+', '_', what.lower())}"


def _shown(visit: Visit, finding: Finding) -> ShownFinding:
    what = visit.text_or(check_key(finding.what), finding.what)
    return ShownFinding(what, finding.is_well, finding.says)


def _of(shown: Sequence[ShownFinding], *, is_well: bool) -> list[ShownFinding]:
    return [finding for finding in shown if finding.is_well is is_well]


ROUTES: Final[list[HTTPRouteHandler]] = [get_doctor]
