"""Sections in a run folder: read again as they were, and a CSV file for each table and chart."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Chart, PluginError, Section, Table
from cfplug.report.elements import Interval
from cfplug.report.serialize import (
    check_section,
    csv_files,
    csv_text,
    place_of,
    read_section,
    to_dicts,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(codec="utf-8"), max_size=8)
simple = st.none() | text | finite | st.booleans() | st.integers(-9, 9)
cells = simple | st.builds(Interval, finite, finite, finite)


def tables() -> st.SearchStrategy[Table]:
    return st.lists(text, min_size=1, max_size=3).flatmap(
        lambda columns: st.builds(
            Table,
            text,
            st.just(columns),
            st.lists(st.tuples(*[cells] * len(columns)), max_size=4),
            text,
        )
    )


def charts() -> st.SearchStrategy[Chart]:
    rows = st.lists(st.tuples(finite, finite, text | st.none()), max_size=4)
    return st.builds(
        lambda title, rows, note: Chart(
            title, "point", ("a", "b", "who"), rows, x="a", y="b", label="who", note=note
        ),
        text,
        rows,
        text,
    )


sections = st.builds(
    Section,
    text,
    st.lists(text, max_size=2),
    st.lists(tables(), max_size=2),
    st.lists(charts(), max_size=2),
    analyzer=text,
    model=text,
)


@settings(max_examples=30, deadline=None)
@given(sections)
def test_a_section_read_from_json_is_the_one_that_was_written(section: Section) -> None:
    dicts = json.loads(json.dumps(to_dicts([check_section(section)])))
    assert [read_section(each) for each in dicts] == [section]


@settings(max_examples=30, deadline=None)
@given(tables())
def test_a_csv_file_holds_every_cell_and_the_ends_of_every_interval(table: Table) -> None:
    header, *rows = csv.reader(io.StringIO(csv_text(table), newline=""))
    assert len(rows) == len(table.rows)
    assert {len(row) for row in rows} <= {len(header)}
    for row, given_row in zip(rows, table.rows, strict=True):
        flat = [
            _flat(cell, any(isinstance(each[i], Interval) for each in table.rows))
            for i, cell in enumerate(given_row)
        ]
        assert row == [("" if each is None else str(each)) for cell in flat for each in cell]


def _flat(cell: object, three: bool) -> list[object]:
    if isinstance(cell, Interval):
        return [cell.value, cell.low, cell.high]
    return [cell, None, None] if three else [cell]


def test_an_interval_is_three_columns_of_a_csv_file() -> None:
    table = Table(
        "errors",
        ("group", "error, rating points"),
        [("men", Interval(0.5, 0.25, 0.75)), ("women", None)],
    )
    header = '"error, rating points","error, rating points (low)","error, rating points (high)"'
    assert csv_text(table) == f"group,{header}\r\nmen,0.5,0.25,0.75\r\nwomen,,,\r\n"


def test_every_table_and_chart_has_its_file_under_model_and_analyzer() -> None:
    table, chart = (
        Table("Lowest bias", ("a",), [(1,)]),
        Chart("Map: 1 & 2", "point", ("a",), [(1,)], x="a", y="a"),
    )
    found = [
        Section("Biases", "", [table, table], [chart], analyzer="bias-ranking", model="PMF 50"),
        Section("Biases", "", [table], analyzer="bias-ranking", model="bias"),
    ]
    files = dict(csv_files(found))
    assert list(files) == [
        "sections/pmf-50/bias-ranking/1-lowest-bias.csv",
        "sections/pmf-50/bias-ranking/2-lowest-bias.csv",
        "sections/pmf-50/bias-ranking/3-map-1-2.csv",
        "sections/bias/bias-ranking/1-lowest-bias.csv",
    ]
    assert set(files.values()) == {"a\r\n1\r\n"}


@given(sections)
def test_a_hostile_title_makes_no_hostile_path(section: Section) -> None:
    for path, _ in csv_files([section]):
        assert re.fullmatch(
            r"sections/([a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?/)*[0-9]+(-[a-z0-9-]*[a-z0-9])?\.csv",
            path,
        )


def test_a_section_without_an_analyzer_is_in_the_folder_of_its_title() -> None:
    assert place_of(Section("Where it fails")) == "where-it-fails/"


@pytest.mark.parametrize("key", ["title", "text", "tables", "charts", "analyzer", "model"])
def test_a_dict_that_lacks_a_key_is_refused(key: str) -> None:
    (as_dict,) = to_dicts([Section("s")])
    del as_dict[key]
    with pytest.raises(KeyError, match=key):
        read_section(as_dict)


def test_numbers_of_numpy_in_a_section_become_plain_ones() -> None:
    table = Table(
        "t",
        ("a", "b", "c"),
        [(np.float64(0.5), np.int32(3), np.bool_(True)), ("x", None, 1.5)],
        "below",
    )
    found = to_dicts([check_section(Section("s", "one paragraph", [table]))])
    assert json.loads(json.dumps(found)) == [
        {
            "title": "s",
            "text": ["one paragraph"],
            "tables": [
                {
                    "title": "t",
                    "columns": ["a", "b", "c"],
                    "rows": [[0.5, 3, True], ["x", None, 1.5]],
                    "note": "below",
                }
            ],
            "charts": [],
            "analyzer": "",
            "model": "",
        }
    ]


@pytest.mark.parametrize(
    ("section", "text"),
    [
        (None, "analyze: expected a Section, got NoneType"),
        (
            Section("s", "", [Table("t", ("a",), [(float("nan"),)])]),
            "analyze: expected cells of text, finite numbers or None, got another: "
            "Out of range float values are not JSON compliant: nan",
        ),
        (
            Section("s", "", [Table("t", ("a",), [(Path("x"),)])]),
            "analyze: expected cells of text, finite numbers or None, got another: "
            "Object of type PosixPath is not JSON serializable",
        ),
    ],
)
def test_a_section_that_json_cannot_hold_is_an_error_of_the_plugin(
    section: object, text: str
) -> None:
    with pytest.raises(PluginError) as caught:
        check_section(section)
    assert str(caught.value) == text


def test_a_section_in_memory_is_the_one_that_will_be_read_again() -> None:
    chart = Chart("c", "bar", ("a", "b"), [("x", np.float32(0.5))], x="a", y="b")
    table = Table("t", ("a",), [(Interval(np.float64(0.5), 0, 1),)])
    checked = check_section(Section("s", "", [table], [chart]))
    assert type(checked.charts[0].rows[0][1]) is float
    assert type(checked.tables[0].rows[0][0].value) is float
