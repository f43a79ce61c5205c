"""Losses: how many outputs a model needs, what is minimised, how outputs become a rating."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

import cfplug
from cfplug.errors import ParameterError


def _check_range(span: tuple[float, float] | None) -> None:
    if span is not None and span[0] >= span[1]:
        raise ParameterError("range", f"must go from low to high; is {list(span)}")


def _range() -> Any:
    return cfplug.param(
        None,
        help="squash outputs into (low, high) by a sigmoid; wider than the scale lets ratings "
        "reach its ends",
    )


def _label_smoothing() -> Any:
    return cfplug.param(
        0.0,
        at_least=0,
        below=1,
        help="share of each rating's weight given to other levels, chosen by smooth_over",
    )


def _smooth_over() -> Any:
    return cfplug.param(
        "all",
        choices=["all", "neighbors"],
        help="spread that share over all levels, or over the next level below and above",
    )


def _class_weights() -> Any:
    return cfplug.param(
        None,
        above=0,
        help="weight of a rating of each level, lowest level first; null: all the same. "
        "With weights the distribution is no longer that of the data",
    )


@attrs.frozen
class Mse:
    """Mean squared error, with an optional sigmoid range."""

    range: tuple[float, float] | None = _range()

    def __attrs_post_init__(self) -> None:
        _check_range(self.range)


@attrs.frozen
class Mae:
    """Mean absolute error, with an optional sigmoid range: it fits the median, not the mean."""

    range: tuple[float, float] | None = _range()

    def __attrs_post_init__(self) -> None:
        _check_range(self.range)


@attrs.frozen
class Huber:
    """Huber's loss, with an optional sigmoid range: squared for small errors, else absolute.

    For an error e it is e^2 / 2 where |e| <= delta, and delta (|e| - delta / 2) beyond (Huber,
    1964).
    """

    delta: float = cfplug.param(
        1.0, above=0, unit="rating points", help="the error above which the loss is linear"
    )
    range: tuple[float, float] | None = _range()

    def __attrs_post_init__(self) -> None:
        _check_range(self.range)


@attrs.frozen
class CrossEntropy:
    """Cross-entropy over the rating levels, one output each; the rating is the expectation."""

    label_smoothing: float = _label_smoothing()
    smooth_over: str = _smooth_over()
    class_weights: tuple[float, ...] | None = _class_weights()


@attrs.frozen
class Ordinal:
    """Cumulative logits over the rating levels; the rating is the expectation.

    P(rating <= level k) = sigmoid(c_k - output), with one output and learned cut points
    c_1 < c_2 < ... (McCullagh, 1980).
    """

    cut_points: str = cfplug.param(
        "shared",
        choices=["shared", "per-user"],
        help="one set of cut points for all, or one for each user, as some rate higher than others",
    )
    label_smoothing: float = _label_smoothing()
    smooth_over: str = _smooth_over()
    class_weights: tuple[float, ...] | None = _class_weights()


@cfplug.hookimpl
def cfplug_losses() -> Sequence[cfplug.Loss]:
    return [
        cfplug.Loss("mse", Mse, build="cfplug_losses.errors:squared"),
        cfplug.Loss("mae", Mae, build="cfplug_losses.errors:absolute"),
        cfplug.Loss("huber", Huber, build="cfplug_losses.errors:huber"),
        cfplug.Loss(
            "cross-entropy",
            CrossEntropy,
            build="cfplug_losses.categories:cross_entropy",
            provides="distribution",
            needs_levels=True,
        ),
        cfplug.Loss(
            "ordinal",
            Ordinal,
            build="cfplug_losses.cumulative:ordinal",
            provides="distribution",
            needs_levels=True,
        ),
    ]
