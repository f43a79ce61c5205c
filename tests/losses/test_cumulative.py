"""The loss `ordinal`: ordered cut points, probabilities by definition, cut points per user."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from cfplug_losses import Ordinal
from cfplug_losses.cumulative import Cumulative, ordinal
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Scale

quick = settings(max_examples=20, deadline=None)


def head(n_levels: int, cut_points: str = "shared") -> Cumulative:
    return ordinal(
        Ordinal(cut_points), Scale(1.0, n_levels, tuple(map(float, range(1, n_levels + 1))))
    )


def shuffled(head: Cumulative, seed: int) -> Cumulative:
    """The head with other cut points than it starts with."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter += torch.randn_like(parameter)
    return head


@quick
@given(n_levels=st.integers(2, 10), output=st.floats(-9, 9, width=32), seed=st.integers(0, 999))
def test_probabilities_are_differences_of_sigmoids(n_levels: int, output: float, seed: int) -> None:
    head_ = shuffled(head(n_levels), seed).double()
    cuts = head_.cut_points()[0].tolist()
    below = [0.0, *(1 / (1 + math.exp(output - cut)) for cut in cuts), 1.0]
    found = head_.distribution(torch.tensor([[output]], dtype=torch.float64))[0].tolist()
    assert found == pytest.approx(np.diff(below).tolist(), abs=1e-12)


@quick
@given(
    n_levels=st.integers(2, 10),
    rate=st.floats(1e-3, 30),
    steps=st.integers(1, 25),
    seed=st.integers(0, 999),
    cut_points=st.sampled_from(["shared", "per-user"]),
)
def test_cut_points_stay_ordered_after_any_number_of_steps(
    n_levels: int, rate: float, steps: int, seed: int, cut_points: str
) -> None:
    head_ = head(n_levels, cut_points)
    torch.manual_seed(seed)
    outputs = torch.randn(7, 1 + head_.per_user).requires_grad_()
    optimizer = torch.optim.SGD([outputs, *head_.parameters()], lr=rate, momentum=0.9)
    for _ in range(steps):
        rating = torch.randint(1, n_levels + 1, (7,)).float()
        optimizer.zero_grad()
        head_.loss(outputs, rating).backward()
        optimizer.step()
        cuts = head_.cut_points(outputs[:, 1:] if head_.per_user else None)
        assert cuts.isfinite().all()
        assert (cuts.diff(dim=1) > 0).all() or cuts.abs().max() > 500  # where single precision ends
        assert (cuts.diff(dim=1) >= 0).all()


@quick
@given(
    spread=st.floats(-(2.0**100), 80, width=32), output=st.floats(-(2.0**100), 2.0**100, width=32)
)
def test_a_level_that_is_all_but_impossible_still_has_a_slope(spread: float, output: float) -> None:
    head_ = head(3)
    with torch.no_grad():
        head_.spread.fill_(spread)
    outputs = torch.tensor([[output]], requires_grad=True)
    loss = head_.loss(outputs, torch.tensor([2.0]))
    loss.backward()
    assert loss.isfinite()
    assert all(
        each.grad is not None and each.grad.isfinite().all()
        for each in [outputs, *head_.parameters()]
    )


@quick
@given(
    n_levels=st.integers(2, 10),
    outputs=st.lists(st.floats(-9, 9), min_size=2, max_size=9),
    seed=st.integers(0, 999),
)
def test_a_higher_output_is_a_higher_rating(n_levels: int, outputs: list[float], seed: int) -> None:
    head_ = shuffled(head(n_levels), seed).double()
    rising = torch.tensor(sorted(outputs), dtype=torch.float64)[:, None]
    assert (head_.decode(rising).diff() >= -1e-12).all()  # equals may differ by rounding
    ends = head_.decode(torch.tensor([[-1e9], [1e9]], dtype=torch.float64)).tolist()
    assert ends == pytest.approx([1.0, n_levels])


@quick
@given(output=st.floats(-6, 6), seed=st.integers(0, 999))
def test_two_levels_are_logistic_regression(output: float, seed: int) -> None:
    head_ = shuffled(head(2), seed).double()
    outputs = torch.tensor([[output], [output]], dtype=torch.float64)
    (cut,) = head_.cut_points()[0].tolist()
    truth = torch.tensor([0.0, 1.0], dtype=torch.float64)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(outputs.squeeze(1) - cut, truth)
    assert head_.loss(outputs, truth + 1).item() == pytest.approx(expected.item())
    assert head_.spread.shape == (0,)


@quick
@given(n_levels=st.integers(2, 10), seed=st.integers(0, 999))
def test_a_user_whose_numbers_are_zero_has_the_shared_cut_points(n_levels: int, seed: int) -> None:
    shared, own = (shuffled(head(n_levels, word), seed) for word in ("shared", "per-user"))
    assert (shared.per_user, own.per_user) == (0, n_levels - 1)
    assert shared.n_outputs == own.n_outputs == 1
    outputs = torch.randn(5, 1)
    padded = torch.cat([outputs, torch.zeros(5, n_levels - 1)], dim=1)
    assert torch.allclose(shared.distribution(outputs), own.distribution(padded), atol=1e-6)
    assert torch.equal(shared.cut_points(), own.cut_points())


def test_the_first_number_of_a_user_moves_all_cut_points_and_the_others_one_gap_each() -> None:
    head_ = head(5, "per-user")
    numbers = torch.tensor([[0.7, 0, 0, 0], [0, 0, 2.0, 0]])
    moved, widened = head_.cut_points(numbers)
    shared = head_.cut_points()[0]
    assert (moved - shared).tolist() == pytest.approx([0.7] * 4, abs=1e-6)
    gaps = (widened.diff() - shared.diff()).tolist()
    assert (gaps[0], gaps[2]) == pytest.approx((0, 0), abs=1e-6)
    assert gaps[1] > 0.5
    assert widened[0] == shared[0]


def test_a_users_own_cut_points_distinguish_users_of_extremes_from_users_of_the_middle() -> None:
    head_ = head(5, "per-user")
    outputs = torch.zeros(2, 5, requires_grad=True)
    optimizer = torch.optim.Adam([outputs], lr=0.1)
    rating = torch.tensor([[1.0, 5.0, 1.0, 5.0, 5.0], [3.0, 3.0, 2.0, 3.0, 4.0]])
    for _ in range(200):
        optimizer.zero_grad()
        head_.loss(outputs.repeat_interleave(5, 0), rating.flatten()).backward()
        optimizer.step()
    extremes, middle = head_.distribution(outputs)
    assert extremes[[0, 4]].sum() > 0.95
    assert middle[1:4].sum() > 0.95
