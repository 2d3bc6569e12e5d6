"""One payment: its life, what can still be done with it, and refund, capture, cancel.

Money moves only after a second look. The page of the second look carries an idempotency key, so
that a form that is posted twice, as by a double click, moves money once.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler

from kasir.adyen.calls import OWN_VERSION
from kasir.desk.acts import Asked, act
from kasir.desk.adyen_answers import require_success
from kasir.desk.form_fields import rupiah_field
from kasir.desk.pages import OurVisit, Page, Visit, money, page
from kasir.desk.payments import BADGES, PATH
from kasir.errors import Fault, InvalidRequest, NotFound, OutcomeUnknown, StillRunning
from kasir.ids import PaymentId
from kasir.money import Money
from kasir.operations.payment_life import AttemptLeft, left_of
from kasir.payments.payment import Payment
from kasir.payments.question import Kind
from kasir.shop_events.payout_shapes import payment_payout
from kasir.store import payouts

_ONE: Final = f"{PATH}/{{payment_id:str}}"
#: The field of a form with the key of the change; only the page of the second look has it.
_KEY_FIELD: Final = "key"
#: The fields of every form that changes a payment.
_FIELDS: Final = ("attempt", _KEY_FIELD)
#: Keys of the desk; none of a shop's own is like them by accident.
_KEY: Final = re.compile(r"desk-[0-9a-f]{32}")


@page(_ONE)
async def get_payment(visit: OurVisit) -> Page:
    """Show a payment: its sums, its payout, its life, and the acts that are possible."""
    visit.check_query()
    payment_id = visit.request.path_params["payment_id"]
    life = await visit.parts.payment_lives.life(payment_id)
    payment = await _payment(visit)
    payout = payment_payout(await payouts.rows_of_payment(visit.parts.pool, payment_id))
    return visit.page(
        "payment.html",
        life=life,
        payment=payment,
        payout=payout,
        kind=BADGES[payment.status],
        base=f"{PATH}/{payment_id}",
        is_manual=not payment.intent.captures_itself,
        linked={section.key: section.path for section in visit.sections},
    )


@page(f"{_ONE}/messages/{{message_id:str}}")
async def get_message(visit: OurVisit) -> Page:
    """Show a message behind a payment, with its secrets hidden."""
    visit.check_query()
    path = visit.request.path_params
    found = await visit.parts.payment_lives.message(path["payment_id"], path["message_id"])
    text = "" if found.body is None else json.dumps(found.body, indent=2, ensure_ascii=False)
    back = f"{PATH}/{path['payment_id']}"
    return visit.page("payment_message.html", message=found, text=text, back=back)


@act("payment.refund", f"{_ONE}/refund", fields=(*_FIELDS, "value"))
async def refund(asked: Asked) -> Page:
    """Refund a part of a payment, or the whole."""
    return await _change(asked, Kind.REFUNDS)


@act("payment.capture", f"{_ONE}/capture", fields=(*_FIELDS, "value"))
async def capture(asked: Asked) -> Page:
    """Capture a part of a payment, or the whole."""
    return await _change(asked, Kind.CAPTURES)


@act("payment.cancel", f"{_ONE}/cancel", fields=_FIELDS)
async def cancel(asked: Asked) -> Page:
    """Cancel a payment that was not captured."""
    return await _change(asked, Kind.CANCELS)


async def _change(asked: Asked, kind: Kind) -> Page:
    """Show what a change does; once that is confirmed, request it at Adyen."""
    payment = await _payment(asked.visit)
    left = _attempt(asked, payment)
    amount = _amount(asked, payment, left, kind)
    if not asked.is_confirmed:
        return _second_look(asked, payment, left, amount)
    key = asked.fields.get(_KEY_FIELD, "")
    if not _KEY.fullmatch(key):
        raise InvalidRequest([Fault(_KEY_FIELD, "is missing; begin again on the payment's page.")])
    message = "payment_changed"
    async with asked.recorded(payment.intent.id, _before(payment, left)) as record:
        record.after = {"change": kind, "key": key} | (
            {"value": amount.minor_units} if amount else {}
        )
        try:
            record.after["pspReference"] = await _request(asked, kind, left, payment, amount, key)
        except StillRunning:  # The form was posted twice; the first request has no answer yet.
            message = "payment_change_running"
        except OutcomeUnknown:
            message, record.after["outcome"] = "payment_change_unknown", "unknown"
    return asked.done(f"{PATH}/{payment.intent.id}", message)


async def _request(
    asked: Asked, kind: Kind, left: AttemptLeft, payment: Payment, amount: Money | None, key: str
) -> str:
    """Request a change as a program does, by the API; returns the pspReference of the change.

    Raises:
        InvalidRequest: There is less left than this, because another change was quicker.
        RefusedByAdyen: Adyen refused it.
        OutcomeUnknown: Adyen did not answer; Kasir asks again.
        StillRunning: The same request runs already.
    """
    body: dict[str, Any] = {"reference": payment.intent.reference}
    if amount:
        body["amount"] = {"currency": amount.currency, "value": amount.minor_units}
    answer = await asked.visit.parts.changes.ask(
        kind, left.psp_reference, msgspec.json.encode(body), OWN_VERSION, key
    )
    require_success(answer)
    return str(answer.json().get("pspReference", ""))


def _second_look(asked: Asked, payment: Payment, left: AttemptLeft, amount: Money | None) -> Page:
    visit = asked.visit
    asked.fields = {**asked.fields, _KEY_FIELD: f"desk-{secrets.token_hex(16)}"}
    whole = payment.intent.amount
    facts = [
        (visit.text("life_payment"), payment.intent.reference),
        (visit.text("life_id"), payment.intent.id),
        (visit.text("life_whole"), money(whole)),
    ]
    if payment.summary.refunded.minor_units:
        facts.append((visit.text("life_refunded"), money(payment.summary.refunded)))
    facts.append((visit.text("life_refundable"), money(left.refundable)))
    facts.append((visit.text("reason"), asked.reason))
    sentence = visit.text(
        f"look_payment.{asked.act.name.partition('.')[2]}",
        amount=money(amount) if amount else "",
        reference=payment.intent.reference,
    )
    return asked.second_look(sentence, facts)


async def _payment(visit: Visit) -> Payment:
    payment_id = visit.request.path_params["payment_id"]
    payment = await visit.parts.payments.payment(PaymentId(payment_id))
    if payment is None:
        raise NotFound("payment", payment_id)
    return payment


def _attempt(asked: Asked, payment: Payment) -> AttemptLeft:
    """The attempt that the form is about.

    Raises:
        InvalidRequest: The payment has no such paid attempt.
    """
    name = asked.fields.get("attempt", "")
    found = next((one for one in left_of(payment) if one.psp_reference == name), None)
    if found is None:
        raise InvalidRequest([Fault("attempt", "is not a paid attempt of this payment.")])
    return found


def _amount(asked: Asked, payment: Payment, left: AttemptLeft, kind: Kind) -> Money | None:
    """The amount of a change; None for a cancel.

    The check of what is left only spares a person a second look that cannot succeed: the use case
    decides under the payment's lock.

    Raises:
        InvalidRequest: It is no positive amount, or there is less left.
    """
    if kind is Kind.CANCELS:
        return None
    value = rupiah_field(asked.fields, "value") or 0
    if value < 1:
        raise InvalidRequest([Fault("value", "must be an amount, such as 25000 or 25.000.")])
    is_refund = kind is Kind.REFUNDS
    most = left.refundable if is_refund else left.capturable
    if value > most and not asked.is_confirmed:
        held = left.refundable_why if is_refund else left.capturable_why
        verb = "refunded" if is_refund else "captured"
        more = f": {held}" if held else ""
        raise InvalidRequest([Fault("value", f"at most {most} can still be {verb}{more}.")])
    return Money(payment.intent.amount.currency, value)


def _before(payment: Payment, left: AttemptLeft) -> Mapping[str, Any]:
    summary = payment.summary
    return {
        "status": summary.status,
        "captured": summary.captured.minor_units,
        "refunded": summary.refunded.minor_units,
        "pspReference": left.psp_reference,
        "refundable": left.refundable,
    }


ROUTES: Final[list[HTTPRouteHandler]] = [get_payment, get_message, refund, capture, cancel]
