"""The cells of a table carry the labels that a phone shows."""

from __future__ import annotations

import pytest

from kasir.desk.tables import labelled


def test_each_cell_gets_the_label_of_its_column_and_its_role() -> None:
    cells = '<td class="when">now</td>\n<th scope="row"><a href="/x">A</a></th><td></td>'

    assert labelled(cells, ["When", 'The "name"', "<b>"]) == (
        '<td role="cell" data-label="When" class="when">now</td>\n'
        '<th role="rowheader" data-label="The &#34;name&#34;" scope="row"><a href="/x">A</a></th>'
        '<td role="cell" data-label="&lt;b&gt;"></td>'
    )


def test_other_elements_are_no_cells() -> None:
    assert labelled("<td><time>1</time><thin></thin></td>", ["At"]).count("data-label") == 1


@pytest.mark.parametrize("labels", [[], ["A", "B"]])
def test_a_row_that_does_not_fit_its_columns_is_a_mistake(labels: list[str]) -> None:
    with pytest.raises(ValueError, match="1 cells for the columns"):
        labelled("<td>1</td>", labels)
