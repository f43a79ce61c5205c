"""Check answers for raw ids: they depend on nothing but the ids, and each has an origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from attrs import evolve, frozen
from cfplug_coldstart import ItemMean
from cfplug_coldstart.mean_ratings import global_mean, item_mean
from cfplug_factors import Bias, DotProduct, Pmf
from cfplug_factors.baselines import fit_bias
from cfplug_factors.modules import dot_product, pmf
from cfplug_losses import Mse, Ordinal
from cfplug_losses.cumulative import ordinal
from cfplug_losses.errors import squared
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import cfplug
from cfplug import Batch, DataError, Dataset, FittedModel, PluginError
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.features import Features, Spec
from cfplug.errors import CapabilityError, UnknownIdError
from cfplug.params import NoParams
from cfplug.prediction import explain, network, recommend
from cfplug.prediction.evidence import Evidence
from cfplug.prediction.network import NetworkPredictor
from cfplug.prediction.newcomers import Newcomers
from cfplug.prediction.policy import Policy
from cfplug.prediction.predictions import WARM
from cfplug.recipe.settings import FeatureChoice
from cfplug.training.features import learn
from cfplug.training.module import Scored

quick = settings(max_examples=12, deadline=None)

CONTEXT = cfplug.Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)
POLICIES = {
    "global-mean": Policy(
        "global-mean",
        "mean",
        lambda fitted, new: global_mean(NoParams(), fitted, new, CONTEXT),
    ),
    "item-mean": Policy(
        "item-mean", "mean", lambda fitted, new: item_mean(ItemMean(2.0), fitted, new, CONTEXT)
    ),
}


@frozen(eq=False)
class Data:
    """Ratings, the tables of all ids, and which rows train."""

    ratings: pd.DataFrame
    users: list[Any]
    items: list[Any]
    train: np.ndarray

    def dataset(self) -> Dataset:
        return Dataset.build(
            "drawn", self.ratings, column("user", self.users), column("item", self.items)
        )

    @property
    def trained(self) -> list[tuple[Any, Any, float]]:
        return list(self.ratings.iloc[self.train].itertuples(index=False, name=None))


def column(name: str, ids: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(ids, dtype=object)})


def pairs_of(pairs: list[tuple[Any, Any]]) -> pd.DataFrame:
    users, items = zip(*pairs, strict=True) if pairs else ((), ())
    return pd.concat([column("user", list(users)), column("item", list(items))], axis=1)


@st.composite
def drawn(draw: st.DrawFn) -> Data:
    """Up to 5 users and 4 + 5 items; some rows train, some ids have no rating at all."""
    users = [f"u{n}" for n in range(draw(st.integers(1, 5)))]
    items = [10 + n for n in range(len(users) + draw(st.integers(1, 4)))]
    cells = st.tuples(st.sampled_from(users), st.sampled_from(items), st.integers(1, 5).map(float))
    rows = draw(st.lists(cells, min_size=2, max_size=20, unique_by=lambda row: row[:2]))
    train = draw(st.integers(1, len(rows)))
    table = pairs_of([row[:2] for row in rows]).assign(rating=[row[2] for row in rows])
    return Data(table, users, items, np.arange(train))


MODELS = ("bias", "dot-product", "pmf")


def fitted(data: Data, model: str = "pmf", policy: str | None = "item-mean") -> FittedModel:
    """A model of `data`; the modules are not trained, which no property here needs."""
    dataset = data.dataset()
    catalogue = Catalogue.of(dataset)
    train = catalogue.interactions(dataset.ratings, data.train)
    gives = {
        "bias": ("biases", "terms"),
        "pmf": ("embeddings", "biases", "terms"),
        "dot-product": ("embeddings", "terms"),
    }[model]
    if model == "bias":
        predictor: Any = fit_bias(Bias(), train, CONTEXT)
    else:
        torch.manual_seed(len(catalogue.item))
        spec = Spec(len(catalogue.user), len(catalogue.item), 1)
        module = pmf(Pmf(5, 0.5), spec) if model == "pmf" else dot_product(DotProduct(5, 0.5), spec)
        predictor = NetworkPredictor(Scored(module, squared(Mse((0.0, 5.5)), dataset.scale)), "cpu")
    chosen = POLICIES[policy] if policy else None
    return FittedModel(
        model, f"factors/{model}", 0, gives, catalogue, Support.of(train), predictor, chosen
    )


models = st.sampled_from(MODELS)


def asked(data: Data) -> st.SearchStrategy[pd.DataFrame]:
    """Pairs of known, untrained and new ids."""
    pair = st.tuples(
        st.sampled_from([*data.users, "new", "newer"]), st.sampled_from([*data.items, 99])
    )
    return st.lists(pair, min_size=1, max_size=12).map(pairs_of)


# What a prediction does not depend on


@quick
@given(data=drawn(), model=models, draw=st.data())
def test_predictions_do_not_depend_on_the_order_of_the_pairs(
    data: Data, model: str, draw: Any
) -> None:
    pairs = draw.draw(asked(data))
    order = draw.draw(st.permutations(range(len(pairs))))
    one = fitted(data, model)
    moved = one.predict(pairs.iloc[order])
    pd.testing.assert_frame_equal(moved, one.predict(pairs).iloc[order], check_exact=True)


@quick
@given(data=drawn(), model=models, draw=st.data())
def test_one_row_gives_what_it_gives_in_a_batch(data: Data, model: str, draw: Any) -> None:
    pairs, one = draw.draw(asked(data)), fitted(data, model)
    alone = pd.concat([one.predict(pairs.iloc[[row]]) for row in range(len(pairs))])
    pd.testing.assert_frame_equal(alone, one.predict(pairs), check_exact=True)


@quick
@given(data=drawn(), model=models, draw=st.data())
def test_predictions_do_not_depend_on_how_ids_are_named(data: Data, model: str, draw: Any) -> None:
    fresh = (
        st.integers(-99, 99)
        | st.integers(0, 99).map(str)
        | st.text("aé\U0001f3ac", min_size=1, max_size=5)
    )
    names = {}
    for side, ids in (("user", [*data.users, "new", "newer"]), ("item", [*data.items, 99])):
        drawn_names = draw.draw(
            st.lists(fresh, min_size=len(ids), max_size=len(ids), unique_by=str)
        )
        names[side] = dict(zip(ids, drawn_names, strict=True))
    renamed = evolve(
        data,
        ratings=rename(data.ratings, names),
        users=[names["user"][each] for each in data.users],
        items=[names["item"][each] for each in data.items],
    )
    pairs = draw.draw(asked(data))
    before, after = (
        fitted(data, model).predict(pairs),
        ask(fitted(renamed, model), rename(pairs, names)),
    )
    assert after["prediction"].tolist() == before["prediction"].tolist()
    assert after["origin"].tolist() == before["origin"].tolist()


def rename(table: pd.DataFrame, names: dict[str, dict[Any, Any]]) -> pd.DataFrame:
    return table.assign(
        **{
            side: pd.Series(
                [names[side][each] for each in table[side]], dtype=object, index=table.index
            )
            for side in names
        }
    )


def ask(model: FittedModel, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return its predictions; an id of another type than the catalogue's is an error."""
    try:
        return model.predict(pairs)
    except DataError as error:
        assume("ids are" not in str(error))
        raise


