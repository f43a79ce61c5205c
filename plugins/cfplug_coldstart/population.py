"""Estimate the normal distribution from which the vectors of one side come.

A rating is taken as linear in the vector v of its id, around the prior mean of v:

    r = f(prior_id, other) + J_other (v - prior_id) + e,
    v ~ N(prior_id, S),    e ~ N(0, s2_other)

where f is the model itself and J the slope of its rating. S and s2 come from the training ratings
by EM with the vectors integrated out: random-effects regression (Laird and Ware, Biometrics 1982).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

import cfplug
from cfplug.errors import CapabilityError
from cfplug_coldstart.em import Ratings, State, em, expectation
from cfplug_coldstart.posterior import posterior
from cfplug_coldstart.trained_ids import other
from cfplug_coldstart.uncertainty import Uncertainty, affordable

if TYPE_CHECKING:
    from cfplug import Batch, FittedModel


@frozen(eq=False)
class Population:
    """The distribution of the vectors of one side, and of ratings given a vector.

    `mean` (width,) is the mean of all prior means, `slopes` (n_others, width) of the rating with
    each id of the other side at that mean, `noise` (n_others,) the variance of a rating about it,
    `cov` (width, width) that of vectors about their prior means `prior` (n_ids, width), of which
    `shift` (width,) was learned here. `vectors` (n_ids, width) are the posterior means given the
    training ratings, and `prior` where there is none. `others` (n_others, vectors of the other
    side) replaces the trained ones, unless it is None.
    """

    side: str
    mean: np.ndarray
    slopes: np.ndarray
    noise: np.ndarray
    cov: np.ndarray
    prior: np.ndarray
    vectors: np.ndarray
    shift: np.ndarray
    others: np.ndarray | None = None


def population(
    fitted: FittedModel,
    side: str,
    *,
    prior: np.ndarray | None = None,
    others: np.ndarray | None = None,
) -> Population:
    """Return the population of one side, from the model's training ratings.

    Args:
        fitted: A model that provides vectors.
        side: "user" or "item".
        prior: Prior means, shape (n_ids, width), up to a shift that is learned; by default the
            mean of the trained vectors.
        others: Replaces the trained vectors of the other side.

    Raises:
        CapabilityError: The model looks at more of a rating than its user and item, which is not
            kept with its training ratings.
    """
    own, train = fitted.vectors(side), _train(fitted)
    trained = np.unique(getattr(train, side))
    if prior is None:
        prior = np.tile(own[trained].mean(axis=0), (len(own), 1))
    prior = np.asarray(prior, dtype=np.float64)
    uncertainty = None
    if others is None:
        uncertainty = _uncertainty(fitted, side, prior[trained].mean(axis=0))
    return _population(fitted, side, prior, others, uncertainty)


def _population(
    fitted: FittedModel,
    side: str,
    prior: np.ndarray,
    others: np.ndarray | None,
    uncertainty: Uncertainty | None,
) -> Population:
    """Return the same; the other side is taken as certain if `uncertainty` is None."""
    own, train = fitted.vectors(side), _train(fitted)
    rows, codes = getattr(train, side), getattr(train, other(side))
    trained = np.unique(rows)
    mean = prior[trained].mean(axis=0)
    predicted = fitted.predictor.predict(placed(train, side, prior[rows], others))
    residual = fitted.train.rating - predicted
    slopes = _slopes(fitted, side, mean, others)
    if uncertainty is None:
        uncertainty = Uncertainty.none(*slopes.shape)
    ratings = Ratings(rows, codes, residual, slopes, uncertainty)
    state = em(ratings, _start(own[trained], ratings))
    vectors = prior + state.shift
    vectors[trained] = prior[trained] + expectation(ratings, state).means
    return Population(
        side,
        mean + state.shift,
        _slopes(fitted, side, mean + state.shift, others),
        state.noise,
        state.cov,
        prior + state.shift,
        vectors,
        state.shift,
        others,
    )


def _uncertainty(fitted: FittedModel, side: str, mean: np.ndarray) -> Uncertainty | None:
    """Return that of the other side's trained vectors; None where it would not fit in memory."""
    partner = other(side)
    others = fitted.vectors(partner)
    if not affordable(len(others), len(mean), others.shape[1]):
        return None
    key = ("cfplug-coldstart covariances", partner)
    covs = fitted.once(key, lambda: _covariances(fitted, partner))
    return Uncertainty.of(fitted, side, mean, covs)


