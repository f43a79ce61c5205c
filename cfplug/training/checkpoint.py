"""Keep what the next epoch depends on, and restore it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from attrs import frozen
from fastai.callback.schedule import Learner
from torch import Tensor

from cfplug.training.module import load_weights, to_array, weights_of


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
    """What is called while a model trains: with the part done, each epoch, each checkpoint."""

    progress: Callable[[float, str], None] = lambda done, message: None
    epoch_finished: Callable[[Epoch, int], None] = lambda epoch, epochs: None
    checkpoint: Callable[[Checkpoint], None] = lambda checkpoint: None
    say: Callable[[str], None] = lambda text: None


@frozen(eq=False)
class Best:
    """The best epoch so far: its number, monitored value, and weights."""

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
        weights = with_prefix(arrays, "best.model.")
        return cls(int(arrays["best.epoch"]), float(arrays["best.value"]), weights)


def _parameters(learner: Learner) -> list[Tensor]:
    return [parameter for group in learner.opt.opt.param_groups for parameter in group["params"]]


def learner_state(learner: Learner) -> dict[str, np.ndarray]:
    """Return the weights, and the optimizer's state of each parameter."""
    arrays = {f"model.{name}": array for name, array in weights_of(learner.model).items()}
    for index, parameter in enumerate(_parameters(learner)):
        for key, value in learner.opt.opt.state[parameter].items():
            if isinstance(value, Tensor):
                arrays[f"optimizer.{index}.{key}"] = to_array(value)
    return arrays


def restore_learner(learner: Learner, arrays: Mapping[str, np.ndarray]) -> None:
    load_weights(learner.model, with_prefix(arrays, "model."))
    for index, parameter in enumerate(_parameters(learner)):
        state = with_prefix(arrays, f"optimizer.{index}.")
        learner.opt.opt.state[parameter] = {  # copies: the optimizer changes them in place
            key: torch.tensor(value, device=parameter.device) for key, value in state.items()
        }


def with_prefix(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with `prefix`, by the rest of their names."""
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays[name] for name in names}
