"""Train a module and a head on ratings in codes with a fastai Learner.

Batches are slices of tensors that are on the device already. What an epoch does depends on the seed
and the epoch's number alone, so a run that goes on from a checkpoint gives the same bits as one
that was never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import pandas as pd
import torch
from fastai.callback.hook import PrettyString

# Importing the schedules adds lr_find and fit_one_cycle to Learner.
from fastai.callback.schedule import Learner, ParamScheduler
from fastai.torch_core import display_df
from torch import Tensor

from cfplug.data.batch import Batch, Interactions
from cfplug.errors import CapabilityError, TrainingError
from cfplug.recipe.settings import TrainSettings
from cfplug.training.averaging import Averager
from cfplug.training.callbacks import EpochKeeper, epochs_of
from cfplug.training.checkpoint import Checkpoint, Epoch, Watch
from cfplug.training.display import layer_summary
from cfplug.training.loader import Loaders, TensorLoader
from cfplug.training.module import Scored
from cfplug.training.optimizers import decays, optimizer_of, parameter_groups
from cfplug.training.schedules import courses

VALID_BATCH = 4_096


def resolve_device(name: str) -> str:
    """Return the device `name`, or the best one for `auto`; TrainingError if there is none."""
    found = ["cuda"] if torch.cuda.is_available() else []
    found += ["mps"] if torch.backends.mps.is_available() else []
    found += ["cpu"]
    if name == "auto":
        return found[0]
    if name not in found:
        advice = "say `device: auto` or `device: cpu`"
        raise TrainingError(f"device: this machine has no {name}; {advice}")
    return name


class DirectLearner(Learner):  # type: ignore[misc]
    """fastai's Learner for pairs of users and items, with less work between two steps.

    fastai asks every callback about every event, and each that does not define it looks for it in
    the learner and the model first: a quarter of the time of a small model's step. So this one asks
    only those that define it. What fastai expects of a dataset is answered from the tensors, or
    refused with a CapabilityError that says what to ask instead.
    """

    def _call_one(self, event_name: str) -> None:
        for callback in self.cbs.sorted("order"):
            defined = hasattr(type(callback), event_name) or event_name in vars(callback)
            if defined or event_name == "after_fit":  # there a callback switches itself on again
                callback(event_name)

    def ratings_of(self, outputs: Tensor) -> Tensor:
        """Return the ratings, shape (n,), that the loss's head makes of outputs, (n, n_outputs)."""
        with torch.no_grad():
            decoded: Tensor = self.model.head.decode(outputs.to(self.dls.device))
        return decoded.cpu()

    def get_preds(
        self,
        ds_idx: int = 1,
        dl: Any = None,
        with_input: bool = False,
        with_loss: bool = False,
        act: Callable[[Tensor], Tensor] | None = None,
        **more: Any,
    ) -> tuple[Any, ...]:
        """Return predicted and true ratings, each of shape (n,), in the order of the rows.

        Args:
            ds_idx: 0 for the training ratings, 1 for the validation ratings.
            dl: a loader, or a list of batches, in place of them.
            with_input: return the n pairs, a Batch of codes, before the predictions.
            with_loss: not possible; a loss of cfplug gives one number for a whole batch.
            act: makes predictions of the model's outputs, shape (n, n_outputs); by default the
                ratings of the loss's head.
            more: what fastai's own `get_preds` takes.

        Raises:
            CapabilityError: for `with_loss`.
        """
        if with_loss:
            raise CapabilityError(
                "get_preds: with_loss needs a loss for each row, and a loss of cfplug gives one "
                "number for a whole batch. Compare the predictions with the ratings instead."
            )
        loader = self.dls[ds_idx].new(shuffle=False) if dl is None else dl
        found = super().get_preds(dl=loader, act=act or self.ratings_of, **more)
        if not with_input:
            return tuple(found)
        return (joined([batch[0] for batch in loader]), *found)

    def show_results(
        self, ds_idx: int = 1, dl: Any = None, max_n: int = 9, shuffle: bool = True
    ) -> pd.DataFrame:
        """Display up to `max_n` ratings with what the model predicts for them.

        Args:
            ds_idx: 0 for the training ratings, 1 for the validation ratings.
            dl: a TensorLoader in place of them.
            max_n: the most rows to display.
            shuffle: take random rows, not the first ones.

        Returns:
            The table that is displayed: what `show_batch` has, and a column `prediction`.
        """
        loader = self.dls[ds_idx] if dl is None else dl
        batch, rating = loader.new(shuffle=shuffle).one_batch()
        batch, rating = batch[:max_n], rating[:max_n]
        predicted = self.get_preds(dl=[(batch, rating)])[0]
        table: pd.DataFrame = loader.show_batch((batch, rating), max_n, show=False)
        table["prediction"] = predicted.tolist()
        display_df(table)
        return table

    def summary(self) -> str:
        """Return the layers of the model, its parameters, and the optimizer, loss and callbacks."""
        text: str = PrettyString(layer_summary(self))  # a notebook prints it as it is
        return text

    def predict(self, *_arguments: object, **_more: object) -> NoReturn:
        """Refuse: the Learner has codes, and a person has ids."""
        raise CapabilityError(
            "predict: expected codes of a training set, which only the run has. Ask the run's "
            "model with ids: run.model.predict(pairs)."
        )

    def tta(self, *_arguments: object, **_more: object) -> NoReturn:
        """Refuse: a rating cannot be augmented as an image can."""
        raise CapabilityError(
            "tta: expected inputs that can be augmented, such as images; a pair of ids cannot. "
            "Use get_preds."
        )


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
    """Fit `scored` on `data` (train, valid); return the Learner and the results of the epochs.

    The weights are those of the last step, or their average where one is asked for, and with
    `patience` those of the best epoch, measured with the average. With `resume` it goes on after
    the last epoch of that checkpoint. TrainingError if a loss is NaN or infinite.
    """
    learner = learner_of(scored, data, settings, seed=seed, device=device)
    epochs = epochs_of(settings)
    averager = Averager(scored, settings, epochs * len(learner.dls.train))
    keeper = EpochKeeper(seed, name, watch, settings, averager)
    callbacks = [keeper]
    course = courses(settings, epochs)
    if course:
        callbacks.append(ParamScheduler(course))
    if settings.average != "none":
        callbacks.append(averager)
    if resume:
        keeper.restore(learner, resume)
    done = len(keeper.history)
    if not keeper.done:
        with quietly(learner, settings.threads):
            learner.fit(epochs, settings.learning_rate, cbs=callbacks, start_epoch=done)
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
    """Return a Learner for `data` (train, valid) with its optimizer, not fitted."""
    loaders = Loaders(
        TensorLoader(data[0], settings.batch_size, device, seed),
        TensorLoader(data[1], VALID_BATCH, device),
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


@contextmanager
def quietly(learner: Learner, threads: int) -> Iterator[None]:
    """Let a Learner print nothing and work with `threads` threads for a while.

    It works without fastai's bar, which `Watch` replaces, and without a cast that plain tensors do
    not need.
    """
    unneeded = [each for each in learner.cbs if each.name in ("progress", "cast_to_tensor")]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with learner.no_logging(), learner.removed_cbs(unneeded):
            yield
    finally:
        torch.set_num_threads(before)


def joined(batches: Sequence[Batch]) -> Batch:
    """Return the pairs of several batches as one."""
    context = {}
    for name in batches[0].context:
        context[name] = torch.cat([batch.context[name] for batch in batches])
    users = torch.cat([batch.user for batch in batches])
    items = torch.cat([batch.item for batch in batches])
    return Batch(users, items, context)
