"""Train one model on one dataset, without a recipe, a run folder or a word: what laws about models are held against."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.components import Context, Model
from cfplug.dataset import Dataset, Split
from cfplug.encoding import Catalogue
from cfplug.errors import Place
from cfplug.fitting import Fitted, Task, fit
from cfplug.plan import ModelUse, Use
from cfplug.prediction import FittedModel
from cfplug.recipe import read_use
from cfplug.registry import Entry, Registry
from cfplug.selection import learn
from cfplug.settings import FeatureChoice, TrainSettings
from cfplug.storage import policy
from cfplug.training import Watch, seed_for

EVERYTHING = FeatureChoice(user=("all",), item=("all",), time=(), context=())
"""What a model looks at that looks at features: all that is known of users and items."""


def use_of(entry: Entry, params: Any) -> Use:
    """A component with its parameters, as a recipe would name it."""
    component = entry.component
    return Use(component.name, entry.full_name, component, params, entry.plugin.title, Place("a contract check"))


def quiet(seed: int, step: str = "check") -> Context:
    """The context of a step that nobody watches; the same `seed` and `step` give the same random numbers."""
    rng = np.random.default_rng(seed_for(seed, step))
    return Context(seed, rng, "cpu", Path(tempfile.gettempdir()), lambda done, message: None, lambda text: None)


@frozen(eq=False)
class Workbench:
    """How models are trained on it: the loss and the settings of those that learn by gradient, and the policy.

    `unknown` names the cold-start strategy that answers for unknown ids; None is the policy `error`. `registry` is
    where loss and strategy come from.
    """

    registry: Registry
    loss: str = "losses/mse"
    train: Mapping[str, Any] = {}
    unknown: str | None = None
    seed: int = 0

    def model_use(self, entry: Entry, params: Any, loss: Use | None = None) -> ModelUse:
        """A model with what a recipe says beside it."""
        model = cast(Model, entry.component)
        features = EVERYTHING if model.uses_features else None
        if not model.learns_by_gradient:
            return ModelUse(use_of(entry, params), None, None, features)
        loss = loss or read_use("loss", self.loss, registry=self.registry)
        settings = TrainSettings(**{"epochs": 2, "batch_size": 16, **self.train})
        return ModelUse(use_of(entry, params), loss, settings, features)

    def fitted(self, use: ModelUse, dataset: Dataset, split: Split) -> FittedModel:
        """The model after training on the train part of `split`; its valid part is what it is watched on."""
        return self.trained(use, dataset, split).model

    def trained(self, use: ModelUse, dataset: Dataset, split: Split) -> Fitted:
        """The same with what each epoch gave."""
        return fit(self.task(use, dataset, split), Watch())

    def task(self, use: ModelUse, dataset: Dataset, split: Split) -> Task:
        """What such a model gets to see, before it is built."""
        catalogue = Catalogue.of(dataset)
        features = learn(use.features, dataset, split.train)[0] if use.features else None
        seen, held = (
            part if features is None else features.attached(part, dataset.ratings, rows)
            for rows in (split.train, split.valid)
            for part in [catalogue.interactions(dataset.ratings, rows)]
        )
        strategy = read_use("cold-start", self.unknown, registry=self.registry) if self.unknown else None
        policies = policy(strategy, quiet(self.seed)) if strategy else None
        context = quiet(self.seed, f"train {use.name}")
        return Task(use, catalogue, seen, held, dataset.scale, policies, context, features)


def all_pairs(dataset: Dataset, rows: np.ndarray) -> pd.DataFrame:
    """Every pair of a user and an item of the ratings in `rows`, and columns of context from the first of them."""
    known = dataset.ratings.iloc[rows]
    users, items = known["user"].drop_duplicates(), known["item"].drop_duplicates()
    pairs = pd.merge(users.to_frame(), items.to_frame(), how="cross")
    others = [column for column in known.columns if column not in ("user", "item", "rating")]
    return pairs.assign(**{column: known[column].iloc[0] for column in others})
