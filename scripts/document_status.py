"""Write docs/payment-status.md from the code that decides: nothing on that page is kept by hand.

`python scripts/document_status.py` writes the page. tests/tidy/test_pages_keep_up.py fails where
the page and the code have parted.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from kasir.adyen.notifications import EventCode
from kasir.adyen.replies import ResultCode
from kasir.gateway.meanings import IGNORED, MEANINGS, RESULTS
from kasir.ids import PaymentId
from kasir.money import IDR, Money
from kasir.payments import refunds
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.matching import Candidate, Clues, Ruling, match
from kasir.payments.payment import Intent
from kasir.payments.refunds import RefundStatus
from kasir.payments.status import FINAL, PRECEDENCE, Status, status
from kasir.payments.sums import Sums, Why, sums
from kasir.shop_events import event_policy

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "payment-status.md"

_OF_REFUNDS: Final = refunds._PRECEDENCE  # noqa: SLF001  # The page is about this very table.
_HELD: Final = event_policy.HELD_BACK

#: What can be heard of an attempt, in the order of a payment's life.
_HEARD: Final = (
    Says.UNKNOWN,
    Says.FAILED,
    Says.AWAITING_SHOPPER,
    Says.PENDING,
    Says.AUTHORISED,
    Says.REFUSED,
    Says.CANCELLED,
    Says.EXPIRED,
    Says.VOIDED,
)

_HEAD: Final = """\
# How a payment stands

*Written by `scripts/document_status.py` from the code; a test fails when it is out of date.*

A payment's status is computed from the set of its facts
([why](adr/0005-status-is-a-function-of-facts.md)). In which order they came, and how often each was
heard, changes nothing. The whole of it is `status` in
[payments/status.py](../src/kasir/payments/status.py), and this page is drawn from there.
"""

_RULES: Final = """\
Three rules make the table:

- **Good news absorbs.** While one attempt stands, meaning authorised and not voided, the payment is
  `authorised`, whatever else was said of it or of other attempts.
- **An attempt is undone only by its own name.** A void takes away the attempt whose `pspReference`
  it names, and no other.
- **Silence is lifted by any answer to the same call.** *Unknown* counts only while that call has no
  answer.
"""


def page() -> str:
    """The page as it should be."""
    parts = (
        _HEAD,
        _statuses(),
        _ladder(),
        _next(),
        _identity(),
        _refunds(),
        _sums(),
        _replies(),
        _codes(),
    )
    return "\n".join(parts)


def _statuses() -> str:
    said = _sentences(Status)
    rows = [
        (
            f"`{one}`",
            said[one.name],
            "yes" if one in FINAL else "",
            f"`{event_policy.OF_STATUS[one]}`" if one in event_policy.OF_STATUS else "",
            "yes" if one in _HELD else "",
        )
        for one in Status
    ]
    head = ("status", "what it says", "final", "event to the shop", "held back")
    return "## Statuses\n\n" + _table(head, rows) + _ABOUT_STATUSES


_ABOUT_STATUSES: Final = """
*Final* means that nothing more is expected. News can still come, and is still heard. What is *held
back* is told after ten minutes (`settle_after_s`) if it is still true then; at once where the
answer to the shop's own call said so already. If Kasir was away at that moment, it waits until
Adyen has told of something later, eight hours at the most (`behind_max_s`).

