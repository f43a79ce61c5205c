"""Metadata and time as numbers: what each kind holds, what is left out, what is refused."""

from __future__ import annotations

import datetime
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cfplug import Batch, DataError, Dataset
from cfplug.data.catalogue import Catalogue
from cfplug.data.columns import DAY, YEAR, time_part
from cfplug.data.features import CONTEXT, Feature, Features, read
from cfplug.data.metadata import Metadata
from cfplug.data.vocabulary import UNKNOWN
from cfplug.recipe.settings import TIME_PARTS, FeatureChoice
from cfplug.training.features import described, learn

quick = settings(max_examples=25, deadline=None)

USERS = pd.DataFrame(
    {
        "user": ["ann", "bob", "cem", "dan"],
        "age": [20.0, np.nan, 40.0, 60.0],
        "job": ["writer", None, "nurse", "writer"],
        "level": [10, 2, 10, 1],
        "member": [True, False, True, True],
        "joined": pd.to_datetime(["2000-01-01", "2000-01-03", None, "2000-01-05"]),
        "note": ["likes", "it", "very", "much"],
    }
)
ITEMS = pd.DataFrame(
    {
        "item": [15, 11, 14, 12, 13, 10],
        "title": list("abcdef"),
        "year": [1999.0, 1990.0, np.nan, 1999.0, 1980.0, 1970.0],
        "genres": [
            ("drama",),
            ("comedy", "drama"),
            (),
            ("war",),
            ("drama", "comedy"),
            ("war", "comedy", "drama"),
        ],
        "seen": [(), (), (), (), (), ()],
        "studio": ["x", "x", "x", "x", "x", "x"],
    }
)
RATINGS = pd.DataFrame(
    {
        "user": ["ann", "bob", "cem", "dan", "ann", "bob", "cem"],
        "item": [10, 11, 12, 13, 14, 15, 11],
        "rating": [5.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0],
        "time": pd.to_datetime(
            [
                "2000-02-01 05:00",
                "2000-02-01 23:30",
                "2001-03-02 00:00",
                None,
                "2001-12-31 12:00",
                "2002-01-01 06:00",
                "2009-01-01 06:00",
            ]
        ),
        "device": ["tv", "phone", "tv", None, "tv", "phone", "radio"],
        "volume": [1.0, 3.0, 5.0, np.nan, 1.0, 5.0, 900.0],
        "mood": [("glad",), ("glad", "tired"), (), (), ("tired",), (), ("sad",)],
    }
)
ROLES = {
    "users": {"level": "category", "note": "text", "job": "category"},
    "items": {"studio": "category"},
}
ROLES |= {"ratings": {"device": "category"}}
TRAIN = np.arange(6)
"""All but the last rating."""


def data(
    users: pd.DataFrame = USERS, items: pd.DataFrame = ITEMS, ratings: pd.DataFrame = RATINGS
) -> Dataset:
    tables = {"users": users, "items": items, "ratings": ratings}
    roles = {
        name: {key: role for key, role in ROLES[name].items() if key in table}
        for name, table in tables.items()
    }
    return Dataset.build("small", ratings, users, items, roles=roles)


def learned(
    dataset: Dataset | None = None, **choice: tuple[str, ...]
) -> tuple[dict[str, Feature], tuple[str, ...]]:
    """The features by name, and the words."""
    features, words = learn(FeatureChoice(**choice), dataset or data(), TRAIN)
    return {feature.name: feature for feature in features}, words


def one(**choice: tuple[str, ...]) -> Feature:
    """The only feature of a choice that is learned without a word."""
    features, words = learned(**choice)
    assert words == ()
    (feature,) = features.values()
    return feature


def table_of(feature: Feature) -> np.ndarray:
    assert feature.table is not None
    return feature.table


def plain(feature: Feature) -> list[Any]:
    return table_of(feature).tolist()  # type: ignore[no-any-return]


def of_users(column: pd.Series[Any], role: str) -> Feature | str:
    """Return the feature of a drawn column of users, or the message that it is left out with."""
    n = len(column)
    users = pd.DataFrame({"user": np.arange(n) + 100, "drawn": column})
    ratings = pd.DataFrame(
        {"user": users["user"], "item": np.arange(n) % max(1, n - 1), "rating": 3.0}
    )
    dataset = Dataset.build("drawn", ratings, users, roles={"users": {"drawn": role}})
    features, words = learn(FeatureChoice(user=("all",)), dataset, np.arange(n))
    return words[0] if words else features.each[0]


# Categories


words = st.sampled_from(["a", "b", "é", "10", "2", "", "a b"])


