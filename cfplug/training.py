"""A module, a head and ratings in codes -> a fastai Learner, fitted.

Batches are slices of tensors that already lie on the device. What an epoch does depends on the seed
and the epoch's number alone, so a run that goes on from a checkpoint gives the same bits as one that
was never stopped.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from attrs import frozen
from fastai.callback.core import Callback
from fastai.callback.schedule import Learner  # the schedules are patched into Learner there
from fastai.optimizer import OptimWrapper
from torch import Tensor, nn

from cfplug.encoding import Batch, Interactions
from cfplug.errors import PluginError, TrainingError
from cfplug.settings import TrainSettings

VALID_BATCH = 4_096


def seed_for(seed: int, name: str) -> int:
    """A seed for one step, spawned from the recipe's seed and the step's name; below 2**63."""
    sequence = np.random.SeedSequence([seed, zlib.crc32(name.encode())])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def resolve_device(name: str) -> str:
    """`auto` as the best device that there is; TrainingError for one that there is not."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if there[device])
    if not there[name]:
        raise TrainingError(f"device: this machine has no {name}; say `device: auto` or `device: cpu`")
    return name


class Scored(nn.Module):
    """A model's module and the loss's head as one, so that both are trained and saved."""

    def __init__(self, module: nn.Module, head: nn.Module, loss: str = "the loss") -> None:
        super().__init__()
        self.module, self.head, self.loss = module, head, loss

    def forward(self, batch: Batch) -> Tensor:
        """Raw outputs of shape (n, n_outputs)."""
        outputs: Tensor = self.module(batch)
        expected = (len(batch), self.head.n_outputs)
        if outputs.shape != expected:
            raise PluginError(f"forward gave outputs of shape {tuple(outputs.shape)}; expected {expected}")
        return outputs


class TensorLoader:
    """Batches as slices of tensors on the device, shuffled by one permutation an epoch if there is a seed.

    fastai asks it for a length and for batches, no more: anything else that has these can stand here.
    """

    def __init__(self, data: Interactions, batch_size: int, device: str, seed: int | None = None) -> None:
        self.batch = data.batch.to(device)
        self.rating = torch.as_tensor(data.rating, dtype=torch.float32, device=device)
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0

    def __len__(self) -> int:
        return math.ceil(len(self.rating) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Batch, Tensor]]:
        batch, rating = (self.batch, self.rating) if self.seed is None else self._shuffled(self.seed)
        for start in range(0, len(rating), self.batch_size):
            rows = slice(start, start + self.batch_size)
            yield batch[rows], rating[rows]

    def _shuffled(self, seed: int) -> tuple[Batch, Tensor]:
        generator = torch.Generator().manual_seed(seed_for(seed, f"epoch {self.epoch}"))
        order = torch.randperm(len(self.rating), generator=generator).to(self.rating.device)
        self.epoch += 1  # for a user who goes on by hand; `_Keeper` sets it before each epoch of a run
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


class DirectLearner(Learner):  # type: ignore[misc]
    """fastai's Learner, which asks only those callbacks about an event that define it.

    fastai asks every callback about every event, and each that does not define it looks for it in the
    learner and the model first: a quarter of the time of a small model's step.
    """

    def _call_one(self, event_name: str) -> None:
        for callback in self.cbs.sorted("order"):
            defined = hasattr(type(callback), event_name) or event_name in vars(callback)
            if defined or event_name == "after_fit":  # there a callback switches itself on again
                callback(event_name)


@frozen
class Epoch:
    """One epoch's result. Losses are means over rows, seconds are wall time."""

    epoch: int
    train_loss: float
    valid_loss: float
    seconds: float


@frozen(eq=False)
class Checkpoint:
    """All that the next epoch depends on: named arrays, and the epochs that are done."""

    arrays: Mapping[str, np.ndarray]
    history: tuple[Epoch, ...]


@frozen(eq=False)
class Watch:
    """Who is told while a model trains: the part done, each finished epoch, each checkpoint."""

    progress: Callable[[float, str], None] = lambda done, message: None
    epoch_finished: Callable[[Epoch, int], None] = lambda epoch, epochs: None
    checkpoint: Callable[[Checkpoint], None] = lambda checkpoint: None


