from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kasir.reconciliation.tables import Row, TableReader, UnreadableReport, check_columns


def read(content: bytes, size: int = 7) -> list[dict[str, str]]:
    """The rows of a file that is given in pieces of some bytes."""
    reader = TableReader()
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    rows = [row for piece in pieces for row in reader.feed(piece)]
    return [dict(row.values) for row in (*rows, *reader.finish())]


def test_values_are_found_by_the_names_of_their_columns_in_any_order() -> None:
    first = read(b"Type,Psp Reference\nSettled,PSP-1\n")
    second = read(b"Psp Reference,New,Type\nPSP-1,?,Settled\n")

    assert first == [{"Type": "Settled", "Psp Reference": "PSP-1"}]
    assert second == [{"Type": "Settled", "Psp Reference": "PSP-1", "New": "?"}]


def test_the_second_column_of_a_name_does_not_replace_the_first() -> None:
    rows = read(b"Settlement Currency,Type,Settlement Currency\nIDR,Settled,EUR\n")

    assert rows == [
        {"Settlement Currency": "IDR", "Type": "Settled", "Settlement Currency (2)": "EUR"}
    ]


def test_quoted_values_may_have_commas_quotes_and_line_breaks() -> None:
    rows = read(b'Reference,Metadata\r\n"kopi, 2 cups","{""note"":\r\n""a""}"\r\nsecond,\r\n')

    assert rows == [
        {"Reference": "kopi, 2 cups", "Metadata": '{"note":\r\n"a"}'},
        {"Reference": "second", "Metadata": ""},
    ]


def test_a_byte_order_mark_tabs_and_a_missing_last_line_break_are_read() -> None:
    assert read(b"\xef\xbb\xbfType\tBatch\nSettled\t12") == [{"Type": "Settled", "Batch": "12"}]


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=8), st.integers(1, 40))
def test_any_pieces_of_a_file_give_the_rows_of_the_whole(
    values: list[tuple[str, str]], size: int
) -> None:
    quoted = [",".join(f'"{text.replace(chr(34), chr(34) * 2)}"' for text in row) for row in values]
    content = "\n".join(["A,B", *quoted]).encode()

    assert read(content, size) == [{"A": first, "B": second} for first, second in values]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04rest", "choose the format CSV"),
        (b"<?xml version='1.0'?>", "choose the format CSV"),
        (b"Type\n\xff\xfe\n", "it is not text in UTF-8"),
        (b'Type,Batch\n"Settled,12\n', "it was not received completely"),
        (b'Type\n"Settled"x\n', "row 2 is not CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_with_the_cause(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableReport, match=re.escape(why)):
        read(content, max(1, len(content)))


def test_a_missing_column_that_is_needed_is_named() -> None:
    with pytest.raises(UnreadableReport, match="'Batch Number', 'Net Currency'"):
        check_columns(["Type"], ["Type", "Batch Number", "Net Currency"])


def test_the_memory_does_not_grow_with_the_file() -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        try:
            assert sum(1 for _ in many(rows)) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1_000)  # What is imported once.

    assert peak(40_000) < 2 * peak(4_000)


def many(count: int) -> Iterator[Row]:
    """Read a file of many rows, in pieces of 16 KiB."""
    reader = TableReader()
    line = b"TwinMerchant,PSP-REFERENCE-0001,Settled,25000,24500,12,some more text\n"
    yield from reader.feed(b"Merchant Account,Psp Reference,Type,Gross,Net,Batch Number,Text\n")
    left = count
    while left:
        lines = min(left, 230)
        yield from reader.feed(line * lines)
        left -= lines
    yield from reader.finish()
