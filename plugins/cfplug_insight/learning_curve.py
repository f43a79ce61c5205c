"""Training: the loss after each epoch, the learning rate and the momentum of each step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cfplug import Chart, Section

if TYPE_CHECKING:
    from cfplug import Context, FittedModel
    from cfplug.params import NoParams

MOST_STEPS = 500
"""Points that a chart over the steps of training has at most."""

LEVEL = 0.01
"""A loss that moves by no more than this share of itself has hardly moved."""

ABOUT = (
    "The loss is what training makes small. On the training ratings it tells how well the model "
    "learned what it was "
    "shown, on the validation ratings, which it was not shown, how well that serves elsewhere."
)


def learning_curve(params: NoParams, fitted: FittedModel, context: Context) -> Section:
    """Return the losses by epoch, the rate and momentum by step, and signs of overfitting.

    Args:
        params: None.
        fitted: A model with its history of training.
        context: Not used.
    """
    history, schedule = fitted.evidence.history, fitted.evidence.schedule
    title = f"Training of {fitted.name}"
    if len(history) == 0:
        return Section(
            title, f"{fitted.name} was not trained in epochs, so there is no curve to show."
        )
    steps = [
        (name.replace("_", " "), *_finite(schedule, name)) for name in ("learning_rate", "momentum")
    ]
    curves = [_curve(word, step, value) for word, step, value in steps if _moves(value)]
    losses = [_losses(history)] if len(history) > 1 else []
    text = [_in_words(word, step, value) for word, step, value in steps if len(value)]
    return Section(title, (ABOUT, _course(history), *text), charts=(*losses, *curves))


def _course(history: pd.DataFrame) -> str:
    """Return which epoch was best, and whether the model overfitted after it."""
    valid = history["valid_loss"].to_numpy(dtype=float)
    n = len(history)
    if not np.isfinite(valid).any():
        return f"The validation loss was not a finite number after any of the {n:,} epochs."
    best = int(np.nanargmin(np.where(np.isfinite(valid), valid, np.nan)))
    if n == 1:
        return (
            f"After the one epoch the validation loss was {valid[0]:.4g}; one epoch alone shows no "
            "course."
        )
    if best == n - 1:
        return (
            f"The validation loss was lowest after the last of {n:,} epochs, at {valid[best]:.4g}: "
            "there is no sign of overfitting."
        )
    number = int(history["epoch"].iloc[best])
    return (
        f"The validation loss was lowest after epoch {number} of {n:,}, at "
        f"{valid[best]:.4g}{_since(history, best)}"
    )


def _since(history: pd.DataFrame, best: int) -> str:
    """Return the end of that sentence: the losses after the row `best`, which is not the last."""
    train, valid = (history[name].to_numpy(dtype=float) for name in ("train_loss", "valid_loss"))
    rise = valid[-1] - valid[best]
    if not math.isfinite(rise):
        return ", and was not a finite number at the end."
    if rise <= LEVEL * abs(valid[best]):
        return f", and has hardly moved since: {valid[-1]:.4g} at the end."
    share = f", by {100 * rise / abs(valid[best]):.3g} %," if valid[best] else ""
    text = f", and has risen since{share} to {valid[-1]:.4g}"
    if not train[-1] < train[best]:
        return (
            f"{text}. The training loss did not fall either, so training was unsteady; a lower "
            "rate may help."
        )
    return (
        f"{text}, while the training loss went on falling, from {train[best]:.4g} to "
        f"{train[-1]:.4g}. This is "
        "overfitting: the model learned its training ratings by heart, at the cost of all others. "
        "Fewer epochs or "
        "more weight decay work against it."
    )


def _number(value: float, digits: int) -> float | None:
    """Return `value` with `digits` significant digits; None if it is not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def _losses(history: pd.DataFrame) -> Chart:
    rows = [
        (int(epoch), _number(loss, 6), which)
        for name, which in (("train_loss", "training"), ("valid_loss", "validation"))
        for epoch, loss in zip(history["epoch"], history[name], strict=True)
    ]
    return Chart(
        "Loss by epoch", "line", ("epoch", "loss", "part"), rows, x="epoch", y="loss", color="part"
    )


def _finite(schedule: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps at which a column has a finite number, and these numbers."""
    value = schedule[name].to_numpy(dtype=float)
    return schedule["step"].to_numpy()[np.isfinite(value)], value[np.isfinite(value)]


def _moves(value: np.ndarray) -> bool:
    return len(value) > 0 and bool((value != value[0]).any())


def _in_words(word: str, step: np.ndarray, value: np.ndarray) -> str:
    """Where a course by step starts and ends, and its peak or trough between."""
    if not _moves(value):
        return f"The {word} was {value[0]:.4g} at every step."
    between = [
        at for at in (value.argmax(), value.argmin()) if value[at] not in (value[0], value[-1])
    ]
    through = "".join(f" through {value[at]:.4g} at step {step[at]:,}" for at in sorted(between))
    return (
        f"The {word} went from {value[0]:.4g}{through} to {value[-1]:.4g} at step {step[-1]:,}, "
        "the last."
    )


def _curve(word: str, step: np.ndarray, value: np.ndarray) -> Chart:
    rows = [(int(step[at]), float(f"{value[at]:.6g}")) for at in thinned(value)]
    return Chart(f"{word.capitalize()} by step", "line", ("step", word), rows, x="step", y=word)


def thinned(values: np.ndarray, most: int = MOST_STEPS) -> np.ndarray:
    """Return at most `most` evenly spread positions in `values`, (n,), with its extremes."""
    if len(values) <= most:
        return np.arange(len(values))
    spread = np.linspace(0, len(values) - 1, most - 2).round().astype(int)
    return np.unique(np.append(spread, [values.argmax(), values.argmin()]))
