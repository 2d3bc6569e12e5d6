"""In a body that only Kasir reads, a field name that occurs twice in one object is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kasir.errors import InvalidRequest
from kasir.requests.subscription_fields import own_fields

#: Texts of characters that a wrong parser would take for the end of a string or of a name.
TEXTS = st.text(st.sampled_from('ab:",{}\\ é/'), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4), st.booleans())
def test_a_body_without_a_repeated_name_is_read_unchanged(
    fields: dict[str, object], in_ascii: bool
) -> None:
    assert own_fields(json.dumps(fields, ensure_ascii=in_ascii).encode()) == fields


@pytest.mark.parametrize(
    ("body", "names"),
    [
        pytest.param('{"a": 1, "a": 1}', ["a"], id="the same value"),
        pytest.param('{"a": 1, "b": 2, "a": 3, "b": 4, "a": 5}', ["a", "b"], id="several"),
        pytest.param('{"a": {"b": 1, "b": ":"}}', ["b"], id="in an object"),
        pytest.param('{"a": [1, {"b": "\\":\\"", "b": 2}]}', ["b"], id="in a list"),
        pytest.param('{"a": 1, "\\u0061": 2}', ["a"], id="written in two ways"),
        pytest.param('{"a": {"x": 1, "y": 2}, "a": 3}', ["a"], id="with fields of its own"),
        pytest.param('{"": 1, "": 2}', ["(without a name)"], id="without a name"),
        pytest.param('{"a:": 1, "a:": 2}', ["a:"], id="with a colon"),
    ],
)
def test_a_repeated_name_is_refused(body: str, names: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        own_fields(body.encode())

    assert [fault.field for fault in refused.value.faults] == names
