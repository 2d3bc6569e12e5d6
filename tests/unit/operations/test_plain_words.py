"""Every fact and every call has a sentence."""

from __future__ import annotations

from kasir.operations import plain_words
from kasir.payments.facts import Says
from kasir.payments.question import Kind


def test_every_meaning_and_every_kind_of_call_has_a_sentence() -> None:
    assert plain_words.FACTS.keys() == set(Says)
    assert plain_words.CALLS.keys() == set(Kind)
    sentences = [*plain_words.FACTS.values(), *plain_words.CALLS.values()]
    assert [sentence for sentence in sentences if not sentence.endswith(".")] == []
    assert len(set(sentences)) == len(sentences)
