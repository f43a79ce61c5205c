"""The full text of each error about an invalid CSV file."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cfplug_tables import CsvParams
from cfplug_tables.delimited import read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cfplug

Write = Callable[..., Path]

RATINGS = "user,item,rating\n1,10,4\n2,10,3.5\n1,30,5\n"


def error_of(context: cfplug.Context, ratings: Path, **params: Any) -> str:
    """The text of the error that reading raises."""
    with pytest.raises(cfplug.DataError) as raised:
        read(CsvParams(ratings, **params), context)
    return str(raised.value)


# The file as a whole


def test_a_file_that_is_not_there_names_the_nearest(
    write: Write, context: cfplug.Context, tmp_path: Path
) -> None:
    write("ratings.csv", RATINGS)
    path = tmp_path / "ratngs.csv"
    assert error_of(context, path) == f"{path}: there is no such file; did you mean ratings.csv?"


def test_a_folder_that_is_not_there_is_named(context: cfplug.Context, tmp_path: Path) -> None:
    path = tmp_path / "data" / "ratings.csv"
    assert error_of(context, path) == f"{path}: there is no folder {tmp_path / 'data'}"


def test_a_folder_is_not_a_file(context: cfplug.Context, tmp_path: Path) -> None:
    assert error_of(context, tmp_path) == f"{tmp_path}: expected a file, got a folder"


def test_a_file_that_may_not_be_read_is_reported(
    write: Write, context: cfplug.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    path = write("ratings.csv", RATINGS)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert error_of(context, path) == f"{path}: cannot be read: Permission denied"


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_reported(content: str, write: Write, context: cfplug.Context) -> None:
    assert error_of(context, write("ratings.csv", content)) == "ratings.csv: the file is empty"


@pytest.mark.parametrize("ending", ["", "\n"])
def test_a_header_with_no_row_is_reported(
    ending: str, write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", "user,item,rating" + ending)
    assert error_of(context, path) == "ratings.csv: expected rows, got only a header"


def test_a_wrong_encoding_names_line_and_byte(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", "user,item,rating\nBob,1,4\nZoë,1,4\n", "latin-1")
    assert error_of(context, path) == (
        "ratings.csv:3: byte 28 of the file, 0xeb, is not utf-8; "
        "for another encoding, set encoding: latin-1"
    )


def test_utf_16_is_recognized_by_its_mark(write: Write, context: cfplug.Context) -> None:
    assert error_of(context, write("ratings.csv", RATINGS, "utf-16")) == (
        "ratings.csv:1: byte 1 of the file, 0xff, is not utf-8; "
        "for another encoding, set encoding: utf-16"
    )


# Its columns


def test_a_missing_column_names_the_nearest_and_all_there_are(
    write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", "userId,movieId,rating\n1,10,4\n")
    assert error_of(context, path) == (
        "ratings.csv: there is no column user (did you mean userId?), no column item; "
        "the file has userId, movieId, rating; set their names (user: NAME, item: NAME)"
    )


def test_a_missing_id_column_of_another_table_names_its_parameter(
    write: Write, context: cfplug.Context
) -> None:
    users = write("users.csv", "id,age\n1,30\n")
    assert error_of(context, write("ratings.csv", RATINGS), users=users) == (
        "users.csv: there is no column user; the file has id, age; set their names (users_id: NAME)"
    )


def test_a_time_column_that_is_asked_for_must_be_there(
    write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", RATINGS)
    assert error_of(context, path, time="when") == (
        "ratings.csv: there is no column when; the file has user, item, rating; "
        "set their names (time: NAME)"
    )


def test_another_separator_is_guessed(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", RATINGS.replace(",", ";"))
    assert error_of(context, path) == (
        "ratings.csv: there is no column user, no column item, no column rating; "
        "the file has user;item;rating; set their names (user: NAME, item: NAME, rating: NAME); "
        "or is the separator ';'?"
    )


def test_a_file_without_a_header_is_recognized(write: Write, context: cfplug.Context) -> None:
    users = write("users.csv", "1,30,F\n2,40,M\n")
    assert error_of(context, write("ratings.csv", RATINGS), users=users) == (
        "users.csv: there is no column user; the file has 1, 30, F; "
        "set their names (users_id: NAME); "
        "or is there no header? then name the columns (users_columns: [NAME, ...])"
    )


def test_a_header_without_names_is_not_a_header(write: Write, context: cfplug.Context) -> None:
    assert error_of(context, write("ratings.csv", ",,\n1,2,3\n")) == (
        "ratings.csv: there is no column user, no column item, no column rating; "
        "the file has no named column; "
        "set their names (user: NAME, item: NAME, rating: NAME)"
    )


def test_two_columns_of_one_name_are_refused(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", "user,item,rating,item\n1,2,3,4\n")
    assert error_of(context, path) == "ratings.csv:1: two columns are called item"


def test_two_given_columns_of_one_name_are_refused(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", "1,2,3\n")
    assert (
        error_of(context, path, columns=("user", "item", "item"))
        == "columns: two columns are called item"
    )


def test_a_column_in_the_way_of_another_is_named(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", "user,user_id,item,rating\nann,1,2,3\n")
    assert error_of(context, path, user="user_id") == (
        "ratings.csv: two columns would be called user: the one of that name and user_id"
    )


# Its rows


def test_too_many_cells_name_the_line(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", RATINGS + "3,30,5,oops\n")
    assert error_of(context, path) == "ratings.csv:5: the row has 4 cells; the header has 3"


def test_too_few_cells_name_the_line(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", RATINGS + "3\n")
    assert error_of(context, path) == "ratings.csv:5: the row has 1 cell; the header has 3"


def test_the_number_of_cells_must_be_that_of_the_named_columns(
    write: Write, context: cfplug.Context
) -> None:
    path = write("u.data", "1\t10\t4\t881250949\n")
    assert error_of(context, path, separator="tab", columns=("user", "item", "rating")) == (
        "u.data:1: the row has 4 cells; 3 columns are named"
    )


def test_newlines_in_quotes_do_not_shift_the_line(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", 'user,item,rating,note\n1,10,4,"a\nb\r\nc"\n\n2,10,x,\n')
    assert error_of(context, path) == "ratings.csv:6: column rating: expected a number, got 'x'"


@pytest.mark.parametrize("tail", ["", "\n", "\n2,30,4,good\n", '\n2,30,4,a 5" disk\n'])
def test_a_quote_that_is_never_closed_names_the_line(
    tail: str, write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", 'user,item,rating,note\n1,10,4,fine\n2,10,3,"open' + tail)
    assert error_of(context, path) == (
        'ratings.csv:3: a quote (") is opened in this row and never closed; '
        "if quotes are plain characters in this file, set quote: null"
    )


def test_a_quote_that_swallows_a_whole_file_names_the_line(
    write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", RATINGS + '2,"30,4\n' + "3,30,5\n" * 30_000)
    assert error_of(context, path) == (
        'ratings.csv:5: a quote (") is opened in this row and never closed; '
        "if quotes are plain characters in this file, set quote: null"
    )


@pytest.mark.parametrize("cell", ["good", "", "nan", "inf", "3,5", "True"])
def test_a_rating_that_is_not_a_number_names_the_line(
    cell: str, write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", RATINGS.replace(",", ";") + f"3;30;{cell}\n")
    assert error_of(context, path, separator=";") == (
        f"ratings.csv:5: column rating: expected a number, got {cell!r}"
    )


def test_a_rating_off_the_scale_names_the_line(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", RATINGS.replace("rating", "stars"))
    assert error_of(context, path, rating="stars", scale=(1.0, 4.0)) == (
        "ratings.csv:4: column stars: the rating 5 is off the scale, 1 to 4"
    )


def test_a_rating_off_the_scale_is_found_before_repeats_are_merged(
    write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", "user,item,rating\n1,10,9\n1,10,1\n")
    assert error_of(context, path, scale=(1.0, 5.0), repeats="mean") == (
        "ratings.csv:2: column rating: the rating 9 is off the scale, 1 to 5"
    )


@pytest.mark.parametrize("cell", ["", "  ", '""'])
def test_an_empty_id_names_the_line(cell: str, write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", f"userId,item,rating\n1,10,4\n{cell},10,3\n")
    assert error_of(context, path, user="userId") == "ratings.csv:3: column userId: an id is empty"


def test_an_empty_id_in_another_table_names_its_file(write: Write, context: cfplug.Context) -> None:
    items = write("items.csv", "item,title\n10,Ant\n,Bee\n")
    assert error_of(context, write("ratings.csv", RATINGS), items=items) == (
        "items.csv:3: column item: an id is empty"
    )


def test_a_repeated_pair_names_both_lines(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", RATINGS + "\n1,10,2\n")
    assert error_of(context, path) == (
        "ratings.csv:6: user 1 already rated item 10 in line 2. "
        "Choose what to do with repeats (repeats: last or mean)."
    )


def test_two_rows_for_one_id_name_both_lines(write: Write, context: cfplug.Context) -> None:
    users = write("users.csv", "id,age\n1,30\n2,40\n1,50\n")
    assert error_of(context, write("ratings.csv", RATINGS), users=users, users_id="id") == (
        "users.csv:4: column id: the id 1 already has a row, in line 2"
    )


def test_tables_that_share_no_id_are_refused(write: Write, context: cfplug.Context) -> None:
    users = write("users.csv", "user,age\nu1,30\nu2,40\n")
    assert error_of(context, write("ratings.csv", RATINGS), users=users) == (
        "users.csv: column user: no id of the ratings is among the ids of users; "
        "ratings have '1', users has 'u1'"
    )


def test_a_time_that_is_text_names_the_line_and_the_unit(
    write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", "user,item,rating,time\n1,10,4,0\n1,20,4,2019-05-31\n")
    assert error_of(context, path) == (
        "ratings.csv:3: column time: expected a number of seconds since 1970, got '2019-05-31'; "
        "for text, set time_unit: iso"
    )


def test_milliseconds_taken_for_seconds_are_recognized(
    write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", "user,item,rating,at\n1,10,4,1717156800000\n")
    assert error_of(context, path, time="at") == (
        "ratings.csv:2: column at: the time 1717156800000 s is beyond the year 9999; "
        "for milliseconds, set time_unit: ms"
    )


@pytest.mark.parametrize("cell", ["", "31.5.2019"])
def test_a_time_that_is_not_iso_text_names_the_line(
    cell: str, write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", f"user,item,rating,time\n1,10,4,2019-05-31\n1,20,4,{cell}\n")
    assert error_of(context, path, time_unit="iso") == (
        "ratings.csv:3: column time: expected ISO 8601 text such as 2024-05-31T12:00:00, "
        + f"got {cell!r}"
    )


# Its metadata


def test_a_declared_number_that_is_none_names_the_line(
    write: Write, context: cfplug.Context
) -> None:
    users = write("users.csv", "user,age\n1,30\n2,old\n")
    ratings = write("ratings.csv", RATINGS)
    assert error_of(context, ratings, users=users, roles={"users.age": "number"}) == (
        "users.csv:3: column age: expected a number, got 'old'"
    )


def test_a_declared_time_that_is_none_names_the_line(write: Write, context: cfplug.Context) -> None:
    users = write("users.csv", "user,joined\n1,\n2,May\n")
    ratings = write("ratings.csv", RATINGS)
    assert error_of(context, ratings, users=users, roles={"users.joined": "time"}) == (
        "users.csv:3: column joined: expected ISO 8601 text such as 2024-05-31, got 'May'"
    )


def test_a_role_for_a_column_that_is_not_there_names_the_nearest(
    write: Write, context: cfplug.Context
) -> None:
    users = write("users.csv", "user,age\n1,30\n2,40\n")
    ratings = write("ratings.csv", RATINGS)
    assert error_of(context, ratings, users=users, roles={"users.agee": "number"}) == (
        "users.csv: roles name a column 'agee' that is not there; did you mean age?"
    )


# Any file at all


@contextmanager
def refusing(file: str) -> Iterator[None]:
    """Let a DataError that names the file pass, and nothing else."""
    try:
        yield
    except cfplug.DataError as error:
        if file not in str(error):
            raise


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    head=st.sampled_from(
        ["", "user,item,rating\n", "user,item,rating,time\n", "user,item,rating,x\n1,2,3,4\n"]
    ),
    body=st.text(st.sampled_from(list('12,."\n\r\t\x00|é -x\ufeff\u2028\x1f')), max_size=60)
    | st.text(max_size=30),
    separator=st.sampled_from([",", "tab", "::", "|"]),
    quote=st.sampled_from(['"', None]),
)
def test_any_text_is_read_or_refused_with_its_file_named(
    head: str, body: str, separator: str, quote: str | None, tmp_path: Path, context: cfplug.Context
) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes((head + body).encode("utf-8", "surrogatepass"))
    with refusing(path.name):
        read(CsvParams(path, separator=separator, quote=quote, repeats="last"), context)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.binary(max_size=60),
    encoding=st.sampled_from(["utf-8", "latin-1", "utf-16", "cp1252"]),
)
def test_any_bytes_are_read_or_refused_with_their_file_named(
    content: bytes, encoding: str, tmp_path: Path, context: cfplug.Context
) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(content)
    with refusing(path.name):
        read(CsvParams(path, encoding=encoding, columns=("user", "item", "rating")), context)