def test_numbers_as_text_are_the_same_ids() -> None:
    data = Data(
        pairs_of([(1, 7), (2, 7), (2, 8)]).assign(rating=[1.0, 4.0, 5.0]),
        [1, 2],
        [7, 8, 9],
        np.arange(3),
    )
    one = fitted(data)
    number = one.predict(pd.DataFrame({"user": [1, 2, 3], "item": [8, 7, 9]}))
    text = one.predict(pd.DataFrame({"user": ["1", "2", "3"], "item": ["8", "7", "9"]}))
    real = one.predict(pd.DataFrame({"user": [1.0, 2.0, 3.0], "item": [8.0, 7.0, 9.0]}))
    assert (
        number["prediction"].tolist() == text["prediction"].tolist() == real["prediction"].tolist()
    )
    assert number["origin"].tolist() == text["origin"].tolist() == [WARM, WARM, "mean"]


# What an answer looks like


def story(policy: str | None = "item-mean", model: str = "bias") -> FittedModel:
    """Users a and b of a, b, c and items 1, 2, 3 of 1, 2, 3, 4, 5 have training ratings."""
    rows = [("a", 1, 5.0), ("a", 2, 4.0), ("b", 1, 2.0), ("b", 3, 1.0), ("c", 4, 3.0)]
    table = pairs_of([row[:2] for row in rows]).assign(rating=[row[2] for row in rows])
    return fitted(Data(table, ["a", "b", "c"], [1, 2, 3, 4, 5], np.arange(4)), model, policy)


def test_an_answer_keeps_the_index_and_drops_other_columns() -> None:
    pairs = pd.DataFrame({"item": [3, 1], "when": [0, 0], "user": ["a", "b"]}, index=[40, 7])
    answer = story().predict(pairs)
    assert list(answer.columns) == ["user", "item", "prediction", "origin"]
    assert answer.index.tolist() == [40, 7]
    assert answer[["user", "item"]].equals(pairs[["user", "item"]])
    assert list(pairs.columns) == ["item", "when", "user"]


def test_rows_of_one_index_are_answered_each_for_itself() -> None:
    pairs = pd.DataFrame({"user": ["a", "new", "b"], "item": [3, 1, 1]}, index=[0, 0, 0])
    found = story().predict(pairs)
    alone = story().predict(pairs.reset_index(drop=True))
    assert found["prediction"].tolist() == alone["prediction"].tolist()
    assert found["origin"].tolist() == [WARM, "mean", WARM]


@pytest.mark.parametrize("model", MODELS)
def test_no_pairs_give_no_predictions(model: str) -> None:
    answer = story(None, model).predict(pairs_of([]))
    assert (list(answer.columns), len(answer)) == (["user", "item", "prediction", "origin"], 0)


@pytest.mark.parametrize("dtype", ["str", "string", "string[pyarrow]", "category", "object"])
def test_pairs_may_have_any_type_of_text(dtype: str) -> None:
    pairs = pd.DataFrame(
        {"user": pd.Series(["b", "new"], dtype=dtype), "item": pd.array([3, 1], dtype="Int64")}
    )
    assert story().predict(pairs)["origin"].tolist() == [WARM, "mean"]


# Ids that training never saw


@quick
@given(data=drawn(), draw=st.data())
def test_every_prediction_has_the_origin_that_its_ids_say(data: Data, draw: Any) -> None:
    pairs = draw.draw(asked(data))
    users, items = ({row[position] for row in data.trained} for position in (0, 1))
    warm = [user in users and item in items for user, item in pairs.itertuples(index=False)]
    answer = fitted(data, "bias").predict(pairs)
    assert answer["origin"].tolist() == [WARM if each else "mean" for each in warm]


@quick
@given(data=drawn(), model=models, draw=st.data())
def test_the_means_are_those_of_the_training_ratings(data: Data, model: str, draw: Any) -> None:
    pairs, one = draw.draw(asked(data)), fitted(data, model)
    for policy, naive in (("global-mean", naive_global), ("item-mean", naive_item)):
        answer = evolve(one, policy=POLICIES[policy]).predict(pairs)
        for user, item, rating, origin in answer.itertuples(index=False):
            if origin != WARM:
                assert rating == pytest.approx(naive(data, user, item))


def naive_global(data: Data, user: Any, item: Any) -> float:
    given = [row[2] for row in data.trained]
    return sum(given) / len(given)


def naive_item(data: Data, user: Any, item: Any) -> float:
    """With a damping of 2."""
    mean = naive_global(data, user, item)
    of_item = [row[2] for row in data.trained if row[1] == item]
    of_user = [row[2] for row in data.trained if row[0] == user]
    given = of_item or of_user
    return (sum(given) + 2 * mean) / (len(given) + 2)


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        ([("a", 1), ("new", 2)], "1 user ('new')"),
        ([("c", 1)], "1 user ('c')"),
        ([("b", 5), ("a", 77), ("a", 5)], "2 items (5, 77)"),
        ([("c", 4), ("new", 4)], "2 users ('c', 'new') and 1 item (4)"),
        ([(f"n{n}", 1) for n in range(7)], "7 users ('n0', 'n1', 'n2', ...)"),
    ],
)
def test_the_policy_error_names_the_ids(pairs: list[tuple[Any, Any]], text: str) -> None:
    with pytest.raises(UnknownIdError) as raised:
        story(None).predict(pairs_of(pairs))
    assert str(raised.value) == (
        f"training never saw {text}, and the recipe says `unknown: error`; "
        "name a cold-start strategy there (cfplug list cold-starts)"
    )


def test_the_policy_error_answers_for_what_training_saw() -> None:
    assert story(None).predict(pairs_of([("a", 3), ("b", 2)]))["origin"].tolist() == [WARM, WARM]


def test_a_strategy_gets_the_newcomers_and_only_their_pairs() -> None:
    seen: dict[str, Any] = {}

    class Spy:
        def predict(self, pairs: pd.DataFrame) -> np.ndarray:
            seen["pairs"] = list(pairs.itertuples(index=False, name=None))
            return np.arange(len(pairs)) + 100.0

    def adapt(model: FittedModel, newcomers: Newcomers) -> Spy:
        seen["users"], seen["items"] = (
            newcomers.users["user"].tolist(),
            newcomers.items["item"].tolist(),
        )
        seen["ratings"] = list(newcomers.ratings.columns), len(newcomers.ratings)
        return Spy()

    model = evolve(story(), policy=Policy("spy", "guess", adapt))
    answer = model.predict(pairs_of([("new", 1), ("a", 1), ("c", 5), ("new", 2), ("a", 88)]))
    assert seen == {
        "pairs": [("new", 1), ("c", 5), ("new", 2), ("a", 88)],
        "users": ["new", "c"],
        "items": [5, 88],
        "ratings": (["user", "item", "rating"], 0),
    }
    assert answer["origin"].tolist() == ["guess", WARM, "guess", "guess", "guess"]
    assert answer["prediction"].drop(index=1).tolist() == [100.0, 101.0, 102.0, 103.0]


def test_a_strategy_is_not_asked_where_all_is_known() -> None:
    def adapt(model: FittedModel, newcomers: Newcomers) -> Any:
        raise AssertionError("no one is new")

    model = evolve(story(), policy=Policy("never", "guess", adapt))
    assert model.predict(pairs_of([("a", 1)]))["origin"].tolist() == [WARM]


@frozen(eq=False)
class Gives:
    """A predictor that gives what it was made with, whatever it is asked."""

    rating: Any

    def predict(self, asked: Any) -> Any:
        return self.rating


