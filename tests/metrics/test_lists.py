"""Scores of lists against a naive form over all orders of ties, trec_eval, and scikit-learn."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pytrec_eval
from attrs import evolve, frozen
from cfplug_metrics import GradedTopK, TopK
from cfplug_metrics.lists import hit_rate, mrr, ndcg, precision, recall
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from cfplug import DataError, Predictions

quick = settings(max_examples=15, deadline=None)

SCORES: dict[str, Callable[[Any, np.ndarray, Predictions], float]] = {
    "precision": precision,
    "recall": recall,
    "mrr": mrr,
    "hit-rate": hit_rate,
    "ndcg": ndcg,
}
every_score = pytest.mark.parametrize("name", SCORES)
RELEVANT = 4.0


def score(
    name: str, truth: np.ndarray, given: Predictions, k: int, candidates: str, gains: str = "binary"
) -> float:
    if name == "ndcg":
        return ndcg(GradedTopK(k, RELEVANT, candidates, gains), truth, given)
    return SCORES[name](TopK(k, RELEVANT, candidates), truth, given)


@frozen(eq=False)
class Drawn:
    """Predictions `scores` of m users for n items, shape (m, n), and held-out ratings or NaN."""

    scores: np.ndarray
    ratings: np.ndarray
    seen: np.ndarray

    @property
    def truth(self) -> np.ndarray:
        return self.ratings[self.pairs]

    @property
    def pairs(self) -> tuple[np.ndarray, ...]:
        return np.nonzero(~np.isnan(self.ratings))

    @property
    def users(self) -> list[int]:
        """The users who rated something relevant."""
        return np.flatnonzero((self.ratings >= RELEVANT).any(axis=1)).tolist()

    def given(self) -> Predictions:
        """Return them as the core does: codes with gaps, and lists of all items new to the user."""
        user, item = self.pairs
        origin = np.full(len(user), "warm", dtype=object)
        return Predictions(
            self.scores[self.pairs], origin, user=3 * user + 2, item=item, top=self.top
        )

    def top(self, k: int) -> np.ndarray:
        """Return a row for each user with a rating, best first, ties by code, -1 as filler."""
        users = np.unique(self.pairs[0])
        lists = np.full((len(users), k), -1)
        for row, user in enumerate(users):
            items = self.listed(user)[:k]
            lists[row, : len(items)] = items
        return lists

    def listed(self, user: int) -> list[int]:
        unseen = np.flatnonzero(~self.seen[user])
        return sorted(unseen.tolist(), key=lambda item: (-self.scores[user, item], item))


@st.composite
def drawings(draw: st.DrawFn, *, ties: bool = True, most_items: int = 5) -> Drawn:
    """2 to 4 users of n items. Without ties no two scores are the same."""
    m, n = draw(st.integers(2, 4)), draw(st.integers(5, most_items))
    assume(m != n)
    cell = st.sampled_from([math.nan, 1.0, 3.0, 4.0, 5.0])
    ratings = draw(st.lists(cell, min_size=m * n, max_size=m * n))
    distinct = st.permutations(range(m * n))
    tied = st.lists(st.integers(0, 2), min_size=m * n, max_size=m * n)
    scores = draw(tied if ties else distinct)
    rated = np.array(ratings).reshape(m, n)
    assume((rated >= RELEVANT).any())
    seen = np.array(draw(st.lists(st.booleans(), min_size=m * n, max_size=m * n))).reshape(m, n)
    return Drawn(np.array(scores, dtype=float).reshape(m, n), rated, seen & np.isnan(rated))


# A naive form: of one list of gains, and for equals the mean over all their orders


def naive(name: str, gains: list[float], all_gains: list[float], k: int) -> float:
    """Return the score of a user's list with `gains`, if all relevant items have `all_gains`."""
    places = [rank for rank, gain in enumerate(gains[:k], 1) if gain > 0]
    if name == "precision":
        return len(places) / k
    if name == "recall":
        return len(places) / sum(gain > 0 for gain in all_gains)
    if name == "mrr":
        return 1 / places[0] if places else 0.0
    if name == "hit-rate":
        return float(bool(places))
    return dcg(gains[:k]) / dcg(sorted(all_gains, reverse=True)[:k])


