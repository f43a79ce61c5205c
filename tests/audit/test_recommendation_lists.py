"""The section on lists: what it counts is what the lists hold, and what is lacking is said in a line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from cfplug_audit import RecommendationLists, cfplug_analyzers, lists, recommended
from cfplug_audit.recommended import Lists, at_random, from_profiles, most_popular, profiles, rated
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Context, FittedModel, Section
from cfplug.report.elements import Interval
from cfplug.report.serialize import check_section

Make = Callable[..., FittedModel]
Quiet = Callable[[int], Context]
PLAIN = (str, int, float, bool, type(None), Interval)


def section(fitted: FittedModel, context: Quiet, seed: int = 0, **params: float) -> Section:
    return check_section(
        lists.recommendation_lists(RecommendationLists(**params), fitted, context(seed))
    )


def value(cell: Interval | float) -> float:
    return Interval.of(cell).value


def row_of(found: Section, word: str) -> tuple[object, ...]:
    return next(row for row in found.tables[0].rows if row[0].startswith(word))


def test_the_lists_of_all_users_hold_what_the_model_would_recommend(
    make: Make, context: Quiet
) -> None:
    fitted = make()
    shown = recommended.recommended(fitted, 3, 1000, context(0))
    assert (
        shown.words
        == "Lists of 3 items for all 23 users; each without the items that the user has rated."
    )
    assert shown.lists is not None
    train = fitted.evidence.train
    for user, items in zip(shown.lists.users, shown.lists.items, strict=True):
        mine = set(train["item"][train["user"] == fitted.catalogue.user.ids[user]])
        held = {
            each: fitted.predictor.item[code] for code, each in enumerate(fitted.catalogue.item.ids)
        }
        trained = set(train["item"])
        best = sorted((i for i in held if i in trained - mine), key=lambda i: -held[i])[:3]
        assert fitted.catalogue.item.decode(items) == best


def test_of_many_users_some_are_drawn_by_the_contexts_own_chance(
    make: Make, context: Quiet
) -> None:
    drawn = [recommended.recommended(make(), 2, 10, context(seed)) for seed in (0, 0, 1)]
    assert drawn[0].words.startswith("Lists of 2 items for 10 of the 23 users, drawn at random;")
    one, same, other = (each.lists.users.tolist() for each in drawn if each.lists is not None)
    assert one == same != other


def test_a_great_catalogue_gets_fewer_lists(
    make: Make, context: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recommended, "PAIRS", 31 * 12)
    monkeypatch.setattr(recommended, "AT_LEAST", 5)
    found = recommended.recommended(make(), 2, 1000, context(0)).lists
    assert found is not None
    assert len(found.users) == 12


def test_the_figures_are_those_of_the_lists(make: Make, context: Quiet) -> None:
    fitted = make()
    count, k = fitted.support.count["item"], 4
    top = fitted.top(np.flatnonzero(fitted.support.count["user"]), rated(fitted), k)
    found = section(fitted, context, k=k)
    assert value(row_of(found, "catalogue")[1]) == pytest.approx(
        100 * len(np.unique(top)) / (count > 0).sum(), abs=0.05
    )
    assert value(row_of(found, "popularity, training")[1]) == pytest.approx(
        count[top].mean(), abs=0.05
    )
    assert value(row_of(found, "novelty")[1]) == pytest.approx(
        np.mean(-np.log2(count[top] / 23)), abs=0.005
    )
    often = np.bincount(top.ravel(), minlength=len(count))
    most = next(table for table in found.tables if table.title == "The most recommended items")
    assert [row[1] for row in most.rows] == sorted(often[often > 0].tolist(), reverse=True)[:15]
    first = int(often.argmax())
    assert most.rows[0][0] == fitted.catalogue.item.label(first)
    assert value(most.rows[0][2]) == pytest.approx(100 * often[first] / len(top), abs=0.05)


@given(st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_lists_to_measure_by_hold_no_item_twice_and_keep_to_their_kind(
    make: Make, context: Quiet, seed: int
) -> None:
    fitted = make(users=9, items=14, ratings=80, held_out=5, seed=seed)
    seen, rng = rated(fitted), np.random.default_rng(seed)
    mine = Lists(
        np.flatnonzero(fitted.support.count["user"]),
        np.full((9, 6), -1)[: (fitted.support.count["user"] > 0).sum()],
    )
    profile, count = profiles(mine.users, seen), fitted.support.count["item"]
    popular, chance, own = (
        most_popular(fitted, mine, seen),
        at_random(fitted, mine, seen, rng),
        None,
    )
    own = from_profiles(mine, profile, rng)
    for row, user in enumerate(mine.users):
        rated_by = set(seen.item[seen.user == user].tolist())
        assert set(profile[row].tolist()) == rated_by
        left = [
            item
            for item in np.argsort(-count, kind="stable").tolist()
            if count[item] and item not in rated_by
        ]
        assert [item for item in popular.items[row] if item >= 0] == left[:6]
        for each, among in ((chance, set(left)), (own, rated_by)):
            items = [item for item in each.items[row].tolist() if item >= 0]
            assert len(items) == len(set(items)) == min(6, len(among))
            assert set(items) <= among


def test_what_lists_leave_out_each_lot_is_counted_anew() -> None:
    some = Lists(np.array([3, 5, 8]), np.array([[0, 1], [1, -1], [2, 1]]))
    lot = np.array([0, 19, 0])
    found = some.without_each(lot, 4)
    assert found[0].tolist() == [1, 3, 1, 0]
    assert found[1].tolist() == [0, 1, 0, 0]
    assert found[20].tolist() == [1, 2, 1, 0]
    assert (found[2:20] == found[0]).all()


def test_groups_of_users_stand_beside_each_other(make: Make, context: Quiet) -> None:
    fitted = make(users=150, items=40, ratings=2000)
    found = section(fitted, context, k=5)
    by = next(table for table in found.tables if table.title == "The lists by group of users")
    assert {row[0] for row in by.rows} == {"ratings given", "gender", "age"}
    gender = [row for row in by.rows if row[0] == "gender"]
    assert sum(row[2] for row in gender) == 150
    top = fitted.top(np.arange(150), rated(fitted), 5)
    for _, name, users, popularity, *_ in gender:
        theirs = (fitted.evidence.dataset.users["gender"] == name).to_numpy()
        assert users == theirs.sum()
        assert value(popularity) == pytest.approx(
            fitted.support.count["item"][top[theirs]].mean(), abs=0.06
        )
    assert [chart.mark for chart in found.charts] == ["interval", "interval", "line"]


def test_without_metadata_the_lists_are_told_without_genres(make: Make, context: Quiet) -> None:
    found = section(make(plain=True), context)
    assert found.text[2] == (
        "Items have no sets or categories, such as genres, and the model has no factors: nothing says how varied."
    )
    assert not any("genres" in str(row[0]) for row in found.tables[0].rows)


def test_without_genres_factors_say_how_varied_a_list_is(make: Make, context: Quiet) -> None:
    fitted = make(plain=True)
    factors = np.random.default_rng(0).normal(size=(31, 3))

    class WithFactors:
        predict = fitted.predictor.predict

        def embeddings(self, side: str) -> np.ndarray:
            return factors

    found = section(evolve(fitted, predictor=WithFactors(), provides=("embeddings",)), context)
    assert (
        found.text[2]
        == "Items have no sets or categories, such as genres: what makes them alike is their factors."
    )
    assert (
        row_of(found, "diversity")[-1]
        == "how unlike the items of one list are in their factors: 0 all alike"
    )


@pytest.mark.usefixtures("no_lists")
def test_a_model_that_looks_at_more_than_time_makes_no_lists(make: Make, context: Quiet) -> None:
    found = section(make(), context)
    assert found.text == (
        "toy makes no lists, since it looks at more than user, item and time: "
        "pairs need a column called mood, which the model looks at",
    )
    assert (found.tables, found.charts) == ((), ())


def test_a_user_who_rated_everything_gets_an_empty_list_and_no_figure(
    fit: Make, context: Quiet
) -> None:
    from cfplug import Dataset, Split

    rows = [
        (u, i, float(1 + (u * i) % 5))
        for u in range(1, 8)
        for i in range(1, 6)
        if u == 1 or (u + i) % 2
    ]
    items = pd.DataFrame(
        {"item": range(1, 7), "genres": [("A",), ("B",), (), ("A", "B"), ("A",), ("B",)]}
    )
    dataset = Dataset.build(
        "w", pd.DataFrame(rows, columns=["user", "item", "rating"]), items=items
    )
    fitted = fit(
        dataset,
        Split(np.arange(len(rows) - 1), np.array([len(rows) - 1])),
        np.random.default_rng(0),
    )
    found = section(fitted, context, k=3)
    assert row_of(found, "diversity")[1] is not None
    assert "Of the 5 items" in found.text[1]


def test_the_manifest_names_both_analyzers() -> None:
    assert [(each.name, each.function("analyze").__name__) for each in cfplug_analyzers()] == [
        ("representation", "representation"),
        ("recommendation-lists", "recommendation_lists"),
    ]
