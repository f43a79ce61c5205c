"""From which normal distribution do the vectors of one side come?

A rating is taken as linear in the vector v of its id, around what is expected of v beforehand:

    r = f(prior_id, other) + J_other (v - prior_id) + e,    v ~ N(prior_id, S),    e ~ N(0, s2_other)

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
from cfplug_coldstart.posterior import Posterior, posterior
from cfplug_coldstart.trained_ids import other
from cfplug_coldstart.uncertainty import Uncertainty, affordable

if TYPE_CHECKING:
    from cfplug import Batch, FittedModel


@frozen(eq=False)
class Population:
    """Where the vectors of one side come from, and how ratings by or of the other side tell of them.

    `mean` (width,) is the mean of all prior means, `slopes` (n_others, width) of the rating with
    each id of the other side at that mean, `noise` (n_others,) the variance of a rating about it,
    `cov` (width, width) that of vectors about their prior means `prior` (n_ids, width), of which
    `shift` (width,) was learned here. `vectors` (n_ids, width) is what the training ratings say of
    each id: posterior means, and `prior` where there is none. `others` (n_others, vectors of the
    other side) stands in the place of the trained ones; None where these stand."""

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
    """The population of one side of a model that gives vectors, from its training ratings.

    `prior` (n_ids, width) is what is expected of each id beforehand, up to a shift that is learned;
    by default the mean of the trained vectors. `others` takes the place of the trained vectors of
    the other side. CapabilityError for a model that looks at more of a rating than its user and
    item: its training ratings are not kept with that."""
    own, train = fitted.vectors(side), _train(fitted)
    trained = np.unique(getattr(train, side))
    prior = (
        np.tile(own[trained].mean(axis=0), (len(own), 1))
        if prior is None
        else np.asarray(prior, dtype=np.float64)
    )
    uncertainty = (
        _uncertainty(fitted, side, prior[trained].mean(axis=0)) if others is None else None
    )
    return _population(fitted, side, prior, others, uncertainty)


def _population(
    fitted: FittedModel,
    side: str,
    prior: np.ndarray,
    others: np.ndarray | None,
    uncertainty: Uncertainty | None,
) -> Population:
    """The same, where the other side is certain if there is no `uncertainty`."""
    own, train = fitted.vectors(side), _train(fitted)
    rows, codes = (getattr(train, each) for each in (side, other(side)))
    trained = np.unique(rows)
    mean = prior[trained].mean(axis=0)
    residual = fitted.train.rating - fitted.predictor.predict(
        placed(train, side, prior[rows], others)
    )
    slopes = _slopes(fitted, side, mean, others)
    ratings = Ratings(rows, codes, residual, slopes, uncertainty or Uncertainty.none(*slopes.shape))
    state = em(ratings, _start(own[trained], ratings))
    vectors = prior + state.shift
    vectors[trained] = prior[trained] + expectation(ratings, state).means
    slopes = _slopes(fitted, side, mean + state.shift, others)
    return Population(
        side,
        mean + state.shift,
        slopes,
        state.noise,
        state.cov,
        prior + state.shift,
        vectors,
        state.shift,
        others,
    )


def _uncertainty(fitted: FittedModel, side: str, mean: np.ndarray) -> Uncertainty | None:
    """How unsure the trained vectors of the other side are; None where that would take too much memory."""
    partner = other(side)
    others = fitted.vectors(partner)
    if not affordable(len(others), len(mean), others.shape[1]):
        return None
    covs = fitted.once(("cfplug-coldstart uncertainty", partner), lambda: _covs(fitted, partner))
    return Uncertainty.of(fitted, side, mean, covs)


def _covs(fitted: FittedModel, side: str) -> np.ndarray:
    """Posterior covariances of the vectors of `side`, shape (n_ids, width, width), the other side being certain."""
    own, train = fitted.vectors(side), _train(fitted)
    rows, codes = (getattr(train, each) for each in (side, other(side)))
    prior = np.tile(own[np.unique(rows)].mean(axis=0), (len(own), 1))
    known = _population(fitted, side, prior, None, None)
    return posterior(known, known.prior, rows, codes, np.zeros(len(rows))).cov


def refold(fitted: FittedModel, side: str, vectors: np.ndarray) -> np.ndarray:
    """The other side's vectors, shape (n_others, width), learned again where `vectors` are those of `side`.

    A user's bias beside trained item biases leaves out which items he picks; beside what metadata
    says of items it has to hold that too: who picks good films will pick good newcomers."""
    return population(fitted, other(side), others=vectors).vectors


def expected(
    fitted: FittedModel, known: Population, rows: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """What the model says of ids `rows` of the population at their prior means with `others`, shape (m,)."""
    codes = {known.side: rows, other(known.side): others}
    batch = cfplug.Batch(codes["user"], codes["item"])
    rating: np.ndarray = fitted.predictor.predict(
        placed(batch, known.side, known.prior[rows], known.others)
    )
    return rating


def placed(batch: Batch, side: str, vectors: np.ndarray, others: np.ndarray | None) -> Batch:
    """`batch` with `vectors` (n, width) for `side`, and the rows of `others` for the other side unless it is None."""
    batch = batch.with_vectors(side, vectors)
    return (
        batch
        if others is None
        else batch.with_vectors(other(side), others[getattr(batch, other(side))])
    )


def _train(fitted: FittedModel) -> Batch:
    needs = fitted.features.needs() if fitted.features is not None else ()
    if needs:
        raise CapabilityError(
            f"{fitted.name} ({fitted.component}) looks at {' and '.join(needs)} of each rating, which is not kept with "
            "its training ratings; leave these features out"
        )
    return fitted.train.batch


def _slopes(
    fitted: FittedModel, side: str, vector: np.ndarray, others: np.ndarray | None
) -> np.ndarray:
    """Of the rating of an id of `side` with `vector` with each id of the other side, shape (n_others, width)."""
    n = len(fitted.catalogue.side(other(side)))
    codes = {other(side): np.arange(n), side: np.zeros(n, dtype=np.int64)}
    batch = placed(
        cfplug.Batch(codes["user"], codes["item"]), side, np.tile(vector, (n, 1)), others
    )
    return fitted.slopes(side, batch)[1]


def _start(learned: np.ndarray, ratings: Ratings) -> State:
    """The spread of the trained vectors, a little wider, so that no direction is ruled out."""
    width = learned.shape[1]
    spread = np.cov(learned.T).reshape(width, width) if len(learned) > 1 else np.eye(width)
    cov = spread + (0.01 * np.trace(spread) / width + 1e-6) * np.eye(width)
    return State(
        np.zeros(width), cov, np.full(len(ratings.slopes), np.mean(ratings.residual**2) + 1e-6)
    )


__all__ = ["Population", "Posterior", "expected", "placed", "population", "posterior", "refold"]
