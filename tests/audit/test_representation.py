"""Representation: shares that equal their naive counts, and lines for missing parts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from cfplug_audit import Representation
from cfplug_audit.lists import training_pairs
from cfplug_audit.representation import representation

from cfplug import Context, Dataset, FittedModel, Section, Split, Table
from cfplug.report.elements import Interval
from cfplug.report.serialize import check_section

Make = Callable[..., FittedModel]
Quiet = Callable[[int], Context]


def section(fitted: FittedModel, context: Quiet, **params: float) -> Section:
    return check_section(representation(Representation(**params), fitted, context(0)))


def value(cell: Interval | float) -> float:
    return Interval.of(cell).value


def table(found: Section, start: str) -> Table:
    return next(each for each in found.tables if each.title.startswith(start))


@pytest.fixture(scope="module")
def fitted(make: Make) -> FittedModel:
    return make(users=97, items=31, ratings=1300, seed=3)


@pytest.fixture(scope="module")
def found(fitted: FittedModel, context: Quiet) -> Section:
    return section(fitted, context, k=4)


def test_the_most_active_fifth_has_the_share_that_its_ratings_sum_to(
    fitted: FittedModel, found: Section
) -> None:
    train = fitted.evidence.train
    for column, side in ((1, "user"), (2, "item")):
        count = train.groupby(side).size().sort_values(ascending=False)
        share = 100 * count[: math.ceil(0.2 * len(count))].sum() / len(train)
        assert table(found, "Concentration").rows[3][column] == pytest.approx(share, abs=0.05)
    assert found.text[0].startswith("The most active 10 % of 97 users gave ")


def test_groups_of_users_have_their_shares(fitted: FittedModel, found: Section) -> None:
    train = fitted.evidence.train.merge(fitted.evidence.dataset.users)
    for name, users, of_users, of_ratings, each, _ in table(found, "Users by gender").rows:
        theirs = train[train["gender"] == name]
        assert users == theirs["user"].nunique()
        assert of_users == pytest.approx(100 * users / 97, abs=0.05)
        assert of_ratings == pytest.approx(100 * len(theirs) / len(train), abs=0.05)
        assert each == pytest.approx(len(theirs) / users, abs=0.05)


def test_ratings_behind_recommendations_are_those_of_the_recommended_items(
    fitted: FittedModel, found: Section
) -> None:
    top = fitted.top(np.flatnonzero(fitted.support.count["user"]), training_pairs(fitted), 4)
    train = fitted.evidence.train.merge(fitted.evidence.dataset.users)
    for name, *_, behind in table(found, "Users by gender").rows:
        women = train["gender"] == name
        parts = [
            women[train["item"] == fitted.catalogue.item.ids[item]].mean() for item in top.ravel()
        ]
        assert value(behind) == pytest.approx(100 * np.mean(parts), abs=0.05)
    assert sum(value(row[-1]) for row in table(found, "Users by age").rows) == pytest.approx(
        100, abs=0.3
    )


def test_groups_of_items_have_their_shares_of_catalogue_ratings_and_places(
    fitted: FittedModel, found: Section
) -> None:
    top = fitted.top(
        np.flatnonzero(fitted.support.count["user"]), training_pairs(fitted), 4
    ).ravel()
    genres = fitted.evidence.dataset.items["genres"]
    train = fitted.catalogue.encode(fitted.evidence.train)
    for name, items, of_items, of_ratings, of_places, ratio in table(found, "Items by genres").rows:
        has = np.array([name in (each or ("(none)",)) for each in genres])
        assert items == has.sum()
        assert of_items == pytest.approx(100 * has.mean(), abs=0.05)
        assert of_ratings == pytest.approx(100 * has[train.item].mean(), abs=0.05)
        assert value(of_places) == pytest.approx(100 * has[top].mean(), abs=0.05)
        assert value(ratio) == pytest.approx(has[top].mean() / has[train.item].mean(), abs=0.005)


def test_the_text_names_the_most_amplified_group_and_the_most_damped(found: Section) -> None:
    rows = sorted(table(found, "Items by genres").rows, key=lambda row: value(row[5]))
    assert found.text[2].startswith(
        f"For its ratings, {rows[-1][0]} is recommended most: {rows[-1][3]:g} % of the"
    )
    assert f"Least is {rows[0][0]}:" in found.text[2]


def test_the_pictures_are_curves_groups_amplification_and_enthusiasts(found: Section) -> None:
    assert [(chart.mark, chart.reference) for chart in found.charts] == [
        ("line", "diagonal"),
        ("interval", "zero"),
        ("point", "diagonal"),
        ("interval", "zero"),
    ]
    assert {row[2] for row in found.charts[0].rows} == {"users", "items"}
    assert {"gender: M", "gender: F"} <= {row[0] for row in found.charts[1].rows}
    assert all(row[4] >= 20 for row in found.charts[1].rows)


def test_a_group_may_rate_more_than_the_average(fitted: FittedModel, found: Section) -> None:
    people = fitted.evidence.dataset.users
    count = (
        fitted.evidence.train["user"]
        .value_counts()
        .reindex(people["user"], fill_value=0)
        .to_numpy()
    )
    for name, more, low, high, users in (
        row for row in found.charts[1].rows if row[0].startswith("gender")
    ):
        theirs = count[people["gender"] == name.removeprefix("gender: ")]
        assert users == len(theirs)
        assert more == pytest.approx(100 * (theirs.mean() / count.mean() - 1), abs=0.06)
        assert low < more < high


def test_users_without_training_ratings_are_not_counted(make: Make, context: Quiet) -> None:
    fitted = make(users=150, items=31, ratings=260, seed=1)
    count = fitted.support.count["user"]
    assert (count == 0).sum() > 9
    gender = fitted.evidence.dataset.users["gender"].to_numpy()
    for name, more, _, _, users in section(fitted, context, k=2).charts[1].rows:
        if name.startswith("gender"):
            theirs = count[(gender == name.removeprefix("gender: ")) & (count > 0)]
            assert users == len(theirs)
            assert more == pytest.approx(
                100 * (theirs.mean() / count[count > 0].mean() - 1), abs=0.06
            )


def test_missing_metadata_is_noted(make: Make, context: Quiet) -> None:
    plain = section(make(plain=True), context)
    assert plain.text[1] == (
        "Items have no sets or categories, such as genres, so groups of items are left out."
    )
    assert [each.title for each in plain.tables] == [
        "Concentration of ratings",
        "Users by ratings given",
    ]
    assert [chart.mark for chart in plain.charts] == ["line"]


@pytest.mark.usefixtures("no_lists")
def test_a_model_that_makes_no_lists_still_has_data_to_look_at(
    fitted: FittedModel, context: Quiet
) -> None:
    silent = section(fitted, context)
    assert any(
        "makes no lists" in line
        and line.endswith("pairs need a column called mood, which the model looks at")
        for line in silent.text
    )
    assert table(silent, "Items by genres").columns[-1] == "share of ratings, %"
    assert table(silent, "Users by gender").columns[-1] == "ratings per user"
    assert "point" not in {chart.mark for chart in silent.charts}


def test_users_and_items_that_training_never_saw_are_not_part_of_it(
    fit: Make, context: Quiet
) -> None:
    rows = [(u, i, float(1 + (u + i) % 5)) for u in range(1, 9) for i in range(1, 6)]
    users = pd.DataFrame({"user": range(1, 12), "job": ["a", "b"] * 4 + ["c"] * 3})
    items = pd.DataFrame({"item": range(1, 8), "kind": ["x", "y", "x", "y", "x", "z", "z"]})
    dataset = Dataset.build(
        "w",
        pd.DataFrame(rows, columns=["user", "item", "rating"]),
        users,
        items,
        roles={"users": {"job": "category"}, "items": {"kind": "category"}},
    )
    fitted = fit(dataset, Split(np.arange(38), np.array([38, 39])), np.random.default_rng(0))
    found = section(fitted, context, k=2)
    assert {row[0] for row in table(found, "Users by job").rows} == {"a", "b"}
    assert {row[0] for row in table(found, "Items by kind").rows} == {"x", "y"}
    assert found.text[0].startswith("The most active 10 % of 8 users")
