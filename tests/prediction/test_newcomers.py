"""Check new users and items: ids by value, their order, and errors with their places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import evolve, frozen
from cfplug_coldstart import ItemMean
from cfplug_coldstart.mean_ratings import item_mean
from hypothesis import given, settings
from hypothesis import strategies as st

import cfplug
from cfplug import DataError, Dataset, FittedModel
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.dataset import Scale
from cfplug.prediction.newcomers import KnownIds, Newcomers, introduce, newcomers_among
from cfplug.prediction.policy import Policy

quick = settings(max_examples=20, deadline=None)
CONTEXT = cfplug.Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)


def rated(rows: list[tuple[Any, Any, Any]]) -> pd.DataFrame:
    users, items, ratings = ([row[position] for row in rows] for position in range(3))
    return pd.DataFrame(
        {
            "user": pd.Series(users, dtype=object),
            "item": pd.Series(items, dtype=object),
            "rating": ratings,
        }
    )


def shop() -> KnownIds:
    """Users 1, 2, 17 and items 1 to 5; user 17 and the items 4 and 5 have no training ratings."""
    ratings = rated([(1, 1, 5.0), (1, 2, 3.0), (2, 1, 1.0), (2, 3, 4.0), (17, 4, 2.0)])
    users = pd.DataFrame(
        {"user": [1, 2, 17], "age": [30.0, 50.0, 41.0], "job": ["nurse", "writer", "nurse"]}
    )
    items = pd.DataFrame(
        {
            "item": [1, 2, 3, 4, 5],
            "out": pd.to_datetime(["1994", "1965", None, "2001", "1999"], format="%Y"),
        }
    )
    roles = {"users": {"job": "category"}}
    dataset = Dataset.build("shop", ratings, users, items, roles=roles, scale=Scale(1.0, 5.0))
    catalogue = Catalogue.of(dataset)
    return KnownIds(
        catalogue, Support.of(catalogue.interactions(dataset.ratings, np.arange(4))), dataset.scale
    )


def introduced(**tables: pd.DataFrame | None) -> Newcomers:
    return introduce(shop(), **{"users": None, "items": None, "ratings": None, **tables})


def refusal(**tables: pd.DataFrame) -> str:
    with pytest.raises(DataError) as caught:
        introduced(**tables)
    return str(caught.value)


def users(*ids: Any, **columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"user": pd.Series(ids, dtype=object), **columns})


# Who is new


def test_a_newcomer_has_metadata_or_only_ratings() -> None:
    new = introduced(
        users=users(90, age=["34"]),
        ratings=rated([(91, 1, 4.0), (90, 2, 5), (2, 5, 3), (91, 3, None)]),
    )
    assert new.users["user"].tolist() == [90, 91]
    assert new.users["age"].tolist()[0] == 34.0
    assert new.users["age"].isna().tolist() == [False, True]
    assert new.items["item"].tolist() == [5]
    assert new.items["out"].tolist() == [pd.Timestamp("1999-01-01")], (
        "the catalogue knows of it, though no one rated it"
    )
    assert new.ratings["rating"].isna().tolist() == [False, False, False, True]


def test_times_of_an_introduced_item_and_a_catalogue_item_are_one_column() -> None:
    items = pd.DataFrame({"item": [77], "out": ["2002-03-04"]})
    new = introduced(items=items, ratings=rated([(1, 5, 3.0), (1, 77, 2.0)]))
    assert new.items["out"].tolist() == [pd.Timestamp("2002-03-04"), pd.Timestamp("1999-01-01")]
    assert new.items["out"].dtype.kind == "M"


def test_newcomers_may_be_empty() -> None:
    new = introduced()
    assert [len(new.users), len(new.items), len(new.ratings)] == [0, 0, 0]
    assert list(new.users.columns) == ["user", "age", "job"]
    assert list(new.ratings.columns) == ["user", "item", "rating"]


def test_ratings_may_be_text() -> None:
    new = introduced(ratings=rated([("90", "1", "4.5"), ("90", "2", None)]))
    assert new.ratings["rating"].tolist()[0] == 4.5
    assert new.ratings["rating"].isna().tolist() == [False, True]


def test_the_tables_that_are_given_stay_as_they_are() -> None:
    given, revealed = users(90, age=["34"]), rated([(90, 1, "4")])
    introduced(users=given, ratings=revealed)
    assert given["age"].tolist() == ["34"]
    assert revealed["rating"].tolist() == ["4"]


# Ids by value


@pytest.mark.parametrize("other", ["90", 90.0, np.int64(90), " 90"])
def test_one_newcomer_by_any_spelling_of_the_id(other: Any) -> None:
    new = introduced(users=users(90, age=[34]), ratings=rated([(other, 1, 4.0), (90, 2, 5.0)]))
    assert new.users["user"].tolist() == [90]
    assert new.places("user", pd.Series([other, 91, 90], dtype=object)).tolist() == [0, -1, 0]
    assert new.rated_by(other).tolist() == [1, 2]
    assert (
        refusal(users=users(90, other, age=[34, 35]))
        == f"row 1, column user: {other!r} is in the table twice"
    )
    assert refusal(ratings=rated([(90, 1, 4.0), (90, 2, 4.0), (other, "1", 3.0)])) == (
        "row 2: this pair of user and item was rated before"
    )


@quick
@given(
    ids=st.lists(
        st.integers(-9, 9)
        | st.integers(-9, 9).map(str)
        | st.sampled_from(["a", "é", "1.0", "", "007"])
    )
)
def test_places_are_those_of_a_dictionary_by_value(ids: list[Any]) -> None:
    """Of newcomers without repeats; " 7" is a whole number, 007 and 1.0 as text are none."""

    def value(each: Any) -> Any:
        return (
            each
            if isinstance(each, int)
            else int(each)
            if each.lstrip("-").isdigit() and each != "007"
            else each
        )

    there = {value(each): each for each in ids[::2]}
    new = Newcomers(users(*there.values()), pd.DataFrame({"item": []}), rated([]))
    naive = [list(there).index(value(each)) if value(each) in there else -1 for each in ids]
    assert new.places("user", pd.Series(ids, dtype=object)).tolist() == naive


def test_a_fraction_is_not_an_id() -> None:
    new = Newcomers(users(17, 18), pd.DataFrame({"item": []}), rated([]))
    assert new.places("user", pd.Series([17.5, np.nan, 18.0])).tolist() == [-1, -1, 1]


def test_items_not_seen_are_not_rated() -> None:
    new = introduced(ratings=rated([(90, 1, 4.0), (90, 3, None), (91, 2, 2.0)]))
    assert new.rated_by("90").tolist() == [1]
    assert new.rated_by(92).tolist() == []


# What cannot be


@pytest.mark.parametrize(
    ("tables", "text"),
    [
        (
            {"users": pd.DataFrame({"usr": [90]})},
            "new users need a column called user; found usr; did you mean usr?",
        ),
        ({"users": pd.DataFrame({3: [90]})}, "new users need a column called user; found 3"),
        ({"items": pd.DataFrame()}, "new items need a column called item; found none"),
        (
            {"users": users(90, 2)},
            "row 1, column user: user 2 is not new: it has 2 training ratings",
        ),
        (
            {"users": users("2")},
            "row 0, column user: user '2' is not new: it has 2 training ratings",
        ),
        ({"users": users(90, 91, 90)}, "row 2, column user: 90 is in the table twice"),
        (
            {"users": users("x")},
            "row 0, column user: the user ids are whole numbers, such as 1; asked for 'x'",
        ),
        (
            {"users": users(90, None)},
            "row 1, column user: the user ids are whole numbers, such as 1; asked for None",
        ),
        (
            {"users": users(90, agee=[3])},
            "nothing called agee is known of users; did you mean age? (known are: age, job)",
        ),
        ({"users": users(90, age=["abc"])}, "row 0, column age: must be a number; is 'abc'"),
        (
            {"users": users(90, age=[-3])},
            "users, row 0, column age: must not be below 0; is -3 (known ones go from 30 to 50)",
        ),
        (
            {"users": users(90, job=["wroter"])},
            "users, row 0, column job: no user has 'wroter'; "
            "did you mean writer? (known are: nurse, writer)",
        ),
        (
            {"ratings": rated([(90, 1, 4.0)]).rename(columns={"rating": "ratings"})},
            "ratings need a column called rating; found user, item, ratings; did you mean ratings?",
        ),
        (
            {"ratings": rated([(90, 1, 4.0), (90, 2, 5.5)])},
            "row 1, column rating: must be a number from 1 to 5, "
            "or missing for what was not seen; is 5.5",
        ),
        (
            {"ratings": rated([(90, 1, "good")])},
            "row 0, column rating: must be a number from 1 to 5, "
            "or missing for what was not seen; is 'good'",
        ),
        (
            {"ratings": rated([(90, 1, np.inf)])},
            "row 0, column rating: must be a number from 1 to 5, "
            "or missing for what was not seen; is inf",
        ),
        (
            {"ratings": rated([(90, 1, 4.0), (90, 88, 4.0)])},
            "row 1: training saw neither user 90 nor item 88; "
            "a rating says something only if one of them has training ratings",
        ),
        (
            {"ratings": rated([(17, 4, 4.0)])},
            "row 0: training saw neither user 17 nor item 4; "
            "a rating says something only if one of them has training ratings",
        ),
        (
            {"ratings": rated([(90, 1, 4.0), (1, 3, 4.0)])},
            "row 1: training saw both user 1 and item 3; one of them must be new",
        ),
        (
            {"ratings": rated([(90, 1, 4.0), (90, 2, 4.0), (90, 1, 4.0)])},
            "row 2: this pair of user and item was rated before",
        ),
    ],
)
def test_wrong_newcomers_are_refused_with_column_and_row(
    tables: dict[str, pd.DataFrame], text: str
) -> None:
    assert refusal(**tables) == text


def test_a_known_user_is_refused_before_faults_of_the_ratings() -> None:
    found = refusal(users=users("2"), ratings=rated([("2", 1, 4.0)]))
    assert found == "row 0, column user: user '2' is not new: it has 2 training ratings"


def test_a_row_is_counted_from_the_top_whatever_the_index() -> None:
    table = rated([(90, 1, 4.0), (90, 2, 9.0)]).set_index(pd.Index([70, 80]))
    assert refusal(ratings=table).startswith("row 1, column rating: ")


def test_without_a_scale_any_finite_rating_will_do() -> None:
    boundless = evolve(shop(), scale=None)
    assert introduce(boundless, None, None, rated([(90, 1, -1e9)])).ratings["rating"].tolist() == [
        -1e9
    ]


# Everybody in a table of pairs


def test_all_untrained_ids_of_pairs_are_newcomers_each_once() -> None:
    pairs = pd.DataFrame({"user": [90, 1, "90", 17, 90], "item": [1, 5, 2, 4, 5]}, dtype=object)
    new = newcomers_among(shop(), pairs)
    assert new.users["user"].tolist() == [90, 17]
    assert new.users["job"].isna().tolist() == [True, False]
    assert new.items["item"].tolist() == [5, 4]
    assert len(new.ratings) == 0


def test_who_was_introduced_is_not_looked_up_again() -> None:
    revealed = introduced(users=users(17, 90, age=[48, None]), ratings=rated([(17, 1, 4.0)]))
    new = newcomers_among(
        shop(), pd.DataFrame({"user": ["17", 91, 1], "item": [1, 1, 5]}, dtype=object), revealed
    )
    assert new.users["user"].tolist() == [17, 90, 91]
    assert new.users["age"].tolist()[0] == 48.0
    assert new.items["item"].tolist() == [5]
    assert new.ratings is revealed.ratings


# In answers


@frozen(eq=False)
class Revealed:
    """Predicts the age of each pair's new user and the sum of the user's ratings."""

    newcomers: Newcomers

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        """Of shape (n,)."""
        ages = self.newcomers.users["age"].fillna(0.0).to_numpy(dtype=float)
        own = self.newcomers.ratings.groupby(
            self.newcomers.places("user", self.newcomers.ratings["user"])
        )["rating"]
        places = self.newcomers.places("user", pairs["user"])
        found: np.ndarray = ages[places] + 1000 * np.array(
            [own.sum().get(place, 0.0) for place in places]
        )
        return found


class Nothing:
    """A model that was asked about no id that it knows."""

    def predict(self, batch: cfplug.Batch) -> np.ndarray:
        return np.zeros(len(batch))


def model(policy: str = "revealed") -> FittedModel:
    known = shop()
    policies = {
        "revealed": Policy("revealed", "revealed", lambda fitted, new: Revealed(new)),
        "item-mean": Policy(
            "item-mean", "mean", lambda fitted, new: item_mean(ItemMean(2.0), fitted, new, CONTEXT)
        ),
    }
    return FittedModel(
        "m",
        "t/m",
        0,
        (),
        known.catalogue,
        known.support,
        Nothing(),
        policies[policy],
        scale=known.scale,
    )


@quick
@given(order=st.permutations(range(4)), asked=st.permutations(range(5)))
def test_another_order_of_newcomers_is_another_order_of_answers(
    order: list[int], asked: list[int]
) -> None:
    table = users(90, 91, 92, 93, age=[31, 38, None, 45])
    revealed = rated([(90, 1, 4.0), (92, 1, 2.0), (92, 3, 5.0), (93, 2, 1.0), (90, 2, 3.0)])
    pairs = pd.DataFrame({"user": [90, 91, 92, 93, 94], "item": [3, 3, 2, 1, 1]})
    one = model()
    before = one.predict(pairs, newcomers=one.newcomers(users=table, ratings=revealed))
    moved = one.newcomers(users=table.iloc[order], ratings=revealed.iloc[asked])
    pd.testing.assert_frame_equal(
        one.predict(pairs.iloc[asked], newcomers=moved), before.iloc[asked]
    )
    assert before["prediction"].tolist() == [31 + 7000.0, 38.0, 7000.0, 45 + 1000.0, 0.0]


def test_no_ratings_and_no_metadata_are_answered_by_the_prior() -> None:
    one = model("item-mean")
    unknown = one.newcomers(users=users(90))
    answer = one.predict(pd.DataFrame({"user": [90, 90], "item": [1, 5]}), newcomers=unknown)
    mean = (5.0 + 3.0 + 1.0 + 4.0) / 4
    assert answer["prediction"].tolist() == pytest.approx([(5.0 + 1.0 + 2 * mean) / 4, mean])
    assert answer["origin"].tolist() == ["mean", "mean"]
