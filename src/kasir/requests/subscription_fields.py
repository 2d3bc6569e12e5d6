"""What is wrong with a shop's requests about plans and subscriptions, each field with its cure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import available_timezones

from kasir.adyen import checks
from kasir.adyen.known_fields import shown_name
from kasir.errors import Fault
from kasir.gateway.gopay import AMOUNT_MAX
from kasir.gateway.methods import GOPAY
from kasir.requests.fields import Fields, body_fields, refuse
from kasir.subscriptions.plan import COUNT_MAX, HOME_ZONE, Unit, WhenTakenBack, WhenUnpaid
from kasir.subscriptions.renewal import OWN_REFERENCE_MAX

#: How far in the future a subscription may start.
_START_WITHIN: Final = timedelta(days=366)
_TRIAL_DAYS_MAX: Final = 731
_CYCLES_MAX: Final = 10_000
_NOTICE_DAYS_MAX: Final = 60

_PLAN_FIELDS: Final = frozenset(
    {
        "reference",
        "amount",
        "interval",
        "timeZone",
        "trialDays",
        "trialAmount",
        "cycles",
        "whenUnpaid",
        "noticeDays",
        "onDispute",
        "onFullRefund",
    }
)
#: The fields that a sign-up's payment copies from the sign-up.
SHARED: Final = (
    "channel",
    "browserInfo",
    "returnUrl",
    "shopperReference",
    "shopperEmail",
    "shopperName",
    "shopperIP",
    "shopperLocale",
    "telephoneNumber",
    "lineItems",
    "metadata",
    "origin",
)
_SIGN_UP_FIELDS: Final = frozenset(
    {*SHARED, "plan", "reference", "startsAt", "signUpBy", "merchantAccount"}
)
_NO_TIME: Final = timedelta()
#: A JSON string, with its escape sequences.
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"')


def own_fields(body: bytes) -> dict[str, Any]:
    """The fields of a body that only Kasir reads. An object with two fields of one name is refused.

    Raises:
        InvalidRequest: The body is not a JSON object, or an object has two fields of one name.
    """
    fields = body_fields(body)
    # Decoding keeps only the last of two fields of one name. Every field has one colon outside
    # strings, so the number of these colons is compared with the number of decoded fields.
    if _STRING.sub(b"", body).count(b":") != _fields_in(fields):
        repeated = _repeated_names(body)
        cure = "is given more than once; give it once."
        refuse(Fault(shown_name(name), cure) for name in repeated)
    return fields


def _fields_in(value: object) -> int:
    """The number of fields of all objects in a JSON value."""
    match value:
        case dict():
            return len(value) + sum(map(_fields_in, value.values()))
        case list():
            return sum(map(_fields_in, value))
    return 0


def _repeated_names(body: bytes) -> list[str]:
    """The names that occur more than once in one JSON object of the body."""
    repeated: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> None:
        names = Counter(name for name, _ in pairs)
        repeated.extend(name for name, times in names.items() if times > 1)

    json.loads(body, object_pairs_hook=collect)
    return repeated


def plan_faults(fields: Fields) -> Iterator[Fault]:
    """What is wrong with a plan."""
    yield from unknown(fields, _PLAN_FIELDS)
    yield from checks.required(fields, "reference", "130", "give your own name for this plan.")
    rules: Mapping[str, checks.Rule] = {
        "reference": checks.Text(most=80),
        "trialDays": checks.Whole(least=0, most=_TRIAL_DAYS_MAX),
        "cycles": checks.Whole(least=1, most=_CYCLES_MAX),
        "whenUnpaid": checks.Text(words=tuple(WhenUnpaid)),
        "onDispute": checks.Text(words=tuple(WhenTakenBack)),
        "onFullRefund": checks.Text(words=tuple(WhenTakenBack)),
        "noticeDays": checks.Whole(least=0, most=_NOTICE_DAYS_MAX),
    }
    yield from checks.matching(fields, rules)
    yield from amount_faults(fields.get("amount"), "amount")
    if fields.get("trialAmount") is not None:
        yield from amount_faults(fields["trialAmount"], "trialAmount")
    yield from _interval_faults(fields.get("interval"))
    zone = fields.get("timeZone")
    if zone is not None and (not isinstance(zone, str) or zone not in available_timezones()):
        yield Fault("timeZone", f"must be an IANA time zone, such as {HOME_ZONE}.")


def amount_faults(amount: object, name: str) -> Iterator[Fault]:
    """What is wrong with an amount to be paid with GoPay; `name` is its field."""
    for fault in checks.amount_faults(amount):
        yield replace(fault, field=fault.field.replace("amount", name, 1))
    if not isinstance(amount, dict):
        return
    yield from unknown(amount, frozenset({"currency", "value"}), f"{name}.")
    if isinstance(amount.get("currency"), str) and amount["currency"] != GOPAY.currency:
        yield Fault(f"{name}.currency", "must be IDR; GoPay is paid in rupiah.", "138")
    value = amount.get("value")
    if isinstance(value, int) and value > AMOUNT_MAX:
        yield Fault(f"{name}.value", f"must be at most {AMOUNT_MAX} rupiah with GoPay.", "137")


def _interval_faults(interval: object) -> Iterator[Fault]:
    units = ", ".join(Unit)
    if not isinstance(interval, dict):
        yield Fault("interval", f'give {{"unit", "count"}}; the unit is one of {units}.')
        return
    yield from unknown(interval, frozenset({"unit", "count"}), "interval.")
    unit = interval.get("unit")
    if not isinstance(unit, str) or unit not in tuple(Unit):
        yield Fault("interval.unit", f"must be one of {units}.")
        return
    most = COUNT_MAX[Unit(unit)]
    if cure := checks.Whole(least=1, most=most).cure(interval.get("count", 1)):
        yield Fault("interval.count", cure)


def sign_up_faults(fields: Fields, now: datetime) -> Iterator[Fault]:
    """What is wrong with a sign-up. The plan and the payment's fields are checked elsewhere."""
    yield from unknown(fields, _SIGN_UP_FIELDS)
    yield from checks.required(
        fields, "shopperReference", "187", "give your own name for the shopper."
    )
    yield from checks.required(fields, "returnUrl", "14_030", "give where the shopper comes back.")
    rules: Mapping[str, checks.Rule] = {
        "reference": checks.Text(most=OWN_REFERENCE_MAX),
        "shopperReference": checks.Text(least=3, most=256),
        "returnUrl": checks.Text(most=1024),
        "startsAt": checks.Moment(),
        "signUpBy": checks.Text(words=("payment", "link")),
    }
    yield from checks.matching(fields, rules)
    starts_at = checks.moment_of(fields.get("startsAt"))
    if starts_at and not _NO_TIME <= starts_at - now <= _START_WITHIN:
        yield Fault("startsAt", f"must be in the future, and within {_START_WITHIN.days} days.")


def unknown(fields: Fields, known: frozenset[str], prefix: str = "") -> Iterator[Fault]:
    """A fault for each field that this call does not have, so that no misspelt field is ignored."""
    cure = f"is not known here; there are {', '.join(sorted(known))}."
    for name in fields:
        if name not in known:
            yield Fault(prefix + shown_name(name), cure)
