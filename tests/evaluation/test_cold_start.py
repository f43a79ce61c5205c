"""Trials of strategies: what is revealed, what is measured, and what an interview may do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

import cfplug
from cfplug import DataError, Dataset, FittedModel, PluginError, Split
from cfplug.data.batch import Batch
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.dataset import Scale
from cfplug.data.vocabulary import Side
from cfplug.errors import Place
from cfplug.evaluation.cold_start import (
    NORMAL_90,
    OUTCOMES,
    SUMMARY,
    Trial,
    summarize,
    summary_sections,
    summary_tables,
    try_strategy,
)
from cfplug.params import NoParams
from cfplug.prediction.interview import Questionnaire
from cfplug.prediction.newcomers import Newcomers
from cfplug.prediction.policy import Policy
from cfplug.prediction.predictions import Predictions
from cfplug.recipe.recipe import Use
from cfplug.report.elements import Interval

quick = settings(max_examples=12, deadline=None)
NAN = float("nan")
CONTEXT = cfplug.Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)


class Constant:
    """A model whose own predictions do not matter here."""

    def predict(self, batch: Batch) -> np.ndarray:
        return np.full(len(batch), 3.0)


def rated(*rows: tuple[Any, Any, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user", "item", "rating"])


def trial_of(ratings: pd.DataFrame, split: Split) -> Trial:
    dataset = Dataset.build("drawn", ratings, scale=Scale(1.0, 5.0))
    catalogue = Catalogue.of(dataset)
    support = Support.of(catalogue.interactions(dataset.ratings, split.train))
    model = FittedModel(
        "m", "t/m", 7, (), catalogue, support, Constant(), fold="2", scale=dataset.scale
    )
    return Trial(model, dataset, split)


@st.composite
def trial_of_users(draw: st.DrawFn) -> Trial:
    """Draw two known users of 6 items, and up to 4 new ones with a shuffled support and query."""
    rng = np.random.default_rng(draw(st.integers(0, 9999)))
    rows = [(user, item) for user in (1, 2) for item in range(11, 17)]
    rows += [
        (user, item)
        for user in range(3, 3 + draw(st.integers(1, 4)))
        for item in rng.permutation(range(11, 17))
    ]
    ratings = pd.DataFrame(rows, columns=["user", "item"]).assign(
        rating=rng.integers(1, 6, len(rows)).astype(float)
    )
    cold = 12 + rng.permutation(len(rows) - 12)
    size = draw(st.integers(0, len(cold) - 1))
    return trial_of(
        ratings, Split(np.arange(12), cold[size:], support=cold[:size] if size else None)
    )


def trial_of_both() -> Trial:
    """Return a trial with new users 8 and 9 and new items 18 and 19; its support has all pairs."""
    train = rated((1, 11, 5), (2, 11, 3), (2, 12, 1), (3, 12, 4))
    valid = rated((8, 18, 4), (9, 19, 2), (9, 18, 1))
    support = rated(
        (8, 19, 5), (8, 11, 2), (1, 18, 3), (8, 12, 4), (3, 19, 1), (9, 12, 5), (2, 18, 2)
    )
    ratings = pd.concat([train, valid, support], ignore_index=True)
    return trial_of(ratings, Split(np.arange(4), np.arange(4, 7), support=np.arange(7, 14)))


@frozen(eq=False)
class Spy:
    """Adapts any model, and keeps what is revealed and asked."""

    seen: list[tuple[Newcomers, pd.DataFrame]]
    ratings: Any = 3.0
    spread: float | None = None

    def adapt(self, params: Any, fitted: Any, newcomers: Newcomers, context: Any) -> Any:
        return Listening(self, newcomers)


@frozen(eq=False)
class Listening:
    spy: Spy
    newcomers: Newcomers

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return the mean of the newcomer's revealed ratings, or a constant."""
        self.spy.seen.append((self.newcomers, pairs))
        reported = self.newcomers.ratings
        mean = reported.dropna().groupby("user")["rating"].mean()
        return np.array([mean.get(user, self.spy.ratings) for user in pairs["user"]])

    def deviation(self, pairs: pd.DataFrame) -> np.ndarray | None:
        return None if self.spy.spread is None else np.full(len(pairs), self.spy.spread)


def run(
    trial: Trial, spy: Spy, reveal: tuple[int, ...], ask: Any = None, name: str = "spy"
) -> pd.DataFrame:
    """Return the outcomes of `spy`; with `ask` it interviews."""
    component = cfplug.ColdStart("spy", adapt=spy.adapt, ask=ask)
    policy = Policy("spy", "spied", lambda fitted, new: spy.adapt(None, fitted, new, None))
    use = Use(name, f"tests/{name}", component, NoParams(), "tests", Place("r.yaml"))
    return try_strategy(trial, use, policy, reveal, CONTEXT)