`expired` is Adyen's word (OFFER_CLOSED), or follows from it: Adyen had nothing to cancel any more,
told of no payment, and nothing it tells is late. Until then an attempt that nobody finished stays
`awaiting_shopper`, whatever time it is ([why](adr/0014-an-end-is-adyens-word.md)), and the shop is
told nothing. A link whose time ran out shows `paymentPending` for as long; one that the shop
withdrew shows `expired` at once, and is `completed` if it was paid all the same.
"""


def _ladder() -> str:
    """The precedence as a picture: what is higher wins."""
    heard: dict[Status, list[str]] = {}
    for says, one in PRECEDENCE:
        heard.setdefault(one, []).append(says.replace("_", " "))
    width = max(len(one) for one in Status)
    lines = [f"{Status.AUTHORISED:<{width}}  <-  an attempt stands: authorised, and not voided"]
    lines.append(f"{'-' * width}      money has had its say; below, the higher one wins")
    lines += [f"{one:<{width}}  <-  {', '.join(words)}" for one, words in heard.items()]
    lines.append(f"{Status.CREATED:<{width}}  <-  nothing was heard")
    return "## What wins\n\n```\n" + "\n".join(lines) + "\n```\n\n" + _RULES


def _next() -> str:
    """What each piece of news does to each status: every cell is computed by the code itself."""
    rows = []
    for before in _HEARD:
        facts = _known_at(before)
        cells = []
        for news in _HEARD:
            then = status({*facts, _fact(news, "again")})
            cells.append("" if then is status(facts) else f"**{then}**")
        rows.append((f"`{status(facts)}`{_how(before)}", *cells))
    head = ("stands at", *(news.replace("_", " ") for news in _HEARD))
    return _ABOUT_NEWS + _table(head, rows)


_ABOUT_NEWS: Final = """\
## What news does

One attempt, one piece of news: where it stood, and where it stands after hearing what the column
says. An empty cell changes nothing. *Unknown* is here a call that is never answered; its answer
would lift it.

"""


_ABOUT_IDENTITY: Final = """\
## Whose a message is

A merchant reference is what anybody can write, and a return address is what anybody can visit. So
before an answer or a notification says anything of a payment, it must be known whose it is
([why](adr/0013-one-owner-of-a-psp-reference.md);
[payments/matching.py](../src/kasir/payments/matching.py)). Every `pspReference`, of an attempt or
of a change, has **one owner**: the payment that claimed it first, in the transaction that used it.
The database refuses a second.

Proof is one of these:

- **our id**: `metadata.kasirPaymentId`, which Adyen echoes. Adyen's seal does not cover it, so an
  attempt must bear the payment's own reference beside it;
- **our call**: the message is the answer to a call that was made for that payment. The answer to a
  shopper's return is not: whoever returns may bring another payment's result;
- **its name**: a `pspReference` in the message has an owner already. An `originalReference` counts
  where the message tells of a change, and nowhere else.

Without proof, the reference counts only where the payment method is ours (or absent), the amount
is the same, and one payment of that reference is open and has no attempt yet. That holds for bad
news too: a refusal without our id ends the one open payment that it fits.

What is *held* is told to the shop (`payment.needs_attention`) for the open payments that it may
belong to, or for the newest that has ended: ten payments at the most, and each of ten messages.
What is *mismatched* is told as `payment.amount_mismatch`. Whatever is not placed is kept, and read
again when a payment claims one of its names. A cancel by reference is the payment's whose attempt
it names, since one cancel may end several.

