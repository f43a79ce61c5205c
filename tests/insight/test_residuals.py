"""Predictions and ratings: the numbers are the naive ones, pictures have every rating once."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from cfplug_factors.baselines import Offsets
from cfplug_insight import PredictionVsActual, cfplug_analyzers
from cfplug_insight.residuals import (
    MOST_CELLS,
    against_actual,
    agreement,
    by_rating,
    by_support,
    heatmap,
    histograms,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Chart, Context, Dataset, FittedModel, Scale, Section, Split, Table
from cfplug.data.catalogue import Catalogue, Support
from cfplug.prediction.evidence import Evidence
from cfplug.report.elements import Interval
from cfplug.report.serialize import check_section

QUIET = Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)
STARS = Scale(1, 5, (1, 2, 3, 4, 5))
USERS, ITEMS = 17, 29


def model(
    prediction: Any = None,
    scale: Scale = STARS,
    part: str = "valid",
    seed: int = 5,
    rows: int = 330,
) -> FittedModel:
    """Return a model of 17 users and 29 items, a third of its ratings held out.

    `prediction` is a number, or one for each held-out rating.
    """
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(USERS * ITEMS)[:rows]
    rating = (
        rng.choice(scale.levels, rows) if scale.levels else rng.uniform(scale.low, scale.high, rows)
    )
    ratings = pd.DataFrame(
        {"user": pairs % USERS + 100, "item": pairs // USERS, "rating": rating.astype(float)}
    )
    data = Dataset.build("films", ratings, scale=scale)
    train, rest = np.arange(rows * 2 // 3), np.arange(rows * 2 // 3, rows)
    held_out = data.ratings.iloc[rest].reset_index(drop=True)
    if prediction is None:
        prediction = (
            0.5 * held_out["rating"]
            + 0.25 * (scale.low + scale.high)
            + rng.normal(0, 0.3, len(rest))
        )
    evidence = Evidence(
        data,
        Split(train, rest),
        part,
        held_out.assign(prediction=prediction, origin="warm"),
        None,
        pd.DataFrame(),
        pd.DataFrame(),
    )
    catalogue = Catalogue.of(data)
    support = Support.of(catalogue.interactions(data.ratings, train))
    offsets = Offsets(3.0, np.zeros(USERS), np.zeros(ITEMS))
    return FittedModel("pmf", "test/pmf", 0, (), catalogue, support, offsets, evidence=evidence)


def with_held_out(fitted: FittedModel, held_out: pd.DataFrame) -> FittedModel:
    return evolve(
        fitted, evidence=evolve(fitted.evidence, held_out=held_out.reset_index(drop=True))
    )


def section(fitted: FittedModel, bins: int = 30) -> Section:
    return check_section(against_actual(PredictionVsActual(bins=bins), fitted, QUIET))


def chart(found: Section, mark: str) -> Chart:
    return next(each for each in found.charts if each.mark == mark)


def value(cell: Any) -> float:
    return float(cell.value if isinstance(cell, Interval) else cell)


def test_the_numbers_are_what_three_lines_of_numpy_say() -> None:
    fitted = model()
    held_out = fitted.evidence.held_out
    error = (held_out["prediction"] - held_out["rating"]).to_numpy()
    table = section(fitted).tables[0]
    naive = [
        np.mean(error**2),
        np.mean(error),
        100 * np.mean(np.abs(error) <= 0.5),
        np.corrcoef(held_out["prediction"], held_out["rating"])[0, 1],
    ]
    assert [value(row[1]) for row in table.rows] == pytest.approx(naive, rel=0.06)
    assert all(row[1].low < row[1].value < row[1].high for row in table.rows)


def test_the_text_tells_how_far_off_predictions_are() -> None:
    prediction = np.full(110, 3.0)
    prediction[0] = 3.25
    text = section(model(prediction)).text
    held_out = model(prediction).evidence.held_out
    square = float(np.mean((held_out["prediction"] - held_out["rating"]) ** 2))
    assert text[0].startswith(
        "pmf predicted 110 ratings that it had not learned from (the valid part). "
    )
    assert f"its root, {math.sqrt(square):.2g}" in text[0]
    assert "(the test part)" in section(model(prediction, part="test")).text[0]


def test_predictions_that_are_all_too_high_or_too_low_are_reported() -> None:
    held_out = model().evidence.held_out
    for shift, word in ((0.25, "high"), (-0.25, "low")):
        found = section(model(held_out["rating"] + shift))
        assert found.text[0].endswith(f"On average they are 0.25 points too {word}.")
        assert all(value(row[2]) == shift for table in found.tables[1:] for row in table.rows)
        assert not any("best guess" in reported for reported in found.text)


def test_a_mean_error_within_its_interval_may_be_chance() -> None:
    rating = model().evidence.held_out["rating"]
    even = np.where(np.arange(110) % 2, 0.5, -0.4)
    assert (
        section(model(rating + even))
        .text[0]
        .endswith("On average they are 0.05 points too high, which may be chance.")
    )


def test_shrinkage_towards_the_mean_is_reported_with_its_size() -> None:
    rating = model().evidence.held_out["rating"]
    found = section(model(0.75 * rating + 0.25 * 3))
    assert found.text[1].startswith(
        "The lowest ratings are predicted 0.5 points too high, the highest 0.5 too low."
    )


def test_a_half_point_off_is_near_and_a_little_more_is_not() -> None:
    rating = model().evidence.held_out["rating"]
    assert value(section(model(rating + 0.5)).tables[0].rows[2][1]) == 100
    assert value(section(model(rating + 0.501)).tables[0].rows[2][1]) == 0
    nearly_all = (
        section(model(rating + np.where(np.arange(110) == 7, 0.6, 0.5))).tables[0].rows[2][1]
    )
    assert nearly_all.low < nearly_all.value < nearly_all.high == 100


def test_a_model_that_answers_one_number_has_no_picture_and_no_correlation() -> None:
    found = section(model(3.25))
    assert "Every prediction is 3.25, so there is no picture of them." in found.text
    assert {each.mark for each in found.charts} == {"interval"}
    assert found.tables[0].rows[3][1] is None


def test_substitutes_for_unseen_ids_are_counted() -> None:
    fitted = model()
    held_out = fitted.evidence.held_out
    assert not any("cold-start" in reported for reported in section(fitted).text)
    origin = np.where(np.arange(110) < 3, "metadata", np.where(np.arange(110) < 7, "mean", "warm"))
    assert section(with_held_out(fitted, held_out.assign(origin=origin))).text[-1] == (
        "7 of these ratings are of users or items without training ratings; a cold-start strategy "
        "predicted them (mean, metadata)."
    )


@pytest.mark.parametrize("which", [1, 2, 3])
def test_the_groups_of_each_table_part_the_ratings_and_their_errors(which: int) -> None:
    fitted = model()
    held_out = fitted.evidence.held_out
    table = section(fitted).tables[which]
    assert sum(row[1] for row in table.rows) == len(held_out)
    error = (held_out["prediction"] - held_out["rating"]).to_numpy()
    for column, whole in ((2, error.mean()), (3, (error**2).mean())):
        assert sum(row[1] * value(row[column]) for row in table.rows) / 110 == pytest.approx(
            whole, abs=0.02
        )


def test_errors_by_rating_are_those_of_a_groupby() -> None:
    fitted = model()
    held_out = fitted.evidence.held_out
    error = held_out["prediction"] - held_out["rating"]
    table, picture = section(fitted).tables[1], section(fitted).charts[2]
    for name, at in error.groupby(held_out["rating"]):
        row = next(row for row in table.rows if row[0] == f"{name:g}")
        assert (row[1], value(row[2])) == (len(at), pytest.approx(at.mean(), abs=0.01))
        assert value(row[3]) == pytest.approx((at**2).mean(), abs=0.03)
        mark = next(row for row in picture.rows if row[0] == f"{name:g}")
        assert mark[2:] == (row[2].value, row[2].low, row[2].high)
    assert (picture.mark, picture.reference) == ("interval", "zero")


def test_a_group_of_few_users_has_no_interval_and_is_not_drawn() -> None:
    fitted = model()
    held_out = fitted.evidence.held_out
    few = held_out["user"].isin(held_out.loc[held_out["rating"] == 2, "user"].unique()[:4])
    found = section(with_held_out(fitted, held_out[(held_out["rating"] != 2) | few]))
    row = next(row for row in found.tables[1].rows if row[0] == "2")
    assert (type(row[2]), type(row[3])) == (float, float)
    assert found.tables[1].note == found.charts[2].note
    assert (
        found.tables[1].note
        == "An error is prediction - rating. Fewer than 5 users, so no interval: 2."
    )
    assert "2" not in [row[0] for row in found.charts[2].rows]


def test_one_user_alone_gives_numbers_without_intervals_and_no_error_charts() -> None:
    fitted = model()
    held_out = fitted.evidence.held_out
    found = section(with_held_out(fitted, held_out[held_out["user"] == 104]))
    assert {type(row[1]) for row in found.tables[0].rows} == {float}
    assert [each.mark for each in found.charts] == ["heatmap", "bar"]


def test_a_single_rating_is_accepted() -> None:
    fitted = model()
    found = section(with_held_out(fitted, fitted.evidence.held_out.head(1)))
    assert found.text[0].startswith("pmf predicted one rating that")
    assert found.charts == ()


def test_ratings_without_levels_or_with_many_are_put_into_ten_bands() -> None:
    smooth = by_rating(np.array([0.0, 0.999, 1.0, 9.99, 10.0]), Scale(0, 10))
    assert (smooth.names[0], smooth.names[-1], len(smooth.names)) == ("0 to 1", "9 to 10", 10)
    assert smooth.group.tolist() == [0, 0, 1, 9, 9]
    assert len(by_rating(np.array([0.0]), Scale(0, 20, tuple(range(21)))).names) == 10
    assert len(by_rating(np.array([0.5]), Scale(0.5, 5, tuple(np.arange(1, 11) / 2))).names) == 10
    assert len(section(model(scale=Scale(-10, 10))).tables[1].rows) == 10


def test_a_rating_between_two_levels_belongs_to_the_nearer() -> None:
    assert by_rating(np.array([1.4, 1.6, 4.9]), STARS).group.tolist() == [0, 1, 4]


def test_levels_far_from_even_find_each_its_own() -> None:
    found = by_rating(np.array([1.0, 8.0, 2.0, 1.0]), Scale(1, 8, (1, 2, 8)))
    assert [(name, rows.tolist()) for name, rows in found.each()] == [
        ("1", [0, 3]),
        ("2", [2]),
        ("8", [1]),
    ]


@pytest.mark.parametrize("side", ["user", "item"])
def test_groups_by_support_are_in_order_and_say_what_they_hold(side: str) -> None:
    fitted = model()
    groups = by_support(fitted, side)
    train = fitted.evidence.train[side].value_counts()
    count = fitted.evidence.held_out[side].map(train).fillna(0).astype(int).to_numpy()
    assert 1 < len(groups.names) <= 10
    last = -1
    for name, rows in groups.each():
        low, _, high = name.partition(" to ")
        assert last < int(low) <= count[rows].min()
        last = int(high or low)
        assert count[rows].max() <= last


def unseen(fitted: FittedModel, items: list[int]) -> FittedModel:
    """The model as if training had never seen these items."""
    count = fitted.support.count["item"].copy()
    count[fitted.catalogue.item.encode(items)] = 0
    return evolve(
        fitted, support=evolve(fitted.support, count={**fitted.support.count, "item": count})
    )


def test_items_that_training_never_saw_are_a_group_of_their_own() -> None:
    fitted = unseen(model(), [3, 5])
    groups = by_support(fitted, "item")
    assert groups.names[0] == "0"
    assert len(groups.names) <= 11
    theirs = fitted.evidence.held_out["item"].isin([3, 5]).to_numpy()
    assert dict(groups.each())["0"].tolist() == np.flatnonzero(theirs).tolist()


def test_the_least_rated_items_of_the_text_were_rated() -> None:
    found = section(unseen(model(), [3, 5]))
    rows = found.tables[2].rows
    assert rows[0][0] == "0"
    assert (
        f"For the least rated items the mean squared error is {rows[1][3]}, for the most"
        in " ".join(found.text)
    )


def test_every_rating_is_in_one_cell_and_in_one_bar() -> None:
    found = section(model())
    assert sum(row[2] for row in chart(found, "heatmap").rows) == 110
    bars = chart(found, "bar")
    assert sum(row[2] for row in bars.rows) == 110
    shares = pd.DataFrame(bars.rows).groupby(3)[1].sum()
    assert shares.to_numpy() == pytest.approx(100, abs=0.1)
    assert bars.facet == "actual rating"
    assert sorted(shares.index) == [f"rated {level}" for level in (1, 2, 3, 4, 5)]


def test_histograms_share_their_bins() -> None:
    groups = by_rating(np.array([1.0, 1.0, 2.0]), Scale(1, 2, (1, 2)))
    rows = histograms(groups, np.array([1.0, 2.0, 1.25]), 5).rows
    assert [row[0] for row in rows] == [1.1, 1.3, 1.5, 1.7, 1.9] * 2
    assert [row[2] for row in rows] == [1, 0, 0, 0, 1, 0, 1, 0, 0, 0]
    assert [row[1] for row in rows] == [50, 0, 0, 0, 50, 0, 100, 0, 0, 0]


@settings(max_examples=10, deadline=None)
@given(
    bins=st.integers(5, 100),
    scale=st.sampled_from([STARS, Scale(0.5, 5, tuple(np.arange(1, 11) / 2)), Scale(0, 100)]),
)
def test_the_heatmap_counts_each_level_and_each_row_of_its_grid(bins: int, scale: Scale) -> None:
    held_out = model(scale=scale).evidence.held_out
    rating, prediction = (held_out[name].to_numpy() for name in ("rating", "prediction"))
    cells = pd.DataFrame(heatmap(rating, prediction, scale, bins).rows, columns=["x", "y", "n"])
    assert cells["n"].sum() == len(rating)
    low, high = min(scale.low, prediction.min()), max(scale.high, prediction.max())
    rows = bins if scale.levels else min(bins, math.isqrt(MOST_CELLS))
    counted, _ = np.histogram(prediction, rows, (low, high))
    at = ((cells["y"] - low) / (high - low) * rows - 0.5).round().astype(int)
    assert np.bincount(at, cells["n"], minlength=rows).tolist() == counted.tolist()
    if scale.levels:
        by_level = cells.groupby("x")["n"].sum()
        levels, counts = np.unique(rating, return_counts=True)
        assert by_level.index.tolist() == levels.tolist()
        assert by_level.tolist() == counts.tolist()


def test_predictions_far_off_the_scale_stay_a_small_picture() -> None:
    prediction = np.linspace(-1e6, 1e6, 110)
    assert len(chart(section(model(prediction)), "heatmap").rows) <= 5 * 30


def test_many_small_cells_are_made_larger_with_a_note() -> None:
    rng = np.random.default_rng(0)
    rating, prediction = rng.uniform(0, 10, (2, 40_000))
    found = heatmap(rating, prediction, Scale(0, 10), 100)
    assert MOST_CELLS / 2 < len(found.rows) <= MOST_CELLS
    assert sum(row[2] for row in found.rows) == 40_000
    assert "There are 44 rows, not 100, so that there are at most 2,000 cells." in found.note
    assert "rows, not" not in heatmap(rating[:99], prediction[:99], Scale(0, 10), 30).note


def test_a_whole_number_has_the_decimals_of_its_ends_in_a_sentence() -> None:
    held_out = model().evidence.held_out
    prediction = held_out["rating"] + np.where(np.arange(110) % 2, 1.0, -1.0)
    prediction[:10] = held_out["rating"][:10] + np.sqrt([2, 0] * 5)
    (reported,) = re.findall(
        r"squared error is (\S+) \((\S+) to (\S+)\);", section(model(prediction)).text[0]
    )
    assert float(reported[0]) == 1
    assert len({len(word.partition(".")[2]) for word in reported}) == 1


def test_every_chart_and_table_has_rows_and_plain_cells() -> None:
    for fitted in (model(), model(3.0), model(scale=Scale(-10, 10)), model(rows=4)):
        found = section(fitted)
        for each in (*found.tables, *found.charts):
            assert each.rows, each.title
            kinds = (Interval, type(None)) if isinstance(each, Table) else ()
            assert all(type(cell) in (str, int, float, *kinds) for row in each.rows for cell in row)


def test_it_needs_nothing_of_a_model() -> None:
    analyzer = next(each for each in cfplug_analyzers() if each.name == "prediction-vs-actual")
    assert (analyzer.requires, analyzer.function("analyze")) == ((), against_actual)


@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 4)),
        min_size=2,
        max_size=30,
    )
)
def test_a_correlation_is_pearsons_and_stays_between_minus_1_and_1(
    rows: list[tuple[int, int, int]],
) -> None:
    x, y, users = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    cell = agreement(y, x, users.astype(int))["correlation"]
    if min(np.ptp(x), np.ptp(y)) == 0:
        assert cell is None
        return
    found = Interval.of(cell)
    assert found.value == pytest.approx(np.corrcoef(x, y)[0, 1], abs=0.06)
    assert -1 <= found.low <= found.high <= 1


def test_the_interval_of_a_correlation_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    users, held = rng.integers(0, 40, 300), 0
    for _ in range(40):
        x = rng.normal(size=40)[users] + rng.normal(size=300)
        y = x + rng.normal(size=40)[users] + rng.normal(size=300)
        found = Interval.of(agreement(y, x, users)["correlation"])
        held += found.low <= math.sqrt(0.5) <= found.high
    assert 34 <= held <= 40
