"""The head of `mse`: where its ratings lie, what it minimises, and the slope that training follows."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from cfplug_losses import Mse, cfplug_losses
from cfplug_losses.heads import SquaredError, squared_error
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from cfplug import Scale

quick = settings(max_examples=60, deadline=None)

SCALE = Scale(1.0, 5.0)
ends = st.tuples(st.floats(-20, 20), st.floats(0.5, 30)).map(lambda drawn: (drawn[0], drawn[0] + drawn[1]))
spans = st.none() | ends
rows = st.lists(st.tuples(st.floats(-8, 8), st.floats(-5, 5)), min_size=1, max_size=9)


def head(span: tuple[float, float] | None) -> SquaredError:
    return squared_error(Mse(span), SCALE)


def tensors(drawn: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    """Outputs of shape (n, 1) and ratings of shape (n,), in double precision."""
    outputs, ratings = (torch.tensor(column, dtype=torch.float64) for column in zip(*drawn, strict=True))
    return outputs[:, None], ratings


def naive_rating(output: float, span: tuple[float, float] | None) -> float:
    return output if span is None else span[0] + (span[1] - span[0]) / (1 + np.exp(-output))


@quick
@given(drawn=rows, span=spans)
def test_ratings_and_loss_are_their_definitions(
    drawn: list[tuple[float, float]], span: tuple[float, float] | None
) -> None:
    outputs, truth = tensors(drawn)
    ratings = [naive_rating(output, span) for output, _ in drawn]
    decoded = head(span).decode(outputs)
    assert decoded.shape == (len(drawn),)
    assert decoded.tolist() == pytest.approx(ratings)
    squares = [(rating - wanted) ** 2 for rating, (_, wanted) in zip(ratings, drawn, strict=True)]
    loss = head(span).loss(outputs, truth)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(sum(squares) / len(squares))


@quick
@given(outputs=st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=9), span=ends)
def test_ratings_never_leave_the_range(outputs: list[float], span: tuple[float, float]) -> None:
    low, high = span
    decoded = head(span).decode(torch.tensor(outputs)[:, None])
    rounding = 1e-6 * (abs(low) + abs(high) + 1)
    assert decoded.min() >= low - rounding
    assert decoded.max() <= high + rounding


def test_the_ends_of_the_range_are_where_outputs_go_to() -> None:
    decoded = head((0.0, 5.5)).decode(torch.tensor([[-1e9], [0.0], [1e9]]))
    assert decoded.tolist() == [0.0, 2.75, 5.5]


@quick
@given(drawn=rows, span=spans)
def test_the_gradient_is_the_slope_of_the_loss(
    drawn: list[tuple[float, float]], span: tuple[float, float] | None
) -> None:
    outputs, truth = tensors(drawn)
    outputs.requires_grad_()
    head(span).loss(outputs, truth).backward()
    assert outputs.grad is not None
    step = 1e-5
    for row in range(len(drawn)):
        bump = torch.zeros_like(outputs)
        bump[row] = step
        up, down = (head(span).loss(outputs.detach() + sign * bump, truth).item() for sign in (1, -1))
        assert outputs.grad[row].item() == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-5)


def test_one_row_keeps_its_shape() -> None:
    assert head((0.0, 5.5)).decode(torch.zeros(1, 1)).shape == (1,)
    assert head(None).decode(torch.zeros(0, 1)).shape == (0,)


def test_the_head_has_one_output_and_nothing_to_learn() -> None:
    assert head(None).n_outputs == 1
    assert list(head((0.0, 5.5)).parameters()) == []
    (loss,) = cfplug_losses()
    assert (loss.name, loss.gives, loss.needs_levels) == ("mse", (), False)
    assert loss.function("build") is squared_error


@pytest.mark.parametrize(
    ("span", "told"),
    [
        ((5.5, 0.0), "range: must go from low to high; is [5.5, 0.0]"),
        ((3.0, 3.0), "range: must go from low to high; is [3.0, 3.0]"),
        ((0.0, float("inf")), "range: must be a finite number; is inf"),
        ((float("nan"), 5.0), "range: must be a finite number; is nan"),
    ],
)
def test_a_range_that_is_none_is_refused(span: tuple[float, float], told: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        Mse(span)