def _covariances(fitted: FittedModel, side: str) -> np.ndarray:
    """Return posterior covariances of the vectors of `side`, the other side being certain.

    Shape (n_ids, width, width).
    """
    own, train = fitted.vectors(side), _train(fitted)
    rows, codes = getattr(train, side), getattr(train, other(side))
    prior = np.tile(own[np.unique(rows)].mean(axis=0), (len(own), 1))
    known = _population(fitted, side, prior, None, None)
    return posterior(known, known.prior, rows, codes, np.zeros(len(rows))).cov


def refold(fitted: FittedModel, side: str, vectors: np.ndarray) -> np.ndarray:
    """Return the other side's vectors, learned again where `vectors` are those of `side`.

    A user's bias learned with trained item biases leaves out which items the user picks; with
    biases predicted from metadata it has to hold that too: who picks good films will pick good new
    ones.

    Args:
        fitted: A model that provides vectors.
        side: "user" or "item".
        vectors: Shape (n_ids, width).

    Returns:
        Shape (n_others, width).
    """
    return population(fitted, other(side), others=vectors).vectors


def expected(
    fitted: FittedModel, known: Population, rows: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Return predictions for m ids at their prior means, shape (m,).

    Args:
        fitted: The model.
        known: The population of a side.
        rows: Codes of that side, shape (m,).
        others: Codes of the other side, shape (m,).
    """
    codes = {known.side: rows, other(known.side): others}
    batch = cfplug.Batch(codes["user"], codes["item"])
    batch = placed(batch, known.side, known.prior[rows], known.others)
    rating: np.ndarray = fitted.predictor.predict(batch)
    return rating


def placed(batch: Batch, side: str, vectors: np.ndarray, others: np.ndarray | None) -> Batch:
    """Return `batch` with `vectors` (n, width) for `side`, and rows of `others` for the other."""
    batch = batch.with_vectors(side, vectors)
    if others is None:
        return batch
    return batch.with_vectors(other(side), others[getattr(batch, other(side))])


def _train(fitted: FittedModel) -> Batch:
    needs = fitted.features.needs() if fitted.features is not None else ()
    if needs:
        raise CapabilityError(
            f"{fitted.name} ({fitted.component}) looks at {' and '.join(needs)} of each rating, "
            "which is not kept with its training ratings; leave these features out"
        )
    return fitted.train.batch


def _slopes(
    fitted: FittedModel, side: str, vector: np.ndarray, others: np.ndarray | None
) -> np.ndarray:
    """Return the slopes of ratings at `vector` with each other id, shape (n_others, width)."""
    n = len(fitted.catalogue.side(other(side)))
    codes = {other(side): np.arange(n), side: np.zeros(n, dtype=np.int64)}
    batch = cfplug.Batch(codes["user"], codes["item"])
    return fitted.slopes(side, placed(batch, side, np.tile(vector, (n, 1)), others))[1]


def _start(learned: np.ndarray, ratings: Ratings) -> State:
    """Return the spread of the trained vectors, a little wider, so that every direction counts."""
    width = learned.shape[1]
    spread = np.cov(learned.T).reshape(width, width) if len(learned) > 1 else np.eye(width)
    cov = spread + (0.01 * np.trace(spread) / width + 1e-6) * np.eye(width)
    noise = np.full(len(ratings.slopes), np.mean(ratings.residual**2) + 1e-6)
    return State(np.zeros(width), cov, noise)
