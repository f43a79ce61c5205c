"""The random split: the rule that every published figure was measured with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from cfplug_splits import RandomParams
from cfplug_splits.random_rows import split
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import cfplug

Contexts = Callable[[int], cfplug.Context]
Rated = Callable[[int], cfplug.Dataset]

quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)


def test_seed_42_draws_these_rows_of_ten(rated: Rated, context: Contexts) -> None:
    found = split(rated(10), RandomParams(), context(42))
    assert found.valid.tolist() == [1, 8]
    assert found.train.tolist() == [0, 2, 3, 4, 5, 6, 7, 9]
    assert found.test is None


def test_test_rows_come_after_the_validation_rows(rated: Rated, context: Contexts) -> None:
    found = split(rated(10), RandomParams(test=0.3), context(42))
    assert found.test is not None
    assert found.valid.tolist() == [1, 8]
    assert found.test.tolist() == [0, 5, 7]
    assert found.train.tolist() == [2, 3, 4, 6, 9]


@pytest.mark.parametrize("seed", range(3))
def test_the_rows_are_the_first_of_the_permutation(
    seed: int, rated: Rated, context: Contexts
) -> None:
    found = split(rated(1001), RandomParams(), context(seed))
    first = np.random.RandomState(seed).permutation(1001)[:200]
    assert set(found.valid) == set(first)


def test_a_hundred_thousand_ratings_give_twenty_thousand(rated: Rated, context: Contexts) -> None:
    found = split(rated(100_000), RandomParams(), context(0))
    assert (len(found.train), len(found.valid)) == (80_000, 20_000)


@quick
@given(
    n=st.integers(1, 300),
    valid=st.floats(0, 1, exclude_min=True, exclude_max=True),
    test=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_parts_share_no_row_and_lose_none(
    n: int, valid: float, test: float, seed: int, rated: Rated, context: Contexts
) -> None:
    assume(valid + test < 1)
    sizes = [round(valid * n), round(test * n)]
    assume(sum(sizes) < n and sizes[0] and (sizes[1] or not test))
    found = split(rated(n), RandomParams(valid, test), context(seed))
    assert np.sort(np.concatenate(list(found.parts().values()))).tolist() == list(range(n))
    assert [len(part) for part in found.parts().values()][1:] == sizes[: 2 if test else 1]


def test_too_few_ratings_are_refused(rated: Rated, context: Contexts) -> None:
    with pytest.raises(cfplug.DataError) as raised:
        split(rated(2), RandomParams(), context(0))
    assert str(raised.value) == "the split leaves no ratings to valid; it has 2 in all"


def test_a_split_must_leave_something_to_train() -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the full text follows
        RandomParams(0.6, 0.4)
    assert str(raised.value) == "valid and test: must leave something to train; are 0.6 and 0.4"