"""


def _identity() -> str:
    """The rule on whose a message is: every cell is what the code itself rules."""
    rows = []
    for proof, owners, echo, payments in _PROOFS:
        reference = "ANOTHER" if "another reference" in proof else "R"
        cells = []
        for message in _MESSAGES.values():
            fields: dict[str, Any] = {"attempt": "A", "reference": reference, "method": "m"}
            clues = Clues(**(fields | {"payment_id": echo} | message))
            ruled = match(clues, owners, payments)
            cells.append(f"**{ruled.ruling}**" if ruled.payment_id else str(ruled.ruling))
        rows.append((proof, *cells))
    said = _sentences(Ruling)
    sentences = _table(("it is", "which says"), [(f"**{one}**", said[one.name]) for one in Ruling])
    return _ABOUT_IDENTITY + _table(("proof", *_MESSAGES), rows) + "\n" + sentences


_PAID: Final = Money(IDR, 25_000)
_OURS, _OTHERS = PaymentId("pay_1"), PaymentId("pay_2")


def _candidate(payment_id: PaymentId = _OURS, **more: Any) -> Candidate:
    return Candidate(id=payment_id, reference="R", amount=_PAID, method="m", **more)


_ENDED: Final = _candidate(is_open=False, has_attempt=True)
#: What proves whose a message is: the words, the owners of its names, the id, and the payments.
_PROOFS: Final[Sequence[tuple[str, Mapping[str, PaymentId], str, Sequence[Candidate]]]] = (
    ("our id", {}, _OURS, [_candidate()]),
    ("our id, with another reference", {}, _OURS, [_candidate()]),
    ("the answer to our call", {}, _OURS, [_candidate()]),
    ("its name is owned", {"A": _OURS}, "", [_candidate()]),
    (
        "two of these, and they differ",
        {"A": _OURS},
        _OTHERS,
        [_candidate(), _candidate(_OTHERS)],
    ),
    ("the id of a payment that is not here", {}, "pay_9", [_candidate()]),
    ("none; one payment of its reference is open", {}, "", [_candidate()]),
    ("none; two are open", {}, "", [_candidate(), _candidate(_OTHERS)]),
    ("none; the one there is has ended", {}, "", [_ENDED]),
    ("none; the open one has an attempt", {}, "", [_candidate(has_attempt=True)]),
    ("none; no payment has its reference", {}, "", []),
)
_MESSAGES: Final[Mapping[str, dict[str, Any]]] = {
    "paid, the amount asked": {"amount": _PAID, "pays": True},
    "paid, another amount": {"amount": Money(IDR, 1), "pays": True},
    "not paid": {"amount": _PAID},
    "a change": {"amount": _PAID, "change": "C", "is_change": True},
    "another method": {"amount": _PAID, "pays": True, "method": "visa"},
    "no reference, no amount": {"reference": "", "pays": True},
}


def _how(before: Says) -> str:
    return " (voided)" if before is Says.VOIDED else ""


def _known_at(says: Says) -> set[Fact]:
    before = {_fact(Says.AUTHORISED, "before")} if says is Says.VOIDED else set()
    return {_fact(says, "first"), *before}


def _fact(says: Says, key: str) -> Fact:
    """A fact of one and the same attempt; silence is about a call that nobody answered."""
    is_silence = says is Says.UNKNOWN
    return Fact(
        key=f"{says}:{key}",
        says=says,
        source=Source.KASIR if is_silence else Source.NOTIFICATION,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        about="a call without an answer" if is_silence else f"{says}:{key}",
        psp_reference="" if is_silence else "ATTEMPT",
    )


def _refunds() -> str:
    said, says_said = _sentences(RefundStatus), _sentences(Says)
    rows = [(f"`{one}`", said[one.name], _event_of_refund(one)) for one in RefundStatus]
    statuses = _table(("refund", "what it says", "event to the shop"), rows)
    ladder = _table(
        ("what wins, from the top", "", "the refund is"),
        [
            (f"`{says}`", says_said[says.name], f"`{one}`" if one else "no refund")
            for says, one in _OF_REFUNDS
        ],
    )
    return _ABOUT_REFUNDS + statuses + "\n" + ladder + _AFTER_REFUNDS


_ABOUT_REFUNDS: Final = """\
## Refunds

Each refund is a fold of its own, over the facts that bear its name
([payments/refunds.py](../src/kasir/payments/refunds.py)). A reversal is one of them, unless it is
known to have been a cancel.

"""
_AFTER_REFUNDS: Final = """
`refunded` on a payment is the sum of those that *succeeded*.
"""


def _sums() -> str:
    """What each piece of news does to the sums: every number is computed by the code itself."""
    held: set[Why] = set()
    rows = []
    for chain in _CHAINS:
        known = _known_sums(chain)
        back, more = known.refundable("ATTEMPT"), known.capturable("ATTEMPT")
        held |= {*back.held, *more.held}
        numbers = (known.captured, known.refunded, known.charged_back, back.left, more.left)
        words = ", ".join(f"`{says}`" + ("" if value else " of no sum") for says, value in chain)
        rows.append((words or "nothing", *(f"{number.minor_units:,}" for number in numbers)))
    if missing := set(Why) - held:
        raise ValueError(f"no row shows what {sorted(missing)} holds")
    said = _sentences(Why)
    reasons = [(f"… {one}", said[one.name]) for one in Why]
    head = ("heard of it since", "captured", "refunded", "chargedBack", "refundable", "capturable")
    return (
        _ABOUT_SUMS
        + _table(head, rows)
        + _ABOUT_HOLDING
        + _table(("in the error", "what it is, and how much it holds"), reasons)
        + _AFTER_SUMS
    )


_ABOUT_SUMS: Final = """\
## Sums

