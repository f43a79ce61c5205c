"""How unsure the other side's vectors are, and what that does to the spread of this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cfplug_coldstart.em import Ratings, State, em, expectation
from cfplug_coldstart.uncertainty import Uncertainty, affordable

SIDES = ("user", "item")


def drawn(
    rng: np.random.Generator, n_ids: int, n_others: int, each: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which id rates which other, each id `each` different ones."""
    others = np.array([rng.permutation(n_others)[:each] for _ in range(n_ids)])
    return np.repeat(np.arange(n_ids), each), others.ravel()


def state_of(width: int, n_others: int, spread: float = 1.0) -> State:
    return State(np.zeros(width), spread * np.eye(width), np.full(n_others, 0.7))


@pytest.mark.parametrize("side", SIDES)
def test_uncertainty_is_the_variance_of_the_rating_when_the_other_vector_varies(
    town: Callable[..., Any], side: str
) -> None:
    model = town(matters=0.0).model
    partner = "item" if side == "user" else "user"
    own, others = model.vectors(side), model.vectors(partner)
    rng = np.random.default_rng(1)
    roots = rng.normal(0, 0.3, (len(others), others.shape[1], others.shape[1]))
    covs = roots @ roots.swapaxes(1, 2)
    mean, step = own.mean(axis=0), rng.normal(0, 0.5, own.shape[1])
    doubt = Uncertainty.of(model, side, mean, covs)
    revealed = (
        doubt.constant
        + 2 * doubt.linear @ step
        + np.einsum("i,nij,j->n", step, doubt.quadratic, step)
    )
    factors = np.append((mean + step)[:-1], 1.0)  # of a rating <p, q> + b + c, by (q, c)
    assert revealed == pytest.approx(np.einsum("i,nij,j->n", factors, covs, factors), rel=1e-3)


def test_without_uncertainty_the_posterior_is_the_ridge_solution() -> None:
    rng = np.random.default_rng(2)
    rows, others = drawn(rng, 9, 7, 4)
    slopes, residual = rng.normal(size=(7, 3)), rng.normal(size=len(rows))
    state = state_of(3, 7)
    found = expectation(
        Ratings(rows, others, residual, slopes, Uncertainty.none(7, 3)), state
    ).means
    for id_ in range(9):
        x, y = slopes[others[rows == id_]], residual[rows == id_]
        assert found[id_] == pytest.approx(
            np.linalg.solve(x.T @ x / 0.7 + np.eye(3), x.T @ y / 0.7)
        )


def test_uncertainty_pulls_a_vector_to_its_prior_and_adds_to_the_error() -> None:
    rng = np.random.default_rng(3)
    rows, others = drawn(rng, 9, 7, 4)
    slopes, residual = rng.normal(size=(7, 3)), rng.normal(size=len(rows))
    unsure = Uncertainty(np.full(7, 0.2), np.zeros((7, 3)), np.tile(0.5 * np.eye(3), (7, 1, 1)))
    sure, doubted = (
        expectation(Ratings(rows, others, residual, slopes, doubt), state_of(3, 7))
        for doubt in (Uncertainty.none(7, 3), unsure)
    )
    assert (np.linalg.norm(doubted.means, axis=1) < np.linalg.norm(sure.means, axis=1)).all()
    assert doubted.errors.sum() > sure.errors.sum()


def test_uncertain_vectors_make_ids_less_apart() -> None:
    rng = np.random.default_rng(4)
    rows, others = drawn(rng, 300, 40, 8)
    true, vectors = rng.normal(0, 0.6, (40, 2)), rng.normal(0, 0.5, (300, 2))
    rating = (vectors[rows] * true[others]).sum(axis=1) + rng.normal(0, 0.8, len(rows))
    noisy, wrong = true + rng.normal(0, 0.5, true.shape), 0.25 * np.tile(np.eye(2), (40, 1, 1))
    doubt = Uncertainty(np.zeros(40), np.zeros((40, 2)), wrong)
    spread = {
        name: np.trace(em(Ratings(rows, others, rating, noisy, each), state_of(2, 40)).cov)
        for name, each in (("sure", Uncertainty.none(40, 2)), ("doubted", doubt))
    }
    assert spread["doubted"] < spread["sure"]


def test_uncertainty_that_does_not_fit_in_memory_is_left_out() -> None:
    assert affordable(3_706, 51, 51)
    assert not affordable(60_000, 51, 51)
