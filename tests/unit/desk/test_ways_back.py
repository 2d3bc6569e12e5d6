"""From the page that answers an act, a link leads back to the page that has the act's form."""

from __future__ import annotations

from typing import Final

import pytest

from kasir.desk.pages import page_above
from kasir.desk.routes import GUARDED

PAGES: Final = {
    path for handler in GUARDED for path in handler.paths if "GET" in handler.http_methods
}
ACTS: Final = [path for handler in GUARDED for path in handler.paths if "act" in handler.opt]


@pytest.mark.parametrize("route", ACTS)
def test_every_act_has_a_page_above_it_that_is_not_the_start_page(route: str) -> None:
    assert page_above(route, route) in PAGES - {"/desk"}


@pytest.mark.parametrize(
    ("route", "path", "page"),
    [
        (
            "/desk/payments/{payment_id:str}/refund",
            "/desk/payments/pay_1/refund",
            "/desk/payments/pay_1",
        ),
        ("/desk/plans/{plan_id:str}/sign_up", "/desk/plans/pln_1/sign_up", "/desk/plans"),
        ("/desk/settings/keys/withdraw", "/desk/settings/keys/withdraw", "/desk/settings"),
    ],
)
def test_the_page_is_the_nearest_one(route: str, path: str, page: str) -> None:
    assert page_above(route, path) == page
