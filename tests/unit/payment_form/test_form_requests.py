"""Queries and posted forms are parsed leniently, and each value is decoded once."""

from __future__ import annotations

import pytest

from kasir.browser_requests import parse_pairs


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        (b"", []),
        (b"&&", []),
        (b"a=1&&redirectResult=X6XtfGC3%21Y&", [("a", "1"), ("redirectResult", "X6XtfGC3!Y")]),
        (b"redirectResult=a%2521b", [("redirectResult", "a%21b")]),
        (b"redirectResult=X6XtfGC3!Y", [("redirectResult", "X6XtfGC3!Y")]),
        (b"redirectResult", [("redirectResult", "")]),
        (b"a=%ff\xff", [("a", "\N{REPLACEMENT CHARACTER}" * 2)]),
        (b"a=1&" * 1000, []),
    ],
)
def test_a_query_is_parsed_without_its_empty_pairs_and_decoded_once(
    query: bytes, pairs: list[tuple[str, str]]
) -> None:
    assert parse_pairs(query) == pairs
