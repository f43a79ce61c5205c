"""Metadata of ids: tables go to a file and back, new users and items are read strictly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import DataError, Dataset
from cfplug.data.metadata import Metadata

quick = settings(max_examples=20, deadline=None)

ROLES = {"job": "category", "age": "number", "likes": "set", "born": "time"}
WORDS = ("", " ", "|", "a|b", "None", "nan", "17", "é\U0001f3ac", "'", '"', "\n")
HOSTILE = st.sampled_from(WORDS) | st.text(max_size=4)
NUMBERS = st.floats(-1e300, 1e300, allow_nan=False)
MOMENTS = st.datetimes(pd.Timestamp("1800-01-01"), pd.Timestamp("2200-01-01")).map(pd.Timestamp)
CELLS = {
    "job": HOSTILE,
    "age": NUMBERS,
    "likes": st.lists(HOSTILE, min_size=1, max_size=3).map(tuple),
    "born": MOMENTS,
}


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Users with hostile metadata, much of it missing."""
    n = draw(st.integers(1, 5))
    columns: dict[str, Any] = {"user": range(100, 100 + n)}
    for name in ROLES:
        missing = st.just(()) if name == "likes" else st.none()
        cells = draw(st.lists(missing | CELLS[name], min_size=n, max_size=n))
        kind = {"age": "float64", "born": "datetime64[us]"}.get(name, "object")
        columns[name] = pd.Series(cells, dtype=kind)
    return pd.DataFrame(columns)


def metadata(users: pd.DataFrame, roles: dict[str, str] = ROLES) -> Metadata:
    """What a dataset with these users knows of them; only the first of them has rated."""
    ratings = pd.DataFrame(
        {"user": users["user"].iloc[:1].tolist() * 2, "item": [7, 8], "rating": [1.0, 5.0]}
    )
    return Metadata.of(Dataset.build("drawn", ratings, users, roles={"users": roles}), "user")


def staff() -> Metadata:
    """Five users; no one is below 18, one owes money, and no one said where they live."""
    users = pd.DataFrame(
        {
            "user": [1, 2, 3, 4, 5],
            "name": ["Ann", "Bob", "Cy", "Di", "Ed"],
            "job": ["engineer", "writer", None, "nurse", "engineer"],
            "age": [34, 18, None, 60.5, 41],
            "balance": [-10.0, 3.0, 4.0, 5.0, 6.0],
            "likes": [("jazz", "rock"), (), ("pop",), (), ("rock",)],
            "born": pd.to_datetime(
                ["1950-07-01", None, "2001-02-03", "1999-12-31", "1969-12-31"], format="ISO8601"
            ),
            "town": [None] * 5,
        }
    )
    roles = {**ROLES, "name": "label", "balance": "number", "town": "category"}
    return metadata(users, roles)


def read(**columns: list[Any]) -> pd.DataFrame:
    return staff().read(pd.DataFrame(columns))


def refusal(**columns: list[Any]) -> str:
    with pytest.raises(DataError) as caught:
        read(**columns)
    return str(caught.value)


# The tables


@quick
@given(users=tables())
def test_metadata_goes_to_json_and_back(users: pd.DataFrame) -> None:
    before = metadata(users)
    words = json.loads(json.dumps(before.to_json(), allow_nan=False))
    after = Metadata.from_json("user", words, len(users))
    assert (after.side, after.roles) == ("user", ROLES)
    pd.testing.assert_frame_equal(after.table, before.table, check_dtype=False)
    assert after.to_json() == before.to_json()


@quick
@given(users=tables())
def test_what_the_table_holds_is_read_as_the_same_row(users: pd.DataFrame) -> None:
    known = metadata(users)
    pd.testing.assert_frame_equal(known.read(known.table), known.table, check_dtype=False)


@quick
@given(users=tables(), data=st.data())
def test_rows_are_those_of_the_codes_and_missing_for_an_unknown_one(
    users: pd.DataFrame, data: Any
) -> None:
    known = metadata(users)
    codes = np.array(
        data.draw(st.lists(st.integers(-1, len(users) - 1), max_size=8)), dtype=np.int64
    )
    rows = known.rows(codes)
    assert len(rows) == len(codes)
    for position, code in enumerate(codes):
        if code < 0:
            assert rows.iloc[position].isna().all()
        else:
            assert (
                rows.iloc[[position]]
                .reset_index(drop=True)
                .equals(known.table.iloc[[code]].reset_index(drop=True))
            )


def test_labels_and_ids_are_not_metadata() -> None:
    assert list(staff().table.columns) == ["job", "age", "balance", "likes", "born", "town"]


def test_an_empty_set_is_a_missing_one_and_a_whole_number_a_word_without_a_point() -> None:
    assert staff().table["likes"].tolist() == [("jazz", "rock"), None, ("pop",), None, ("rock",)]
    users = pd.DataFrame({"user": [1, 2], "job": [55117.0, None]})
    assert metadata(users, {"job": "category"}).table["job"].tolist() == ["55117", None]


