"""Figures without each lot of users, and their cells: the metrics' own interval, honest where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from cfplug_audit.lots import LOTS, cell, lots, ratio, without_each
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug.evaluation.resampling import interval
from cfplug.report.elements import Interval


def test_it_is_the_interval_that_the_metrics_of_a_run_have() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=87)
    lot = np.random.default_rng(0).permutation(87) % LOTS  # as the core deals users
    figures = ratio(without_each(x, lot), without_each(np.ones(87), lot))
    found = Interval.of(cell(figures, 9))
    expected = interval(lambda rows: float(x[rows].mean()), np.arange(87), float(x.mean()))
    assert (found.low, found.high) == pytest.approx(expected)


@given(st.integers(1, 90), st.integers(0, 5))
def test_users_are_dealt_evenly(n_users: int, seed: int) -> None:
    sizes = np.bincount(lots(n_users, np.random.default_rng(seed)), minlength=LOTS)
    assert sizes.sum() == n_users
    assert np.ptp(sizes) <= 1


@given(st.integers(1, 40), st.integers(0, 9))
@settings(max_examples=10)
def test_sums_without_each_lot_equal_the_naive_ones(n_users: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lot, amounts = lots(n_users, rng), rng.normal(size=(n_users, 3))
    naive = [amounts.sum(axis=0), *(amounts[lot != each].sum(axis=0) for each in range(LOTS))]
    assert without_each(amounts, lot) == pytest.approx(np.array(naive))


def test_a_figure_that_no_lot_moves_has_no_interval() -> None:
    assert cell(np.full(21, 2.5)) == 2.5


def test_a_figure_that_some_lot_leaves_without_a_value_stands_alone() -> None:
    assert cell(np.array([1.234, np.nan, *np.arange(19)]), 1) == 1.2
    assert cell(np.full(21, np.nan)) is None


def test_an_interval_ends_where_the_figure_cannot_go() -> None:
    figures = np.array([50.0, *np.linspace(0, 100, 20)])
    assert cell(figures, 0, 0, 100) == Interval(50, 0, 100)
    wide = cell(figures, 0)
    assert isinstance(wide, Interval)
    assert wide.low < 0 < 100 < wide.high


def test_nothing_is_ever_minus_zero() -> None:
    assert str(cell(np.full(21, -0.0001), 2)) == "0.0"


def test_what_is_divided_by_nothing_is_no_number() -> None:
    assert ratio(np.array([1.0, 2.0]), np.array([0.0, 4.0])).tolist()[1] == 0.5
    assert np.isnan(ratio(np.array([1.0]), np.array([0.0]))).all()