@pytest.mark.parametrize(
    ("rating", "text"),
    [
        (np.zeros(1), "expected ratings of shape (2,), got (1,)"),
        (np.zeros((2, 1)), "expected ratings of shape (2,), got (2, 1)"),
        (np.array([1.0, np.nan]), "1 of 2 ratings are not finite numbers"),
        (np.array([np.inf, -np.inf]), "2 of 2 ratings are not finite numbers"),
    ],
)
def test_wrong_ratings_are_refused(rating: np.ndarray, text: str) -> None:
    warm, cold = pairs_of([("a", 1), ("b", 2)]), pairs_of([("new", 1), ("b", 5)])
    with pytest.raises(PluginError) as raised:
        evolve(story(), predictor=Gives(rating)).predict(warm)
    assert str(raised.value) == f"factors/bias: {text}"
    with pytest.raises(PluginError) as raised:
        evolve(story(), policy=Policy("guess", "guess", lambda *_: Gives(rating))).predict(cold)
    assert str(raised.value) == f"guess: {text}"


# Recommendations


@quick
@given(
    data=drawn(),
    model=models,
    seen=st.booleans(),
    policy=st.sampled_from([None, "item-mean"]),
    draw=st.data(),
)
def test_recommendations_are_the_best_of_what_is_left(
    data: Data, model: str, seen: bool, policy: str | None, draw: Any
) -> None:
    users, items = ({row[position] for row in data.trained} for position in (0, 1))
    user = draw.draw(st.sampled_from(sorted(users) if policy is None else [*data.users, "new"]))
    rated = {row[1] for row in data.ratings.itertuples(index=False) if row[0] == user}
    left = [
        item
        for item in data.items
        if (seen or item not in rated) and (policy is not None or item in items)
    ]
    assume(left)
    n, one = draw.draw(st.integers(1, len(left))), fitted(data, model, policy)
    best = one.recommend(user, n, exclude_seen=not seen)
    assert list(best.columns) == ["rank", "item", "label", "prediction", "origin"]
    assert best["rank"].tolist() == list(range(1, n + 1))
    answers = one.predict(pairs_of([(user, item) for item in left]))
    order = sorted(range(len(left)), key=lambda at: (-answers["prediction"][at], at))[:n]
    assert best["item"].tolist() == [left[at] for at in order]
    assert best["prediction"].tolist() == [answers["prediction"][at] for at in order]
    assert best["origin"].tolist() == [answers["origin"][at] for at in order]


def test_ten_items_are_recommended_by_default() -> None:
    rows = [("a", n, 1.0) for n in range(1, 4)] + [("b", n, 2.0) for n in range(1, 26)]
    table = pairs_of([row[:2] for row in rows]).assign(rating=[row[2] for row in rows])
    best = fitted(Data(table, ["a", "b"], list(range(1, 26)), np.arange(len(rows)))).recommend("a")
    assert best["rank"].tolist() == list(range(1, 11))
    assert len(set(best["item"])) == 10
    assert not {1, 2, 3} & set(best["item"])


def test_ties_go_to_the_item_that_comes_first_in_the_catalogue() -> None:
    rows = [("a", 50, 3.0), ("b", 30, 3.0), ("b", 20, 3.0), ("b", 40, 3.0)]
    table = pairs_of([row[:2] for row in rows]).assign(rating=3.0)
    model = fitted(Data(table, ["a", "b"], [40, 20, 50, 30], np.arange(4)), "bias")
    assert model.recommend("a", 3)["item"].tolist() == [40, 20, 30]
    assert model.recommend("a", 4, exclude_seen=False)["item"].tolist() == [40, 20, 50, 30]


def test_recommended_items_have_their_titles() -> None:
    films = pd.DataFrame({"item": [1, 2, 3], "title": ["Heat", "Ran", None]})
    table = pairs_of([("a", 1), ("b", 2), ("b", 3)]).assign(rating=[1.0, 5.0, 2.0])
    dataset = Dataset.build("films", table, items=films)
    catalogue = Catalogue.of(dataset)
    train = catalogue.interactions(dataset.ratings, np.arange(3))
    model = FittedModel(
        "bias",
        "factors/bias",
        0,
        (),
        catalogue,
        Support.of(train),
        fit_bias(Bias(), train, CONTEXT),
        None,
    )
    assert model.recommend("a", 2)[["item", "label"]].to_numpy().tolist() == [[2, "Ran"], [3, "3"]]


def test_a_newcomer_is_recommended_by_the_policy_and_labelled() -> None:
    best = story().recommend("new", 5)
    assert best["item"].tolist() == [2, 1, 4, 5, 3]
    assert best["origin"].tolist() == ["mean"] * 5
    known = story().recommend("b", 3)
    assert dict(zip(known["item"], known["origin"], strict=True)) == {2: WARM, 4: "mean", 5: "mean"}


def test_a_rating_outside_training_counts_as_seen() -> None:
    assert 4 not in story().recommend("c", 4)["item"].tolist()


def test_a_newcomer_is_refused_where_the_policy_is_error() -> None:
    with pytest.raises(UnknownIdError) as raised:
        story(None).recommend("new", 2)
    assert str(raised.value) == (
        "training never saw 1 user ('new'), and the recipe says `unknown: error`; "
        "name a cold-start strategy there (cfplug list cold-starts)"
    )


@pytest.mark.parametrize(
    ("policy", "user", "n", "seen", "text"),
    [
        ("item-mean", "a", 4, False, "asked for 4 items; 3 can be recommended to user 'a'"),
        ("item-mean", "new", 6, False, "asked for 6 items; 5 can be recommended to user 'new'"),
        (None, "a", 2, False, "asked for 2 items; 1 can be recommended to user 'a'"),
        (None, "a", 4, True, "asked for 4 items; 3 can be recommended to user 'a'"),
        ("item-mean", "a", 0, False, "asked for 0 items; 3 can be recommended to user 'a'"),
        ("item-mean", "a", -1, True, "asked for -1 items; 5 can be recommended to user 'a'"),
    ],
)
def test_asking_for_more_items_than_there_are_is_refused(
    policy: str | None, user: str, n: int, seen: bool, text: str
) -> None:
    with pytest.raises(DataError) as raised:
        story(policy).recommend(user, n, exclude_seen=not seen)
    assert str(raised.value) == text


def test_a_user_is_found_by_value_and_shown_plainly() -> None:
    data = Data(
        pairs_of([(1, 7), (2, 7), (2, 8)]).assign(rating=[1.0, 4.0, 5.0]),
        [1, 2],
        [7, 8, 9],
        np.arange(3),
    )
    one = fitted(data)
    expected = one.recommend(1, 2)
    for user in ("1", 1.0, np.int64(1), np.str_("1")):
        pd.testing.assert_frame_equal(one.recommend(user, 2), expected)
    with pytest.raises(DataError) as raised:
        one.recommend(np.int64(1), 3)
    assert str(raised.value) == "asked for 3 items; 2 can be recommended to user 1"
    with pytest.raises(DataError) as raised:
        one.recommend("bob", 1)
    assert (
        str(raised.value)
        == "row 0, column user: the user ids are whole numbers, such as 1; asked for 'bob'"
    )


# What else a model gives


def test_embeddings_and_biases_have_the_ids_as_index() -> None:
    model = story(model="pmf")
    factors, bias = model.embeddings("user"), model.biases("item")
    assert (factors.shape, factors.index.tolist(), factors.index.name) == (
        (3, 5),
        ["a", "b", "c"],
        "user",
    )
    assert (bias.index.tolist(), bias.index.name, bias.name) == ([1, 2, 3, 4, 5], "item", "bias")
    module = model.predictor.scored.module
    np.testing.assert_array_equal(
        factors.to_numpy(), module.factors["user"].weight.detach().double().numpy()
    )
    np.testing.assert_array_equal(
        bias.to_numpy(), module.bias["item"].weight.detach().double().numpy()[:, 0]
    )


