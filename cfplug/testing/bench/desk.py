"""Where cold-start strategies are asked: a model that was trained on warm ids alone, and newcomers of every kind."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from typing import Any, cast

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.answers import Predictions
from cfplug.components import ColdStart
from cfplug.encoding import SIDES, Catalogue
from cfplug.prediction import FittedModel
from cfplug.storage import policy
from cfplug.testing.bench.surroundings import shaken
from cfplug.testing.bench.workbench import quiet, use_of
from cfplug.testing.bench.worlds import Ask, World, newcomers_of, pairs_of, world
from cfplug.testing.contract import BrokenLawError, Subject

STRANGERS: Mapping[str, tuple[Any, ...]] = {"user": ("a stranger", "'; another <b>"), "item": (900_001, -900_002)}
"""Ids that the catalogue does not have."""


class NoAnswerError(BrokenLawError):
    """The strategy was asked and gave no answers that a run could use."""


@frozen(eq=False)
class Desk:
    """A model that was trained on warm ids alone, and the strategy, asked about newcomers.

    Every question is asked of a model of its own; what strategies keep with `fitted.once` is shared by those of a desk.
    """

    subject: Subject
    world: World
    worked_out: dict[Any, Any] = field(factory=dict)

    @functools.cached_property
    def cold(self) -> dict[str, list[Any]]:
        return newcomers_of(self.world.dataset)

    @functools.cached_property
    def warm(self) -> dict[str, list[Any]]:
        """The ids that training saw, those with most ratings first."""
        trained = self.world.dataset.ratings.iloc[self.world.split.train]
        return {side: trained[side].value_counts().index.tolist() for side in SIDES}

    def model(self) -> FittedModel:
        """The model with the strategy, its weights in nobody else's hands."""
        assert self.subject.entry is not None
        own = copy.deepcopy(self.world.model.predictor)
        strategy = policy(use_of(self.subject.entry, self.subject.params), quiet(0))
        return attrs.evolve(self.world.model, predictor=own, policy=strategy, worked_out=self.worked_out)

    def pairs(self) -> pd.DataFrame:
        """Pairs of every kind: with a new user, with a new item, with both, some twice, in no order."""
        kinds = [
            pairs_of(self.cold["user"][:3], self.warm["item"][:4]),
            pairs_of(self.warm["user"][:4], self.cold["item"][:2]),
            pairs_of(self.cold["user"][1:3], self.cold["item"][:2]),
        ]
        rows = pd.concat([*kinds, kinds[0].iloc[[1, 5]]], ignore_index=True)
        return rows.iloc[np.random.default_rng(0).permutation(len(rows))].reset_index(drop=True)

    def revealed(self) -> pd.DataFrame:
        """What newcomers reveal: ratings by new users of items that training knows, and the other way round."""
        support = self.world.split.support
        ratings: pd.DataFrame = self.world.dataset.ratings.iloc[[] if support is None else support]
        return ratings[["user", "item", "rating"]].reset_index(drop=True)

    def answer(self, pairs: pd.DataFrame, ratings: pd.DataFrame | None = None) -> Predictions:
        """What is said of `pairs`, where newcomers have revealed `ratings`; whatever goes wrong breaks the law."""
        return said_of(self.model(), pairs, ratings)


def said_of(model: FittedModel, pairs: pd.DataFrame, ratings: pd.DataFrame | None = None) -> Predictions:
    with shaken(0):
        known = None if ratings is None else model.newcomers(ratings=ratings)
        try:
            return model.answer(pairs, newcomers=known)
        except Exception as error:
            count = "no" if ratings is None else len(ratings)
            raise NoAnswerError(
                f"asked for {len(pairs)} pairs with newcomers of whom {count} ratings are known, it failed: "
                f"{type(error).__name__}: {error}"
            ) from error


def desk(subject: Subject, *needs: str) -> Desk:
    """A desk for the strategy, with a model that gives what it needs and `needs`."""
    wanted = dict.fromkeys((*component_of(subject).needs, *needs))
    return Desk(subject, world(subject.registry, Ask(split="cold", needs=tuple(wanted))))


def component_of(subject: Subject) -> ColdStart:
    return cast(ColdStart, subject.component)


def without(known: Catalogue, rows: np.ndarray) -> Catalogue:
    names = ("rated_user", "rated_item", "rated_rating")
    return attrs.evolve(known, **{name: getattr(known, name)[~rows] for name in names})
