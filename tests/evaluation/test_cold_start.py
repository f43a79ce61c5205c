"""Strategies on newcomers: what they are told, what they are measured on, and what an interview may do."""

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
from cfplug.errors import Place
from cfplug.evaluation.cold_start import NORMAL_90, OUTCOMES, Bench, tried
from cfplug.params import NoParams
from cfplug.prediction.interview import conversation, question
from cfplug.prediction.newcomers import Newcomers
from cfplug.prediction.policy import Policy
from cfplug.prediction.predictions import Predictions
from cfplug.recipe.recipe import Use

quick = settings(max_examples=12, deadline=None)
CONTEXT = cfplug.Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)


class Warm:
    """What a model says of those whom it knows: nothing that matters here."""

    def predict(self, batch: Batch) -> np.ndarray:
        return np.full(len(batch), 3.0)


def rated(*rows: tuple[Any, Any, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user", "item", "rating"])


def bench_of(ratings: pd.DataFrame, split: Split) -> Bench:
    dataset = Dataset.build("drawn", ratings, scale=Scale(1.0, 5.0))
    catalogue = Catalogue.of(dataset)
    support = Support.of(catalogue.interactions(dataset.ratings, split.train))
    model = FittedModel(
        "m", "t/m", 7, (), catalogue, support, Warm(), fold="2", scale=dataset.scale
    )
    return Bench(model, dataset, split)


@st.composite
def users_bench(draw: st.DrawFn) -> Bench:
    """Two warm users with all of 6 items, up to 4 cold ones with a support in any order and a query."""
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
    return bench_of(
        ratings, Split(np.arange(12), cold[size:], support=cold[:size] if size else None)
    )


def both_bench() -> Bench:
    """Users 1 to 3, items 11 and 12 are warm, users 8, 9, items 18, 19 cold; the support has pairs of all kinds."""
    train = rated((1, 11, 5), (2, 11, 3), (2, 12, 1), (3, 12, 4))
    valid = rated((8, 18, 4), (9, 19, 2), (9, 18, 1))
    support = rated(
        (8, 19, 5), (8, 11, 2), (1, 18, 3), (8, 12, 4), (3, 19, 1), (9, 12, 5), (2, 18, 2)
    )
    ratings = pd.concat([train, valid, support], ignore_index=True)
    return bench_of(ratings, Split(np.arange(4), np.arange(4, 7), support=np.arange(7, 14)))


@frozen(eq=False)
class Spy:
    """Adapts any model, and keeps what it was told and asked."""

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
        """What it was told of each: the mean of the newcomer's ratings, or a constant."""
        self.spy.seen.append((self.newcomers, pairs))
        told = self.newcomers.ratings
        mean = told.dropna().groupby("user")["rating"].mean()
        return np.array([mean.get(user, self.spy.ratings) for user in pairs["user"]])

    def deviation(self, pairs: pd.DataFrame) -> np.ndarray | None:
        return None if self.spy.spread is None else np.full(len(pairs), self.spy.spread)


def run(
    bench: Bench, spy: Spy, reveal: tuple[int, ...], ask: Any = None, name: str = "spy"
) -> pd.DataFrame:
    """Its outcomes; with `ask` it interviews."""
    component = cfplug.ColdStart("spy", adapt=spy.adapt, ask=ask)
    policy = Policy("spy", "spied", lambda fitted, new: spy.adapt(None, fitted, new, None))
    use = Use(name, f"tests/{name}", component, NoParams(), "tests", Place("r.yaml"))
    return tried(bench, use, policy, reveal, CONTEXT)


def triples(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [
        tuple(row) for row in table[["user", "item", "rating"]].astype(object).to_numpy().tolist()
    ]


# What is revealed


@quick
@given(bench=users_bench())
def test_a_strategy_is_told_the_first_ratings_of_each_newcomer_in_the_order_of_the_support(
    bench: Bench,
) -> None:
    spy = Spy([])
    run(bench, spy, (0, 1, 3, 99))
    assert len(spy.seen) == 4
    for n, (told, asked) in zip((0, 1, 3, 99), spy.seen, strict=True):
        naive = []
        support = bench.split.support
        for row in triples(bench.dataset.ratings.iloc[[] if support is None else support]):
            if sum(each[0] == row[0] for each in naive) < n:
                naive.append(row)
        assert triples(told.ratings) == naive
        query = bench.dataset.ratings.iloc[bench.split.valid][["user", "item"]]
        assert asked.to_numpy().tolist() == query.to_numpy().tolist(), (
            "the same query for every number"
        )


@quick
@given(bench=users_bench(), seed=st.integers(0, 99))
def test_nothing_of_the_query_reaches_a_strategy(bench: Bench, seed: int) -> None:
    """Other ratings in the query: the same is told and predicted. The query's rows hold no rating that it sees."""
    changed = bench.dataset.ratings.copy()
    rows = bench.split.valid
    changed.loc[rows, "rating"] = (
        np.random.default_rng(seed).integers(1, 6, len(rows)).astype(float)
    )
    first, second = Spy([]), Spy([])
    one, other = run(bench, first, (0, 2)), run(bench_of(changed, bench.split), second, (0, 2))
    for (told, asked), (told_too, asked_too) in zip(first.seen, second.seen, strict=True):
        pd.testing.assert_frame_equal(told.ratings, told_too.ratings)
        pd.testing.assert_frame_equal(told.users, told_too.users)
        pd.testing.assert_frame_equal(asked, asked_too)
        assert "rating" not in asked.columns
        hidden = set(zip(bench.query["user"], bench.query["item"], strict=True))
        assert not hidden & set(zip(told.ratings["user"], told.ratings["item"], strict=True))
    assert one.drop(columns=["squared_error", "floor"]).equals(
        other.drop(columns=["squared_error", "floor"])
    )


def test_of_cold_users_and_items_only_ratings_with_one_known_side_are_revealed() -> None:
    bench = both_bench()
    assert bench.side == "user"
    assert triples(bench.revealed(0)) == []
    assert triples(bench.revealed(1)) == [(1, 18, 3.0), (9, 12, 5.0)], (
        "the first of user 8, and of item 19, is of nobody who is known"
    )
    assert triples(bench.revealed(9)) == triples(bench.pool)[1:]


def test_without_a_support_nothing_is_revealed() -> None:
    bench = both_bench()
    alone = Bench(bench.model, bench.dataset, evolve(bench.split, support=None))
    assert len(alone.revealed(5)) == 0
    assert list(alone.revealed(5).columns) == ["user", "item", "rating"]


def test_items_are_new_where_all_users_are_known() -> None:
    ratings = rated((1, 11, 5), (2, 11, 3), (1, 12, 4), (2, 12, 2), (2, 13, 1))
    bench = bench_of(ratings, Split(np.arange(2), np.array([2, 4]), support=np.array([3])))
    spy = Spy([])
    outcomes = run(
        bench,
        spy,
        (0, 1),
        ask=lambda params, fitted, context: pytest.fail("items answer no questions"),
    )
    assert bench.side == "item"
    assert outcomes["newcomer"].tolist() == ["12", "13"] * 2
    assert [triples(told.ratings) for told, _ in spy.seen] == [[], [(2, 12, 2.0)]]


def test_a_split_without_newcomers_is_refused() -> None:
    ratings = rated((1, 11, 5), (2, 12, 3), (1, 12, 4), (9, 11, 2))
    with pytest.raises(DataError) as caught:
        bench_of(ratings, Split(np.arange(2), np.array([2, 3]))).side  # noqa: B018
    assert str(caught.value) == (
        "cold_starts are tried on newcomers, and the split holds out ratings of users and items that training "
        "knows; split by cold-users, cold-items or cold-both"
    )


# What is measured


@quick
@given(bench=users_bench(), spread=st.none() | st.floats(0, 3))
def test_outcomes_are_the_sums_of_a_loop_over_the_query(bench: Bench, spread: float | None) -> None:
    outcomes = run(bench, Spy([], 2.5, spread), (0,))
    assert list(outcomes.columns) == list(OUTCOMES)
    assert outcomes["newcomer"].is_unique
    mean = bench.dataset.ratings["rating"].iloc[bench.split.train].mean()
    for row in outcomes.itertuples():
        assert (row.model, row.seed, row.fold, row.cold_start, row.revealed) == (
            "m",
            7,
            "2",
            "spy",
            0,
        )
        own = [rating for user, _, rating in triples(bench.query) if str(user) == row.newcomer]
        assert row.ratings == len(own)
        assert row.squared_error == pytest.approx(sum((rating - 2.5) ** 2 for rating in own))
        assert row.floor == pytest.approx(sum((rating - mean) ** 2 for rating in own))
        inside = (
            np.nan
            if spread is None
            else sum(abs(rating - 2.5) <= NORMAL_90 * spread for rating in own)
        )
        assert row.covered == pytest.approx(inside, nan_ok=True)
    assert set(outcomes["newcomer"]) == {str(user) for user in bench.query["user"]}


def test_an_interval_of_90_percent_holds_90_of_100_draws_from_a_normal() -> None:
    from statistics import NormalDist

    assert 2 * NormalDist().cdf(NORMAL_90) - 1 == pytest.approx(0.9, abs=1e-12)


@pytest.mark.parametrize(
    ("spread", "covered"), [(1.2, [1.0, 0.0]), (1.25, [1.0, 2.0]), (0.6, [0.0, 0.0])]
)
def test_an_interval_reaches_164_hundredths_of_the_deviation_to_each_side(
    spread: float, covered: list[float]
) -> None:
    """The one rating of user 8 is off by 1, the two of user 9 by 2."""
    predicted = Predictions(
        np.array([3.0, 4.0, 3.0]), np.full(3, "x", dtype=object), deviation=np.full(3, spread)
    )
    assert both_bench().outcome(predicted)["covered"].tolist() == covered


def test_answers_without_deviation_have_no_coverage() -> None:
    bench = both_bench()
    outcome = bench.outcome(Predictions(np.full(3, 3.0), np.full(3, "x", dtype=object)))
    assert outcome["covered"].isna().all()
    assert outcome[["newcomer", "ratings", "squared_error"]].to_numpy().tolist() == [
        ["8", 1, 1.0],
        ["9", 2, 5.0],
    ]


# Interviews


@frozen(eq=False)
class Asks:
    """Asks about these items, whatever is answered, and keeps the answers."""

    items: tuple[Any, ...]
    heard: list[dict[Any, float | None]] = attrs.field(factory=list)

    def next(self, answers: Mapping[Any, float | None]) -> Any:
        self.heard.append(dict(answers))
        return self.items[len(answers)] if len(answers) < len(self.items) else None


def quiz() -> Bench:
    """User 8 answers of 11 and 12, user 9 of nothing; 13 of user 8 and 11 of user 9 are the query."""
    train = rated((1, 11, 5), (2, 11, 3), (2, 12, 1), (1, 13, 4), (2, 14, 2))
    rest = rated((8, 13, 4), (9, 11, 1), (8, 12, 2), (8, 11, 5))
    ratings = pd.concat([train, rest], ignore_index=True)
    return bench_of(ratings, Split(np.arange(5), np.array([5, 6]), support=np.array([7, 8])))


def test_answers_come_from_the_support_alone_and_the_query_was_not_seen() -> None:
    asks, spy = Asks((11, 13, 12)), Spy([])
    run(quiz(), spy, (0, 1, 2, 3), ask=lambda params, fitted, context: asks)
    told = [told.ratings.astype(object).where(told.ratings.notna(), None) for told, _ in spy.seen]
    assert [triples(each) for each in told] == [
        [],
        [(8, 11, 5.0), (9, 11, None)],
        [(8, 11, 5.0), (8, 13, None), (9, 11, None), (9, 13, None)],
        [(8, 11, 5.0), (8, 13, None), (8, 12, 2.0), (9, 11, None), (9, 13, None), (9, 12, None)],
    ]
    assert asks.heard[:3] == [{}, {11: 5.0}, {11: 5.0, 13: None}]


def test_an_interview_may_end_early() -> None:
    spy = Spy([])
    outcomes = run(quiz(), spy, (1, 5), ask=lambda params, fitted, context: Asks((12,)))
    assert [len(told.ratings) for told, _ in spy.seen] == [2, 2]
    assert outcomes["revealed"].tolist() == [1, 1, 5, 5]


def test_an_interview_that_asks_nothing_tells_nothing() -> None:
    spy = Spy([])
    run(quiz(), spy, (0, 2), ask=lambda params, fitted, context: Asks(()))
    assert [len(told.ratings) for told, _ in spy.seen] == [0, 0]


def test_an_interview_cannot_change_what_was_answered() -> None:
    class Forgets(Asks):
        def next(self, answers: Mapping[Any, float | None]) -> Any:
            item = Asks.next(self, answers)
            answers.clear()  # type: ignore[attr-defined]
            return item

    assert list(conversation(quiz().model, Forgets((11, 12, 14)), lambda item: None, 9)) == [
        (11, None),
        (12, None),
        (14, None),
    ]


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ((11, 12, 11), "the interview asks about 11 again"),
        ((11, 99), "the interview asks about 99, of which training saw no rating"),
    ],
)
def test_a_question_that_makes_no_sense_is_the_plugins_error(
    items: tuple[int, ...], text: str
) -> None:
    with pytest.raises(PluginError) as caught:
        list(conversation(quiz().model, Asks(items), lambda item: 3.0, 5))
    assert str(caught.value) == text
    assert (
        len(list(conversation(quiz().model, Asks(items), lambda item: 3.0, len(items) - 1)))
        == len(items) - 1
    )


def test_an_item_of_the_query_alone_is_no_question() -> None:
    bench = both_bench()
    with pytest.raises(
        PluginError, match=r"^the interview asks about 18, of which training saw no rating$"
    ):
        question(bench.model, Asks((18,)), {})


def test_what_cannot_ask_is_no_interview() -> None:
    with pytest.raises(PluginError) as caught:
        run(quiz(), Spy([]), (1,), ask=lambda params, fitted, context: [11, 12])
    assert str(caught.value) == "ask gave list, which has no next"