def test_a_model_without_a_capability_is_reported() -> None:
    with pytest.raises(CapabilityError) as raised:
        story(model="bias").embeddings("user")
    assert str(raised.value) == "bias (factors/bias) has no embeddings"
    with pytest.raises(CapabilityError) as raised:
        story(model="dot-product").biases("item")
    assert str(raised.value) == "dot-product (factors/dot-product) has no biases"


class Halves(nn.Module):
    """A head with two levels: the sign of the output."""

    n_outputs = 1

    def decode(self, outputs: torch.Tensor) -> torch.Tensor:
        return 1 + torch.sigmoid(outputs[:, 0])

    def distribution(self, outputs: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.sigmoid(-outputs), torch.sigmoid(outputs)], dim=1)


def test_a_distribution_is_given_where_every_id_was_trained() -> None:
    model = story(model="pmf")
    halves = Scored(model.predictor.scored.module, Halves())
    two = evolve(
        model,
        provides=("distribution",),
        predictor=NetworkPredictor(halves, "cpu"),
        levels=(1.0, 2.0),
    )
    answers = two.answer(pairs_of([("a", 3), ("b", 2), ("b", 1)]))
    assert answers.distribution is not None
    assert answers.distribution.shape == (3, 2)
    np.testing.assert_allclose(answers.distribution.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(1 + answers.distribution[:, 1], answers.rating, rtol=1e-6)
    guess = evolve(two, policy=Policy("guess", "guess", lambda *_: Gives(np.array([1.5]))))
    mixed = guess.answer(pairs_of([("a", 3), ("new", 2)]))
    assert (mixed.distribution, mixed.levels, mixed.rating[1]) == (None, None, 1.5)
    assert model.answer(pairs_of([("a", 3)])).distribution is None


# Modules


def test_chunks_change_no_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    model = story(model="pmf")
    pairs = pairs_of([(user, item) for user in "ab" for item in (1, 2, 3)] * 3)
    whole = model.predict(pairs)
    sizes: list[int] = []
    model.predictor.scored.module.register_forward_hook(
        lambda module, given, out: sizes.append(len(out))
    )
    monkeypatch.setattr(network, "CHUNK", 7)
    pd.testing.assert_frame_equal(model.predict(pairs), whole, check_exact=True)
    assert sizes == [7, 7, 7]


@pytest.mark.parametrize("factors", [1, 13, 50])
def test_a_row_is_the_same_to_the_last_bit_in_any_place(factors: int) -> None:
    torch.manual_seed(factors)
    predictor = NetworkPredictor(
        Scored(
            pmf(Pmf(factors, 0.5), Spec(30, 41, 1)), squared(Mse((0.0, 5.5)), cfplug.Scale(1, 5))
        ),
        "cpu",
    )
    rng = np.random.default_rng(0)
    batch, order = (
        Batch(rng.integers(0, 30, 1500), rng.integers(0, 41, 1500)),
        rng.permutation(1500),
    )
    whole = predictor.predict(batch)
    assert predictor.predict(batch[order]).tolist() == whole[order].tolist()
    rows = range(0, 1500, 29)
    assert [predictor.predict(batch[row : row + 1])[0] for row in rows] == whole[rows].tolist()
    assert predictor.predict(batch[:1023]).tolist() == whole[:1023].tolist()


def test_a_module_predicts_as_in_evaluation_and_without_gradients() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Embedding(2, 1)
            self.noise = nn.Dropout(0.5)

        def forward(self, batch: Batch) -> torch.Tensor:
            outputs: torch.Tensor = self.noise(self.out(batch.user))
            return outputs

    module = Noisy().train()
    predictor = NetworkPredictor(Scored(module, squared(Mse(), cfplug.Scale(1, 5))), "cpu")
    users = np.arange(40) % 2
    found = predictor.predict(Batch(users, users))
    np.testing.assert_array_equal(found, module.out.weight.detach().double().numpy()[users, 0])
    assert found.dtype == np.float64


@pytest.mark.parametrize("model", ["bias", "pmf"])
def test_changing_an_answer_does_not_change_the_model(model: str) -> None:
    one, pairs = story(model=model), pairs_of([("a", 3), ("new", 1)])
    before, bias = one.predict(pairs), one.biases("item")
    bias.iloc[:] = 99.0
    one.answer(pairs).rating[:] = 99.0
    pd.testing.assert_frame_equal(one.predict(pairs), before)
    assert (one.biases("item") < 9).all()


# Models that look at the rating's time and context

NOW = pd.Timestamp("2003-04-05 06:00")
"""The latest training time of `looking`."""


@frozen(eq=False)
class Looks:
    """rating = hour + 100 for a tv - 1000 for an unknown volume + the item's code / 1000."""

    features: Features

    def predict(self, batch: Batch) -> np.ndarray:
        context = batch.context
        hour, volume = context["time.hour"] - 1.0, context["context.volume"]
        tv = context["context.device"] == 1 + self.features.each[0].values.index("tv")
        rating: np.ndarray = hour + 100 * tv - 1000 * volume[:, 1] + batch.item / 1000
        return rating


def looked() -> Dataset:
    """Users a and b and items 1 to 4, of which 4 has no rating among the first four."""
    table = pairs_of([("a", 1), ("a", 2), ("b", 1), ("b", 3), ("b", 4)]).assign(
        rating=[5.0, 4.0, 2.0, 1.0, 3.0],
        time=pd.to_datetime(
            ["2001-01-01 05:00", "2003-04-05 06:00", None, "2002-01-01 07:00", "2009-01-01 09:00"]
        ),
        device=["tv", "phone", "tv", "phone", "tv"],
        volume=[1.0, 2.0, 3.0, np.nan, 9.0],
    )
    return Dataset.build("looked", table, column("user", ["a", "b"]), column("item", [1, 2, 3, 4]))


def looking() -> FittedModel:
    """A model of the first four ratings."""
    dataset = looked()
    catalogue, rows = Catalogue.of(dataset), np.arange(4)
    features, _ = learn(FeatureChoice(time=("hour",), context=("device", "volume")), dataset, rows)
    support = Support.of(catalogue.interactions(dataset.ratings, rows))
    model = FittedModel(
        "looks", "ours/looks", 0, (), catalogue, support, Looks(features), POLICIES["item-mean"]
    )
    return evolve(model, features=features)


def test_a_question_is_answered_by_its_own_time_and_context() -> None:
    pairs = pairs_of([("a", 3), ("new", 1), ("b", 2), ("a", 1)]).assign(
        time=pd.to_datetime(
            ["2030-01-01 21:00", "2030-01-01 00:00", "2030-01-01 04:00", "2030-01-01 01:00"]
        ),
        volume=[1.0, 2.0, np.nan, 5.0],
        device=["phone", "tv", "tv", "radio"],
        other="left alone",
    )
    answer = looking().predict(pairs)
    assert list(answer.columns) == ["user", "item", "prediction", "origin"]
    assert answer["prediction"].drop(index=1).tolist() == [21.002, 4 + 100 - 1000 + 0.001, 1.0]
    assert answer["origin"].tolist() == [WARM, "mean", WARM, WARM]


def test_a_strategy_sees_the_columns_of_the_rating_that_the_model_looks_at() -> None:
    seen: list[str] = []

    class Spy:
        def predict(self, pairs: pd.DataFrame) -> np.ndarray:
            seen.extend(pairs.columns)
            return np.zeros(len(pairs))

    model = evolve(looking(), policy=Policy("spy", "guess", lambda *_: Spy()))
    model.predict(pairs_of([("new", 1)]).assign(time=NOW, device="tv", volume=1.0, other=0))
    assert seen == ["user", "item", "time", "device", "volume"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"drop": "time"}, "pairs need a column called time, which the model looks at"),
        (
            {"drop": "volume", "volum": 1.0},
            "pairs need a column called volume, which the model looks at; did you mean volum?",
        ),
        ({"time": 978_300_760}, "column time: must hold times; is of type int64"),
        ({"volume": float("inf")}, "row 0, column volume: a number is finite or missing; is inf"),
    ],
)
def test_a_question_without_what_the_model_looks_at_is_refused(
    change: dict[str, Any], text: str
) -> None:
    pairs = pairs_of([("a", 1), ("b", 1)]).assign(time=NOW, device="tv", volume=1.0)
    gone = [change.pop("drop")] if "drop" in change else []
    with pytest.raises(DataError) as caught:
        looking().predict(pairs.drop(columns=gone).assign(**change))
    assert str(caught.value) == text