@quick
@given(st.lists(words | st.none(), min_size=2, max_size=9))
def test_a_category_is_one_plus_its_place_among_the_values_and_zero_where_missing(
    column: list[str | None],
) -> None:
    feature = of_users(pd.Series(column, dtype=object), "category")
    assume(isinstance(feature, Feature))
    assert isinstance(feature, Feature)
    assert feature.values == tuple(sorted({value for value in column if value is not None}))
    assert feature.size == len(feature.values) + 1
    assert plain(feature) == [
        0 if value is None else 1 + feature.values.index(value) for value in column
    ]
    assert table_of(feature).dtype == np.int64


def test_a_category_that_was_not_learned_is_as_one_that_is_missing() -> None:
    job = one(user=("job",))
    newcomers = pd.Series(["nurse", "pilot", None, "writer", np.nan, "Writer"], dtype=object)
    assert job.values == ("nurse", "writer")
    assert job.encode(newcomers).tolist() == [1, 0, 0, 2, 0, 0]


@pytest.mark.parametrize(
    "asked",
    [
        pd.Series([2, 10, 3]),
        pd.Series([2.0, 10.0, 3.0]),
        pd.Series(["2", "10", "3"]),
        pd.Series([2, 10, 3], dtype="Int64"),
        pd.Series(["2", "10", "3"], dtype="category"),
        pd.Series([2, "10", 3.0], dtype=object),
    ],
    ids=lambda column: str(column.dtype),
)
def test_whole_numbers_as_categories_are_found_by_value(asked: pd.Series[Any]) -> None:
    level = one(user=("level",))
    assert level.values == ("1", "10", "2")
    assert plain(level) == [2, 3, 2, 1]
    assert level.encode(asked).tolist() == [3, 2, 0]


def test_truth_values_are_categories() -> None:
    member = one(user=("member",))
    assert (member.values, plain(member)) == (("False", "True"), [2, 1, 2, 2])
    assert member.encode(pd.Series([True, None, False], dtype="boolean")).tolist() == [2, 0, 1]


# Numbers


numbers = st.floats(-1e6, 1e6, width=32) | st.integers(-9, 9).map(float)


@quick
@given(st.lists(numbers | st.just(float("nan")), min_size=2, max_size=9))
def test_a_number_is_scaled_by_the_mean_and_deviation_of_what_is_known(column: list[float]) -> None:
    feature = of_users(pd.Series(column), "number")
    assume(isinstance(feature, Feature))
    assert isinstance(feature, Feature)
    array, missing = table_of(feature), np.isnan(column)
    known = np.array(column)[~missing]
    assert array.dtype == np.float32
    assert array.shape == (len(column), feature.width)
    spread = known.std() if len(set(known)) > 1 else 1.0
    np.testing.assert_allclose(array[~missing, 0], (known - known.mean()) / spread, atol=1e-5)
    assert (array[missing, 0] == 0).all()
    assert feature.flagged == missing.any()
    if feature.flagged:
        assert array[:, 1].tolist() == missing.tolist()


def test_a_number_that_is_missing_is_the_mean_and_flagged() -> None:
    age = one(user=("age",))
    assert (age.mean, age.width) == (40.0, 2)
    assert age.deviation == pytest.approx((800 / 3) ** 0.5)
    np.testing.assert_allclose(
        table_of(age), [[-1.2247, 0], [0, 1], [0, 0], [1.2247, 0]], atol=1e-4
    )


def test_a_number_without_gaps_has_no_flag_and_a_newcomers_gap_is_the_mean() -> None:
    feature = of_users(pd.Series([1.0, 3.0, 5.0]), "number")
    assert isinstance(feature, Feature)
    assert (feature.flagged, feature.width) == (False, 1)
    assert feature.encode(pd.Series([3.0, np.nan])).tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(
    "dtype", ["int64", "float32", "Int64", "Float64", "bool", "boolean", "int64[pyarrow]"]
)
def test_a_number_may_have_any_type_of_number(dtype: str) -> None:
    feature = of_users(pd.Series([0, 1, 1, 0]).astype(dtype), "number")
    assert isinstance(feature, Feature)
    assert plain(feature) == [[-1.0], [1.0], [1.0], [-1.0]]


def test_one_known_value_among_gaps_is_marked_by_its_flag_and_stays_finite() -> None:
    feature = of_users(pd.Series([0.1, 0.1, np.nan, 0.1, 0.1, 0.1, 0.1]), "number")
    assert isinstance(feature, Feature)
    assert feature.deviation == 1.0
    np.testing.assert_allclose(table_of(feature)[:, 0], 0, atol=1e-6)
    assert feature.encode(pd.Series([1.1])).ravel() == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    users = USERS.assign(age=[20.0, np.nan, value, 40.0])
    with pytest.raises(DataError) as caught:
        learned(data(users), user=("age",))
    assert str(caught.value) == f"row 2, column age: a number is finite or missing; is {value}"


