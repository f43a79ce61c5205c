"""Lines are read strictly, and whatever is wrong is named by file and line."""

from __future__ import annotations

import pytest
from cfplug_movielens.archive import Member
from cfplug_movielens.lines import Format, integers, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import DataError

PLAIN = Format(("user", "item", "rating"), "\t")
HEADED = Format(("user", "item", "rating"), "\t", header=("user_id:token", "item_id:token", "rating:float"))

cells = st.integers(-(10**17), 10**17)
tables = st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=20)


def written(table: list[tuple[int, int, int]], end: str = "\n") -> bytes:
    return "".join("\t".join(map(str, row)) + end for row in table).encode()


def problem(data: bytes, form: Format = PLAIN) -> str:
    with pytest.raises(DataError) as error:
        integers(Member("u.data", data), form)
    return str(error.value)


@settings(deadline=None)
@given(tables, st.sampled_from(["\n", "\r\n"]))
def test_whole_numbers_come_back_as_they_were_written(table: list[tuple[int, int, int]], end: str) -> None:
    frame = integers(Member("u.data", written(table, end)), PLAIN)
    assert list(frame.itertuples(index=False, name=None)) == table


@settings(deadline=None)
@given(tables, st.data())
def test_any_bad_cell_is_told_with_its_line(table: list[tuple[int, int, int]], data: st.DataObject) -> None:
    line = data.draw(st.integers(1, len(table)))
    bad = data.draw(st.sampled_from(["", "x", "3.0", "1e3", " 3", "+3", "True", "--3", "1-", "9" * 19, "٣"]))
    lines = written(table).decode().splitlines()
    lines[line - 1] = f"1\t{bad}\t3"
    assert problem("\n".join(lines).encode()) == f"u.data:{line}: item: must be a whole number; is {bad!r}"


@settings(deadline=None)
@given(tables, st.data())
def test_any_line_of_another_width_is_told(table: list[tuple[int, int, int]], data: st.DataObject) -> None:
    line = data.draw(st.integers(1, len(table)))
    width = data.draw(st.sampled_from([1, 2, 4, 7]))
    lines = written(table).decode().splitlines()
    lines[line - 1] = "\t".join(["1"] * width)
    assert problem("\n".join(lines).encode()) == (
        f"u.data:{line}: has {width} columns; expected 3 between tabs: user, item, rating"
    )


def test_widths_that_cancel_out_are_told() -> None:
    assert problem(b"1\t2\t3\n1\t2\n1\t2\t3\t4\n") == (
        "u.data:2: has 2 columns; expected 3 between tabs: user, item, rating"
    )


def test_an_empty_line_between_others_is_told() -> None:
    assert problem(b"1\t2\t3\n\n1\t2\t3\n") == ("u.data:2: has 1 columns; expected 3 between tabs: user, item, rating")


def test_an_empty_file_is_told() -> None:
    assert problem(b"") == "u.data:1: has 1 columns; expected 3 between tabs: user, item, rating"


def test_bytes_that_are_no_text_are_told() -> None:
    assert problem(b"1\t2\t3\n1\t\xe92\t3\n") == ("u.data:2: not UTF-8 text (byte 0xe9 at position 3 of the line)")


def test_lines_are_counted_from_the_header() -> None:
    header = "\t".join(HEADED.header).encode() + b"\n"
    frame = integers(Member("u.data", header + b"1\t2\t3\n"), HEADED)
    assert frame.to_numpy().tolist() == [[1, 2, 3]]
    assert problem(header + b"1\t2\tx\n", HEADED) == "u.data:2: rating: must be a whole number; is 'x'"


def test_a_misspelt_header_names_the_nearest_column() -> None:
    assert problem(b"user_id:token\titem:token\trating:float\n1\t2\t3\n", HEADED) == (
        "u.data:1: no column called item_id:token; did you mean item:token?"
    )


def test_columns_in_another_order_are_told() -> None:
    assert problem(b"item_id:token\tuser_id:token\trating:float\n1\t2\t3\n", HEADED) == (
        "u.data:1: the column item_id:token stands where user_id:token was expected"
    )


def test_only_a_line_feed_ends_a_line() -> None:
    form = Format(("item", "title"), "|", encoding="latin-1")
    found = list(rows(Member("u.item", b"1|odd\x85title\x0b\x1c\n2|next"), form))
    assert [row["title"] for row in found] == ["odd\x85title\x0b\x1c", "next"]
    assert str(found[1].place) == "u.item:2"