def test_a_recommendation_is_for_the_latest_training_time_if_no_time_is_given() -> None:
    model, context = looking(), {"device": "tv", "volume": 1.0}
    best = model.recommend("a", 1, context=context)
    assert best[["item", "prediction"]].to_numpy().tolist() == [[3, NOW.hour + 100 + 0.002]]
    pd.testing.assert_frame_equal(model.recommend("a", 1, context={**context, "time": NOW}), best)


@pytest.mark.parametrize(
    "time",
    [
        "2001-01-01 21:00",
        "2001-01-01T21:00Z",
        "2001-01-02 06:00+09:00",
        pd.Timestamp("2001-01-01 21:00"),
        pd.Timestamp("2001-01-01 21:00").to_pydatetime(),
        np.datetime64("2001-01-01T21:00"),
    ],
    ids=str,
)
def test_a_recommendation_is_for_the_time_and_context_that_are_given(time: Any) -> None:
    given_ = {"time": time, "device": "phone", "volume": 1.0}
    best = looking().recommend("b", 2, exclude_seen=False, context=given_)
    assert best[["item", "prediction"]].to_numpy().tolist() == [[3, 21.002], [2, 21.001]]
    assert looking().recommend("b", 1, context={**given_, "volume": None})[
        "prediction"
    ].tolist() == [21.001 - 1000]


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ({}, "pairs need a column called device, which the model looks at"),
        ({"device": "tv"}, "pairs need a column called volume, which the model looks at"),
        (
            {"device": "tv", "volum": 1.0},
            "context: looks looks at time, device, volume; is given volum; did you mean volume?",
        ),
        ({"user": "b"}, "context: looks looks at time, device, volume; is given user"),
        (
            {"device": "tv", "volume": 1.0, "time": 978_300_760},
            "context: time must be a time, such as '2001-02-03 04:05'; is 978300760",
        ),
        (
            {"device": "tv", "volume": 1.0, "time": "soon"},
            "context: time must be a time, such as '2001-02-03 04:05'; is 'soon'",
        ),
        (
            {"device": "tv", "volume": 1.0, "time": None},
            "context: time must be a time, such as '2001-02-03 04:05'; is None",
        ),
    ],
    ids=str,
)
def test_a_context_that_is_not_what_the_model_looks_at_is_refused(
    context: dict[str, Any], text: str
) -> None:
    with pytest.raises(DataError) as caught:
        looking().recommend("a", 1, context=context)
    assert str(caught.value) == text


def test_a_model_that_looks_at_no_context_is_given_none() -> None:
    with pytest.raises(DataError) as caught:
        story().recommend("a", 1, context={"time": NOW})
    assert str(caught.value) == "context: bias looks at no column of the rating; is given time"


# Lists


@quick
@given(data=drawn(), model=models, k=st.integers(1, 6), draw=st.data())
def test_lists_are_the_best_of_what_training_saw_and_the_user_did_not_rate_there(
    data: Data, model: str, k: int, draw: Any
) -> None:
    one, known = fitted(data, model), {row[1] for row in data.trained}
    users = draw.draw(st.lists(st.sampled_from(range(len(data.users))), min_size=1, max_size=4))
    train = one.catalogue.encode(pairs_of([row[:2] for row in data.trained]))
    lists = one.top(np.array(users), train, k)
    assert lists.shape == (len(users), k)
    for user, found in zip(users, lists, strict=True):
        rated = {row[1] for row in data.trained if row[0] == data.users[user]}
        left = [code for code, item in enumerate(data.items) if item in known - rated]
        answers = one.predict(pairs_of([(data.users[user], data.items[code]) for code in left]))[
            "prediction"
        ].tolist()
        order = sorted(range(len(left)), key=lambda at: (-answers[at], at))[:k]
        assert found.tolist() == [left[at] for at in order] + [-1] * (k - len(order))


def test_lists_are_the_same_however_many_are_asked_about_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = story(model="pmf")
    seen = model.catalogue.encode(pairs_of([("a", 1), ("b", 3)]))
    users = np.array([1, 0, 1, 2])
    whole = model.top(users, seen, 2)
    for pairs in (1, 3, 7):
        monkeypatch.setattr(recommend, "PAIRS", pairs)
        assert model.top(users, seen, 2).tolist() == whole.tolist()


def test_lists_are_made_for_the_latest_training_time() -> None:
    model = looking()
    asked_at: list[Any] = []

    @frozen(eq=False)
    class ByHour:
        def predict(self, batch: Batch) -> np.ndarray:
            asked_at.extend(batch.context["time.hour"] - 1)
            return -batch.item.astype(float)

    features, _ = learn(FeatureChoice(time=("hour",)), looked(), np.arange(4))
    model = evolve(model, predictor=ByHour(), features=features)
    lists = model.top(np.array([1, 0]), Batch(np.array([0]), np.array([0])), 3)
    assert lists.tolist() == [[0, 1, 2], [1, 2, -1]]
    assert set(asked_at) == {NOW.hour}


# Distributions


def halves(policy: Policy | None) -> FittedModel:
    """A model of two levels, 1 and 5."""
    model = story(model="pmf")
    scored = Scored(model.predictor.scored.module, Halves())
    training = model.catalogue.encode(pairs_of([("a", 1), ("a", 2), ("b", 1), ("b", 3)]))
    train = cfplug.Interactions(training, np.array([5.0, 5.0, 1.0, 1.0]), 3, 5)
    support = Support.of(train, (1.0, 5.0))
    return evolve(
        model,
        provides=("distribution",),
        predictor=NetworkPredictor(scored, "cpu"),
        support=support,
        levels=(1.0, 5.0),
        policy=policy,
    )


def test_a_strategy_that_gives_a_distribution_fills_in_for_newcomers() -> None:
    pairs = pairs_of([("a", 3), ("new", 1), ("b", 2), ("a", 5)])
    answers = halves(POLICIES["item-mean"]).answer(pairs)
    assert answers.distribution is not None
    assert answers.levels is not None
    assert answers.levels.tolist() == [1.0, 5.0]
    np.testing.assert_allclose(answers.distribution.sum(axis=1), 1, rtol=1e-6)
    alone = halves(None).answer(pairs.iloc[[0, 2]]).distribution
    np.testing.assert_array_equal(answers.distribution[[0, 2]], alone)
    np.testing.assert_allclose(
        answers.distribution[[1, 3]] @ answers.levels, answers.rating[[1, 3]]
    )
    assert answers.distribution[1].tolist() == pytest.approx([(1 + 2 * 0.5) / 4, (1 + 2 * 0.5) / 4])
    assert answers.distribution[3].tolist() == pytest.approx([(0 + 2 * 0.5) / 4, (2 + 2 * 0.5) / 4])


