"""Check similarity of factors: symmetric, independent of the order, by the formula."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cfplug import DataError
from cfplug.prediction.similarity import MEASURES, column_of, cosine, euclidean, nearest

quick = settings(max_examples=30, deadline=None)

numbers = st.integers(-8, 8).map(lambda each: each / 4) | st.just(0.0)


@st.composite
def vectors(draw: st.DrawFn) -> np.ndarray:
    """Up to nine rows of one to six numbers, zero rows among them."""
    width = draw(st.integers(1, 6))
    row = st.lists(numbers, min_size=width, max_size=width)
    return np.array(draw(st.lists(row, min_size=1, max_size=9)))


measures = st.sampled_from(["cosine", "euclidean"])


def naive(measure: str, x: list[float], y: list[float]) -> float:
    if measure == "euclidean":
        return math.dist(x, y)
    lengths = math.hypot(*x) * math.hypot(*y)
    return sum(a * b for a, b in zip(x, y, strict=True)) / lengths if lengths else 0.0


@quick
@given(rows=vectors(), measure=measures)
def test_every_number_is_what_the_formula_gives(rows: np.ndarray, measure: str) -> None:
    for code in range(len(rows)):
        found = MEASURES[measure][0](rows, code)
        expected = [naive(measure, row.tolist(), rows[code].tolist()) for row in rows]
        assert found.tolist() == pytest.approx(expected, abs=1e-12)


@quick
@given(rows=vectors(), measure=measures)
def test_the_measure_is_symmetric_to_the_bit(rows: np.ndarray, measure: str) -> None:
    table = np.array([MEASURES[measure][0](rows, code) for code in range(len(rows))])
    assert (table == table.T).all()


@quick
@given(rows=vectors())
def test_nothing_is_nearer_to_a_row_than_itself(rows: np.ndarray) -> None:
    for code, row in enumerate(rows):
        assert euclidean(rows, code).min() == euclidean(rows, code)[code] == 0
        assert cosine(rows, code).max() <= cosine(rows, code)[code] + 1e-12
        assert cosine(rows, code)[code] == pytest.approx(1.0 if row.any() else 0.0)


@quick
@given(rows=vectors(), measure=measures, data=st.data())
@example(
    rows=np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 0.0], [3.0, 0.0]]), measure="cosine", data=None
)
def test_neighbours_are_sorted_with_ties_in_the_order_given(
    rows: np.ndarray, measure: str, data: Any
) -> None:
    """Compare with a naive sort; equal rows tie, as do those of one direction by cosine."""
    code = data.draw(st.integers(0, len(rows) - 1)) if data else 0
    among = (
        data.draw(st.lists(st.integers(0, len(rows) - 1), unique=True).map(sorted))
        if data
        else [1, 2, 3]
    )
    n = data.draw(st.integers(1, 10)) if data else 9
    found, values = nearest(rows, code, np.array(among, dtype=np.int64), measure, n)
    all_values = MEASURES[measure][0](rows, code)
    sign = 1 if measure == "euclidean" else -1
    expected = sorted(
        (each for each in among if each != code), key=lambda each: (sign * all_values[each], each)
    )[:n]
    assert found.tolist() == expected
    assert values.tolist() == all_values[expected].tolist()


@quick
@given(rows=vectors(), measure=measures, data=st.data())
def test_the_order_of_the_rows_does_not_matter(rows: np.ndarray, measure: str, data: Any) -> None:
    order = np.array(data.draw(st.permutations(range(len(rows)))))
    code = data.draw(st.integers(0, len(rows) - 1))
    there = int(np.flatnonzero(order == code)[0])
    one, other = MEASURES[measure][0](rows, code), MEASURES[measure][0](rows[order], there)
    assert other.tolist() == one[order].tolist()


def test_a_row_of_zeros_is_like_nothing_and_no_warning_is_given() -> None:
    with np.errstate(all="raise"):
        assert cosine(np.array([[0.0, 0.0], [3.0, 4.0]]), 0).tolist() == [0.0, 0.0]


def test_unknown_measure_names_the_nearest_one() -> None:
    assert [column_of(each) for each in MEASURES] == ["similarity", "distance"]
    with pytest.raises(DataError) as raised:
        column_of("cosin")
    assert (
        str(raised.value) == "no measure called 'cosin'; did you mean cosine? (cosine, euclidean)"
    )
