"""Standings against sums by hand; a strategy beside itself, and one that loses, as stories."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug.evaluation import standings as module
from cfplug.evaluation.cold_start import OUTCOMES
from cfplug.evaluation.standings import COLUMNS, DRAWS, sections, standings, tables_of
from cfplug.report.elements import Interval

quick = settings(max_examples=8, deadline=None)
NAN = float("nan")


def table_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Outcomes with these values, and plain ones where a row says nothing."""
    plain = {"model": "m", "seed": 7, "fold": "1", "cold_start": "a", "revealed": 0, "covered": NAN}
    return pd.DataFrame([{**plain, **row} for row in rows], columns=list(OUTCOMES))


@st.composite
def drawn(draw: st.DrawFn) -> pd.DataFrame:
    """Outcomes of two models, three strategies and two numbers, over seeds and folds; each newcomer in one fold."""
    n, seeds = (
        draw(st.integers(1, 6)),
        draw(st.lists(st.integers(0, 99), min_size=1, max_size=2, unique=True)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    people = [(f"n{number}", str(number % 2), int(rng.integers(1, 9))) for number in range(n)]
    rows = []
    for model in ("m", "é"):
        for seed in seeds:
            for name, fold, ratings in people:
                floor = float(rng.uniform(0.1, 4) * ratings)
                for strategy in ("z", "b", "c"):
                    for revealed in (0, 3):
                        error = float(rng.uniform(0.1, 4) * ratings)
                        covered = NAN if strategy == "z" else float(rng.integers(0, ratings + 1))
                        told = {"model": model, "seed": seed, "fold": fold, "cold_start": strategy}
                        sums = {
                            "newcomer": name,
                            "ratings": ratings,
                            "squared_error": error,
                            "floor": floor,
                        }
                        rows.append({**told, "revealed": revealed, **sums, "covered": covered})
    return table_of(rows)


@quick
@given(outcomes=drawn())
def test_errors_and_coverage_are_pooled_over_newcomers_folds_and_seeds(
    outcomes: pd.DataFrame,
) -> None:
    found = standings(outcomes)
    assert list(found.columns) == list(COLUMNS)
    assert len(found) == 2 * 3 * 2
    for row in found.itertuples():
        same = (outcomes["model"] == row.model) & (outcomes["revealed"] == row.revealed)
        own, first = (
            outcomes[same & (outcomes["cold_start"] == name)] for name in (row.cold_start, "z")
        )
        rmse, best, floor = (
            np.sqrt(part[column].sum() / part["ratings"].sum())
            for part, column in ((own, "squared_error"), (first, "squared_error"), (own, "floor"))
        )
        assert row.ratings == own["ratings"].sum()
        assert (row.rmse, row.gain, row.floor_gain) == pytest.approx(
            (rmse, best - rmse, floor - rmse)
        )
        assert row.low <= row.high
        covered = own["covered"].sum() / own["ratings"].sum() if row.cold_start != "z" else NAN
        assert row.coverage == pytest.approx(covered, nan_ok=True)


@quick
@given(outcomes=drawn())
def test_a_strategy_beside_itself_gains_nothing_and_that_is_certain(outcomes: pd.DataFrame) -> None:
    """Since the same newcomers are drawn for both; so an equal strategy, too, has an interval from 0 to 0."""
    twin = outcomes[outcomes["cold_start"] == "z"].assign(cold_start="twin")
    found = standings(pd.concat([outcomes, twin]))
    same = found[found["cold_start"].isin(["z", "twin"])]
    assert (same[["gain", "gain_low", "gain_high"]] == 0).all(axis=None)
    twins = [
        rows.drop(columns="cold_start").reset_index(drop=True)
        for _, rows in same.groupby("cold_start")
    ]
    pd.testing.assert_frame_equal(*twins, check_exact=False)


@quick
@given(outcomes=drawn(), cells=st.integers(1, 3000))
def test_draws_in_parts_are_the_same_draws(outcomes: pd.DataFrame, cells: int) -> None:
    whole = standings(outcomes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CELLS", max(cells, 40))
        pd.testing.assert_frame_equal(standings(outcomes), whole)


@quick
@given(outcomes=drawn(), seed=st.integers(0, 99))
def test_the_order_of_seeds_does_not_matter(outcomes: pd.DataFrame, seed: int) -> None:
    turned = outcomes.sort_values("seed", ascending=False, kind="stable")
    pd.testing.assert_frame_equal(standings(turned), standings(outcomes))


def test_the_interval_is_that_of_newcomers_drawn_anew() -> None:
    """Against a loop that draws for itself: ends within what so many draws leave open."""
    rng = np.random.default_rng(4)
    n = 60
    ratings, errors, floors = (
        rng.integers(1, 30, n),
        rng.uniform(0.5, 2, (2, n)),
        rng.uniform(1, 2, n),
    )
    rows = [
        {
            "cold_start": name,
            "newcomer": f"n{each}",
            "ratings": ratings[each],
            "squared_error": error[each] * ratings[each],
            "floor": floors[each] * ratings[each],
        }
        for name, error in zip("ab", errors, strict=True)
        for each in range(n)
    ]
    found = standings(table_of(rows)).set_index("cold_start").loc["b"]
    naive = []
    for _ in range(DRAWS):
        own = rng.integers(0, n, n)
        first, second = (
            np.sqrt((error * ratings)[own].sum() / ratings[own].sum()) for error in errors
        )
        floor = np.sqrt((floors * ratings)[own].sum() / ratings[own].sum())
        naive.append((second, first - second, floor - second))
    ends = np.quantile(naive, [0.025, 0.975], axis=0)
    for column, (low, high) in zip(("", "gain_", "floor_gain_"), ends.T, strict=True):
        width = high - low
        assert found[f"{column}low"] == pytest.approx(low, abs=0.15 * width)
        assert found[f"{column}high"] == pytest.approx(high, abs=0.15 * width)


def test_one_newcomer_has_no_interval_to_speak_of() -> None:
    row = {"newcomer": "n", "ratings": 4, "squared_error": 4.0, "floor": 9.0, "covered": 3.0}
    (found,) = standings(table_of([row])).itertuples()
    assert (found.low, found.rmse, found.high) == (1.0, 1.0, 1.0)
    assert (found.floor_gain_low, found.floor_gain, found.floor_gain_high) == (0.5, 0.5, 0.5)
    assert found.coverage == 0.75


def test_nothing_tried_is_an_empty_table() -> None:
    found = standings(table_of([]))
    assert (list(found.columns), len(found)) == (list(COLUMNS), 0)
    assert sections(found, frozenset()) == ()
    assert tables_of(found) == ()


# What a reader sees


def tried(**errors: tuple[float, ...]) -> pd.DataFrame:
    """Standings of strategies by their mean squared errors after 0, 1, ... ratings; that of the mean of all is 1."""
    rows = [
        {
            "cold_start": name.replace("_", "-"),
            "revealed": revealed,
            "newcomer": f"n{each}",
            "ratings": 10 + each,
            "squared_error": error * (10 + each),
            "floor": 1.0 * (10 + each),
            "covered": 9.0 if name == "sure" else NAN,
        }
        for name, by_count in errors.items()
        for revealed, error in enumerate(by_count)
        for each in range(5)
    ]
    return standings(table_of(rows))


def test_words_name_the_best_and_flag_the_losers() -> None:
    (section,) = sections(
        tried(mean=(1.0, 1.0), sure=(0.81, 0.64), bad=(1.21, 0.9), worse=(1.44, 1.21)), frozenset()
    )
    assert section.title == "Newcomers: m"
    assert (section.analyzer, section.model) == ("newcomers", "m")
    assert section.text == (
        "How far predictions for newcomers are from 60 ratings that stay hidden, after some of their others are "
        "revealed, each time for the same newcomers and ratings. All folds are pooled; intervals of 95 % come from "
        "drawing newcomers anew.",
        "After 1 the best is sure, with an RMSE of 0.8000, 0.2000 below mean.",
        "Warning: bad is worse than the mean of all ratings after 0 revealed; do not use it there.",
        "Warning: worse is worse than the mean of all ratings after 0, 1 revealed; do not use it there.",
    )


def test_a_strategy_that_may_well_be_as_good_as_the_mean_is_not_flagged() -> None:
    rows = [
        {
            "newcomer": f"n{each}",
            "ratings": 5,
            "squared_error": 5 + (-1) ** each * 2 + 0.1,
            "floor": 5.0,
        }
        for each in range(6)
    ]
    found = standings(table_of(rows))
    assert found["floor_gain"].item() < 0 < found["floor_gain_high"].item()
    (section,) = sections(found, frozenset())
    assert not [text for text in section.text if "Warning" in text]


def test_the_first_may_be_the_best_with_nothing_revealed() -> None:
    (section,) = sections(tried(mean=(0.81,), other=(1.0,)), frozenset({"other"}))
    assert section.text[1:] == (
        "These ask, and may hear that an item was not seen: other. The others are told ratings of the newcomer.",
        "With nothing revealed the best is mean, with an RMSE of 0.9000.",
    )
    assert "revealed or questions are asked" in section.text[0]
    assert section.charts[0].mark == "interval"


def test_tables_have_a_row_for_each_strategy_and_a_column_for_each_number() -> None:
    (section,) = sections(tried(mean=(1.0, 1.0), sure=(0.81, 0.64)), frozenset())
    errors, gains, coverage = section.tables
    assert errors.columns == ("strategy", "after 0", "after 1")
    assert [(row[0], *(cell.value for cell in row[1:])) for row in errors.rows] == [
        ("mean", 1.0, 1.0),
        ("sure", 0.9, 0.8),
    ]
    assert gains.rows == (("sure", Interval(0.1, 0.1, 0.1), Interval(0.2, 0.2, 0.2)),)
    assert coverage.rows == (("sure", 75.0, 75.0),)
    assert section.charts[0].mark == "line"
    assert section.charts[0].rows[1] == (1, 1.0, "mean")


def test_without_intervals_there_is_no_table_of_their_coverage_and_alone_nobody_gains() -> None:
    (section,) = sections(tried(mean=(1.0, 1.0)), frozenset())
    assert [table.title for table in section.tables] == ["RMSE on newcomers"]


def test_each_model_has_its_section_and_its_table() -> None:
    one = {"newcomer": "n", "ratings": 4, "squared_error": 4.0, "floor": 9.0}
    found = standings(table_of([{**one, "model": "second"}, {**one, "model": "first"}]))
    assert [section.title for section in sections(found, frozenset())] == [
        "Newcomers: second",
        "Newcomers: first",
    ]
    assert [table.title for table in tables_of(found)] == [
        "RMSE on newcomers: second",
        "RMSE on newcomers: first",
    ]