def test_codes_come_with_an_answer() -> None:
    answers = story().answer(pairs_of([("a", 3), ("new", 1), ("c", 99)]))
    assert answers.user is not None
    assert answers.item is not None
    assert (answers.user.tolist(), answers.item.tolist()) == ([0, -1, 2], [2, 0, -1])
    assert answers.top is None


# Similar ids


@quick
@given(
    data=drawn(),
    side=st.sampled_from(["user", "item"]),
    measure=st.sampled_from(["cosine", "euclidean"]),
)
def test_similarity_is_symmetric_and_of_trained_ids_alone(
    data: Data, side: str, measure: str
) -> None:
    model = fitted(data)
    ids = data.users if side == "user" else data.items
    known = {row[0 if side == "user" else 1] for row in data.trained}
    column = "similarity" if measure == "cosine" else "distance"
    found = {
        each: model.similar(each, 99, side=side, measure=measure) for each in ids if each in known
    }
    pairs = {
        (one, row[0]): row[1]
        for one, frame in found.items()
        for row in frame[[side, column]].to_numpy()
    }
    assert {one for one, _ in pairs} | {other for _, other in pairs} == (
        known if len(known) > 1 else set()
    )
    assert set(pairs) == {(one, other) for one in known for other in known - {one}}
    assert all(pairs[other, one] == value for (one, other), value in pairs.items())
    for frame in found.values():
        values = frame[column].tolist()
        assert values == sorted(values, reverse=measure == "cosine")
        assert frame["rank"].tolist() == list(range(1, len(frame) + 1))


@quick
@given(data=drawn(), draw=st.data())
def test_similarity_does_not_depend_on_the_order_of_the_catalogue(data: Data, draw: Any) -> None:
    one = fitted(data)
    order = draw.draw(st.permutations(range(len(data.items))))
    other = fitted(evolve(data, items=[data.items[at] for at in order]))
    weight = other.predictor.scored.module.factors["item"].weight
    weight.data.copy_(one.predictor.scored.module.factors["item"].weight[list(order)])
    asked_for = draw.draw(st.sampled_from(sorted({row[1] for row in data.trained})))
    before, after = (model.similar(asked_for, 99).set_index("item") for model in (one, other))
    assert before["similarity"].to_dict() == after["similarity"].to_dict()
    assert before["ratings"].to_dict() == after["ratings"].to_dict()


def test_neighbours_have_rank_id_label_measure_and_ratings() -> None:
    model = titled_story()
    found = model.similar("heat", 1)
    assert list(found.columns) == ["rank", "item", "label", "similarity", "ratings"]
    assert found["rank"].tolist() == [1]
    assert list(model.similar(1, measure="euclidean").columns)[3] == "distance"
    both = model.similar(1)
    assert {(row.item, row.label, row.ratings) for row in both.itertuples()} == {
        (2, "Ran", 1),
        (3, "3", 1),
    }
    assert model.similar(2, most_rated=1)[["item", "ratings"]].to_numpy().tolist() == [[1, 2]]
    assert model.similar("b", side="user")["user"].tolist() == ["a"]


