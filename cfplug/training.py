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

import numpy as np
import torch
from attrs import frozen
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.schedule import Learner, ParamScheduler  # the schedules are patched into Learner there
from torch import Tensor, nn

from cfplug.averaging import Averager
from cfplug.encoding import Batch, Interactions
from cfplug.errors import PluginError, TrainingError
from cfplug.optimizers import decays, optimizer_of, parameter_groups
from cfplug.schedules import courses, steps_of
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
    """A model's module and the loss's head as one, so that both are trained and saved.

    A head with an attribute `per_user` above 0 gets so many numbers of each user beside the outputs: rows of an
    embedding of shape (n_users, per_user) that starts at zero.
    """

    def __init__(self, module: nn.Module, head: nn.Module, loss: str = "the loss", n_users: int = 0) -> None:
        super().__init__()
        self.module, self.head, self.loss = module, head, loss
        per_user = getattr(head, "per_user", 0)
        self.personal = nn.Embedding(n_users, per_user) if per_user else None
        if self.personal is not None:
            nn.init.zeros_(self.personal.weight)

    def forward(self, batch: Batch) -> Tensor:
        """What the head takes: raw outputs and the user's own numbers, shape (n, n_outputs + per_user)."""
        vector = batch.vector("user")
        if self.personal is None or vector is None:
            own = None if self.personal is None else self.personal(batch.user)
        else:
            width = vector.shape[1] - self.head.per_user
            batch, own = batch.with_vectors("user", vector[:, :width]), vector[:, width:]
        outputs: Tensor = self.module(batch)
        expected = (len(batch), self.head.n_outputs)
        if outputs.shape != expected:
            raise PluginError(f"forward gave outputs of shape {tuple(outputs.shape)}; expected {expected}")
        return outputs if own is None else torch.cat([outputs, own], dim=1)

    def vectors(self, side: str) -> Tensor:
        """All that was learned of each id of `side`, shape (n_ids, width): also a user's own numbers for the head."""
        vectors: Tensor = self.module.vectors(side)  # type: ignore[operator]
        if self.personal is None or side == "item":
            return vectors
        return torch.cat([vectors, self.personal.weight.detach()], dim=1)


class TensorLoader:
    """Batches as slices of tensors on the device, shuffled by one permutation an epoch if there is a seed.

    fastai asks it for a length and for batches, no more: anything else that has these can stand here. One row
    that is left over joins the batch before it: a batch of one has no variance, which normalisation needs.
    """

    def __init__(self, data: Interactions, batch_size: int, device: str, seed: int | None = None) -> None:
        self.batch = data.batch.to(device)
        self.rating = torch.as_tensor(data.rating, dtype=torch.float32, device=device)
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0

    def __len__(self) -> int:
        return steps_of(len(self.rating), self.batch_size)

    def __iter__(self) -> Iterator[tuple[Batch, Tensor]]:
        batch, rating = (self.batch, self.rating) if self.seed is None else self._shuffled(self.seed)
        last = len(self) - 1
        for step in range(last + 1):
            start = step * self.batch_size
            rows = slice(start, None if step == last else start + self.batch_size)
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
    say: Callable[[str], None] = lambda text: None


@frozen(eq=False)
class Best:
    """The best epoch so far: its number, the monitored value, and the weights with which it was measured."""

    epoch: int
    value: float
    weights: Mapping[str, np.ndarray]

    def arrays(self) -> dict[str, np.ndarray]:
        """As a checkpoint holds it."""
        facts = {"best.epoch": np.array(self.epoch), "best.value": np.array(self.value)}
        return facts | {f"best.model.{name}": array for name, array in self.weights.items()}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> Best | None:
        if "best.epoch" not in arrays:
            return None
        return cls(int(arrays["best.epoch"]), float(arrays["best.value"]), _part(arrays, "best.model."))


class _Keeper(Callback):  # type: ignore[misc]
    """Seeds each epoch, adds up its losses, stops at a loss that is no number, and keeps checkpoints and the best."""

    order = 75  # after fastai's SkipToEpoch, so that a skipped epoch never begins here

    def __init__(self, seed: int, name: str, watch: Watch, settings: TrainSettings, averager: Averager) -> None:
        self.seed, self.label, self.watch, self.settings, self.averager = seed, name, watch, settings, averager
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
        return done >= _epochs(self.settings) or (patience is not None and waited >= patience)

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
            self.error += (error.abs() if self.settings.monitor == "mae" else error.square()).sum().item()

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
        average = {f"average.{name}": _array(tensor) for name, tensor in self.averager.average.items()}
        return {**_state(self.learn), **average, **(self.best.arrays() if self.best else {})}

    def restore(self, learner: Learner, checkpoint: Checkpoint) -> None:
        """Go on where `checkpoint` was written."""
        arrays = checkpoint.arrays
        self.history, self.best = list(checkpoint.history), Best.of(arrays)
        _restore(learner, arrays)
        average = {name: torch.as_tensor(array) for name, array in _part(arrays, "average.").items()}
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

    The weights are those of the last step, or their average where one is asked for, and with `patience` those of
    the best epoch, measured with the average. With `resume` it goes on after the last epoch of that checkpoint.
    TrainingError if a loss is no number.
    """
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
    scored: Scored, data: tuple[Interactions, Interactions], settings: TrainSettings, *, seed: int, device: str
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


def _epochs(settings: TrainSettings) -> int:
    assert settings.epochs is not None  # the settings fill it in
    return settings.epochs


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
    load_weights(learner.model, _part(arrays, "model."))
    for index, parameter in enumerate(_parameters(learner)):
        state = _part(arrays, f"optimizer.{index}.")
        learner.opt.opt.state[parameter] = {  # copies: the optimizer changes them in place
            key: torch.tensor(value, device=parameter.device) for key, value in state.items()
        }


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, by the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def weights_of(module: nn.Module) -> dict[str, np.ndarray]:
    """Every weight of `module` as a numpy array."""
    return {name: _array(tensor) for name, tensor in module.state_dict().items()}


def load_weights(module: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Put `arrays` into `module`; RuntimeError if names or shapes differ."""
    module.load_state_dict({name: torch.as_tensor(array) for name, array in arrays.items()})


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
