"""`rlfm` against its equations written out, one id and one rating at a time, and on data that it
should know.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from cfplug_factors import Bias, Rlfm, cfplug_models, rlfm, variational
from cfplug_factors.baselines import fit_bias
from cfplug_factors.design import design
from cfplug_factors.variational import Belief, Normals, Prior, Ratings
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Batch, Context, Interactions
from cfplug.data.features import Feature
from cfplug.prediction.network import by_differences

quick = settings(max_examples=12, deadline=None)

SIDES = ("user", "item")
SMALL = Rlfm(factors=2, rounds=6)


def quiet(seed: int = 0) -> Context:
    rng = np.random.default_rng(seed)
    return Context(seed, rng, "cpu", Path(), lambda done, message: None, lambda line: None)


# Data of a known making


def drawn(
    seed: int, n_users: int = 60, n_items: int = 45, n: int = 1500, genres: float = 0.0
) -> Interactions:
    """Ratings of two factors and biases with noise of deviation 0.3; items of 3 genres, which move
    their biases.

    The last user and the last item have no rating, and the items before it few.
    """
    rng = np.random.default_rng(seed)
    popular = np.linspace(1, 0.05, n_items - 1)
    chance = np.tile(popular, n_users - 1)
    pairs = rng.choice(len(chance), n, replace=False, p=chance / chance.sum())
    user, item = np.divmod(pairs, n_items - 1)
    genre = np.arange(n_items) % 3
    p, q = rng.normal(size=(n_users, 2)), rng.normal(size=(n_items, 2))
    bias = rng.normal(0, 0.4, n_users), rng.normal(0, 0.4, n_items) + genres * (genre - 1.0)
    rating = (
        3.5
        + bias[0][user]
        + bias[1][item]
        + (p[user] * q[item]).sum(axis=1)
        + rng.normal(0, 0.3, n)
    )
    feature = Feature("item.genre", "item", "category", ("action", "drama", "war"), table=genre + 1)
    return Interactions(Batch(user, item), rating, n_users, n_items, (feature,) if genres else ())


def parted(train: Interactions, share: float = 0.2) -> tuple[Interactions, Interactions]:
    """What is learned from, and what is held out."""
    held = np.random.default_rng(4).random(len(train)) < share
    learned, out = (
        evolve(train, batch=train.batch[rows], rating=train.rating[rows]) for rows in (~held, held)
    )
    return learned, out


def error(model: Any, held: Interactions) -> float:
    return float(((model.predict(held.batch) - held.rating) ** 2).mean())


def belief_of(
    seed: int, n_users: int = 4, n_items: int = 6
) -> tuple[Belief, Ratings, dict[str, Any]]:
    """Some state in the middle of a fit, its ratings and features: all by chance."""
    rng = np.random.default_rng(seed)
    rated = rng.permutation(n_users * n_items)[: 3 * n_users]
    user, item = np.divmod(rated, n_items)
    ratings = Ratings.of(
        Interactions(Batch(user, item), rng.integers(1, 6, len(rated)) + 0.0, n_users, n_items)
    )
    sizes, width = {"user": n_users, "item": n_items}, 3
    features = {
        side: np.column_stack([np.ones(n), rng.normal(size=(n, 2))]) for side, n in sizes.items()
    }

    def spread(n: int) -> np.ndarray:
        roots = rng.normal(0, 0.3, (n, width, width))
        return roots @ roots.transpose(0, 2, 1) + 0.05 * np.eye(width)

    return (
        Belief(
            {side: Normals(rng.normal(size=(n, width)), spread(n)) for side, n in sizes.items()},
            {side: Prior(rng.normal(0, 0.3, (3, width)), spread(1)[0]) for side in sizes},
            rng.uniform(0.5, 2, n_items),
        ),
        ratings,
        features,
    )


seeds = st.integers(0, 10_000)


# The equations, one at a time


@quick
@given(seeds, st.sampled_from(SIDES))
def test_the_posterior_is_that_of_a_naive_gaussian_solve(seed: int, side: str) -> None:
    """rating - mean - b_other - noise = <(p, 1), (q, b)> for certain others; their doubt adds its
    second moment.
    """
    belief, ratings, features = belief_of(seed)
    found = variational.updated(belief, side, ratings, features[side]).vectors[side]
    others, prior = belief.vectors["item" if side == "user" else "user"], belief.priors[side]
    dense, seen = ratings.values.toarray(), ratings.seen.toarray() > 0
    for code in range(len(features[side])):
        precision = np.linalg.inv(prior.cov)
        shift = precision @ (features[side][code] @ prior.weights)
        for other in range(others.mean.shape[0]):
            u, i = (code, other) if side == "user" else (other, code)
            if seen[u, i]:
                second = np.outer(others.mean[other], others.mean[other]) + others.cov[other]
                slope = np.append(others.mean[other][:-1], 1.0)  # of the rating in (factors, bias)
                square = second.copy()
                square[-1], square[:, -1] = slope, slope
                offset = np.append(
                    second[:-1, -1], others.mean[other][-1]
                )  # E[slope x the other's own bias]
                precision += square / belief.noise[i]
                shift += (slope * dense[u, i] - offset) / belief.noise[i]
        np.testing.assert_allclose(found.cov[code], np.linalg.inv(precision), atol=1e-8)
        np.testing.assert_allclose(found.mean[code], np.linalg.solve(precision, shift), atol=1e-8)


@quick
@given(seeds)
def test_expected_squared_errors_are_those_of_each_rating(seed: int) -> None:
    belief, ratings, _ = belief_of(seed)
    users, items = (belief.with_one(side) for side in SIDES)
    found = variational.squared_errors(ratings, users, items)
    expected = np.zeros(len(found))
    for u, i in zip(*ratings.seen.nonzero(), strict=True):
        miss = (ratings.values.toarray()[u, i] - users.mean[u] @ items.mean[i]) ** 2
        doubt = (
            users.mean[u] @ items.cov[i] @ users.mean[u]
            + items.mean[i] @ users.cov[u] @ items.mean[i]
        )
        expected[i] += miss + doubt + np.trace(users.cov[u] @ items.cov[i])
    np.testing.assert_allclose(found, expected, atol=1e-8)


@quick
@given(seeds, st.sampled_from([0.0, 3.0, 1e9]))
def test_noise_is_pulled_towards_that_of_all_ratings(seed: int, pooling: float) -> None:
    belief, ratings, _ = belief_of(seed)
    errors = variational.squared_errors(ratings, belief.with_one("user"), belief.with_one("item"))
    count, mean = ratings.seen.toarray().sum(axis=0), errors.sum() / ratings.seen.nnz
    rated = count > 0
    with np.errstate(invalid="ignore"):
        found = variational.with_noise(belief, ratings, pooling).noise
    expected = (errors + pooling * mean)[rated] / (count + pooling)[rated]
    np.testing.assert_allclose(found[rated], expected)
    if pooling > 1e6:
        np.testing.assert_allclose(found, mean, rtol=1e-6)


def test_a_model_that_hits_every_rating_keeps_some_noise() -> None:
    belief, _, _ = belief_of(0)
    certain = {side: Normals(0 * each.mean, 0 * each.cov) for side, each in belief.vectors.items()}
    equal = Ratings.of(
        Interactions(Batch(np.array([0, 1]), np.array([2, 4])), np.array([3.0, 3.0]), 4, 6)
    )
    found = variational.with_noise(evolve(belief, vectors=certain), equal, 50.0).noise
    assert found.tolist() == [1e-4] * 6


@quick
@given(seeds)
def test_a_prior_is_a_regression_and_what_it_leaves(seed: int) -> None:
    belief, _, features = belief_of(seed)
    vectors, table = belief.vectors["item"], features["item"]
    free, tied = (variational.prior_of(vectors, table, ridge) for ridge in (0.0, 1e12))
    fitted = table @ np.linalg.lstsq(table, vectors.mean, rcond=None)[0]
    np.testing.assert_allclose(free.mean(table), fitted, atol=1e-3)
    np.testing.assert_allclose(tied.weights[1:], 0, atol=1e-9)
    np.testing.assert_allclose(tied.weights[0], vectors.mean.mean(axis=0), atol=1e-5)
    rest = vectors.mean - table @ free.weights
    kept = sum(np.outer(one, one) + cov for one, cov in zip(rest, vectors.cov, strict=True)) / len(
        rest
    )
    np.testing.assert_allclose(free.cov, kept + 1e-4 * np.eye(3), atol=1e-6)


def bound(belief: Belief, ratings: Ratings, features: dict[str, Any]) -> float:
    """The lower bound of the log likelihood that every step must raise, but for constants."""
    errors = variational.squared_errors(ratings, belief.with_one("user"), belief.with_one("item"))
    count = ratings.seen.toarray().sum(axis=0)
    total = -0.5 * (count * np.log(belief.noise) + errors / belief.noise).sum()
    for side in SIDES:
        vectors, prior = belief.vectors[side], belief.priors[side]
        rest = vectors.mean - features[side] @ prior.weights
        inverse, rated = np.linalg.inv(prior.cov), ratings.count(side) > 0
        for one, cov in zip(rest[rated], vectors.cov[rated], strict=True):
            total += 0.5 * np.linalg.slogdet(cov)[1] - 0.5 * np.linalg.slogdet(prior.cov)[1]
            total -= 0.5 * (one @ inverse @ one + np.trace(inverse @ cov))
    return float(total)


@pytest.mark.parametrize("seed", range(4))
def test_every_step_raises_the_bound(seed: int) -> None:
    belief, ratings, features = belief_of(seed, n_users=12, n_items=17)
    belief = variational.with_noise(belief, ratings, 0.5)
    before = bound(belief, ratings, features)
    for _ in range(4):
        for side in SIDES:
            belief = variational.updated(belief, side, ratings, features[side])
            after = bound(belief, ratings, features)
            assert after > before
            belief = variational.with_prior(belief, side, ratings, features[side], 0.0)
            before = bound(belief, ratings, features)
            assert (
                before > after - 1e-2
            )  # the little variance that every prior keeps costs a little
        rated = ratings.count("item") > 0
        noise = np.where(rated, variational.with_noise(belief, ratings, 1e-9).noise, 1.0)
        belief = evolve(belief, noise=noise)
        after = bound(belief, ratings, features)
        assert after >= before
        before = after


# Readable vectors


@quick
@given(seeds)
def test_readable_vectors_give_the_same_ratings_and_are_centred_orthogonal_and_of_one_scale(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    vectors = {"user": rng.normal(1, 2, (9, 4)), "item": rng.normal(-1, 1, (14, 4))}
    seen = {"user": np.arange(9) < 8, "item": np.arange(14) != 3}
    user, item = rlfm.readable(vectors, seen)

    def ratings(u: np.ndarray, i: np.ndarray) -> Any:
        return u[:, None, -1] + i[None, :, -1] + u[:, :-1] @ i[:, :-1].T

    np.testing.assert_allclose(
        ratings(user, item), ratings(vectors["user"], vectors["item"]), atol=1e-6
    )
    known = user[seen["user"], :-1], item[seen["item"], :-1]
    first, second = (each.T @ each / len(each) for each in known)
    np.testing.assert_allclose(first, np.diag(np.diag(first)), atol=1e-5)
    np.testing.assert_allclose(second, first, atol=1e-5)
    assert (np.diff(np.diag(first)) < 0).all()
    for each in known:
        np.testing.assert_allclose(each.mean(axis=0), 0, atol=1e-9)
    assert user[seen["user"], -1].mean() == pytest.approx(0, abs=1e-9)
    assert (known[1].max(axis=0) == np.abs(known[1]).max(axis=0)).all()


def test_a_factor_that_no_user_has_is_accepted() -> None:
    rng = np.random.default_rng(0)
    vectors = {"user": rng.normal(size=(6, 4)), "item": rng.normal(size=(11, 4))}
    for each in vectors.values():
        each[:, 1] = 0.0
    user, item = rlfm.readable(vectors, {"user": np.ones(6, bool), "item": np.ones(11, bool)})
    assert np.isfinite(user).all()
    assert np.isfinite(item).all()
    assert np.abs(user[:, 2] @ item[:6, 2]) < 1e-6


# The features as numbers

KNOWN = np.array([3, 1, 0, 7, 2])
"""How many ratings each of five ids has; the third has none."""


def raw(table: np.ndarray) -> np.ndarray:
    """The columns with the mean that `design` takes off."""
    moved: np.ndarray = table - table[KNOWN > 0].mean(axis=0)
    return moved


def test_without_features_there_is_a_column_of_ones() -> None:
    assert design((), KNOWN, with_count=False).tolist() == [[1.0]] * 5


def test_categories_and_members_are_columns_of_which_the_missing_have_none() -> None:
    job = Feature(
        "user.job", "user", "category", ("cook", "pilot"), table=np.array([1, 2, 0, 0, 2])
    )
    liked = Feature(
        "user.liked",
        "user",
        "set",
        ("a", "b", "c"),
        table=np.array([[1, 3], [0, 0], [2, 0], [3, 0], [3, 2]]),
    )
    jobs = np.array([[1, 0], [0, 1], [0, 0], [0, 0], [0, 1]])
    sets = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]])
    expected = np.column_stack([np.ones(5), raw(np.column_stack([jobs, sets]))])
    np.testing.assert_allclose(design([job, liked], KNOWN, with_count=False), expected)


def test_a_number_is_itself_its_square_and_whether_it_is_missing() -> None:
    table = np.array([[1.0, 0], [-2, 0], [0, 1], [9, 0], [0.5, 0]], dtype=np.float32)
    age = Feature("user.age", "user", "number", flagged=True, table=table)
    near = np.array([1, -2, 0, 3, 0.5])  # no farther than three deviations
    expected = np.column_stack([np.ones(5), raw(np.column_stack([near, near**2, table[:, 1]]))])
    np.testing.assert_allclose(design([age], KNOWN, with_count=False), expected)


def test_the_count_of_an_id_without_ratings_is_the_mean_one() -> None:
    found = design((), KNOWN, with_count=True)
    rated = KNOWN > 0
    logs = np.log(1 + KNOWN[rated])
    scaled = (logs - logs.mean()) / logs.std()
    np.testing.assert_allclose(found[rated, 1], scaled)
    np.testing.assert_allclose(found[rated, 2], scaled**2 - 1)
    assert found[2].tolist() == [1.0, 0.0, 0.0]


def test_equal_counts_carry_no_information() -> None:
    assert design((), np.array([4, 4, 4]), with_count=True).tolist() == [[1.0, 0.0, 0.0]] * 3


# The model


def test_it_finds_factors_that_are_there() -> None:
    train, held = parted(drawn(1, genres=0.0))
    found = error(rlfm.fit(Rlfm(factors=3), train, quiet()), held)
    assert found < 0.5 * error(fit_bias(Bias(), train, quiet()), held)
    assert 0.3**2 < found < 0.5  # not below the noise


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_features_that_matter_help_ids_with_few_ratings(seed: int) -> None:
    train, held = parted(drawn(seed, n=700, genres=1.5))
    rare = np.bincount(train.batch.item, minlength=train.n_items)[held.batch.item] < 8
    few = evolve(held, batch=held.batch[rare], rating=held.rating[rare])
    params = Rlfm(factors=3, item_count=False, item_ridge=1.0)
    with_genres, without = (
        rlfm.fit(params, evolve(train, features=each), quiet()) for each in (train.features, ())
    )
    assert error(with_genres, few) < 0.8 * error(without, few)


def test_a_ridge_pulls_what_features_say_towards_nothing() -> None:
    train = drawn(3, n=700, genres=1.5)
    last = [
        rlfm.fit(Rlfm(factors=3, item_count=False, item_ridge=ridge), train, quiet()).biases(
            "item"
        )[-1]
        for ridge in (1.0, 10.0, 1e6)
    ]
    assert last[0] > last[1] > last[2] + 0.2


def test_features_of_chance_do_no_harm() -> None:
    train, held = parted(drawn(3))
    chance = np.random.default_rng(8).normal(size=(train.n_users, 1)).astype(np.float32)
    noise = Feature("user.chance", "user", "number", table=chance)
    plain, reported = (
        rlfm.fit(SMALL, evolve(train, features=each), quiet()) for each in ((), (noise,))
    )
    assert error(reported, held) < error(plain, held) + 0.02


def test_an_id_that_training_never_saw_is_what_its_features_say() -> None:
    train = drawn(4, genres=1.5)
    model = rlfm.fit(Rlfm(factors=2, item_count=False, item_ridge=1.0), train, quiet())
    genre = np.arange(train.n_items) % 3
    other = [model.biases("item")[:-1][genre[:-1] == each].mean() for each in range(3)]
    assert abs(model.biases("item")[-1] - other[genre[-1]]) < 0.4
    assert (
        min(abs(model.biases("item")[-1] - other[each]) for each in range(3) if each != genre[-1])
        > 0.6
    )


def test_a_users_features_are_used_as_an_items_are() -> None:
    train = drawn(2, genres=1.5)
    turned = Interactions(
        Batch(train.batch.item, train.batch.user),
        train.rating,
        train.n_items,
        train.n_users,
        (evolve(train.features[0], name="user.genre", side="user"),),
    )
    learned, held = parted(turned)
    params = Rlfm(factors=3, item_count=False, user_ridge=1.0)
    with_genres, without = (
        rlfm.fit(params, evolve(learned, features=f), quiet()) for f in (turned.features, ())
    )
    assert error(with_genres, held) < error(without, held)


def test_the_ratings_of_an_item_that_is_noisy_count_for_less() -> None:
    train = drawn(6)
    noisy = train.batch.item == 0
    moved = train.rating + noisy * np.random.default_rng(0).normal(0, 3, len(train))
    params = Rlfm(factors=2)
    quieter, pooled = (
        rlfm.fit(evolve(params, noise_pooling=pooling), evolve(train, rating=moved), quiet())
        for pooling in (10.0, 1e9)
    )
    rest = evolve(train, batch=train.batch[~noisy], rating=train.rating[~noisy])
    assert error(quieter, rest) < error(pooled, rest)


class Dealt:
    """A source of chance that gives each item the start that it had in another order."""

    def __init__(self, order: np.ndarray) -> None:
        self.order = order

    def normal(self, centre: float, deviation: float, shape: tuple[int, ...]) -> np.ndarray:
        start = np.random.default_rng(0).normal(centre, deviation, shape)
        return start[self.order]


@settings(max_examples=5, deadline=None)
@given(seeds)
def test_the_order_of_ids_and_of_ratings_does_not_matter(seed: int) -> None:
    train, rng = drawn(5, n=700, genres=1.0), np.random.default_rng(seed)
    users, items, rows = (rng.permutation(n) for n in (train.n_users, train.n_items, len(train)))
    place = np.argsort(users), np.argsort(items)
    feature = train.features[0]
    assert feature.table is not None
    moved = Interactions(
        Batch(place[0][train.batch.user], place[1][train.batch.item])[rows],
        train.rating[rows],
        train.n_users,
        train.n_items,
        (evolve(feature, table=feature.table[items]),),
    )
    start: Any = Dealt(items)
    model = rlfm.fit(SMALL, train, quiet())
    other = rlfm.fit(SMALL, moved, evolve(quiet(), rng=start))
    for side, order in (("user", users), ("item", items)):
        np.testing.assert_allclose(other.vectors(side), model.vectors(side)[order], atol=1e-6)


@pytest.fixture(scope="module")
def model() -> Any:
    return rlfm.fit(SMALL, drawn(7, genres=1.0), quiet())


def some(n: int = 40) -> Batch:
    rng = np.random.default_rng(2)
    return Batch(rng.integers(0, 60, n), rng.integers(0, 45, n))


def test_the_terms_sum_to_the_rating(model: Any) -> None:
    terms = model.terms(some())
    assert list(terms) == ["mean", "user bias", "item bias", "factor 1", "factor 2"]
    np.testing.assert_allclose(sum(terms.values()), model.predict(some()))
    assert set(terms["mean"]) == {drawn(7, genres=1.0).rating.mean()}
    np.testing.assert_allclose(terms["item bias"], model.biases("item")[some().item])
    np.testing.assert_allclose(
        terms["factor 2"],
        (model.embeddings("user")[some().user] * model.embeddings("item")[some().item])[:, 1],
    )


def test_its_vectors_are_factors_and_bias(model: Any) -> None:
    assert (model.vectors("user").shape, model.vectors("item").shape) == ((60, 3), (45, 3))
    for side in SIDES:
        both = np.column_stack([model.embeddings(side), model.biases(side)])
        assert (model.vectors(side) == both).all()


@pytest.mark.parametrize("side", SIDES)
def test_a_vector_in_the_batch_replaces_the_learned_one(model: Any, side: str) -> None:
    batch, codes = some(), getattr(some(), side)
    turned = evolve(batch, **{side: np.roll(codes, 1)})
    brought = turned.with_vectors(side, model.vectors(side)[codes])
    assert model.predict(brought).tolist() == model.predict(batch).tolist()
    assert model.predict(turned).tolist() != model.predict(batch).tolist()


@pytest.mark.parametrize("side", SIDES)
def test_its_slopes_are_those_of_small_steps(model: Any, side: str) -> None:
    batch = some().with_vectors(side, np.random.default_rng(3).normal(size=(40, 3)))
    for found, expected in zip(
        model.slopes(side, batch), by_differences(model, side, batch), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_slopes_heed_the_vectors_of_the_other_side(model: Any) -> None:
    other = np.random.default_rng(3).normal(size=(40, 3))
    batch = some().with_vectors("user", np.zeros((40, 3))).with_vectors("item", other)
    np.testing.assert_allclose(
        model.slopes("user", batch)[1], np.column_stack([other[:, :-1], np.ones(40)])
    )


def test_a_restored_model_gives_the_same_bits(model: Any) -> None:
    state = {
        name: np.frombuffer(array.tobytes()).reshape(array.shape)
        for name, array in model.state().items()
    }
    again = rlfm.restore(SMALL, state)
    assert again.predict(some()).tobytes() == model.predict(some()).tobytes()
    assert sorted(again.state()) == ["item", "mean", "user"]


def test_the_scale_of_the_ratings_does_not_matter() -> None:
    train, pairs = drawn(7, genres=1.0), some()
    model, wide = (
        rlfm.fit(SMALL, evolve(train, rating=each), quiet())
        for each in (train.rating, 20 * train.rating - 7)
    )
    np.testing.assert_allclose(wide.predict(pairs), 20 * model.predict(pairs) - 7, rtol=1e-6)


def test_the_same_chance_gives_the_same_bits_and_another_chance_others() -> None:
    first, second, third = (rlfm.fit(SMALL, drawn(7), quiet(seed)).user for seed in (1, 1, 2))
    assert first.tobytes() == second.tobytes()
    assert first.tobytes() != third.tobytes()


def test_a_single_rating_is_enough() -> None:
    train = Interactions(Batch(np.array([1]), np.array([0])), np.array([4.0]), 2, 3)
    model = rlfm.fit(Rlfm(), train, quiet())
    assert np.isfinite(model.user).all()
    assert model.predict(Batch(np.array([1, 0]), np.array([0, 2]))) == pytest.approx(4.0)


def test_fitting_reports_every_round_and_changes_nothing_that_it_is_given() -> None:
    reported: list[tuple[float | None, str]] = []
    context = evolve(quiet(), progress=lambda done, message: reported.append((done, message)))
    train = drawn(7, genres=1.0)
    rlfm.fit(evolve(SMALL, rounds=4), train, context)
    assert reported == [
        (0.25, "round 1 of 4"),
        (0.5, "round 2 of 4"),
        (0.75, "round 3 of 4"),
        (1.0, "round 4 of 4"),
    ]
    assert train.rating.tolist() == drawn(7, genres=1.0).rating.tolist()


def test_it_declares_what_it_gives() -> None:
    (declared,) = (each for each in cfplug_models() if each.name == "rlfm")
    assert declared.provides == ("embeddings", "biases", "terms", "vectors")
    assert (declared.learns_by_gradient, declared.uses_features) == (False, True)
    assert (declared.function("fit"), declared.function("restore")) == (rlfm.fit, rlfm.restore)


@pytest.mark.parametrize(
    ("values", "reported"),
    [
        ({"factors": 0}, "factors: must be at least 1; is 0"),
        ({"rounds": 0}, "rounds: must be at least 1; is 0"),
        ({"user_ridge": -1.0}, "user_ridge: must be at least 0; is -1.0"),
        ({"item_ridge": float("inf")}, "item_ridge: must be a finite number; is inf"),
        ({"noise_pooling": -0.5}, "noise_pooling: must be above 0; is -0.5"),
        ({"noise_pooling": 0.0}, "noise_pooling: must be above 0; is 0.0"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(values: dict[str, Any], reported: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reported)}$"):
        Rlfm(**values)