def test_a_time_is_a_number_of_days() -> None:
    joined = one(user=("joined",))
    day = (datetime.datetime(2000, 1, 3) - datetime.datetime(1970, 1, 1)).days
    assert (joined.kind, joined.mean, joined.flagged) == ("number", day, True)
    assert joined.deviation == pytest.approx((8 / 3) ** 0.5)
    np.testing.assert_allclose(
        table_of(joined), [[-1.2247, 0], [0, 0], [0, 1], [1.2247, 0]], atol=1e-4
    )


# Sets


members = st.lists(st.sampled_from(["war", "comedy", "drama", "é"]), max_size=4, unique=True).map(
    tuple
)


@quick
@given(st.lists(members, min_size=2, max_size=9))
def test_a_set_is_the_codes_of_its_members_filled_up_with_zeros(
    column: list[tuple[str, ...]],
) -> None:
    feature = of_users(pd.Series(column, dtype=object), "set")
    assume(isinstance(feature, Feature))
    assert isinstance(feature, Feature)
    assert feature.values == tuple(sorted({member for one in column for member in one}))
    most = max(map(len, column))
    codes = [[1 + feature.values.index(member) for member in one] for one in column]
    assert plain(feature) == [one + [0] * (most - len(one)) for one in codes]


def test_an_empty_set_is_zeros_and_a_member_that_was_not_learned_is_left_out() -> None:
    genres = one(item=("genres",))
    assert genres.values == ("comedy", "drama", "war")
    assert plain(genres) == [[2, 0, 0], [1, 2, 0], [0, 0, 0], [3, 0, 0], [2, 1, 0], [3, 1, 2]]
    asked = pd.Series([("noir",), (), ("noir", "war"), None], dtype=object)
    assert genres.encode(asked).tolist() == [[0], [0], [3], [0]]
    assert genres.encode(pd.Series([], dtype=object)).shape == (0, 1)


# By value, and from which rows


@quick
@given(st.permutations(range(4)))
def test_every_row_is_encoded_for_itself(order: list[int]) -> None:
    features, _ = learned(user=("age", "job", "level", "member", "joined"))
    assert len(features) == 5
    for feature in features.values():
        column = USERS[feature.name.partition(".")[2]]
        np.testing.assert_array_equal(feature.encode(column.iloc[order]), table_of(feature)[order])
        alone = np.concatenate([feature.encode(column.iloc[[row]]) for row in range(len(column))])
        np.testing.assert_array_equal(alone, table_of(feature))


def test_tables_have_a_row_for_each_code_also_of_ids_without_metadata() -> None:
    ratings = pd.concat(
        [RATINGS, pd.DataFrame({"user": ["zoe"], "item": [99], "rating": [2.0]})], ignore_index=True
    )
    dataset = data(ratings=ratings.assign(mood=[*RATINGS["mood"], ()]))
    features, _ = learned(dataset, user=("job", "age"), item=("genres", "year"))
    assert plain(features["user.job"]) == [2, 0, 1, 2, 0]
    assert plain(features["user.age"])[-1] == [0.0, 1.0]
    assert plain(features["item.genres"])[-1] == [0, 0, 0]
    assert plain(features["item.year"])[-1] == [0.0, 1.0]


def test_the_columns_of_a_rating_are_learned_from_its_training_rows_alone() -> None:
    features, words = learned(context=("device", "volume", "mood"))
    assert words == ()
    assert [feature.table for feature in features.values()] == [None] * 3
    assert features["context.device"].values == ("phone", "tv")
    assert features["context.mood"].values == ("glad", "tired")
    assert features["context.volume"].mean == pytest.approx(3.0)
    assert features["context.volume"].encode(pd.Series([900.0]))[0, 0] > 100


def test_learning_changes_no_table() -> None:
    dataset = data()
    before = dataset.hash()
    learned(dataset, user=("all",), item=("all",), time=("all",), context=("all",))
    assert dataset.hash() == before


# What is left out with a word


def test_all_takes_every_column_that_a_model_can_look_at_and_names_the_others() -> None:
    features, words = learned(user=("all",), item=("all",), context=("all",))
    assert list(features) == [
        *("user.age", "user.job", "user.level", "user.member", "user.joined"),
        *("item.year", "item.genres"),
        *("context.device", "context.volume", "context.mood"),
    ]
    assert words == (
        "features.user: left out note (text): models do not look at text",
        "features.item: left out title (label): models do not look at text",
        "features.item.seen: left out: the column is empty everywhere",
        "features.item.studio: left out: it has one value only",
    )


