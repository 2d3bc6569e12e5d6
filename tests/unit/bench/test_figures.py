"""The results of a benchmark: medians, targets, a table."""

from itertools import count

import pytest
from bench.figures import Result, Target, in_turn, medians, table


def test_the_ratio_of_a_result_is_the_median_of_its_rounds() -> None:
    assert Result(row="some", ratios=[9.0, 0.4, 0.5]).ratio == 0.5


@pytest.mark.parametrize(
    ("target", "is_met"),
    [
        (Target(0.5), True),
        (Target(0.51), False),
        (Target(0.5, is_ceiling=True), True),
        (Target(0.49, is_ceiling=True), False),
    ],
)
def test_a_target_is_a_minimum_or_a_ceiling_and_includes_its_bound(
    target: Target, *, is_met: bool
) -> None:
    assert Result(row="some", ratios=[0.5], target=target).is_met is is_met


def test_a_result_without_a_target_is_neither_met_nor_missed() -> None:
    assert Result(row="start", parts={"help, s": 0.2}).is_met is None


def test_the_first_round_only_warms_up() -> None:
    numbers = count()

    assert in_turn(lambda: {"n": next(numbers)}, 3) == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_there_are_five_rounds_even_if_the_time_is_over() -> None:
    assert len(in_turn(lambda: {"n": 0.0}, 100, within_s=0)) == 5


def test_each_part_is_the_median_of_its_rounds() -> None:
    assert medians([{"a": 1, "b": 9}, {"a": 2, "b": 8}, {"a": 7, "b": 3}]) == {"a": 2, "b": 8}


def test_the_table_shows_for_each_row_whether_its_target_is_met() -> None:
    results = [
        Result(row="one", ratios=[1.2], target=Target(1.0, is_ceiling=True), parts={"p50 ms": 3}),
        Result(row="two", ratios=[0.7]),
    ]

    _, _, one, part, two = table(results).splitlines()

    # These words of the two rows are their verdicts.
    assert (one.split()[5], two.split()[2]) == ("missed", "reported")
    assert part.split() == ["p50", "ms", "3.00"]
