"""From which normal distribution do the vectors of one side come?

A rating is taken as linear in the vector v of its id, around what is expected of v beforehand:

    r = f(prior_id, other) + J_other (v - prior_id) + e,    v ~ N(prior_id, S),    e ~ N(0, s2_other)

where f is the model itself and J the slope of its rating. S and s2 come from the training ratings by EM with the
vectors integrated out: random-effects regression (Laird and Ware, Biometrics 1982).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

import cfplug
from cfplug_coldstart.posterior import Posterior, blocks, moved, posterior
from cfplug_coldstart.warm import other

if TYPE_CHECKING:
    from cfplug import Batch, FittedModel

ROUNDS = 5
"""Rounds of EM, from the spread of the trained vectors: many more would fit where these are overfitted."""

POOLED = 50.0
"""Ratings' worth of the mean noise in the noise of each id of the other side."""

LEANING = 100.0
"""An id with n ratings weighs n / (n + 100) in the mean: those with many are asked about more often."""


@frozen(eq=False)
class Population:
    """Where the vectors of one side come from, and how ratings by or of the other side tell of them.

    `mean` (width,) is the mean of all prior means, `slopes` (n_others, width) of the rating with each id of the other
    side at that mean, `noise` (n_others,) the variance of a rating about it, `cov` (width, width) that of vectors about
    their prior means `prior` (n_ids, width), of which `shift` (width,) was learned here. `vectors` (n_ids, width) is
    what the training ratings say of each id: posterior means, and `prior` where there is none. `others` (n_others,
    vectors of the other side) stands in the place of the trained ones; None where these stand.
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
    fitted: FittedModel, side: str, *, prior: np.ndarray | None = None, others: np.ndarray | None = None
) -> Population:
    """The population of one side of a model that gives vectors, from its training ratings.

    `prior` (n_ids, width) is what is expected of each id beforehand, up to a shift that is learned; by default the
    mean of the trained vectors. `others` takes the place of the trained vectors of the other side. CapabilityError for
    a model that looks at more of a rating than its user and item: its training ratings are not kept with that.
    """
    own, train = fitted.vectors(side), _train(fitted)
    rows, codes = (getattr(train, each) for each in (side, other(side)))
    warm = np.unique(rows)
    learned = own[warm]
    prior = np.tile(learned.mean(axis=0), (len(own), 1)) if prior is None else np.asarray(prior, dtype=np.float64)
    mean = prior[warm].mean(axis=0)
    residual = fitted.train.rating - fitted.predictor.predict(placed(train, side, prior[rows], others))
    ratings = _Ratings(rows, codes, residual, _slopes(fitted, side, mean, others))
    state = _em(ratings, _start(learned, ratings))
    vectors = prior + state.shift
    vectors[warm] = prior[warm] + _expectation(ratings, state).vectors[warm]
    slopes = _slopes(fitted, side, mean + state.shift, others)
    return Population(
        side, mean + state.shift, slopes, state.noise, state.cov, prior + state.shift, vectors, state.shift, others
    )


def refold(fitted: FittedModel, side: str, vectors: np.ndarray) -> np.ndarray:
    """The other side's vectors, shape (n_others, width), learned again where `vectors` are those of `side`.

    A user's bias beside trained item biases leaves out which items he picks; beside what metadata says of items it has
    to hold that too: who picks good films will pick good newcomers.
    """
    return population(fitted, other(side), others=vectors).vectors


def expected(fitted: FittedModel, known: Population, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """What the model says of ids `rows` of the population at their prior means with `others`, shape (m,)."""
    codes = {known.side: rows, other(known.side): others}
    batch = cfplug.Batch(codes["user"], codes["item"])
    rating: np.ndarray = fitted.predictor.predict(placed(batch, known.side, known.prior[rows], known.others))
    return rating


def placed(batch: Batch, side: str, vectors: np.ndarray, others: np.ndarray | None) -> Batch:
    """`batch` with `vectors` (n, width) for `side`, and the rows of `others` for the other side unless it is None."""
    batch = batch.with_vectors(side, vectors)
    return batch if others is None else batch.with_vectors(other(side), others[getattr(batch, other(side))])


def _train(fitted: FittedModel) -> Batch:
    needs = fitted.features.needs() if fitted.features is not None else ()
    if needs:
        raise cfplug.CapabilityError(
            f"{fitted.name} ({fitted.component}) looks at {' and '.join(needs)} of each rating, which is not kept with "
            "its training ratings; leave these features out"
        )
    return fitted.train.batch


def _slopes(fitted: FittedModel, side: str, vector: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """Of the rating of an id of `side` with `vector` with each id of the other side, shape (n_others, width)."""
    n = len(fitted.catalogue.side(other(side)))
    codes = {other(side): np.arange(n), side: np.zeros(n, dtype=np.int64)}
    batch = placed(cfplug.Batch(codes["user"], codes["item"]), side, np.tile(vector, (n, 1)), others)
    return fitted.slopes(side, batch)[1]


@frozen(eq=False)
class _Ratings:
    """Training ratings as residuals: of which id, with which other (m,) each, and the slope of each other."""

    rows: np.ndarray
    others: np.ndarray
    residual: np.ndarray
    slopes: np.ndarray


@frozen(eq=False)
class _State:
    """What EM improves: the mean `shift` of vectors from their prior, their covariance, the noise of each other id."""

    shift: np.ndarray
    cov: np.ndarray
    noise: np.ndarray


@frozen(eq=False)
class _Moments:
    """Posterior means of vectors less their prior; the sum of their covariances; squared errors by other id."""

    vectors: np.ndarray
    covs: np.ndarray
    errors: np.ndarray


def _start(learned: np.ndarray, ratings: _Ratings) -> _State:
    """The spread of the trained vectors, a little wider, so that no direction is ruled out."""
    width = learned.shape[1]
    spread = np.cov(learned.T).reshape(width, width) if len(learned) > 1 else np.eye(width)
    cov = spread + (0.01 * np.trace(spread) / width + 1e-6) * np.eye(width)
    return _State(np.zeros(width), cov, np.full(len(ratings.slopes), np.mean(ratings.residual**2) + 1e-6))


def _em(ratings: _Ratings, state: _State) -> _State:
    count = np.bincount(ratings.others, minlength=len(ratings.slopes))
    warm, given = np.unique(ratings.rows, return_counts=True)
    weight = given / (given + LEANING)
    for _ in range(ROUNDS):
        found = _expectation(ratings, state)
        own = found.vectors[warm]
        shift = np.average(own, axis=0, weights=weight)
        apart = own - shift
        cov = (apart.T @ apart + found.covs) / len(warm)
        mean = found.errors.sum() / len(ratings.rows)
        noise = (found.errors + POOLED * mean) / (count + POOLED)
        state = _State(shift, cov + 1e-9 * np.trace(cov) * np.eye(len(cov)), np.maximum(noise, 1e-9))
    return state


def _expectation(ratings: _Ratings, state: _State) -> _Moments:
    """What each id's ratings say of its vector if the population is `state`."""
    width, scale = len(state.shift), np.sqrt(state.noise)
    vectors, covs = np.tile(state.shift, (ratings.rows.max() + 1, 1)), np.zeros((width, width))
    errors = np.zeros(len(scale))
    residual = ratings.residual - (ratings.slopes @ state.shift)[ratings.others]
    for block in blocks(ratings.rows, ratings.others, residual, ratings.slopes / scale[:, None], scale):
        gain = block.gain(state.cov)
        step, cov = moved(gain, block.residual), block.posterior_cov(gain, state.cov)
        vectors[block.rows] += step
        covs += cov.sum(axis=0)
        left = block.residual - (block.slopes @ step[:, :, None])[:, :, 0]
        squares = left**2 + ((block.slopes @ cov) * block.slopes).sum(axis=2)
        errors += np.bincount(block.others.ravel(), squares.ravel(), len(scale))
    return _Moments(vectors, covs, errors * state.noise)


__all__ = ["Population", "Posterior", "expected", "placed", "population", "posterior", "refold"]
