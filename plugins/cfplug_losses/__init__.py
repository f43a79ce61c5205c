"""Heads and objectives: how many outputs a model needs, what is minimised, how outputs become a rating."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

import cfplug


@attrs.frozen
class Mse:
    """Mean squared error, with an optional sigmoid range."""

    range: tuple[float, float] | None = cfplug.param(
        None,
        help="squash outputs into (low, high) by a sigmoid; wider than the scale lets ratings reach its ends",
    )

    def __attrs_post_init__(self) -> None:
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"range: must go from low to high; is {list(self.range)}")


@cfplug.hookimpl
def cfplug_losses() -> Sequence[cfplug.Loss]:
    return [cfplug.Loss("mse", Mse, build="cfplug_losses.heads:squared_error")]
