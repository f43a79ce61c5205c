"""Intervals over users: the same as their naive versions, wider where users differ, and honest in what they cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cfplug_insight.intervals import clustered, correlation, rank_correlation
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cfplug.report.elements import Interval

ROWS = st.lists(
    st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 4)), min_size=2, max_size=30
)


def naive(values: list[float], users: list[int]) -> tuple[float, float]:
    mean, names = sum(values) / len(values), sorted(set(users))
    sums = [
        sum(value - mean for value, user in zip(values, users, strict=True) if user == name)
        for name in names
    ]
    error = math.sqrt(len(names) / (len(names) - 1) * sum(each**2 for each in sums)) / len(values)
    return mean, float(stats.t.ppf(0.975, len(names) - 1)) * error


@settings(max_examples=30, deadline=None)
@given(rows=ROWS)
def test_a_mean_has_the_interval_of_the_formula(rows: list[tuple[int, int, int]]) -> None:
    values, _, users = map(list, zip(*rows, strict=True))
    found = clustered(np.array(values, dtype=float), np.array(users))
    if len(set(users)) == 1:
        assert found == pytest.approx(sum(values) / len(values))
    else:
        mean, reach = naive([float(value) for value in values], users)
        assert isinstance(found, Interval)
        assert (found.value, found.low, found.high) == pytest.approx(
            (mean, mean - reach, mean + reach), abs=1e-9
        )


def test_with_one_rating_a_user_it_is_the_plain_interval_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(size=23)
    low, high = stats.t.interval(0.95, 22, values.mean(), stats.sem(values))
    found = clustered(values, np.arange(23))
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_ratings_that_hang_together_tell_less() -> None:
    values = np.repeat(np.random.default_rng(2).normal(size=11), 7)
    by_user, by_row = clustered(values, np.arange(77) // 7), clustered(values, np.arange(77))
    assert isinstance(by_user, Interval)
    assert isinstance(by_row, Interval)
    assert by_user.high - by_user.low > 2 * (by_row.high - by_row.low)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    users = rng.integers(0, 40, 300)
    hits = {"mean": 0, "correlation": 0}
    for _ in range(300):
        x = rng.normal(size=40)[users] + rng.normal(size=300)
        y = x + rng.normal(size=40)[users] + rng.normal(size=300)
        mean, r = clustered(x, users), correlation(x, y, users)
        assert isinstance(mean, Interval)
        assert isinstance(r, Interval)
        hits["mean"] += mean.low <= 0 <= mean.high
        hits["correlation"] += r.low <= math.sqrt(0.5) <= r.high
    assert all(270 <= number <= 297 for number in hits.values()), hits


@settings(max_examples=30, deadline=None)
@given(rows=ROWS)
def test_a_correlation_is_pearsons_and_lies_in_its_interval(
    rows: list[tuple[int, int, int]],
) -> None:
    x, y, users = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = correlation(x, y, users.astype(int))
    if min(np.ptp(x), np.ptp(y)) == 0:
        assert found is None
    else:
        value = found.value if isinstance(found, Interval) else found
        assert value == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
        if isinstance(found, Interval):
            assert -1 <= found.low <= found.value <= found.high <= 1


def test_of_a_normal_pair_with_one_rating_a_user_it_is_fishers_interval() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=4000)
    found = correlation(x, 0.8 * x + 0.6 * rng.normal(size=4000), np.arange(4000))
    assert isinstance(found, Interval)
    assert math.atanh(found.high) - math.atanh(found.value) == pytest.approx(
        1.96 / math.sqrt(4000), rel=0.06
    )


@settings(max_examples=20, deadline=None)
@given(rows=ROWS)
def test_a_rank_correlation_is_spearmans(rows: list[tuple[int, int, int]]) -> None:
    x, y, _ = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = rank_correlation(x, y)
    if len(x) < 4 or min(np.ptp(x), np.ptp(y)) == 0:
        assert found is None
    else:
        assert found is not None
        assert found.value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
        assert -1 <= found.low <= found.value <= found.high <= 1


def test_a_rank_correlation_has_the_published_interval() -> None:
    x, y = np.array([1.0, 2, 3, 4, 5, 6, 7]), np.array([2.0, 1, 4, 3, 6, 5, 7])
    found = rank_correlation(x, y)
    assert found is not None
    r = 1 - 6 * 6 / (7 * 48)
    reach = 1.96 * math.sqrt((1 + r * r / 2) / 4)
    assert (found.low, found.high) == pytest.approx(
        (math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach))
    )
