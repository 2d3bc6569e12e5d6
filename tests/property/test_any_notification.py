"""Any webhook body is stored or refused. Reading a stored notification raises no error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final

from hypothesis import assume, given
from hypothesis import strategies as st

from fakes import KEY, NOW, envelope, notification_item
from kasir.adyen import signing
from kasir.adyen.notifications import item_from
from kasir.adyen.replies import Answer, Verdict
from kasir.errors import NotAuthentic, Unreadable
from kasir.store.inbox import Notice, NoticeKind, NoticeState
from kasir.webhooks.interpreting import Reading, contents, read
from kasir.webhooks.receiving import receive

KEYS: Final = [signing.key_from_hex(KEY)]
#: Any code point, including surrogates and NUL.
ANY_TEXT: Final = st.text(st.characters(codec=None, exclude_categories=()))
ANY_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)
#: The fields of an item that a test replaces with any JSON.
FIELDS: Final = (
    "pspReference",
    "originalReference",
    "merchantReference",
    "eventCode",
    "eventDate",
    "success",
    "reason",
    "paymentMethod",
)


class ListInbox:
    """An inbox that stores notices in a list."""

    def __init__(self) -> None:
        self.stored: list[Notice] = []

    async def keep(self, notices: Sequence[Notice]) -> None:
        """Store notices."""
        self.stored.extend(notices)


def stored_notices(body: bytes, *, is_form: bool = False, is_admitted: bool = True) -> list[Notice]:
    """The notices that are stored for a body, even if the body is refused afterwards.

    With `is_admitted` the sender is known, and any body is stored.
    """
    inbox = ListInbox()
    receiving = receive(
        body,
        is_form=is_form,
        keys=KEYS,
        inbox=inbox,
        received_at=NOW,
        is_admitted=is_admitted,
    )
    try:
        asyncio.run(receiving)
    except (NotAuthentic, Unreadable):
        return inbox.stored
    assert inbox.stored
    return inbox.stored


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can store the text: it has no NUL and no surrogate."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def texts_of(reading: Reading) -> list[str]:
    """Every text of a reading that Kasir writes to a column."""
    texts = [reading.error]
    if reading.fact:
        texts += [reading.fact.key, reading.fact.words, reading.fact.psp_reference]
        texts += [reading.fact.modification, reading.fact.about]
    if reading.clues:
        texts += [reading.clues.reference, *reading.clues.names]
    return texts


def is_stored_correctly(notice: Notice) -> bool:
    """Whether a notice can be stored, and reading it raises no error."""
    reading = read(notice.kind, notice.item, "TwinMerchant")
    displayed = contents(notice.kind, notice.item)
    texts = [notice.event_code, *notice.names, *texts_of(reading)]
    displayed_texts = [displayed.psp_reference, displayed.merchant_reference]
    is_sha256 = len(notice.key) == 32
    return all(map(is_storable, [*texts, *displayed_texts])) and is_sha256


@given(
    st.binary(max_size=200) | ANY_JSON.map(lambda value: json.dumps(value).encode()), st.booleans()
)
def test_any_body_of_a_known_sender_is_stored(body: bytes, is_form: bool) -> None:
    notices = stored_notices(body, is_form=is_form)

    assert notices
    assert all(map(is_stored_correctly, notices))


@given(st.binary(max_size=200), st.booleans())
def test_no_body_of_an_unknown_sender_is_stored(body: bytes, is_form: bool) -> None:
    assert stored_notices(body, is_form=is_form, is_admitted=False) == []


@given(st.dictionaries(st.sampled_from(FIELDS), ANY_JSON), ANY_JSON, ANY_TEXT)
def test_any_signed_item_is_stored_and_read(changes: dict[str, Any], extra: Any, name: str) -> None:
    fields = notification_item(additionalData=None) | changes | {name: extra}
    fields |= {"merchantAccountCode": "TwinMerchant"}
    fields["additionalData"] = {"hmacSignature": ""}
    raw = json.dumps(fields).encode()
    item = item_from(raw)
    # Kasir accepts colons only in the merchant reference: see `is_signed`. The other seven colons
    # separate the eight signed fields.
    assume(signing.signed_text(item).count(":") == 7 + item.merchant_reference.count(":"))
    text = signing.signed_text(item).encode(errors="replace")
    fields["additionalData"] = {"hmacSignature": signing.sign(text, KEYS[0])}
    (notice,) = stored_notices(envelope(fields), is_admitted=False)

    assert is_stored_correctly(notice)


def test_a_raw_notice_is_held_with_its_reason_even_if_it_is_readable_now() -> None:
    reading = read(NoticeKind.RAW, envelope(notification_item()), "TwinMerchant")

    assert reading.state is NoticeState.HELD
    assert "that no Kasir could read then" in reading.error


@given(st.dictionaries(ANY_TEXT, ANY_JSON), ANY_JSON)
def test_an_answer_with_any_fields_is_accepted_and_can_be_stored(
    fields: dict[str, Any], reason: Any
) -> None:
    body = fields | {"resultCode": "Authorised", "refusalReason": reason}
    answer = Answer(200, json.dumps(body).encode())
    stored = json.loads(json.dumps(answer.json()))

    assert answer.verdict is Verdict.ANSWERED
    assert is_storable(json.dumps(stored, ensure_ascii=False))
    assert stored["resultCode"] == "Authorised"
