"""The charts: labels of the axis are round numbers, each of them once."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import pytest

from kasir.desk.charts import bar_chart, line_chart, y_labels


def y_texts(source: str) -> list[str]:
    """The labels of the vertical axis of a chart."""
    svg = base64.b64decode(source.partition("base64,")[2]).decode()
    axis = svg.partition('class="axis y')[2].partition('class="axis x')[0]
    return re.findall(r"<text[^>]*>([^<]+)</text>", axis)


def test_labels_of_many_days_are_not_cut() -> None:
    days = [f"{day:02}/11" for day in range(1, 31)]
    svg = base64.b64decode(bar_chart(days, {"one": [1] * 30}).partition("base64,")[2]).decode()

    assert re.findall(r'<text[^>]*class="major">([^<]+)</text>', svg) == days[::5]


@pytest.mark.parametrize(
    ("most", "labels"),
    [
        (0, [0]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (5, [0, 1, 2, 3, 4, 5]),
        (6, [0, 2, 4, 6]),
        (99_000, [0, 20_000, 40_000, 60_000, 80_000, 100_000]),
        (10**15, [0, *(number * 2 * 10**14 for number in range(1, 6))]),
    ],
)
def test_an_axis_has_round_labels_up_to_the_largest_value(most: int, labels: list[int]) -> None:
    assert y_labels(most) == labels


@pytest.mark.parametrize("chart", [bar_chart, line_chart])
@pytest.mark.parametrize(("values", "labels"), [([0, 0], ["0"]), ([0, 2], ["0", "1", "2"])])
def test_an_axis_prints_each_label_once(
    chart: Callable[..., str], values: list[int], labels: list[str]
) -> None:
    assert y_texts(chart(["a", "b"], {"one": values})) == labels
