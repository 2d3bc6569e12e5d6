"""Each item is verified separately; an item without a signature is not stored."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fakes import KEY, NOW, OTHER_KEY, envelope, notification_item
from kasir.adyen.signing import key_from_hex
from kasir.errors import DatabaseUnavailable, NotAuthentic, Unreadable
from kasir.store.inbox import Notice
from kasir.webhooks.receiving import receive


class ListInbox:
    """An inbox that is a list."""

    def __init__(self) -> None:
        self.kept: list[Notice] = []

    async def keep(self, notices: Sequence[Notice]) -> None:
        """Keep them."""
        self.kept.extend(notices)


class BrokenInbox:
    """An inbox whose database is unavailable."""

    async def keep(self, notices: Sequence[Notice]) -> None:
        """Fail."""
        raise DatabaseUnavailable("gone")


async def received(*items: dict[str, object], keys: Sequence[str] = (KEY,)) -> list[Notice]:
    inbox = ListInbox()
    await receive(
        envelope(*items),
        is_form=False,
        keys=[key_from_hex(key) for key in keys],
        inbox=inbox,
        received_at=NOW,
    )
    return inbox.kept


async def test_every_signed_item_is_kept_as_it_came() -> None:
    items = [notification_item(pspReference=f"PSP{number}") for number in range(3)]
    kept = await received(*items)

    assert [notice.names for notice in kept] == [("PSP0",), ("PSP1",), ("PSP2",)]
    assert {notice.event_code for notice in kept} == {"AUTHORISATION"}
    assert {notice.received_at for notice in kept} == {NOW}
    assert len({notice.key for notice in kept}) == 3


async def test_the_same_item_has_the_same_key_and_another_item_another() -> None:
    (first,), (again,) = [await received(notification_item()) for _ in range(2)]
    (other,) = await received(notification_item(eventDate="2026-05-05T05:05:06+02:00"))

    assert first.key == again.key
    assert other.key != first.key


async def test_both_keys_are_accepted_while_they_are_replaced() -> None:
    kept = await received(notification_item(key=OTHER_KEY), keys=(KEY, OTHER_KEY))

    assert len(kept) == 1


async def test_of_a_batch_the_good_are_kept_and_the_whole_is_not_authentic() -> None:
    inbox = ListInbox()
    batch = envelope(
        notification_item(pspReference="GOOD1"),
        notification_item(pspReference="FORGED", key=OTHER_KEY),
        notification_item(pspReference="GOOD2"),
    )
    with pytest.raises(NotAuthentic, match="1 of 3"):
        await receive(batch, is_form=False, keys=[key_from_hex(KEY)], inbox=inbox, received_at=NOW)

    assert [notice.names for notice in inbox.kept] == [("GOOD1",), ("GOOD2",)]


async def test_what_is_no_envelope_is_not_kept() -> None:
    inbox = ListInbox()
    for body in (b"", b"{}", b"[]", b"x"):
        with pytest.raises(Unreadable):
            await receive(
                body, is_form=False, keys=[key_from_hex(KEY)], inbox=inbox, received_at=NOW
            )

    assert inbox.kept == []


async def test_what_could_not_be_kept_is_not_accepted() -> None:
    with pytest.raises(DatabaseUnavailable):
        await receive(
            envelope(notification_item()),
            is_form=False,
            keys=[key_from_hex(KEY)],
            inbox=BrokenInbox(),
            received_at=NOW,
        )
