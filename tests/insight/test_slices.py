"""Slices: groups that partition the held-out ratings, with the naive numbers, worst first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from cfplug_factors.baselines import Offsets
from cfplug_insight import Slices
from cfplug_insight.residuals import by_support
from cfplug_insight.slices import ERROR, MSE, slices
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Context, DataError, Dataset, FittedModel, Section, Split, Table
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.groups import EMPTY, MISSING, groups_by_count
from cfplug.prediction.evidence import Evidence
from cfplug.report.elements import Interval
from cfplug.report.serialize import check_section

GENRES = ("Drama", "<script>alert(1)</script>", "Anime", "{{ 7 * 7 }}")


def model(
    n_users: int = 17,
    n_items: int = 29,
    n: int = 260,
    seed: int = 0,
    plain: bool = False,
    women: float = 0.0,
) -> FittedModel:
    """Return a model that is measured on two of three ratings; `women` is added for women."""
    rng = np.random.default_rng(seed)
    pairs = rng.choice(n_users * n_items, n, replace=False)
    rated = pd.DataFrame(
        {"user": pairs // n_items, "item": pairs % n_items, "rating": rng.integers(1, 6, n) * 1.0}
    )
    users, items = pd.DataFrame({"user": range(n_users)}), pd.DataFrame({"item": range(n_items)})
    if not plain:
        rated["mood"] = rng.choice(["good", "bad"], n)
        rated["time"] = pd.to_datetime("2001-03-04") + pd.to_timedelta(rng.integers(0, 500, n), "D")
        users["gender"] = rng.choice(["F", "M", None], n_users)
        users["zip_code"] = [f"{i:05}" for i in range(n_users)]
        items["title"] = [f"film {i}" for i in range(n_items)]
        items["year"] = [np.nan, *rng.integers(1930, 2000, n_items - 1)]
        items["genres"] = pd.Series(
            [tuple(g for g in GENRES if rng.random() < 0.4) for _ in range(n_items)], dtype=object
        )
    roles = {} if plain else {"users": {"zip_code": "text"}}
    dataset = Dataset.build("w", rated, users, items, roles=roles)
    held = np.flatnonzero(np.arange(n) % 3)
    split = Split(np.flatnonzero(np.arange(n) % 3 == 0), held)
    catalogue = Catalogue.of(dataset)
    train = catalogue.interactions(dataset.ratings, split.train)
    part = dataset.ratings.iloc[held].reset_index(drop=True)
    shown = part.assign(prediction=part["rating"] + rng.normal(0, 1, len(part)), origin="warm")
    if women:
        shown["prediction"] += women * (users["gender"].to_numpy()[shown["user"]] == "F")
    empty = pd.DataFrame()
    evidence = Evidence(dataset, split, "valid", shown, None, empty, empty)
    offsets = Offsets(3.0, np.zeros(n_users), np.zeros(n_items))
    support = Support.of(train)
    return FittedModel(
        "toy", "test/toy", 0, ("biases",), catalogue, support, offsets, evidence=evidence
    )


def section(fitted: FittedModel, *by: str, seed: int = 0, **params: int) -> Section:
    context = Context(
        0, np.random.default_rng(seed), "cpu", Path(), lambda done, message: None, lambda line: None
    )
    return check_section(
        slices(Slices(by=by, **{"draws": 100, "least": 1, **params}), fitted, context)
    )


def value(cell: Any) -> float:
    return float(cell.value if isinstance(cell, Interval) else cell)


def table(found: Section, title: str) -> Table:
    return next(each for each in found.tables if title in each.title)


def errors(fitted: FittedModel) -> pd.Series[float]:
    held_out = fitted.evidence.held_out
    return held_out["prediction"] - held_out["rating"]


# Properties


@given(st.integers(0, 99), st.integers(2, 12))
@settings(max_examples=12, deadline=None)
def test_slices_partition_the_ratings_and_sets_cover_them(seed: int, groups: int) -> None:
    fitted = model(seed=seed)
    error = errors(fitted)
    for each in section(fitted, groups=groups).tables[1:]:
        counts = [row[1] for row in each.rows]
        if "genres" in each.title:
            assert sum(counts) >= len(error)
            continue
        assert sum(counts) == len(error), each.title
        mean = sum(row[1] * value(row[2]) for row in each.rows) / len(error)
        assert mean == pytest.approx((error**2).mean(), abs=1e-3)
        assert sum(row[1] * value(row[3]) for row in each.rows) / len(error) == pytest.approx(
            error.mean(), abs=1e-3
        )


def test_every_group_has_the_error_of_its_ratings() -> None:
    fitted = model()
    held_out, error = fitted.evidence.held_out, errors(fitted)
    gender = held_out["user"].map(fitted.evidence.dataset.users["gender"]).fillna(MISSING)
    for name, n, mse, mean, apart, _ in table(section(fitted), "gender").rows:
        inside = gender == name
        assert n == inside.sum()
        assert value(mse) == pytest.approx((error[inside] ** 2).mean(), abs=6e-4)
        assert value(mean) == pytest.approx(error[inside].mean(), abs=6e-4)
        others = (error[~inside] ** 2).mean()
        assert value(apart) == pytest.approx((error[inside] ** 2).mean() - others, abs=6e-4)


def test_a_rating_counts_for_every_member_of_a_set_and_an_empty_set_is_a_group() -> None:
    fitted = model()
    genres = fitted.evidence.held_out["item"].map(fitted.evidence.dataset.items["genres"])
    found = table(section(fitted), "genres")
    for name, n, mse, *_ in found.rows:
        inside = np.array([name in (each or (EMPTY,)) for each in genres])
        assert n == inside.sum()
        assert value(mse) == pytest.approx((errors(fitted)[inside] ** 2).mean(), abs=6e-4)
    assert {row[0] for row in found.rows} == {*GENRES, EMPTY}
    assert found.note.startswith("A rating counts in each of its groups")


def test_popularity_is_counted_and_cut_in_training_alone() -> None:
    fitted = model()
    count = fitted.evidence.train["item"].value_counts()
    theirs = fitted.evidence.held_out["item"].map(count).fillna(0)
    for name, n, *_ in table(section(fitted, groups=3), "popularity").rows:
        low, _, high = name.partition(" to ")
        assert n == theirs.between(int(low), int(high or low)).sum()
    few = evolve(
        fitted, evidence=evolve(fitted.evidence, held_out=fitted.evidence.held_out.head(40))
    )
    names = [
        {row[0] for row in table(section(each, groups=3), "popularity").rows}
        for each in (few, fitted)
    ]
    assert names[0] <= names[1] == set(groups_by_count(fitted.support.count["item"], 3).names)


def test_popularity_and_activity_have_the_same_groups_in_both_sections() -> None:
    fitted = model()
    found = section(fitted)
    for side, word in (("item", "popularity"), ("user", "activity")):
        assert {row[0] for row in table(found, word).rows} == set(by_support(fitted, side).names)


def test_numbers_are_cut_into_groups_with_about_as_many_held_out_ratings_each() -> None:
    fitted = model(n=450)
    held_out = fitted.evidence.held_out
    late = held_out[
        held_out["item"].map(fitted.evidence.dataset.items["year"]) >= 1975
    ].reset_index(drop=True)
    found = table(
        section(evolve(fitted, evidence=evolve(fitted.evidence, held_out=late)), groups=3), "year"
    )
    assert len(found.rows) == 3
    assert max(row[1] for row in found.rows) < len(late) / 2


def test_ratings_of_one_user_give_no_interval() -> None:
    for row in table(section(model(), "users.zip_code", groups=20), "zip code").rows:
        assert (type(row[2]), type(row[3]), type(row[4]), row[5]) == (float, float, float, "")


def test_a_group_without_a_held_out_rating_is_left_out() -> None:
    fitted = model()
    held_out = fitted.evidence.held_out
    women = fitted.evidence.dataset.users["gender"] == "F"
    men = held_out[~held_out["user"].map(women)].reset_index(drop=True)
    found = section(evolve(fitted, evidence=evolve(fitted.evidence, held_out=men)))
    assert {row[0] for row in table(found, "gender").rows} == {"M", MISSING}


# What is said


def test_a_group_with_greater_errors_is_worst_and_called_worse() -> None:
    found = section(model(n_users=60, n=900, women=2.0), "users.gender", draws=200)
    worst = found.tables[0].rows[0]
    assert worst[:2] == ("the user's gender", "F")
    assert worst[-1] == "worse"
    assert value(worst[4]) > 1.5
    assert "The largest error is that of the user's gender, F:" in found.text[1]
    assert found.text[2].startswith("1 of 3 groups are worse than all other ratings together")


def test_where_errors_are_alike_hardly_any_group_is_called_worse() -> None:
    verdicts = [
        row[-1] for seed in range(12) for row in table(section(model(seed=seed)), "gender").rows
    ]
    assert verdicts.count("worse") <= 4


def test_the_worst_stand_first_and_groups_with_few_ratings_last() -> None:
    found = table(section(model(), least=20, groups=6), "year")
    ranked = [value(row[2]) for row in found.rows if row[1] >= 20]
    assert ranked == sorted(ranked, reverse=True)
    assert [row[1] >= 20 for row in found.rows] == sorted(
        (row[1] >= 20 for row in found.rows), reverse=True
    )
    few = [row for row in found.rows if row[1] < 20]
    assert few
    assert {row[-1] for row in few} == {"too few to say"}
    assert "Groups with fewer than 20 ratings are last." in found.note


def test_where_all_groups_are_small_nothing_is_ranked() -> None:
    found = section(model(), least=5000)
    assert (
        found.text[1]
        == "No column makes a group of at least 5,000 held-out ratings, so nothing is ranked."
    )
    assert not any(each.title.startswith("The worst") for each in found.tables)


def test_all_columns_that_serve_are_sliced_and_the_others_named() -> None:
    found = section(model())
    assert [each.title for each in found.tables[1:]] == [
        "Error by popularity: training ratings of the item",
        "Error by activity: training ratings of the user",
        "Error by the user's gender",
        "Error by the item's year",
        "Error by the item's genres",
        "Error by the rating's mood",
        "Error by the rating's time",
    ]
    assert found.text[-1] == (
        "Left out, since nearly every row has a different value: users.zip_code (text), "
        "items.title (label)."
    )


def test_a_chart_has_all_ratings_first_and_then_the_groups_in_their_order() -> None:
    found = section(model(), "items.year", "users.gender", groups=4)
    year, gender = found.charts
    assert (year.mark, year.x, year.y) == ("interval", MSE, "group")
    assert year.rows[0][0] == gender.rows[0][0] == "all held-out ratings"
    starts = [int(row[0].split()[0]) for row in year.rows[1:] if row[0] != MISSING]
    assert starts == sorted(starts)
    reported = [row[2] for row in gender.rows[1:]]
    assert reported == sorted(reported, reverse=True)
    assert all(row[3] <= row[2] <= row[4] for row in gender.rows)
    assert year.columns[-1] == ERROR


def test_there_are_at_most_eight_charts() -> None:
    fitted = model()
    dataset = fitted.evidence.dataset
    users = dataset.users.assign(**{f"c{i}": ["a", "b"] * 8 + ["a"] for i in range(9)})
    wide = Dataset.build("w", dataset.ratings, users, dataset.items)
    object.__setattr__(fitted.evidence, "dataset", wide)
    found = section(fitted)
    assert len(found.charts) == 8
    assert "There are charts of the first 8 columns, and tables of all 16." in found.text


def test_without_metadata_popularity_and_activity_are_left() -> None:
    found = section(model(plain=True))
    assert [each.title.partition(":")[0] for each in found.tables[1:]] == [
        "Error by popularity",
        "Error by activity",
    ]


def test_a_column_with_one_group_is_left_out_with_a_note() -> None:
    found = section(model(n_users=1, n_items=40, n=30))
    assert any(
        line.startswith(
            "Left out, since all held-out ratings are in one group: popularity, activity, "
            "users.gender"
        )
        for line in found.text
    )
    assert not isinstance(
        found.tables[0].rows[0][3], Interval
    )  # of one user nobody knows how others would differ


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "users.gendr",
            "by: no column called 'users.gendr'; did you mean users.gender? (popularity, activity, "
            "users.gender, "
            "users.zip_code, items.title, items.year, items.genres, ratings.mood, ratings.time)",
        ),
        ("users.user", "by: users.user has a different value in each row, so it makes no groups"),
    ],
)
def test_a_column_that_cannot_be_sliced_is_an_error(name: str, message: str) -> None:
    with pytest.raises(DataError) as raised:
        section(model(), name)
    assert str(raised.value) == message


def test_text_columns_are_sliced_where_one_asks_for_them() -> None:
    found = table(section(model(), "users.zip_code", groups=2), "zip code")
    assert len(found.rows) == 5
    assert "the other 13 values" in [row[0] for row in found.rows]


def test_the_same_predictions_give_the_same_intervals_whatever_the_seed() -> None:
    assert section(model(), seed=4) == section(model(), seed=5)
