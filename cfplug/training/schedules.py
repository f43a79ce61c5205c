"""Which learning rate and momentum a step has, by the part of the training that is done."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
import pandas as pd
from fastai.callback.schedule import combined_cos, sched_cos

from cfplug.recipe.settings import TrainSettings

Course = Callable[[float], float]
"""A hyper-parameter by the part of the training that is done, from 0 to 1."""

MOMENTUM = (0.95, 0.85, 0.95)
END_DIVISOR = 1e5

MOST_STEPS = 2_000
"""Steps that a person is shown: evenly drawn where there are more."""


def courses(settings: TrainSettings, epochs: int) -> dict[str, Course]:
    """The courses of `lr` and, for one-cycle, of `mom` (fastai's names); none for a constant rate.

    one-cycle (Smith, 2018, with fastai's cosines): rate / start_divisor up to the rate, then down
    to rate / 1e5, while the momentum goes down and up. flat-cosine: the rate, then a cosine down to
    rate / 1e5. sgdr (Loshchilov and Hutter, ICLR 2017): in each cycle rate * (1 + cos(pi * part of
    the cycle that is done)) / 2, but rate / 100 in the part `warm_up` of the first, as in fastai
    0.7 with a twentieth. steps: the rate times step_factor**(how many of step_epochs are done).
    """
    rate = settings.learning_rate
    if settings.schedule == "one-cycle":
        share = settings.peak_share
        up_and_down = combined_cos(share, rate / settings.start_divisor, rate, rate / END_DIVISOR)
        return {"lr": up_and_down, "mom": combined_cos(share, *MOMENTUM)}
    if settings.schedule == "flat-cosine":
        return {"lr": combined_cos(settings.flat_share, rate, rate, rate / END_DIVISOR)}
    if settings.schedule == "sgdr":
        return {"lr": _cycles(rate, settings.cycle_lengths, settings.warm_up)}
    if settings.schedule == "steps":
        drops = [epoch / epochs for epoch in settings.step_epochs]
        return {"lr": lambda done: rate * settings.step_factor ** bisect_right(drops, done)}
    return {}


def by_step(settings: TrainSettings | None, epochs: int, rows: int) -> pd.DataFrame:
    """Return the learning rate and momentum of each step: step and epoch from 1, and both.

    At most 2,000 steps, the first and the last among them. Empty without settings, for a model that
    fits itself.
    """
    columns = ("step", "epoch", "learning_rate", "momentum")
    if settings is None or not epochs:
        return pd.DataFrame({name: pd.Series(dtype=float) for name in columns})
    an_epoch = steps_of(rows, settings.batch_size)
    planned_epochs = settings.epochs or epochs
    n_steps = an_epoch * epochs
    shown = np.linspace(0, n_steps - 1, min(n_steps, MOST_STEPS)).round()
    steps = np.unique(shown.astype(int))
    done = [step / (an_epoch * planned_epochs) for step in steps]
    course = courses(settings, planned_epochs)
    rate = course.get("lr", lambda done: settings.learning_rate)
    momentum = course.get("mom", lambda done: settings.momentum)
    values = (steps + 1, steps // an_epoch + 1, list(map(rate, done)), list(map(momentum, done)))
    return pd.DataFrame(dict(zip(columns, values, strict=True)))


def steps_of(rows: int, batch_size: int) -> int:
    """How many batches an epoch has: one row that is left over joins the batch before it."""
    left_over = rows > batch_size > 1 and rows % batch_size == 1
    return len(range(0, rows - 1 if left_over else rows, batch_size))


def _cycles(rate: float, lengths: Sequence[int], warm_up: float) -> Course:
    """Cosines from `rate` to 0, the first after a share of it at a hundredth of the rate.

    The ends are divided as fastai divides an epoch's number, so an epoch that begins a cycle falls
    into it to the bit.
    """
    ends = [end / sum(lengths) for end in accumulate(lengths)]
    starts = [0.0, *ends]

    def course(done: float) -> float:
        if done < warm_up * ends[0]:
            return rate / 100
        cycle = min(bisect_right(ends, done), len(ends) - 1)
        value: float = sched_cos(rate, 0.0, (done - starts[cycle]) / (ends[cycle] - starts[cycle]))
        return value

    return course
