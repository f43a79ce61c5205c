"""The average of a model's weights over the steps of its training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from fastai.callback.core import Callback
from torch import Tensor, nn

from cfplug.recipe.settings import TrainSettings
from cfplug.training.optimizers import NORMS


class Averager(Callback):  # type: ignore[misc]
    """Keeps a, the average of the weights w, and validates each epoch with it.

    After the first step of all at or after `average_from` of the training, a = w. After the k-th
    step since that one,

        ema:   a = average_decay * a + (1 - average_decay) * w
        mean:  a = a + (w - a) / (k + 1), the plain mean (Polyak and Juditsky, 1992; of
               single steps, as SWA of epochs)

    The running means and variances of normalisation layers are averaged in the same way; every
    other buffer is the model's own. What was averaged depends on nothing but the weights and a
    step's number in the training.
    """

    order, run_valid = 70, False  # before the keeper of checkpoints

    def __init__(self, model: nn.Module, settings: TrainSettings, steps: int) -> None:
        """Start without an average; `steps` are those of the whole training."""
        self.decay = settings.average_decay if settings.average == "ema" else None
        self.weights = _averaged(model) if settings.average != "none" else {}
        self.average = {name: tensor.clone() for name, tensor in self.weights.items()}
        self.first = min(math.ceil(settings.average_from * steps), steps - 1)
        self.steps_done = 0

    @property
    def begun(self) -> bool:
        return bool(self.weights) and self.steps_done > self.first

    @torch.no_grad()
    def after_batch(self) -> None:
        self.steps_done = self.epoch * self.n_iter + self.iter + 1
        if not self.begun:
            return
        number = self.steps_done - 1 - self.first
        share = 1 / (number + 1)
        if self.decay is not None and number > 0:
            share = 1 - self.decay
        for name, average in self.average.items():
            average.lerp_(self.weights[name], share)

    def before_validate(self) -> None:
        self.swap()

    def after_validate(self) -> None:
        self.swap()

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the weights and their average, if there is one by now."""
        if self.begun:
            for name, average in self.average.items():
                weights = self.weights[name].clone()
                self.weights[name].copy_(average)
                average.copy_(weights)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The average in the place of the weights, as a validation has it."""
        self.swap()
        yield
        self.swap()

    def restore(self, average: Mapping[str, np.ndarray], steps_done: int) -> None:
        """Go on with the average as it was after `steps_done` steps."""
        self.steps_done = steps_done
        for name, array in average.items():
            self.average[name].copy_(torch.as_tensor(array))


def _averaged(model: nn.Module) -> dict[str, Tensor]:
    """The live weights that are averaged, each once, whatever number of names it has."""
    found = {
        name: parameter.detach()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    for place, module in model.named_modules():
        if isinstance(module, NORMS):
            buffers = module.named_buffers(prefix=place, recurse=False)
            found |= {name: buffer for name, buffer in buffers if buffer.is_floating_point()}
    return found
