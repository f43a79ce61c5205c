"""What people tagged a film with is a set; films of one title become one item."""

from __future__ import annotations

import numpy as np
import pandas as pd
from cfplug_movielens.films import films_table, genres_of, tag_sets
from cfplug_movielens.titles import by_title
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Dataset, Split

used = st.lists(
    st.tuples(st.integers(-2, 6), st.sampled_from(["A", "a", " b", "B ", "ß", "SS", "", "  ", "c"]))
)


@settings(deadline=None)
@given(used, st.permutations(range(-2, 9)))
def test_a_films_tags_are_its_distinct_tags_without_regard_to_case(
    used: list[tuple[int, str]], items: list[int]
) -> None:
    found = tag_sets(pd.DataFrame(used, columns=["item", "tag"]), items)
    naive = [
        {tag.strip().casefold() for each, tag in used if each == item} - {""} for item in items
    ]
    assert found == [tuple(sorted(tags)) for tags in naive]


def test_genres_are_between_bars() -> None:
    assert genres_of("Drama|Film-Noir\r") == ("Drama", "Film-Noir")
    assert genres_of("(no genres listed)") == ()
    assert genres_of("") == ()


def test_a_title_loses_the_blanks_around_it_and_keeps_its_year() -> None:
    films = films_table(
        pd.DataFrame({"item": [7], "title": [" Fawlty Towers (1975-1979) "], "genres": ["Comedy"]})
    )
    assert films.iloc[0].tolist() == [7, "Fawlty Towers (1975-1979)", 1975.0, ("Comedy",)]


KEYS = ["user", "item", "rating"]


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """Up to 5 users and 8 items, some of which share a title or have none, with one fold."""
    pairs = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 8)), min_size=2, unique=True))
    ratings = pd.DataFrame(pairs, columns=["user", "item"])
    ratings["rating"] = draw(st.lists(st.integers(1, 5), min_size=len(pairs), max_size=len(pairs)))
    titles = draw(st.lists(st.sampled_from(["A", "B", "C", "D", None]), min_size=8, max_size=8))
    items = pd.DataFrame({"item": draw(st.permutations(range(1, 9))), "title": titles})
    order = np.array(draw(st.permutations(range(len(pairs)))))
    cut = draw(st.integers(1, len(pairs) - 1))
    folds = {"u1": Split(train=order[:cut], valid=order[cut:])}
    ratings["row"] = range(len(ratings))
    return Dataset.build(
        "drawn", ratings, items=items, roles={"items": {"title": "label"}}, folds=folds
    )


@settings(deadline=None)
@given(datasets())
def test_joining_by_title_keeps_the_last_rating_of_every_user_and_title(dataset: Dataset) -> None:
    titles = dict(zip(dataset.items["item"], dataset.items["title"], strict=True))
    last = {}
    for user, item, rating in dataset.ratings[KEYS].itertuples(index=False, name=None):
        title = titles[item] if isinstance(titles[item], str) else item
        last.pop((user, title), None)
        last[user, title] = rating
    joined = by_title(dataset)
    names = dict(zip(joined.items["item"], joined.items["title"], strict=True))
    found = {
        (user, names[item] if isinstance(names[item], str) else item): rating
        for user, item, rating in joined.ratings[KEYS].itertuples(index=False, name=None)
    }
    assert list(found.items()) == list(last.items())
    assert joined.items["title"].dropna().is_unique


@settings(deadline=None)
@given(datasets())
def test_joining_by_title_takes_from_a_fold_what_it_takes_from_the_ratings(
    dataset: Dataset,
) -> None:
    joined = by_title(dataset)
    left = set(joined.ratings["row"])
    parts = {
        name: [row for row in rows if row in left]
        for name, rows in dataset.folds["u1"].parts().items()
    }
    if not all(parts.values()):
        assert joined.folds == {}
        assert (
            joined.notes[-1]
            == "without the published splits u1, which have a part with no rating left"
        )
        return
    found = {
        name: joined.ratings["row"].iloc[rows].tolist()
        for name, rows in joined.folds["u1"].parts().items()
    }
    assert found == parts


def test_titles_that_are_all_different_leave_all_as_it_was() -> None:
    ratings = pd.DataFrame({"user": [1, 1, 2], "item": [4, 5, 4], "rating": [1, 2, 3]})
    items = pd.DataFrame({"item": [5, 4], "title": ["A", "B"]})
    dataset = Dataset.build("told", ratings, items=items)
    assert by_title(dataset).hash() == dataset.hash()
    assert by_title(dataset).notes == ()