def test_a_table_of_ids_alone_has_no_features() -> None:
    assert learned(data(users=USERS[["user"]]), user=("all",)) == ({}, ())


@pytest.mark.parametrize("names", [("drawn",), ("all",)])
@pytest.mark.parametrize(
    ("role", "column", "why"),
    [
        ("category", ["x", "x", "x", "x"], "it has one value only"),
        ("category", ["x", "y", "z", "w"], "it has as many values as rows"),
        ("category", [1, 2, 3, 4], "it has as many values as rows"),
        ("number", [7.0, 7.0, 7.0, 7.0], "it has one value only"),
        ("set", [("x",), ("x",), ("x",), ("x",)], "it has one value only"),
        ("set", [("x", "y"), ("y", "x"), ("x", "y"), ("y", "x")], "it has one value only"),
        ("time", pd.to_datetime(["2000-01-01"] * 4), "it has one value only"),
    ],
)
def test_a_column_that_distinguishes_nothing_is_left_out_with_a_note(
    role: str, column: Any, why: str, names: tuple[str, ...]
) -> None:
    users = pd.DataFrame({"user": USERS["user"], "drawn": column})
    dataset = Dataset.build("drawn", RATINGS, users, roles={"users": {"drawn": role}})
    assert learned(dataset, user=names) == ({}, (f"features.user.drawn: left out: {why}",))


@pytest.mark.parametrize(
    ("role", "column"),
    [
        ("category", ["x", None, "x", "x"]),
        ("category", ["x", "y", "z", "x"]),
        ("category", ["x", "y", "z", None]),
        ("number", [7.0, np.nan, 7.0, 7.0]),
        ("number", [1.0, 2.0, 3.0, 4.0]),
        ("set", [("x",), (), ("x",), ("x",)]),
    ],
)
def test_a_column_that_distinguishes_something_is_kept(role: str, column: Any) -> None:
    users = pd.DataFrame({"user": USERS["user"], "drawn": pd.Series(column)})
    dataset = Dataset.build("drawn", RATINGS, users, roles={"users": {"drawn": role}})
    features, words = learned(dataset, user=("drawn",))
    assert (list(features), words) == (["user.drawn"], ())


EMPTY = [
    ("category", pd.Series([None] * 4, dtype=object)),
    ("number", pd.Series([np.nan] * 4)),
    ("set", pd.Series([(), (), (), ()])),
    ("time", pd.Series(pd.to_datetime([None] * 4))),
]


@pytest.mark.parametrize(("role", "column"), EMPTY, ids=[role for role, _ in EMPTY])
def test_a_column_that_is_empty_everywhere_is_refused_by_name_and_left_out_of_all(
    role: str, column: pd.Series[Any]
) -> None:
    users = pd.DataFrame({"user": USERS["user"], "drawn": column})
    dataset = Dataset.build("drawn", RATINGS, users, roles={"users": {"drawn": role}})
    assert learned(dataset, user=("all",)) == (
        {},
        ("features.user.drawn: left out: the column is empty everywhere",),
    )
    with pytest.raises(DataError) as caught:
        learned(dataset, user=("drawn",))
    assert str(caught.value) == "features.user.drawn: the column is empty everywhere; leave it out"


# What is refused


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        (
            {"user": ("agee",)},
            "features.user: users has no column called agee; did you mean age? "
            "(it has age, job, level, member, joined, note)",
        ),
        (
            {"item": ("age",)},
            "features.item: items has no column called age (it has title, year, genres, "
            "seen, studio)",
        ),
        (
            {"user": ("user",)},
            "features.user: users has no column called user (it has age, job, level, "
            "member, joined, note)",
        ),
        (
            {"context": ("rating",)},
            "features.context: ratings has no column called rating (it has device, volume, mood)",
        ),
        (
            {"context": ("time",)},
            "features.context: ratings has no column called time (it has device, volume, mood)",
        ),
        ({"user": ("note",)}, "features.user: note has the role text, which no model looks at"),
        ({"item": ("title",)}, "features.item: title has the role label, which no model looks at"),
        (
            {"item": ("genres", "seen")},
            "features.item.seen: the column is empty everywhere; leave it out",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value),
)
def test_a_column_that_no_model_can_look_at_is_named(
    choice: dict[str, tuple[str, ...]], text: str
) -> None:
    with pytest.raises(DataError) as caught:
        learned(**choice)
    assert str(caught.value) == text


