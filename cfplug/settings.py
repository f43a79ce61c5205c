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
        0.1, at_least=0, help="decay of every weight; adam: apart from the gradient, sgd: added to it"
    )
    batch_size: int = param(64, at_least=1, unit="ratings", help="ratings a step")
    schedule: str = param("one-cycle", choices=SCHEDULES, help="how the learning rate goes")
    optimizer: str = param("adam", choices=OPTIMIZERS, help="the rule of a step")
    momentum: float = param(
        0.9, at_least=0, below=1, help="of sgd, or adam's beta1; one-cycle has its own course for it: .95, .85, .95"
    )
    beta2: float = param(0.99, at_least=0, below=1, help="decay of adam's mean of squared gradients")
    epsilon: float = param(1e-5, above=0, help="what adam adds to the root of that mean")
    threads: int = param(
        1, at_least=1, help="processor threads of a step; more than one helps wide networks, and slows small models"
    )
