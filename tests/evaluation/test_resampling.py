"""The interval of one number: it has the law's width, moves with whole users, and is the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from cfplug.stats import jackknife
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cfplug.evaluation.resampling import GROUPS, interval
from cfplug.report.elements import Interval


def test_the_interval_of_a_mean_over_users_is_the_textbook_one() -> None:
    """With one row a user the jackknife's error of a mean is near the deviation over the root of n."""
    rng = np.random.default_rng(3)
    value = rng.normal(4.0, 2.0, 20_000)
    ends = interval(
        lambda rows: float(value[rows].mean()), np.arange(len(value)), float(value.mean())
    )
    assert ends is not None
    reach = stats.t.ppf(0.975, GROUPS - 1) * value.std(ddof=1) / np.sqrt(len(value))
    assert (ends[1] - ends[0]) / 2 == pytest.approx(
        reach, rel=0.35
    )  # the error of an error from 20 groups


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Ratings of one user hang together; an interval that took them for independent would be far too narrow."""
    rng, held, trials = np.random.default_rng(5), 0, 300
    for _ in range(trials):
        users = np.repeat(np.arange(100), 7)
        value = rng.normal(0, 1, 100)[users] + rng.normal(0, 0.3, len(users))
        ends = interval(
            lambda rows, value=value: float(value[rows].mean()), users, float(value.mean())
        )
        assert ends is not None
        held += ends[0] <= 0 <= ends[1]
    assert 0.91 <= held / trials <= 0.99


@settings(max_examples=10, deadline=None)
@given(st.integers(GROUPS, 45), st.integers(0, 99))
def test_every_user_is_left_out_once_and_whole(n_users: int, seed: int) -> None:
    users = np.random.default_rng(seed).permutation(np.repeat(np.arange(n_users), 3)) * 17
    seen: list[set[int]] = []

    def score(rows: np.ndarray) -> float:
        left_out = set(users.tolist()) - set(users[rows].tolist())
        assert len(rows) == 3 * (n_users - len(left_out))
        seen.append(left_out)
        return 1.0

    assert interval(score, users, 1.0) == (1.0, 1.0)
    assert sorted(user for group in seen for user in group) == sorted(set(users.tolist()))
    assert max(map(len, seen)) - min(map(len, seen)) <= 1


def test_the_same_predictions_give_the_same_interval() -> None:
    value = np.random.default_rng(1).normal(size=600)
    users = np.arange(600) % 77
    ends = [interval(lambda rows: float(np.median(value[rows])), users, 0.0) for _ in range(2)]
    assert ends[0] is not None
    assert ends[0] == ends[1]


def test_too_few_users_have_no_interval() -> None:
    users = np.repeat(np.arange(GROUPS - 1), 5)
    assert interval(lambda rows: float(len(rows)), users, 1.0) is None


def test_what_cannot_be_scored_without_some_users_has_no_interval() -> None:
    users = np.arange(50)

    def needs_user_seven(rows: np.ndarray) -> float:
        if 7 not in users[rows]:
            raise ZeroDivisionError("nobody is relevant")
        return 1.0

    assert interval(needs_user_seven, users, 1.0) is None
    assert interval(lambda rows: float("nan"), users, 1.0) is None


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=30))
@settings(max_examples=20, deadline=None)
def test_for_a_mean_with_each_value_left_out_once_it_is_students_interval(
    numbers: list[float],
) -> None:
    x = np.array(numbers)
    found = jackknife(np.array([x.mean(), *((x.sum() - x) / (len(x) - 1))]))
    assert found is not None
    assert found.value == pytest.approx(x.mean())
    if np.ptp(x) > 1e-3:
        ends = stats.t.interval(0.95, len(x) - 1, x.mean(), x.std(ddof=1) / np.sqrt(len(x)))
        assert (found.low, found.high) == pytest.approx(ends)


def test_a_figure_that_nothing_moves_is_sure_and_one_without_lots_has_no_interval() -> None:
    assert jackknife(np.full(21, 2.5)) == Interval(2.5, 2.5, 2.5)
    assert jackknife(np.array([2.5])) is None
    assert jackknife(np.array([2.5, np.nan, 1.0])) is None