def test_a_table_of_ids_alone_says_that_it_has_nothing_else() -> None:
    with pytest.raises(DataError) as caught:
        learned(data(users=USERS[["user"]]), user=("age",))
    assert (
        str(caught.value)
        == "features.user: users has no column called age (it has none besides the ids)"
    )


# Times


def times() -> list[datetime.datetime | None]:
    return [None if pd.isna(time) else time.to_pydatetime() for time in RATINGS["time"].iloc[TRAIN]]


def test_the_parts_of_a_time_are_those_of_the_calendar() -> None:
    features, words = learn(FeatureChoice(time=("all",)), data(), TRAIN)
    assert words == ()
    assert [feature.name for feature in features] == [f"time.{part}" for part in TIME_PARTS]
    found = dataset_context(features)
    year, month, weekday, hour = (
        found[f"time.{part}"].tolist() for part in ("year", "month", "day-of-week", "hour")
    )
    known = times()
    assert year == [
        0 if time is None else ("2000", "2001", "2002").index(str(time.year)) + 1 for time in known
    ]
    assert month == [0 if time is None else time.month for time in known]
    assert weekday == [0 if time is None else time.weekday() + 1 for time in known]
    assert hour == [0 if time is None else time.hour + 1 for time in known]


def dataset_context(features: Features, dataset: Dataset | None = None) -> dict[str, np.ndarray]:
    """The context of the training rows."""
    dataset = dataset or data()
    pairs = dataset.ratings.iloc[TRAIN]
    return features.context(pairs, Catalogue.of(dataset).encode(pairs))


def test_elapsed_is_days_since_the_first_training_rating_and_now_is_the_last() -> None:
    features, _ = learn(FeatureChoice(time=("elapsed",)), data(), TRAIN)
    known = times()
    first = min(time for time in known if time is not None)
    days = np.array(
        [np.nan if time is None else (time - first).total_seconds() / 86_400 for time in known]
    )
    (feature,) = features
    assert feature.flagged
    assert feature.mean == pytest.approx(np.nanmean(days))
    found = dataset_context(features)["time.elapsed"]
    np.testing.assert_allclose(
        found[:, 0] * feature.deviation + feature.mean,
        np.nan_to_num(days, nan=feature.mean),
        atol=1e-3,
    )
    assert found[:, 1].tolist() == [0, 0, 0, 1, 0, 0]
    assert features.start == pytest.approx((first - datetime.datetime(1970, 1, 1)).total_seconds())
    assert features.now == pytest.approx(
        (datetime.datetime(2002, 1, 1, 6) - datetime.datetime(1970, 1, 1)).total_seconds()
    )


def test_a_month_that_training_never_saw_has_a_code_and_a_year_has_none() -> None:
    features, _ = learn(FeatureChoice(time=("month", "year")), data(), TRAIN)
    pairs = pd.DataFrame({"user": ["ann"], "item": [10], "time": pd.to_datetime(["2013-08-09"])})
    found = features.context(pairs, Batch(np.array([0]), np.array([5])))
    assert (found["time.month"].tolist(), found["time.year"].tolist()) == ([8], [0])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_in_which_times_are_kept_does_not_matter(unit: str) -> None:
    expected = learn(FeatureChoice(time=("all",)), data(), TRAIN)[0]
    moved = data(ratings=RATINGS.assign(time=RATINGS["time"].astype(f"datetime64[{unit}]")))
    features = learn(FeatureChoice(time=("all",)), moved, TRAIN)[0]
    for name, array in dataset_context(features, moved).items():
        np.testing.assert_array_equal(array, dataset_context(expected)[name])


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Lima"])
def test_a_time_is_the_same_moment_in_every_zone(zone: str) -> None:
    """Training may know the zone and a question not, or the other way round: both mean UTC."""
    expected = learn(FeatureChoice(time=("all",)), data(), TRAIN)[0]
    zoned = data(
        ratings=RATINGS.assign(time=RATINGS["time"].dt.tz_localize("UTC").dt.tz_convert(zone))
    )
    features = learn(FeatureChoice(time=("all",)), zoned, TRAIN)[0]
    assert features.words() == expected.words()
    for asked in (zoned, data()):
        for name, array in dataset_context(features, asked).items():
            np.testing.assert_array_equal(array, dataset_context(expected)[name], err_msg=name)


