"""Serve batches as slices of tensors that are on the device already."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from fastai.data.core import DataLoaders
from fastai.torch_core import display_df
from torch import Tensor

from cfplug.data.batch import Batch, Interactions
from cfplug.data.vocabulary import Side, Vocabulary
from cfplug.errors import CapabilityError
from cfplug.random import seed_for
from cfplug.training.display import rating_table
from cfplug.training.schedules import steps_of


class MissingPartError(CapabilityError, AttributeError):
    """Raised for what a fastai loader has and a loader of tensors has not.

    It is an AttributeError too, because fastai asks with `hasattr` for parts that are optional.
    """


def _missing(owner: str, name: str) -> AttributeError:
    if name.startswith("__"):
        return AttributeError(name)
    return MissingPartError(
        f"{owner} has no {name}: cfplug keeps ratings as tensors of codes, without a fastai "
        "dataset. Ask the run's model (run.model.predict, run.model.recommend) instead."
    )


class TensorLoader:
    """Batches as slices of tensors on the device; with a seed, each epoch has its own order.

    fastai's training loop asks a loader for its length and its batches. One row that is left over
    joins the batch before it: normalisation needs a variance, and a batch of one has none.
    """

    n_inp = 1

    def __init__(
        self, data: Interactions, batch_size: int, device: str, seed: int | None = None
    ) -> None:
        """Move `data` to `device`.

        Args:
            data: n ratings in codes.
            batch_size: rows of a batch; the last one may have fewer, or one more.
            device: where the tensors are kept.
            seed: what the order of each epoch is drawn from; None keeps the order of `data`.
        """
        self.batch = data.batch.to(device)
        self.rating = torch.as_tensor(data.rating, dtype=torch.float32, device=device)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.vocabularies: Mapping[Side, Vocabulary] = {}

    def __len__(self) -> int:
        return steps_of(len(self.rating), self.batch_size)

    def __iter__(self) -> Iterator[tuple[Batch, Tensor]]:
        batch, rating = self.batch, self.rating
        if self.seed is not None:
            batch, rating = self._shuffled(self.seed)
        last = len(self) - 1
        for step in range(last + 1):
            start = step * self.batch_size
            rows = slice(start, None if step == last else start + self.batch_size)
            yield batch[rows], rating[rows]

    def _shuffled(self, seed: int) -> tuple[Batch, Tensor]:
        generator = torch.Generator().manual_seed(seed_for(seed, f"epoch {self.epoch}"))
        order = torch.randperm(len(self.rating), generator=generator).to(self.rating.device)
        # Training by hand goes on to the next order; a run sets the number before each epoch.
        self.epoch += 1
        return self.batch[order], self.rating[order]

    # What else a fastai Learner asks of a loader

    def __getattr__(self, name: str) -> Any:
        raise _missing("a loader of cfplug", name)

    def new(self, *, shuffle: bool | None = None, drop_last: bool = False) -> TensorLoader:
        """Return a loader of the same rows, in a random order if `shuffle`, in theirs if not.

        Args:
            shuffle: None keeps the order that this loader would have next.
            drop_last: accepted because fastai passes it; no row is ever left out.
        """
        other = copy.copy(self)
        if shuffle is not None:
            other.seed = int(torch.randint(2**31, ())) if shuffle else None
        return other

    def one_batch(self) -> tuple[Batch, Tensor]:
        """Return the first batch: the codes of n pairs, and their ratings of shape (n,)."""
        return next(iter(self.new()))

    def show_batch(
        self, b: tuple[Batch, Tensor] | None = None, max_n: int = 9, show: bool = True
    ) -> pd.DataFrame:
        """Display the first `max_n` rows of a batch with the ids of users and items.

        Args:
            b: the batch; the loader's first one if not given.
            max_n: the most rows to display.
            show: False only returns the table.

        Returns:
            A table with the columns user, item, their labels, context columns, and rating.
        """
        batch, rating = self.one_batch() if b is None else b
        table = rating_table(batch[:max_n], rating[:max_n], self.vocabularies)
        if show:
            display_df(table)
        return table

    def empty(self) -> TensorLoader:
        """Return a loader without rows, for a Learner that is exported."""
        other = self.new()
        other.batch, other.rating = self.batch[:0], self.rating[:0]
        return other

    def to(self, device: str | torch.device) -> TensorLoader:
        """Move the tensors to `device`, in place, as fastai's loaders do."""
        self.batch, self.rating = self.batch.to(device), self.rating.to(device)
        return self


class Loaders(DataLoaders):  # type: ignore[misc]
    """The loaders of training and validation ratings, as the `dls` of a fastai Learner."""

    n_inp = 1

    def __init__(self, train: TensorLoader, valid: TensorLoader, path: Path | None = None) -> None:
        """Join two loaders; a Learner saves its files under `path`, by default the current folder.

        Args:
            train: the ratings that a model learns from.
            valid: the ratings that it is measured on.
            path: the folder of what the Learner saves and exports.
        """
        super().__init__(train, valid, path=path or Path(), device=train.rating.device)

    def __getattr__(self, name: str) -> Any:
        if name in ("one_batch", "show_batch"):
            return getattr(self.train, name)
        raise _missing("dls", name)

    def name_ids(self, vocabularies: Mapping[Side, Vocabulary]) -> None:
        """Let `show_batch` display ids and labels where the tensors have codes."""
        for loader in self.loaders:
            loader.vocabularies = vocabularies

    def new_empty(self) -> Loaders:
        """Return loaders without ratings, for a Learner that is exported."""
        return Loaders(self.train.empty(), self.valid.empty(), self.path)
