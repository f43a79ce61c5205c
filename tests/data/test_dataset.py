"""Datasets: every bad table is refused with its row, and what is built is what was given."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import cfplug
from cfplug import Column, DataError, Dataset, Scale, Split
from cfplug.data.dataset import REPEATS, infer_role, merge_repeats

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "ml-100k.zip"
HERE = REAL.parent.is_dir()

quick = settings(max_examples=20, deadline=None)


def ratings(**columns: Any) -> pd.DataFrame:
    """Four ratings by two users of three items."""
    return pd.DataFrame(
        {"user": [1, 1, 2, 2], "item": [10, 20, 20, 30], "rating": [3.0, 4.0, 5.0, 1.0]} | columns
    )


def users(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"user": [2, 1]} | columns)


def items(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"item": [10, 20, 30]} | columns)


def objects(*values: Any) -> pd.Series[Any]:
    return pd.Series(values, dtype=object)


build = functools.partial(Dataset.build, "small")


# What is built


def test_three_tables_with_roles_and_the_scale_of_the_data() -> None:
    dataset = build(ratings(), users(age=[30, 41]), items(title=["Heat", "Alien", "Ran"]))
    assert str(dataset) == "small: 4 ratings, 2 users, 3 items"
    assert {name: list(frame.columns) for name, frame in dataset.tables().items()} == {
        "ratings": ["user", "item", "rating"],
        "users": ["user", "age"],
        "items": ["item", "title"],
    }
    assert list(dataset.columns()) == [
        Column("ratings", "user", "id"),
        Column("ratings", "item", "id"),
        Column("ratings", "rating", "target"),
        Column("users", "user", "id"),
        Column("users", "age", "number"),
        Column("items", "item", "id"),
        Column("items", "title", "label"),
    ]
    assert dataset.scale == Scale(1.0, 5.0, (1.0, 3.0, 4.0, 5.0))
    assert (dataset.label("items"), dataset.label("users"), dataset.notes) == ("title", None, ())


def test_without_tables_of_their_own_users_and_items_are_those_of_the_ratings() -> None:
    dataset = build(ratings(user=["b", "b", "a", "a"]))
    assert dataset.users["user"].tolist() == ["b", "a"]
    assert dataset.items["item"].tolist() == [10, 20, 30]
    assert (dataset.users["user"].dtype, dataset.items["item"].dtype) == (object, np.int64)
    assert dataset.notes == ()


def test_ids_that_only_the_ratings_name_are_added_without_metadata() -> None:
    films = pd.DataFrame(
        {"item": [30, 99], "year": [1985, 1979], "genres": [("Drama",), ("Horror", "Sci-Fi")]}
    )
    dataset = build(ratings(), items=films)
    assert dataset.items["item"].tolist() == [30, 99, 10, 20]
    assert dataset.items["genres"].tolist() == [("Drama",), ("Horror", "Sci-Fi"), (), ()]
    assert dataset.items["year"].isna().tolist() == [False, False, True, True]
    assert dataset.roles["items"] == {"item": "id", "year": "number", "genres": "set"}
    assert dataset.notes == ("2 ids in ratings are missing from items; they have no metadata",)


def test_notes_of_the_source_come_first() -> None:
    dataset = build(ratings(), users=pd.DataFrame({"user": [2]}), notes=["the file was cut"])
    assert dataset.notes == (
        "the file was cut",
        "1 ids in ratings are missing from users; they have no metadata",
    )


def test_many_values_are_not_levels() -> None:
    fifty, more = (
        pd.DataFrame({"user": 1, "item": range(n), "rating": np.arange(n) / 10}) for n in (50, 51)
    )
    assert build(fifty).scale == Scale(0.0, 4.9, tuple(np.arange(50) / 10))
    assert build(more).scale == Scale(0.0, 5.0)


def test_a_given_scale_is_kept() -> None:
    assert build(ratings(), scale=Scale(0, 10)).scale == Scale(0, 10)


def test_building_changes_none_of_its_arguments() -> None:
    given = (
        ratings(user=["1", "1", "2", "2"]),
        users(user=["2", "9"]),
        items(genres=[("a",), (), ("b",)]),
    )
    before = [frame.copy(deep=True) for frame in given]
    dataset = build(*given)
    dataset.ratings.loc[0, "rating"] = 99.0
    for frame, copy in zip(given, before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def test_rows_are_counted_from_zero_whatever_the_index() -> None:
    table = ratings().set_index(pd.Index([7, 7, 3, 0]))
    assert build(table).ratings.index.tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError) as raised:
        build(table.assign(rating=[1.0, 2.0, np.nan, 4.0]))
    assert raised.value.row == 2


@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        ([7.0, 7.0, 8.0, 9.0], [7, 7, 8, 9]),
        (objects(7, np.int64(7), 8.0, np.float64(9)), [7, 7, 8, 9]),
        (objects(7, "7", "x", np.str_("y")), [7, "7", "x", "y"]),
        (pd.array([7, 7, 8, 9], dtype="UInt64"), [7, 7, 8, 9]),
        (pd.Categorical(["b", "b", "a", "é"]), ["b", "b", "a", "é"]),
        (objects(2**63 - 1, 2**63 - 1, -(2**63), 0), [2**63 - 1, 2**63 - 1, -(2**63), 0]),
    ],
)
def test_ids_are_whole_numbers_or_text(ids: Any, kept: list[Any]) -> None:
    dataset = build(ratings(user=ids, item=[1, 2, 3, 4]))
    found = dataset.ratings["user"].tolist()
    assert [(type(each), each) for each in found] == [(type(each), each) for each in kept]
    assert dataset.users["user"].tolist() == list(dict.fromkeys(kept))


@pytest.mark.parametrize(
    "numbers",
    [
        [3, 4, 5, 1],
        np.array([3, 4, 5, 1], dtype="uint8"),
        pd.array([3, 4, 5, 1], dtype="Int64"),
        pd.array([3, 4, 5, 1], dtype="double[pyarrow]"),
        pd.Categorical([3, 4, 5, 1]),
        objects(3, 4.0, np.float32(5), np.int8(1)),
    ],
)
def test_ratings_become_floats(numbers: Any) -> None:
    rating = build(ratings(rating=numbers)).ratings["rating"]
    assert (rating.dtype, rating.tolist()) == (np.float64, [3.0, 4.0, 5.0, 1.0])


# What is refused: each with its table, row and column

BUILDS: dict[str, tuple[Callable[[], object], str]] = {
    "no rating": (lambda: build(ratings().iloc[:0]), "ratings: there is no rating"),
    "a rating above the scale": (
        lambda: build(ratings(), scale=Scale(1, 4.5)),
        "ratings, row 2, column rating: the rating 5 is off the scale, 1 to 4.5",
    ),
    "a rating below the scale": (
        lambda: build(ratings(), scale=Scale(1.5, 5)),
        "ratings, row 3, column rating: the rating 1 is off the scale, 1.5 to 5",
    ),
    "a rating that is not a number": (
        lambda: build(ratings(rating=[3.0, float("nan"), 5.0, 1.0])),
        "ratings, row 1, column rating: a rating is a number; is nan",
    ),
    "a rating that is missing": (
        lambda: build(ratings(rating=pd.array([3, 4, None, 1], dtype="Int64"))),
        "ratings, row 2, column rating: a rating is a number; is <NA>",
    ),
    "an infinite rating": (
        lambda: build(ratings(rating=[3.0, 4.0, 5.0, float("-inf")])),
        "ratings, row 3, column rating: a rating is a number; is -inf",
    ),
    "a rating that is a word": (
        lambda: build(ratings(rating=objects(3, 4.0, "five", 1))),
        "ratings, row 2, column rating: a rating is a number; is 'five'",
    ),
    "ratings that are text": (
        lambda: build(ratings(rating=["3", "4", "5", "1"])),
        "ratings, row 0, column rating: a rating is a number; is '3'",
    ),
    "ratings that are truth values": (
        lambda: build(ratings(rating=[True, False, True, True])),
        "ratings, row 0, column rating: a rating is a number; is True",
    ),
    "a truth value among ratings": (
        lambda: build(ratings(rating=objects(3.0, False, 5.0, 1.0))),
        "ratings, row 1, column rating: a rating is a number; is False",
    ),
    "ratings that are times": (
        lambda: build(ratings(rating=pd.to_datetime(["2024-05-31"] * 4))),
        "ratings, row 0, column rating: a rating is a number; is Timestamp('2024-05-31 00:00:00')",
    ),
    "ratings that are complex": (
        lambda: build(ratings(rating=[3 + 1j, 4, 5, 1])),
        "ratings, row 0, column rating: a rating is a number; is (3+1j)",
    ),
    "an empty id": (
        lambda: build(ratings(user=["a", "a", "", "b"])),
        "ratings, row 2, column user: an id is empty",
    ),
    "a blank id": (
        lambda: build(ratings(user=["a", " \t", "b", "b"])),
        "ratings, row 1, column user: an id is empty",
    ),
    "an id that is None": (
        lambda: build(ratings(item=objects("x", "y", "z", None))),
        "ratings, row 3, column item: an id is empty",
    ),
    "an id that is NaN": (
        lambda: build(ratings(item=[10, float("nan"), 20, 30])),
        "ratings, row 1, column item: an id is empty",
    ),
    "an id that is missing in users": (
        lambda: build(ratings(), users(user=pd.array([1, None], dtype="Int64"))),
        "users, row 1, column user: an id is empty",
    ),
    "an id that is a fraction": (
        lambda: build(ratings(user=[1.0, 1.0, 2.5, 2.0])),
        "ratings, row 2, column user: an id is a whole number or text; is 2.5",
    ),
    "an id that is infinite": (
        lambda: build(ratings(user=[1.0, float("inf"), 2.0, 2.0])),
        "ratings, row 1, column user: an id is a whole number or text; is inf",
    ),
    "an id that is a truth value": (
        lambda: build(ratings(item=objects(10, 20, True, 30))),
        "ratings, row 2, column item: an id is a whole number or text; is True",
    ),
    "an id that is a time": (
        lambda: build(ratings(), users(user=pd.to_datetime(["2024-05-31", "2024-06-01"]))),
        "users, row 0, column user: an id is a whole number or text; is "
        "Timestamp('2024-05-31 00:00:00')",
    ),
    "an id that no file can hold": (
        lambda: build(ratings(user=objects("a", "b", "c\ud800", "d"))),
        "ratings, row 2, column user: an id is text that UTF-8 can hold; is 'c\\ud800'",
    ),
    "an id beyond 64 bits": (
        lambda: build(ratings(item=objects(10, 20, 2**63, 30))),
        "ratings, row 2, column item: an id does not fit into 64 bits: 9223372036854775808",
    ),
    "an unsigned id beyond 64 bits": (
        lambda: build(ratings(item=np.array([10, 20, 30, 2**64 - 1], dtype="uint64"))),
        "ratings, row 3, column item: an id does not fit into 64 bits: 18446744073709551615",
    ),
    "a repeated pair": (
        lambda: build(ratings(item=[10, 20, 30, 30])),
        "ratings, row 3: user 2 rated item 30 before, in row 2; say what to do with "
        "repeats (repeats: last or mean)",
    ),
    "a repeated pair of texts": (
        lambda: build(ratings(user=["a", "a", "b", "a"], item=[1, 2, 3, 1])),
        "ratings, row 3: user 'a' rated item 1 before, in row 0; say what to do with "
        "repeats (repeats: last or mean)",
    ),
    "two rows for one user": (
        lambda: build(ratings(), pd.DataFrame({"user": [1, 2, 1]})),
        "users, row 2, column user: the id 1 has two rows",
    ),
    "two rows for one item": (
        lambda: build(ratings(item=list("xyzx")), items=pd.DataFrame({"item": ["x", "y", "y"]})),
        "items, row 2, column item: the id 'y' has two rows",
    ),
    "a missing column": (
        lambda: build(ratings().rename(columns={"user": "users"})),
        "ratings: no column called user; did you mean users?",
    ),
    "a missing column with no like": (
        lambda: build(ratings().drop(columns="rating")),
        "ratings: no column called rating",
    ),
    "a missing column of items": (
        lambda: build(ratings(), items=items().rename(columns={"item": "Item"})),
        "items: no column called item; did you mean Item?",
    ),
    "two columns of one name": (
        lambda: build(pd.concat([ratings(), ratings()["user"]], axis=1)),
        "ratings, column user: there are two columns of this name",
    ),
    "a column without a name": (
        lambda: build(ratings(), pd.concat([users(), pd.Series([1, 2], name=0)], axis=1)),
        "users: the name of a column is text; is 0",
    ),
    "ids that do not match at all": (
        lambda: build(ratings(), items=items(item=["10", "20", "30"])),
        "items, column item: no id of the ratings is among the ids of items; ratings have "
        "10, items has '10'",
    ),
    "a table of users without a row": (
        lambda: build(ratings(), users().iloc[:0]),
        "users, column user: no id of the ratings is among the ids of users; ratings have "
        "1, users has none",
    ),
    "a role that there is not": (
        lambda: build(ratings(), users(age=[3, 4]), roles={"users": {"age": "numbr"}}),
        "users, column age: no role called 'numbr'; did you mean number?",
    ),
    "a role for a column that there is not": (
        lambda: build(ratings(), users(age=[3, 4]), roles={"users": {"agee": "number"}}),
        "users: roles name a column 'agee' that is not there; did you mean age?",
    ),
    "roles for a table that there is not": (
        lambda: build(ratings(), roles={"user": {"user": "id"}}),
        "roles name a table 'user' that is not there; did you mean users?",
    ),
    "another role for an id": (
        lambda: build(ratings(), roles={"ratings": {"user": "number"}}),
        "ratings, column user: the role of this column is id; is number",
    ),
    "another role for the rating": (
        lambda: build(ratings(), roles={"ratings": {"rating": "number"}}),
        "ratings, column rating: the role of this column is target; is number",
    ),
    "a number that is text": (
        lambda: build(
            ratings(), users(age=objects("old", "41")), roles={"users": {"age": "number"}}
        ),
        "users, column age: the role number does not fit a column of type object, with "
        "values such as 'old'",
    ),
    "a time that is a number": (
        lambda: build(ratings(time=[8, 9, 10, 11]), roles={"ratings": {"time": "time"}}),
        "ratings, column time: the role time does not fit a column of type int64, with "
        "values such as 8",
    ),
    "a set that is text": (
        lambda: build(
            ratings(), items=items(tags=["a|b", "c", ""]), roles={"items": {"tags": "set"}}
        ),
        "items, row 0, column tags: a set is a tuple of texts; is 'a|b'",
    ),
    "a set that is missing": (
        lambda: build(
            ratings(), items=items(tags=objects(("a",), (), None)), roles={"items": {"tags": "set"}}
        ),
        "items, row 2, column tags: a set is a tuple of texts; is None",
    ),
    "a set of numbers": (
        lambda: build(ratings(), items=items(tags=objects((), (1, 2), ()))),
        "items, row 1, column tags: a set is a tuple of texts; is (1, 2)",
    ),
    "a list in a cell": (
        lambda: build(ratings(), items=items(tags=objects(("a",), ["b"], ()))),
        "items, row 1, column tags: a cell with several values is a tuple of texts; is ['b']",
    ),
    "a fold that loses a row": (
        lambda: build(ratings(), folds={"u1": Split(np.array([0, 1]), np.array([3]))}),
        "row 2: the split loses 1 rows",
    ),
    "a scale upside down": (
        lambda: Scale(5, 1),
        "a rating scale goes from a low to a high number; is 5 to 1",
    ),
    "a scale without an end": (
        lambda: Scale(1, float("inf")),
        "a rating scale goes from a low to a high number; is 1 to inf",
    ),
    "repeats without a policy": (
        lambda: merge_repeats(ratings(item=[10, 10, 20, 30]), "error"),
        "ratings, row 1: user 1 rated item 10 before, in row 0; say what to do with "
        "repeats (repeats: last or mean)",
    ),
}


@pytest.mark.parametrize("fault", BUILDS)
def test_a_bad_table_is_refused(fault: str) -> None:
    attempt, refusal = BUILDS[fault]
    with pytest.raises(DataError) as raised:
        attempt()
    assert str(raised.value) == refusal


@quick
@given(row=st.integers(0, 3), bad=st.sampled_from([np.nan, np.inf, None, "x", True, 9.0, (1,)]))
def test_the_row_of_the_one_bad_rating_is_named(row: int, bad: Any) -> None:
    cells = [3.0, 4.0, 5.0, 1.0]
    cells[row] = bad
    with pytest.raises(DataError) as raised:
        build(ratings(rating=objects(*cells)), scale=Scale(1, 5))
    assert (raised.value.table, raised.value.row, raised.value.column) == ("ratings", row, "rating")


# Repeated pairs

pairs = st.lists(
    st.tuples(
        st.sampled_from([1, "1", "u", "é"]),
        st.sampled_from([7, 8, "7"]),
        st.integers(1, 5),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=25,
)


def table_of(rows: list[Any]) -> pd.DataFrame:
    user, item, rating, time = zip(*rows, strict=True)
    return pd.DataFrame(
        {"user": objects(*user), "item": objects(*item), "rating": map(float, rating), "time": time}
    )


@quick
@given(rows=pairs)
def test_merging_keeps_the_last_row_of_each_pair(rows: list[Any]) -> None:
    last = [
        row for n, row in enumerate(rows) if row[:2] not in [later[:2] for later in rows[n + 1 :]]
    ]
    merged, gone = merge_repeats(table_of(rows), "last")
    assert list(merged.itertuples(index=False, name=None)) == last
    assert (gone, merged.index.tolist()) == (len(rows) - len(last), list(range(len(last))))


@quick
@given(rows=pairs)
def test_merging_by_mean_keeps_the_last_row_with_the_mean_rating(rows: list[Any]) -> None:
    last, _ = merge_repeats(table_of(rows), "last")
    merged, gone = merge_repeats(table_of(rows), "mean")
    assert merged.drop(columns="rating").equals(last.drop(columns="rating"))
    assert gone == len(rows) - len(last)
    for user, item, rating, _ in merged.itertuples(index=False, name=None):
        given = [row[2] for row in rows if (row[0], row[1]) == (user, item)]
        assert rating == pytest.approx(sum(given) / len(given))
    assert len(build(merged).ratings) == len(merged)


def test_a_table_without_repeats_is_left_as_it_is() -> None:
    table = ratings()
    for policy in REPEATS:
        merged, gone = merge_repeats(table, policy)
        assert merged is table
        assert gone == 0


# Roles


@pytest.mark.parametrize(
    ("name", "column", "role"),
    [
        ("age", [30, 41, 30, 7], "number"),
        ("age", pd.array([30, None, 30, 7], dtype="Int64"), "number"),
        ("score", [0.5, float("nan"), 1.0, 2.0], "number"),
        ("member", [True, False, True, True], "category"),
        ("since", pd.to_datetime(["2024-05-31"] * 4), "time"),
        ("since", pd.to_datetime(["2024-05-31"] * 4, utc=True), "time"),
        ("genres", objects(("a", "b"), (), ("b",), ()), "set"),
        ("title", ["Heat", "Ran", "Alien", "Ran"], "label"),
        ("Name", ["Ann", "Bob", "Eve", "Eve"], "label"),
        ("occupation", ["artist", "cook", "cook", "artist"], "category"),
        ("occupation", pd.Categorical(["artist", "cook", "cook", "artist"]), "category"),
        ("remark", ["so good", "very bad", "meh", "slow"], "text"),
        ("user", ["a", "b", "c", "d"], "id"),
        ("rating", [1.0, 2.0, 3.0, 4.0], "number"),
    ],
)
def test_a_role_is_inferred_from_name_and_values(name: str, column: Any, role: str) -> None:
    assert infer_role("users", name, pd.Series(column)) == role


def test_the_rating_of_the_ratings_is_the_target() -> None:
    assert infer_role("ratings", "rating", pd.Series([1.0, 2.0])) == "target"


def test_more_than_a_hundred_words_are_text() -> None:
    column = pd.Series([f"w{n % 101}" for n in range(1000)])
    assert infer_role("items", "tag", column) == "text"
    assert infer_role("items", "tag", column[column != "w100"]) == "category"


def test_a_given_role_is_kept() -> None:
    dataset = build(
        ratings(), users(age=[30, 41], zip_code=["a", "b"]), roles={"users": {"age": "category"}}
    )
    assert dataset.roles["users"] == {"user": "id", "age": "category", "zip_code": "category"}


# The hash: every value counts, and nothing else does

CELLS: dict[str, st.SearchStrategy[Any]] = {
    "number": st.floats(allow_nan=False).filter(lambda x: x != 0) | st.just(float("nan")),
    "time": st.integers(0, 2**40).map(lambda seconds: pd.Timestamp(seconds, unit="s")),
    "flag": st.booleans(),
    "word": st.text(max_size=3) | st.none() | st.sampled_from(["nan", "None", "<NA>"]),
    "mixed": st.integers(0, 3) | st.sampled_from(["0", "1", "2", "nan", "None"]) | st.none(),
    "tags": st.lists(st.text(max_size=2) | st.just("\x1f"), max_size=3).map(tuple),
}
TYPES = {"number": "float64", "time": "datetime64[s]", "flag": "bool"}


def metadata(name: str, cells: list[Any]) -> Dataset:
    column = pd.Series(cells, dtype=TYPES.get(name, object))
    roles = {"items": {name: "text"}} if name in ("word", "mixed") else None
    return build(ratings(), items=items(**{name: column}), roles=roles)


def same(one: Any, other: Any) -> bool:
    return one is other or (
        type(one) is type(other) and (one == other or (one != one and other != other))
    )


@quick
@given(name=st.sampled_from(sorted(CELLS)), data=st.data())
def test_one_changed_cell_of_metadata_changes_the_hash(name: str, data: Any) -> None:
    cells = data.draw(st.lists(CELLS[name], min_size=3, max_size=3))
    row, value = data.draw(st.integers(0, 2)), data.draw(CELLS[name])
    changed = [*cells[:row], value, *cells[row + 1 :]]
    assert (metadata(name, cells).hash() == metadata(name, changed).hash()) is same(
        cells[row], value
    )


ids = st.integers(0, 3) | st.sampled_from(["0", "1", "2", "x", "é"])


@quick
@given(
    rows=st.lists(
        st.tuples(ids, ids, st.sampled_from([1.0, 2.5, 4.0])),
        min_size=2,
        unique_by=lambda row: row[:2],
    ),
    data=st.data(),
)
def test_one_changed_rating_or_id_changes_the_hash(rows: list[Any], data: Any) -> None:
    row, column = data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, 2))
    value = data.draw(ids if column < 2 else st.sampled_from([1.0, 2.5, 4.0]))
    changed = list(rows)
    changed[row] = (*rows[row][:column], value, *rows[row][column + 1 :])
    assume(len({line[:2] for line in changed}) == len(rows))
    before, after = build(pairs_table(rows)), build(pairs_table(changed))
    assert (before.hash() == after.hash()) is same(rows[row][column], value)


def pairs_table(rows: list[Any]) -> pd.DataFrame:
    user, item, rating = zip(*rows, strict=True)
    return pd.DataFrame({"user": objects(*user), "item": objects(*item), "rating": rating})


def test_what_holds_the_same_values_has_the_same_hash() -> None:
    titles, known = ["Heat", "é", None], [2, 1]
    reference = build(ratings(), users(user=known), items(title=objects(*titles))).hash()
    assert len(reference) == 64
    for dtype in ("str", "string", "string[pyarrow]", "category"):
        assert (
            build(ratings(), users(user=known), items(title=pd.Series(titles, dtype=dtype))).hash()
            == reference
        )
    for dtype in ("float64", "Int64", "int32", "object"):
        typed = ratings(user=pd.Series([1, 1, 2, 2]).astype(dtype), rating=pd.array([3, 4, 5, 1]))
        moved = typed.set_index(pd.Index([9, 8, 7, 6]))
        assert (
            build(moved, users(user=pd.Series(known).astype(dtype)), items(title=titles)).hash()
            == reference
        )


@pytest.mark.parametrize(
    "other",
    [
        lambda: build(ratings().iloc[::-1]),
        lambda: build(ratings()[["item", "user", "rating"]]),
        lambda: build(ratings().rename(columns={"user": "item", "item": "user"})),
        lambda: build(ratings(), users()),
        lambda: build(ratings(month=[1, 1, 1, 1])),
        lambda: build(ratings().iloc[:3]),
    ],
)
def test_order_names_and_rows_count_too(other: Callable[[], Dataset]) -> None:
    assert other().hash() != build(ratings()).hash()


# Splits


@st.composite
def divided(draw: st.DrawFn, parts: int | None = None) -> list[np.ndarray]:
    """2 or 3 parts, none empty, of a permutation of the rows."""
    count = parts or draw(st.integers(2, 3))
    n = draw(st.integers(count, 30))
    order = np.array(draw(st.permutations(range(n))))
    cuts = sorted(
        draw(st.lists(st.integers(1, n - 1), min_size=count - 1, max_size=count - 1, unique=True))
    )
    return np.split(order, cuts)


@quick
@given(parts=divided())
def test_a_split_that_shares_and_loses_no_row_passes(parts: list[np.ndarray]) -> None:
    Split(*parts).check(sum(map(len, parts)))
    assert list(Split(*parts).parts()) == ["train", "valid", "test"][: len(parts)]


@quick
@given(parts=divided(), data=st.data())
def test_a_lost_row_is_named(parts: list[np.ndarray], data: Any) -> None:
    n, long = sum(map(len, parts)), [index for index, part in enumerate(parts) if len(part) > 1]
    assume(long)
    index = data.draw(st.sampled_from(long))
    lost, parts[index] = parts[index][0], parts[index][1:]
    with pytest.raises(DataError) as raised:
        Split(*parts).check(n)
    assert str(raised.value) == f"row {lost}: the split loses 1 rows"


@quick
@given(parts=divided(), data=st.data())
def test_a_shared_row_is_named(parts: list[np.ndarray], data: Any) -> None:
    n, row = sum(map(len, parts)), data.draw(st.sampled_from(parts[0].tolist()))
    index = data.draw(st.integers(0, len(parts) - 1))
    parts[index] = np.append(parts[index], row)
    with pytest.raises(DataError) as raised:
        Split(*parts).check(n)
    assert str(raised.value) == f"row {row}: the split uses 1 rows twice"


@pytest.mark.parametrize(
    ("train", "valid", "test", "refusal"),
    [
        ([0, 1, 2, 3, 4], [], None, "the split leaves no ratings to valid; it has 5 in all"),
        ([], [0, 1, 2, 3, 4], None, "the split leaves no ratings to train; it has 5 in all"),
        ([0, 1], [2, 3, 4], [], "the split leaves no ratings to test; it has 5 in all"),
        ([0, 1], [2, 3, 5], None, "the split's valid part names a row outside 0 to 4"),
        ([0, -1], [2, 3, 4], None, "the split's train part names a row outside 0 to 4"),
        ([0, 1], [2, 3], [4, 99], "the split's test part names a row outside 0 to 4"),
        ([True, False, True, False, True], [1, 3], None, "bool of shape (5,)"),
        ([0.0, 1.0, 2.0], [3, 4], None, "float64 of shape (3,)"),
        ([[0, 1, 2]], [3, 4], None, "int64 of shape (1, 3)"),
    ],
)
def test_an_invalid_split_is_refused(train: Any, valid: Any, test: Any, refusal: str) -> None:
    parts = [
        np.array(part, dtype=None if part else np.int64)
        for part in (train, valid, test)
        if part is not None
    ]
    with pytest.raises(DataError) as raised:
        Split(*parts).check(5)
    shape = f"the split's train part must be row numbers of shape (n,); is {refusal}"
    assert str(raised.value) == (shape if "of shape" in refusal else refusal)


# Real data


@pytest.fixture(scope="module")
def movielens(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    if not HERE:
        pytest.skip(f"there is no real data here: {REAL.parent} does not exist")
    from cfplug_movielens import MovieLens100K
    from cfplug_movielens.source import read_100k

    scratch = tmp_path_factory.mktemp("scratch")
    context = cfplug.Context(
        0, np.random.default_rng(0), "cpu", scratch, lambda done, message: None, lambda line: None
    )
    return read_100k(MovieLens100K(REAL), context)


def test_movielens_is_what_its_makers_say(movielens: Dataset) -> None:
    assert str(movielens) == "movielens-100k: 100,000 ratings, 943 users, 1,682 items"
    assert movielens.ratings.loc[0, ["user", "item", "rating"]].tolist() == [196, 242, 3.0]
    assert movielens.ratings["user"].dtype == movielens.ratings["item"].dtype == np.int64
    assert movielens.users["user"].tolist() == list(range(1, 944))
    assert movielens.items["item"].tolist() == list(range(1, 1683))
    assert movielens.scale == Scale(1, 5, (1, 2, 3, 4, 5))
    assert {name: dict(roles) for name, roles in movielens.roles.items()} == {
        "ratings": {"user": "id", "item": "id", "rating": "target", "time": "time"},
        "users": {
            "user": "id",
            "age": "number",
            "gender": "category",
            "occupation": "category",
            "zip_code": "text",
        },
        "items": {
            "item": "id",
            "title": "label",
            "release_date": "time",
            "year": "number",
            "genres": "set",
        },
    }


def test_one_changed_rating_of_movielens_changes_its_hash(movielens: Dataset) -> None:
    tables = {"users": movielens.users, "items": movielens.items}
    again = Dataset.build("again", movielens.ratings, **tables, scale=movielens.scale)
    assert again.hash() == movielens.hash()
    changed = movielens.ratings.copy()
    changed.loc[99_999, "rating"] += 1
    assert (
        Dataset.build("changed", changed, **tables, scale=movielens.scale).hash()
        != movielens.hash()
    )