def test_a_time_of_users_is_the_same_in_every_zone() -> None:
    joined = one(user=("joined",))
    zoned = USERS["joined"].dt.tz_localize("Asia/Tokyo").dt.tz_convert("America/Lima")
    np.testing.assert_allclose(
        joined.encode(zoned)[[0, 3], 0] - joined.encode(USERS["joined"])[[0, 3], 0],
        -0.2296,
        atol=1e-3,
    )


ONE_TIME = RATINGS.assign(time=pd.Timestamp("2001-05-06 07:08:09"))


def test_parts_that_are_the_same_everywhere_are_left_out_with_a_note() -> None:
    features, words = learned(data(ratings=ONE_TIME), time=("all",))
    assert list(features) == ["time.item-age"]
    assert words == tuple(
        f"features.time.{part}: left out: it has one value only"
        for part in ("year", "month", "day-of-week", "hour", "elapsed")
    )


@pytest.mark.parametrize(
    ("ratings", "why"),
    [
        (
            RATINGS.drop(columns="time"),
            "the ratings have no column called time with the role time "
            "(they have user, item, rating, device, volume, mood)",
        ),
        (
            RATINGS.assign(time=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
            "the ratings have no column called time with the role time "
            "(they have user, item, rating, time, device, volume, mood)",
        ),
        (
            RATINGS.assign(time=RATINGS["time"].where(RATINGS.index == 6)),
            "no training rating has a time",
        ),
    ],
    ids=["no column", "no times", "no training rating"],
)
def test_without_times_a_part_that_is_named_is_refused_and_all_is_left_out(
    ratings: pd.DataFrame, why: str
) -> None:
    dataset = data(ratings=ratings)
    assert learned(dataset, time=("all",)) == ({}, (f"features.time: left out: {why}",))
    with pytest.raises(DataError) as caught:
        learned(dataset, time=("hour",))
    assert str(caught.value) == f"features.time: {why}"
    assert learned(dataset, user=("member",))[1] == ()


# The age of an item


def ages(items: pd.DataFrame) -> np.ndarray:
    """Return the items' ages in years, shape (6,), unscaled; NaN where it is not known."""
    dataset = data(items=items)
    features, words = learn(FeatureChoice(time=("item-age",)), dataset, TRAIN)
    assert words == ()
    (feature,) = features
    array = dataset_context(features, dataset)["time.item-age"]
    years: np.ndarray = array[:, 0] * feature.deviation + feature.mean
    return np.where(array[:, 1] > 0, np.nan, years) if feature.flagged else years


def test_the_age_of_an_item_comes_from_its_year() -> None:
    known = times()
    year = [1970, 1990, 1999, 1980, np.nan, 1999]
    rated = [
        np.nan
        if time is None
        else 1970 + (time - datetime.datetime(1970, 1, 1)).total_seconds() / YEAR
        for time in known
    ]
    np.testing.assert_allclose(ages(ITEMS), np.array(rated) - year, atol=1e-3)


def test_the_first_time_of_an_item_has_precedence_over_its_year() -> None:
    came = pd.to_datetime(
        [
            "2002-01-01 06:00",
            "2000-01-31 23:30",
            None,
            "1999-03-02",
            "1980-01-01",
            "1999-02-01 05:00",
        ],
        format="ISO8601",
    )
    empty = pd.Series(pd.to_datetime([None] * 6))
    found = ages(ITEMS.assign(lost=empty, came=came, later=pd.Timestamp("2020-01-01")))
    days = [365, 1, 731, np.nan, np.nan, 0]  # of the items 10, 11, 12, 13, 14 and 15
    np.testing.assert_allclose(found * YEAR / DAY, days, atol=0.01)


def test_without_a_year_or_time_of_items_there_is_no_age() -> None:
    for items in (ITEMS.drop(columns="year"), ITEMS.assign(year=np.nan)):
        dataset = data(items=items)
        why = "items have no column with the role time and no number called year"
        features, words = learned(dataset, time=("all",))
        assert "time.item-age" not in features
        assert words == (f"features.time: left out item-age: {why}",)
        with pytest.raises(DataError) as caught:
            learned(dataset, time=("item-age",))
        assert str(caught.value) == f"features.time: item-age is unknown: {why}"


def test_the_age_of_an_item_that_the_catalogue_lacks_is_not_known() -> None:
    features, _ = learn(FeatureChoice(time=("item-age",)), data(), TRAIN)
    pairs = pd.DataFrame(
        {"user": ["ann"] * 2, "item": [999, 10], "time": pd.to_datetime(["2001-01-01"] * 2)}
    )
    found = features.context(pairs, Batch(np.array([0, 0]), np.array([UNKNOWN, 5])))[
        "time.item-age"
    ]
    assert found[0].tolist() == [0.0, 1.0]
    assert found[1, 1] == 0


def test_the_parts_of_a_time_that_is_not_there_are_missing() -> None:
    nothing = pd.Series(pd.to_datetime([None, None]))
    for part in TIME_PARTS:
        assert time_part(part, nothing, 0.0, np.zeros(2)).isna().all(), part


# Questions


def test_pairs_need_what_the_model_looks_at() -> None:
    features, _ = learn(FeatureChoice(time=("hour",), context=("device", "volume")), data(), TRAIN)
    assert features.needs() == ("time", "device", "volume")
    pairs, batch = RATINGS[["user", "item", "device"]], Batch(np.zeros(7, int), np.zeros(7, int))
    for given_, text in (
        (pairs, "pairs need a column called time, which the model looks at"),
        (
            pairs.assign(time=RATINGS["time"], volumes=1.0),
            "pairs need a column called volume, which the model looks at; did you mean volumes?",
        ),
        (
            pairs.assign(Time=0),
            "pairs need a column called time, which the model looks at; did you mean Time?",
        ),
        (pairs.assign(time=5, volume=1.0), "column time: must hold times; is of type int64"),
        (
            pairs.assign(time=RATINGS["time"], volume=pd.array(["loud"] * 7, dtype="string")),
            "row 0, column volume: must be a number; is 'loud'",
        ),
        (
            pairs.assign(time=["2001-01-01"] * 6 + ["soon"], volume=1.0),
            "row 6, column time: must be a time such as 1998-04-01 12:30; is 'soon'",
        ),
    ):
        with pytest.raises(DataError) as caught:
            features.context(given_, batch)
        assert str(caught.value) == text


@pytest.mark.parametrize(
    "asked",
    [
        ["2000-02-01 05:00", "2001-03-02", None],
        ["2000-02-01T05:00Z", "2001-03-02 09:00+09:00", None],
        ["2000-02-01 05:00:00.000", "2001-03-01T19:00-05:00", np.nan],
    ],
    ids=["plain", "with zones", "both"],
)
def test_times_and_numbers_of_a_question_may_be_text(asked: list[Any]) -> None:
    features, _ = learn(FeatureChoice(time=("hour", "elapsed"), context=("volume",)), data(), TRAIN)
    batch = Batch(np.zeros(3, int), np.zeros(3, int))
    pairs = pd.DataFrame(
        {"user": "ann", "item": 10, "time": asked, "volume": ["1.0", None, " 9e2"]}
    )
    moments = pd.Series(pd.to_datetime(["2000-02-01 05:00", "2001-03-02 00:00", None]))
    expected = features.context(pairs.assign(time=moments, volume=[1.0, np.nan, 900.0]), batch)
    for name, array in features.context(pairs, batch).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_features_of_users_and_items_need_no_column_and_no_context() -> None:
    features, _ = learn(FeatureChoice(user=("all",), item=("all",)), data(), TRAIN)
    assert features.needs() == ()
    assert (
        features.context(RATINGS[["user", "item"]], Batch(np.zeros(7, int), np.zeros(7, int))) == {}
    )


def test_a_batch_gets_the_columns_of_the_rating_and_nothing_of_users_and_items() -> None:
    """Metadata stays relational: no table of ratings x features is ever made."""
    dataset = data()
    features, _ = learn(
        FeatureChoice(user=("all",), item=("all",), time=("month",), context=("mood", "device")),
        dataset,
        TRAIN,
    )
    train = Catalogue.of(dataset).interactions(dataset.ratings, TRAIN)
    seen = features.attached(train, dataset.ratings, TRAIN)
    assert set(seen.batch.context) == {"time.month", "context.mood", "context.device"}
    assert {name: array.shape for name, array in seen.batch.context.items()} == {
        "time.month": (6,),
        "context.mood": (6, 2),
        "context.device": (6,),
    }
    tables = [feature for feature in features if feature.side in ("user", "item")]
    assert len(tables) > 1
    assert list(seen.features) == tables  # besides the ratings, a row for each code
    assert seen.rating is train.rating
    assert seen.batch.user is train.batch.user
    assert train.batch.context == {}


def test_a_column_of_ratings_with_a_point_in_its_name_is_found() -> None:
    ratings = RATINGS.rename(columns={"device": "on.device"})
    dataset = Dataset.build("pointed", ratings, roles={"ratings": {"on.device": "category"}})
    features, _ = learn(FeatureChoice(context=("on.device",)), dataset, TRAIN)
    assert features.needs() == ("on.device",)
    assert dataset_context(features, dataset)["context.on.device"].tolist() == [2, 1, 2, 0, 2, 1]


# To the artifact and back


CHOICES = [
    FeatureChoice(user=("all",), item=("all",), time=("all",), context=("all",)),
    FeatureChoice(user=("age",)),
    FeatureChoice(item=("genres",), time=("hour",)),
    FeatureChoice(),
]


@pytest.mark.parametrize("choice", CHOICES, ids=["all", "user", "item and time", "none"])
def test_features_come_back_from_json_and_arrays(choice: FeatureChoice) -> None:
    dataset = data()
    features, _ = learn(choice, dataset, TRAIN)
    arrays = {
        name: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)
        for name, array in features.arrays().items()
    }
    again = read(json.loads(json.dumps(features.words(), allow_nan=False)), arrays)
    assert again.words() == features.words()
    assert {name: (array.shape, array.tobytes()) for name, array in again.arrays().items()} == {
        name: (array.shape, array.tobytes()) for name, array in features.arrays().items()
    }
    assert again.needs() == features.needs()
    expected = dataset_context(features, dataset)
    found = dataset_context(again, dataset)
    assert set(found) == set(expected)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name])
    for feature in features:
        assert (feature.table is None) == (feature.side == CONTEXT)


