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
from typing import Final

from kasir.adyen.notifications import EventCode
from kasir.adyen.replies import ResultCode
from kasir.gateway.meanings import IGNORED, MEANINGS, RESULTS
from kasir.payments import refunds
from kasir.payments.facts import Fact, Says, Source
from kasir.payments.refunds import RefundStatus
from kasir.payments.status import FINAL, PRECEDENCE, Status, status
from kasir.shop_events import telling

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "payment-status.md"

_OF_REFUNDS: Final = refunds._PRECEDENCE  # noqa: SLF001  # The page is about this very table.
_HELD: Final = telling._BAD  # noqa: SLF001  # The same.

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
    parts = (_HEAD, _statuses(), _ladder(), _next(), _refunds(), _replies(), _codes())
    return "\n".join(parts)


def _statuses() -> str:
    said = _sentences(Status)
    rows = [
        (
            f"`{one}`",
            said[one.name],
            "yes" if one in FINAL else "",
            f"`{telling.OF_STATUS[one]}`" if one in telling.OF_STATUS else "",
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
`awaiting_shopper`, whatever time it is ([why](adr/0013-an-end-is-adyens-word.md)), and the shop is
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
        [(f"`{says}`", says_said[says.name], f"`{one}`") for says, one in _OF_REFUNDS],
    )
    return _ABOUT_REFUNDS + statuses + "\n" + ladder + _AFTER_REFUNDS


_ABOUT_REFUNDS: Final = """\
## Refunds

Each refund is a fold of its own, over the facts that bear its name
([payments/refunds.py](../src/kasir/payments/refunds.py)).

"""
_AFTER_REFUNDS: Final = """
`refund_declined` (Adyen would not even take the request) leaves no refund behind. *Requested* and
*succeeded* refunds count against what can still be asked back; *failed* and *reversed* ones do not.
`refunded` on a payment is the sum of those that *succeeded*.
"""


def _event_of_refund(one: RefundStatus) -> str:
    return f"`{telling.OF_REFUND[one]}`" if one in telling.OF_REFUND else ""


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
