"""Small data and models trained on it, on which cold-start strategies, analyzers, splits and metrics are tried."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.dataset import Dataset, Scale, Split
from cfplug.fitting import Fitted, arrays_of
from cfplug.plan import ModelUse
from cfplug.prediction import FittedModel
from cfplug.recipe import read_use
from cfplug.registry import Registry
from cfplug.testing.bench.workbench import Workbench
from cfplug.testing.contract import BrokenLawError

TAG = "x-hostile"
"""The element that a page has where it does not escape what the data holds."""

HOSTILE = f"<{TAG} onclick='no'>\"&amp; {{{{ 7 * 7 }}}} \u05e9\u05dc\u05d5\u05dd"
"""Text that a page must show as it is: a tag, an entity, quotes, a template, letters from right to left."""

GROUPS = ("baker", f"smith {HOSTILE}", "K\u00e4ufer; 'x'")
GENRES = ("Drama", "a, b", f"noir {HOSTILE}")
MODELS = (
    ("factors/pmf", "losses/mse"),
    ("factors/pmf", "losses/ordinal"),
    ("factors/pmf", "losses/cross-entropy"),
)
"""Models to try strategies and analyzers on, each with its loss; the first that gives what is needed is taken."""

FEW_FACTORS = ("factors=3",)
"""Parameters of those models: what is slow with many factors is tried on few."""


@frozen
class Plan:
    """How many users, items and ratings a town has, and what is known of them beside."""

    users: int = 37
    items: int = 29
    ratings: int = 440
    metadata: bool = True
    time: bool = True
    hostile: bool = True
    constant: bool = False
    seed: int = 0


def town(plan: Plan | None = None) -> Dataset:
    """A dataset of planted low rank on the scale 1 to 5: few items have most ratings, few users are active.

    With metadata of every role, some of it missing, in which a part of the signal lies, and two folds, u1 and u2.
    Whoever asks gets tables of his own.
    """
    return own_copy(_built(plan or Plan()))


@functools.lru_cache(maxsize=128)
def _built(plan: Plan) -> Dataset:
    rng = np.random.default_rng(plan.seed)
    tables = {"user": _people(plan, rng), "item": _films(plan, rng)}
    user, item = _pairs(plan, rng)
    ratings = pd.DataFrame(
        {
            "user": tables["user"]["user"].to_numpy()[user],
            "item": tables["item"]["item"].to_numpy()[item],
            "rating": np.full(len(user), 3.0) if plan.constant else _ratings(tables, user, item, rng),
        }
    )
    if plan.time:
        seconds = rng.permutation(len(user)) // 2 * 86_400
        ratings["time"] = np.datetime64("2001-02-03", "s") + seconds.astype("timedelta64[s]")
    if not plan.metadata:
        tables = {side: table[[side]] for side, table in tables.items()}
    given = {"users": {"group": "category"}, "items": {"title": "label", "plot": "text"}}
    roles = given if plan.metadata else None
    folds = _folds(len(ratings), rng)
    levels = (1.0, 2.0, 3.0, 4.0, 5.0)
    return Dataset.build(
        "town", ratings, tables["user"], tables["item"], roles=roles, scale=Scale(1, 5, levels), folds=folds
    )


def _people(plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    word = HOSTILE if plan.hostile else "user"
    ids = [f"{word} {each}" if each % 3 else 10**6 * each - 7 for each in range(plan.users)]
    age = rng.integers(9, 80, plan.users).astype(float)
    age[::7] = np.nan
    group = rng.choice(np.array(GROUPS, dtype=object), plan.users, p=[0.5, 0.3, 0.2])
    group[1::9] = None
    since = np.datetime64("1999-01-01", "s") + (rng.integers(0, 700, plan.users) * 86_400).astype("timedelta64[s]")
    return pd.DataFrame({"user": pd.Series(ids, dtype=object), "age": age, "group": group, "since": since})


def _films(plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    word = HOSTILE if plan.hostile else "film"
    genres = [tuple(np.array(GENRES, dtype=object)[rng.random(3) < 0.5].tolist()) for _ in range(plan.items)]
    year = rng.integers(1920, 2000, plan.items).astype(float)
    year[2::8] = np.nan
    return pd.DataFrame(
        {
            "item": rng.permutation(plan.items) * 7 + 3,
            "title": [f"{word} {each} ({1950 + each})" for each in range(plan.items)],
            "year": year,
            "genres": genres,
            "plot": [f"{word} meets {each}" for each in range(plan.items)],
        }
    )


def _pairs(plan: Plan, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Positions of users and items, each pair once; the further on an id stands, the fewer ratings it has."""
    weight = np.outer(1 / np.arange(2, plan.users + 2) ** 0.4, 1 / np.arange(2, plan.items + 2) ** 0.8).ravel()
    drawn = rng.choice(weight.size, min(plan.ratings, weight.size), replace=False, p=weight / weight.sum())
    user, item = np.divmod(drawn, plan.items)
    return user, item


