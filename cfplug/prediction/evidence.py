"""Hold the data of a run for analyzers: what a model was trained and measured on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.data.dataset import Dataset, Split


@frozen(eq=False)
class Evidence:
    """The data, its split, the predictions for the held-out ratings, and the course of training.

    `part` is the part that was held out and measured: `test` where the split has one, else `valid`.
    `held_out` are its n ratings with every column of the dataset's ratings and two more:
    `prediction` and `origin` (`warm`, or a cold-start strategy's word). `distribution`, shape
    (n, n_levels), is the probability of each rating level for them, or None. `history` has a row
    for each epoch: epoch, train_loss, valid_loss, seconds; `schedule` one for each step of
    training: step, epoch, learning_rate, momentum. Both are empty for a model that fits itself.
    """

    dataset: Dataset
    split: Split
    part: str
    held_out: pd.DataFrame
    distribution: np.ndarray | None
    history: pd.DataFrame
    schedule: pd.DataFrame

    @property
    def train(self) -> pd.DataFrame:
        """The training ratings, with every column of the dataset's ratings."""
        return self.dataset.ratings.iloc[self.split.train]
