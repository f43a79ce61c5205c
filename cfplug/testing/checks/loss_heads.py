"""The heads of a loss that is tried, on each scale; outputs for them, drawn or with the least loss."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from cfplug.data.dataset import Scale
from cfplug.errors import CfplugError
from cfplug.plugin.components import DISTRIBUTION
from cfplug.testing.check import BrokenLawError, Subject

SCALES = {
    "whole stars": Scale(1.0, 5.0, (1.0, 2.0, 3.0, 4.0, 5.0)),
    "half stars": Scale(0.5, 5.0, tuple(half / 2 for half in range(1, 11))),
    "no levels": Scale(-2.5, 7.25),
}
"""The scales on which a loss is tried; the last only where it needs no levels."""

STEPS, RATE = 200, 0.4
"""How outputs of least loss are looked for: so many steps of Adam at a rate that falls to nothing from this one."""

LARGE = 80.0
"""Outputs as far from zero as this must do no harm: in single precision exp(80) is still a number."""


@frozen
class Case:
    """Outputs of a few rows, no further from zero than `spread`, and ratings for them, on the scale of this name."""

    scale: str
    rows: int
    spread: float
    seed: int

    def outputs(self, head: Any, dtype: torch.dtype = torch.float32) -> Tensor:
        """Shape (rows, n_outputs + per_user)."""
        rng = np.random.default_rng([self.seed, 1])
        return torch.as_tensor(
            rng.uniform(-self.spread, self.spread, (self.rows, _width(head))), dtype=dtype
        )

    def ratings(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Shape (rows,)."""
        scale, rng = SCALES[self.scale], np.random.default_rng([self.seed, 2])
        drawn = (
            rng.choice(scale.levels, self.rows)
            if scale.levels
            else rng.uniform(scale.low, scale.high, self.rows)
        )
        return torch.as_tensor(drawn, dtype=dtype)


def gives_distribution(subject: Subject) -> bool:
    """Whether the loss declares a distribution."""
    return DISTRIBUTION in subject.component.provides  # type: ignore[attr-defined]


def scales_of(subject: Subject) -> list[str]:
    """The names of the scales for which there must be a head."""
    needs_levels = subject.component.needs_levels  # type: ignore[attr-defined]
    return [name for name, scale in SCALES.items() if scale.levels or not needs_levels]


@functools.lru_cache(maxsize=256)
def scales_with_head(subject: Subject) -> tuple[str, ...]:
    """The scales for which there is a head; `builds_on_every_scale` tells of the others."""
    found = []
    for name in scales_of(subject):
        try:
            head_of(subject, name)
        except CfplugError:
            continue
        found.append(name)
    if not found:
        raise BrokenLawError("there is a head for none of the scales on which a loss is tried")
    return tuple(found)


def cases(subject: Subject, spreads: tuple[float, ...], rows: int = 7) -> SearchStrategy[Case]:
    """Outputs on any of the scales, for at most so many rows."""
    return st.builds(
        Case,
        st.sampled_from(scales_with_head(subject)),
        st.integers(1, rows),
        st.sampled_from(spreads),
        st.integers(0, 999),
    )


def built_head(subject: Subject, name: str) -> Any:
    """A new head, or whatever `build` gives."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return subject.function("build")(subject.params, SCALES[name])


@functools.lru_cache(maxsize=256)
def head_of(subject: Subject, name: str) -> Any:
    """The head of a scale, made once for all laws."""
    return built_head(subject, name).eval()


def _width(head: Any) -> int:
    """How many numbers of a row the head takes: its outputs and, where it has them, the user's own."""
    return int(head.n_outputs) + int(getattr(head, "per_user", 0))


@functools.lru_cache(maxsize=256)
def perfect_outputs(subject: Subject, name: str) -> tuple[Tensor, Tensor, Any]:
    """Ratings over the whole scale, the outputs of least loss for them, and the head that was trained along."""
    scale = SCALES[name]
    ratings = torch.tensor(
        scale.levels or np.linspace(scale.low, scale.high, 7).tolist(), dtype=torch.float64
    )
    head = copy.deepcopy(head_of(subject, name)).double()
    outputs = torch.zeros(len(ratings), head.n_outputs, dtype=torch.float64, requires_grad=True)
    own = torch.zeros(len(ratings), _width(head) - head.n_outputs, dtype=torch.float64)
    learned = [each for each in head.parameters() if each.requires_grad]
    _descend(lambda: head.loss(torch.cat([outputs, own], dim=1), ratings), [outputs, *learned])
    return ratings, torch.cat([outputs, own], dim=1).detach(), head


def _descend(loss: Callable[[], Tensor], numbers: list[Tensor]) -> None:
    """Adam (Kingma and Ba, 2015) with a rate that falls to nothing; torch's own takes seconds to import."""
    means = [(torch.zeros_like(each), torch.zeros_like(each)) for each in numbers]
    for step in range(1, STEPS + 1):
        slopes = torch.autograd.grad(loss(), numbers, allow_unused=True)
        with torch.no_grad():
            for each, slope, (mean, square) in zip(numbers, slopes, means, strict=True):
                if slope is not None:
                    mean.mul_(0.9).add_(slope, alpha=0.1)
                    square.mul_(0.99).addcmul_(slope, slope, value=0.01)
                    move = (mean / (1 - 0.9**step)) / ((square / (1 - 0.99**step)).sqrt() + 1e-8)
                    each -= RATE * (1 - step / STEPS) * move


def tolerance(scale: Scale) -> float:
    """How far from its rating the best output may decode: not as far as half the way to another level."""
    return (
        0.45 * float(np.diff(scale.levels).min())
        if scale.levels
        else 0.05 * (scale.high - scale.low)
    )


def ends(subject: Subject, scale: Scale) -> tuple[float, float]:
    """Between which numbers every decoded rating lies: where levels have probabilities, or a `range` is given."""
    span = getattr(subject.params, "range", None)
    if gives_distribution(subject):
        return scale.low, scale.high
    return (min(span), max(span)) if span else (-np.inf, np.inf)


def slopes(loss: Callable[[Tensor], Tensor], outputs: Tensor, step: float = 1e-6) -> Tensor:
    """The gradient by central differences, shape of `outputs`."""
    found = torch.empty_like(outputs)
    for place in np.ndindex(*outputs.shape):
        sides = []
        for way in (step, -step):
            moved = outputs.clone()
            moved[place] += way
            sides.append(loss(moved).item())
        found[place] = (sides[0] - sides[1]) / (2 * step)
    return found


def scale_words(name: str) -> str:
    """A scale as a message says it."""
    scale = SCALES[name]
    return f"the scale {scale.low:g} to {scale.high:g} ({name})"


def few(numbers: Tensor) -> str:
    """The first of some numbers, as a message says them."""
    flat = [f"{number:.4g}" for number in numbers.detach().flatten().tolist()]
    return f"[{', '.join(flat[:8])}{', ...' if len(flat) > 8 else ''}]"
