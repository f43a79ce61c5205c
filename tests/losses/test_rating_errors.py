"""The losses `mse`, `mae` and `huber`: range of ratings, what is minimised, gradients."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from cfplug_losses import Huber, Mae, Mse
from cfplug_losses.errors import RatingError, absolute, huber, squared
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cfplug import Scale

quick = settings(max_examples=30, deadline=None)

SCALE = Scale(1.0, 5.0)
Span = tuple[float, float] | None
ends = st.tuples(st.floats(-20, 20), st.floats(0.5, 30)).map(
    lambda drawn: (drawn[0], drawn[0] + drawn[1])
)
spans = st.none() | ends
rows = st.lists(st.tuples(st.floats(-8, 8), st.floats(-5, 5)), min_size=1, max_size=9)
deltas = st.floats(0.1, 4)
names = st.sampled_from(["mse", "mae", "huber"])


def head(name: str, span: Span, delta: float = 1.0) -> RatingError:
    if name == "huber":
        return huber(Huber(delta, span), SCALE)
    return squared(Mse(span), SCALE) if name == "mse" else absolute(Mae(span), SCALE)


def naive_error(name: str, error: float, delta: float) -> float:
    if name == "mse":
        return error**2
    if name == "mae":
        return abs(error)
    return error**2 / 2 if abs(error) <= delta else delta * (abs(error) - delta / 2)


def naive_rating(output: float, span: Span) -> float:
    return output if span is None else span[0] + (span[1] - span[0]) / (1 + np.exp(-output))


def tensors(drawn: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    """Outputs of shape (n, 1) and ratings of shape (n,), in double precision."""
    outputs, ratings = (
        torch.tensor(column, dtype=torch.float64) for column in zip(*drawn, strict=True)
    )
    return outputs[:, None], ratings


@quick
@given(drawn=rows, span=spans, name=names, delta=deltas)
def test_ratings_and_loss_are_their_definitions(
    drawn: list[tuple[float, float]], span: Span, name: str, delta: float
) -> None:
    outputs, truth = tensors(drawn)
    ratings = [naive_rating(output, span) for output, _ in drawn]
    decoded = head(name, span, delta).decode(outputs)
    assert decoded.shape == (len(drawn),)
    assert decoded.tolist() == pytest.approx(ratings)
    errors = [
        naive_error(name, rating - wanted, delta)
        for rating, (_, wanted) in zip(ratings, drawn, strict=True)
    ]
    loss = head(name, span, delta).loss(outputs, truth)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(sum(errors) / len(errors))


@quick
@given(
    outputs=st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=9),
    span=ends,
    name=names,
)
def test_ratings_never_leave_the_range(
    outputs: list[float], span: tuple[float, float], name: str
) -> None:
    low, high = span
    decoded = head(name, span).decode(torch.tensor(outputs)[:, None])
    rounding = 1e-6 * (abs(low) + abs(high) + 1)
    assert decoded.min() >= low - rounding
    assert decoded.max() <= high + rounding


@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_the_ends_of_the_range_are_where_outputs_go_to(name: str) -> None:
    decoded = head(name, (0.0, 5.5)).decode(torch.tensor([[-1e9], [0.0], [1e9]]))
    assert decoded.tolist() == [0.0, 2.75, 5.5]


@quick
@given(drawn=rows, span=spans, delta=deltas)
def test_the_gradient_is_the_slope_of_the_loss(
    drawn: list[tuple[float, float]], span: Span, delta: float
) -> None:
    outputs, truth = tensors(drawn)
    outputs.requires_grad_()
    for name in ("mse", "huber"):  # mae has no slope where the error is zero
        (slope,) = torch.autograd.grad(head(name, span, delta).loss(outputs, truth), outputs)
        step = 1e-5
        for row in range(len(drawn)):
            bump = torch.zeros_like(outputs)
            bump[row] = step
            up, down = (
                head(name, span, delta).loss(outputs.detach() + sign * bump, truth).item()
                for sign in (1, -1)
            )
            assert slope[row].item() == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-5)


def test_mse_goes_to_the_mean_mae_to_the_median_and_huber_between() -> None:
    truth = torch.tensor([1.0, 2.0, 2.0, 5.0, 5.0, 2.0, 5.0, 1.0, 2.0], dtype=torch.float64)
    found = {name: lowest_at(head(name, None), truth) for name in ("mse", "mae", "huber")}
    assert found["mse"] == pytest.approx(25 / 9, abs=0.01)
    assert found["mae"] == pytest.approx(2.0, abs=0.01)
    assert found["mae"] < found["huber"] < found["mse"]


def lowest_at(head: RatingError, truth: Tensor) -> float:
    """The one rating for all rows that has the least loss, on a fine grid."""
    grid = torch.linspace(1, 5, 801, dtype=torch.float64)
    losses = [head.loss(rating.expand(len(truth), 1), truth).item() for rating in grid]
    return float(grid[int(np.argmin(losses))])


@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_the_head_has_one_output_and_nothing_to_learn(name: str) -> None:
    built = head(name, (0.0, 5.5))
    assert built.n_outputs == 1
    assert list(built.parameters()) == []
    assert built.decode(torch.zeros(1, 1)).shape == (1,)
    assert built.decode(torch.zeros(0, 1)).shape == (0,)


@pytest.mark.parametrize("params", [Mse, Mae, partial(Huber, 1.0)])
@pytest.mark.parametrize(
    ("span", "message"),
    [
        ((5.5, 0.0), "range: must go from low to high; is [5.5, 0.0]"),
        ((3.0, 3.0), "range: must go from low to high; is [3.0, 3.0]"),
        ((0.0, float("inf")), "range: must be a finite number; is inf"),
        ((float("nan"), 5.0), "range: must be a finite number; is nan"),
    ],
)
def test_an_invalid_range_is_refused(
    params: Callable[..., object], span: tuple[float, float], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        params(span)


def test_a_delta_that_is_not_above_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("delta: must be above 0; is 0.0")):
        Huber(delta=0.0)
