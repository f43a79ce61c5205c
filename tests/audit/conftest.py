"""A small data set with metadata on both sides, and a model of it with known biases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cfplug_factors.baselines import Offsets

from cfplug import Context, DataError, Dataset, FittedModel, Split
from cfplug.data.catalogue import Catalogue, Support
from cfplug.prediction.evidence import Evidence

GENRES = ("Action", "Drama", "<script>alert(1)</script>", "Anime")


def made(
    users: int = 23,
    items: int = 31,
    ratings: int = 300,
    seed: int = 0,
    plain: bool = False,
    held_out: int = 40,
) -> FittedModel:
    """Return a model of random ratings, without metadata if `plain`.

    Item 1 has no genre, and user 1 no age.
    """
    rng = np.random.default_rng(seed)
    pairs = rng.choice(users * items, ratings, replace=False)
    rated = pd.DataFrame({"user": pairs // items + 1, "item": pairs % items + 1})
    rated["rating"] = rng.integers(1, 6, ratings).astype(float)
    people = pd.DataFrame({"user": np.arange(1, users + 1)})
    films = pd.DataFrame(
        {"item": np.arange(1, items + 1), "title": [f"{{{{ {i} }}}} & %s" for i in range(items)]}
    )
    if not plain:
        people["gender"] = rng.choice(["F", "M"], users, p=[0.3, 0.7])
        people["age"] = [np.nan, *rng.integers(10, 70, users - 1)]
        genres = [tuple(np.array(GENRES)[rng.random(4) < 0.4].tolist()) for _ in range(items)]
        films["genres"] = pd.Series([(), *genres[1:]], dtype=object)
    dataset = Dataset.build("world", rated, people, films)
    split = Split(np.arange(ratings - held_out), np.arange(ratings - held_out, ratings))
    return fitted_on(dataset, split, rng)


def fitted_on(dataset: Dataset, split: Split, rng: np.random.Generator) -> FittedModel:
    catalogue = Catalogue.of(dataset)
    train = catalogue.interactions(dataset.ratings, split.train)
    offsets = Offsets(
        3.0, rng.normal(size=len(catalogue.user)), rng.normal(size=len(catalogue.item))
    )
    part = dataset.ratings.iloc[split.valid].reset_index(drop=True)
    codes = catalogue.encode(part)
    shown = part.assign(
        prediction=3.0 + offsets.user[codes.user] + offsets.item[codes.item], origin="warm"
    )
    empty = pd.DataFrame()
    evidence = Evidence(dataset, split, "valid", shown, None, empty, empty)
    support = Support.of(train, dataset.scale.levels)
    return FittedModel(
        "toy", "test/toy", 0, ("biases",), catalogue, support, offsets, evidence=evidence
    )


@pytest.fixture(scope="session")
def make() -> Callable[..., FittedModel]:
    return made


@pytest.fixture(scope="session")
def fit() -> Callable[..., FittedModel]:
    return fitted_on


@pytest.fixture
def no_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every model looked at a column that pairs lack, so that it can make no lists."""

    def refuse(*_: object) -> np.ndarray:
        raise DataError("pairs need a column called mood, which the model looks at")

    monkeypatch.setattr(FittedModel, "top", refuse)


@pytest.fixture(scope="session")
def context() -> Callable[[int], Context]:
    def quiet(seed: int = 0) -> Context:
        return Context(
            seed,
            np.random.default_rng(seed),
            "cpu",
            Path(),
            lambda done, message: None,
            lambda line: None,
        )

    return quiet
