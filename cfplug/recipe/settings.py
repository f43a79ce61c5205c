"""Define the `train` and `features` tables of a recipe."""

from __future__ import annotations

from itertools import pairwise

import attrs
from attrs import frozen

from cfplug.errors import ParameterError, shown
from cfplug.params import param, plain

SCHEDULES = ("one-cycle", "constant", "flat-cosine", "sgdr", "steps")
OPTIMIZERS = ("adam", "sgd")
DECAYS = ("decoupled", "coupled")
DECAY_ROWS = ("all", "occurring")
AVERAGES = ("none", "ema", "mean")
MONITORS = ("valid_loss", "mse", "rmse", "mae")

DEFAULT_EPOCHS = 5
MOST_EPOCHS = 1_000_000

NEEDS = {
    **dict.fromkeys(("peak_share", "start_divisor"), ("schedule", ("one-cycle",))),
    "flat_share": ("schedule", ("flat-cosine",)),
    **dict.fromkeys(
        ("cycles", "cycle_length", "cycle_multiplier", "warm_up"), ("schedule", ("sgdr",))
    ),
    **dict.fromkeys(("step_epochs", "step_factor"), ("schedule", ("steps",))),
    "average_decay": ("average", ("ema",)),
    "average_from": ("average", ("ema", "mean")),
}
"""Settings that have an effect with certain choices only: the setting, whose choice, and which."""

NEED_PATIENCE = ("min_improvement", "monitor")
"""Settings that have an effect with `patience` only."""


