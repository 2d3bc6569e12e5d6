"""Ids sort by time, are safe in a URL, and are unique."""

import re

from kasir.ids import SortableIds


def id_at(now_ms: int) -> str:
    return SortableIds(lambda: now_ms).new("pay")


def test_an_id_has_its_kind_and_a_fixed_length() -> None:
    ids = [id_at(now_ms) for now_ms in (0, 1_700_000_000_000, 2**48 - 1)]

    assert [bool(re.fullmatch(r"pay_[0-9A-HJKMNP-TV-Z]{26}", one)) for one in ids] == [True] * 3


def test_ids_sort_by_the_time_of_their_creation() -> None:
    moments = [0, 1, 31, 32, 1023, 1024, 1_700_000_000_000, 1_700_000_000_001, 2**48 - 1]
    ids = [id_at(now_ms) for now_ms in moments]

    assert ids == sorted(ids)


def test_ids_of_one_millisecond_differ() -> None:
    ids = SortableIds(lambda: 1_700_000_000_000)

    assert len({ids.new("pay") for _ in range(10_000)}) == 10_000