class _Keeper(Callback):  # type: ignore[misc]
    """Seeds each epoch, adds up its losses, stops at a loss that is no number, and keeps checkpoints."""

    order = 75  # after fastai's SkipToEpoch, so that a skipped epoch never begins here

    def __init__(self, seed: int, name: str, watch: Watch, history: list[Epoch]) -> None:
        self.seed, self.label, self.watch, self.history = seed, name, watch, history
        self.told = 0.0

    def __call__(self, event_name: str) -> None:
        """As fastai calls it, but what is raised leaves as it is: fastai would put words of its own before the text."""
        event = getattr(type(self), event_name, None)
        if event is not None:
            event(self)

    def before_epoch(self) -> None:
        torch.manual_seed(seed_for(self.seed, f"torch {self.epoch}"))
        self.dls.train.epoch = self.epoch
        self.started = time.perf_counter()
        self.total = {True: 0.0, False: 0.0}

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
        if self.training:  # fastai keeps a tensor a step, and between such crumbs freed memory cannot be used again
            self.recorder.losses[-1] = self.recorder.losses[-1].item()
        now = time.perf_counter()
        if self.training and now - self.told > 0.1:
            self.told = now
            self.watch.progress(self.pct_train, f"{self.label}: training")

    def after_epoch(self) -> None:
        if len(self.history) > self.epoch:  # skipped: it was done before the run was stopped
            return
        train = self.total[True] / len(self.dls.train.rating)
        valid = self.total[False] / len(self.dls.valid.rating)
        epoch = Epoch(self.epoch + 1, train, valid, time.perf_counter() - self.started)
        self.history.append(epoch)
        self.watch.checkpoint(Checkpoint(_state(self.learn), tuple(self.history)))
        self.watch.epoch_finished(epoch, self.n_epoch)


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

    With `resume` it goes on after the last epoch of that checkpoint. TrainingError if a loss is no number.
    """
    loaders = Loaders(
        TensorLoader(data[0], settings.batch_size, device, seed),
        TensorLoader(data[1], VALID_BATCH, device),
        torch.device(device),
    )
    learner = DirectLearner(
        loaders,
        scored,
        loss_func=scored.head.loss,
        opt_func=_optimizer(settings, device),
        lr=settings.learning_rate,
        wd=settings.weight_decay,
    )
    history = list(resume.history) if resume else []
    scored.to(device)
    learner.create_opt()
    if resume:
        _restore(learner, resume.arrays)
    if len(history) < settings.epochs:
        with learner.no_logging(), learner.removed_cbs(_unneeded(learner)), _threads(settings.threads):
            _fit(learner, settings, _Keeper(seed, name, watch, history), len(history))
    return learner, tuple(history)


def _unneeded(learner: Learner) -> list[Callback]:
    """fastai's own bar, which `Watch` replaces, and a cast that plain tensors do not need."""
    return [callback for callback in learner.cbs if callback.name in ("progress", "cast_to_tensor")]


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fit(learner: Learner, settings: TrainSettings, keeper: _Keeper, start: int) -> None:
    if settings.schedule == "one-cycle":
        learner.fit_one_cycle(settings.epochs, settings.learning_rate, cbs=keeper, start_epoch=start)
    else:
        learner.fit(settings.epochs, settings.learning_rate, cbs=keeper, start_epoch=start)


def _optimizer(settings: TrainSettings, device: str) -> Callable[..., OptimWrapper]:
    """torch's optimizer behind fastai's interface.

    adam is AdamW (Loshchilov and Hutter, ICLR 2019): value -= learning_rate * (m / (sqrt(v) + epsilon)
    + weight_decay * value), with bias-corrected moments m and v. sgd adds weight_decay * value to the
    gradient before the momentum.
    """
    if settings.optimizer == "sgd":
        return partial(OptimWrapper, opt=torch.optim.SGD, momentum=settings.momentum)
    betas = (settings.momentum, settings.beta2)
    fused = device != "mps"
    return partial(OptimWrapper, opt=torch.optim.AdamW, betas=betas, eps=settings.epsilon, fused=fused)


def _parameters(learner: Learner) -> list[Tensor]:
    return [parameter for group in learner.opt.opt.param_groups for parameter in group["params"]]


def _state(learner: Learner) -> dict[str, np.ndarray]:
    arrays = {f"model.{name}": _array(tensor) for name, tensor in learner.model.state_dict().items()}
    for index, parameter in enumerate(_parameters(learner)):
        for key, value in learner.opt.opt.state[parameter].items():
            if isinstance(value, Tensor):
                arrays[f"optimizer.{index}.{key}"] = _array(value)
    return arrays


def _restore(learner: Learner, arrays: Mapping[str, np.ndarray]) -> None:
    load_weights(learner.model, {name[6:]: value for name, value in arrays.items() if name.startswith("model.")})
    for index, parameter in enumerate(_parameters(learner)):
        prefix = f"optimizer.{index}."
        state: dict[str, Any] = {
            name.removeprefix(prefix): torch.as_tensor(value)
            for name, value in arrays.items()
            if name.startswith(prefix)
        }
        learner.opt.opt.state[parameter] = {key: value.to(parameter.device) for key, value in state.items()}


def weights_of(module: nn.Module) -> dict[str, np.ndarray]:
    """Every weight of `module` as a numpy array."""
    return {name: _array(tensor) for name, tensor in module.state_dict().items()}


def load_weights(module: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Put `arrays` into `module`; RuntimeError if names or shapes differ."""
    module.load_state_dict({name: torch.as_tensor(array) for name, array in arrays.items()})


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
