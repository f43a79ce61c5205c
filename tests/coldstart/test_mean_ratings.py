"""Check means of ratings against a naive form, on drawn ratings and on MovieLens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cfplug_coldstart import ItemMean, cfplug_cold_starts
from cfplug_coldstart.mean_ratings import MeanRatings, global_mean, item_mean
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Batch, Context, Dataset, FittedModel
from cfplug.data.catalogue import Catalogue, Support
from cfplug.params import NoParams

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "ml-100k.zip"

quick = settings(max_examples=12, deadline=None)

QUIET = Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)


class Silent:
    """A model that must not be asked: a mean needs none."""

    def predict(self, batch: Batch) -> np.ndarray:
        raise AssertionError("the model was asked")


def fitted(dataset: Dataset, rows: Any) -> FittedModel:
    """A model of which only its training ratings count."""
    catalogue = Catalogue.of(dataset)
    support = Support.of(
        catalogue.interactions(dataset.ratings, np.asarray(rows)), dataset.scale.levels
    )
    return FittedModel("silent", "test/silent", 0, (), catalogue, support, Silent())


def means(model: FittedModel, damping: float) -> MeanRatings:
    return item_mean(ItemMean(damping), model, None, QUIET)  # type: ignore[arg-type]


def pairs(*rows: tuple[Any, Any]) -> pd.DataFrame:
    user, item = zip(*rows, strict=True)
    return pd.DataFrame(
        {"user": pd.Series(user, dtype=object), "item": pd.Series(item, dtype=object)}
    )


def table(rows: list[tuple[str, int, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user", "item", "rating"])


row = st.tuples(st.sampled_from("abc"), st.integers(1, 5), st.integers(1, 5).map(float))
rated = st.lists(row, min_size=2, max_size=15, unique_by=lambda each: each[:2])
asked = st.lists(st.tuples(st.sampled_from("abcz"), st.integers(1, 9)), min_size=1, max_size=9)


@quick
@given(rows=rated, ask=asked, damping=st.sampled_from([0.0, 1.5, 5.0]), data=st.data())
def test_the_item_then_the_user_then_the_mean_of_all(
    rows: list[Any], ask: list[Any], damping: float, data: Any
) -> None:
    train = data.draw(st.integers(1, len(rows)))
    model, known = fitted(Dataset.build("drawn", table(rows)), range(train)), rows[:train]
    mean = sum(rating for _, _, rating in known) / train
    for (user, item), found in zip(ask, means(model, damping).predict(pairs(*ask)), strict=True):
        of_item = [rating for _, each, rating in known if each == item]
        of_user = [rating for each, _, rating in known if each == user]
        given_ = of_item or of_user
        expected = (sum(given_) + damping * mean) / (len(given_) + damping) if given_ else mean
        assert found == pytest.approx(expected)


@quick
@given(rows=rated, ask=asked)
def test_the_global_mean_is_the_mean_of_the_training_ratings(
    rows: list[Any], ask: list[Any]
) -> None:
    model = fitted(Dataset.build("drawn", table(rows)), range(len(rows)))
    found = global_mean(NoParams(), model, None, QUIET).predict(pairs(*ask))  # type: ignore[arg-type]
    assert found == pytest.approx(
        np.full(len(ask), sum(rating for _, _, rating in rows) / len(rows))
    )


@quick
@given(rows=rated, ask=asked, damping=st.sampled_from([0.0, 1.5, 5.0, None]), data=st.data())
def test_the_distribution_is_the_share_of_each_level_damped_by_the_same_rule(
    rows: list[Any], ask: list[Any], damping: float | None, data: Any
) -> None:
    """`damping` None stands for global-mean."""
    train = data.draw(st.integers(1, len(rows)))
    dataset = Dataset.build("drawn", table(rows))
    model, known, levels = fitted(dataset, range(train)), rows[:train], dataset.scale.levels
    strategy = (
        global_mean(NoParams(), model, None, QUIET) if damping is None else means(model, damping)
    )  # type: ignore[arg-type]
    found = strategy.distribution(pairs(*ask))
    assert found.shape == (len(ask), len(levels))
    assert found.sum(axis=1) == pytest.approx(np.ones(len(ask)))
    assert found @ np.array(levels) == pytest.approx(strategy.predict(pairs(*ask)))
    common = shares([rating for _, _, rating in known], levels)
    for (user, item), row in zip(ask, found, strict=True):
        of_item = [rating for _, each, rating in known if each == item]
        given_ = of_item or [rating for each, _, rating in known if each == user]
        if damping is None or not given_:
            assert row == pytest.approx(common)
        else:
            counts = np.array([given_.count(level) for level in levels])
            assert row == pytest.approx((counts + damping * common) / (len(given_) + damping))


def shares(given_: list[float], levels: tuple[float, ...]) -> np.ndarray:
    return np.array([given_.count(level) for level in levels]) / len(given_)


def test_damping_pulls_towards_the_mean_of_all() -> None:
    rows = [("a", 1, 5.0), ("b", 1, 5.0), ("c", 2, 2.0), ("a", 3, 4.0)]
    model = fitted(Dataset.build("four", table(rows)), range(4))
    found = [means(model, damping).predict(pairs(("z", 1)))[0] for damping in (0.0, 2.0, 1e9)]
    assert found == pytest.approx([5.0, 4.5, 4.0])
    assert means(model, 0.0).predict(pairs(("a", 9), ("z", 9), ("c", 9))) == pytest.approx(
        [4.5, 4.0, 2.0]
    )


def test_the_strategies_label_their_answers_as_means() -> None:
    declared = {
        strategy.name: strategy for strategy in cfplug_cold_starts() if not strategy.requires
    }
    assert {name: strategy.origin for name, strategy in declared.items()} == {
        "global-mean": "mean",
        "item-mean": "mean",
    }
    assert [strategy.requires for strategy in declared.values()] == [(), ()]
    assert [strategy.provides for strategy in declared.values()] == [("distribution",)] * 2
    assert [strategy.function("adapt") for strategy in declared.values()] == [
        global_mean,
        item_mean,
    ]


def test_a_negative_damping_is_refused() -> None:
    with pytest.raises(ValueError, match=f"^{re.escape('damping: must be at least 0; is -1.0')}$"):
        ItemMean(-1.0)


def test_the_mean_of_star_wars_is_that_of_its_ratings() -> None:
    if not REAL.parent.is_dir():
        pytest.skip(f"there is no real data here: {REAL.parent} does not exist")
    from cfplug_movielens import MovieLens100K
    from cfplug_movielens.source import read_100k

    dataset = read_100k(MovieLens100K(REAL), QUIET)
    assert dataset.items.set_index("item")["title"][50] == "Star Wars (1977)"
    train = np.random.RandomState(0).permutation(100_000)[20_000:]
    given_ = dataset.ratings.iloc[train].groupby("item")["rating"].agg(["mean", "count", "sum"])
    model = fitted(dataset, train)
    assert means(model, 0.0).predict(pairs((99_999, 50)))[0] == pytest.approx(given_["mean"][50])
    mean = dataset.ratings["rating"].iloc[train].mean()
    damped = (given_["sum"][50] + 5 * mean) / (given_["count"][50] + 5)
    assert means(model, 5.0).predict(pairs(("99999", "50")))[0] == pytest.approx(damped)
    assert 400 < given_["count"][50] < 583