[payments/sums.py](../src/kasir/payments/sums.py) counts per attempt, as Adyen does. `captured`,
`refunded` and `chargedBack` never leave 0 to what was authorised and not undone, whatever is heard.
*Refundable* is what may still be asked back (by a refund; a reversal or a cancel passes only where
nothing else takes money back), *capturable* what may still be asked to be taken: more is refused
with 422, before Adyen hears of it.

An attempt of 25,000 whose money is taken by a call of its own: 20,000 were captured, and then this
is heard, of 10,000 each time (of a capture, 5,000; of a reversal that became a refund, 20,000).

"""
_ABOUT_HOLDING: Final = """
The error says what holds the rest, in these words:

"""
_AFTER_SUMS: Final = """
What is not known is counted so that less may leave:

- What is open holds all that it could take, until its end is told: also where nobody heard Adyen's
  answer. A change that Adyen would not take (`refund_declined`, `change_declined`) holds nothing.
- A change that names no attempt is held against each. An end ends the change whose name it bears; a
  cancel by reference is ended by one for each attempt.
- A sum that is missing, not more than nothing, or of another currency is not known: what leaves by
  it is counted as the whole, what comes in by it as nothing.
- An attempt that was cancelled has nothing left, though a part of it was captured before.
- Kasir's own cancel of an attempt that nobody finished holds nothing. It is asked for only while
  nobody has paid, and money that comes late must be free to go back.
- Older facts say `noted` of captures, cancels, reversals and their ends, and `refund_asked` of some
  reversals. They are read as what they would be called today, by their source, words and names
  (`meaning` in [payments/changes.py](../src/kasir/payments/changes.py)).
"""

_WHOLE: Final = 25_000
_AMOUNTS: Final = {
    Says.REVERSAL_ASKED: None,
    Says.CANCEL_ASKED: None,
    Says.CAPTURE_ASKED: 5_000,
    Says.CAPTURED: 5_000,
    Says.CAPTURE_REJECTED: 5_000,
    Says.CAPTURE_FAILED: 5_000,
}


def _chain(*chain: Says) -> tuple[tuple[Says, int | None], ...]:
    """News of one change, with what each tells of money."""
    amounts = {says: _AMOUNTS.get(says, 10_000) for says in chain}
    if Says.REVERSAL_ASKED in chain:
        amounts |= {Says.REFUND_CONFIRMED: 20_000}
    return tuple((says, amounts[says] or _WHOLE) for says in chain)


_CHAINS: Final[tuple[tuple[tuple[Says, int | None], ...], ...]] = (
    (),
    _chain(Says.REFUND_ASKED),
    _chain(Says.REFUND_ASKED, Says.REFUND_REJECTED),
    _chain(Says.REFUND_ASKED, Says.REFUND_CONFIRMED),
    _chain(Says.REFUND_ASKED, Says.REFUND_CONFIRMED, Says.REFUND_FAILED),
    _chain(Says.REVERSAL_ASKED),
    _chain(Says.REVERSAL_ASKED, Says.REFUND_REJECTED),
    _chain(Says.REVERSAL_ASKED, Says.REFUND_CONFIRMED),
    _chain(Says.REVERSAL_ASKED, Says.VOIDED),
    _chain(Says.CANCEL_ASKED),
    _chain(Says.CANCEL_ASKED, Says.CANCEL_REJECTED),
    _chain(Says.CANCEL_ASKED, Says.VOIDED),
    _chain(Says.CAPTURE_ASKED),
    _chain(Says.CAPTURE_ASKED, Says.CAPTURE_REJECTED),
    _chain(Says.CAPTURE_ASKED, Says.CAPTURED),
    _chain(Says.CAPTURE_ASKED, Says.CAPTURED, Says.CAPTURE_FAILED),
    _chain(Says.DISPUTE_ANNOUNCED),
    _chain(Says.DISPUTE_ANNOUNCED, Says.CHARGED_BACK),
    _chain(Says.CHARGED_BACK, Says.CHARGEBACK_REVERSED),
    _chain(Says.CHARGED_BACK, Says.CHARGEBACK_REVERSED, Says.SECOND_CHARGEBACK),
    ((Says.REFUND_CONFIRMED, None),),
    ((Says.CHARGED_BACK, None),),
)


def _known_sums(chain: Sequence[tuple[Says, int | None]]) -> Sums:
    """The sums of an attempt that was captured in part, after news of one change."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    intent = Intent(
        id=PaymentId("pay_1"),
        reference="",
        amount=Money(IDR, _WHOLE),
        method="",
        return_url="",
        created_at=at,
        close_at=at,
        captures_itself=False,
    )
    before = [(Says.AUTHORISED, _WHOLE, ""), (Says.CAPTURED, 20_000, "FIRST")]
    facts = [
        Fact(
            key=f"{says}:{name}",
            says=says,
            source=Source.NOTIFICATION,
            at=at,
            psp_reference="ATTEMPT",
            modification=name,
            amount=Money(IDR, value) if value else None,
        )
        for says, value, name in (*before, *((says, value, "SECOND") for says, value in chain))
    ]
    return sums(intent, facts)


