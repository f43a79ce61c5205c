"""Serve batches as slices of tensors that already lie on the device."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from attrs import frozen
from torch import Tensor

from cfplug.data.batch import Batch, Interactions
from cfplug.random import seed_for
from cfplug.training.schedules import steps_of


class TensorLoader:
    """Batches as slices of tensors on the device, shuffled by one permutation an epoch if there is a seed.

    fastai asks it for a length and for batches, no more: anything else that has these can stand
    here. One row that is left over joins the batch before it: a batch of one has no variance, which
    normalisation needs."""

    def __init__(
        self, data: Interactions, batch_size: int, device: str, seed: int | None = None
    ) -> None:
        self.batch = data.batch.to(device)
        self.rating = torch.as_tensor(data.rating, dtype=torch.float32, device=device)
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0

    def __len__(self) -> int:
        return steps_of(len(self.rating), self.batch_size)

    def __iter__(self) -> Iterator[tuple[Batch, Tensor]]:
        batch, rating = (
            (self.batch, self.rating) if self.seed is None else self._shuffled(self.seed)
        )
        last = len(self) - 1
        for step in range(last + 1):
            start = step * self.batch_size
            rows = slice(start, None if step == last else start + self.batch_size)
            yield batch[rows], rating[rows]

    def _shuffled(self, seed: int) -> tuple[Batch, Tensor]:
        generator = torch.Generator().manual_seed(seed_for(seed, f"epoch {self.epoch}"))
        order = torch.randperm(len(self.rating), generator=generator).to(self.rating.device)
        self.epoch += (
            1  # for a user who goes on by hand; `_Keeper` sets it before each epoch of a run
        )
        return self.batch[order], self.rating[order]


@frozen(eq=False)
class Loaders:
    """What fastai's Learner needs of its `dls`."""

    train: TensorLoader
    valid: TensorLoader
    device: torch.device
    n_inp: int = 1

    def __getitem__(self, index: int) -> TensorLoader:
        return (self.train, self.valid)[index]
