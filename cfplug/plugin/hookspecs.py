"""Every hook: seven that return a list of declarations, and observers that change nothing.

A plugin is a module with some of these functions, each marked `@cfplug.hookimpl`, found through the
entry-point group `cfplug`:

    @cfplug.hookimpl
    def cfplug_metrics():
        return [cfplug.Metric("median-error", score="my_package.scores:median_error")]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pluggy
from attrs import field, frozen

from cfplug.plugin.components import Analyzer, ColdStart, Loss, Metric, Model, Source, SplitMethod

hookspec = pluggy.HookspecMarker("cfplug")
hookimpl = pluggy.HookimplMarker("cfplug")


@hookspec
def cfplug_sources() -> Sequence[Source]:  # type: ignore[empty-body]
    """Where ratings and tables come from."""


@hookspec
def cfplug_splits() -> Sequence[SplitMethod]:  # type: ignore[empty-body]
    """Which rows are for training and which for validation."""


@hookspec
def cfplug_models() -> Sequence[Model]:  # type: ignore[empty-body]
    """What learns to predict ratings."""


@hookspec
def cfplug_losses() -> Sequence[Loss]:  # type: ignore[empty-body]
    """Heads and objectives for models that learn by gradient."""


@hookspec
def cfplug_metrics() -> Sequence[Metric]:  # type: ignore[empty-body]
    """How good predictions are."""


@hookspec
def cfplug_cold_starts() -> Sequence[ColdStart]:  # type: ignore[empty-body]
    """What predicts for users and items that training never saw."""


@hookspec
def cfplug_analyzers() -> Sequence[Analyzer]:  # type: ignore[empty-body]
    """Sections of the report."""


# Events for observers. `run`, in each of them, is where the run folder will be when it is complete.


def _read_only(value: Any) -> Any:
    """Return plain data with every mapping read-only and every list a tuple."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: _read_only(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(map(_read_only, value))
    return value


@frozen
class RunStarted:
    """A checked recipe is about to run; nothing has been read yet.

    `recipe` is its file, `folder` the unfinished run folder, `resolved` the recipe as read-only
    data with every default filled in. `resumed` says whether the run was stopped before.
    """

    title: str
    recipe: str
    folder: Path
    resumed: bool = False
    run: Path = Path()
    resolved: Mapping[str, Any] = field(factory=dict, converter=_read_only, eq=False, repr=False)


@frozen
class StepFinished:
    """One step is done: `read`, `split`, `train`, `score`, `cold-start`, `analyze`, `write`.

    `component` is the full name of what did it, such as `factors/pmf`; empty for `write`. `model`
    is empty where the step has none, `fold` where the split has no named folds.
    """

    step: str
    model: str
    seed: int
    seconds: float
    fold: str = ""
    run: Path = Path()
    component: str = ""


@frozen
class EpochFinished:
    """One epoch of training is done.

    `epoch` counts from 1; losses are means over rows; `fold` may be empty.
    """

    model: str
    seed: int
    epoch: int
    epochs: int
    train_loss: float
    valid_loss: float
    seconds: float
    fold: str = ""
    run: Path = Path()


@frozen
class RunFinished:
    """The run folder is complete.

    `metrics` are its rows: model, seed, fold, part, metric, value.
    """

    folder: Path
    metrics: tuple[tuple[str, int, str, str, str, float], ...]
    claims_met: bool

    @property
    def run(self) -> Path:
        """Return the run folder."""
        return self.folder


@frozen
class RunFailed:
    """The run ended before its folder was complete.

    `error` is what stopped it, `where` the notes on it (step, component, plugin, place in the
    recipe, as far as they are known), each on one line. `interrupted` says that a person stopped
    it; `kept`, that `cfplug resume` can go on from `folder`, the unfinished run folder, which is
    removed otherwise.
    """

    folder: Path
    error: str
    where: tuple[str, ...]
    interrupted: bool
    kept: bool
    run: Path = Path()


@hookspec
def cfplug_run_started(event: RunStarted) -> None:
    """Called once, before anything is read, and again when a stopped run is resumed."""


@hookspec
def cfplug_step_finished(event: StepFinished) -> None:
    """Called after each step."""


@hookspec
def cfplug_epoch_finished(event: EpochFinished) -> None:
    """Called after each epoch of a model that learns by gradient."""


@hookspec
def cfplug_run_finished(event: RunFinished) -> None:
    """Called once, when the run folder is complete."""


@hookspec
def cfplug_run_failed(event: RunFailed) -> None:
    """Called once, instead of `cfplug_run_finished`, when an error or a person stops the run."""