def triples(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [
        tuple(row) for row in table[["user", "item", "rating"]].astype(object).to_numpy().tolist()
    ]


# What is revealed


@quick
@given(trial=trial_of_users())
def test_the_first_ratings_of_each_newcomer_are_revealed_in_the_order_of_the_support(
    trial: Trial,
) -> None:
    spy = Spy([])
    run(trial, spy, (0, 1, 3, 99))
    assert len(spy.seen) == 4
    for n, (newcomers, asked) in zip((0, 1, 3, 99), spy.seen, strict=True):
        naive = []
        support = trial.split.support
        for row in triples(trial.dataset.ratings.iloc[[] if support is None else support]):
            if sum(each[0] == row[0] for each in naive) < n:
                naive.append(row)
        assert triples(newcomers.ratings) == naive
        query = trial.dataset.ratings.iloc[trial.split.valid][["user", "item"]]
        assert asked.to_numpy().tolist() == query.to_numpy().tolist(), (
            "the same query for every number"
        )


@quick
@given(trial=trial_of_users(), seed=st.integers(0, 99))
def test_no_rating_of_the_query_reaches_a_strategy(trial: Trial, seed: int) -> None:
    """With other ratings in the query, the same is revealed and predicted."""
    changed = trial.dataset.ratings.copy()
    rows = trial.split.valid
    changed.loc[rows, "rating"] = (
        np.random.default_rng(seed).integers(1, 6, len(rows)).astype(float)
    )
    first, second = Spy([]), Spy([])
    one, other = run(trial, first, (0, 2)), run(trial_of(changed, trial.split), second, (0, 2))
    for (reported, asked), (told_too, asked_too) in zip(first.seen, second.seen, strict=True):
        pd.testing.assert_frame_equal(reported.ratings, told_too.ratings)
        pd.testing.assert_frame_equal(reported.users, told_too.users)
        pd.testing.assert_frame_equal(asked, asked_too)
        assert "rating" not in asked.columns
        hidden = set(zip(trial.query["user"], trial.query["item"], strict=True))
        assert not hidden & set(
            zip(reported.ratings["user"], reported.ratings["item"], strict=True)
        )
    assert one.drop(columns=["squared_error", "floor"]).equals(
        other.drop(columns=["squared_error", "floor"])
    )


def test_only_ratings_with_one_known_side_are_revealed() -> None:
    trial = trial_of_both()
    assert trial.side == "user"
    assert triples(trial.revealed(0)) == []
    assert triples(trial.revealed(1)) == [(1, 18, 3.0), (9, 12, 5.0)], (
        "the first rating of user 8, and of item 19, has no known side"
    )
    assert triples(trial.revealed(9)) == triples(trial.pool)[1:]


def test_nothing_is_revealed_without_a_support() -> None:
    trial = trial_of_both()
    alone = Trial(trial.model, trial.dataset, evolve(trial.split, support=None))
    assert len(alone.revealed(5)) == 0
    assert list(alone.revealed(5).columns) == ["user", "item", "rating"]


def test_items_are_new_if_all_users_are_known() -> None:
    ratings = rated((1, 11, 5), (2, 11, 3), (1, 12, 4), (2, 12, 2), (2, 13, 1))
    trial = trial_of(ratings, Split(np.arange(2), np.array([2, 4]), support=np.array([3])))
    spy = Spy([])
    outcomes = run(
        trial,
        spy,
        (0, 1),
        ask=lambda params, fitted, context: pytest.fail("items answer no questions"),
    )
    assert trial.side == "item"
    assert outcomes["newcomer"].tolist() == ["12", "13"] * 2
    assert [triples(reported.ratings) for reported, _ in spy.seen] == [[], [(2, 12, 2.0)]]


def test_a_split_without_newcomers_is_refused() -> None:
    ratings = rated((1, 11, 5), (2, 12, 3), (1, 12, 4), (9, 11, 2))
    with pytest.raises(DataError) as caught:
        trial_of(ratings, Split(np.arange(2), np.array([2, 3]))).side  # noqa: B018
    assert str(caught.value) == (
        "cold_starts are tried on new users or items, and the split holds out ratings of users "
        "and items that training knows; split by cold-users, cold-items or cold-both"
    )


# What is measured


@quick
@given(trial=trial_of_users(), spread=st.none() | st.floats(0, 3))
def test_outcomes_are_the_sums_of_a_loop_over_the_query(trial: Trial, spread: float | None) -> None:
    outcomes = run(trial, Spy([], 2.5, spread), (0,))
    assert list(outcomes.columns) == OUTCOMES
    assert outcomes["newcomer"].is_unique
    mean = trial.dataset.ratings["rating"].iloc[trial.split.train].mean()
    for row in outcomes.itertuples():
        assert (row.model, row.seed, row.fold, row.cold_start, row.revealed) == (
            "m",
            7,
            "2",
            "spy",
            0,
        )
        own = [rating for user, _, rating in triples(trial.query) if str(user) == row.newcomer]
        assert row.ratings == len(own)
        assert row.squared_error == pytest.approx(sum((rating - 2.5) ** 2 for rating in own))
        assert row.floor == pytest.approx(sum((rating - mean) ** 2 for rating in own))
        inside = (
            np.nan
            if spread is None
            else sum(abs(rating - 2.5) <= NORMAL_90 * spread for rating in own)
        )
        assert row.covered == pytest.approx(inside, nan_ok=True)
    assert set(outcomes["newcomer"]) == {str(user) for user in trial.query["user"]}


def test_an_interval_of_90_percent_holds_90_of_100_draws_from_a_normal() -> None:
    from statistics import NormalDist

    assert 2 * NormalDist().cdf(NORMAL_90) - 1 == pytest.approx(0.9, abs=1e-12)


@pytest.mark.parametrize(
    ("spread", "covered"), [(1.2, [1.0, 0.0]), (1.25, [1.0, 2.0]), (0.6, [0.0, 0.0])]
)
def test_an_interval_is_1_64_deviations_wide_on_each_side(
    spread: float, covered: list[float]
) -> None:
    """The one rating of user 8 is off by 1, the two of user 9 by 2."""
    predicted = Predictions(
        np.array([3.0, 4.0, 3.0]), np.full(3, "x", dtype=object), deviation=np.full(3, spread)
    )
    assert trial_of_both().outcome(predicted)["covered"].tolist() == covered


def test_answers_without_deviation_have_no_coverage() -> None:
    trial = trial_of_both()
    outcome = trial.outcome(Predictions(np.full(3, 3.0), np.full(3, "x", dtype=object)))
    assert outcome["covered"].isna().all()
    assert outcome[["newcomer", "ratings", "squared_error"]].to_numpy().tolist() == [
        ["8", 1, 1.0],
        ["9", 2, 5.0],
    ]


# Interviews


@frozen(eq=False)
class Asks:
    """Asks about these items, whatever the answers, and keeps the answers."""

    items: tuple[Any, ...]
    heard: list[dict[Any, float | None]] = attrs.field(factory=list)

    def next(self, answers: Mapping[Any, float | None]) -> Any:
        self.heard.append(dict(answers))
        return self.items[len(answers)] if len(answers) < len(self.items) else None


def quiz() -> Trial:
    """Return a trial: user 8 knows items 11 and 12, user 9 none; 13 and 11 are the query."""
    train = rated((1, 11, 5), (2, 11, 3), (2, 12, 1), (1, 13, 4), (2, 14, 2))
    rest = rated((8, 13, 4), (9, 11, 1), (8, 12, 2), (8, 11, 5))
    ratings = pd.concat([train, rest], ignore_index=True)
    return trial_of(ratings, Split(np.arange(5), np.array([5, 6]), support=np.array([7, 8])))


def test_answers_come_from_the_support_and_an_item_of_the_query_was_not_seen() -> None:
    asks, spy = Asks((11, 13, 12)), Spy([])
    run(quiz(), spy, (0, 1, 2, 3), ask=lambda params, fitted, context: asks)
    reported = [
        reported.ratings.astype(object).where(reported.ratings.notna(), None)
        for reported, _ in spy.seen
    ]
    assert [triples(each) for each in reported] == [
        [],
        [(8, 11, 5.0), (9, 11, None)],
        [(8, 11, 5.0), (8, 13, None), (9, 11, None), (9, 13, None)],
        [(8, 11, 5.0), (8, 13, None), (8, 12, 2.0), (9, 11, None), (9, 13, None), (9, 12, None)],
    ]
    assert asks.heard[:3] == [{}, {11: 5.0}, {11: 5.0, 13: None}]


def test_an_interview_may_end_early() -> None:
    spy = Spy([])
    outcomes = run(quiz(), spy, (1, 5), ask=lambda params, fitted, context: Asks((12,)))
    assert [len(reported.ratings) for reported, _ in spy.seen] == [2, 2]
    assert outcomes["revealed"].tolist() == [1, 1, 5, 5]


def test_an_interview_without_questions_reveals_nothing() -> None:
    spy = Spy([])
    run(quiz(), spy, (0, 2), ask=lambda params, fitted, context: Asks(()))
    assert [len(reported.ratings) for reported, _ in spy.seen] == [0, 0]


def test_an_interview_cannot_change_the_answers() -> None:
    class Forgets(Asks):
        def next(self, answers: Mapping[Any, float | None]) -> Any:
            item = Asks.next(self, answers)
            answers.clear()  # type: ignore[attr-defined]
            return item

    assert list(
        Questionnaire(quiz().model, Forgets((11, 12, 14))).conversation(lambda item: None, 9)
    ) == [
        (11, None),
        (12, None),
        (14, None),
    ]


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ((11, 12, 11), "the interview asks about 11 again"),
        ((11, 99), "the interview asks about 99, which has no training rating"),
    ],
)
def test_a_question_without_information_is_an_error_of_the_plugin(
    items: tuple[int, ...], text: str
) -> None:
    with pytest.raises(PluginError) as caught:
        list(Questionnaire(quiz().model, Asks(items)).conversation(lambda item: 3.0, 5))
    assert str(caught.value) == text
    fewer = len(items) - 1
    asked = Questionnaire(quiz().model, Asks(items)).conversation(lambda item: 3.0, fewer)
    assert len(list(asked)) == fewer


