"""Tables and charts of an analyzer: complete, and plain text wherever they are shown."""

from __future__ import annotations

import math
from typing import Any

import pytest

import cfplug
from cfplug import Chart, Section, Table
from cfplug.report.elements import Interval, rounded

POINTS = ("name", "bias", "mean rating", "kind")
COLUMNS = ", ".join(POINTS)
MARKS = "bar, line, point, heatmap, cell, interval"


def chart(mark: str = "point", **roles: Any) -> Chart:
    return Chart(
        "Map",
        mark,
        POINTS,
        [("Heat", 0.5, 4.0, "crime")],
        **{"x": "bias", "y": "mean rating", **roles},
    )


def test_a_section_takes_one_paragraph_or_several() -> None:
    assert cfplug.Section("Biases", "One.").text == ("One.",)
    assert cfplug.Section("Biases", ["One.", "Two."]).text == ("One.", "Two.")
    table = cfplug.Table("", ["a"], [])
    assert cfplug.Section("Biases", tables=[table]).tables == (table,)


# Tables


def test_a_table_shows_its_title_its_cells_and_its_note() -> None:
    table = cfplug.Table(
        "ours", ("model", "mse"), [("pmf", 0.5), ("offsets", None)], "lower is better"
    )
    assert str(table) == "ours\nmodel    mse\npmf      0.5\noffsets\nlower is better"
    assert table._repr_html_() == (
        "<table><caption>ours</caption><thead><tr><th>model</th><th>mse</th></tr></thead><tbody>"
        "<tr><td>pmf</td><td>0.5</td></tr><tr><td>offsets</td><td></td></tr></tbody></table>"
        "<p>lower is better</p>"
    )
    assert str(cfplug.Table("", ("a",), [("b",)])) == "a\nb"


def test_a_table_escapes_hostile_text_in_a_notebook() -> None:
    bad = "<script>alert(1)</script>"
    shown = cfplug.Table(bad, (bad,), [(bad,)], bad)._repr_html_()
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") == 4


def test_a_row_has_a_cell_for_every_column() -> None:
    with pytest.raises(ValueError, match=r"^row 1: expected 2 cells, one for each column, got 1$"):
        Table("t", ("a", "b"), [(1, 2), (3,)])
    with pytest.raises(ValueError, match=r"^row 0: expected 4 cells, one for each column, got 3$"):
        Chart("c", "point", POINTS, [("Heat", 0.5, 4.0)], x="bias", y="bias")


def test_an_interval_shows_its_ends() -> None:
    interval = Interval(0.81473, 0.7965, 0.8329)
    assert str(interval) == "0.8147 (0.7965 to 0.8329)"
    assert str(Table("", ("mse",), [(interval,)])) == "mse\n0.8147 (0.7965 to 0.8329)"


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        ((1.0, 0.911, 1.089), "1.000 (0.911 to 1.089)"),
        ((-0.00001, -0.01, 0.01), "0.00 (-0.01 to 0.01)"),
        ((48_123.0, 47_000.0, 49_000.0), "48123 (47000 to 49000)"),
        ((48_123.0, 0.25, 91_000.0), "48123.00 (0.25 to 91000.00)"),
        ((2e-5, 1e-5, 3e-5), "2e-05 (1e-05 to 3e-05)"),
        ((2, 2, 2), "2 (2 to 2)"),
    ],
)
def test_the_ends_of_an_interval_have_the_decimals_of_its_number(
    ends: tuple[float, float, float], shown: str
) -> None:
    assert str(Interval(*ends)) == shown


def test_any_cell_can_be_read_as_an_interval() -> None:
    assert Interval.of(Interval(2, 1, 3)) == Interval(2, 1, 3)
    assert Interval.of(4.5) == Interval(4.5, 4.5, 4.5)
    assert math.isnan(Interval.of(None).value)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (Interval(0.81468, 0.78147, 0.84789), "0.815 (0.781 to 0.848)"),
        (Interval(42.69, 41.59, 43.78), "42.7 (41.6 to 43.8)"),
        (Interval(1234.5, 1034.5, 1434.5), "1230 (1030 to 1430)"),
        (Interval(0.0, -0.0004, 0.0004), "0.0000 (-0.0004 to 0.0004)"),
        (Interval(-0.00001, -0.01, 0.01), "0.00 (-0.01 to 0.01)"),
        (Interval(2.0, 2.0, 2.0), "2 (2 to 2)"),
        (1.23456, "1.235"),
        (None, "None"),
    ],
)
def test_a_number_has_no_more_digits_than_its_interval_supports(
    cell: Interval | float | None, shown: str
) -> None:
    assert str(rounded(cell)) == shown


def test_a_cell_is_rounded_to_the_decimals_asked_for() -> None:
    assert rounded(Interval(50.26, -0.04, 100.26), 1) == Interval(50.3, 0.0, 100.3)
    assert str(rounded(Interval(50.26, -0.04, 100.26), 1).low) == "0.0", "no zero is negative"
    assert rounded(Interval(50.26, -7, 107), 0, 0, 100) == Interval(50, 0, 100)
    assert str(rounded(-0.001, 2)) == "0.0"
    assert rounded(None, 2) is None


# Charts


def test_the_data_of_a_chart_is_a_table() -> None:
    drawn = chart(color="kind", label="name", log=["x"], reference="diagonal", note="below")
    assert (drawn.log, drawn.color, drawn.label) == (("x",), "kind", "name")
    assert drawn.table() == Table("Map", POINTS, [("Heat", 0.5, 4.0, "crime")], "below")


@pytest.mark.parametrize(
    ("roles", "text"),
    [
        ({"mark": "pie"}, f"mark: expected one of {MARKS}, got 'pie'"),
        ({"mark": "pont"}, f"mark: expected one of {MARKS}, got 'pont'; did you mean point?"),
        ({"x": "bais"}, f"x: expected one of {COLUMNS}, got 'bais'; did you mean bias?"),
        ({"y": ""}, f"y: expected one of {COLUMNS}, got ''"),
        ({"color": "genre"}, f"color: expected one of {COLUMNS}, got 'genre'"),
        ({"facet": "kin"}, f"facet: expected one of {COLUMNS}, got 'kin'; did you mean kind?"),
        ({"log": "z"}, "log: expected one of x, y, got 'z'"),
        (
            {"reference": "diagonl"},
            "reference: expected one of \"\", diagonal, zero, got 'diagonl'; "
            "did you mean diagonal?",
        ),
        ({"mark": "interval"}, "mark: an interval needs low and high, columns with its ends"),
    ],
)
def test_a_chart_that_cannot_be_drawn_says_why(roles: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        chart(**roles)
    assert str(caught.value) == text


def test_a_section_takes_tables_and_charts_as_lists() -> None:
    section = Section("Map", "One.", [Table("", ("a",), [])], [chart()])
    assert (len(section.tables), len(section.charts)) == (1, 1)
    assert (section.analyzer, section.model) == ("", "")
