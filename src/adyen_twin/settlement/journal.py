"""Records what happens to payments, for the reports.

A record that moves money between the shop and Adyen (a capture, a refund, a dispute) waits in
`to_settle` for the next batch. A capture or refund that fails before that never settles.
"""

from __future__ import annotations

import msgspec

from adyen_twin.core.books import Books, Entry, Record
from adyen_twin.core.state import Modification, Payment
from adyen_twin.core.twin import Twin
from adyen_twin.protocol.limits import GOPAY

#: The modification reference that Adyen gives an automatic capture.
AUTOMATIC = "<auto>"


def books_of(twin: Twin, account: str) -> Books:
    """Return the books of a merchant account; new ones, if it has none."""
    return twin.state.books.setdefault(account, Books())


def decided(twin: Twin, payment: Payment, record: Record) -> None:
    """Record that Adyen received a payment, and the decision about it."""
    books = books_of(twin, payment.merchant_account)
    for one in (Record.RECEIVED, record):
        books.journal.append(_entry(twin, payment, one, payment.amount.value))


def ended(twin: Twin, payment: Payment, record: Record, value: int) -> None:
    """Record that an authorisation of so much ended, as it was cancelled or expired."""
    books = books_of(twin, payment.merchant_account)
    books.journal.append(_entry(twin, payment, record, value))


def captured(twin: Twin, payment: Payment, mod: Modification) -> None:
    """Record a capture; the next batch settles it."""
    books = books_of(twin, payment.merchant_account)
    sent = _of_modification(twin, payment, mod, Record.SENT_FOR_SETTLE)
    if mod.automatic:
        reference = mod.psp_reference
        if twin.report_settings.capture_reference == "payment":
            reference = payment.psp_reference
        sent = msgspec.structs.replace(
            sent, modification=reference, modification_reference=AUTOMATIC
        )
    _send(books, sent, Record.SETTLED)


def capture_undone(twin: Twin, payment: Payment, mod: Modification) -> None:
    """Record that a capture failed later, or was cancelled."""
    books = books_of(twin, payment.merchant_account)
    # An automatic capture may have the payment's reference; a payment has only one of those.
    references = (mod.psp_reference, payment.psp_reference)
    failed = _of_modification(twin, payment, mod, Record.CAPTURE_FAILED)
    _fail(books, failed, Record.SETTLED, Record.SETTLED_REVERSED, references)


def refunded(twin: Twin, payment: Payment, mod: Modification) -> None:
    """Record a refund; the next batch settles it."""
    books = books_of(twin, payment.merchant_account)
    sent = _of_modification(twin, payment, mod, Record.SENT_FOR_REFUND)
    _send(books, sent, Record.REFUNDED)


def refund_undone(twin: Twin, payment: Payment, mod: Modification) -> None:
    """Record that a refund failed later."""
    books = books_of(twin, payment.merchant_account)
    failed = _of_modification(twin, payment, mod, Record.REFUND_FAILED)
    references = (mod.psp_reference,)
    _fail(books, failed, Record.REFUNDED, Record.REFUNDED_REVERSED, references)


def disputed(
    twin: Twin, payment: Payment, record: Record, *, psp_reference: str, value: int
) -> None:
    """Record that a dispute moved money; the next batch settles it."""
    entry = msgspec.structs.replace(
        _entry(twin, payment, record, value), modification=psp_reference
    )
    books_of(twin, payment.merchant_account).to_settle.append(entry)


def by_other_system(twin: Twin, entry: Entry) -> None:
    """Record an event of another system on the first merchant account."""
    books = books_of(twin, twin.settings.merchant_account)
    if entry.record is Record.SETTLED:
        for record in (Record.RECEIVED, Record.AUTHORISED):
            books.journal.append(msgspec.structs.replace(entry, record=record, modification=""))
        _send(books, msgspec.structs.replace(entry, record=Record.SENT_FOR_SETTLE), entry.record)
    elif entry.record is Record.REFUNDED:
        _send(books, msgspec.structs.replace(entry, record=Record.SENT_FOR_REFUND), entry.record)
    elif entry.record is Record.CAPTURE_FAILED:
        _fail(books, entry, Record.SETTLED, Record.SETTLED_REVERSED, (entry.psp_reference,))
    else:
        books.to_settle.append(entry)


def _send(books: Books, sent: Entry, settles_as: Record) -> None:
    books.journal.append(sent)
    books.to_settle.append(msgspec.structs.replace(sent, record=settles_as))


def _fail(
    books: Books,
    failed: Entry,
    settles_as: Record,
    reverses_as: Record,
    references: tuple[str, ...],
) -> None:
    """Take a failed modification out of the next batch; reverse it, if it settled already."""
    for index, entry in enumerate(books.to_settle):
        is_same_payment = entry.psp_reference == failed.psp_reference
        if is_same_payment and entry.record is settles_as and entry.modification in references:
            del books.to_settle[index]
            books.journal.append(failed)
            return
    books.to_settle.append(msgspec.structs.replace(failed, record=reverses_as))


def _of_modification(twin: Twin, payment: Payment, mod: Modification, record: Record) -> Entry:
    return msgspec.structs.replace(
        _entry(twin, payment, record, mod.amount.value),
        modification=mod.psp_reference,
        modification_reference=mod.reference or "",
    )


def _entry(twin: Twin, payment: Payment, record: Record, value: int) -> Entry:
    return Entry(
        at=twin.now(),
        record=record,
        psp_reference=payment.psp_reference,
        reference=payment.reference,
        method=GOPAY,
        currency=payment.amount.currency,
        value=value,
        created_at=payment.created_at,
        metadata=payment.metadata,
        shopper_reference=payment.shopper_reference or "",
    )
