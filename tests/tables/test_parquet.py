"""The Parquet source: types of its own, rows instead of lines."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from cfplug_tables import ParquetParams
from cfplug_tables.parquet import read
from pyarrow import parquet

import cfplug

RATINGS = {"user": [1, 2, 1], "item": ["a", "a", "b"], "rating": [4, 3, 5]}


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    return stored(tmp_path / "ratings.parquet", RATINGS)


def stored(path: Path, columns: dict[str, Any]) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def error_of(context: cfplug.Context, ratings: Path, **params: Any) -> str:
    """The text of the error that reading raises."""
    with pytest.raises(cfplug.DataError) as raised:
        read(ParquetParams(ratings, **params), context)
    return str(raised.value)


def test_columns_keep_their_types(
    ratings: Path, tmp_path: Path, context: cfplug.Context, said: list[str]
) -> None:
    items = stored(
        tmp_path / "items.parquet",
        {
            "item": ["a", "b", "c"],
            "title": ["Ant", None, "Cow"],
            "genres": [["x", "y"], None, []],
            "price": [Decimal("1.50"), None, Decimal("2")],
            "out": [datetime.date(2020, 5, 31), None, datetime.date(2021, 1, 1)],
            "kind": pa.array(["k", "l", "k"]).dictionary_encode(),
            "free": [True, False, True],
            "tags": ["red|big", "red", ""],
        },
    )
    dataset = read(ParquetParams(ratings, None, items), context)
    assert said == [
        "ratings: user (id), item (id), rating (target)",
        "items: item (id), title (label), genres (set), price (number), out (time), "
        "kind (category), free (category), tags (set)",
    ]
    first = dataset.items.iloc[0]
    assert first["genres"] == ("x", "y")
    assert first["price"] == 1.5
    assert first["out"] == pd.Timestamp("2020-05-31")
    assert first["kind"] == "k"
    assert first["tags"] == ("red", "big")
    assert dataset.items["genres"].tolist()[1:] == [(), ()]
    assert dataset.ratings["user"].tolist() == [1, 2, 1]


def test_text_ids_stay_text(tmp_path: Path, context: cfplug.Context) -> None:
    path = stored(tmp_path / "ratings.parquet", {**RATINGS, "user": ["1", "2", "1"]})
    assert read(ParquetParams(path), context).ratings["user"].tolist() == ["1", "2", "1"]


def test_whole_ids_kept_as_floats_are_whole(tmp_path: Path, context: cfplug.Context) -> None:
    path = stored(tmp_path / "ratings.parquet", {**RATINGS, "user": [1.0, 2.0, 1.0]})
    assert read(ParquetParams(path), context).ratings["user"].tolist() == [1, 2, 1]


def test_times_with_a_zone_are_reported_in_utc(tmp_path: Path, context: cfplug.Context) -> None:
    when = pd.Series(pd.to_datetime(["2024-05-31T14:00:00+02:00"] * 3)).dt.tz_convert(
        "Europe/Berlin"
    )
    path = stored(tmp_path / "ratings.parquet", {**RATINGS, "when": pa.array(when)})
    dataset = read(ParquetParams(path, time="when"), context)
    assert dataset.ratings["time"].tolist() == [pd.Timestamp("2024-05-31 12:00:00")] * 3


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path, context: cfplug.Context) -> None:
    folder = tmp_path / "ratings"
    folder.mkdir()
    stored(folder / "part-0.parquet", RATINGS)
    stored(folder / "part-1.parquet", {"user": [3], "item": ["b"], "rating": [1]})
    assert read(ParquetParams(folder), context).ratings["user"].tolist() == [1, 2, 1, 3]


def test_nested_columns_are_left_out_with_a_note(
    ratings: Path, tmp_path: Path, context: cfplug.Context
) -> None:
    users = stored(tmp_path / "users.parquet", {"user": [1, 2], "home": [{"city": "Bonn"}, None]})
    dataset = read(ParquetParams(ratings, users), context)
    assert dataset.notes == (
        "users.parquet: column home is left out; cfplug has no role for struct<city: string>",
    )


def test_a_rating_that_is_missing_names_the_row(tmp_path: Path, context: cfplug.Context) -> None:
    path = stored(tmp_path / "ratings.parquet", {**RATINGS, "rating": [4.0, None, 5.0]})
    assert (
        error_of(context, path)
        == "ratings.parquet, row 1: column rating: expected a number, got nan"
    )


def test_a_rating_of_true_is_not_a_number(tmp_path: Path, context: cfplug.Context) -> None:
    path = stored(tmp_path / "ratings.parquet", {**RATINGS, "rating": [True, False, True]})
    assert (
        error_of(context, path)
        == "ratings.parquet, row 0: column rating: expected a number, got True"
    )


@pytest.mark.parametrize("ids", [[1, None, 2], ["a", None, "b"], ["a", " ", "b"]])
def test_an_empty_id_names_the_row(ids: list[Any], tmp_path: Path, context: cfplug.Context) -> None:
    path = stored(tmp_path / "ratings.parquet", {**RATINGS, "who": ids})
    path = stored(path, {"who": ids, "item": [1, 2, 3], "rating": [1, 2, 3]})
    assert (
        error_of(context, path, user="who") == "ratings.parquet, row 1: column who: an id is empty"
    )


def test_a_fractional_id_is_refused(tmp_path: Path, context: cfplug.Context) -> None:
    path = stored(tmp_path / "ratings.parquet", {**RATINGS, "user": [1.0, 2.5, 3.0]})
    assert (
        error_of(context, path)
        == "ratings.parquet, row 1: column user: expected a whole number or text, got 2.5"
    )


def test_a_timestamp_is_not_an_id(tmp_path: Path, context: cfplug.Context) -> None:
    path = stored(
        tmp_path / "ratings.parquet", {**RATINGS, "user": [datetime.date(2020, 5, 31)] * 3}
    )
    assert error_of(context, path) == (
        "ratings.parquet, row 0: column user: expected a whole number or text, "
        "got Timestamp('2020-05-31 00:00:00')"
    )


def test_a_repeated_pair_names_both_rows(tmp_path: Path, context: cfplug.Context) -> None:
    path = stored(tmp_path / "ratings.parquet", {**RATINGS, "item": ["a", "a", "a"]})
    assert error_of(context, path) == (
        "ratings.parquet, row 2: user 1 already rated item 'a' in row 0. "
        "Choose what to do with repeats (repeats: last or mean)."
    )


def test_a_missing_column_names_the_nearest(tmp_path: Path, context: cfplug.Context) -> None:
    path = stored(tmp_path / "ratings.parquet", {"user": [1], "item": [1], "ratings": [1]})
    assert error_of(context, path) == (
        "ratings.parquet: there is no column rating (did you mean ratings?); "
        "the file has user, item, ratings; set their names (rating: NAME)"
    )


def test_a_file_without_rows_is_reported(tmp_path: Path, context: cfplug.Context) -> None:
    path = stored(tmp_path / "ratings.parquet", {"user": pa.array([], "int64")})
    assert error_of(context, path) == "ratings.parquet: expected rows, got none"


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path, context: cfplug.Context) -> None:
    path = tmp_path / "ratings.parquet"
    path.write_text("user,item,rating\n1,1,1\n")
    assert error_of(context, path) == "ratings.parquet: not a complete Parquet file"


def test_a_cut_file_is_reported(ratings: Path, context: cfplug.Context) -> None:
    ratings.write_bytes(ratings.read_bytes()[:-20])
    assert error_of(context, ratings) == "ratings.parquet: not a complete Parquet file"


def test_a_file_that_is_not_there_names_the_nearest(
    ratings: Path, tmp_path: Path, context: cfplug.Context
) -> None:
    path = tmp_path / "rating.parquet"
    assert (
        error_of(context, path) == f"{path}: there is no such file; did you mean ratings.parquet?"
    )


@pytest.mark.parametrize("kind", ["float64", "string", "null", "bool", "timestamp[s]", "int64"])
def test_a_column_of_missing_values_is_accepted(
    kind: str, ratings: Path, tmp_path: Path, context: cfplug.Context
) -> None:
    users = stored(tmp_path / "users.parquet", {"user": [1, 2], "x": pa.array([None, None], kind)})
    assert read(ParquetParams(ratings, users), context).users["x"].isna().all()


@pytest.mark.parametrize("kind", ["float64", "string", "null", "int64"])
def test_ids_that_are_all_missing_are_refused(
    kind: str, tmp_path: Path, context: cfplug.Context
) -> None:
    path = stored(
        tmp_path / "r.parquet", {"user": pa.array([None], kind), "item": [1], "rating": [1]}
    )
    assert error_of(context, path) == "r.parquet, row 0: column user: an id is empty"
