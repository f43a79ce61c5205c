"""The CSV source on files that are as they should be."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cfplug_tables import CsvParams
from cfplug_tables.delimited import read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cfplug

Write = Callable[..., Path]

RATINGS = "user,item,rating\n1,10,4\n2,10,3.5\n1,30,5\n"

quick = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(frame.itertuples(index=False, name=None))


# Files of many makers


def test_the_common_case_needs_only_the_file(
    write: Write, context: cfplug.Context, said: list[str]
) -> None:
    dataset = read(CsvParams(write("ratings.csv", RATINGS)), context)
    assert rows(dataset.ratings) == [(1, 10, 4.0), (2, 10, 3.5), (1, 30, 5.0)]
    assert dataset.name == "ratings"
    assert dataset.scale == cfplug.Scale(3.5, 5.0, (3.5, 4.0, 5.0))
    assert dataset.notes == ()
    assert said == ["ratings: user (id), item (id), rating (target)"]


def test_files_in_the_layout_of_movielens_latest_are_read(
    write: Write, context: cfplug.Context, said: list[str]
) -> None:
    ratings = write(
        "ratings.csv",
        "userId,movieId,rating,timestamp\n1,3,4.0,964982703\n1,1,3.5,964981247\n2,3,5.0,847434962\n",
    )
    movies = write(
        "movies.csv",
        "movieId,title,genres\n"
        "1,Toy Story (1995),Adventure|Children\n"
        '2,"American President, The (1995)",Comedy|Drama\n'
        "3,Heat (1995),Adventure\n"
        "4,Cold (1996),Children|Drama\n",
    )
    dataset = read(
        CsvParams(ratings, None, movies, user="userId", item="movieId", time="timestamp"), context
    )
    assert said == [
        "ratings: user (id), item (id), rating (target), time (time)",
        "items: item (id), title (label), genres (set)",
    ]
    assert dataset.ratings["time"].iloc[0] == pd.Timestamp("2000-07-30 18:45:03")
    assert rows(dataset.items)[1] == (2, "American President, The (1995)", ("Comedy", "Drama"))


def test_files_in_the_layout_of_movielens_100k_are_read(
    write: Write, context: cfplug.Context
) -> None:
    ratings = write("u.data", "196\t242\t3\t881250949\n186\t302\t3\t891717742\n")
    users = write("u.user", "186|39|F|executive|00000\n196|49|M|writer|55105\n")
    params = CsvParams(
        ratings,
        users,
        separator="tab",
        columns=("user", "item", "rating", "time"),
        users_separator="|",
        users_columns=("user", "age", "gender", "occupation", "zip"),
    )
    dataset = read(params, context)
    assert dataset.ratings["time"].iloc[0] == pd.Timestamp("1997-12-04 15:55:49")
    assert rows(dataset.users) == [
        (186, 39, "F", "executive", "00000"),
        (196, 49, "M", "writer", "55105"),
    ]


def test_files_in_the_layout_of_movielens_1m_are_read(
    write: Write, context: cfplug.Context
) -> None:
    ratings = write("ratings.dat", "1::73::5::978300760\n2::73::3::978302109\n")
    movies = write(
        "movies.dat",
        '73::Misérables, Les (1995)::Drama|Musical\n74::"Odd" (1995)::Drama\n',
        "latin-1",
    )
    params = CsvParams(
        ratings,
        None,
        movies,
        separator="::",
        encoding="latin-1",
        columns=("user", "item", "rating", "time"),
        items_columns=("item", "title", "genres"),
    )
    dataset = read(params, context)
    assert rows(dataset.items) == [
        (73, "Misérables, Les (1995)", ("Drama", "Musical")),
        (74, '"Odd" (1995)', ("Drama",)),
    ]


@pytest.mark.parametrize("separator", [r"\t", "tab", "\t"])
def test_a_tab_may_be_written_in_three_ways(
    separator: str, write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.tsv", RATINGS.replace(",", "\t"))
    assert len(read(CsvParams(path, separator=separator), context).ratings) == 3


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_an_encoding_does_not_change_the_data(
    encoding: str, write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", "user,item,rating\nZoë,1,4\nRené,1,3\n", encoding)
    message = "utf-8" if encoding == "utf-8-sig" else encoding
    dataset = read(CsvParams(path, encoding=message), context)
    assert dataset.ratings["user"].tolist() == ["Zoë", "René"]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_and_blank_lines_do_not_change_the_data(
    ending: str, write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", ("\n" + RATINGS.replace("2,10", "\n\n2,10")).replace("\n", ending))
    assert rows(read(CsvParams(path), context).ratings) == [
        (1, 10, 4.0),
        (2, 10, 3.5),
        (1, 30, 5.0),
    ]


def test_a_column_without_a_name_is_left_out_with_a_note(
    write: Write, context: cfplug.Context
) -> None:
    dataset = read(
        CsvParams(write("ratings.csv", ",user,item,rating\n0,1,10,4\n1,2,10,3\n")), context
    )
    assert list(dataset.ratings.columns) == ["user", "item", "rating"]
    assert dataset.notes == ("ratings.csv: a column without a name is left out",)


def test_quotes_may_be_plain_letters(write: Write, context: cfplug.Context) -> None:
    ratings = write("ratings.csv", RATINGS)
    items = write("items.csv", 'item,title\n10,"Open\n30,Shut\n')
    dataset = read(CsvParams(ratings, None, items, quote=None), context)
    assert dataset.items["title"].tolist() == ['"Open', "Shut"]


# Ids


def test_ids_with_leading_zeros_stay_apart(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", "user,item,rating\n7,1,4\n007,1,3\n")
    assert read(CsvParams(path), context).ratings["user"].tolist() == ["7", "007"]


def test_ids_have_one_type_in_all_files(write: Write, context: cfplug.Context) -> None:
    ratings = write("ratings.csv", RATINGS)
    users = write("users.csv", "user,age\n1,30\n2,40\nguest,50\n")
    dataset = read(CsvParams(ratings, users), context)
    assert dataset.ratings["user"].tolist() == ["1", "2", "1"]
    assert dataset.users["user"].tolist() == ["1", "2", "guest"]


def test_words_that_pandas_takes_for_missing_are_ids(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", "user,item,rating\nNA,null,4\nNone,nan,3\n")
    dataset = read(CsvParams(path), context)
    assert rows(dataset.ratings) == [("NA", "null", 4.0), ("None", "nan", 3.0)]


def test_long_numbers_are_ids_to_the_last_digit(write: Write, context: cfplug.Context) -> None:
    path = write("ratings.csv", "user,item,rating\n123456789012345678901,900719925474099301,4\n")
    dataset = read(CsvParams(path), context)
    assert rows(dataset.ratings) == [("123456789012345678901", 900719925474099301, 4.0)]


def test_the_tables_may_call_their_ids_otherwise(write: Write, context: cfplug.Context) -> None:
    ratings = write("ratings.csv", "who,what,rating\n1,10,4\n")
    users = write("users.csv", "id,what\n1,tea\n")
    items = write("items.csv", "number,who\n10,me\n")
    dataset = read(
        CsvParams(ratings, users, items, "who", "what", users_id="id", items_id="number"), context
    )
    assert list(dataset.users.columns) == ["user", "what"]
    assert list(dataset.items.columns) == ["item", "who"]


# Metadata


def test_the_role_of_metadata_is_inferred_from_its_values(
    write: Write, context: cfplug.Context, said: list[str]
) -> None:
    ratings = write("ratings.csv", RATINGS)
    items = write(
        "items.csv",
        "item,name,year,zip,price,tags,kind\n"
        "10,Ant,1999,01234,1.5,red|big,a\n"
        "20,Bee,2001,94043,,red,a\n"
        "30,Cow,1987,55105,2,big,b\n"
        "40,Doe,1990,55105,4,,b\n",
    )
    dataset = read(CsvParams(ratings, None, items), context)
    assert said[1] == (
        "items: item (id), name (label), year (number), zip (text), price (number), "
        "tags (set), kind (category)"
    )
    assert dataset.items["year"].dtype == "int64"
    assert dataset.items["price"].tolist()[::2] == [1.5, 2.0]
    assert dataset.items["price"].isna().tolist() == [False, True, False, False]
    assert dataset.items["tags"].tolist() == [("red", "big"), ("red",), ("big",), ()]


def test_a_declared_role_is_taken_and_categories_keep_their_text(
    write: Write, context: cfplug.Context, said: list[str]
) -> None:
    ratings = write("ratings.csv", RATINGS)
    users = write("users.csv", "user,age,likes,joined,code\n1,01,a; b,2020-05-31,007\n2,25,,,8\n")
    roles = {
        "users.age": "category",
        "users.likes": "set",
        "users.joined": "time",
        "users.code": "number",
    }
    dataset = read(CsvParams(ratings, users, roles=roles, set_separator=";"), context)
    assert said[1] == "users: user (id), age (category), likes (set), joined (time), code (number)"
    assert rows(dataset.users)[0] == (1, "01", ("a", "b"), pd.Timestamp("2020-05-31"), 7)
    assert rows(dataset.users)[1][1:3] == ("25", ())
    assert dataset.users["joined"].isna().tolist() == [False, True]


def test_titles_with_the_set_separator_are_not_sets(
    write: Write, context: cfplug.Context, said: list[str]
) -> None:
    ratings = write("ratings.csv", RATINGS)
    items = write("items.csv", "item,title\n10,Face|Off\n30,Tom|Jerry\n")
    read(CsvParams(ratings, None, items), context)
    assert said[1] == "items: item (id), title (label)"


def test_texts_for_unknown_metadata_are_named(write: Write, context: cfplug.Context) -> None:
    ratings = write("ratings.csv", RATINGS)
    users = write("users.csv", "user,age\n1,NA\n2,40\n")
    dataset = read(CsvParams(ratings, users, missing=("NA",)), context)
    assert dataset.users["age"].isna().tolist() == [True, False]
    assert dataset.roles["users"]["age"] == "number"


def test_an_id_without_a_row_of_metadata_is_reported(write: Write, context: cfplug.Context) -> None:
    ratings = write("ratings.csv", RATINGS)
    users = write("users.csv", "user,age\n1,30\n")
    dataset = read(CsvParams(ratings, users), context)
    assert dataset.notes == ("1 ids in ratings are missing from users; they have no metadata",)


# Times


@pytest.mark.parametrize(
    ("unit", "cell"),
    [
        ("s", "1717156800"),
        ("s", "1717156800.0"),
        ("ms", "1717156800000"),
        ("iso", "2024-05-31T14:00:00+02:00"),
    ],
)
def test_one_moment_is_read_from_every_unit(
    unit: str, cell: str, write: Write, context: cfplug.Context
) -> None:
    path = write("ratings.csv", f"user,item,rating,when\n1,10,4,{cell}\n")
    dataset = read(CsvParams(path, time="when", time_unit=unit), context)
    assert dataset.ratings["time"].tolist() == [pd.Timestamp("2024-05-31 12:00:00")]


def test_a_column_called_time_is_the_time(write: Write, context: cfplug.Context) -> None:
    dataset = read(CsvParams(write("ratings.csv", "user,item,rating,time\n1,10,4,0\n")), context)
    assert dataset.ratings["time"].tolist() == [pd.Timestamp("1970-01-01")]


def test_a_column_that_looks_like_times_is_pointed_out(
    write: Write, context: cfplug.Context
) -> None:
    dataset = read(
        CsvParams(write("ratings.csv", "user,item,rating,timestamp\n1,10,4,0\n")), context
    )
    assert dataset.notes == (
        "ratings.csv: timestamp is not taken for the time of a rating; `time: timestamp` does that",
    )


# Repeats and scale

REPEATED = "user,item,rating\n1,10,1\n2,10,3\n1,10,4\n"


def test_of_repeated_pairs_the_last_row_may_count(write: Write, context: cfplug.Context) -> None:
    dataset = read(CsvParams(write("ratings.csv", REPEATED), repeats="last"), context)
    assert rows(dataset.ratings) == [(2, 10, 3.0), (1, 10, 4.0)]
    assert dataset.notes == ("1 rating was repeated later; the last row of each pair counts",)


def test_repeated_pairs_may_have_the_mean_rating(write: Write, context: cfplug.Context) -> None:
    dataset = read(CsvParams(write("ratings.csv", REPEATED), repeats="mean"), context)
    assert rows(dataset.ratings) == [(2, 10, 3.0), (1, 10, 2.5)]
    assert dataset.notes == (
        "1 rating was repeated later; the last row of each pair counts, with the mean rating",
    )


def test_a_given_scale_keeps_the_levels_of_the_data(write: Write, context: cfplug.Context) -> None:
    dataset = read(CsvParams(write("ratings.csv", RATINGS), scale=(0.5, 5.0)), context)
    assert dataset.scale == cfplug.Scale(0.5, 5.0, (3.5, 4.0, 5.0))


# Laws

texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8).filter(str.strip)
ids = st.lists(
    st.one_of(st.integers(-(10**17), 10**17)), min_size=1, max_size=12, unique=True
) | st.lists(texts, min_size=1, max_size=12, unique=True)


def is_written_alike(values: list[Any]) -> bool:
    """Whether the values are numbers, or texts that are not all written like numbers."""
    return all(isinstance(each, int) or not re.fullmatch(r"-?[0-9]+", each) for each in values)


@quick
@given(
    users=ids.filter(is_written_alike),
    ratings=st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=12),
)
def test_writing_and_reading_keeps_ids_and_ratings(
    users: list[Any], ratings: list[float], tmp_path: Path, context: cfplug.Context
) -> None:
    frame = pd.DataFrame({"user": users, "item": "a", "rating": ratings[: len(users)]})
    frame.to_csv(tmp_path / "ratings.csv", index=False, quoting=csv.QUOTE_NONNUMERIC)
    dataset = read(CsvParams(tmp_path / "ratings.csv"), context)
    assert dataset.ratings["user"].tolist() == users
    np.testing.assert_array_equal(dataset.ratings["rating"], frame["rating"])


@quick
@given(
    names=st.lists(st.text('a",\n', max_size=6), min_size=1, max_size=20),
    blank=st.booleans(),
    data=st.data(),
)
def test_an_error_names_the_line_on_which_the_row_begins(
    names: list[str], blank: bool, data: st.DataObject, tmp_path: Path, context: cfplug.Context
) -> None:
    bad = data.draw(st.integers(0, len(names) - 1))
    text, line = "user,item,rating,name\n", 0
    for row, name in enumerate(names):
        text += "\n" if blank else ""
        line = text.count("\n") + 1 if row == bad else line
        quoted = '"' + name.replace('"', '""') + '"'
        text += f"{row},1,{'bad' if row == bad else 3},{quoted}\n"
    path = tmp_path / "ratings.csv"
    path.write_text(text)
    with pytest.raises(cfplug.DataError) as raised:
        read(CsvParams(path), context)
    assert str(raised.value) == f"ratings.csv:{line}: column rating: expected a number, got 'bad'"
    assert (raised.value.table, raised.value.row, raised.value.column) == ("ratings", bad, "rating")
