"""Both models against a naive version, written down as the formulas stand, on data of any shape."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve, frozen
from cfplug_neighbors import Knn, model, similarity, voting
from cfplug_neighbors.model import Neighborhoods, fit, restore_items, restore_users
from cfplug_neighbors.similarity import Profiles, Rule, between
from cfplug_neighbors.voting import shares
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

import cfplug

QUIET = cfplug.Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)
SIDES = ("item", "user")
PLAIN = Knn(
    neighbors=1, shrinkage=0.0, amplification=1.0, damping=0.0, user_damping=0.0, item_damping=0.0
)
"""One neighbour, who has all the say, about undamped means."""


@frozen(eq=False)
class Ratings:
    """A table (n_users, n_items) of ratings, NaN where there is none."""

    table: np.ndarray

    @property
    def train(self) -> cfplug.Interactions:
        user, item = np.nonzero(~np.isnan(self.table))
        return cfplug.Interactions(
            cfplug.Batch(user, item), self.table[user, item], *self.table.shape
        )

    @property
    def pairs(self) -> cfplug.Batch:
        """Every pair of a user and an item that have a rating each."""
        rated = ~np.isnan(self.table)
        user, item = np.meshgrid(
            np.flatnonzero(rated.any(axis=1)), np.flatnonzero(rated.any(axis=0))
        )
        return cfplug.Batch(user.ravel(), item.ravel())


@st.composite
def ratings(draw: st.DrawFn, levels: bool = False) -> Ratings:
    """Draw ratings of few levels with ties, or continuous; never as many users as items."""
    n_users, n_items = draw(
        st.tuples(st.integers(1, 9), st.integers(1, 7)).filter(lambda sizes: sizes[0] != sizes[1])
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    table = (
        rng.integers(1, 4, (n_users, n_items)) * 1.0
        if levels
        else rng.normal(3, 1, (n_users, n_items))
    )
    table[rng.random(table.shape) < draw(st.sampled_from([0.1, 0.5, 0.8]))] = np.nan
    table[rng.integers(n_users), rng.integers(n_items)] = 3.5
    return Ratings(table)


params = st.builds(
    Knn,
    neighbors=st.integers(2, 5),
    min_neighbors=st.integers(1, 2),
    similarity=st.sampled_from(["cosine", "pearson"]),
    shrinkage=st.sampled_from([0.0, 3.0]),
    amplification=st.sampled_from([1.0, 2.5]),
    damping=st.sampled_from([0.0, 0.2]),
    user_damping=st.sampled_from([0.0, 5.0]),
    item_damping=st.sampled_from([1.0, 2.0]),
)


# The naive version


def naive_baseline(table: np.ndarray, params: Knn) -> np.ndarray:
    """mean + b_u + b_i for every cell, by ten turns of damped means."""
    mean, (n_users, n_items) = np.nanmean(table), table.shape
    user, item = np.zeros(n_users), np.zeros(n_items)
    for _ in range(10):
        for i in range(n_items):
            rests = [
                table[u, i] - mean - user[u] for u in range(n_users) if not np.isnan(table[u, i])
            ]
            item[i] = sum(rests) / (len(rests) + params.item_damping) if rests else 0.0
        for u in range(n_users):
            rests = [
                table[u, i] - mean - item[i] for i in range(n_items) if not np.isnan(table[u, i])
            ]
            user[u] = sum(rests) / (len(rests) + params.user_damping) if rests else 0.0
    return np.asarray(mean + user[:, None] + item)


def naive_similarity(x: np.ndarray, y: np.ndarray, params: Knn) -> float:
    """Of two columns of rests, NaN where there is no rating."""
    common = ~np.isnan(x) & ~np.isnan(y)
    n, whole = int(common.sum()), [column[~np.isnan(column)] for column in (x, y)]
    if n == 0:
        return 0.0
    a, b = x[common], y[common]
    if params.similarity == "pearson":
        a, b = a - a.mean(), b - b.mean()
        whole = [a, b]
    size = np.linalg.norm(whole[0]) * np.linalg.norm(whole[1])
    return float(a @ b / size * n / (n + params.shrinkage)) if size > 1e-9 else 0.0


def naive_moved(rests: np.ndarray, params: Knn, u: int, i: int) -> float:
    """Return the sums over the nearest columns of i that row u has; ties share places."""
    there = [j for j in range(rests.shape[1]) if j != i and not np.isnan(rests[u, j])]
    alike = {j: naive_similarity(rests[:, i], rests[:, j], params) for j in there}
    near = sorted((j for j in alike if alike[j] > 1e-9), key=lambda j: -alike[j])
    if len(near) < params.min_neighbors:
        return 0.0
    last = alike[near[: params.neighbors][-1]]
    above = [j for j in near if alike[j] > last + 1e-7]
    tied = [j for j in near if abs(alike[j] - last) <= 1e-7]
    left = min(1.0, (params.neighbors - len(above)) / len(tied))
    weight = {
        j: alike[j] ** params.amplification * (left if j in tied else 1.0) for j in [*above, *tied]
    }
    return float(
        sum(weight[j] * rests[u, j] for j in weight) / (sum(weight.values()) + params.damping)
    )


# Properties


@pytest.mark.parametrize("side", SIDES)
@settings(max_examples=40, deadline=None)
@given(drawn=ratings(), params=params)
def test_a_model_is_its_formula(side: str, drawn: Ratings, params: Knn) -> None:
    pairs, fitted = drawn.pairs, fit(side, params, drawn.train, QUIET)
    expected = naive_baseline(drawn.table, params)
    rests = drawn.table - expected
    naive = [
        expected[u, i]
        + (
            naive_moved(rests, params, u, i)
            if side == "item"
            else naive_moved(rests.T, params, i, u)
        )
        for u, i in zip(pairs.user, pairs.item, strict=True)
    ]
    np.testing.assert_allclose(fitted.expected(pairs), expected[pairs.user, pairs.item], atol=1e-9)
    np.testing.assert_allclose(fitted.predict(pairs), naive, atol=1e-5)


@pytest.mark.parametrize("side", SIDES)
@settings(max_examples=25, deadline=None)
@given(drawn=ratings(levels=True), params=params, seed=st.integers(0, 9))
def test_which_code_an_id_has_does_not_matter_even_where_many_are_alike(
    side: str, drawn: Ratings, params: Knn, seed: int
) -> None:
    rng, pairs = np.random.default_rng(seed), drawn.pairs
    user, item = (rng.permutation(n) for n in drawn.table.shape)
    others = cfplug.Batch(np.argsort(user)[pairs.user], np.argsort(item)[pairs.item])
    renamed = fit(side, params, Ratings(drawn.table[user][:, item]).train, QUIET)
    np.testing.assert_allclose(
        fit(side, params, drawn.train, QUIET).predict(pairs), renamed.predict(others), atol=1e-6
    )


@pytest.mark.parametrize("side", SIDES)
@settings(max_examples=15, deadline=None)
@given(drawn=ratings(), params=params)
def test_on_another_scale_the_same_is_said(side: str, drawn: Ratings, params: Knn) -> None:
    said = fit(side, params, drawn.train, QUIET).predict(drawn.pairs)
    other = fit(side, params, Ratings(20 * drawn.table + 7).train, QUIET).predict(drawn.pairs)
    np.testing.assert_allclose(other, 20 * said + 7, atol=1e-4)


@pytest.mark.parametrize("side", SIDES)
@settings(max_examples=15, deadline=None)
@given(drawn=ratings(levels=True), params=params)
def test_small_blocks_and_single_questions_give_the_same_bits(
    side: str, drawn: Ratings, params: Knn
) -> None:
    pairs, whole = drawn.pairs, fit(side, params, drawn.train, QUIET)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "CELLS", 3)
        patch.setattr(voting, "ENTRIES", 2)
        parts = fit(side, params, drawn.train, QUIET)
        np.testing.assert_array_equal(parts.predict(pairs), whole.predict(pairs))
        np.testing.assert_array_equal(parts.count(pairs), whole.count(pairs))
    one_by_one = [whole.predict(pairs[[row]])[0] for row in range(len(pairs))]
    np.testing.assert_array_equal(one_by_one, whole.predict(pairs))


@pytest.mark.parametrize(("side", "restore"), [("item", restore_items), ("user", restore_users)])
@settings(max_examples=10, deadline=None)
@given(drawn=ratings(), params=params)
def test_restored_from_its_state_it_says_the_same(
    side: str, restore: Any, drawn: Ratings, params: Knn
) -> None:
    fitted, pairs = fit(side, params, drawn.train, QUIET), drawn.pairs
    again: Neighborhoods = restore(params, fitted.state())
    np.testing.assert_array_equal(again.predict(pairs), fitted.predict(pairs))
    assert again.state().keys() == fitted.state().keys()


@given(drawn=ratings(), params=params)
@settings(max_examples=10, deadline=None)
def test_terms_sum_to_the_rating_and_biases_are_those_of_the_baseline(
    drawn: Ratings, params: Knn
) -> None:
    fitted, pairs = fit("item", params, drawn.train, QUIET), drawn.pairs
    terms = fitted.terms(pairs)
    assert list(terms) == ["mean", "user bias", "item bias", "neighbours"]
    np.testing.assert_allclose(sum(terms.values()), fitted.predict(pairs), atol=1e-9)
    np.testing.assert_array_equal(fitted.biases("item")[pairs.item], terms["item bias"])
    np.testing.assert_array_equal(fitted.biases("user")[pairs.user], terms["user bias"])


@given(
    st.lists(
        st.lists(st.sampled_from([0.25, 0.5, 0.75]), max_size=6), min_size=1, max_size=4
    ).filter(any),
    st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_equally_similar_ones_share_the_places_that_are_left(
    alike: list[list[float]], neighbors: int
) -> None:
    question = np.repeat(np.arange(len(alike)), [len(each) for each in alike])
    found = shares(question, np.array([value for each in alike for value in each]), neighbors)
    for number, each in enumerate(alike):
        orders = [
            sorted(some, key=lambda j, of=each: -of[j])
            for some in itertools.permutations(range(len(each)))
        ]
        naive = [np.mean([j in order[:neighbors] for order in orders]) for j in range(len(each))]
        np.testing.assert_allclose(found[question == number], naive)


# Stories

FILMS = Ratings(
    np.array(
        [
            [5.0, 5.0, 1.0, np.nan],
            [1.0, 1.0, 5.0, np.nan],
            [4.0, 4.0, 2.0, np.nan],
            [2.0, 2.0, np.nan, np.nan],
            [np.nan, 5.0, 1.0, np.nan],
        ]
    )
)
"""The same users like the first two films, others the third; the fourth is unrated."""


def test_who_liked_the_twin_will_like_the_film() -> None:
    fitted = fit("item", PLAIN, FILMS.train, QUIET)
    moved = fitted.moved(cfplug.Batch(np.array([3, 4]), np.array([2, 0])))
    assert (
        moved[0] == 0.0
    )  # no film that the fourth user rated is liked by those who like the third
    assert moved[1] > 1.0
    assert fitted.predict(cfplug.Batch(np.array([4]), np.array([0])))[0] > 4.5


def test_neighbours_are_counted_up_to_as_many_as_are_asked() -> None:
    pairs = cfplug.Batch(np.array([4, 4, 0]), np.array([0, 2, 3]))
    assert fit("item", PLAIN, FILMS.train, QUIET).count(pairs).tolist() == [1, 0, 0]
    many = Ratings(np.random.default_rng(5).normal(3, 1, (11, 14)))
    few, all_of_them = (
        fit("item", Knn(neighbors=k), many.train, QUIET).count(many.pairs) for k in (4, 99)
    )
    assert 0 < all_of_them.min() <= 4 < all_of_them.max() < 14
    np.testing.assert_array_equal(few, all_of_them.clip(max=4))


def test_with_too_few_neighbours_the_baseline_stands() -> None:
    pair = cfplug.Batch(np.array([4]), np.array([0]))
    fitted = fit("item", evolve(PLAIN, neighbors=3, min_neighbors=2), FILMS.train, QUIET)
    assert fitted.predict(pair) == fitted.expected(pair)


def test_where_all_ratings_are_alike_so_are_all_predictions() -> None:
    alike = Ratings(np.where(np.isnan(FILMS.table), np.nan, 4.1))
    for side in SIDES:
        fitted = fit(side, PLAIN, alike.train, QUIET)
        np.testing.assert_allclose(fitted.predict(alike.pairs), 4.1)
        assert (
            fitted.alike.nnz == 0
        )  # what is left of the ratings is rounding, so no two users are similar


def test_one_rating_is_enough_and_no_question_is_one_too() -> None:
    one = Ratings(np.array([[np.nan, 2.0]]))
    for side in SIDES:
        fitted = fit(side, Knn(), one.train, QUIET)
        assert fitted.predict(one.pairs).tolist() == [2.0]
        empty = cfplug.Batch(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        assert fitted.predict(empty).shape == fitted.count(empty).shape == (0,)


@pytest.mark.parametrize("kept", [1, 2, 5])
def test_no_more_similarities_are_kept_than_is_said_and_those_are_the_highest(kept: int) -> None:
    table = np.random.default_rng(3).normal(3, 1, (12, 9))
    whole, cut = (
        fit("item", Knn(kept=each), Ratings(table).train, QUIET).alike.toarray()
        for each in (1000, kept)
    )
    for row, of in zip(cut, whole, strict=True):
        assert sorted(row[row > 0]) == sorted(of[of > 0])[-kept:]


def test_who_rates_all_alike_correlates_with_nobody() -> None:
    rests = csr_array(np.array([[1.1] * 5, [0.9] * 5, [1.0, 2.0, 4.0, -3.0, 5.0]]))
    alike = between(Profiles(rests), Profiles(rests), Rule("pearson", 0.0, 9))
    np.testing.assert_allclose(alike, np.diag([0.0, 0.0, 1.0]), atol=1e-12)


def test_more_neighbours_at_least_than_at_most_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^min_neighbors: expected at most neighbors, 3, got 4$"):
        Knn(neighbors=3, min_neighbors=4)


def test_a_person_is_told_how_far_it_is() -> None:
    calls: list[tuple[float | None, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "CELLS", 8)
        model.fit_items(
            Knn(),
            FILMS.train,
            evolve(QUIET, progress=lambda done, words: calls.append((done, words))),
        )
    assert calls == [(0.5, "similarities of items"), (1.0, "similarities of items")]