def dcg(gains: list[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def gain_of(rating: float, gains: str) -> float:
    if not rating >= RELEVANT:
        return 0.0
    return rating if gains == "rating" else 1.0


def naive_rated(name: str, drawn: Drawn, user: int, k: int, gains: str) -> float:
    rated = np.flatnonzero(~np.isnan(drawn.ratings[user])).tolist()
    gain = {item: gain_of(drawn.ratings[user, item], gains) for item in rated}
    found = []
    for order in itertools.permutations(rated):
        ranked = sorted(order, key=lambda item: -drawn.scores[user, item])
        found.append(naive(name, [gain[item] for item in ranked], list(gain.values()), k))
    return sum(found) / len(found)


def naive_all(name: str, drawn: Drawn, user: int, k: int, gains: str) -> float:
    listed = [gain_of(drawn.ratings[user, item], gains) for item in drawn.listed(user)]
    return naive(name, listed, [gain_of(rating, gains) for rating in drawn.ratings[user]], k)


@every_score
@quick
@given(drawn=drawings(), k=st.integers(1, 7), gains=st.sampled_from(["binary", "rating"]))
def test_with_equals_a_score_is_its_mean_over_all_their_orders(
    name: str, drawn: Drawn, k: int, gains: str
) -> None:
    found = score(name, drawn.truth, drawn.given(), k, "rated", gains)
    gains = gains if name == "ndcg" else "binary"
    expected = [naive_rated(name, drawn, user, k, gains) for user in drawn.users]
    assert type(found) is float
    assert found == pytest.approx(sum(expected) / len(expected))


@every_score
@quick
@given(
    drawn=drawings(most_items=9), k=st.integers(1, 11), gains=st.sampled_from(["binary", "rating"])
)
def test_with_all_candidates_the_model_s_own_lists_are_scored(
    name: str, drawn: Drawn, k: int, gains: str
) -> None:
    found = score(name, drawn.truth, drawn.given(), k, "all", gains)
    gains = gains if name == "ndcg" else "binary"
    expected = [naive_all(name, drawn, user, k, gains) for user in drawn.users]
    assert found == pytest.approx(sum(expected) / len(expected))


TREC = {
    "precision": "P",
    "recall": "recall",
    "mrr": "recip_rank",
    "hit-rate": "success",
    "ndcg": "ndcg_cut",
}


def trec(name: str, drawn: Drawn, k: int, candidates: str, gains: str) -> float:
    """The score that trec_eval gives, mean over the users with something relevant."""
    truth: dict[str, dict[str, int]] = {}
    lists: dict[str, dict[str, float]] = {}
    for user in drawn.users:
        rated = np.flatnonzero(~np.isnan(drawn.ratings[user])).tolist()
        truth[str(user)] = {
            str(item): int(gain_of(drawn.ratings[user, item], gains)) for item in rated
        }
        items = rated if candidates == "rated" else drawn.listed(user)
        ranked = sorted(items, key=lambda item: -drawn.scores[user, item])[
            :k
        ]  # it has no reciprocal rank up to k
        lists[str(user)] = {str(item): float(drawn.scores[user, item]) for item in ranked}
    measure = TREC[name] if name == "mrr" else f"{TREC[name]}.{k}"
    found = pytrec_eval.RelevanceEvaluator(truth, {measure}).evaluate(lists)
    return sum(next(iter(found[user].values())) if user in found else 0.0 for user in truth) / len(
        truth
    )


@every_score
@pytest.mark.parametrize("candidates", ["rated", "all"])
@quick
@given(
    drawn=drawings(ties=False, most_items=12),
    k=st.integers(1, 14),
    gains=st.sampled_from(["binary", "rating"]),
)
def test_without_equals_every_score_is_that_of_trec_eval(
    name: str, candidates: str, drawn: Drawn, k: int, gains: str
) -> None:
    found = score(name, drawn.truth, drawn.given(), k, candidates, gains)
    assert found == pytest.approx(
        trec(name, drawn, k, candidates, gains if name == "ndcg" else "binary")
    )


@quick
@given(
    rows=st.lists(
        st.tuples(st.sampled_from([1.0, 3.0, 4.0, 4.5, 5.0]), st.integers(0, 3)),
        min_size=2,
        max_size=30,
    ),
    k=st.integers(1, 35),
)
def test_with_equals_ndcg_is_that_of_scikit_learn(rows: list[tuple[float, int]], k: int) -> None:
    truth, scores = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    assume((truth >= RELEVANT).any())
    user, item = np.zeros(len(rows), dtype=int), np.arange(len(rows))
    given = Predictions(scores, np.full(len(rows), "warm", dtype=object), user=user, item=item)
    expected = ndcg_score([[gain_of(rating, "rating") for rating in truth]], [scores], k=k)
    assert score("ndcg", truth, given, k, "rated", "rating") == pytest.approx(expected)


# Laws


@every_score
@pytest.mark.parametrize("candidates", ["rated", "all"])
@quick
@given(drawn=drawings(most_items=9), k=st.integers(1, 11), seed=st.integers(0, 99))
def test_the_order_of_rows_and_the_names_of_users_do_not_matter(
    name: str, candidates: str, drawn: Drawn, k: int, seed: int
) -> None:
    given, truth = drawn.given(), drawn.truth
    assert given.user is not None
    assert given.item is not None
    order = np.random.default_rng(seed).permutation(len(truth))
    shuffled = evolve(
        given, rating=given.rating[order], user=7 * given.user[order] + 1, item=given.item[order]
    )
    found = score(name, truth[order], shuffled, k, candidates)
    assert found == pytest.approx(score(name, truth, given, k, candidates))
    assert -1e-12 <= found <= 1 + 1e-12


@every_score
@quick
@given(drawn=drawings(most_items=9), k=st.integers(1, 11))
def test_no_order_is_better_than_that_of_the_ratings(name: str, drawn: Drawn, k: int) -> None:
    best = Drawn(np.nan_to_num(drawn.ratings), drawn.ratings, drawn.seen)
    found = score(name, drawn.truth, drawn.given(), k, "rated", "rating")
    highest = score(name, best.truth, best.given(), k, "rated", "rating")
    assert found <= highest + 1e-12
    assert name not in ("ndcg", "mrr", "hit-rate") or highest == pytest.approx(1.0)


def predicted(
    rows: list[tuple[int, int, float]], top: list[list[int]] | None = None
) -> Predictions:
    """Predictions of (user, item, prediction); `top` holds each user's own list."""
    user, item, rating = (np.array(column) for column in zip(*rows, strict=True))

    def lists(k: int) -> np.ndarray:
        assert top is not None
        return np.array([(row + [-1] * k)[:k] for row in top])

    return Predictions(
        rating.astype(float),
        np.full(len(rows), "warm", dtype=object),
        user=user,
        item=item,
        top=lists if top is not None else None,
    )


def test_known_answers_of_one_list() -> None:
    given = predicted([(4, 0, 4.9), (4, 1, 4.5), (4, 2, 4.0), (4, 3, 3.0), (4, 4, 2.0)])
    truth = np.array([3.0, 5.0, 1.0, 4.0, 4.0])
    found = {name: score(name, truth, given, 4, "rated") for name in SCORES}
    assert found["precision"] == 2 / 4
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["mrr"] == 1 / 2
    assert found["hit-rate"] == 1.0
    best = 1 + 1 / math.log2(3) + 1 / 2
    assert found["ndcg"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / best)


def test_a_first_relevant_item_beyond_the_list_is_none() -> None:
    given = predicted([(0, 0, 4.0), (0, 1, 3.0), (0, 2, 2.0)])
    truth = np.array([1.0, 1.0, 5.0])
    assert [score("mrr", truth, given, k, "rated") for k in (2, 3)] == [0.0, pytest.approx(1 / 3)]
    assert [score("hit-rate", truth, given, k, "rated") for k in (2, 3)] == [0.0, 1.0]


def test_a_constant_prediction_is_worth_a_shuffled_list() -> None:
    given = predicted([(0, item, 3.5) for item in range(5)])
    truth = np.array([5.0, 1.0, 1.0, 4.0, 2.0])
    assert score("precision", truth, given, 2, "rated") == pytest.approx(2 / 5)
    assert score("recall", truth, given, 2, "rated") == pytest.approx(2 / 5)
    assert score("hit-rate", truth, given, 2, "rated") == pytest.approx(1 - (3 * 2) / (5 * 4))
    assert score("mrr", truth, given, 2, "rated") == pytest.approx(2 / 5 + (3 / 5) * (2 / 4) / 2)


@every_score
def test_a_user_without_a_relevant_item_is_left_out(name: str) -> None:
    rows = [(0, 3, 4.0), (0, 1, 3.0), (1, 0, 3.5), (2, 1, 1.0), (2, 2, 2.0)]
    truth = np.array([5.0, 3.0, 3.5, 4.0, 1.0])
    kept = [0, 1, 3, 4]
    alone = predicted([rows[row] for row in kept], [[3, 0], [2, 1]])
    given = predicted(rows, [[3, 0], [0, 1], [2, 1]])
    for candidates in ("rated", "all"):
        expected = score(name, truth[kept], alone, 1, candidates)
        assert score(name, truth, given, 1, candidates) == pytest.approx(expected)


def test_empty_places_of_a_short_list_hold_nothing_relevant() -> None:
    given = predicted([(0, 0, 4.0), (0, 1, 3.0)], [[1]])
    truth = np.array([5.0, 5.0])
    assert score("precision", truth, given, 10, "rated") == 2 / 10
    assert score("precision", truth, given, 10, "all") == 1 / 10
    assert score("recall", truth, given, 10, "rated") == 1.0
    assert score("recall", truth, given, 10, "all") == 1 / 2
    assert score("ndcg", truth, given, 10, "rated") == pytest.approx(1.0)


def test_a_relevant_item_that_no_list_can_hold_is_truth_all_the_same() -> None:
    given = predicted([(0, 0, 4.0), (0, 9, 3.0)], [[0, 4, 2]])
    truth = np.array([5.0, 4.0])
    assert score("recall", truth, given, 3, "all") == 1 / 2
    assert score("ndcg", truth, given, 3, "all") == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_an_unknown_item_is_neither_empty_nor_another_item() -> None:
    given = predicted([(0, 0, 4.0), (1, -1, 3.0), (1, 2, 2.0)], [[5], [0]])
    truth = np.array([5.0, 5.0, 4.0])
    assert score("hit-rate", truth, given, 3, "all") == 0.0


def test_gains_by_rating_distinguish_a_five_from_a_four() -> None:
    given = predicted([(0, 0, 4.0), (0, 1, 3.0), (0, 2, 2.0)])
    truth = np.array([4.0, 5.0, 3.0])
    assert score("ndcg", truth, given, 3, "rated", "binary") == pytest.approx(1.0)
    best, found = 5 + 4 / math.log2(3), 4 + 5 / math.log2(3)
    assert score("ndcg", truth, given, 3, "rated", "rating") == pytest.approx(found / best)


@every_score
@pytest.mark.parametrize("candidates", ["rated", "all"])
def test_no_user_with_a_relevant_item_is_an_error(name: str, candidates: str) -> None:
    given = predicted([(0, 0, 4.0), (0, 1, 3.0), (5, 0, 3.0)], [[0], [1]])
    message = (
        "relevant: expected a number that some rating reaches, got 4: the "
        "greatest of the 3 ratings of 2 users is 3.5. Lower it."
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        score(name, np.array([3.5, 2.0, 3.0]), given, 10, candidates)


def test_a_gain_that_is_not_above_zero_is_an_error() -> None:
    given = predicted([(0, 0, 4.0), (0, 1, 3.0)])
    message = (
        "gains: rating needs relevant ratings above 0, got -2; "
        "raise `relevant` above 0 or set `gains: binary`"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        ndcg(GradedTopK(10, -5.0, "rated", "rating"), np.array([-2.0, 7.0]), given)
    assert ndcg(
        GradedTopK(10, -5.0, "rated", "binary"), np.array([-2.0, 7.0]), given
    ) == pytest.approx(1.0)


@every_score
def test_predictions_without_codes_or_lists_are_refused(name: str) -> None:
    bare = Predictions(np.array([4.0]), np.array(["warm"], dtype=object))
    message = "lists need the user and the item of each prediction, got predictions without them"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        score(name, np.array([5.0]), bare, 10, "rated")
    message = "candidates: all needs a model that ranks all items, got none; use candidates: rated"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        score(name, np.array([5.0]), predicted([(0, 0, 4.0)]), 10, "all")


def test_truth_and_predictions_are_left_as_they_are() -> None:
    given = predicted([(1, 0, 2.0), (0, 1, 3.0), (0, 0, 4.0)], [[1], [0]])
    truth = np.array([5.0, 4.0, 1.0])
    for name, candidates in itertools.product(SCORES, ("rated", "all")):
        score(name, truth, given, 2, candidates)
    assert truth.tolist() == [5.0, 4.0, 1.0]
    assert given.rating.tolist() == [2.0, 3.0, 4.0]
