"""Lines are read strictly, and whatever is wrong is named by file and line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from cfplug_movielens.archive import Member
from cfplug_movielens.columns import read_table
from cfplug_movielens.rows import Format, row_by_row, rows, without_time
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import DataError

COLUMNS = ("user", "item", "rating")
PLAIN = Format(COLUMNS, "\t", whole=COLUMNS)
HEADED = Format(
    COLUMNS, "\t", header=("user_id:token", "item_id:token", "rating:float"), whole=COLUMNS
)
COLONS = Format((*COLUMNS, "time"), "::", whole=("user", "item", "time"), decimals=("rating",))
TEXTS = Format(
    ("item", "title", "genres"),
    ",",
    header=("movieId", "title", "genres"),
    whole=("item",),
    quoted=True,
)

cells = st.integers(-(10**17), 10**17)
tables = st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=20)


def written(drawn: list[tuple[int, int, int]], end: str = "\n") -> bytes:
    return "".join("\t".join(map(str, row)) + end for row in drawn).encode()


def problem(data: bytes, form: Format = PLAIN) -> str:
    with pytest.raises(DataError) as error:
        read_table(Member("u.data", data), form)
    return str(error.value)


@settings(deadline=None)
@given(tables, st.sampled_from(["\n", "\r\n"]))
def test_whole_numbers_come_back_as_they_were_written(
    drawn: list[tuple[int, int, int]], end: str
) -> None:
    frame = read_table(Member("u.data", written(drawn, end)), PLAIN)
    assert list(frame.itertuples(index=False, name=None)) == drawn


@settings(deadline=None)
@given(tables, st.data())
def test_any_bad_cell_names_its_line(
    drawn: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    line = data.draw(st.integers(1, len(drawn)))
    bad = data.draw(
        st.sampled_from(["", "x", "3.0", "1e3", " 3", "+3", "True", "--3", "1-", "9" * 19, "٣"])
    )
    lines = written(drawn).decode().splitlines()
    lines[line - 1] = f"1\t{bad}\t3"
    assert (
        problem("\n".join(lines).encode())
        == f"u.data:{line}: item: expected a whole number, got {bad!r}"
    )


@settings(deadline=None)
@given(tables, st.data())
def test_any_line_of_another_width_is_an_error(
    drawn: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    line = data.draw(st.integers(1, len(drawn)))
    width = data.draw(st.sampled_from([1, 2, 4, 7]))
    lines = written(drawn).decode().splitlines()
    lines[line - 1] = "\t".join(["1"] * width)
    assert problem("\n".join(lines).encode()) == (
        f"u.data:{line}: expected 3 columns between tabs (user, item, rating), got {width}"
    )


def test_widths_that_cancel_out_are_an_error() -> None:
    assert problem(b"1\t2\t3\n1\t2\n1\t2\t3\t4\n") == (
        "u.data:2: expected 3 columns between tabs (user, item, rating), got 2"
    )


def test_an_empty_line_between_others_is_an_error() -> None:
    assert problem(b"1\t2\t3\n\n1\t2\t3\n") == (
        "u.data:2: expected 3 columns between tabs (user, item, rating), got 1"
    )


def test_an_empty_file_is_an_error() -> None:
    assert problem(b"") == "u.data:1: expected 3 columns between tabs (user, item, rating), got 1"


def test_bytes_that_are_not_text_are_an_error() -> None:
    assert problem(b"1\t2\t3\n1\t\xe92\t3\n") == (
        "u.data:2: not UTF-8 text (byte 0xe9 at position 3 of the line)"
    )


def test_lines_are_counted_from_the_header() -> None:
    header = "\t".join(HEADED.header).encode() + b"\n"
    frame = read_table(Member("u.data", header + b"1\t2\t3\n"), HEADED)
    assert frame.to_numpy().tolist() == [[1, 2, 3]]
    assert (
        problem(header + b"1\t2\tx\n", HEADED)
        == "u.data:2: rating: expected a whole number, got 'x'"
    )


def test_a_misspelt_header_names_the_nearest_column() -> None:
    assert problem(b"user_id:token\titem:token\trating:float\n1\t2\t3\n", HEADED) == (
        "u.data:1: no column called item_id:token; did you mean item:token?"
    )


def test_columns_in_another_order_are_an_error() -> None:
    assert problem(b"item_id:token\tuser_id:token\trating:float\n1\t2\t3\n", HEADED) == (
        "u.data:1: expected the column user_id:token, got item_id:token"
    )


def test_only_a_line_feed_ends_a_line() -> None:
    form = Format(("item", "title"), "|", encoding="latin-1")
    found = list(rows(Member("u.item", b"1|odd\x85title\x0b\x1c\n2|next"), form))
    assert [row["title"] for row in found] == ["odd\x85title\x0b\x1c", "next"]
    assert str(found[1].place) == "u.item:2"


@settings(deadline=None)
@given(tables, st.sampled_from(["\n", "\r\n"]), st.data())
def test_numbers_between_double_colons_come_back_as_they_were_written(
    drawn: list[tuple[int, int, int]], end: str, data: st.DataObject
) -> None:
    halves = data.draw(st.lists(st.integers(1, 10), min_size=len(drawn), max_size=len(drawn)))
    expected = [
        (user, item, half / 2, time) for (user, item, time), half in zip(drawn, halves, strict=True)
    ]
    content = "".join(
        "::".join(f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in row) + end
        for row in expected
    )
    frame = read_table(Member("ratings.dat", content.encode()), COLONS)
    assert list(frame.itertuples(index=False, name=None)) == expected


@pytest.mark.parametrize(
    "line", ["1::2::3", "1::2:3::4::5", "1:2:3:4", "1::2::3::4::5", "1::2::3.5::"]
)
def test_colons_out_of_place_are_an_error(line: str) -> None:
    with pytest.raises(DataError, match=r"^ratings\.dat:2: "):
        read_table(Member("ratings.dat", f"1::2::4.5::5\n{line}\n".encode()), COLONS)


titles = st.text(
    st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), max_size=12
)


@settings(deadline=None)
@given(st.lists(st.tuples(cells, titles, titles), min_size=1, max_size=20))
def test_any_text_comes_back_out_of_quotes(drawn: list[tuple[int, str, str]]) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([TEXTS.header, *drawn])
    frame = read_table(Member("movies.csv", written.getvalue().encode()), TEXTS)
    assert list(frame.itertuples(index=False, name=None)) == drawn


@settings(deadline=None)
@given(st.lists(st.tuples(cells, titles, titles), min_size=1, max_size=20))
def test_the_fast_way_and_the_slow_way_give_one_table(drawn: list[tuple[int, str, str]]) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([TEXTS.header, *drawn])
    member = Member("movies.csv", written.getvalue().encode())
    assert read_table(member, TEXTS).to_dict("list") == row_by_row(member, TEXTS).to_dict("list")


OPEN = "movies.csv:3: the quotes around a cell do not match (unexpected end of data)"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('1,A,B\n2,"C,D', OPEN),
        ('1,A,B\n2,"C,D\n3,"E,F', OPEN),
        ("1,A,B\nx,C,D", "movies.csv:3: item: expected a whole number, got 'x'"),
        (
            "1,A,B\n\n2,C,D",
            "movies.csv:3: expected 3 columns between commas (item, title, genres), got 1",
        ),
        (
            "1,A,B\n2,C",
            "movies.csv:3: expected 3 columns between commas (item, title, genres), got 2",
        ),
        ("1,A,B\n,C,D", "movies.csv:3: item: expected a whole number, got ''"),
        ("", "movies.csv: expected rows, got only a header"),
    ],
)
def test_a_fault_between_commas_is_named_by_its_line(lines: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        read_table(Member("movies.csv", f"movieId,title,genres\n{lines}\n".encode()), TEXTS)
    assert str(error.value) == message


def test_bytes_between_commas_that_are_not_text_are_an_error() -> None:
    with pytest.raises(DataError) as error:
        read_table(
            Member("movies.csv", b"movieId,title,genres\n1,A,B\n2,Les Mis\xe9rables,C\n"), TEXTS
        )
    assert str(error.value) == "movies.csv:3: not UTF-8 text (byte 0xe9 at position 10 of the line)"


@pytest.mark.parametrize("read", [read_table, row_by_row])
@pytest.mark.parametrize("bad", ["", "x", " 3", "nan", "inf", "1,5", "True"])
def test_a_rating_that_is_not_a_number_is_an_error(
    read: Callable[[Member, Format], object], bad: str
) -> None:
    with pytest.raises(DataError) as error:
        read(Member("ratings.dat", f"1::2::3.5::4\n1::3::{bad}::4\n".encode()), COLONS)
    assert str(error.value) == f"ratings.dat:2: rating: expected a number, got {bad!r}"


def test_time_is_left_out_where_the_first_line_is_one_cell_short() -> None:
    form = without_time(Member("ratings.dat", b"1::2::3\n"), COLONS)
    assert (form.columns, form.whole) == (COLUMNS, ("user", "item"))
    assert without_time(Member("ratings.dat", b"1::2::3::4\n5::6::7\n"), COLONS) == COLONS
    assert without_time(Member("ratings.dat", b"1::2\n"), COLONS) == COLONS
    assert without_time(Member("u.data", b"1\t2\n"), PLAIN) == PLAIN
