"""The metrics against their definitions, written out one pair at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cfplug_metrics.errors import mae, mse, rmse
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Predictions
from cfplug.params import NoParams

quick = settings(max_examples=50, deadline=None)

rating = st.floats(-100, 100)
pairs = st.lists(st.tuples(rating, rating), min_size=1, max_size=30)
NONE = NoParams()


def scored(drawn: list[tuple[float, float]]) -> tuple[np.ndarray, Predictions]:
    truth, predicted = (np.array(column) for column in zip(*drawn, strict=True))
    return truth, Predictions(predicted, np.full(len(predicted), "warm", dtype=object))


@quick
@given(drawn=pairs)
def test_each_metric_is_its_definition(drawn: list[tuple[float, float]]) -> None:
    squares = [(truth - predicted) ** 2 for truth, predicted in drawn]
    distances = [abs(truth - predicted) for truth, predicted in drawn]
    assert mse(NONE, *scored(drawn)) == pytest.approx(sum(squares) / len(squares))
    assert rmse(NONE, *scored(drawn)) == pytest.approx(math.sqrt(sum(squares) / len(squares)))
    assert mae(NONE, *scored(drawn)) == pytest.approx(sum(distances) / len(distances))


@quick
@given(drawn=pairs)
def test_right_predictions_have_no_error_and_others_have(drawn: list[tuple[float, float]]) -> None:
    perfect = [(truth, truth) for truth, _ in drawn]
    for metric in (mse, rmse, mae):
        assert metric(NONE, *scored(perfect)) == 0.0
        assert metric(NONE, *scored([*perfect, (1.0, 4.0)])) > 0.0


def test_known_answers() -> None:
    drawn = [(5.0, 4.0), (1.0, 4.0), (3.0, 3.0), (2.0, 3.5)]
    assert mse(NONE, *scored(drawn)) == 12.25 / 4
    assert rmse(NONE, *scored(drawn)) == 1.75
    assert mae(NONE, *scored(drawn)) == 5.5 / 4


def test_every_metric_is_a_plain_float() -> None:
    for metric in (mse, rmse, mae):
        assert type(metric(NONE, *scored([(1.0, 2.0), (2.0, 2.0), (4.0, 2.0)]))) is float


def test_truth_and_predictions_are_left_as_they_are() -> None:
    truth, predicted = scored([(5.0, 4.0), (1.0, 4.0), (3.0, 2.5)])
    for metric in (mse, rmse, mae):
        metric(NONE, truth, predicted)
    assert (truth.tolist(), predicted.rating.tolist()) == ([5.0, 1.0, 3.0], [4.0, 4.0, 2.5])
