"""Check posteriors against naive ridge regression, and EM on known populations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
from cfplug_coldstart.population import Population, expected, population, refold
from cfplug_coldstart.posterior import posterior
from cfplug_coldstart.raters import tilts
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import FittedModel
from cfplug.data.features import Feature, Features
from cfplug.errors import CapabilityError
from cfplug.prediction.memo import Memo

quick = settings(max_examples=12, deadline=None)
sides = pytest.mark.parametrize("side", ["user", "item"])
OTHERS = 7


def drawn(seed: int, width: int) -> Population:
    """A population that was never fitted, met by seven others."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(width, width))
    cov = root @ root.T + 0.1 * np.eye(width)
    noise, slopes, rows = (
        rng.uniform(0.3, 2.0, OTHERS),
        rng.normal(size=(OTHERS, width)),
        np.zeros((3, width)),
    )
    return Population("user", np.zeros(width), slopes, noise, cov, rows, rows, np.zeros(width))


def given_ratings(seed: int, n: int, most: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw up to `most` ratings for each of n newcomers, in any order: row, item, residual."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.repeat(np.arange(n), rng.integers(0, most + 1, n)))
    return rows, rng.integers(0, OTHERS, len(rows)), rng.normal(size=len(rows))


seeds, widths = st.integers(0, 999), st.integers(1, 6)


@quick
@given(seed=seeds, width=widths)
def test_the_posterior_is_the_ridge_solution(seed: int, width: int) -> None:
    here, (rows, others, residual) = drawn(seed, width), given_ratings(seed, 5)
    prior = np.random.default_rng(seed).normal(size=(5, width))
    found = posterior(here, prior, rows, others, residual)
    for one in range(5):
        own = rows == one
        slopes, weight = here.slopes[others[own]], 1 / here.noise[others[own]]
        cov = np.linalg.inv(np.linalg.inv(here.cov) + (slopes.T * weight) @ slopes)
        assert found.cov[one] == pytest.approx(cov, abs=1e-8)
        assert found.mean[one] == pytest.approx(
            prior[one] + cov @ (slopes.T * weight) @ residual[own], abs=1e-8
        )


@quick
@given(width=widths)
def test_without_ratings_the_posterior_is_its_prior(width: int) -> None:
    here, none = drawn(1, width), np.zeros(0, dtype=np.int64)
    found = posterior(here, np.ones((4, width)), none, none, np.zeros(0))
    assert (found.mean == 1).all()
    assert found.cov == pytest.approx(np.tile(here.cov, (4, 1, 1)))


@quick
@given(seed=seeds, width=widths)
def test_another_rating_never_makes_any_prediction_less_sure(seed: int, width: int) -> None:
    here, (_, others, residual) = drawn(seed, width), given_ratings(seed, 9)
    slopes, before = here.slopes, np.full(OTHERS, np.inf)
    for n in range(len(others)):
        rows = np.zeros(n, dtype=np.int64)
        found = posterior(here, np.zeros((1, width)), rows, others[:n], residual[:n])
        variance = found.variance(np.zeros(OTHERS, dtype=np.int64), slopes)
        assert (variance <= before + 1e-9).all()
        before = variance


@quick
@given(seed=seeds, width=widths)
def test_the_order_of_ratings_does_not_matter(seed: int, width: int) -> None:
    here, ratings = drawn(seed, width), given_ratings(seed, 6)
    order = np.random.default_rng(seed + 1).permutation(len(ratings[0]))
    one, two = (
        posterior(here, np.zeros((6, width)), *each)
        for each in (ratings, [part[order] for part in ratings])
    )
    assert one.mean == pytest.approx(two.mean, abs=1e-9)
    assert one.cov == pytest.approx(two.cov, abs=1e-9)


@quick
@given(seed=seeds, width=widths)
def test_many_at_once_are_as_one_by_one(seed: int, width: int) -> None:
    here, (rows, others, residual) = drawn(seed, width), given_ratings(seed, 6)
    found = posterior(here, np.zeros((6, width)), rows, others, residual)
    for one in range(6):
        own = rows == one
        alone = posterior(here, np.zeros((1, width)), rows[own] * 0, others[own], residual[own])
        assert found.mean[one] == pytest.approx(alone.mean[0], abs=1e-9)


@quick
@given(seed=seeds, width=st.integers(1, 4))
def test_with_ever_more_ratings_the_posterior_is_the_true_vector(seed: int, width: int) -> None:
    here, rng = drawn(seed, width), np.random.default_rng(seed)
    true, others = rng.normal(size=width), np.tile(np.arange(OTHERS), 20_000)
    residual = here.slopes[others] @ true + rng.normal(size=len(others)) * np.sqrt(
        here.noise[others]
    )
    found = posterior(
        here, np.zeros((1, width)), np.zeros(len(others), dtype=np.int64), others, residual
    )
    apart = found.mean[0] - true
    assert apart @ np.linalg.solve(found.cov[0], apart) < 60  # chi squared; its mean is `width`
    assert np.abs(here.slopes @ apart).max() < 0.1


@sides
def test_a_population_is_found_again(town: Callable[..., Any], side: str) -> None:
    """True vectors have deviations of about 0.5 about their mean, and ratings a noise of 0.3."""
    here = town(matters=0.0, users=140, items=110)
    found, other = population(here.model, side), "item" if side == "user" else "user"
    warm = here.model.support.count[side] > 0
    true = here.model.vectors(side)[warm]
    assert found.cov == pytest.approx(np.cov(true.T), abs=0.06)
    assert found.mean == pytest.approx(true.mean(axis=0), abs=0.05)
    assert found.noise[here.model.support.count[other] > 0].mean() == pytest.approx(0.09, abs=0.01)
    assert np.abs(found.vectors[warm] - true).mean() < 0.1
    assert (found.vectors[~warm] == found.prior[~warm]).all()


@sides
def test_a_given_prior_that_is_right_leaves_less_to_explain(
    town: Callable[..., Any], side: str
) -> None:
    here = town(matters=0.0)
    true = here.model.vectors(side)
    plain, revealed = (
        population(here.model, side, prior=prior)
        for prior in (None, true + np.array([0.3, 0.0, 0.0]))
    )
    assert np.trace(revealed.cov) < 0.1 * np.trace(plain.cov)
    assert revealed.shift == pytest.approx([-0.3, 0.0, 0.0], abs=0.06)
    assert revealed.prior == pytest.approx(true, abs=0.06)


@sides
def test_the_other_side_is_learned_again_against_the_vectors_that_are_given(
    town: Callable[..., Any], side: str
) -> None:
    """Twice the factors need half the other side's; whose biases stay."""
    here, other = town(), "item" if side == "user" else "user"
    found = refold(here.model, side, here.model.vectors(side) * [2.0, 2.0, 1.0])
    warm = here.model.support.count[other] > 0
    assert np.abs(found[warm] - here.model.vectors(other)[warm] * [0.5, 0.5, 1.0]).mean() < 0.1


@sides
def test_what_is_expected_of_a_pair_is_the_model_at_the_prior_mean(
    town: Callable[..., Any], side: str
) -> None:
    here = town()
    found, train = population(here.model, side), here.model.train.batch
    other = "item" if side == "user" else "user"
    rows, others = getattr(train, side)[:9], getattr(train, other)[:9]
    vectors = here.model.vectors(other)[others]
    prior = found.prior[rows]
    assert expected(here.model, found, rows, others) == pytest.approx(
        3 + (prior[:, :2] * vectors[:, :2]).sum(axis=1) + prior[:, 2] + vectors[:, 2]
    )


def only(here: Any, wanted: np.ndarray) -> FittedModel:
    """Return the model as learned from `wanted` of its training ratings, bool of (n_ratings,)."""
    known, rated = here.model.catalogue, here.model.support.rated & wanted
    count = {
        "user": np.bincount(known.rated_user[rated], minlength=len(known.user)),
        "item": np.bincount(known.rated_item[rated], minlength=len(known.item)),
    }
    support = attrs.evolve(here.model.support, rated=rated, count=count)
    model: FittedModel = attrs.evolve(here.model, support=support, memo=Memo())
    return model


def test_few_ratings_of_each_do_not_make_a_population_look_more_alike(
    town: Callable[..., Any],
) -> None:
    here = town(matters=0.0, users=140, items=110)
    few = only(here, np.random.default_rng(0).random(len(here.model.support.rated)) < 0.06)
    spread = np.trace(np.cov(few.vectors("user")[few.support.count["user"] > 0].T))
    found = np.trace(
        population(few, "user").cov
    )  # these items are certain, but six ratings each could not have told
    assert 0.4 * spread < found < 1.1 * spread


def test_a_tilt_is_the_shrunk_mean_distance_of_raters(
    town: Callable[..., Any],
) -> None:
    here = town(matters=0.0)
    found, train = population(here.model, "user"), here.model.train
    apart, said, mean = found.vectors - found.prior, [], {}
    for item in np.unique(train.batch.item):
        raters = train.batch.user[train.batch.item == item]
        mean[item] = apart[raters].sum(axis=0) / (len(raters) + 20)
        rest = [(apart[raters].sum(axis=0) - apart[one]) / (len(raters) + 19) for one in raters]
        left = train.rating[train.batch.item == item] - expected(
            here.model, found, raters, np.full(len(raters), item)
        )
        said += list(zip(np.array(rest) @ found.slopes[item], left, strict=True))
    x, y = np.array(said).T
    strength = min(max((x @ y) / (x @ x), 0), 1)
    tilt = tilts(here.model, found) @ found.cov
    for item, distance in mean.items():
        assert tilt[item] == pytest.approx(strength * distance, abs=1e-8)


def test_who_picks_is_tilted_towards_what_he_picks(town: Callable[..., Any]) -> None:
    here = town(matters=0.0)
    known, model = here.model.catalogue, here.model
    bias = {side: model.vectors(side)[:, 2] for side in ("user", "item")}
    picky = only(here, bias["user"][known.rated_user] * bias["item"][known.rated_item] > 0)
    found = population(picky, "user")
    warm = picky.support.count["item"] > 5
    tilt = (tilts(picky, found) @ found.cov)[warm, 2]
    assert np.corrcoef(tilt, np.sign(bias["item"][warm]))[0, 1] > 0.8


def test_a_model_that_looks_at_the_time_of_a_rating_cannot_be_folded_into(
    town: Callable[..., Any],
) -> None:
    here = town()
    model = attrs.evolve(
        here.model, features=Features((Feature("time.elapsed", "context", "number"),))
    )
    with pytest.raises(CapabilityError, match="looks at time of each rating, which is not kept"):
        population(model, "user")