def _event_of_refund(one: RefundStatus) -> str:
    return f"`{event_policy.OF_REFUND[one]}`" if one in event_policy.OF_REFUND else ""


def _replies() -> str:
    rows = [(f"`{code}`", f"`{RESULTS[code]}`") for code in ResultCode]
    return (
        "## What Adyen's result codes say\n\n"
        "In the answers to `/payments` and `/payments/details`. A code that is not here settles "
        "nothing\n(`pending`); the notification will.\n\n" + _table(("resultCode", "says"), rows)
    )


def _codes() -> str:
    told = {code for code, _ in MEANINGS}
    rows = [
        (f"`{code}`", f"`{MEANINGS[code, True]}`", f"`{MEANINGS[code, False]}`")
        for code in EventCode
        if code in told
    ]
    ignored = [(f"`{code}`", _reason(code)) for code in EventCode if code in IGNORED]
    return (
        _ABOUT_CODES
        + _table(("eventCode", "success: true", "success: false"), rows)
        + "\nIgnored on purpose, and kept all the same:\n\n"
        + _table(("eventCode", "because it is"), ignored)
    )


_ABOUT_CODES: Final = """\
## What Adyen's event codes say

Of a payment, in a standard notification. `noted` is kept on the timeline and changes nothing. Two
of them read more than the code: `CANCEL_OR_REFUND` is `voided` where `modification.action` is
`cancel`, and an `AUTHORISATION` that failed is `cancelled` where its reason says that the shopper
cancelled. A code that is not here is kept, accepted and shown as *unheard of*.

"""


def _reason(code: EventCode) -> str:
    """The reason; "the same" is the reason of the nearest one above, in the order of the table."""
    told = list(IGNORED)
    place = told.index(code)
    return next(
        IGNORED[above] for above in reversed(told[: place + 1]) if IGNORED[above] != "the same"
    )


def _sentences(enum: type[StrEnum]) -> Mapping[str, str]:
    """The sentence that stands above each member in the source."""
    source = inspect.getsource(enum)
    members = re.findall(r"((?:^ +#: .*\n)+) +(\w+) = ", source, flags=re.MULTILINE)
    found = {name: " ".join(re.findall(r"#: (.*)", above)) for above, name in members}
    silent = set(enum.__members__) - set(found)
    if silent:
        raise ValueError(f"{enum.__name__}: no sentence above {sorted(silent)}")
    return found


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(_lines(head, rows)) + "\n"


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |".replace("|  |", "| |").replace("|  |", "| |")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(PAGE.parent.parent)}")