@frozen
class TrainSettings:
    """How a model that learns by gradient is trained; `epochs` is a number once it is made."""

    epochs: int | None = param(
        None,
        at_least=1,
        help=f"passes over the training ratings; {DEFAULT_EPOCHS}, or those of the sgdr cycles",
    )
    learning_rate: float = param(5e-3, above=0, help="the highest rate of the schedule")
    weight_decay: float = param(
        0.1,
        at_least=0,
        help="pull of weights towards zero; not of biases, normalisation and the loss's head",
    )
    batch_size: int = param(
        64,
        at_least=1,
        unit="ratings",
        help="ratings in a step; a single one left over joins the step before",
    )
    schedule: str = param("one-cycle", choices=SCHEDULES, help="how the learning rate changes")
    optimizer: str = param("adam", choices=OPTIMIZERS, help="the rule of a step")
    momentum: float = param(
        0.9,
        at_least=0,
        below=1,
        help="of sgd, or adam's beta1; one-cycle sets it to .95, .85, .95 in turn",
    )
    beta2: float = param(
        0.99, at_least=0, below=1, help="decay of adam's mean of squared gradients"
    )
    epsilon: float = param(1e-5, above=0, help="what adam adds to the root of that mean")
    threads: int = param(
        1,
        at_least=1,
        help="processor threads of a step; more help wide networks and slow down small models",
    )
    peak_share: float = param(
        0.25, above=0, below=1, help="one-cycle: the share of the training before its peak"
    )
    start_divisor: float = param(
        25.0, at_least=1, help="one-cycle: how many times lower than its peak the rate begins"
    )
    flat_share: float = param(
        0.75,
        at_least=0,
        below=1,
        help="flat-cosine: the share of the training before the rate falls",
    )
    cycles: int = param(
        2, at_least=1, at_most=100, help="sgdr: how often the rate falls from its highest to zero"
    )
    cycle_length: int = param(
        1, at_least=1, unit="epochs", help="sgdr: the length of the first cycle"
    )
    cycle_multiplier: int = param(
        2, at_least=1, help="sgdr: how many times longer than the last each cycle is"
    )
    warm_up: float = param(
        0.0,
        at_least=0,
        below=1,
        help="sgdr: the share of the first cycle that has a hundredth of the rate",
    )
    step_epochs: tuple[int, ...] = param(
        (), at_least=1, help="steps: the epochs after which the rate drops"
    )
    step_factor: float = param(0.1, above=0, help="steps: what the rate is multiplied by there")
    decay: str = param(
        "decoupled",
        choices=DECAYS,
        help="weight decay apart from the gradient, or coupled: added to the gradient",
    )
    decay_rows: str = param(
        "all",
        choices=DECAY_ROWS,
        help="all rows of an embedding decay alike, or each as often as it occurs in the step",
    )
    patience: int | None = param(
        None,
        at_least=1,
        unit="epochs",
        help="stop after this many without improvement and keep the best epoch; null: never",
    )
    min_improvement: float = param(
        0.0, at_least=0, help="by how much the best must be beaten to be improved upon"
    )
    monitor: str = param(
        "valid_loss", choices=MONITORS, help="the validation number that must fall"
    )
    average: str = param(
        "none",
        choices=AVERAGES,
        help="average the weights over the steps: ema weighs late steps more",
    )
    average_decay: float = param(
        0.999, at_least=0, below=1, help="ema: what the average keeps of itself in each step"
    )
    average_from: float = param(
        0.0, at_least=0, below=1, help="the share of the training before averaging begins"
    )

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(type(self)):
            if getattr(self, field.name) != field.default:
                self._check_used(field.name)
        self._check_steps()
        # a default that depends on other settings
        object.__setattr__(self, "epochs", self._all_epochs())

    @property
    def cycle_lengths(self) -> tuple[int, ...]:
        """Return the epochs of each cycle of sgdr: length times multiplier**position."""
        factors = [self.cycle_multiplier**position for position in range(self.cycles)]
        return tuple(self.cycle_length * factor for factor in factors)

    def _check_used(self, name: str) -> None:
        """Refuse a setting that has no effect: no one sets it on purpose."""
        owner, choices = NEEDS.get(name, ("", ()))
        if owner and getattr(self, owner) not in choices:
            needed, found = " or ".join(choices), getattr(self, owner)
            raise ParameterError(
                name, f"has no effect where {owner} is {found}; it needs {owner}: {needed}"
            )
        if name in NEED_PATIENCE and self.patience is None:
            raise ParameterError(
                name, "has no effect without patience, the epochs to wait for an improvement"
            )

    def _check_steps(self) -> None:
        steps = self.step_epochs
        if self.schedule == "steps" and not steps:
            needed = "step_epochs, the epochs after which the rate drops, such as [3]"
            raise ParameterError("schedule", f"steps needs {needed}")
        if any(later <= earlier for earlier, later in pairwise(steps)):
            raise ParameterError("step_epochs", f"must rise; is {list(steps)}")

    def _all_epochs(self) -> int:
        if self.schedule != "sgdr":
            return DEFAULT_EPOCHS if self.epochs is None else self.epochs
        needed = sum(self.cycle_lengths)
        if needed > MOST_EPOCHS:
            must = f"must take at most {MOST_EPOCHS:,} epochs in all, and these take more"
            raise ValueError(f"cycles: {must}; lower cycle_multiplier, cycle_length or cycles")
        if self.epochs not in (None, needed):
            lengths = " + ".join(map(str, self.cycle_lengths))
            must = f"must be {needed}, as the cycles of sgdr are {lengths}, or left out"
            raise ParameterError("epochs", f"{must}; is {self.epochs}")
        return needed


ALL = "all"
"""Means every column that a model can use."""

TIME_PARTS = ("year", "month", "day-of-week", "hour", "elapsed", "item-age")
"""The parts of a rating's time that a model may use.

`elapsed` is the time since the first training rating, `item-age` the time since the item's release.
"""


@frozen
class FeatureChoice:
    """Which metadata models may use: columns by name, or `all`."""

    user: tuple[str, ...] = param((), help="columns of the users table")
    item: tuple[str, ...] = param((), help="columns of the items table")
    time: tuple[str, ...] = param(
        (),
        choices=(ALL, *TIME_PARTS),
        help="parts of the rating's time; elapsed: since the first training rating",
    )
    context: tuple[str, ...] = param((), help="further columns of the ratings")

    def __attrs_post_init__(self) -> None:
        for side, names in plain(self).items():
            if len(set(names)) < len(names):
                raise ParameterError(side, f"names a column twice; is {shown(names)}")
            if ALL in names and len(names) > 1:
                raise ParameterError(side, f"all must be the only entry; is {shown(names)}")
