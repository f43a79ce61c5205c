"""The rating levels of a loss: the level of a rating, its weight, and scales without levels."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from cfplug_losses import CrossEntropy, Ordinal
from cfplug_losses.categories import Categories, cross_entropy
from cfplug_losses.cumulative import ordinal
from cfplug_losses.levels import Levels
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import DataError, Scale

quick = settings(max_examples=30, deadline=None)

STARS = Scale(1.0, 5.0, (1.0, 2.0, 3.0, 4.0, 5.0))
HALF_STARS = Scale(0.5, 5.0, tuple(half / 2 for half in range(1, 11)))


def levels(scale: Scale, **params: Any) -> Levels:
    return Levels(CrossEntropy(**params), scale, "cross-entropy")


@quick
@given(
    values=st.lists(st.integers(-400, 400), min_size=2, max_size=50, unique=True).map(sorted),
    step=st.floats(1e-3, 9),
)
def test_every_level_has_its_own_code_in_single_precision_too(
    values: list[int], step: float
) -> None:
    scaled = tuple(value * step for value in values)
    known = levels(Scale(scaled[0], scaled[-1], scaled))
    for dtype in (torch.float32, torch.float64):
        assert known.codes(torch.tensor(scaled, dtype=dtype)).tolist() == list(range(len(values)))


def test_a_rating_that_is_off_by_rounding_is_its_level_still() -> None:
    assert levels(HALF_STARS).codes(torch.tensor([4.5 - 1e-6, 4.5 + 1e-6, 0.5])).tolist() == [
        8,
        8,
        0,
    ]


@pytest.mark.parametrize(
    ("scale", "rating", "reported"),
    [
        (STARS, 3.5, "rating: expected one of the levels 1, 2, 3, 4, 5, got 3.5"),
        (STARS, 0.0, "rating: expected one of the levels 1, 2, 3, 4, 5, got 0"),
        (STARS, 6.0, "rating: expected one of the levels 1, 2, 3, 4, 5, got 6"),
        (
            Scale(0.0, 10.0, tuple(map(float, range(11)))),
            2.01,
            "rating: expected one of the levels 0, 1, 2, 3, ..., 10, got 2.01",
        ),
    ],
)
@pytest.mark.parametrize(
    "build", [lambda s: cross_entropy(CrossEntropy(), s), lambda s: ordinal(Ordinal(), s)]
)
def test_a_rating_that_is_not_a_level_is_refused(
    build: Any, scale: Scale, rating: float, reported: str
) -> None:
    head = build(scale)
    with pytest.raises(DataError, match=f"^{re.escape(reported)}$"):
        head.loss(torch.zeros(2, head.n_outputs), torch.tensor([2.0, rating]))


REFUSED = [
    (
        Scale(1.0, 5.0),
        {},
        "expected rating levels, got continuous ratings from 1 to 5; use mse, mae or huber",
    ),
    (Scale(3.0, 3.0, (3.0,)), {}, "expected two rating levels or more, got only 3"),
    (
        Scale(1.0, 2.0, (2.0, 1.0)),
        {},
        "expected rating levels that rise in single precision, got 2, 1",
    ),
    (
        Scale(1.0, 1 + 1e-9, (1.0, 1 + 1e-9)),
        {},
        "expected rating levels that rise in single precision, got 1, 1",
    ),
    (
        STARS,
        {"class_weights": (1.0, 2.0)},
        "class_weights: expected 5 numbers, one for each of the rating levels 1, 2, 3, 4, 5, got 2",
    ),
]


@pytest.mark.parametrize(("scale", "params", "message"), REFUSED)
def test_a_scale_without_levels_and_weights_that_do_not_fit_are_refused(
    scale: Scale, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=f"^{re.escape('cross-entropy: ' + message)}$"):
        cross_entropy(CrossEntropy(**params), scale)
    with pytest.raises(DataError, match=f"^{re.escape('ordinal: ' + message)}$"):
        ordinal(Ordinal(**params), scale)


@quick
@given(
    smoothing=st.floats(0, 0.9),
    weights=st.none() | st.tuples(*[st.floats(0.1, 9)] * 5),
    outputs=st.lists(
        st.lists(st.floats(-8, 8, width=32), min_size=5, max_size=5), min_size=1, max_size=7
    ),
    data=st.data(),
)
def test_smoothing_and_weights_are_those_of_torch(
    smoothing: float,
    weights: tuple[float, ...] | None,
    outputs: list[list[float]],
    data: st.DataObject,
) -> None:
    codes = data.draw(st.lists(st.integers(0, 4), min_size=len(outputs), max_size=len(outputs)))
    head = cross_entropy(CrossEntropy(label_smoothing=smoothing, class_weights=weights), STARS)
    rows = torch.nn.functional.cross_entropy(
        torch.tensor(outputs),
        torch.tensor(codes),
        weight=None if weights is None else torch.tensor(weights),
        label_smoothing=smoothing,
        reduction="none",
    )
    loss = head.loss(torch.tensor(outputs), torch.tensor(codes) + 1.0)
    assert loss.item() == pytest.approx(rows.mean().item(), rel=1e-5)


def test_smoothing_over_neighbors_gives_weight_to_adjacent_levels() -> None:
    third = levels(HALF_STARS, label_smoothing=0.2, smooth_over="neighbors").weights
    assert third[0].tolist() == pytest.approx([0.8, 0.2, *[0.0] * 8])
    assert third[4].tolist() == pytest.approx([0, 0, 0, 0.1, 0.8, 0.1, 0, 0, 0, 0])
    assert third[9].tolist() == pytest.approx([*[0.0] * 8, 0.2, 0.8])
    two = levels(Scale(0.0, 1.0, (0.0, 1.0)), label_smoothing=0.3, smooth_over="neighbors").weights
    assert two.flatten().tolist() == pytest.approx([0.7, 0.3, 0.3, 0.7])


@quick
@given(
    smoothing=st.floats(0, 0.9),
    over=st.sampled_from(["all", "neighbors"]),
    count=st.integers(2, 12),
)
def test_however_smoothed_a_rating_counts_as_one(smoothing: float, over: str, count: int) -> None:
    scale = Scale(0.0, count - 1.0, tuple(map(float, range(count))))
    weights = levels(scale, label_smoothing=smoothing, smooth_over=over).weights
    assert weights.sum(dim=1).tolist() == pytest.approx([1.0] * count, rel=1e-5)
    assert (weights.diag() >= 1 - smoothing - 1e-6).all()


def test_a_level_that_weighs_more_is_predicted_more_often() -> None:
    heads = [
        cross_entropy(CrossEntropy(class_weights=weights), STARS)
        for weights in (None, (9.0, 1.0, 1.0, 1.0, 1.0))
    ]
    rating = torch.tensor([1.0, 4.0, 4.0, 5.0, 3.0, 4.0, 2.0])
    plain, weighted = (head.distribution(fitted(head, rating))[0] for head in heads)
    assert plain[0].item() == pytest.approx(1 / 7, abs=0.01)
    assert weighted[0].item() == pytest.approx(9 / 15, abs=0.01)


def fitted(head: Categories, rating: torch.Tensor) -> torch.Tensor:
    """The outputs, the same for all ratings, that have the least loss; shape (1, 5)."""
    outputs = torch.zeros(1, 5, requires_grad=True)
    optimizer = torch.optim.Adam([outputs], lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        head.loss(outputs.expand(len(rating), -1), rating).backward()
        optimizer.step()
    return outputs


PARAMS = [
    ({"label_smoothing": 1.0}, "label_smoothing: must be at least 0 and below 1; is 1.0"),
    ({"class_weights": (1.0, 0.0)}, "class_weights: must be above 0; is 0.0"),
    (
        {"smooth_over": "neighbours"},
        "smooth_over: must be one of all, neighbors; is 'neighbours'; did you mean neighbors?",
    ),
]


@pytest.mark.parametrize(("params", "reported"), PARAMS)
def test_parameters_that_mean_nothing_are_refused(params: dict[str, Any], reported: str) -> None:
    for cls in (CrossEntropy, Ordinal):
        with pytest.raises(ValueError, match=f"^{re.escape(reported)}$"):
            cls(**params)