@pytest.mark.parametrize("gone", ["item.genres", "each", "start"])
def test_features_of_which_a_part_is_missing_are_not_read(gone: str) -> None:
    features, _ = learn(FeatureChoice(item=("genres",), time=("hour",)), data(), TRAIN)
    words, arrays = features.words(), features.arrays()
    words.pop(gone, None)
    arrays.pop(gone, None)
    with pytest.raises(KeyError):
        read(words, arrays)


# What strategies for newcomers learn of metadata


def known(side: str) -> Metadata:
    return Metadata.of(data(), side)


@pytest.mark.parametrize("side", ["user", "item"])
def test_metadata_is_described_by_the_rows_that_are_named_alone(side: str) -> None:
    """Other values in the rows that are left out: the same features, but for their tables."""
    metadata = known(side)
    rows = np.arange(len(metadata.table) - 1)
    changed = metadata.table.copy()
    last = len(changed) - 1
    for name, role in metadata.roles.items():
        other: Any = {
            "number": 1e6,
            "category": "zzz",
            "set": ("zzz",),
            "time": pd.Timestamp("2100-01-01"),
        }[role]
        changed[name] = pd.Series([*changed[name].tolist()[:-1], other], dtype=changed[name].dtype)
    before, after = (
        described(metadata, rows),
        described(Metadata(side, changed, metadata.roles), rows),
    )
    assert [feature.words() for feature in before] == [feature.words() for feature in after]
    for one_, other_ in zip(before, after, strict=True):
        tables = [table_of(feature)[:last].reshape(last, -1) for feature in (one_, other_)]
        width = min(table.shape[1] for table in tables)  # a set may have a column more
        assert tables[0][:, :width].tolist() == tables[1][:, :width].tolist()


