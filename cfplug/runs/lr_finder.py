"""Find a learning rate for a model from its loss while the rate grows from step to step.

After Smith (WACV 2017), by fastai's `LRFinder`. Nothing is kept of the models that are trained for
it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from attrs import frozen
from fastai.callback.schedule import LRFinder, ParamScheduler, minimum, steep, valley

from cfplug.errors import CfplugError, TrainingError, did_you_mean
from cfplug.files import write_bytes, writing
from cfplug.plugin.registry import Registry
from cfplug.progress import Reporter
from cfplug.random import seed_for
from cfplug.recipe.recipe import Recipe
from cfplug.report import vega
from cfplug.runs.runner import tasks
from cfplug.training.fit import Task, untrained
from cfplug.training.learner import learner_of, quietly

RULES: Mapping[str, Callable[..., tuple[float, object]]] = {
    "valley": valley,
    "steep": steep,
    "minimum": minimum,
}
"""fastai's readings of a curve: in its longest valley, where it falls fastest, and a tenth of the
rate at its lowest point."""

LOWEST, HIGHEST, STEPS = 1e-7, 10.0, 100
_AT_ENDS = (STEPS // 10, 5)
"""Points at each end of a curve that no rule uses, as in fastai: an unsettled mean, the last."""


@frozen(eq=False)
class Sweep:
    """What the sweep of one model gave.

    `curve` has the columns `rate` and `loss`, one row a step; the loss is fastai's, an exponential
    mean over the steps with factor 0.98. `suggestions` holds a rate by each of RULES.
    """

    model: str
    curve: pd.DataFrame
    suggestions: Mapping[str, float]

    def svg(self) -> str:
        """Return a drawing of the curve as a line, with the suggestions as points on it."""
        curve = self.curve[["rate", "loss"]]
        rates = list(self.suggestions.values())
        losses = np.interp(np.log(rates), np.log(curve["rate"]), curve["loss"]).tolist()
        points = []
        for rule, rate, loss in zip(self.suggestions, rates, losses, strict=True):
            points.append({"suggestion": rule, "rate": rate, "loss": loss})
        rate_axis = {"title": "learning rate", "axis": {"format": ".0e"}, "scale": {"type": "log"}}
        loss_axis = {"title": "training loss, smoothed", "scale": {"zero": False}}
        axes = {"x": {"field": "rate", "type": "quantitative", **rate_axis}}
        axes["y"] = {"field": "loss", "type": "quantitative", **loss_axis}
        line = {"type": "line", "color": "#555"}
        point = {"type": "point", "filled": True, "size": 90, "opacity": 1}
        color = {"field": "suggestion", "type": "nominal", "sort": None}
        layers = [
            {"data": {"values": curve.to_dict("records")}, "mark": line, "encoding": axes},
            {"data": {"values": points}, "mark": point, "encoding": {**axes, "color": color}},
        ]
        title = f"{self.model}: the loss as the rate grows"
        size = {"width": 560, "height": 320, "padding": 12}
        return vega.drawn({"title": title, **size, "layer": layers})

    def write(self, folder: Path, stem: str) -> tuple[Path, Path]:
        """Write the plot `stem`.svg and the curve `stem`.csv to `folder`."""
        drawing, table = folder / f"{stem}.svg", folder / f"{stem}.csv"
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_bytes(drawing, self.svg().encode())
            write_bytes(table, self.curve.to_csv(index=False).encode())
        return drawing, table


def find_rates(
    recipe: Recipe, registry: Registry, names: Collection[str], *, reporter: Reporter
) -> Iterator[Sweep]:
    """Yield a sweep of each model of `recipe` that is among `names`, as `models_to_try` gives them.

    The data, split, settings and seed are those of the recipe's first seed and fold; no run folder
    is written. TrainingError if the loss is not a number from the start.
    """
    with tempfile.TemporaryDirectory(prefix="cfplug-") as scratch:
        for task in tasks(recipe, registry, Path(scratch), reporter=reporter):
            if task.use.name in names:
                reporter.progress(None, f"{task.use.name}: trying learning rates")
                yield sweep(task)


def models_to_try(recipe: Recipe, name: str | None) -> list[str]:
    """Return the model called `name`, or all that learn by gradient; CfplugError if none is."""
    learns = {use.name: use.train is not None for use in recipe.models}
    if name is None:
        names = [each for each in learns if learns[each]]
        if not names:
            why = "no model of it learns by gradient, so none has a learning rate"
            raise CfplugError(f"{recipe.source}: {why}")
        return names
    if name not in learns:
        guess = did_you_mean(name, learns)
        raise CfplugError(f"{recipe.source}: no model called {name}{guess} ({', '.join(learns)})")
    if not learns[name]:
        raise CfplugError(f"{recipe.source}: {name} fits itself, so it has no learning rate")
    return [name]


def sweep(task: Task) -> Sweep:
    """Train a model for STEPS steps at rates that grow from LOWEST to HIGHEST by one factor.

    It ends sooner where the loss is four times its lowest. Optimizer, decay and batch size are the
    recipe's; the momentum is that of its settings throughout.
    """
    settings = task.use.train
    assert settings is not None
    parts, device = (task.train, task.valid), task.context.device
    learner = learner_of(untrained(task), parts, settings, seed=task.seed, device=device)
    torch.manual_seed(seed_for(task.seed, f"rates {task.use.name}"))
    with quietly(learner, settings.threads):
        learner.fit(STEPS // len(learner.dls.train) + 1, cbs=_Growing(LOWEST, HIGHEST, STEPS))
    losses = list(map(float, learner.recorder.losses))
    curve = pd.DataFrame({"rate": learner.recorder.lrs, "loss": losses}, dtype=float)
    return read_off(task.use.name, curve)


class _Growing(LRFinder):  # type: ignore[misc]
    """fastai's finder without the file that restores the weights: this model is discarded."""

    def before_fit(self) -> None:
        ParamScheduler.before_fit(self)
        self.best_loss = float("inf")

    def after_fit(self) -> None:
        ParamScheduler.after_fit(self)


def read_off(model: str, curve: pd.DataFrame) -> Sweep:
    """Return the suggestions of a curve of rate and loss, up to the first loss not finite."""
    curve = curve[np.isfinite(curve["loss"]).cummin()]
    first, last = _AT_ENDS
    inner = curve.iloc[first : len(curve) - last]
    if len(inner) < 2:
        raise TrainingError(
            f"{model}: the loss is not a number after {len(curve)} steps, "
            f"at a rate of {LOWEST:g} and more"
        )
    rates, losses = (torch.tensor(inner[name].to_numpy()) for name in ("rate", "loss"))
    suggestions = {name: float(rule(rates, losses, STEPS)[0]) for name, rule in RULES.items()}
    return Sweep(model, curve, suggestions)
