"""Interview new users about items, and fold their answers in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from attrs import frozen

from cfplug.prediction.vectors import ByVectors
from cfplug_coldstart import FoldIn
from cfplug_coldstart.fold_in import FoldInPredictor, SidePosterior, SidePrior, fold_in, side_prior
from cfplug_coldstart.interview_model import (
    Answers,
    JointPrior,
    joint_posterior,
    joint_prior,
    most_rated,
)
from cfplug_coldstart.item_selection import by_variance, gains, greedy, importance
from cfplug_coldstart.trained_ids import ratings_at

if TYPE_CHECKING:
    from cfplug import Context, FittedModel, Newcomers
    from cfplug_coldstart import Interview


@frozen(eq=False)
class InterviewPlan:
    """What an interviewer learned from training.

    `order` (m,) are the places of the candidates in the order in which they are asked; None where
    that depends on the answers. `weight` (width, width) is how much an error in the vector matters.
    `base` (n_items,) are the predictions for a user without answers and metadata.
    """

    learned: SidePrior
    joint: JointPrior
    order: np.ndarray | None
    weight: np.ndarray
    base: np.ndarray


@frozen(eq=False)
class Interviewer:
    """Asks about one item after the other."""

    fitted: FittedModel
    plan: InterviewPlan

    def next(self, answers: Mapping[Any, float | None]) -> Any:
        """Return the id of the item to ask about next; None if there is none left.

        Args:
            answers: The rating of each item asked about so far, None for "not seen".
        """
        place = self._next(answers)
        if place is None:
            return None
        code = self.plan.joint.items[[place]]
        return self.fitted.catalogue.item.decode(code)[0]

    def _next(self, answers: Mapping[Any, float | None]) -> int | None:
        plan, joint = self.plan, self.plan.joint
        items = self.fitted.catalogue.item.encode(list(answers))
        left = ~np.isin(joint.items, items)
        if not left.any():
            return None
        if plan.order is not None:
            return int(plan.order[left[plan.order]][0])
        values = [math.nan if each is None else each for each in answers.values()]
        ratings = np.array(values, dtype=np.float64)
        known = self.fitted.support.trained("item", items)
        items, ratings = items[known], ratings[known]
        belief = joint_posterior(joint, _answers(joint, items, ratings - plan.base[items]))
        return int(np.argmax(np.where(left, gains(joint, belief, plan.weight), -np.inf)))


@frozen(eq=False)
class NormalVectors:
    """Normal distributions of n vectors: `mean` (n, width) and `cov` (n, width, width)."""

    mean: np.ndarray
    cov: np.ndarray

    def variance(self, rows: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """Return x' C x for vectors `rows` (m,) and x of `slopes` (m, width), shape (m,)."""
        return np.asarray((self.times(rows, slopes) * slopes).sum(axis=1).clip(min=0))

    def times(self, rows: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return C x for vectors `rows` (m,) and `x` (m, width), shape (m, width)."""
        product: np.ndarray = np.einsum("mij,mj->mi", self.cov[rows], x)
        return product


def ask(params: Interview, fitted: FittedModel, context: Context) -> Interviewer:
    """Return questions about the most rated items, in a fixed order or by the answers so far."""
    return Interviewer(fitted, _plan(params, fitted))


def interview(
    params: Interview, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> FoldInPredictor:
    """Return what fold-in does, but use which candidates a new user has seen as evidence too."""
    folded = fold_in(_as_fold_in(params), fitted, newcomers, context)
    if "user" not in folded.sides:
        return folded
    users = _interviewed(_plan(params, fitted), fitted, newcomers)
    return attrs.evolve(folded, sides={**folded.sides, "user": users})


def _interviewed(plan: InterviewPlan, fitted: FittedModel, newcomers: Newcomers) -> SidePosterior:
    """Return the posterior of the new users' vectors after their answers."""
    joint = plan.joint
    prior, described = plan.learned.prior(newcomers.users)
    mean, width = prior + joint.shift, joint.width
    cov = np.tile(joint.cov[:width, :width], (len(mean), 1, 1))
    rows, items, residual = _given(fitted, newcomers, mean)
    answered = np.zeros(len(mean), dtype=bool)
    for row in np.unique(rows):
        own = rows == row
        answers = _answers(joint, items[own], residual[own])
        belief = joint_posterior(joint, answers)
        mean[row] += belief.moved[:width]
        cov[row] = belief.cov[:width]
        answered[row] = len(answers.items) > 0 or (joint.evidence and len(answers.places) > 0)
    return SidePosterior(plan.learned, NormalVectors(mean, cov), described, answered)


def _given(
    fitted: FittedModel, newcomers: Newcomers, mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the n answers about trained items: the user's row, the item's code, the residual.

    The residual is the rating less the prediction at the user's `mean`; NaN for "not seen". Shapes
    (n,).
    """
    rows = newcomers.places("user", newcomers.ratings["user"])
    items = fitted.catalogue.item.encode(newcomers.ratings["item"])
    used = (rows >= 0) & fitted.support.trained("item", items)
    given, rows, items = newcomers.ratings[used], rows[used], items[used]
    if not len(given):
        return rows, items, np.zeros(0)
    batch = ByVectors(fitted, newcomers, {"user": mean}).batch(given)
    return rows, items, given["rating"].to_numpy(dtype=np.float64) - fitted.predictor.predict(batch)


def _answers(joint: JointPrior, items: np.ndarray, residual: np.ndarray) -> Answers:
    """Return answers about `items`, codes of shape (a,); `residual` (a,) is NaN for "not seen"."""
    here, seen = items[:, None] == joint.items, ~np.isnan(residual)
    asked = here.any(axis=1)
    places = here.argmax(axis=1)[asked]
    return Answers(places, seen[asked].astype(np.float64), items[seen], residual[seen])


def _as_fold_in(params: Interview) -> FoldIn:
    return FoldIn(prior=params.prior, columns=params.columns)


def _plan(params: Interview, fitted: FittedModel) -> InterviewPlan:
    key = ("cfplug-coldstart interview", params)
    found: InterviewPlan = fitted.once(key, lambda: _learn(params, fitted))
    return found


def _learn(params: Interview, fitted: FittedModel) -> InterviewPlan:
    learned = side_prior(_as_fold_in(params), fitted, "user")
    known, items = learned.population, most_rated(fitted, params.candidates)
    joint = joint_prior(fitted, known, items, params.answerable, evidence=params.not_seen)
    weight = importance(fitted, known.slopes)
    base, _ = ratings_at(fitted, "user", known.mean + joint.shift)
    return InterviewPlan(learned, joint, _order(params.choose, fitted, joint, weight), weight, base)


def _order(
    choose: str, fitted: FittedModel, joint: JointPrior, weight: np.ndarray
) -> np.ndarray | None:
    """Return the places of the candidates as a fixed list; None where the answers decide."""
    if choose == "adaptive":
        return None
    if choose == "popular":
        return np.arange(len(joint.items))
    if choose == "variance":
        return by_variance(fitted, joint.items)
    return greedy(joint, weight)
