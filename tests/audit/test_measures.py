"""Each measure of lists equals its naive form of a few lines, for short and empty lists too."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from cfplug_audit import measures
from cfplug_audit.lists import Lists
from hypothesis import given, settings
from hypothesis import strategies as st

N_ITEMS, N_GENRES = 9, 3


@st.composite
def lists(draw: st.DrawFn) -> Lists:
    """Draw up to five lists of up to four of nine items, some of them short, some empty."""
    each = draw(
        st.lists(
            st.lists(st.integers(0, N_ITEMS - 1), max_size=4, unique=True), min_size=1, max_size=5
        )
    )
    items = np.array([[*row, *[-1] * (4 - len(row))] for row in each])
    return Lists(np.arange(len(each)), items)


COUNTS = st.lists(st.integers(0, 20), min_size=N_ITEMS, max_size=N_ITEMS).filter(any).map(np.array)
MEMBERS = st.lists(
    st.lists(st.booleans(), min_size=N_GENRES, max_size=N_GENRES),
    min_size=N_ITEMS,
    max_size=N_ITEMS,
).map(np.array)


def filled(row: np.ndarray) -> list[int]:
    return [int(item) for item in row if item >= 0]


@given(lists(), COUNTS)
def test_a_mean_over_a_list_leaves_out_the_empty_places(asked: Lists, count: np.ndarray) -> None:
    for row, found in zip(asked.items, measures.mean_of(count, asked), strict=True):
        naive = np.mean([count[item] for item in filled(row)]) if filled(row) else math.nan
        assert found == pytest.approx(naive, nan_ok=True)


@given(COUNTS)
def test_percentiles_are_the_share_below_and_half_of_the_equals(count: np.ndarray) -> None:
    known = count[count > 0]
    naive = [100 * np.mean([(other < c) + (other == c) / 2 for other in known]) for c in count]
    assert measures.percentile(count) == pytest.approx(naive)
    assert measures.percentile(count)[count > 0].mean() == pytest.approx(50)


@given(COUNTS, st.floats(0.05, 0.95))
def test_the_long_tail_has_the_share_at_most_and_one_more_item_would_exceed_it(
    count: np.ndarray, share: float
) -> None:
    tail = measures.in_tail(count, share)
    assert count[tail].sum() <= share * count.sum()
    if not tail.all():
        assert count[tail].max(initial=0) <= count[~tail].min()
        assert count[tail].sum() + count[~tail].min() > share * count.sum()


def test_half_as_many_who_know_an_item_are_one_bit_more() -> None:
    assert measures.novelty(np.array([8, 4, 1, 0]), 8).tolist() == [0, 1, 3, 3]


@given(lists(), COUNTS)
def test_coverage_and_exposure_count_only_items_that_training_saw(
    asked: Lists, count: np.ndarray
) -> None:
    exposure = asked.exposure(N_ITEMS)
    listed = {item for row in asked.items for item in filled(row)}
    trained = [item for item in range(N_ITEMS) if count[item]]
    assert measures.coverage(exposure, count) == pytest.approx(
        len(listed & set(trained)) / len(trained)
    )
    assert exposure.tolist() == [
        sum(item in filled(row) for row in asked.items) for item in range(N_ITEMS)
    ]


def kl(profile: list[int], items: list[int], member: np.ndarray) -> float:
    """Steck's formula, as it is written."""

    def mix(which: list[int]) -> list[float]:
        parts = [[m / max(sum(member[i]), 1) for m in member[i]] for i in which]
        return [sum(part[g] for part in parts) / len(which) for g in range(N_GENRES)]

    p, q = mix(profile), mix(items)
    return sum(a * math.log(a / (0.99 * b + 0.01 * a)) for a, b in zip(p, q, strict=True) if a > 0)


@given(lists(), lists(), MEMBERS)
@settings(max_examples=30)
def test_the_distance_of_genres_is_stecks_divergence(
    asked: Lists, rated: Lists, member: np.ndarray
) -> None:
    m = min(len(asked.items), len(rated.items))
    asked, profile = (
        Lists(asked.users[:m], asked.items[:m]),
        [np.array(filled(row), int) for row in rated.items[:m]],
    )
    for row, mine, found in zip(
        asked.items, profile, measures.miscalibration(profile, asked, member), strict=True
    ):
        naive = kl(mine.tolist(), filled(row), member) if len(mine) and filled(row) else math.nan
        assert found == pytest.approx(naive, nan_ok=True, abs=1e-12)


@given(lists(), MEMBERS)
def test_a_list_of_the_profile_itself_has_the_same_mix(asked: Lists, member: np.ndarray) -> None:
    profile = [np.array(filled(row), int) for row in asked.items]
    same = measures.miscalibration(profile, asked, member)
    assert same[~np.isnan(same)] == pytest.approx(0, abs=1e-9)


def test_a_list_without_any_genre_of_the_profile_is_as_far_away_as_can_be() -> None:
    member = np.eye(2, dtype=bool)
    found = measures.miscalibration([np.array([0])], Lists(np.array([0]), np.array([[1]])), member)
    assert found == pytest.approx([math.log(100)])


@given(lists(), MEMBERS)
@settings(max_examples=30)
def test_diversity_is_one_less_the_mean_jaccard_of_all_pairs(
    asked: Lists, member: np.ndarray
) -> None:
    def alike(a: int, b: int) -> float:
        one, other = set(np.flatnonzero(member[a])), set(np.flatnonzero(member[b]))
        return len(one & other) / len(one | other) if one | other else 1.0

    for row, found in zip(
        asked.items, measures.diversity(measures.jaccard(asked, member), asked), strict=True
    ):
        pairs = list(permutations(filled(row), 2))
        naive = 1 - np.mean([alike(a, b) for a, b in pairs]) if pairs else math.nan
        assert found == pytest.approx(naive, nan_ok=True, abs=1e-6)


@given(lists(), st.integers(0, 20))
@settings(max_examples=15)
def test_diversity_by_factors_is_one_less_the_mean_cosine(asked: Lists, seed: int) -> None:
    factors = np.random.default_rng(seed).normal(size=(N_ITEMS, 4))
    factors[0] = 0  # an item that the model knows nothing of is like none

    def cosine(a: int, b: int) -> float:
        length = np.linalg.norm(factors[a]) * np.linalg.norm(factors[b])
        return float(factors[a] @ factors[b] / length) if length else 0.0

    for row, found in zip(
        asked.items, measures.diversity(measures.cosine(asked, factors), asked), strict=True
    ):
        pairs = list(permutations(filled(row), 2))
        naive = 1 - np.mean([cosine(a, b) for a, b in pairs]) if pairs else math.nan
        assert found == pytest.approx(naive, nan_ok=True)
