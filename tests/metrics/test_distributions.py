"""Scores of predicted probabilities against their definition, a naive form, and scikit-learn."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
from attrs import evolve, frozen
from cfplug_metrics import Calibration
from cfplug_metrics.distributions import LEAST, accuracy, ece, nll, rps
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from cfplug import DataError, Predictions
from cfplug.params import NoParams

quick = settings(max_examples=40, deadline=None)
NONE = NoParams()
HALF_STARS = np.arange(1, 11) / 2

EVERY: dict[str, Callable[[np.ndarray, Predictions], float]] = {
    "nll": lambda truth, given: nll(NONE, truth, given),
    "accuracy": lambda truth, given: accuracy(NONE, truth, given),
    "ece": lambda truth, given: ece(Calibration(), truth, given),
    "ece of equal mass": lambda truth, given: ece(Calibration(3, "equal-mass"), truth, given),
    "rps": lambda truth, given: rps(NONE, truth, given),
}
every_metric = pytest.mark.parametrize("score", EVERY.values(), ids=EVERY)


def predictions(distribution: np.ndarray, levels: np.ndarray) -> Predictions:
    origin = np.full(len(distribution), "warm", dtype=object)
    return Predictions(distribution @ levels, origin, distribution=distribution, levels=levels)


@frozen(eq=False)
class Drawn:
    """n ratings, each the level at its code, and a distribution over 2 to 10 levels for each."""

    code: np.ndarray
    given: Predictions

    @property
    def truth(self) -> np.ndarray:
        return self.given.levels[self.code]

    @property
    def p(self) -> np.ndarray:
        return self.given.distribution


@st.composite
def drawings(draw: st.DrawFn, most_levels: int = 10) -> Drawn:
    levels = HALF_STARS[: draw(st.integers(2, most_levels))] * draw(
        st.sampled_from([1.0, 2.0, 0.2])
    )
    weights = st.lists(st.integers(0, 9), min_size=len(levels), max_size=len(levels)).filter(any)
    rows = draw(st.lists(weights, min_size=1, max_size=25))
    codes = draw(st.lists(st.integers(0, len(levels) - 1), min_size=len(rows), max_size=len(rows)))
    weight = np.array(rows, dtype=float)
    return Drawn(np.array(codes), predictions(weight / weight.sum(axis=1, keepdims=True), levels))


@quick
@given(drawn=drawings())
def test_nll_is_the_mean_logarithm_of_what_the_ratings_were_given(drawn: Drawn) -> None:
    own = [max(row[code], LEAST) for row, code in zip(drawn.p, drawn.code, strict=True)]
    found = nll(NONE, drawn.truth, drawn.given)
    assert found == pytest.approx(-sum(map(math.log, own)) / len(own))
    if min(own) > 1e-9:
        assert found == pytest.approx(log_loss(drawn.code, drawn.p, labels=range(drawn.p.shape[1])))


def test_a_rating_that_was_held_impossible_costs_87_nats() -> None:
    given = predictions(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([1.0, 2.0]))
    assert nll(NONE, np.array([2.0, 2.0]), given) == pytest.approx((87.3365 + math.log(2)) / 2)


@quick
@given(drawn=drawings())
def test_accuracy_is_how_often_the_most_probable_level_is_the_rating(drawn: Drawn) -> None:
    likeliest = [max(range(len(row)), key=lambda code: row[code]) for row in drawn.p]
    assert accuracy(NONE, drawn.truth, drawn.given) == pytest.approx(
        accuracy_score(drawn.code, likeliest)
    )


def test_of_equally_probable_levels_the_lowest_is_meant() -> None:
    given = predictions(
        np.array([[0.2, 0.4, 0.4], [0.4, 0.2, 0.4], [0.1, 0.45, 0.45]]), np.array([1.0, 2.0, 5.0])
    )
    assert accuracy(NONE, np.array([2.0, 5.0, 5.0]), given) == pytest.approx(1 / 3)


def naive_ece(drawn: Drawn, ends: list[float]) -> float:
    """`ends` are the upper ends of the bins, the last of them 1."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for row, code in zip(drawn.p, drawn.code, strict=True):
        place = next(place for place, end in enumerate(ends) if row.max() <= end)
        bins.setdefault(place, []).append((row.max(), row.argmax() == code))
    total = 0.0
    for members in bins.values():
        confidence, right = (sum(column) / len(members) for column in zip(*members, strict=True))
        total += len(members) / len(drawn.code) * abs(right - confidence)
    return total


@quick
@given(drawn=drawings(), bins=st.integers(1, 20))
def test_ece_is_its_definition(drawn: Drawn, bins: int) -> None:
    inner = [count / bins for count in range(1, bins)]
    params = Calibration(bins, "equal-width")
    assert ece(params, drawn.truth, drawn.given) == pytest.approx(naive_ece(drawn, [*inner, 1.0]))
    quantiles = [float(np.quantile(drawn.p.max(axis=1), part)) for part in inner]
    params = Calibration(bins, "equal-mass")
    assert ece(params, drawn.truth, drawn.given) == pytest.approx(
        naive_ece(drawn, [*quantiles, 1.0])
    )


