"""AnswerEncoder to a newcomer about items, and what the answers say of that user."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from attrs import frozen

import cfplug
from cfplug_coldstart import FoldIn
from cfplug_coldstart.fold_in import FoldInPredictor, Side, SidePrior, fold_in, learned_of
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
    """What an interviewer learned from training: whom to expect, what to ask.

    `order` (m,) are the places of the candidates in the order in which they are asked; None where
    that depends on the answers. `weight` (width, width) is how much an error in the vector matters.
    `base` (n_items,) are the ratings of a user of whom nothing is known."""

    learned: SidePrior
    joint: JointPrior
    order: np.ndarray | None
    weight: np.ndarray
    base: np.ndarray


@frozen(eq=False)
class Interviewer:
    """Asks about one item after the other."""

    fitted: FittedModel
    guide: InterviewPlan

    def next(self, answers: Mapping[Any, float | None]) -> Any:
        """The id of the item to ask about next; None if there is none left.

        `answers` has the rating of each item asked about so far, None for one that was not seen.
        """
        place = self._next(answers)
        return (
            None
            if place is None
            else self.fitted.catalogue.item.decode(self.guide.joint.items[[place]])[0]
        )

    def _next(self, answers: Mapping[Any, float | None]) -> int | None:
        items = self.fitted.catalogue.item.encode(list(answers))
        left = ~np.isin(self.guide.joint.items, items)
        if not left.any():
            return None
        if self.guide.order is not None:
            return int(self.guide.order[left[self.guide.order]][0])
        ratings = np.array(
            [math.nan if each is None else each for each in answers.values()], dtype=np.float64
        )
        known = self.fitted.support.trained("item", items)
        items, ratings = items[known], ratings[known]
        belief = joint_posterior(
            self.guide.joint, _answers(self.guide.joint, items, ratings - self.guide.base[items])
        )
        return int(
            np.argmax(np.where(left, gains(self.guide.joint, belief, self.guide.weight), -np.inf))
        )


@frozen(eq=False)
class NormalVectors:
    """What is known of n vectors: their `mean` (n, width), and their covariances `cov` (n, width, width)."""

    mean: np.ndarray
    cov: np.ndarray

    def variance(self, rows: np.ndarray, slopes: np.ndarray) -> np.ndarray:
        """x' C x for vectors `rows` (m,) and x of `slopes` (m, width), shape (m,)."""
        return np.asarray((self.times(rows, slopes) * slopes).sum(axis=1).clip(min=0))

    def times(self, rows: np.ndarray, x: np.ndarray) -> np.ndarray:
        """C x for vectors `rows` (m,) and `x` (m, width), shape (m, width)."""
        product: np.ndarray = np.einsum("mij,mj->mi", self.cov[rows], x)
        return product


def ask(params: Interview, fitted: FittedModel, context: Context) -> Interviewer:
    """AnswerEncoder about the most rated items, in a fixed order or as the answers suggest."""
    return Interviewer(fitted, _guide(params, fitted))


def interview(
    params: Interview, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> FoldInPredictor:
    """As fold-in, but a new user's rating of a candidate, and "not seen", tell by what they have seen too."""
    folded = fold_in(_as_fold_in(params), fitted, newcomers, context)
    if "user" not in folded.sides:
        return folded
    return attrs.evolve(
        folded,
        sides={**folded.sides, "user": _interviewed(_guide(params, fitted), fitted, newcomers)},
    )


def _interviewed(guide: InterviewPlan, fitted: FittedModel, newcomers: Newcomers) -> Side:
    """What the new users' answers say of each."""
    prior, told = guide.learned.prior(newcomers.users)
    mean, width = prior + guide.joint.shift, guide.joint.width
    cov = np.tile(guide.joint.cov[:width, :width], (len(mean), 1, 1))
    rows, items, residual = _given(fitted, newcomers, mean)
    answered = np.zeros(len(mean), dtype=bool)
    for row in np.unique(rows):
        own = rows == row
        answers = _answers(guide.joint, items[own], residual[own])
        belief = joint_posterior(guide.joint, answers)
        mean[row] += belief.moved[:width]
        cov[row] = belief.cov[:width]
        answered[row] = len(answers.items) > 0 or (guide.joint.evidence and len(answers.places) > 0)
    return Side(guide.learned, NormalVectors(mean, cov), told, answered)


def _given(
    fitted: FittedModel, newcomers: Newcomers, mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each answer about an item that training saw: which newcomer, the item's code, the rating less what the model
    says at the newcomer's `mean`; NaN where it was not seen. Shapes (n,)."""
    rows = newcomers.places("user", newcomers.ratings["user"])
    items = fitted.catalogue.item.encode(newcomers.ratings["item"])
    said = (rows >= 0) & fitted.support.trained("item", items)
    given, rows, items = newcomers.ratings[said], rows[said], items[said]
    if not len(given):
        return rows, items, np.zeros(0)
    batch = cfplug.ByVectors(fitted, newcomers, {"user": mean}).batch(given)
    return rows, items, given["rating"].to_numpy(dtype=np.float64) - fitted.predictor.predict(batch)


def _answers(joint: JointPrior, items: np.ndarray, residual: np.ndarray) -> Answers:
    """Answers about `items`, codes of shape (a,); `residual` (a,) is NaN for what was not seen."""
    here, seen = items[:, None] == joint.items, ~np.isnan(residual)
    asked = here.any(axis=1)
    return Answers(
        here.argmax(axis=1)[asked], seen[asked].astype(np.float64), items[seen], residual[seen]
    )


def _as_fold_in(params: Interview) -> FoldIn:
    return FoldIn(prior=params.prior, columns=params.columns)


def _guide(params: Interview, fitted: FittedModel) -> InterviewPlan:
    found: InterviewPlan = fitted.once(
        ("cfplug-coldstart interview", params), lambda: _learn(params, fitted)
    )
    return found


def _learn(params: Interview, fitted: FittedModel) -> InterviewPlan:
    known = learned_of(_as_fold_in(params), fitted, "user")
    population, items = known.population, most_rated(fitted, params.candidates)
    both = joint_prior(fitted, population, items, params.answerable, evidence=params.not_seen)
    weight = importance(fitted, population.slopes)
    base, _ = ratings_at(fitted, "user", population.mean + both.shift)
    return InterviewPlan(known, both, _order(params.choose, fitted, both, weight), weight, base)


def _order(choose: str, fitted: FittedModel, both: JointPrior, weight: np.ndarray) -> np.ndarray | None:
    """The places of the candidates in the order of a fixed list; None where the answers decide."""
    if choose == "adaptive":
        return None
    if choose == "popular":
        return np.arange(len(both.items))
    return by_variance(fitted, both.items) if choose == "variance" else greedy(both, weight)
