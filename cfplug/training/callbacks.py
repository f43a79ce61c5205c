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
    """Seeds each epoch, adds up losses, stops at one that is not finite, keeps checkpoints."""

    order = 75  # after fastai's SkipToEpoch, so that a skipped epoch never begins here

    def __init__(
        self, seed: int, name: str, watch: Watch, settings: TrainSettings, averager: Averager
    ) -> None:
        self.seed, self.label, self.watch = seed, name, watch
        self.settings, self.averager = settings, averager
        self.history: list[Epoch] = []
        self.best: Best | None = None
        self.reported = 0.0

    def __call__(self, event_name: str) -> None:
        """Call an event, and leave errors as they are: fastai would change their text."""
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
                f"{self.model.loss}: loss gave a tensor of shape {shape}; "
                "expected one number, of shape ()"
            )

    def after_batch(self) -> None:
        loss = self.learn.loss.item()
        if not math.isfinite(loss):
            part = "training" if self.training else "validation"
            step = f"epoch {self.epoch + 1}, step {self.iter + 1} of {self.n_iter}"
            rate = self.opt.hypers[-1]["lr"]
            raise TrainingError(
                f"{self.label}: the {part} loss became {loss} in {step}, "
                f"at learning rate {rate:.3g}; a lower train.learning_rate may help"
            )
        self.total[self.training] += loss * len(self.yb[0])
        if not self.training:
            if self.settings.monitor != "valid_loss":
                self.error += self._error()
            return
        # fastai keeps a tensor a step, and between such crumbs freed memory cannot be used again
        self.recorder.losses[-1] = self.recorder.losses[-1].item()
        now = time.perf_counter()
        if now - self.reported > 0.1:
            self.reported = now
            self.watch.progress(self.pct_train, f"{self.label}: training")

    def _error(self) -> float:
        """Return the sum of the monitored errors of the predicted ratings."""
        error = self.model.head.decode(self.learn.pred) - self.yb[0]
        error = error.abs() if self.settings.monitor == "mae" else error.square()
        return float(error.sum().item())

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
        arrays = learner_state(self.learn)
        for name, tensor in self.averager.average.items():
            arrays[f"average.{name}"] = to_array(tensor)
        if self.best is not None:
            arrays |= self.best.arrays()
        return arrays

    def restore(self, learner: Learner, checkpoint: Checkpoint) -> None:
        """Go on where `checkpoint` was written."""
        arrays = checkpoint.arrays
        self.history, self.best = list(checkpoint.history), Best.of(arrays)
        restore_learner(learner, arrays)
        steps_done = len(self.history) * len(learner.dls.train)
        self.averager.restore(with_prefix(arrays, "average."), steps_done)

    def finish(self, model: nn.Module) -> None:
        """Leave the best epoch's weights in `model`, or the average, or those of the last step."""
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
