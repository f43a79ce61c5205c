"""Check predictions with given vectors against the sum of a biased factorization."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from attrs import evolve
from cfplug_factors import Pmf
from cfplug_factors.modules import pmf
from cfplug_losses import Mse, Ordinal
from cfplug_losses.cumulative import ordinal
from cfplug_losses.errors import squared
from cfplug_networks import Layers
from cfplug_networks.tabular import tabular
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Dataset, FittedModel, Newcomers
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.dataset import Scale
from cfplug.data.features import Spec
from cfplug.errors import UnknownIdError
from cfplug.prediction.network import NetworkPredictor
from cfplug.prediction.vectors import ByVectors
from cfplug.recipe.settings import FeatureChoice
from cfplug.training.features import learn
from cfplug.training.module import Scored

quick = settings(max_examples=12, deadline=None)

SCALE = Scale(1.0, 5.0, (1.0, 2.0, 3.0, 4.0, 5.0))
USERS = pd.DataFrame(
    {"user": [1, 2, 3, 4, 5], "age": [20.0, 30.0, 40.0, 25.0, None], "job": [*"abba", None]}
)
ITEMS = pd.DataFrame(
    {"item": range(11, 19), "genre": [("x",), ("y", "z", "x"), ("z",), *[("y",)] * 4, ()]}
)
ROLES = {"users": {"job": "category"}, "items": {"genre": "set"}}
PAIRS = [(1, 11), (1, 12), (2, 13), (3, 14), (3, 11), (2, 15)]


def dataset() -> Dataset:
    """Users 1 to 3 and items 11 to 15 have ratings; 4, 5 and 16 to 18 have none."""
    ratings = pd.DataFrame(PAIRS, columns=["user", "item"]).assign(
        rating=[1.0, 5.0, 3.0, 2.0, 4.0, 4.0]
    )
    return Dataset.build("small", ratings, USERS, ITEMS, roles=ROLES, scale=SCALE)


def model(kind: str = "pmf") -> FittedModel:
    """A module that was not trained: what it says is the same sum."""
    data = dataset()
    catalogue = Catalogue.of(data)
    train = catalogue.interactions(data.ratings, np.arange(len(data.ratings)))
    torch.manual_seed(3)
    features = None
    if kind == "tabular":
        chosen = FeatureChoice(user=("age", "job"), item=("genre",))
        features, _ = learn(chosen, data, np.arange(len(data.ratings)))
        spec = Spec(len(USERS), len(ITEMS), 1, tuple(features))
        module: Any = tabular(
            Layers(3, 4, (6,), embedding_dropout=0.0, dropout=0.0, batch_norm=False), spec
        )
    else:
        module = pmf(Pmf(3, 0.5), Spec(len(USERS), len(ITEMS), 1))
    per_level = kind == "ordinal"
    head = (
        ordinal(Ordinal(cut_points="per-user"), SCALE) if per_level else squared(Mse(None), SCALE)
    )
    scored = Scored(module, head, n_users=len(USERS))
    return FittedModel(
        *(
            kind,
            f"t/{kind}",
            0,
            ("vectors", *(["distribution"] if per_level else [])),
            catalogue,
            Support.of(train),
        ),
        NetworkPredictor(scored, "cpu"),
        features=features,
        levels=SCALE.levels if per_level else (),
        scale=SCALE,
    )


def asked(*pairs: tuple[Any, Any]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["user", "item"], dtype=object)


def newcomers(one: FittedModel) -> Newcomers:
    """Users 90, 4 and 91, and items 77 and 16."""
    users = pd.DataFrame({"user": [90, 4, 91], "age": [33, 25, None], "job": ["b", "a", None]})
    return one.newcomers(
        users=users, items=pd.DataFrame({"item": [77, 16], "genre": ["z|y", ("y",)]})
    )


def drawn(one: FittedModel, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        side: rng.normal(size=(n, one.vectors(side).shape[1])).astype(np.float32)
        for side, n in (("user", 3), ("item", 2))
    }


PEOPLE, THINGS = [1, 2, 3, 90, 4, 91, "90"], [11, 12, 15, 77, 16, "16"]
pairs_of_all = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(THINGS)), min_size=1, max_size=9
)


def naive(one: FittedModel, vectors: dict[str, np.ndarray], user: Any, item: Any) -> float:
    """b_u + b_i + p_u q_i, where a newcomer has the vector that is given: factors, then bias."""
    places = {"user": {90: 0, 4: 1, 91: 2}, "item": {77: 0, 16: 1}}
    rows = []
    for side, name, first in (("user", int(user), 1), ("item", int(item), 11)):
        place = places[side].get(name)
        rows.append(
            one.vectors(side)[name - first] if place is None else vectors[side][place].astype(float)
        )
    p, q = rows
    return float(p[:-1] @ q[:-1]) + p[-1] + q[-1]


@quick
@given(pairs=pairs_of_all, seed=st.integers(0, 99))
def test_a_rating_is_the_models_own_sum_with_the_vectors_that_are_given(
    pairs: list[Any], seed: int
) -> None:
    one = model()
    vectors = drawn(one, seed)
    found = ByVectors(one, newcomers(one), vectors).predict(asked(*pairs))
    assert found.tolist() == pytest.approx([naive(one, vectors, *pair) for pair in pairs], abs=1e-5)


@quick
@given(pairs=pairs_of_all, order=st.permutations(range(3)))
def test_order_of_newcomers_and_their_vectors_does_not_matter(
    pairs: list[Any], order: list[int]
) -> None:
    one = model()
    new, vectors = newcomers(one), drawn(one)
    moved = evolve(new, users=new.users.iloc[order].reset_index(drop=True))
    again = ByVectors(one, moved, {**vectors, "user": vectors["user"][order]}).predict(
        asked(*pairs)
    )
    assert again.tolist() == ByVectors(one, new, vectors).predict(asked(*pairs)).tolist()


@pytest.mark.parametrize("kind", ["pmf", "tabular", "ordinal"])
def test_known_ids_get_the_models_own_prediction(kind: str) -> None:
    one = model(kind)
    known = asked((1, 15), (3, 12), (2, 11))
    alone = ByVectors(one, newcomers(one), drawn(one))
    assert alone.predict(known).tolist() == one.predict(known)["prediction"].tolist()
    mixed = asked((90, 11), *known.itertuples(index=False, name=None))
    assert alone.predict(mixed)[1:].tolist() == pytest.approx(
        one.predict(known)["prediction"].tolist(), abs=1e-5
    )


@pytest.mark.parametrize("kind", ["pmf", "tabular", "ordinal"])
def test_a_newcomer_with_the_vector_and_metadata_of_one_who_is_known_is_answered_like_them(
    kind: str,
) -> None:
    one = model(kind)
    twins = one.newcomers(
        users=pd.DataFrame({"user": [92], "age": [30], "job": ["b"]}),
        items=pd.DataFrame({"item": [78], "genre": ["y|z|x"]}),
    )
    vectors = {"user": one.vectors("user")[[1]], "item": one.vectors("item")[[1]]}
    found = ByVectors(one, twins, vectors)
    known = one.answer(asked((2, 11), (3, 12), (2, 12)))
    assert found.predict(asked((92, 11), (3, 78), (92, 78))).tolist() == pytest.approx(
        known.rating.tolist(), abs=1e-5
    )
    share = found.distribution(asked((92, 11), (3, 78), (92, 78)))
    if kind == "ordinal":
        assert known.distribution is not None
        np.testing.assert_allclose(share, known.distribution, atol=1e-6)
    else:
        assert share is None


def test_metadata_of_a_newcomer_moves_a_model_that_looks_at_it() -> None:
    one = model("tabular")
    ages = pd.DataFrame({"user": [90, 91], "age": [20, 40], "job": ["a", "a"]})
    found = ByVectors(one, one.newcomers(users=ages), {"user": one.vectors("user")[[0, 0]]})
    first, second = found.predict(asked((90, 11), (91, 11)))
    assert first != second
    (known,) = one.predict(asked((1, 11)))["prediction"]
    assert first == pytest.approx(known, abs=1e-5), "it has the vector and the metadata of user 1"


def test_learned_vectors_can_be_replaced() -> None:
    one = model()
    learned = {"item": one.vectors("item")[::-1].copy()}
    vectors = drawn(one)
    found = ByVectors(one, newcomers(one), vectors, learned).predict(
        asked((90, 11), (1, 18 - 4), (4, 77))
    )
    swapped = {11: 18, 14: 15}
    p, q = vectors["user"][0].astype(float), one.vectors("item")[swapped[11] - 11]
    assert found[0] == pytest.approx(float(p[:-1] @ q[:-1]) + p[-1] + q[-1], abs=1e-5)
    p, q = one.vectors("user")[0], one.vectors("item")[swapped[14] - 11]
    assert found[1] == pytest.approx(float(p[:-1] @ q[:-1]) + p[-1] + q[-1], abs=1e-5)
    assert found[2] == pytest.approx(naive(one, vectors, 4, 77), abs=1e-5)


def test_unknown_id_without_a_vector_is_refused() -> None:
    one = model()
    found = ByVectors(one, newcomers(one), drawn(one))
    with pytest.raises(UnknownIdError) as caught:
        found.predict(asked((90, 11), (5, 11)))
    assert str(caught.value) == "nothing is known of user 5"
    with pytest.raises(UnknownIdError) as caught:
        found.predict(asked((90, 99)))
    assert str(caught.value) == "nothing is known of item 99"


def test_no_pairs_give_no_ratings() -> None:
    one = model()
    assert ByVectors(one, newcomers(one), drawn(one)).predict(asked()).shape == (0,)
