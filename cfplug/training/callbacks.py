"""Seed, measure and checkpoint every epoch of a fastai Learner."""

from __future__ import annotations

import math
import time

import numpy as np
import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.schedule import Learner
from torch import nn

from cfplug.errors import PluginError, TrainingError
from cfplug.random import seed_for
from cfplug.recipe.settings import TrainSettings
from cfplug.training.averaging import Averager
from cfplug.training.checkpoint import (
    Best,
    Checkpoint,
    Epoch,
    Watch,
    learner_state,
    restore_learner,
    with_prefix,
)
from cfplug.training.module import load_weights, to_array, weights_of


class EpochKeeper(Callback):  # type: ignore[misc]
    """Seeds each epoch, adds up its losses, stops at a loss that is no number, and keeps checkpoints and the best."""

    order = 75  # after fastai's SkipToEpoch, so that a skipped epoch never begins here

    def __init__(
        self, seed: int, name: str, watch: Watch, settings: TrainSettings, averager: Averager
    ) -> None:
        self.seed, self.label, self.watch, self.settings, self.averager = (
            seed,
            name,
            watch,
            settings,
            averager,
        )
        self.history: list[Epoch] = []
        self.best: Best | None = None
        self.told = 0.0

    def __call__(self, event_name: str) -> None:
        """As fastai calls it, but what is raised leaves as it is: fastai would put words of its own before the text."""
        event = getattr(type(self), event_name, None)
        if event is not None:
            event(self)

    @property
    def done(self) -> bool:
        """Whether every epoch was trained, or patience is at its end."""
        patience, done = self.settings.patience, len(self.history)
        waited = done - self.best.epoch if self.best else 0
        return done >= epochs_of(self.settings) or (patience is not None and waited >= patience)

    def before_epoch(self) -> None:
        torch.manual_seed(seed_for(self.seed, f"torch {self.epoch}"))
        self.dls.train.epoch = self.epoch
        self.started = time.perf_counter()
        self.total = {True: 0.0, False: 0.0}
        self.error = 0.0

    def after_loss(self) -> None:
        shape = tuple(self.learn.loss_grad.shape)
        if shape:
            raise PluginError(
                f"{self.model.loss}: loss gave a tensor of shape {shape}; expected one number, of shape ()"
            )

    def after_batch(self) -> None:
        loss = self.learn.loss.item()
        if not math.isfinite(loss):
            part = "training" if self.training else "validation"
            rate = self.opt.hypers[-1]["lr"]
            raise TrainingError(
                f"{self.label}: the {part} loss became {loss} in epoch {self.epoch + 1}, "
                f"step {self.iter + 1} of {self.n_iter}, at learning rate {rate:.3g}; "
                "a lower train.learning_rate may help"
            )
        self.total[self.training] += loss * len(self.yb[0])
        if not self.training:
            self._measure()
            return
        # fastai keeps a tensor a step, and between such crumbs freed memory cannot be used again
        self.recorder.losses[-1] = self.recorder.losses[-1].item()
        now = time.perf_counter()
        if now - self.told > 0.1:
            self.told = now
            self.watch.progress(self.pct_train, f"{self.label}: training")

    def _measure(self) -> None:
        """Add up the errors of the ratings that the head makes of the outputs, if they are monitored."""
        if self.settings.monitor != "valid_loss":
            error = self.model.head.decode(self.learn.pred) - self.yb[0]
            self.error += (
                (error.abs() if self.settings.monitor == "mae" else error.square()).sum().item()
            )

    def after_epoch(self) -> None:
        if len(self.history) > self.epoch:  # skipped: it was done before the run was stopped
            return
        train = self.total[True] / len(self.dls.train.rating)
        valid = self.total[False] / len(self.dls.valid.rating)
        epoch = Epoch(self.epoch + 1, train, valid, time.perf_counter() - self.started)
        self.history.append(epoch)
        if self.settings.patience is not None:
            self._keep_best(epoch)
        self.watch.checkpoint(Checkpoint(self._state(), tuple(self.history)))
        self.watch.epoch_finished(epoch, self.n_epoch)
        if self.done:
            raise CancelFitException

    def _keep_best(self, epoch: Epoch) -> None:
        value = self._monitored(epoch)
        if self.best is None or value < self.best.value - self.settings.min_improvement:
            with self.averager.in_place():
                self.best = Best(epoch.epoch, value, weights_of(self.model))

    def _monitored(self, epoch: Epoch) -> float:
        if self.settings.monitor == "valid_loss":
            return epoch.valid_loss
        mean = self.error / len(self.dls.valid.rating)
        return math.sqrt(mean) if self.settings.monitor == "rmse" else mean

    def _state(self) -> dict[str, np.ndarray]:
        """What the next epoch depends on. The weights are those of training, not their average."""
        average = {
            f"average.{name}": to_array(tensor) for name, tensor in self.averager.average.items()
        }
        return {**learner_state(self.learn), **average, **(self.best.arrays() if self.best else {})}

    def restore(self, learner: Learner, checkpoint: Checkpoint) -> None:
        """Go on where `checkpoint` was written."""
        arrays = checkpoint.arrays
        self.history, self.best = list(checkpoint.history), Best.of(arrays)
        restore_learner(learner, arrays)
        average = {
            name: torch.as_tensor(array) for name, array in with_prefix(arrays, "average.").items()
        }
        self.averager.restore(average, len(self.history) * len(learner.dls.train))

    def finish(self, model: nn.Module) -> None:
        """Leave in `model` the weights that count: the best epoch's, or the average, or those of the last step."""
        if self.best is None:
            self.averager.swap()
            return
        load_weights(model, self.best.weights)
        if self.best.epoch < len(self.history):
            self.watch.say(
                f"{self.label}: {self.settings.monitor} was best in epoch {self.best.epoch} of the "
                f"{len(self.history)} trained: {self.best.value:.4f}; its weights are kept"
            )


def epochs_of(settings: TrainSettings) -> int:
    assert settings.epochs is not None  # the settings fill it in
    return settings.epochs