def test_probabilities_that_come_true_are_calibrated_and_bold_ones_are_not() -> None:
    levels = np.array([1.0, 2.0, 3.0])
    given = predictions(np.tile([0.75, 0.25, 0.0], (8, 1)), levels)
    truth = np.array([1.0] * 6 + [2.0] * 2)
    assert ece(Calibration(), truth, given) == pytest.approx(0.0)
    bold = predictions(np.tile([1.0, 0.0, 0.0], (8, 1)), levels)
    assert ece(Calibration(), truth, bold) == pytest.approx(0.25)


def test_errors_of_opposite_sign_cancel_in_one_bin_and_not_in_two() -> None:
    given = predictions(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([1.0, 2.0]))
    truth = np.array([2.0, 1.0])  # confident and wrong; hesitant and right
    assert ece(Calibration(1), truth, given) == pytest.approx(abs(0.5 - 0.75))
    assert ece(Calibration(5), truth, given) == pytest.approx((0.9 + 0.4) / 2)
    assert ece(Calibration(2, "equal-mass"), truth, given) == pytest.approx((0.9 + 0.4) / 2)


@quick
@given(drawn=drawings())
def test_rps_is_its_definition(drawn: Drawn) -> None:
    last = drawn.p.shape[1] - 1
    rows = [
        sum((sum(row[: k + 1]) - (code <= k)) ** 2 for k in range(last)) / last
        for row, code in zip(drawn.p, drawn.code, strict=True)
    ]
    found = rps(NONE, drawn.truth, drawn.given)
    assert found == pytest.approx(sum(rows) / len(rows), abs=1e-12)
    assert 0 <= found <= 1


@quick
@given(drawn=drawings(most_levels=2))
def test_rps_of_two_levels_is_the_brier_score(drawn: Drawn) -> None:
    expected = brier_score_loss(drawn.code, drawn.p[:, 1], pos_label=1)
    assert rps(NONE, drawn.truth, drawn.given) == pytest.approx(expected, abs=1e-12)


def test_rps_knows_that_levels_are_in_order_and_nll_does_not() -> None:
    near, far = (
        predictions(np.array([row]), np.arange(1.0, 6.0))
        for row in ([0, 0, 0.5, 0.5, 0], [0.5, 0, 0, 0.5, 0])
    )
    truth = np.array([4.0])
    assert nll(NONE, truth, near) == nll(NONE, truth, far)
    assert rps(NONE, truth, near) == pytest.approx(0.25 / 4)
    assert rps(NONE, truth, far) == pytest.approx(0.75 / 4)


def test_the_ends_of_every_score() -> None:
    levels = np.array([0.5, 1.0, 4.0])
    truth = np.array([4.0, 4.0])
    right, wrong = (
        predictions(np.tile(row, (2, 1)), levels) for row in ([0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    )
    assert [score(truth, right) for score in EVERY.values()] == [0.0, 1.0, 0.0, 0.0, 0.0]
    assert [score(truth, wrong) for score in EVERY.values()] == [
        pytest.approx(87.3365),
        0.0,
        1.0,
        1.0,
        1.0,
    ]


def test_a_single_level_can_only_be_right() -> None:
    given = predictions(np.ones((3, 1)), np.array([3.0]))
    assert [score(np.full(3, 3.0), given) for score in EVERY.values()] == [0.0, 1.0, 0.0, 0.0, 0.0]


@every_metric
@quick
@given(drawn=drawings(), seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(
    score: Callable[[np.ndarray, Predictions], float], drawn: Drawn, seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(drawn.code))
    shuffled = predictions(drawn.p[order], drawn.given.levels)
    found = score(drawn.truth[order], shuffled)
    assert type(found) is float
    assert found == pytest.approx(score(drawn.truth, drawn.given))


@every_metric
def test_truth_and_predictions_are_left_as_they_are(
    score: Callable[[np.ndarray, Predictions], float],
) -> None:
    truth, distribution = np.array([1.0, 2.0]), np.array([[0.0, 1.0], [0.5, 0.5]])
    given = predictions(distribution.copy(), np.array([1.0, 2.0]))
    score(truth, given)
    assert truth.tolist() == [1.0, 2.0]
    assert np.array_equal(given.distribution, distribution)


@every_metric
@pytest.mark.parametrize("rating", [2.5, 0.0, 6.0])
def test_a_rating_that_is_not_a_level_is_refused(
    score: Callable[[np.ndarray, Predictions], float], rating: float
) -> None:
    given = predictions(np.full((3, 4), 0.25), np.array([1.0, 2.0, 3.0, 4.0]))
    message = f"row 1: rating: expected one of the predicted levels 1, 2, 3, 4, got {rating:g}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        score(np.array([4.0, rating, 1.0]), given)


@every_metric
def test_predictions_without_a_distribution_are_refused(
    score: Callable[[np.ndarray, Predictions], float],
) -> None:
    given = Predictions(np.array([3.0, 2.0, 3.5]), np.array(["warm", "mean", "mean"], dtype=object))
    message = (
        "this metric needs a distribution for every rating: "
        "2 of 3 are for ids that are not in training"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        score(np.array([3.0, 3.0, 3.0]), given)
    warm = evolve(given, origin=np.full(3, "warm", dtype=object))
    with pytest.raises(DataError, match=r"^this metric needs a distribution for every rating$"):
        score(np.array([3.0, 3.0, 3.0]), warm)


def test_levels_that_single_precision_rounds_are_still_found() -> None:
    levels = np.float32(np.arange(1, 31) * 0.1).astype(np.float64)
    given = predictions(np.eye(30), levels)
    assert accuracy(NONE, np.arange(1, 31) * 0.1, given) == 1.0
