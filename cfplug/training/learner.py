"""A module, a head and ratings in codes -> a fastai Learner, fitted.

Batches are slices of tensors that already lie on the device. What an epoch does depends on the seed
and the epoch's number alone, so a run that goes on from a checkpoint gives the same bits as one
that was never stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from fastai.callback.core import Callback
from fastai.callback.schedule import (
    Learner,
    ParamScheduler,
)  # the schedules are patched into Learner there

from cfplug.data.batch import Interactions
from cfplug.errors import TrainingError
from cfplug.recipe.settings import TrainSettings
from cfplug.training.averaging import Averager
from cfplug.training.callbacks import _epochs, _Keeper
from cfplug.training.checkpoint import Checkpoint, Epoch, Watch
from cfplug.training.loader import Loaders, TensorLoader
from cfplug.training.module import Scored
from cfplug.training.optimizers import decays, optimizer_of, parameter_groups
from cfplug.training.schedules import courses

VALID_BATCH = 4_096


def resolve_device(name: str) -> str:
    """`auto` as the best device that there is; TrainingError for one that there is not."""
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if not there[name]:
        raise TrainingError(
            f"device: this machine has no {name}; say `device: auto` or `device: cpu`"
        )
    return name


class DirectLearner(Learner):  # type: ignore[misc]
    """fastai's Learner, which asks only those callbacks about an event that define it.

    fastai asks every callback about every event, and each that does not define it looks for it in
    the learner and the model first: a quarter of the time of a small model's step."""

    def _call_one(self, event_name: str) -> None:
        for callback in self.cbs.sorted("order"):
            defined = hasattr(type(callback), event_name) or event_name in vars(callback)
            if defined or event_name == "after_fit":  # there a callback switches itself on again
                callback(event_name)


def train(
    scored: Scored,
    data: tuple[Interactions, Interactions],
    settings: TrainSettings,
    *,
    name: str,
    seed: int,
    device: str,
    watch: Watch,
    resume: Checkpoint | None = None,
) -> tuple[Learner, tuple[Epoch, ...]]:
    """Fit `scored` on `data` (train, valid); gives the Learner and what each epoch gave.

    The weights are those of the last step, or their average where one is asked for, and with
    `patience` those of the best epoch, measured with the average. With `resume` it goes on after
    the last epoch of that checkpoint. TrainingError if a loss is no number."""
    learner = learner_of(scored, data, settings, seed=seed, device=device)
    averager = Averager(scored, settings, _epochs(settings) * len(learner.dls.train))
    keeper = _Keeper(seed, name, watch, settings, averager)
    if resume:
        keeper.restore(learner, resume)
    if not keeper.done:
        with quietly(learner, settings.threads):
            _fit(learner, settings, keeper)
    keeper.finish(scored)
    return learner, tuple(keeper.history)


def learner_of(
    scored: Scored,
    data: tuple[Interactions, Interactions],
    settings: TrainSettings,
    *,
    seed: int,
    device: str,
) -> DirectLearner:
    """A Learner for `data` (train, valid) with its optimizer, not fitted; `scored` is moved to `device`."""
    loaders = Loaders(
        TensorLoader(data[0], settings.batch_size, device, seed),
        TensorLoader(data[1], VALID_BATCH, device),
        torch.device(device),
    )
    scored.to(device)
    learner = DirectLearner(
        loaders,
        scored,
        loss_func=scored.head.loss,
        opt_func=optimizer_of(scored, settings, device),
        splitter=parameter_groups,
        lr=settings.learning_rate,
        wd=decays(scored, settings.weight_decay),
    )
    learner.create_opt()
    return learner


def _unneeded(learner: Learner) -> list[Callback]:
    """fastai's own bar, which `Watch` replaces, and a cast that plain tensors do not need."""
    return [callback for callback in learner.cbs if callback.name in ("progress", "cast_to_tensor")]


@contextmanager
def quietly(learner: Learner, threads: int) -> Iterator[None]:
    """Where a Learner prints nothing and works with so many threads."""
    with learner.no_logging(), learner.removed_cbs(_unneeded(learner)), _threads(threads):
        yield


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fit(learner: Learner, settings: TrainSettings, keeper: _Keeper) -> None:
    """fastai's loop from the first epoch that is not done; fastai's own fit_flat_cos would begin anew."""
    epochs, callbacks = _epochs(settings), [keeper]
    course = courses(settings, epochs)
    if course:
        callbacks.append(ParamScheduler(course))
    if settings.average != "none":
        callbacks.append(keeper.averager)
    learner.fit(epochs, settings.learning_rate, cbs=callbacks, start_epoch=len(keeper.history))
