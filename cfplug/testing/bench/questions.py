"""What models are asked while laws are held, and what they are trained on before; the same each time."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import torch
from hypothesis import given

from cfplug.dataset import Dataset, Split
from cfplug.encoding import SIDES
from cfplug.prediction import FittedModel
from cfplug.testing.contract import law_settings
from cfplug.testing.strategies.planting import planted
from cfplug.testing.strategies.tables import datasets_with_splits

MOST = 48
"""So many pairs are asked about, evenly taken from all."""

DRAWN = 20
"""So many datasets are drawn; laws about models are held against some of them, from the smallest to the largest."""


@functools.cache
def cases(number: int) -> tuple[tuple[Dataset, Split], ...]:
    """Datasets with a split whose held-out ids train too, the smallest first: the same for every law and model.

    To draw them takes longer than to train a small model. That they are not drawn for each law anew costs the search
    for a smaller example, for which a law would train many models. The last one is not drawn: it has something of
    everything, so that what a law finds does not hang on luck alone.
    """
    found: list[tuple[Dataset, Split]] = []

    @law_settings(DRAWN)
    @given(datasets_with_splits(warm=True))
    def collect(case: tuple[Dataset, Split]) -> None:
        found.append(case)

    collect()
    ordered = sorted(found, key=lambda case: len(case[0].ratings))
    places = np.unique(np.linspace(0, len(ordered) - 1, number - 1).astype(int))
    return (*(ordered[place] for place in places), _sure())


def _sure() -> tuple[Dataset, Split]:
    """A dataset in which every user and item has several ratings of several values; each fifth is held out."""
    dataset = planted(users=13, items=8, ratings=70, whole=True).dataset
    rows = np.arange(len(dataset.ratings))
    held = rows % 5 == 4
    for side in SIDES:
        held &= dataset.ratings[side].isin(dataset.ratings[side][~held]).to_numpy()
    return dataset, Split(rows[~held], rows[held])


def asked(model: FittedModel, most: int = MOST) -> pd.DataFrame:
    """Pairs of users and items that training saw, in the order of the catalogue, with the columns user and item."""
    ids = {}
    for side in SIDES:
        vocabulary = model.catalogue.side(side)
        ids[side] = pd.Series(vocabulary.decode(np.flatnonzero(model.support.count[side])), name=side)
    pairs = pd.merge(ids["user"].to_frame(), ids["item"].to_frame(), how="cross")
    rows = np.unique(np.linspace(0, len(pairs) - 1, min(most, len(pairs))).astype(int))
    return pairs.iloc[rows].reset_index(drop=True)


def told(model: FittedModel, pairs: pd.DataFrame) -> np.ndarray:
    """What the model says of known pairs, be it numbers or not: that each is a finite number is a law of its own."""
    rating: np.ndarray = np.asarray(model.predictor.predict(model.encoded(pairs)))
    return rating


def named(pairs: pd.DataFrame, row: int) -> str:
    """One pair as a message says it."""
    user, item = (pairs[side].tolist()[row] for side in SIDES)
    return f"user {user!r} and item {item!r}"


@contextmanager
def luck(seed: int) -> Iterator[None]:
    """A block in which the generators that everybody shares start from `seed`; they are as before afterwards."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


def tiny(ratings: list[tuple[Any, Any, float]]) -> tuple[Dataset, Split]:
    """A dataset of these ratings, all of which train; the last one is also what a model is watched on."""
    frame = pd.DataFrame(ratings, columns=["user", "item", "rating"])
    return Dataset.build("tiny", frame), Split(np.arange(len(frame)), np.array([len(frame) - 1]))