def _ratings(
    tables: Mapping[str, pd.DataFrame], user: np.ndarray, item: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    signs = {
        "user": (tables["user"]["group"] == GROUPS[0]).to_numpy(dtype=float),
        "item": np.array([GENRES[0] in each for each in tables["item"]["genres"]], dtype=float),
    }
    factors = {side: np.column_stack([sign, rng.normal(0, 0.5, len(sign))]) for side, sign in signs.items()}
    bias = {side: 1.6 * (sign - 0.5) + rng.normal(0, 0.1, len(sign)) for side, sign in signs.items()}
    signal = 3 + (factors["user"][user] * factors["item"][item]).sum(axis=1) + bias["user"][user] + bias["item"][item]
    rating: np.ndarray = np.rint(signal + rng.normal(0, 0.4, len(user))).clip(1, 5)
    return rating


def _folds(n: int, rng: np.random.Generator) -> dict[str, Split]:
    if n < 2:
        return {}
    rows = rng.permutation(n)
    half = n // 2
    return {"u1": Split(np.sort(rows[half:]), np.sort(rows[:half])), "u2": Split(rows[:half], rows[half:])}


@frozen(eq=False)
class World:
    """A dataset, how it was split, and what a model made of the train part."""

    dataset: Dataset
    split: Split
    use: ModelUse
    fitted: Fitted

    @property
    def model(self) -> FittedModel:
        return self.fitted.model

    def fresh(self) -> World:
        """The same once more, with nothing in common that can be changed: neither tables nor weights."""
        model = self.fitted.model
        own = attrs.evolve(model, predictor=copy.deepcopy(model.predictor), worked_out={})
        fitted = attrs.evolve(self.fitted, model=own)
        return attrs.evolve(self, dataset=own_copy(self.dataset), split=copy.deepcopy(self.split), fitted=fitted)


def own_copy(dataset: Dataset) -> Dataset:
    """The same tables and folds once more, so that whoever changes them changes nobody else's."""
    ratings, users, items = (table.copy(deep=True) for table in dataset.tables().values())
    return attrs.evolve(dataset, ratings=ratings, users=users, items=items, folds=copy.deepcopy(dict(dataset.folds)))


@frozen
class Ask:
    """Which world: its town, its split (`random` or `cold`), and what the model must give."""

    plan: Plan = field(factory=Plan)
    split: str = "random"
    needs: tuple[str, ...] = ()
    unknown: str | None = None


_MADE: dict[tuple[tuple[str, ...], Ask], World] = {}
"""Worlds that were made before, by the plugins there are: training is what costs time. Only copies are given away."""


def world(registry: Registry, ask: Ask) -> World:
    """The world that is asked for; BrokenLawError if no model of cfplug's own gives what is needed."""
    key = (tuple(plugin.title for plugin in registry.plugins), ask)
    if key not in _MADE:
        _MADE[key] = _made(registry, ask)
    return _MADE[key].fresh()


def _made(registry: Registry, ask: Ask) -> World:
    dataset = town(ask.plan)
    split = cold_split(dataset) if ask.split == "cold" else random_split(dataset)
    for name, loss in MODELS:
        bench = Workbench(registry, loss=loss, train={"epochs": 8, "learning_rate": 0.05}, unknown=ask.unknown)
        entry = registry.find("model", name)
        use = bench.model_use(entry, read_use("model", name, set=FEW_FACTORS, registry=registry).params)
        if use.lack(ask.needs):
            continue
        fitted = bench.trained(use, dataset, split)
        if set(ask.needs) <= set(fitted.model.gives):
            return World(dataset, split, use, fitted)
    tried = ", ".join(f"{name} with {loss}" for name, loss in MODELS)
    raise BrokenLawError(
        f"it needs {' and '.join(ask.needs)}, and no model at hand gives all of that (tried: {tried}); "
        "declare in `needs` no more than it needs"
    )


def random_split(dataset: Dataset) -> Split:
    """A fifth of the ratings validates, and at least one; the others train, at least one of each id if that can be."""
    n = len(dataset.ratings)
    rows = np.random.default_rng(1).permutation(n)
    ratings = dataset.ratings.iloc[rows]
    only = ~(ratings.duplicated("user") & ratings.duplicated("item")).to_numpy()
    free = rows[~only] if (~only).any() else rows
    valid = np.sort(free[: max(1, n // 5)])
    return Split(np.setdiff1d(np.arange(n), valid), valid)


def cold_split(dataset: Dataset) -> Split:
    """Every sixth user and every sixth item is a newcomer: of their ratings some are support, the others validate."""
    cold = {side: dataset.ratings[side].isin(ids).to_numpy() for side, ids in newcomers_of(dataset).items()}
    rows = np.arange(len(dataset.ratings))
    warm = ~cold["user"] & ~cold["item"]
    one = cold["user"] ^ cold["item"]
    support = rows[one & (rows % 2 == 0)]
    return Split(rows[warm], np.setdiff1d(rows[~warm], support), support=support)


def newcomers_of(dataset: Dataset) -> dict[str, list[Any]]:
    """The ids of either side that training never sees where a world is split `cold`."""
    return {
        side: [each for place, each in enumerate(table[side].tolist()) if place % 6 == 2]
        for side, table in (("user", dataset.users), ("item", dataset.items))
    }


def pairs_of(users: Sequence[Any], items: Sequence[Any]) -> pd.DataFrame:
    """Every pair of one of `users` and one of `items`."""
    rows = [(user, item) for user in users for item in items]
    return pd.DataFrame(rows, columns=["user", "item"]).astype(object)


def arrays_in(model: FittedModel) -> dict[str, np.ndarray]:
    """A copy of all that a model learned and of the ratings that its catalogue knows."""
    names = ("rated_user", "rated_item", "rated_rating")
    known = {f"catalogue.{name}": getattr(model.catalogue, name) for name in names}
    return {name: np.array(array) for name, array in {**arrays_of(model), **known}.items()}
