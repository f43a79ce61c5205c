"""Properties of every loss, and of every loss with a distribution over levels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from attrs import frozen
from cfplug_losses import CrossEntropy, Huber, Mae, Mse, Ordinal
from cfplug_losses.categories import cross_entropy
from cfplug_losses.cumulative import ordinal
from cfplug_losses.errors import absolute, huber, squared
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cfplug import Scale

quick = settings(max_examples=20, deadline=None)

Build = Callable[[Scale], Any]

ERRORS: dict[str, Build] = {
    "mse": partial(squared, Mse((0.0, 5.5))),
    "mae": partial(absolute, Mae()),
    "huber": partial(huber, Huber(0.7)),
}
LEVELLED: dict[str, Build] = {
    "cross-entropy": partial(cross_entropy, CrossEntropy()),
    "cross-entropy, smoothed": partial(cross_entropy, CrossEntropy(0.1)),
    "ordinal": partial(ordinal, Ordinal()),
    "ordinal, smoothed over neighbors": partial(
        ordinal, Ordinal(label_smoothing=0.2, smooth_over="neighbors")
    ),
    "ordinal, per user": partial(ordinal, Ordinal("per-user")),
}
every_head = pytest.mark.parametrize(
    "build", (ERRORS | LEVELLED).values(), ids=(ERRORS | LEVELLED).keys()
)
with_levels = pytest.mark.parametrize("build", LEVELLED.values(), ids=LEVELLED.keys())


@frozen(eq=False)
class Drawn:
    """A scale with 2 to 12 levels at uneven distances, n ratings, and numbers for outputs."""

    scale: Scale
    rating: Tensor
    seed: int
    reach: float

    def outputs(self, head: nn.Module) -> Tensor:
        """Outputs of shape (n, n_outputs + per_user) between -reach and reach."""
        width = head.n_outputs + getattr(head, "per_user", 0)
        generator = torch.Generator().manual_seed(self.seed)
        return (2 * torch.rand(len(self.rating), width, generator=generator) - 1) * self.reach


@st.composite
def drawings(draw: st.DrawFn, reach: float = 6.0) -> Drawn:
    steps = draw(st.lists(st.sampled_from([0.1, 0.5, 1.0, 3.0]), min_size=1, max_size=11))
    first = draw(st.sampled_from([-10.0, 0.0, 0.5, 1.0]))
    levels = tuple(first + sum(steps[:count]) for count in range(len(steps) + 1))
    rating = draw(st.lists(st.sampled_from(levels), min_size=1, max_size=7))
    scale = Scale(levels[0], levels[-1], levels)
    return Drawn(
        scale, torch.tensor(rating), draw(st.integers(0, 10_000)), draw(st.floats(0, reach))
    )


@every_head
@quick
@given(drawn=drawings())
def test_the_loss_of_many_rows_is_the_mean_of_one_by_one(build: Build, drawn: Drawn) -> None:
    head = build(drawn.scale)
    outputs = drawn.outputs(head)
    together = head.loss(outputs, drawn.rating)
    alone = [head.loss(outputs[[row]], drawn.rating[[row]]).item() for row in range(len(outputs))]
    assert together.shape == ()
    assert together.item() == pytest.approx(sum(alone) / len(alone), rel=1e-4, abs=1e-5)


@every_head
@quick
@given(drawn=drawings())
def test_a_row_is_decoded_alone_as_among_others(build: Build, drawn: Drawn) -> None:
    head = build(drawn.scale)
    outputs = drawn.outputs(head)
    decoded = head.decode(outputs)
    assert decoded.shape == (len(outputs),)
    alone = [head.decode(outputs[[row]]).item() for row in range(len(outputs))]
    assert decoded.tolist() == pytest.approx(alone, rel=1e-5, abs=5e-5)
    assert head.decode(outputs[:0]).shape == (0,)


@every_head
@quick
@given(drawn=drawings(reach=1e30))
def test_loss_and_gradients_are_finite_however_large_outputs_are(
    build: Build, drawn: Drawn
) -> None:
    head = build(drawn.scale)
    outputs = (
        drawn.outputs(head).clamp(-1e18, 1e18) if build is ERRORS["mse"] else drawn.outputs(head)
    )
    outputs.requires_grad_()
    loss = head.loss(outputs, drawn.rating)
    loss.backward()
    assert loss.isfinite()
    assert all(
        each.grad is not None and each.grad.isfinite().all()
        for each in [outputs, *head.parameters()]
    )
    assert head.decode(outputs).isfinite().all()


@with_levels
@quick
@given(drawn=drawings(reach=1e4))
def test_a_distribution_sums_to_one_and_its_expectation_is_the_rating(
    build: Build, drawn: Drawn
) -> None:
    head = build(drawn.scale)
    outputs = drawn.outputs(head)
    distribution = head.distribution(outputs)
    assert distribution.shape == (len(outputs), len(drawn.scale.levels))
    assert (distribution >= 0).all()
    assert distribution.double().sum(dim=1).tolist() == pytest.approx(
        [1.0] * len(outputs), abs=1e-5
    )
    decoded = head.decode(outputs).double()
    expected = distribution.double() @ torch.tensor(drawn.scale.levels, dtype=torch.float64)
    assert decoded.tolist() == pytest.approx(expected.tolist(), rel=1e-5, abs=5e-5)
    low, high = torch.tensor([drawn.scale.low, drawn.scale.high]).tolist()
    assert decoded.min() >= low
    assert decoded.max() <= high


@with_levels
@quick
@given(drawn=drawings())
def test_gradients_reach_the_outputs_and_every_parameter_of_the_head(
    build: Build, drawn: Drawn
) -> None:
    head = build(drawn.scale)
    rating = torch.tensor(drawn.scale.levels)
    drawn = Drawn(drawn.scale, rating, drawn.seed, min(drawn.reach, 3.0))
    outputs = (
        drawn.outputs(head) + 0.3
    ).requires_grad_()  # at 0 the slope of a middle level is nothing
    weight = torch.arange(
        1.0, len(rating) + 1
    )  # else the slopes of the levels could cancel each other
    loss = sum(w * head.loss(outputs[[row]], rating[[row]]) for row, w in enumerate(weight))
    loss.backward()
    assert outputs.grad is not None
    assert (outputs.grad != 0).any(dim=0).all()
    for parameter in head.parameters():
        assert (parameter.grad != 0).all()


@with_levels
@quick
@given(drawn=drawings())
def test_the_gradient_is_the_slope_of_the_loss(build: Build, drawn: Drawn) -> None:
    head = build(drawn.scale).double()
    outputs = drawn.outputs(head).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda given: head.loss(given, drawn.rating), outputs)


@pytest.mark.parametrize("name", ["cross-entropy", "ordinal", "ordinal, per user"])
@quick
@given(drawn=drawings())
def test_the_loss_is_the_mean_negative_log_likelihood(name: str, drawn: Drawn) -> None:
    head = LEVELLED[name](drawn.scale)
    outputs = drawn.outputs(head)
    codes = [
        min(range(len(drawn.scale.levels)), key=lambda k: abs(drawn.scale.levels[k] - r))
        for r in drawn.rating
    ]
    own = head.distribution(outputs).double()[torch.arange(len(codes)), codes]
    assert head.loss(outputs, drawn.rating).item() == pytest.approx(
        -own.log().mean().item(), rel=1e-4, abs=1e-4
    )


@pytest.mark.parametrize("name", ["cross-entropy", "ordinal"])
def test_one_output_for_all_rows_learns_how_common_each_level_is(name: str) -> None:
    scale = Scale(0.5, 4.0, (0.5, 1.0, 3.0, 4.0))
    head = LEVELLED[name](scale)
    rating = torch.tensor([0.5] * 3 + [1.0] * 1 + [3.0] * 10 + [4.0] * 6)
    output = torch.zeros(1, head.n_outputs, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [output, *head.parameters()], max_iter=100, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = head.loss(output.expand(len(rating), -1), rating)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert head.distribution(output)[0].tolist() == pytest.approx([0.15, 0.05, 0.5, 0.3], abs=1e-3)
    assert head.decode(output).item() == pytest.approx(rating.mean().item(), abs=1e-3)


@with_levels
def test_levels_start_equally_likely(build: Build) -> None:
    head = build(Scale(1.0, 7.0, (1.0, 2.0, 3.0, 7.0)))
    outputs = torch.zeros(2, head.n_outputs + getattr(head, "per_user", 0))
    assert head.distribution(outputs).flatten().tolist() == pytest.approx([0.25] * 8)
    assert head.decode(outputs).tolist() == pytest.approx([3.25, 3.25])


@every_head
def test_a_file_keeps_what_was_learned_and_nothing_that_the_scale_has(build: Build) -> None:
    head = build(Scale(1.0, 3.0, (1.0, 2.0, 3.0)))
    assert set(head.state_dict()) == {name for name, _ in head.named_parameters()}
