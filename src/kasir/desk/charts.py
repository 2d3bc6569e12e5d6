"""Charts as SVG, made on the server: an image whose figures are also a table on the page."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import pygal
from pygal.style import Style

# pygal adds a finder of its plugins, of a kind that Python warns about at every later import. Kasir
# uses no plugins.
sys.meta_path[:] = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]

#: Colours that people who see no red or green can distinguish, on light and on dark paper.
_STYLE: Final = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#6b7c77",
    foreground_strong="#6b7c77",
    foreground_subtle="#6b7c77",
    colors=("#0f8f7a", "#d97706", "#7c6fd6"),
    font_family="system-ui, sans-serif",
    guide_stroke_color="#6b7c77",
    guide_stroke_dasharray="1,5",
    major_guide_stroke_color="#6b7c77",
    major_guide_stroke_dasharray="1,5",
    label_font_size=11,
    major_label_font_size=11,
    legend_font_size=12,
    opacity=".75",
)
#: About how many labels the horizontal axis has.
_LABELS: Final = 6
#: At most how many labels above 0 the vertical axis has.
_Y_LABELS_MAX: Final = 5


def line_chart(labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> str:
    """A chart of lines, as the `src` of an image; each series has a value for each label."""
    return _source(pygal.Line(**_OPTIONS, fill=len(series) == 1), labels, series)


def bar_chart(labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> str:
    """A chart of bars, as the `src` of an image; each series has a value for each label."""
    return _source(pygal.Bar(**_OPTIONS), labels, series)


_OPTIONS: Final = {
    "style": _STYLE,
    "width": 480,
    "height": 220,
    "js": (),  # An image runs no script.
    "legend_at_bottom": True,
    "show_minor_x_labels": False,
    "truncate_label": -1,
    "max_scale": 6,
    "dots_size": 2,
    "margin": 4,
    "range": None,
    "include_x_axis": True,
    # The axis of small counts has halves too, which stay without a label.
    "value_formatter": lambda value: f"{value:,.0f}".replace(",", ".") if value % 1 == 0 else "",
    "no_data_text": "",
    "disable_xml_declaration": True,
}


def y_labels(most: int) -> list[int]:
    """Return the labels of an axis from 0 to at least `most`: round numbers, each only once."""
    step = next(
        factor * 10**power
        for power in range(len(str(most)) + 1)
        for factor in (1, 2, 5)
        if factor * 10**power * _Y_LABELS_MAX >= most
    )
    return list(range(0, most + step, step)) if most else [0]


def _source(chart: pygal.Graph, labels: Sequence[str], series: Mapping[str, Sequence[int]]) -> str:
    step = max(1, len(labels) // _LABELS)
    chart.x_labels = labels
    chart.x_labels_major = labels[::step]
    chart.y_labels = y_labels(
        max((max(values, default=0) for values in series.values()), default=0)
    )
    chart.range = (0, chart.y_labels[-1] or 1)
    chart.show_legend = len(series) > 1
    for name, values in series.items():
        chart.add(name, list(values))
    encoded = base64.b64encode(chart.render().encode()).decode()
    return f"data:image/svg+xml;base64,{encoded}"
