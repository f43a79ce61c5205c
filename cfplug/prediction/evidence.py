"""What a model was trained and measured on: what an analyzer looks at, beside the model itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.data.dataset import Dataset, Split


@frozen(eq=False)
class Evidence:
    """The data, its split, what was predicted for the ratings that were held out, and how training went.

    `part` is the part that was held out and measured: `test` where the split has one, else `valid`.
    `held_out` are its n ratings with every column of the dataset's ratings and two more:
    `prediction` and `origin` (`warm`, or the word of a cold-start strategy). `distribution` is how
    likely each rating level was for them, shape (n, n_levels), or None. `history` has a row for
    each epoch: epoch, train_loss, valid_loss, seconds; `schedule` one for each step of training:
    step, epoch, learning_rate, momentum. Both are empty for a model that fits itself."""

    dataset: Dataset
    split: Split
    part: str
    held_out: pd.DataFrame
    distribution: np.ndarray | None
    history: pd.DataFrame
    schedule: pd.DataFrame

    @property
    def train(self) -> pd.DataFrame:
        """The ratings from which the model learned, with every column of the dataset's ratings."""
        return self.dataset.ratings.iloc[self.split.train]