def test_equally_near_ones_are_in_the_order_of_the_catalogue() -> None:
    """Whatever their ratings: here the last one has the most."""
    rows = [
        ("a", 1, 1.0),
        ("a", 2, 2.0),
        ("a", 3, 3.0),
        ("b", 3, 4.0),
        ("b", 2, 5.0),
        ("c", 3, 5.0),
    ]
    table = pairs_of([row[:2] for row in rows]).assign(rating=[row[2] for row in rows])
    model = fitted(Data(table, ["a", "b", "c"], [4, 1, 2, 3], np.arange(6)))
    model.predictor.scored.module.factors["item"].weight.data[:] = 1.0
    assert model.similar(2)["item"].tolist() == [1, 3]
    assert model.similar(1)["item"].tolist() == [2, 3]
    assert model.similar(1)["ratings"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("question", "error", "text"),
    [
        (
            lambda model: model.similar("Hent"),
            DataError,
            "no item is called 'Hent'; did you mean 'Heat'?",
        ),
        (
            lambda model: model.similar("Jaws"),
            UnknownIdError,
            "training saw no rating of Jaws, so pmf has learned nothing of it",
        ),
        (
            lambda model: model.similar("c", side="user"),
            UnknownIdError,
            "training saw no rating of user c, so pmf has learned nothing of it",
        ),
        (lambda model: model.similar(1, 0), DataError, "asked for 0 items; ask for at least one"),
        (
            lambda model: model.similar(1, measure="cosinus"),
            DataError,
            "no measure called 'cosinus'; did you mean cosine? (cosine, euclidean)",
        ),
        (
            lambda model: evolve(model, provides=()).similar(1),
            CapabilityError,
            "pmf (factors/pmf) has no embeddings",
        ),
        (
            lambda model: model.explain("a", "Jaws"),
            UnknownIdError,
            "training saw no rating of Jaws, so pmf has learned nothing of it",
        ),
        (lambda model: model.explain("d", 1), DataError, "no user is called 'd'"),
        (
            lambda model: model.explain("a", 1, context={"time": NOW}),
            DataError,
            "context: pmf looks at no column of the rating; is given time",
        ),
    ],
)
def test_question_about_an_untrained_id_is_refused(question: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as raised:
        question(titled_story())
    assert str(raised.value) == text


def titled_story(model: str = "pmf") -> FittedModel:
    """The story's ratings with titles; 3 has none, and Jaws, as user c, no rating in training."""
    one = story(model=model)
    labels = ("Heat", "Ran", "3", "Jaws", "Brazil")
    return evolve(
        one, catalogue=evolve(one.catalogue, item=evolve(one.catalogue.item, labels=labels))
    )


# Why


@quick
@given(data=drawn(), model=models, by_terms=st.booleans(), draw=st.data())
def test_an_explanation_sums_to_the_prediction(
    data: Data, model: str, by_terms: bool, draw: Any
) -> None:
    one = fitted(data, model) if by_terms else evolve(fitted(data, model), provides=())
    user, item, _ = draw.draw(st.sampled_from(data.trained))
    found = one.explain(user, item)
    assert (found.user, found.item, found.model) == (user, item, model)
    assert found.prediction == one.predict(pairs_of([(user, item)]))["prediction"].tolist()[0]
    assert found.base + sum(part.contribution for part in found.parts) == pytest.approx(
        found.prediction, abs=1e-5
    )
    assert found.exact == by_terms or not found.parts
    if by_terms and model != "bias":
        raw = one.predictor.scored.module(
            one.catalogue.encode(pairs_of([(user, item)])).to("cpu")
        ).item()
        assert sum(part.term or 0 for part in found.parts) == pytest.approx(raw, abs=1e-5)
        assert found.base == pytest.approx(2.75)


def test_the_parts_of_a_baseline_are_its_offsets() -> None:
    model = titled_story("bias")
    found = model.explain("a", "Ran")
    biases = {"user bias": model.biases("user")["a"], "item bias": model.biases("item")[2]}
    assert {part.name: part.contribution for part in found.parts} == biases
    assert {part.name: part.value for part in found.parts} == {"user bias": "a", "item bias": "Ran"}
    assert (found.base, found.labels) == (3.0, ("user a", "Ran"))
    assert found.reasons.note == "The prediction is the sum of these parts."


def test_estimated_parts_of_a_baseline_are_its_offsets_less_those_of_others() -> None:
    """Which it does for any order of the two inputs, since they only add up."""
    model = evolve(titled_story("bias"), provides=())
    found = model.explain("b", 1, seed=3)
    biases = {side: model.predictor.biases(side) for side in ("user", "item")}
    others = explain.background(model, pairs_of([("b", 1)]), np.random.default_rng(3))
    for part, code in zip(sorted(found.parts, key=lambda part: part.name), (0, 1), strict=True):
        mean = biases[part.name][getattr(others, part.name)].mean()
        assert part.contribution == pytest.approx(biases[part.name][code] - mean)
        assert part.error > 0
    assert set(others.item.tolist()) == {0, 1, 2}, "only pairs whose ids training saw"


def test_an_explanation_is_the_same_for_the_same_seed() -> None:
    model = evolve(titled_story(), provides=())
    assert model.explain("b", 2) == model.explain("b", 2, seed=0)
    assert model.explain("b", 2) != model.explain("b", 2, seed=1)


@pytest.mark.parametrize("cut_points", ["shared", "per-user"])
def test_parts_of_a_rating_by_cut_points_sum_up_too(cut_points: str) -> None:
    model = titled_story()
    scale = cfplug.Scale(1.0, 5.0, (1.0, 2.0, 4.0, 5.0))
    scored = Scored(
        model.predictor.scored.module, ordinal(Ordinal(cut_points=cut_points), scale), n_users=3
    )
    if scored.personal is not None:
        scored.personal.weight.data.copy_(
            torch.tensor([[0.0, 0.0, 0.0], [1.0, -0.5, 0.25], [9.0, 9.0, 9.0]])
        )
    model = evolve(model, predictor=NetworkPredictor(scored, "cpu"), levels=scale.levels)
    for user, item in (("a", 3), ("b", 2)):
        found = model.explain(user, item)
        assert found.base + sum(part.contribution for part in found.parts) == pytest.approx(
            found.prediction, abs=1e-5
        )
        nothing = model.predictor.scored.head.decode(
            torch.cat(
                [
                    torch.zeros(1, 1),
                    *([scored.personal.weight[[int(user == "b")]]] if scored.personal else []),
                ],
                1,
            )
        )
        assert found.base == pytest.approx(nothing.item(), abs=1e-6)


def test_decoding_leaves_the_model_as_it_was() -> None:
    model = titled_story()
    head = ordinal(Ordinal(), cfplug.Scale(1.0, 5.0, (1.0, 2.0, 5.0)))
    model = evolve(
        model, predictor=NetworkPredictor(Scored(model.predictor.scored.module, head), "cpu")
    )
    before = model.predict(pairs_of([("a", 2)]))["prediction"].tolist()
    model.explain("a", 2)
    assert {weight.dtype for weight in head.parameters()} == {torch.float32}
    assert model.predict(pairs_of([("a", 2)]))["prediction"].tolist() == before


# Why, with features of the rating


def evidence_of(dataset: Dataset) -> Evidence:
    split = cfplug.Split(np.arange(4), np.arange(4, 5))
    none = pd.DataFrame()
    return Evidence(dataset, split, "valid", dataset.ratings.iloc[4:], None, none, none)


def test_context_is_held_fixed_without_data_and_that_is_reported() -> None:
    found = looking().explain(
        "a", 3, context={"time": "2001-01-01 21:00", "device": "tv", "volume": 1.0}
    )
    assert found.prediction == 21 + 100 + 0.002
    assert [part.name for part in found.parts] == ["item", "user"]
    note = (
        "The same in all these pairs, and so without a part: "
        "context.device, context.volume, time.hour."
    )
    assert found.reasons.note.endswith(note)


def test_with_the_data_at_hand_context_comes_from_other_ratings() -> None:
    """The rating is that of `looking`."""
    model = evolve(looking(), evidence=evidence_of(looked()))
    found = model.explain(
        "a", 3, context={"time": "2001-01-01 21:00", "device": "tv", "volume": 1.0}
    )
    parts = {part.name: part for part in found.parts}
    asked_for = pd.DataFrame(
        {"user": ["a"], "item": [3], "time": [NOW], "device": ["tv"], "volume": [1.0]}
    )
    others = explain.background(model, asked_for, np.random.default_rng(0)).context
    assert set(others["time.hour"].tolist()) == {0, 6, 7, 8}, "a time that is missing stays missing"
    assert parts["time.hour"].contribution == pytest.approx(22 - others["time.hour"].mean())
    tv = (others["context.device"] == 2).mean()
    assert parts["context.device"].contribution == pytest.approx(100 * (1 - tv))
    assert parts["context.volume"].contribution == pytest.approx(
        1000 * others["context.volume"][:, 1].mean()
    )
    assert {
        name: parts[name].value for name in ("time.hour", "context.device", "context.volume")
    } == {
        "time.hour": "21",
        "context.device": "tv",
        "context.volume": "1",
    }
    assert found.base + sum(part.contribution for part in found.parts) == pytest.approx(
        found.prediction, abs=1e-5
    )
    assert parts["user"].contribution == 0


# New users with ratings


@frozen(eq=False)
class Adapted:
    """What a strategy may give: ratings, and what else a test wants it to say."""

    rating: Any
    more: Any

    def __getattr__(self, name: str) -> Any:
        if name in self.more:
            return lambda pairs: self.more[name]
        raise AttributeError(name)

    def predict(self, pairs: pd.DataFrame) -> Any:
        return np.full(len(pairs), self.rating)


def guessing(model: FittedModel, rating: float = 3.5, **more: Any) -> FittedModel:
    return evolve(
        model, policy=Policy("guesses", "guess", lambda fitted, new: Adapted(rating, more))
    )


FOUR = pairs_of([("new", 1), ("a", 1), ("c", 5), ("b", 3)])


def test_a_strategy_may_say_where_each_answer_came_from_and_how_sure_it_is() -> None:
    model = guessing(story(), origins=["folded-in", "metadata"], deviation=[0.5, 0])
    answer = model.answer(FOUR)
    assert answer.origin.tolist() == ["folded-in", WARM, "metadata", WARM]
    assert answer.deviation is not None
    np.testing.assert_array_equal(answer.deviation, [0.5, np.nan, 0.0, np.nan])
    some = answer.take(np.array([2, 0])).deviation
    assert some is not None
    assert some.tolist() == [0.0, 0.5]
    assert model.predict(FOUR)["origin"].tolist() == answer.origin.tolist()


def test_without_origins_a_strategy_has_one_word_and_no_deviation() -> None:
    answer = guessing(story()).answer(FOUR)
    assert answer.origin.tolist() == ["guess", WARM, "guess", WARM]
    assert answer.deviation is None
    assert answer.take(np.array([0])).deviation is None
    assert guessing(story(), deviation=None, origins=None).answer(FOUR).deviation is None


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            {"origins": ["x"]},
            "guesses: expected origins of shape (2,), got (1,)",
        ),
        (
            {"origins": "mean"},
            "guesses: expected origins of shape (2,), got ()",
        ),
        ({"origins": ["x", None]}, "guesses: an origin must be a text; got None"),
        (
            {"deviation": [1.0]},
            "guesses: expected deviations of shape (2,), got (1,)",
        ),
        (
            {"deviation": [[1.0, 1.0]]},
            "guesses: expected deviations of shape (2,), got (1, 2)",
        ),
        (
            {"deviation": ["1", "2"]},
            "guesses: deviations must be numbers; got an array of <U1",
        ),
        (
            {"deviation": [1.0, -0.1]},
            "guesses: 1 of 2 deviations are not finite numbers of at least 0",
        ),
        (
            {"deviation": [np.nan, np.inf]},
            "guesses: 2 of 2 deviations are not finite numbers of at least 0",
        ),
    ],
)
def test_what_a_strategy_gives_next_to_ratings_is_checked(more: dict[str, Any], text: str) -> None:
    with pytest.raises(PluginError) as caught:
        guessing(story(), **more).answer(FOUR)
    assert str(caught.value) == text
    assert caught.value.__notes__ == ["while guesses answered for ids that training never saw"]


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (
            np.ones((2, 2)),
            "guesses: expected probabilities of shape (2, 3), got (2, 2)",
        ),
        (-np.ones((2, 3)), "guesses: 6 of 6 probabilities are not finite numbers of at least 0"),
        (np.full((2, 3), "x"), "guesses: probabilities must be numbers; got an array of <U1"),
    ],
)
def test_a_strategys_distribution_is_checked(share: Any, text: str) -> None:
    class Levels(Gives):
        def predict(self, asked: Any) -> Any:
            return np.full(len(asked), 2.0)

        def distribution(self, asked: Any) -> Any:
            return np.full((len(asked), 3), 1 / 3)

    whole = evolve(
        story(), provides=("distribution",), levels=(1.0, 2.0, 3.0), predictor=Levels(None)
    )
    with pytest.raises(PluginError) as caught:
        guessing(whole, distribution=share).answer(FOUR)
    assert str(caught.value) == text
    sound = guessing(whole, distribution=np.full((2, 3), 0.2)).answer(FOUR).distribution
    assert sound is not None
    assert sound[:, 0].tolist() == pytest.approx([0.2, 1 / 3, 0.2, 1 / 3])


