"""Checks of the merchant account before a shop goes live: Adyen is reachable and lists GoPay."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from kasir.adyen.calls import Call
from kasir.adyen.replies import Answer
from kasir.gateway.methods import GOPAY, METHODS
from kasir.gateway.wire import NoAnswer, Wire


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        what: The statement that was checked.
        is_well: Whether the statement is true.
        says: "it does" or "it is" if the statement is true, otherwise the fault and its cure.
    """

    what: str
    is_well: bool
    says: str


async def check_account(wire: Wire, merchant_account: str) -> list[Finding]:
    """Check by a call to `/paymentMethods` whether Adyen answers and whether it lists GoPay."""
    fields = {
        "merchantAccount": merchant_account,
        "countryCode": GOPAY.country,
        "amount": {"currency": GOPAY.currency, "value": 10_000},
        "channel": "Web",
    }
    answer = await wire.send(Call("/paymentMethods", msgspec.json.encode(fields)))
    return [_reachable(answer), _listed(answer)]


def _reachable(answer: Answer | NoAnswer) -> Finding:
    what = "Adyen answers this key"
    if isinstance(answer, NoAnswer):
        cure = "check ADYEN_ENVIRONMENT, ADYEN_LIVE_PREFIX and this network's connection to Adyen"
        return Finding(what, is_well=False, says=f"no answer ({answer.why}); {cure}")
    match answer.status:
        case HTTPStatus.OK:
            return Finding(what, is_well=True, says="it does")
        case HTTPStatus.UNAUTHORIZED:
            cure = "401: check ADYEN_API_KEY; test and live have different keys"
        case HTTPStatus.FORBIDDEN:
            cure = "403: check ADYEN_MERCHANT_ACCOUNT and the roles of the credential"
        case _:
            cure = f"HTTP {answer.status}: {answer.json().get('message', 'no message')}"
    return Finding(what, is_well=False, says=cure)


def _listed(answer: Answer | NoAnswer) -> Finding:
    what = f"GoPay is listed for {GOPAY.country} and {GOPAY.currency}"
    if isinstance(answer, NoAnswer) or answer.status != HTTPStatus.OK:
        return Finding(what, is_well=False, says="not known, because Adyen did not answer")
    rows = answer.json().get("paymentMethods")
    listed = {row.get("type") for row in rows or () if isinstance(row, dict)}
    if listed & METHODS.keys():
        return Finding(what, is_well=True, says="it is")
    cure = "add GoPay in Customer Area (Settings, Payment methods); for live, request it there"
    return Finding(what, is_well=False, says=f"it is not; {cure}")
