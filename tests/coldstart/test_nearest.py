"""Check nearest metadata: similarities and means against their naive forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cfplug_coldstart import NearestMetadata
from cfplug_coldstart.feature_table import FeatureTable
from cfplug_coldstart.nearest import nearest_metadata, nearness, similarity
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cfplug import Context, DataError
from cfplug.params import NoParams

quick = settings(max_examples=15, deadline=None)
either = pytest.mark.parametrize("new", [("user",), ("item",), ("user", "item")], ids="-".join)


def answers(here: Any, quiet: Context, pairs: pd.DataFrame, **params: Any) -> Any:
    return nearest_metadata(NearestMetadata(**params), here.model, here.newcomers(pairs), quiet)


def rmse(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(((found - truth) ** 2).mean()))


def revealed(here: Any, quiet: Context, pairs: pd.DataFrame) -> np.ndarray:
    from cfplug_coldstart.centroids import mean_embedding

    return mean_embedding(NoParams(), here.model, here.newcomers(pairs), quiet).predict(pairs)


@pytest.mark.parametrize("side", ["user", "item"])
def test_similarity_is_the_mean_over_columns_of_how_alike_each_is(
    town: Callable[..., Any], side: str
) -> None:
    here = town()
    table = here.model.catalogue.metadata[side].table
    traits = FeatureTable.of(here.model, side, ("all",))
    warm = np.flatnonzero(here.model.support.count[side])
    reach = table[["age" if side == "user" else "year"]].iloc[warm].agg(["min", "max"]).iloc[:, 0]

    def alike(one: Any, two: Any, name: str) -> float:
        if any(each is None or each != each for each in (one, two)):
            return 0.0
        if name in ("age", "year"):
            return max(0.0, 1 - abs(one - two) / (reach["max"] - reach["min"]))
        if name == "genres":
            return len({*one} & {*two}) / len({*one} | {*two})
        return float(one == two)

    found = similarity(traits, traits.take(warm))
    for row in (0, 1, 5, len(table) - 1):
        for place, code in enumerate(warm[:9]):
            parts = [alike(table[name][row], table[name][code], name) for name in table]
            assert found[row, place] == pytest.approx(sum(parts) / len(parts))


@quick
@given(data=st.data(), n=st.integers(1, 9))
def test_the_k_nearest_count_one_and_equal_ones_share(data: Any, n: int) -> None:
    alike = data.draw(arrays(float, (3, n), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])))
    k = data.draw(st.integers(1, n))
    shares = nearness(alike, k)
    assert shares.sum(axis=1) == pytest.approx(np.full(3, k))
    for row, share in zip(alike, shares, strict=True):
        last = sorted(row)[-k]
        assert (share[row > last] == 1).all()
        assert (share[row < last] == 0).all()
        assert len(set(share[row == last])) == 1


def test_the_vector_is_the_weighted_mean_of_the_most_similar(
    town: Callable[..., Any], quiet: Context
) -> None:
    """All ids of a newcomer's group are as similar, so the mean of the group is used."""
    here = town()
    pairs = here.pairs("user")
    damping, model = 7.0, here.model
    count = model.support.count["user"]
    groups = model.catalogue.metadata["user"].table["group"]
    adapted = answers(here, quiet, pairs, k=5, columns=("group",), damping=damping)
    weight = count / (count + damping)
    mean = np.average(model.vectors("user"), axis=0, weights=weight)
    (_, share) = next(
        model.memo[key] for key in model.memo if "nearest" in key[0] and key[2].k == 5
    )
    assert 0 < share <= 1
    for user, vector in zip(
        here.newcomers(pairs).users["user"], adapted.by.vectors["user"], strict=True
    ):
        group = groups[model.catalogue.user.encode([user])[0]]
        own = np.average(model.vectors("user"), axis=0, weights=weight * (groups == group))
        assert vector == pytest.approx(mean + share * (own - mean))


@either
def test_metadata_that_matters_pays(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...]
) -> None:
    here = town()
    pairs = here.pairs(*new)
    adapted = answers(here, quiet, pairs, k=8)
    truth = here.truth(pairs)
    assert rmse(adapted.predict(pairs), truth) < 0.8 * rmse(revealed(here, quiet, pairs), truth)
    assert set(adapted.origins(pairs)) == {"metadata"}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("side", ["user", "item"])
def test_metadata_that_says_nothing_costs_next_to_nothing(
    town: Callable[..., Any], quiet: Context, side: str, seed: int
) -> None:
    here = town(matters=0.0, seed=seed, users=400, items=300)
    pairs = here.pairs(side)
    rating, noise = here.truth(pairs), np.random.default_rng(0).normal(size=len(pairs))
    truth = rating + 0.3 * noise
    assert (
        rmse(answers(here, quiet, pairs).predict(pairs), truth)
        < rmse(revealed(here, quiet, pairs), truth) + 0.005
    )


def test_a_newcomer_without_metadata_gets_the_mean(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town()
    pairs = here.pairs("user").assign(user="nobody knows him")
    adapted = answers(here, quiet, pairs)
    (vector,) = adapted.by.vectors["user"]
    count = here.model.support.count["user"]
    mean = np.average(here.model.vectors("user"), axis=0, weights=count / (count + 100))
    assert vector == pytest.approx(mean)
    assert set(adapted.origins(pairs)) == {"mean"}


def test_with_more_neighbours_than_people_it_is_the_mean_of_all(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town()
    pairs = here.pairs("user")
    vectors = answers(here, quiet, pairs, k=10_000).by.vectors["user"]
    count = here.model.support.count["user"]
    assert vectors[0] == pytest.approx(
        np.average(here.model.vectors("user"), axis=0, weights=count / (count + 100))
    )


@either
def test_permuting_ids_permutes_answers(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...]
) -> None:
    pairs = town().pairs(*new)
    one, two = (
        answers(here, quiet, pairs, k=8).predict(pairs) for here in (town(), town(shuffle=1))
    )
    assert one == pytest.approx(two)


@either
def test_nothing_depends_on_ratings_that_are_held_out(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...]
) -> None:
    pairs = town().pairs(*new)
    one, two = (
        answers(here, quiet, pairs, k=8).predict(pairs) for here in (town(), town(cold_rating=99.0))
    )
    assert (one == two).all()


def test_an_unknown_column_is_refused(town: Callable[..., Any], quiet: Context) -> None:
    here = town()
    message = "columns: nothing called yaer is known of users or items; did you mean year? " \
        "(known are: group, age, year, genres)"  # fmt: skip
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        answers(here, quiet, here.pairs("user"), columns=("age", "yaer"))


def test_a_column_of_one_side_leaves_the_other_at_its_mean(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town()
    pairs = here.pairs("user", "item")
    adapted = answers(here, quiet, pairs, columns=("year",), k=8)
    assert not adapted.known["user"].any()
    assert adapted.known["item"].all()
    assert set(adapted.origins(pairs)) == {"metadata"}
