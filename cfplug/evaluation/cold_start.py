"""Cold-start strategies tried on newcomers: each reveals some ratings, and all others are predicted."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import attrs
import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.data.dataset import Dataset, Split
from cfplug.data.vocabulary import SIDES, Side
from cfplug.errors import DataError, PluginError
from cfplug.plugin.components import ColdStart, Context
from cfplug.prediction.fitted_model import FittedModel, Policy
from cfplug.prediction.newcomers import Newcomers
from cfplug.prediction.predictions import Predictions
from cfplug.recipe.recipe import Use

NORMAL_90 = 1.6448536269514722
"""Half the width of an interval that covers 90 % of a normal distribution, in standard deviations."""

OUTCOMES = (
    *("model", "seed", "fold", "cold_start", "revealed", "newcomer"),
    *("ratings", "squared_error", "floor", "covered"),
)
"""The columns of outcomes: one row for each newcomer, strategy and number of revealed ratings.

`ratings` is how many ratings of the newcomer were predicted, `squared_error` the sum of their
squared errors, `floor` that of the mean of all training ratings, `covered` how many lay within
their 90 % interval, NaN where none is given. """


class Interview(Protocol):
    """What `ask` of a cold-start strategy gives."""

    def next(self, answers: Mapping[Any, float | None]) -> Any:
        """The id of the item to ask about next; None if there is none left.

        `answers` has the answer to each question so far: a rating, or None for an item that was not
        seen."""


@frozen(eq=False)
class Bench:
    """The newcomers of one fold: what they may reveal, and the ratings that are to be predicted."""

    model: FittedModel
    dataset: Dataset
    split: Split

    @functools.cached_property
    def query(self) -> pd.DataFrame:
        """The ratings that are to be predicted."""
        return self.dataset.ratings.iloc[self.split.valid].reset_index(drop=True)

    @functools.cached_property
    def pool(self) -> pd.DataFrame:
        """What newcomers may reveal, in the order in which they do."""
        rows = self.split.support
        return self.dataset.ratings.iloc[[] if rows is None else rows].reset_index(drop=True)

    @functools.cached_property
    def side(self) -> Side:
        """Who is new: `item` where items alone are, else `user`; DataError where some pair has neither."""
        for side in SIDES:
            if self._cold(side, self.query).all():
                return side
        raise DataError(
            "cold_starts are tried on newcomers, and the split holds out ratings of users and items that training "
            "knows; split by cold-users, cold-items or cold-both"
        )

    def _cold(self, side: Side, pairs: pd.DataFrame) -> np.ndarray:
        return ~self.model.support.trained(
            side, self.model.catalogue.side(side).encode(pairs[side])
        )

    def revealed(self, n: int) -> pd.DataFrame:
        """The first `n` ratings that each newcomer reveals, but for those of which training knows neither side."""
        cold = {side: self._cold(side, self.pool) for side in SIDES}
        wanted = np.zeros(len(self.pool), dtype=bool)
        for side in SIDES:
            wanted |= cold[side] & (self.pool.groupby(side).cumcount().to_numpy() < n)
        shown: pd.DataFrame = self.pool.loc[wanted & ~(cold["user"] & cold["item"])]
        return shown

    def interviewed(self, interview: Interview, most: int) -> pd.DataFrame:
        """What each new user answers to the first `most` questions: user, item, rating (NaN: not seen), in order."""
        answers = [
            (user, item, np.nan if rating is None else rating)
            for user, known in self._known_to_users().items()
            for item, rating in conversation(self.model, interview, known.get, most)
        ]
        return pd.DataFrame(answers, columns=["user", "item", "rating"])

    def _known_to_users(self) -> dict[Any, dict[Any, float]]:
        """What each new user would answer, by item."""
        known: dict[Any, dict[Any, float]] = {
            user: {} for user in self.query["user"].drop_duplicates()
        }
        for user, item, rating in self.pool[["user", "item", "rating"]].itertuples(
            index=False, name=None
        ):
            known.setdefault(user, {})[item] = rating
        return known

    def newcomers(self, ratings: pd.DataFrame) -> Newcomers:
        """All newcomers of the fold, with what the catalogue says of them and the ratings that they reveal."""
        return self.model.newcomers(ratings=ratings)

    def outcome(self, answers: Predictions) -> pd.DataFrame:
        """How good `answers` to the query are, one row for each newcomer."""
        truth = self.query["rating"].to_numpy()
        error = truth - answers.rating
        spread = np.full(len(truth), np.nan) if answers.deviation is None else answers.deviation
        inside = np.where(np.isnan(spread), np.nan, np.abs(error) <= NORMAL_90 * spread)
        rows = pd.DataFrame(
            {
                "newcomer": self.query[self.side].astype(str),
                "ratings": 1,
                "squared_error": error**2,
                "floor": (truth - self.model.support.mean) ** 2,
                "covered": inside,
            }
        )
        return rows.groupby("newcomer", sort=False).sum(skipna=False).reset_index()


def question(model: FittedModel, interview: Interview, answers: Mapping[Any, float | None]) -> Any:
    """The item to ask about next, None if there is none left.

    PluginError for one that was asked about before, or that training never saw: its rating would
    say nothing."""
    item = interview.next(dict(answers))
    if item is None:
        return None
    if item in answers:
        raise PluginError(f"the interview asks about {item!r} again")
    if not model.support.trained("item", model.catalogue.item.encode([item])).all():
        raise PluginError(f"the interview asks about {item!r}, of which training saw no rating")
    return item


def conversation(
    model: FittedModel, interview: Interview, answer: Callable[[Any], float | None], most: int
) -> Iterator[tuple[Any, float | None]]:
    """At most `most` questions with their answers, as `question` has them."""
    answers: dict[Any, float | None] = {}
    while len(answers) < most and (item := question(model, interview, answers)) is not None:
        answers[item] = answer(item)
        yield item, answers[item]


def tried(
    bench: Bench, use: Use[ColdStart], policy: Policy, reveal: Sequence[int], context: Context
) -> pd.DataFrame:
    """The outcomes of one strategy, for every number of revealed ratings or, if it asks, of questions."""
    component = use.component
    model = attrs.evolve(bench.model, policy=policy)
    asked = None
    if component.ask is not None and bench.side == "user":
        interview = component.function("ask")(use.params, model, context)
        if not callable(getattr(interview, "next", None)):
            raise PluginError(f"ask gave {type(interview).__name__}, which has no next")
        asked = bench.interviewed(interview, max(reveal))
    outcomes = []
    for n in reveal:
        ratings = (
            bench.revealed(n) if asked is None else asked[asked.groupby("user").cumcount() < n]
        )
        outcome = bench.outcome(model.answer(bench.query, newcomers=bench.newcomers(ratings)))
        outcomes.append(outcome.assign(revealed=n))
    rows = pd.concat(outcomes, ignore_index=True)
    rows = rows.assign(model=model.name, seed=model.seed, fold=model.fold, cold_start=use.name)
    return rows[list(OUTCOMES)]
