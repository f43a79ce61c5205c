"""Intervals over users: their width, their coverage, and that whole users are resampled."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cfplug_metrics import cfplug_metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cfplug import Metric
from cfplug.evaluation import resampling
from cfplug.evaluation.resampling import (
    GROUPS,
    SEED,
    bootstrap,
    jackknife,
    ratio,
    score_interval,
    user_groups,
    user_sums,
    without_each,
)
from cfplug.report.elements import Interval


def mean_of(total: np.ndarray) -> np.ndarray:
    """Return the mean, from the number and the sum of values of each draw."""
    return ratio(total[:, 1:], total[:, :1])


def counted(values: np.ndarray, users: np.ndarray) -> np.ndarray:
    """Return the number and the sum of values of each user, shape (n_users, 2)."""
    n_users = int(users.max()) + 1
    ones = user_sums(users, n_users, np.ones(len(values)))
    return np.hstack([ones, user_sums(users, n_users, values)])


# The bootstrap


@given(st.integers(2, 12), st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_the_bootstrap_is_that_of_a_loop_over_the_same_draws(n_users: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    users = np.concatenate([np.arange(n_users), rng.integers(n_users, size=20)])
    values = rng.normal(size=len(users))
    (found,) = bootstrap(mean_of, counted(values, users), draws=50)
    naive = []
    for drawn in np.random.default_rng(SEED).integers(n_users, size=(50, n_users)):
        naive.append(np.concatenate([values[users == user] for user in drawn]).mean())
    assert isinstance(found, Interval)
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])))


def test_draws_in_small_batches_are_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    sums = np.column_stack([np.ones(7), rng.normal(size=7)])
    whole = bootstrap(mean_of, sums, draws=60)
    monkeypatch.setattr(resampling, "CELLS", 50)
    assert bootstrap(mean_of, sums, draws=60) == whole


def test_more_users_than_units_are_merged_without_a_change_of_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(3).normal(size=5_000)
    sums = counted(values, np.arange(5_000))
    (merged,) = bootstrap(mean_of, sums)
    monkeypatch.setattr(resampling, "MOST_UNITS", 10_000)
    (exact,) = bootstrap(mean_of, sums, draws=1_000)
    assert isinstance(merged, Interval)
    assert isinstance(exact, Interval)
    assert merged.value == pytest.approx(exact.value)
    assert merged.high - merged.low == pytest.approx(exact.high - exact.low, rel=0.1)


def test_a_bootstrap_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng, held = np.random.default_rng(3), 0
    users = rng.integers(0, 40, 300)
    for _ in range(300):
        values = rng.normal(size=40)[users] + rng.normal(size=300)
        (found,) = bootstrap(mean_of, counted(values, users), draws=400)
        assert isinstance(found, Interval)
        held += found.low <= 0 <= found.high
    assert 270 <= held <= 297


def test_with_one_rating_for_each_user_it_is_near_students_interval() -> None:
    values = np.random.default_rng(1).normal(size=400)
    low, high = stats.t.interval(0.95, 399, values.mean(), stats.sem(values))
    (found,) = bootstrap(mean_of, counted(values, np.arange(400)))
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_similar_ratings_of_a_user_make_the_interval_wider() -> None:
    values = np.repeat(np.random.default_rng(2).normal(size=11), 7)
    (by_user,) = bootstrap(mean_of, counted(values, np.arange(77) // 7))
    (by_row,) = bootstrap(mean_of, counted(values, np.arange(77)))
    assert isinstance(by_user, Interval)
    assert isinstance(by_row, Interval)
    assert by_user.high - by_user.low > 2 * (by_row.high - by_row.low)


def test_a_figure_that_draws_do_not_move_is_without_an_interval() -> None:
    assert bootstrap(mean_of, np.array([[2.0, 5.0]])) == [2.5], "one user"
    assert bootstrap(mean_of, np.array([[2.0, 4.0]] * 9)) == [2.0], "equal users"


def test_a_figure_that_most_draws_do_not_have_is_without_an_interval() -> None:
    def only_with_all_users(total: np.ndarray) -> np.ndarray:
        return np.where(total.min(axis=1) > 0, total[:, 0], np.nan)[:, None]

    assert bootstrap(only_with_all_users, np.eye(6)) == [1.0]
    assert bootstrap(lambda total: total * np.nan, np.ones((4, 1))) == [None]


@pytest.mark.filterwarnings("error")
def test_draws_without_the_figure_are_left_out_in_silence() -> None:
    sums = np.zeros((12, 2))
    sums[[2, 5]] = [(1, 3), (1, 5)]
    (found,) = bootstrap(mean_of, sums)
    assert found == Interval(4, 3, 5)


def test_a_share_never_leaves_0_to_1() -> None:
    sums = np.column_stack([np.full(25, 10.0), [9.0] * 24 + [10.0]])
    (found,) = bootstrap(mean_of, sums)
    assert isinstance(found, Interval)
    assert 0.9 <= found.low < found.high <= 1


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=20))
def test_user_sums_are_those_of_a_loop(rows: list[tuple[int, int]]) -> None:
    users, group = np.array(rows).T
    values = np.arange(len(rows)) - 3.5
    naive = np.zeros((5, 3))
    for user, kind, value in zip(users, group, values, strict=True):
        naive[user, kind] += value
    assert user_sums(users, 5, values, group, 3) == pytest.approx(naive)
    assert user_sums(users, 5, values)[:, 0] == pytest.approx(naive.sum(axis=1))


def test_a_ratio_over_nothing_is_nan() -> None:
    assert ratio(np.array([1.0, 2.0]), np.array([0.0, 4.0])).tolist()[1] == 0.5
    assert np.isnan(ratio(np.array([1.0]), np.array([0.0]))).all()


# The jackknife


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=30))
@settings(max_examples=20, deadline=None)
def test_the_jackknife_of_a_mean_is_students_interval(numbers: list[float]) -> None:
    x = np.array(numbers)
    found = Interval.of(jackknife(np.array([x.mean(), *((x.sum() - x) / (len(x) - 1))])))
    assert found.value == pytest.approx(x.mean())
    if np.ptp(x) > 1e-3:
        ends = stats.t.interval(0.95, len(x) - 1, x.mean(), x.std(ddof=1) / np.sqrt(len(x)))
        assert (found.low, found.high) == pytest.approx(ends)


def test_a_figure_that_no_group_moves_is_without_an_interval() -> None:
    assert jackknife(np.full(21, 2.5)) == 2.5
    assert jackknife(np.array([2.5])) == 2.5


def test_a_figure_that_some_group_leaves_without_a_value_is_without_an_interval() -> None:
    assert jackknife(np.array([2.5, np.nan, 1.0])) == 2.5
    assert jackknife(np.full(21, np.nan)) is None


def test_a_jackknife_interval_ends_at_the_limits_of_the_figure() -> None:
    figures = np.array([50.0, *np.linspace(0, 100, 20)])
    assert jackknife(figures, (0, 100)) == Interval(50, 0, 100)
    wide = jackknife(figures)
    assert isinstance(wide, Interval)
    assert wide.low < 0 < 100 < wide.high


@given(st.integers(1, 90), st.integers(1, GROUPS))
def test_groups_of_users_have_equal_sizes(n_users: int, n_groups: int) -> None:
    sizes = np.bincount(user_groups(n_users, n_groups), minlength=n_groups)
    assert sizes.sum() == n_users
    assert np.ptp(sizes) <= 1


@given(st.integers(1, 40), st.integers(0, 9))
@settings(max_examples=10)
def test_sums_without_each_group_are_those_of_a_loop(n_users: int, seed: int) -> None:
    amounts = np.random.default_rng(seed).normal(size=(n_users, 3))
    group = user_groups(n_users)
    naive = [amounts.sum(axis=0), *(amounts[group != each].sum(axis=0) for each in range(GROUPS))]
    assert without_each(amounts, group) == pytest.approx(np.array(naive))


# The interval of a score


def test_the_interval_of_a_mean_is_about_that_of_the_textbook() -> None:
    """The error of a mean is the deviation over the root of n, here estimated from 20 groups."""
    rng = np.random.default_rng(3)
    value = rng.normal(4.0, 2.0, 20_000)
    users = np.arange(len(value))
    ends = score_interval(lambda rows: float(value[rows].mean()), users, float(value.mean()))
    assert ends is not None
    reach = stats.t.ppf(0.975, GROUPS - 1) * value.std(ddof=1) / np.sqrt(len(value))
    assert (ends[1] - ends[0]) / 2 == pytest.approx(reach, rel=0.35)


def test_a_score_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """An interval that took the ratings of one user as independent would be far too narrow."""
    rng, held, trials = np.random.default_rng(5), 0, 300
    users = np.repeat(np.arange(100), 7)
    for _ in range(trials):
        value = rng.normal(0, 1, 100)[users] + rng.normal(0, 0.3, len(users))

        def mean(rows: np.ndarray, value: np.ndarray = value) -> float:
            return float(value[rows].mean())

        ends = score_interval(mean, users, float(value.mean()))
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

    assert score_interval(score, users, 1.0) == (1.0, 1.0)
    assert sorted(user for group in seen for user in group) == sorted(set(users.tolist()))
    assert max(map(len, seen)) - min(map(len, seen)) <= 1


def test_the_same_predictions_give_the_same_interval() -> None:
    value = np.random.default_rng(1).normal(size=600)
    users = np.arange(600) % 77

    def median(rows: np.ndarray) -> float:
        return float(np.median(value[rows]))

    ends = [score_interval(median, users, 0.0) for _ in range(2)]
    assert ends[0] is not None
    assert ends[0] == ends[1]


def test_fewer_users_than_groups_have_no_interval() -> None:
    users = np.repeat(np.arange(GROUPS - 1), 5)
    assert score_interval(lambda rows: float(len(rows)), users, 1.0) is None


def test_a_score_that_fails_without_some_users_has_no_interval() -> None:
    users = np.arange(50)

    def needs_user_seven(rows: np.ndarray) -> float:
        if 7 not in users[rows]:
            raise ZeroDivisionError("no user has a relevant item")
        return 1.0

    assert score_interval(needs_user_seven, users, 1.0) is None
    assert score_interval(lambda rows: float("nan"), users, 1.0) is None


def test_the_interval_of_an_accuracy_ends_at_1() -> None:
    right = np.ones(60)
    right[[0, 1, 2, 40]] = 0
    users = np.arange(60) // 2

    def accuracy(rows: np.ndarray) -> float:
        return float(right[rows].mean())

    value = float(right.mean())
    wide, clipped = (score_interval(accuracy, users, value, limits) for limits in ((-9, 9), (0, 1)))
    assert wide is not None
    assert wide[1] > 1
    assert clipped == (wide[0], 1.0)


def test_every_built_in_metric_declares_its_range() -> None:
    ranges = {metric.name: metric.range for metric in cfplug_metrics()}
    unlimited = {name for name, limits in ranges.items() if limits == (0, math.inf)}
    assert unlimited == {"mse", "rmse", "mae", "nll"}
    assert {limits for name, limits in ranges.items() if name not in unlimited} == {(0, 1)}


def test_a_metric_without_a_range_has_none_and_a_wrong_range_is_refused() -> None:
    assert Metric("any", score="a.b:c").range is None
    with pytest.raises(ValueError, match=r"^range: expected \(lowest, highest\), got \(1, 0\)$"):
        Metric("any", score="a.b:c", range=(1, 0))
