"""What the `train` table of a recipe may say: settings of models that learn by gradient."""

from __future__ import annotations

from attrs import frozen

from cfplug.params import param

SCHEDULES = ("one-cycle", "constant")
OPTIMIZERS = ("adam", "sgd")


@frozen
class TrainSettings:
    """How a model that learns by gradient is trained."""

    epochs: int = param(5, at_least=1, help="passes over the training ratings")
    learning_rate: float = param(5e-3, above=0, help="the highest rate of the schedule")
    weight_decay: float = param(
        0.1,
        at_least=0,
        help="decoupled decay of every parameter: each step subtracts learning_rate x weight_decay x value",
    )
    batch_size: int = param(64, at_least=1, unit="ratings", help="ratings a step")
    schedule: str = param("one-cycle", choices=SCHEDULES, help="how the learning rate goes")
    optimizer: str = param("adam", choices=OPTIMIZERS, help="the rule of a step")
    momentum: float = param(
        0.9, at_least=0, below=1, help="of sgd, and the first moment of adam where the schedule is constant"
    )
