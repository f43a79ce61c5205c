"""The heads that a loss builds on each scale, with random outputs and those of least loss."""

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
from cfplug.testing.check import CheckError, Subject

SCALES = {
    "whole stars": Scale(1.0, 5.0, (1.0, 2.0, 3.0, 4.0, 5.0)),
    "half stars": Scale(0.5, 5.0, tuple(half / 2 for half in range(1, 11))),
    "no levels": Scale(-2.5, 7.25),
}
"""The scales on which a loss is checked; the last only where it needs no levels."""

STEPS, RATE = 200, 0.4
"""The steps of Adam, and its first rate, in the search for the outputs with the least loss."""

LARGE = 80.0
"""The largest output: in single precision exp(80) is still a number."""


@frozen
class Case:
    """Random outputs of a few rows, from -spread to spread, and ratings on the named scale."""

    scale: str
    rows: int
    spread: float
    seed: int

    def outputs(self, head: Any, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return outputs of shape (rows, n_outputs + per_user)."""
        rng = np.random.default_rng([self.seed, 1])
        drawn = rng.uniform(-self.spread, self.spread, (self.rows, _width(head)))
        return torch.as_tensor(drawn, dtype=dtype)

    def ratings(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return ratings of shape (rows,)."""
        scale, rng = SCALES[self.scale], np.random.default_rng([self.seed, 2])
        if scale.levels:
            drawn = rng.choice(scale.levels, self.rows)
        else:
            drawn = rng.uniform(scale.low, scale.high, self.rows)
        return torch.as_tensor(drawn, dtype=dtype)


def gives_distribution(subject: Subject) -> bool:
    """Return whether the loss declares a distribution."""
    return DISTRIBUTION in subject.component.provides  # type: ignore[attr-defined]


def scales_of(subject: Subject) -> list[str]:
    """Return the names of the scales for which a head must be built."""
    needs_levels = subject.component.needs_levels  # type: ignore[attr-defined]
    return [name for name, scale in SCALES.items() if scale.levels or not needs_levels]


@functools.lru_cache(maxsize=256)
def scales_with_head(subject: Subject) -> tuple[str, ...]:
    """Return the scales for which a head is built; `builds_on_every_scale` reports the others."""
    found = []
    for name in scales_of(subject):
        try:
            head_of(subject, name)
        except CfplugError:
            continue
        found.append(name)
    if not found:
        raise CheckError("build: expected a head for one of the scales, got none")
    return tuple(found)


def cases(subject: Subject, spreads: tuple[float, ...], rows: int = 7) -> SearchStrategy[Case]:
    """Draw outputs on any of the scales for at most `rows` rows."""
    return st.builds(
        Case,
        st.sampled_from(scales_with_head(subject)),
        st.integers(1, rows),
        st.sampled_from(spreads),
        st.integers(0, 999),
    )


def built_head(subject: Subject, name: str) -> Any:
    """Build a new head for a scale."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return subject.function("build")(subject.params, SCALES[name])


@functools.lru_cache(maxsize=256)
def head_of(subject: Subject, name: str) -> Any:
    """Return the head of a scale that the checks share."""
    return built_head(subject, name).eval()


def _width(head: Any) -> int:
    """Return the numbers in a row: the head's outputs and, where it has them, the user's own."""
    return int(head.n_outputs) + int(getattr(head, "per_user", 0))


@functools.lru_cache(maxsize=256)
def best_outputs(subject: Subject, name: str) -> tuple[Tensor, Tensor, Any]:
    """Return ratings over the scale, their outputs of least loss, and the head trained on them."""
    scale = SCALES[name]
    values = scale.levels or np.linspace(scale.low, scale.high, 7).tolist()
    ratings = torch.tensor(values, dtype=torch.float64)
    head = copy.deepcopy(head_of(subject, name)).double()
    outputs = torch.zeros(len(ratings), head.n_outputs, dtype=torch.float64, requires_grad=True)
    per_user = torch.zeros(len(ratings), _width(head) - head.n_outputs, dtype=torch.float64)
    weights = [each for each in head.parameters() if each.requires_grad]

    def loss() -> Tensor:
        value: Tensor = head.loss(torch.cat([outputs, per_user], dim=1), ratings)
        return value

    _minimize(loss, [outputs, *weights])
    return ratings, torch.cat([outputs, per_user], dim=1).detach(), head


def _minimize(loss: Callable[[], Tensor], numbers: list[Tensor]) -> None:
    """Minimize by Adam (Kingma and Ba, 2015); the first use of torch's own takes seconds."""
    means = [(torch.zeros_like(each), torch.zeros_like(each)) for each in numbers]
    for step in range(1, STEPS + 1):
        gradients = torch.autograd.grad(loss(), numbers, allow_unused=True)
        rate = RATE * (1 - step / STEPS)
        with torch.no_grad():
            for each, gradient, (mean, square) in zip(numbers, gradients, means, strict=True):
                if gradient is not None:
                    mean.mul_(0.9).add_(gradient, alpha=0.1)
                    square.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
                    scale = (square / (1 - 0.99**step)).sqrt() + 1e-8
                    each -= rate * mean / (1 - 0.9**step) / scale


def decode_tolerance(scale: Scale) -> float:
    """Return how far from its rating the best output may decode: less than half a level."""
    if scale.levels:
        return 0.45 * float(np.diff(scale.levels).min())
    return 0.05 * (scale.high - scale.low)


def decode_bounds(subject: Subject, scale: Scale) -> tuple[float, float]:
    """Return the bounds of decoded ratings: the scale's, or those of the parameter `range`."""
    if gives_distribution(subject):
        return scale.low, scale.high
    span = getattr(subject.params, "range", None)
    return (min(span), max(span)) if span else (-np.inf, np.inf)


def numeric_gradient(
    loss: Callable[[Tensor], Tensor], outputs: Tensor, step: float = 1e-6
) -> Tensor:
    """Return the gradient by central differences, in the shape of `outputs`."""
    found = torch.empty_like(outputs)
    for place in np.ndindex(*outputs.shape):
        values = []
        for change in (step, -step):
            moved = outputs.clone()
            moved[place] += change
            values.append(loss(moved).item())
        found[place] = (values[0] - values[1]) / (2 * step)
    return found


def scale_name(name: str) -> str:
    """Return a scale as a message names it."""
    scale = SCALES[name]
    return f"the scale {scale.low:g} to {scale.high:g} ({name})"


def few(numbers: Tensor) -> str:
    """Return the first numbers of a tensor as a message shows them."""
    flat = [f"{number:.4g}" for number in numbers.detach().flatten().tolist()]
    return f"[{', '.join(flat[:8])}{', ...' if len(flat) > 8 else ''}]"
