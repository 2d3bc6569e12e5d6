"""Ids that sort by time, are safe in a URL and aloud, and are unique."""

import re

from kasir.ids import SortableIds


def name_at(now_ms: int) -> str:
    return SortableIds(lambda: now_ms).new("pay")


def test_an_id_has_its_kind_and_a_fixed_length() -> None:
    names = [name_at(now_ms) for now_ms in (0, 1_700_000_000_000, 2**48 - 1)]

    assert [bool(re.fullmatch(r"pay_[0-9A-HJKMNP-TV-Z]{26}", name)) for name in names] == [True] * 3


def test_ids_sort_by_the_time_they_were_made() -> None:
    moments = [0, 1, 31, 32, 1023, 1024, 1_700_000_000_000, 1_700_000_000_001, 2**48 - 1]
    names = [name_at(now_ms) for now_ms in moments]

    assert names == sorted(names)


def test_ids_of_one_millisecond_differ() -> None:
    ids = SortableIds(lambda: 1_700_000_000_000)

    assert len({ids.new("pay") for _ in range(10_000)}) == 10_000
