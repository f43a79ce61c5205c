"""Newcomers as the mean of all, or as one real id: against the means and distances written out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cfplug_coldstart import Representative
from cfplug_coldstart.centroids import mean_embedding, medoid, representative
from cfplug_coldstart.trained_ids import TrainedIds, in_ratings, trust
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cfplug import Batch, Context, DataError
from cfplug.params import NoParams

quick = settings(max_examples=15, deadline=None)
either = pytest.mark.parametrize("new", [("user",), ("item",), ("user", "item")], ids="-".join)
numbers = st.floats(-5, 5, allow_subnormal=False).map(lambda each: round(each, 3))


def warm_mean(town: Any, side: str) -> np.ndarray:
    known = town.model.catalogue.side(side).ids
    rows = [code for code, name in enumerate(known) if name not in town.cold[side]]
    mean: np.ndarray = town.model.vectors(side)[rows].mean(axis=0)
    return mean


@either
def test_a_newcomer_is_rated_as_the_mean_of_all_warm_vectors(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...]
) -> None:
    here = town()
    pairs = here.pairs(*new)
    found = mean_embedding(NoParams(), here.model, here.newcomers(pairs), quiet).predict(pairs)
    codes = here.model.catalogue.encode(pairs)
    batch = Batch(codes.user, codes.item)
    for side in new:
        batch = batch.with_vectors(side, np.tile(warm_mean(here, side), (len(pairs), 1)))
    assert found == pytest.approx(here.model.predictor.predict(batch))


@quick
@given(places=arrays(float, st.tuples(st.integers(1, 8), st.integers(1, 3)), elements=numbers))
def test_the_medoid_has_the_least_mean_squared_distance_to_all(places: np.ndarray) -> None:
    distance = [((place - places) ** 2).sum() for place in places]
    assert distance[medoid(places)] == pytest.approx(min(distance))


def test_distance_in_ratings_is_that_of_the_predicted_ratings(town: Callable[..., Any]) -> None:
    here = town()
    pairs = here.pairs()
    warm = TrainedIds.of(here.model, "user")
    items = here.model.catalogue.item.encode(pairs["item"].drop_duplicates())
    one, two = warm.codes[:2]
    revealed = [
        here.model.predictor.predict(Batch(np.full(len(items), code), items)) for code in (one, two)
    ]
    apart = (warm.vectors[0] - warm.vectors[1]) @ in_ratings(here.model, "user")
    assert np.linalg.norm(apart) == pytest.approx(
        np.sqrt(((revealed[0] - revealed[1]) ** 2).mean())
    )


@pytest.mark.parametrize("side", ["user", "item"])
def test_one_trained_id_represents_all_and_predicts_as_itself(
    town: Callable[..., Any], quiet: Context, side: str
) -> None:
    here = town()
    pairs = here.pairs(side)
    adapted = representative(Representative(), here.model, here.newcomers(pairs), quiet)
    (who,) = set(adapted.ids(side))
    assert who not in here.cold[side]
    assert adapted.predict(pairs) == pytest.approx(here.truth(pairs.assign(**{side: who})))
    assert set(adapted.origins(pairs)) == {"mean"}


def test_the_representative_is_who_differs_least_in_ratings(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town()
    pairs = here.pairs("user")
    (who,) = set(
        representative(Representative(), here.model, here.newcomers(pairs), quiet).ids("user")
    )
    warm = here.pairs()
    table = pd.Series(here.truth(warm), pd.MultiIndex.from_frame(warm)).unstack("item")
    apart = {user: ((table - row) ** 2).to_numpy().mean() for user, row in table.iterrows()}
    assert apart[who] == pytest.approx(min(apart.values()))


def test_each_group_has_a_representative_of_its_own_and_small_ones_that_of_all(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town()
    pairs = here.pairs("user")
    newcomers = here.newcomers(pairs)
    groups = here.dataset.users.set_index("user")["group"]
    warm = groups[~groups.index.isin(here.cold["user"])].value_counts()
    least = int(warm.iloc[1])
    adapted = representative(Representative("group", least), here.model, newcomers, quiet)
    (all_,) = set(representative(Representative(), here.model, newcomers, quiet).ids("user"))
    origin = dict(zip(pairs["user"], adapted.origins(pairs), strict=True))
    for user, who in zip(newcomers.users["user"], adapted.ids("user"), strict=True):
        own = warm[groups[user]] >= least
        assert origin[user] == ("metadata" if own else "mean")
        assert who == all_ if not own else groups[who] == groups[user]
    assert set(origin.values()) == {"metadata", "mean"}


def test_whose_group_is_missing_gets_the_representative_of_all(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town()
    pairs = here.pairs("user").assign(user="nobody knows him")
    adapted = representative(Representative("group"), here.model, here.newcomers(pairs), quiet)
    other = representative(Representative(), here.model, here.newcomers(pairs), quiet)
    assert adapted.ids("user") == other.ids("user")
    assert set(adapted.origins(pairs)) == {"mean"}


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("gruop", "group: nothing called gruop is known of users or items; did you mean group? "
         "(known are: group, age, year, genres)"),
        ("age", "group: age of users is a number; it must be a category"),
    ],
)  # fmt: skip
def test_an_invalid_group_is_refused(
    town: Callable[..., Any], quiet: Context, group: str, message: str
) -> None:
    here = town()
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        representative(Representative(group), here.model, here.newcomers(here.pairs("user")), quiet)


@either
@pytest.mark.parametrize("group", [None, "group"])
def test_permuting_ids_permutes_answers(
    town: Callable[..., Any], quiet: Context, new: tuple[str, ...], group: str | None
) -> None:
    answers = []
    for here in (town(), town(shuffle=1)):
        pairs = town().pairs(*new)
        newcomers = here.newcomers(pairs)
        params = Representative(group)
        answers.append(representative(params, here.model, newcomers, quiet).predict(pairs))
        answers.append(mean_embedding(NoParams(), here.model, newcomers, quiet).predict(pairs))
    assert answers[0] == pytest.approx(answers[2])
    assert answers[1] == pytest.approx(answers[3])


@quick
@given(data=st.data(), n=st.integers(3, 9))
def test_predictions_are_followed_as_far_as_least_squares_is_sure(data: Any, n: int) -> None:
    gaps, revealed = (data.draw(arrays(float, (n, 2), elements=numbers)) for _ in range(2))
    weight = data.draw(arrays(float, n, elements=st.floats(0.1, 1)))
    share = trust(gaps, revealed, weight)
    assert 0 <= share <= 1

    def missed(part: float) -> float:
        return float((weight * ((gaps - part * revealed) ** 2).sum(axis=1)).sum())

    assert missed(share) <= missed(0) + 1e-9


def test_what_is_right_is_followed_and_what_is_wrong_is_not() -> None:
    revealed = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]])
    assert trust(revealed, revealed, np.ones(3)) == pytest.approx(1)
    assert trust(0.5 * revealed, revealed, np.ones(3)) == pytest.approx(0.5)
    assert trust(-revealed, revealed, np.ones(3)) == 0
    assert trust(revealed, np.zeros((3, 2)), np.ones(3)) == 0