def test_an_item_without_training_ratings_is_not_asked_about() -> None:
    trial = trial_of_both()
    with pytest.raises(
        PluginError, match=r"^the interview asks about 18, which has no training rating$"
    ):
        Questionnaire(trial.model, Asks((18,))).next({})


def test_an_interview_needs_a_next_method() -> None:
    with pytest.raises(PluginError) as caught:
        run(quiz(), Spy([]), (1,), ask=lambda params, fitted, context: [11, 12])
    assert str(caught.value) == "ask gave list, which has no next"


# The summary


def table_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return outcomes with these values, and default ones for the rest of each row."""
    plain = {"model": "m", "seed": 7, "fold": "1", "cold_start": "a", "revealed": 0, "covered": NAN}
    return pd.DataFrame([{**plain, **row} for row in rows], columns=OUTCOMES)


@st.composite
def drawn(draw: st.DrawFn) -> pd.DataFrame:
    """Draw outcomes of two models, three strategies and two numbers, over seeds and folds."""
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
                        reported = {
                            "model": model,
                            "seed": seed,
                            "fold": fold,
                            "cold_start": strategy,
                        }
                        sums = {
                            "newcomer": name,
                            "ratings": ratings,
                            "squared_error": error,
                            "floor": floor,
                        }
                        rows.append({**reported, "revealed": revealed, **sums, "covered": covered})
    return table_of(rows)


@quick
@given(outcomes=drawn())
def test_errors_and_coverage_are_summed_over_newcomers_folds_and_seeds(
    outcomes: pd.DataFrame,
) -> None:
    found = summarize(outcomes)
    assert list(found.columns) == SUMMARY
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
def test_a_twin_of_a_strategy_gains_exactly_nothing(outcomes: pd.DataFrame) -> None:
    """The same newcomers are drawn for both, so the interval of the gain is from 0 to 0."""
    twin = outcomes[outcomes["cold_start"] == "z"].assign(cold_start="twin")
    found = summarize(pd.concat([outcomes, twin]))
    same = found[found["cold_start"].isin(["z", "twin"])]
    assert (same[["gain", "gain_low", "gain_high"]] == 0).all(axis=None)
    twins = [
        rows.drop(columns="cold_start").reset_index(drop=True)
        for _, rows in same.groupby("cold_start")
    ]
    pd.testing.assert_frame_equal(*twins, check_exact=False)


@quick
@given(outcomes=drawn(), seed=st.integers(0, 99))
def test_the_order_of_seeds_does_not_matter(outcomes: pd.DataFrame, seed: int) -> None:
    turned = outcomes.sort_values("seed", ascending=False, kind="stable")
    pd.testing.assert_frame_equal(summarize(turned), summarize(outcomes))


def test_the_interval_is_that_of_a_loop_that_draws_newcomers() -> None:
    """The ends agree within the noise of 2,000 draws."""
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
    found = summarize(table_of(rows)).set_index("cold_start").loc["b"]
    naive = []
    for _ in range(2_000):
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


def test_one_newcomer_has_an_interval_without_width() -> None:
    row = {"newcomer": "n", "ratings": 4, "squared_error": 4.0, "floor": 9.0, "covered": 3.0}
    (found,) = summarize(table_of([row])).itertuples()
    assert (found.low, found.rmse, found.high) == (1.0, 1.0, 1.0)
    assert (found.floor_gain_low, found.floor_gain, found.floor_gain_high) == (0.5, 0.5, 0.5)
    assert found.coverage == 0.75


def test_no_trials_give_an_empty_summary() -> None:
    found = summarize(table_of([]))
    assert (list(found.columns), len(found)) == (SUMMARY, 0)
    assert summary_sections(found, frozenset(), {"user"}) == ()
    assert summary_tables(found) == ()


# What a reader sees


def summary_of(**errors: tuple[float, ...]) -> pd.DataFrame:
    """Return a summary of strategies with these mean squared errors after 0, 1, ... ratings.

    The error of the mean of all ratings is 1.
    """
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
    return summarize(table_of(rows))


def test_text_names_the_best_strategy_and_warns_of_bad_ones() -> None:
    (section,) = summary_sections(
        summary_of(mean=(1.0, 1.0), sure=(0.81, 0.64), bad=(1.21, 0.9), worse=(1.44, 1.21)),
        frozenset(),
        {"user"},
    )
    assert section.title == "New users: m"
    assert (section.analyzer, section.model) == ("newcomers", "m")
    assert section.text == (
        "How far predictions for newcomers are from 60 ratings that stay hidden, after some of "
        "their others are revealed, each time for the same newcomers and ratings. All folds are "
        "taken together; intervals of 95 % are by a percentile bootstrap over newcomers.",
        "After 1 the best is sure, with an RMSE of 0.8000, 0.2000 below mean.",
        "Warning: bad is worse than the mean of all ratings after 0 revealed; do not use it there.",
        "Warning: worse is worse than the mean of all ratings after 0, 1 revealed; do not use it "
        "there.",
    )


def test_a_strategy_that_may_be_as_good_as_the_mean_has_no_warning() -> None:
    rows = [
        {
            "newcomer": f"n{each}",
            "ratings": 5,
            "squared_error": 5 + (-1) ** each * 2 + 0.1,
            "floor": 5.0,
        }
        for each in range(6)
    ]
    found = summarize(table_of(rows))
    assert found["floor_gain"].item() < 0 < found["floor_gain_high"].item()
    (section,) = summary_sections(found, frozenset(), {"user"})
    assert not [text for text in section.text if "Warning" in text]


def test_the_first_strategy_may_be_the_best_with_nothing_revealed() -> None:
    (section,) = summary_sections(
        summary_of(mean=(0.81,), other=(1.0,)), frozenset({"other"}), {"user"}
    )
    assert section.text[1:] == (
        "These strategies ask, and an answer may be that an item was not seen: other. "
        "The others get ratings of the newcomer.",
        "With nothing revealed the best is mean, with an RMSE of 0.9000.",
    )
    assert "revealed or questions are asked" in section.text[0]
    assert section.charts[0].mark == "interval"


def test_tables_have_a_row_for_each_strategy_and_a_column_for_each_number() -> None:
    (section,) = summary_sections(
        summary_of(mean=(1.0, 1.0), sure=(0.81, 0.64)), frozenset(), {"user"}
    )
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


def test_a_single_strategy_without_intervals_has_one_table() -> None:
    (section,) = summary_sections(summary_of(mean=(1.0, 1.0)), frozenset(), {"user"})
    assert [table.title for table in section.tables] == ["RMSE on newcomers"]


@pytest.mark.parametrize(
    ("new", "title"),
    [({"item"}, "New items: m"), ({"item", "user"}, "New users and items: m")],
)
def test_the_title_of_a_section_says_what_is_new(new: set[Side], title: str) -> None:
    (section,) = summary_sections(summary_of(mean=(1.0,)), frozenset(), new)
    assert section.title == title


def test_each_model_has_its_section_and_its_table() -> None:
    one = {"newcomer": "n", "ratings": 4, "squared_error": 4.0, "floor": 9.0}
    found = summarize(table_of([{**one, "model": "second"}, {**one, "model": "first"}]))
    assert [section.title for section in summary_sections(found, frozenset(), {"user"})] == [
        "New users: second",
        "New users: first",
    ]
    assert [table.title for table in summary_tables(found)] == [
        "RMSE on newcomers: second",
        "RMSE on newcomers: first",
    ]