def test_a_strategy_gets_introduced_newcomers_and_others_of_the_pairs() -> None:
    seen: list[Newcomers] = []

    def adapt(fitted: FittedModel, newcomers: Newcomers) -> Any:
        seen.append(newcomers)
        return Adapted(2.0, {})

    model = evolve(story(), policy=Policy("spy", "guess", adapt))
    introduced = model.newcomers(
        ratings=pairs_of([("new", 1), ("new", 3)]).assign(rating=[5.0, None])
    )
    model.predict(FOUR, newcomers=introduced)
    assert seen[0].users["user"].tolist() == ["new", "c"]
    assert seen[0].items["item"].tolist() == [5]
    assert seen[0].ratings["item"].tolist() == [1, 3]


def test_items_a_new_user_rated_are_left_out_but_unseen_ones_are_not() -> None:
    model = guessing(story())
    introduced = model.newcomers(
        ratings=pairs_of([("new", 1), ("new", 3), ("other", 2)]).assign(rating=[5.0, None, 4.0])
    )
    assert model.recommend("new", 4, newcomers=introduced)["item"].tolist() == [2, 3, 4, 5]
    assert model.recommend("new", 5, newcomers=introduced, exclude_seen=False)["item"].tolist() == [
        1,
        2,
        3,
        4,
        5,
    ]
    assert model.recommend("other", 4, newcomers=introduced)["item"].tolist() == [1, 3, 4, 5]


def test_a_new_item_that_another_user_has_rated_is_still_recommended() -> None:
    """Neither user is a newcomer; who rated what goes by the user's own id."""
    model = guessing(story())
    introduced = model.newcomers(ratings=pairs_of([("b", 5)]).assign(rating=[4.0]))
    assert 5 in model.recommend("a", 3, newcomers=introduced)["item"].tolist()
    assert 5 not in model.recommend("b", 2, newcomers=introduced)["item"].tolist()


def test_a_model_knows_from_which_ratings_it_learned() -> None:
    one = story()
    with pytest.raises(CapabilityError) as caught:
        one.train  # noqa: B018
    assert str(caught.value) == "bias (factors/bias) does not know from which ratings it learned"
    rated = np.array([True, True, False, True, False])
    train = evolve(one, support=evolve(one.support, rated=rated)).train
    assert (train.batch.user.tolist(), train.batch.item.tolist()) == ([0, 0, 1], [0, 1, 2])
    assert (train.rating.tolist(), train.n_users, train.n_items) == ([5.0, 4.0, 1.0], 3, 5)


def test_what_all_newcomers_need_is_computed_once() -> None:
    one, made = story(), []

    def work() -> str:
        made.append(1)
        return "done"

    again = evolve(one, policy=None)
    assert [one.once("key", work), one.once("key", work), again.once("key", work)] == ["done"] * 3
    assert len(made) == 1, "a model with another strategy is the same model"
    one.once(("key", "user"), work)
    assert len(made) == 2


# Vectors


@quick
@given(data=drawn(), model=models, draw=st.data())
def test_a_model_says_the_same_with_the_vectors_that_it_has_learned(
    data: Data, model: str, draw: Any
) -> None:
    one = evolve(fitted(data, model), provides=("vectors",))
    codes = one.encoded(
        pairs_of(
            [(data.users[0], item) for item in data.items[:4]] + [(data.users[-1], data.items[0])]
        )
    )
    plain = one.predictor.predict(codes)
    for sides in (("user",), ("item",), ("user", "item")):
        batch = codes
        for side in sides:
            batch = batch.with_vectors(side, one.vectors(side)[getattr(codes, side)])
        np.testing.assert_allclose(one.predictor.predict(batch), plain, rtol=0, atol=1e-6)


@quick
@given(data=drawn(), model=models, side=st.sampled_from(["user", "item"]), seed=st.integers(0, 99))
def test_slopes_are_those_of_small_steps(data: Data, model: str, side: str, seed: int) -> None:
    one = evolve(fitted(data, model), provides=("vectors",))
    codes = one.encoded(pairs_of([(user, data.items[0]) for user in data.users]))
    vectors = np.random.default_rng(seed).normal(size=(len(codes), one.vectors(side).shape[1]))
    rating, slopes = one.slopes(side, codes.with_vectors(side, vectors))
    np.testing.assert_allclose(
        rating, one.predictor.predict(codes.with_vectors(side, vectors)), atol=1e-6
    )
    assert slopes.shape == vectors.shape
    for column in range(vectors.shape[1]):
        moved = vectors.copy()
        moved[:, column] += 1e-2
        naive = (one.predictor.predict(codes.with_vectors(side, moved)) - rating) / 1e-2
        np.testing.assert_allclose(slopes[:, column], naive, atol=2e-2)


def test_vectors_are_a_copy_and_a_missing_capability_is_reported() -> None:
    one = evolve(story(model="pmf"), provides=("vectors",))
    one.vectors("item")[:] = 0.0
    assert one.vectors("item").any()
    assert one.vectors("item").shape == (5, 6)
    plain = story(model="pmf")
    codes = plain.encoded(pairs_of([("a", 1)]))
    for asked_for in (lambda: plain.vectors("user"), lambda: plain.slopes("user", codes)):
        with pytest.raises(CapabilityError) as caught:
            asked_for()
        assert str(caught.value) == "pmf (factors/pmf) has no vectors"