@pytest.mark.parametrize("side", ["user", "item"])
def test_described_features_have_a_row_for_each_code_and_encode_newcomers_alike(side: str) -> None:
    metadata = known(side)
    features = described(metadata, np.arange(len(metadata.table)))
    assert features
    assert {feature.side for feature in features} == {side}
    for feature in features:
        name = feature.name.partition(".")[2]
        assert feature.name == f"{side}.{name}"
        assert table_of(feature).shape[0] == len(metadata.table)
        assert (
            feature.encode(metadata.read(metadata.table)[name]).tolist()
            == table_of(feature).tolist()
        )


def test_described_names_the_nearest_of_a_column_that_is_not_there() -> None:
    metadata = known("user")
    name = next(iter(metadata.roles))
    with pytest.raises(DataError) as caught:
        described(metadata, np.arange(2), [f"{name}x"])
    there = ", ".join(metadata.roles)
    assert (
        str(caught.value)
        == f"nothing called {name}x is known of users; did you mean {name}? (known are: {there})"
    )
    (feature,) = described(metadata, np.arange(len(metadata.table)), [name])
    assert feature.name == f"user.{name}"


def test_metadata_that_distinguishes_nothing_is_left_out() -> None:
    table = pd.DataFrame({"town": ["Ulm"] * 3, "age": [None] * 3, "job": ["a", "b", "b"]}).astype(
        {"age": float}
    )
    metadata = Metadata("user", table, {"town": "category", "age": "number", "job": "category"})
    assert [feature.name for feature in described(metadata, np.arange(3))] == ["user.job"]
    assert described(metadata, np.array([1, 2])) == ()
    assert described(Metadata("item"), np.arange(0)) == ()
