"""Each item is verified separately; an item without a valid signature is not stored."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fakes import KEY, NOW, OTHER_KEY, envelope, notification_item
from kasir.adyen.signing import key_from_hex
from kasir.errors import DatabaseUnavailable, NotAuthentic, Unreadable
from kasir.store.inbox import Notice
from kasir.webhooks.receiving import receive


class ListInbox:
    """An inbox in memory."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    async def keep(self, notices: Sequence[Notice]) -> None:
        """Store the notices."""
        self.notices.extend(notices)


class BrokenInbox:
    """An inbox whose database is unavailable."""

    async def keep(self, notices: Sequence[Notice]) -> None:
        """Raise the error of an unavailable database."""
        raise DatabaseUnavailable("gone")


async def notices_of(*items: dict[str, object], keys: Sequence[str] = (KEY,)) -> list[Notice]:
    """Receive these items, and return the notices that were stored."""
    inbox = ListInbox()
    await receive(
        envelope(*items),
        is_form=False,
        keys=[key_from_hex(key) for key in keys],
        inbox=inbox,
        received_at=NOW,
    )
    return inbox.notices


async def test_each_signed_item_is_stored_with_a_distinct_notice_key() -> None:
    items = [notification_item(pspReference=f"PSP{number}") for number in range(3)]
    notices = await notices_of(*items)

    assert [notice.names for notice in notices] == [("PSP0",), ("PSP1",), ("PSP2",)]
    assert {notice.event_code for notice in notices} == {"AUTHORISATION"}
    assert {notice.received_at for notice in notices} == {NOW}
    assert len({notice.key for notice in notices}) == 3


async def test_the_same_item_has_the_same_key_and_another_item_has_another() -> None:
    (first,), (again,) = [await notices_of(notification_item()) for _ in range(2)]
    (other,) = await notices_of(notification_item(eventDate="2026-05-05T05:05:06+02:00"))

    assert first.key == again.key
    assert other.key != first.key


async def test_the_previous_key_is_accepted_while_a_key_is_replaced() -> None:
    notices = await notices_of(notification_item(key=OTHER_KEY), keys=(KEY, OTHER_KEY))

    assert len(notices) == 1


async def test_a_batch_with_a_forged_item_is_refused_and_its_signed_items_are_stored() -> None:
    inbox = ListInbox()
    batch = envelope(
        notification_item(pspReference="GOOD1"),
        notification_item(pspReference="FORGED", key=OTHER_KEY),
        notification_item(pspReference="GOOD2"),
    )
    with pytest.raises(NotAuthentic, match="1 of 3"):
        await receive(batch, is_form=False, keys=[key_from_hex(KEY)], inbox=inbox, received_at=NOW)

    assert [notice.names for notice in inbox.notices] == [("GOOD1",), ("GOOD2",)]


async def test_a_body_that_is_not_an_envelope_is_refused() -> None:
    inbox = ListInbox()
    for body in (b"", b"{}", b"[]", b"x"):
        with pytest.raises(Unreadable):
            await receive(
                body, is_form=False, keys=[key_from_hex(KEY)], inbox=inbox, received_at=NOW
            )

    assert inbox.notices == []


async def test_notices_that_cannot_be_stored_are_not_accepted() -> None:
    with pytest.raises(DatabaseUnavailable):
        await receive(
            envelope(notification_item()),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=BrokenInbox(),
            received_at=NOW,
        )
