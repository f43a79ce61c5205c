"""The generated ratings: what is planted in them can be found again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from cfplug_tables import SyntheticParams, synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

import cfplug

DEFAULT = SyntheticParams()
CONTINUOUS = SyntheticParams(step=None, scale=(-100.0, 100.0))


def context(seed: int = 0) -> cfplug.Context:
    return cfplug.Context(
        seed=seed,
        rng=np.random.default_rng(seed),
        device="cpu",
        scratch=Path(),
        progress=lambda done, message: None,
        say=lambda line: None,
    )


def draw(params: SyntheticParams = DEFAULT, seed: int = 0) -> cfplug.Dataset:
    return synthetic.read(params, context(seed))


def planted(params: SyntheticParams, seed: int = 0) -> synthetic.Planted:
    """What `draw` with the same seed plants."""
    return synthetic.plant(params, np.random.default_rng(seed))


def signal_of(dataset: cfplug.Dataset, params: SyntheticParams, seed: int = 0) -> np.ndarray:
    """The noiseless rating of every row."""
    ratings = dataset.ratings
    user, item = ratings["user"].to_numpy() - 1, ratings["item"].to_numpy() - 1
    return planted(params, seed).signal(user, item, params.scale)


def gini(counts: np.ndarray) -> float:
    """How unequal the counts are: 0 if all are alike."""
    ranked = np.sort(counts)
    n = len(ranked)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ranked / (n * ranked.sum()))


def explained(values: np.ndarray, columns: np.ndarray) -> float:
    """Return the share of the variance of `values` (n, k) that `columns` (n, m) explain."""
    design = np.column_stack([columns, np.ones(len(columns))])
    rest = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return float(1 - rest.var(axis=0).sum() / values.var(axis=0).sum())


# What a dataset must be


def test_the_default_is_small_and_not_square() -> None:
    dataset = draw()
    assert str(dataset) == "synthetic: 10,000 ratings, 300 users, 200 items"
    assert dataset.scale == cfplug.Scale(1.0, 5.0, (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0))
    assert {name: dict(roles) for name, roles in dataset.roles.items()} == {
        "ratings": {"user": "id", "item": "id", "rating": "target", "time": "time"},
        "users": {"user": "id", "age": "number", "group": "category"},
        "items": {"item": "id", "title": "label", "year": "number", "genres": "set"},
    }


@st.composite
def drawable(draw: st.DrawFn) -> SyntheticParams:
    users, items = draw(st.integers(1, 12)), draw(st.integers(1, 9))
    return SyntheticParams(
        users=users,
        items=items,
        ratings=draw(st.integers(1, users * items)),
        factors=draw(st.integers(1, 4)),
        noise=draw(st.sampled_from([0.0, 0.5, 50.0])),
        metadata=draw(st.sampled_from([0.0, 0.3, 1.0])),
        skew=draw(st.sampled_from([0.0, 1.0, 3.0])),
        scale=draw(st.sampled_from([(1.0, 5.0), (0.0, 1.0), (-10.0, 10.0)])),
        step=draw(st.sampled_from([None, 0.1, 0.5, 1.0])),
        days=draw(st.integers(1, 100)),
        drift=draw(st.sampled_from([0.0, 2.0])),
    )


@settings(max_examples=30, deadline=None)
@given(params=drawable(), seed=st.integers(0, 100))
def test_pairs_are_distinct_and_ratings_on_the_scale_for_any_parameters(
    params: SyntheticParams, seed: int
) -> None:
    ratings = draw(params, seed).ratings
    assert len(ratings) == params.ratings
    assert not ratings.duplicated(["user", "item"]).any()
    assert ratings["rating"].between(*params.scale).all()
    assert ratings["time"].is_monotonic_increasing
    if params.step is not None:
        steps = (ratings["rating"] - params.scale[0]) / params.step
        np.testing.assert_allclose(steps, steps.round(), atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_same_seed_gives_the_same_data(seed: int) -> None:
    params = SyntheticParams(users=30, items=20, ratings=100)
    assert draw(params, seed).hash() == draw(params, seed).hash()


def test_another_seed_gives_other_data() -> None:
    assert draw(seed=1).hash() != draw(seed=2).hash()


def test_another_process_gives_the_same_data() -> None:
    code = (
        "import cfplug, numpy, pathlib, cfplug_tables, cfplug_tables.synthetic as s\n"
        "c = cfplug.Context(0, numpy.random.default_rng(0), 'cpu', pathlib.Path(), print, print)\n"
        "print(s.read(cfplug_tables.SyntheticParams(), c).hash())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == draw().hash()


def test_the_draw_of_pairs_does_not_depend_on_the_memory_it_may_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = synthetic.draw_pairs(DEFAULT, np.random.default_rng(0))
    monkeypatch.setattr(synthetic, "_BLOCK", 1000)
    parts = synthetic.draw_pairs(DEFAULT, np.random.default_rng(0))
    np.testing.assert_array_equal(whole, parts)


# What is planted


def test_the_signal_is_its_equation() -> None:
    plant = planted(DEFAULT)
    user, item = 17, 5
    taste = (
        sum(plant.user_factors[user][f] * plant.item_factors[item][f] for f in range(4)) / 4**0.5
    )
    parts = 0.4 + 0.35 * plant.user_bias[user] + 0.45 * plant.item_bias[item] + 0.6 * taste
    naive = (1 + 5) / 2 + (5 - 1) / 4 * parts
    found = plant.signal(np.array([user]), np.array([item]), (1.0, 5.0))
    np.testing.assert_allclose(found, [naive], rtol=1e-12)


@pytest.mark.parametrize("factors", [1, 3, 6])
def test_the_signal_has_the_rank_of_factors_and_two_biases(factors: int) -> None:
    params = SyntheticParams(users=40, items=30, ratings=100, factors=factors)
    user, item = np.divmod(np.arange(40 * 30), 30)
    matrix = planted(params).signal(user, item, params.scale).reshape(40, 30)
    assert np.linalg.matrix_rank(matrix) == factors + 2


def test_without_noise_ratings_are_the_signal() -> None:
    params = evolve(CONTINUOUS, noise=0.0)
    dataset = draw(params)
    np.testing.assert_allclose(
        dataset.ratings["rating"], signal_of(dataset, params).clip(-100, 100), rtol=1e-12
    )


def test_the_noise_has_the_given_deviation() -> None:
    params = evolve(CONTINUOUS, noise=2.0)
    dataset = draw(params)
    signal = signal_of(dataset, params)
    rest = (dataset.ratings["rating"] - signal)[
        np.abs(signal) < 80
    ]  # beyond, the scale cuts the noise
    assert rest.std() == pytest.approx(2.0, rel=0.05)
    assert rest.mean() == pytest.approx(0.0, abs=0.1)


def test_whoever_knows_the_signal_beats_the_mean_and_the_biases() -> None:
    dataset = draw()
    rating = dataset.ratings["rating"].to_numpy()
    by_item = dataset.ratings.groupby("item")["rating"].transform("mean").to_numpy()
    oracle = signal_of(dataset, DEFAULT).clip(1, 5)
    assert ((rating - oracle) ** 2).mean() < 0.5 * ((rating - by_item) ** 2).mean()
    assert ((rating - by_item) ** 2).mean() < ((rating - rating.mean()) ** 2).mean()


@pytest.mark.parametrize("metadata", [0.0, 0.5, 1.0])
def test_metadata_explains_the_given_part_of_factors_and_biases(metadata: float) -> None:
    params = SyntheticParams(users=4000, items=3000, ratings=10, metadata=metadata, factors=16)
    plant = planted(params)
    groups = np.array([plant.users["group"] == each for each in synthetic.GROUPS[1:]]).T.astype(
        float
    )
    age, year = plant.users[["age"]].to_numpy(), plant.items[["year"]].to_numpy()
    assert explained(plant.user_bias[:, None], age) == pytest.approx(metadata, abs=0.05)
    assert explained(plant.item_bias[:, None], year) == pytest.approx(metadata, abs=0.05)
    assert explained(plant.user_factors, groups) == pytest.approx(metadata, abs=0.15)


def test_a_greater_skew_makes_popularity_less_equal() -> None:
    def inequality(skew: float) -> float:
        ratings = draw(evolve(DEFAULT, skew=skew, ratings=5000)).ratings
        return gini(ratings["item"].value_counts().reindex(range(1, 201), fill_value=0).to_numpy())

    found = [inequality(skew) for skew in (0.0, 0.5, 1.0, 2.0)]
    assert found == sorted(found)
    assert found[0] < 0.12
    assert found[-1] > 0.7


def test_drift_moves_activity_to_later_days() -> None:
    def middle(drift: float) -> Any:
        return draw(evolve(DEFAULT, drift=drift)).ratings["time"].median()

    assert middle(0.0) < middle(1.0) < middle(4.0)


def test_all_ratings_are_within_the_given_days() -> None:
    time = draw(evolve(DEFAULT, days=10)).ratings["time"]
    assert (time.max() - time.min()).days < 10


def test_every_pair_may_be_drawn() -> None:
    params = SyntheticParams(users=7, items=5, ratings=35, skew=3.0)
    assert len(draw(params).ratings) == 35
