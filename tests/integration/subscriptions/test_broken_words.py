"""Words that slip through, or break a call."""

from __future__ import annotations

import pytest

from integration.api.test_payment_links import link_body
from integration.subscriptions.test_over_http import plan, plan_id, sign_up
from raw_http import Caller, caller, is_adyens_error

__all__ = ["caller", "plan_id"]

WISHES = [
    ("pause", b'{"resumesAt": null}'),
    ("resume", b'{"at": null}'),
    ("resume", b'{"at": []}'),
    ("resume", b'{"at": {}}'),
    ("resume", b'{"at": 7}'),
    ("resume", b'{"at": "9999-12-31T23:59:59-14:00"}'),
    ("resume", b'{"at": "0001-01-01T00:00:00+14:00"}'),
    ("resume", b'{"at": "2026-12-01"}'),
    ("cancel", b'{"at": null}'),
    ("cancel", b'{"at": {}}'),
    ("cancel", b"[]"),
    ("cancel", b"null"),
    ("cancel", b'"periodEnd"'),
    ("cancel", b"at=periodEnd"),
    ("pause", b'{"at": "periodEnd", "at": "now"}'),
    ("cancel", b'{"at": "periodEnd", "at": "now"}'),
]


@pytest.mark.parametrize(("wish", "body"), WISHES)
async def test_a_wish_in_odd_words(
    caller: Caller, plan_id: str, wish: str, body: bytes
) -> None:
    made = (await caller.post("/api/subscriptions", sign_up(plan_id))).json["id"]
    said = await caller.call("POST", f"/api/subscriptions/{made}/{wish}", body)
    print(wish, body, said.status, said.body[:300])
    assert said.status == 422 or (said.status == 400 and is_adyens_error(said))


ODD = [
    ("HEAD", "/api/events?shopperRefrence=1"),
    ("GET", "/api/events/?shopperRefrence=1"),
    ("GET", "/api/subscriptions/?status=past_due&state=active"),
    ("GET", "/api/subscriptions?status=past_due&status=active"),
    ("GET", "/api/subscriptions?Status=active"),
    ("GET", "/api/subscriptions?status%00=active"),
    ("GET", "/api/subscriptions?status[]=active"),
    ("GET", "/api/subscriptions?limit=1;status=past_due"),
    ("GET", "/api/subscriptions?statu%73=nobody"),
    ("GET", "/api/notices?state=held&state=read"),
    ("GET", "/api/notices/?x=1"),
    ("GET", "/metrics?x=1"),
    ("GET", "/api/payments/?reference=A&x=1"),
    ("GET", "/api//payments?reference=A&x=1"),
    ("GET", "/api/subscriptions/metrics?from=2026-11-01&from=2026-11-02"),
    ("GET", "/api/subscriptions?limit=٣"),
    ("GET", "/api/subscriptions?limit=+1"),
    ("GET", "/api/subscriptions?limit=1e1"),
    ("GET", "/api/subscriptions?limit=1_0"),
]


@pytest.mark.parametrize(("method", "path"), ODD)
async def test_an_odd_address(caller: Caller, method: str, path: str) -> None:
    said = await caller.call(method, path)
    print(method, path, said.status, said.body[:200])
    assert said.status in (404, 405, 422)


BODIES = [
    ("/api/plans", plan(amount={"currency": "IDR", "value": 1, "valeu": 2})),
    ("/api/plans", plan(interval={"unit": "month", "count": 1, "cuont": 2})),
    ("/api/plans", plan(trialAmount={"currency": "IDR", "value": 1, "x": 2}, trialDays=1)),
    ("/api/plans", plan(interval={"unit": "month", "count": None})),
    ("/v72/paymentLinks", link_body(amount={"currency": "IDR", "value": 1000, "valeu": 2})),
    ("/v72/paymentLinks", link_body(manualCapture=True)),
    ("/v72/paymentLinks", link_body(captureDelayHours=24)),
    ("/v72/paymentLinks", link_body(requiredShopperFields=["shopperEmail"])),
    ("/v72/paymentLinks", link_body(splits=[{"amount": {"value": 1}}], store="S")),
]


@pytest.mark.parametrize(("path", "body"), BODIES)
async def test_an_unknown_word_within(caller: Caller, path: str, body: object) -> None:
    said = await caller.post(path, body)
    print(path, said.status, said.body[:300])
    assert said.status == 422