def test_times_are_kept_in_utc_also_where_summer_and_winter_time_differ() -> None:
    born = pd.to_datetime(["2001-01-03", "2001-07-03", None]).tz_localize("Europe/Berlin")
    known = metadata(pd.DataFrame({"user": [1, 2, 3], "born": born}), {"born": "time"})
    found = known.to_json()["columns"]["born"]
    assert found == ["2001-01-02T23:00:00", "2001-07-02T22:00:00", None]
    assert Metadata.from_json("user", known.to_json(), 3).to_json() == known.to_json()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({}, KeyError),
        ({"roles": {"age": "number"}, "columns": {}}, KeyError),
        ({"roles": {"age": "number"}, "columns": {"age": [1.0]}}, ValueError),
        ({"roles": {"age": "number"}, "columns": {"age": ["old", 2]}}, ValueError),
        ({"roles": {"born": "time"}, "columns": {"born": ["soon", None]}}, ValueError),
        ({"roles": {"born": "time"}, "columns": {"born": None}}, TypeError),
    ],
)
def test_a_damaged_file_is_not_metadata(words: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Metadata.from_json("user", words, 2)


# Newcomers


def test_a_new_user_may_be_given_as_text() -> None:
    found = read(
        age=["34"], likes=["rock | jazz|"], born=["2001-02-03 04:05"], job=["nurse"], balance=["-3"]
    )
    row = {name: found[name].tolist()[0] for name in found.columns if name != "town"}
    assert row == {
        "job": "nurse",
        "age": 34.0,
        "balance": -3.0,
        "likes": ("rock", "jazz"),
        "born": pd.Timestamp("2001-02-03 04:05"),
    }


def test_a_time_with_a_zone_is_the_same_moment_in_utc() -> None:
    assert read(born=["2001-02-03T04:05+02:00"])["born"].tolist() == [
        pd.Timestamp("2001-02-03 02:05")
    ]


def test_values_that_are_not_given_are_missing() -> None:
    found = read(job=["nurse", None])
    assert list(found.columns) == list(staff().table.columns)
    assert found.isna().to_numpy().tolist() == [[False, *[True] * 5], [True] * 6]
    assert found["born"].dtype.kind == "M"
    assert staff().read(pd.DataFrame(index=range(3))).shape == (3, 6)


def test_an_empty_text_is_not_a_member_of_a_set() -> None:
    assert read(likes=["", " | ", [], ("rock",), ["pop", "jazz"]])["likes"].tolist() == [
        *[None] * 3,
        ("rock",),
        ("pop", "jazz"),
    ]


@quick
@given(ages=st.lists(st.floats(0, 1e9) | st.none(), min_size=1, max_size=6))
def test_a_number_beyond_the_known_ones_is_the_nearest_of_them(ages: list[float | None]) -> None:
    naive = [None if age is None else min(max(age, 18.0), 60.5) for age in ages]
    found = read(age=ages)["age"].astype(object)
    assert found.where(found.notna(), None).tolist() == naive


def test_a_column_where_all_is_missing_takes_any_number() -> None:
    users = pd.DataFrame({"user": [1, 2, 3], "age": pd.Series([None] * 3, dtype="float64")})
    found = metadata(users, {"age": "number"}).read(pd.DataFrame({"age": ["-7", None]}))
    assert found["age"].tolist()[0] == -7.0
    assert found["age"].isna().tolist() == [False, True]


def test_a_column_that_is_not_there_names_the_nearest() -> None:
    there = "(known are: job, age, balance, likes, born, town)"
    assert (
        refusal(agee=["3"]) == f"nothing called agee is known of users; did you mean age? {there}"
    )
    assert refusal(name=["Ann"]) == f"nothing called name is known of users {there}"
    with pytest.raises(DataError) as caught:
        Metadata("item").read(pd.DataFrame({"year": [1999]}))
    assert str(caught.value) == "nothing called year is known of items (known are: none)"


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (
            {"job": [None, "enginer"]},
            "users, row 1, column job: no user has 'enginer'; did you mean engineer? "
            "(known are: engineer, nurse, writer)",
        ),
        (
            {"job": ["zzz"]},
            "users, row 0, column job: no user has 'zzz' (known are: engineer, nurse, writer)",
        ),
        (
            {"likes": ["rock", "pop|jaz"]},
            "users, row 1, column likes: no user has 'jaz'; did you mean jazz? (known are: "
            "jazz, pop, rock)",
        ),
        ({"town": ["Ulm"]}, "users, row 0, column town: no user has 'Ulm' (known are: none)"),
        (
            {"age": [20, -3]},
            "users, row 1, column age: must not be below 0; is -3 (known ones go from 18 to 60.5)",
        ),
        (
            {"age": ["-3"]},
            "users, row 0, column age: must not be below 0; is -3 (known ones go from 18 to 60.5)",
        ),
        ({"age": ["abc"]}, "row 0, column age: must be a number; is 'abc'"),
        ({"age": [20.0, np.inf]}, "row 1, column age: a number is finite or missing; is inf"),
        ({"age": ["inf"]}, "row 0, column age: a number is finite or missing; is inf"),
        (
            {"born": [None, "soon"]},
            "row 1, column born: must be a time such as 1998-04-01 12:30; is 'soon'",
        ),
        ({"born": [1998]}, "column born: must hold times; is of type int64"),
    ],
)
def test_what_cannot_be_known_is_refused(columns: dict[str, list[Any]], text: str) -> None:
    assert refusal(**columns) == text


def test_groups_below_zero_are_not_an_error() -> None:
    assert read(balance=[-3, -99])["balance"].tolist() == [-3.0, -10.0]


def test_of_many_known_categories_the_first_twenty_are_listed() -> None:
    users = pd.DataFrame({"user": range(25), "job": [f"j{n:02}" for n in range(25)]})
    with pytest.raises(DataError) as caught:
        metadata(users, {"job": "category"}).read(pd.DataFrame({"job": ["x"]}))
    some = ", ".join(f"j{n:02}" for n in range(20))
    assert (
        str(caught.value) == f"users, row 0, column job: no user has 'x' (known are: {some}, ...)"
    )
