"""Cells of a table as a page shows them: one format a column, intervals, and numbers to sort by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfplug import Table
from cfplug.report.elements import Interval
from cfplug.report.tables import Column, columns


def column(*cells: object) -> Column:
    (found,) = columns(Table("", ("x",), [(cell,) for cell in cells]))
    return found


def texts(*cells: object) -> tuple[tuple[str, ...], str]:
    found = column(*cells)
    return tuple(cell.text for cell in found.cells), found.style


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ((0.55, 0.568, -1.0), (("0.550", "0.568", "-1.000"), "number")),
        ((0.123456, 2.0), (("0.1235", "2.0000"), "number")),
        ((3, 12, 1995), (("3", "12", "1995"), "number")),
        ((1995, 100_000), (("1,995", "100,000"), "number")),
        ((1234.5, 2.0), (("1,234.5", "2.0"), "number")),
        ((2.0, 3, None), (("2", "3", ""), "number")),
        ((0.00001, 0.5), (("1e-05", "0.5"), "number")),
        ((0.0, 0.25), (("0.00", "0.25"), "number")),
        ((np.float64(0.5), np.int64(3)), (("0.5", "3"), "number")),
        ((True, False), (("yes", "no"), "short")),
        ((0.5, "none"), (("0.5", "none"), "short")),
        (("Seven (1995)", "x"), (("Seven (1995)", "x"), "short")),
        (("Children of the Corn: The Gathering (1996)", "x"), None),
        ((None, None), (("", ""), "short")),
        ((), ((), "short")),
    ],
)
def test_a_column_has_one_format_for_all_its_cells(cells: tuple, expected: tuple | None) -> None:
    assert texts(*cells) == (expected or (cells, "long"))


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=9))
def test_decimals_of_a_column_are_even_and_close_to_the_value(values: list[float]) -> None:
    shown, style = texts(*values)
    assert style == "number"
    small = any(0 < abs(value) < 1e-3 for value in values)
    for text, value in zip(shown, values, strict=True):
        assert float(text.replace(",", "")) == pytest.approx(
            value, rel=1e-3, abs=0 if small else 5e-5
        )
    if not small:
        assert len({len(text.partition(".")[2]) for text in shown}) == 1


def test_an_interval_has_the_decimals_of_its_column_and_sorts_by_its_value() -> None:
    found = column(Interval(0.815, 0.8, 0.83), 0.5, None)
    assert [(cell.text, cell.interval) for cell in found.cells] == [
        ("0.815", "0.800 to 0.830"),
        ("0.500", ""),
        ("", ""),
    ]
    assert [cell.value for cell in found.cells] == [0.815, 0.5, None]
    assert found.style == "number"


@given(
    st.lists(
        st.floats(-1e6, 1e6) | st.integers(-(10**9), 10**9) | st.none(), min_size=1, max_size=9
    )
)
def test_numbers_sort_by_value_and_not_by_the_text_shown(values: list[float | None]) -> None:
    assert [cell.value for cell in column(*values).cells] == values


def test_text_sorts_by_its_first_number_if_the_whole_column_has_one() -> None:
    measured = column("0.8147 ± 0.0010", "-10.5 to 3", "1,682", "+0.25 (x)", "")
    assert [cell.value for cell in measured.cells] == [0.8147, -10.5, 1682, 0.25, None]
    assert {cell.value for cell in column("2001: A Space Odyssey", "1997-09", "5").cells} == {None}
    assert {cell.value for cell in column("5", "reference").cells} == {None}


def test_a_table_without_rows_keeps_its_columns() -> None:
    assert [(each.title, each.cells) for each in columns(Table("", ("a", "b"), []))] == [
        ("a", ()),
        ("b", ()),
    ]
