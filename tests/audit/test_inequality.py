"""Gini and Lorenz: their ends, their naive forms, and what must not change them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cfplug_audit.inequality import gini, lorenz, top_share
from hypothesis import given
from hypothesis import strategies as st

AMOUNTS = (
    st.lists(st.integers(0, 30), min_size=1, max_size=12)
    .filter(any)
    .map(lambda each: np.array(each, float))
)


@given(AMOUNTS)
def test_gini_equals_the_mean_difference_of_all_pairs(amounts: np.ndarray) -> None:
    apart = np.abs(amounts[:, None] - amounts[None, :]).mean()
    assert gini(amounts) == pytest.approx(apart / (2 * amounts.mean()), abs=1e-12)


@given(st.integers(1, 40), st.integers(1, 9))
def test_gini_is_0_for_equals_and_nearly_1_for_one_owner(n: int, amount: int) -> None:
    assert gini(np.full(n, amount)) == pytest.approx(0, abs=1e-12)
    assert gini(np.eye(n)[0] * amount) == pytest.approx((n - 1) / n)


def test_gini_of_nothing_is_nan() -> None:
    assert math.isnan(gini(np.zeros(3)))


@given(AMOUNTS, st.integers(2, 50))
def test_gini_is_twice_the_area_between_the_diagonal_and_the_lorenz_curve(
    amounts: np.ndarray, factor: int
) -> None:
    x, y = lorenz(amounts, 10_000)
    area = ((y[1:] + y[:-1]) / 2 * np.diff(x)).sum()
    assert gini(amounts * factor) == pytest.approx(1 - 2 * area, abs=1e-9)


@given(AMOUNTS, st.integers(2, 30))
def test_a_lorenz_curve_rises_from_0_to_1_below_the_diagonal(
    amounts: np.ndarray, points: int
) -> None:
    x, y = lorenz(amounts, points)
    assert len(x) <= points
    assert (x[0], y[0], x[-1]) == (0, 0, 1)
    assert y[-1] == pytest.approx(1)
    assert (np.diff(y) >= -1e-12).all()
    assert (y <= x + 1e-12).all()


@pytest.mark.parametrize(
    ("top", "share"), [(0.2, 0.5), (0.4, 0.8), (0.01, 0.5), (1.0, 1.0), (0.21, 0.8)]
)
def test_the_top_share_counts_a_started_owner_as_a_whole_one(top: float, share: float) -> None:
    assert top_share(np.array([1, 3, 5, 0, 1]), top) == pytest.approx(share)
