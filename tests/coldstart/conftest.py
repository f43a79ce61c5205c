"""Build a small data set with known effects of metadata, and a model with the true vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import field, frozen

from cfplug import Batch, Context, Dataset, FittedModel, Newcomers
from cfplug.data.catalogue import Catalogue, Support
from cfplug.prediction.newcomers import KnownIds, newcomers_among

USERS, ITEMS = 90, 60
GROUPS = ("<b>baker</b>", "smith", "Käufer; 'x'")
GENRES = ("Drama", "a, b", "Film-Noir")


@frozen(eq=False)
class Vectors:
    """rating = 3 + <p, q> + b + c, where each vector is two factors and a bias."""

    of: dict[str, np.ndarray]

    def vectors(self, side: str) -> np.ndarray:
        return self.of[side]

    def predict(self, batch: Batch) -> np.ndarray:
        user, item = (
            self.of[side][codes] if batch.vector(side) is None else np.asarray(batch.vector(side))
            for side, codes in (("user", batch.user), ("item", batch.item))
        )
        rating: np.ndarray = 3.0 + (user[:, :2] * item[:, :2]).sum(axis=1) + user[:, 2] + item[:, 2]
        return rating


@frozen(eq=False)
class Town:
    """`dataset` has everybody's ratings; the model saw those of warm users for warm items only."""

    dataset: Dataset
    model: FittedModel
    cold: dict[str, list[Any]]

    def newcomers(self, pairs: pd.DataFrame, ratings: pd.DataFrame | None = None) -> Newcomers:
        """Return those of `pairs` that the model does not know."""
        model = self.model
        found = newcomers_among(KnownIds(model.catalogue, model.support, None), pairs)
        return found if ratings is None else Newcomers(found.users, found.items, ratings)

    def pairs(self, *new: str) -> pd.DataFrame:
        """Every pair of which exactly the sides `new` are cold."""
        ids = {
            side: self.cold[side]
            if side in new
            else [each for each in known if each not in self.cold[side]]
            for side in ("user", "item")
            for known in [self.model.catalogue.side(side).ids]
        }
        rows = [(user, item) for user in ids["user"] for item in ids["item"]]
        return pd.DataFrame(rows, columns=["user", "item"]).astype(object)

    def truth(self, pairs: pd.DataFrame) -> np.ndarray:
        """What the true vectors say of `pairs`."""
        rating: np.ndarray = self.model.predictor.predict(self.model.catalogue.encode(pairs))
        return rating


@frozen
class Plan:
    """Build one.

    `matters` is the share of the vectors' variance that metadata explains; `shuffle` permutes
        ids.
    """

    matters: float = 1.0
    seed: int = 0
    shuffle: int | None = None
    cold_rating: float | None = None
    users: int = field(default=USERS)
    items: int = field(default=ITEMS)


def built(plan: Plan) -> Town:
    rng = np.random.default_rng(plan.seed)
    tables = {"user": _people(plan.users, rng), "item": _films(plan.items, rng)}
    true = {side: _true(_columns(table), plan.matters, rng) for side, table in tables.items()}
    cold = {
        side: np.arange(n)[-n // 5 :] for side, n in (("user", plan.users), ("item", plan.items))
    }
    user, item = np.divmod(
        rng.choice(plan.users * plan.items, plan.users * plan.items // 2, replace=False), plan.items
    )
    rating = Vectors(true).predict(Batch(user, item)) + 0.3 * rng.normal(size=len(user))
    is_cold = np.isin(user, cold["user"]) | np.isin(item, cold["item"])
    if plan.cold_rating is not None:
        rating[is_cold] = plan.cold_rating
    ids = {side: table[side].to_numpy() for side, table in tables.items()}
    ratings = pd.DataFrame({"user": ids["user"][user], "item": ids["item"][item], "rating": rating})
    if plan.shuffle is not None:
        order = np.random.default_rng(plan.shuffle)
        rows = {side: order.permutation(len(table)) for side, table in tables.items()}
        tables = {
            side: table.iloc[rows[side]].reset_index(drop=True) for side, table in tables.items()
        }
        true = {side: vectors[rows[side]] for side, vectors in true.items()}
    dataset = Dataset.build(
        "town", ratings, tables["user"], tables["item"], roles={"users": {"group": "category"}}
    )
    return Town(
        dataset,
        _model(dataset, np.flatnonzero(~is_cold), true),
        {s: ids[s][cold[s]].tolist() for s in cold},
    )


def _model(dataset: Dataset, rows: np.ndarray, true: dict[str, np.ndarray]) -> FittedModel:
    catalogue = Catalogue.of(dataset)
    train = catalogue.interactions(dataset.ratings, rows)
    support = Support.of(train, ())
    known = Support(support.count, support.sum, support.levels, catalogue.which(train.batch))
    return FittedModel("town", "test/town", 0, ("vectors",), catalogue, known, Vectors(true))


def _people(n: int, rng: np.random.Generator) -> pd.DataFrame:
    age = rng.integers(9, 80, n).astype(float)
    age[[1, n - 1]] = np.nan
    return pd.DataFrame(
        {
            "user": [f"u {i} é" for i in range(n)],
            "group": rng.choice(GROUPS, n, p=[0.5, 0.3, 0.2]),
            "age": age,
        }
    )


def _films(n: int, rng: np.random.Generator) -> pd.DataFrame:
    genres = [tuple(np.array(GENRES)[rng.random(3) < 0.5].tolist()) for _ in range(n)]
    return pd.DataFrame(
        {
            "item": np.arange(n) * 7 + 3,
            "year": rng.integers(1920, 2000, n).astype(float),
            "genres": genres,
        }
    )


def _columns(table: pd.DataFrame) -> np.ndarray:
    """Metadata as z-scores, 0 where missing."""
    if "group" in table:
        columns = [table["group"] == group for group in GROUPS] + [
            table["age"].fillna(table["age"].mean())
        ]
    else:
        columns = [table["genres"].map(lambda each, g=genre: g in each) for genre in GENRES] + [
            table["year"]
        ]
    matrix = np.column_stack([column.to_numpy(dtype=float) for column in columns])
    scores: np.ndarray = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    return scores


def _true(columns: np.ndarray, matters: float, rng: np.random.Generator) -> np.ndarray:
    revealed = columns @ rng.normal(size=(columns.shape[1], 3)) / np.sqrt(columns.shape[1])
    own = rng.normal(size=revealed.shape)
    vectors: np.ndarray = 0.5 * (np.sqrt(matters) * revealed + np.sqrt(1 - matters) * own) + [
        0.4,
        -0.2,
        0.1,
    ]
    return vectors


@pytest.fixture(scope="session")
def town() -> Callable[..., Town]:
    """Makes a town; the same one for the same plan."""
    made: dict[Plan, Town] = {}

    def make(**plan: Any) -> Town:
        key = Plan(**plan)
        if key not in made:
            made[key] = built(key)
        return made[key]

    return make


@pytest.fixture(scope="session")
def quiet() -> Context:
    return Context(
        0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
    )
