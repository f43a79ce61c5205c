"""One entry of a recipe's models, fitted; and its way to the artifact and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from cfplug import Batch, Context, Dataset, Loss, Model, PluginError, Scale
from cfplug.data.catalogue import Catalogue
from cfplug.errors import ArtifactError, CapabilityError, Place
from cfplug.files import arrays_to_bytes, read_arrays
from cfplug.params import NoParams
from cfplug.prediction.fitted_model import FittedModel
from cfplug.recipe.parser import parse_recipe
from cfplug.recipe.recipe import ModelUse, Use
from cfplug.recipe.settings import TrainSettings
from cfplug.training.checkpoint import Watch
from cfplug.training.features import learn
from cfplug.training.fit import (
    Fitted,
    Task,
    arrays_of,
    fit,
    parameters_of,
    restore,
    untrained,
    words_of,
)

PMF = "{use: pmf, factors: 3}"


def dataset(users: int = 9, items: int = 6) -> Dataset:
    """Every user rates every item but one, by a rule."""
    pairs = [
        (user, item) for user in range(users) for item in range(items) if (user + item) % items
    ]
    ratings = pd.DataFrame(pairs, columns=["user", "item"])
    ratings["rating"] = (ratings["user"] * 2 + ratings["item"] * 3) % 5 + 1.0
    ratings["user"] += 100
    return Dataset.build("ours", ratings)


VALID = np.arange(len(dataset().ratings)) % 6 == 4


def task(use: ModelUse, seed: int = 3) -> Task:
    data = dataset()
    catalogue = Catalogue.of(data)
    train, valid = (
        catalogue.interactions(data.ratings, np.flatnonzero(rows)) for rows in (~VALID, VALID)
    )
    context = Context(
        seed,
        np.random.default_rng(seed),
        "cpu",
        Path(),
        lambda done, message: None,
        lambda text: None,
    )
    return Task(use, catalogue, train, valid, data.scale, None, context)


def named(model: str) -> ModelUse:
    """An entry of a recipe, the first of two."""
    models = f"models: [{model}, {{use: pmf, name: second}}]"
    text = (
        f"data: synthetic\n{models}\nloss: {{use: mse, range: [0, 6]}}\ntrain: {{epochs: 2, "
        f"batch_size: 16}}"
    )
    return parse_recipe(text, "ours.yaml").models[0]


def use(component: Any) -> Use:
    return Use(
        component.name,
        f"ours/{component.name}",
        component,
        NoParams(),
        "ours (test)",
        Place("ours.yaml"),
    )


def own(component: Model) -> ModelUse:
    """An entry with a component of this file."""
    if not component.learns_by_gradient:
        return ModelUse(use(component), None, None)
    return ModelUse(
        use(component), use(Loss("head", build=head)), TrainSettings(epochs=2, batch_size=16)
    )


class Head(nn.Module):
    """rating = level + slope x output, with a state of its own."""

    n_outputs = 1

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(level))

    def decode(self, outputs: Tensor) -> Tensor:
        return self.level + outputs.squeeze(-1)

    def loss(self, outputs: Tensor, rating: Tensor) -> Tensor:
        return nn.functional.mse_loss(self.decode(outputs), rating)


def head(params: Any, scale: Scale) -> Head:
    return Head((scale.low + scale.high) / 2)


class Tower(nn.Module):
    def __init__(self, n_users: int, n_items: int) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(n_users, 2), nn.Embedding(n_items, 3)
        self.layers = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 1))

    def forward(self, batch: Batch) -> Tensor:
        return self.layers(torch.cat([self.user(batch.user), self.item(batch.item)], dim=1))


def tower(params: Any, spec: Any) -> Tower:
    return Tower(spec.n_users, spec.n_items)


TOWER = Model("tower", build=tower)


class Frozen:
    """A predictor with whatever state it is given."""

    def __init__(self, state: Any) -> None:
        self.kept = state

    def predict(self, batch: Batch) -> np.ndarray:
        return np.full(len(batch), 3.0)

    def state(self) -> Any:
        return self.kept


def frozen(state: Any) -> ModelUse:
    def fit(params: Any, train: Any, context: Any) -> Any:
        return Frozen(state)

    def restore(params: Any, state: Any) -> Any:
        return Frozen(state)

    return own(Model("frozen", fit=fit, restore=restore))


def pairs() -> pd.DataFrame:
    ratings = dataset().ratings
    return ratings[ratings.index % 3 == 0][["user", "item"]]


def there_and_back(fitted: Fitted, entry: ModelUse, tmp_path: Path) -> FittedModel:
    """Through the bytes of a weights file, as an artifact does it."""
    path = tmp_path / "weights.safetensors"
    path.write_bytes(arrays_to_bytes(arrays_of(fitted.model)))
    words = words_of(fitted.model, dataset().scale)
    return restore(entry, fitted.model.catalogue, words, read_arrays(path)[0], None)


# Fitting


def test_a_model_that_learns_by_gradient_has_a_learner_and_a_history() -> None:
    fitted = fit(task(named(PMF)), Watch())
    assert fitted.learner is not None
    assert [epoch.epoch for epoch in fitted.history] == [1, 2]
    assert (fitted.model.name, fitted.model.component, fitted.model.seed) == (
        "pmf",
        "factors/pmf",
        3,
    )
    assert fitted.model.provides == ("embeddings", "biases", "terms", "vectors")


@pytest.mark.parametrize("model", [PMF, "bias"])
def test_a_model_knows_its_fold_its_size_and_how_long_it_trained(model: str) -> None:
    fitted = fit(attrs.evolve(task(named(model)), fold="u2"), Watch())
    assert fitted.model.fold == words_of(fitted.model, Scale(1, 5))["fold"] == "u2"
    assert fitted.model.seconds > 0
    if fitted.history:
        assert fitted.model.seconds == sum(epoch.seconds for epoch in fitted.history)
    weights = [
        array.size for name, array in arrays_of(fitted.model).items() if name.startswith("weights.")
    ]
    assert (
        parameters_of(fitted.model)
        == words_of(fitted.model, Scale(1, 5))["parameters"]
        == sum(weights)
    )


def test_a_model_that_fits_itself_has_neither() -> None:
    fitted = fit(task(named("bias")), Watch())
    assert (fitted.learner, fitted.history) == (None, ())
    assert fitted.model.provides == ("biases", "terms", "vectors")


def test_the_support_counts_training_ratings_alone() -> None:
    data, fitted = dataset(), fit(task(named("mean")), Watch())
    known = data.ratings[~VALID]
    for side in ("user", "item"):
        ids = fitted.model.catalogue.side(side).ids
        assert fitted.model.support.count[side].tolist() == [
            int((known[side] == each).sum()) for each in ids
        ]
        total = [known.loc[known[side] == each, "rating"].sum() for each in ids]
        assert fitted.model.support.sum[side] == pytest.approx(total)


def test_a_model_starts_from_its_seed_and_name_whatever_was_drawn_before() -> None:
    drawn = iter(range(3, 20))

    def start(entry: ModelUse, seed: int) -> list[float]:
        starts: list[float] = []
        torch.rand(next(drawn))
        work = task(entry, seed)
        fitted = fit(
            work, Watch(checkpoint=lambda checkpoint: starts.extend(_first(checkpoint.arrays)))
        )
        assert fitted.history
        return starts

    def _first(arrays: Mapping[str, np.ndarray]) -> list[float]:
        return arrays["model.module.factors.user.weight"].ravel()[:4].tolist()

    first = start(named(PMF), 3)
    assert start(named(PMF), 3) == first
    assert start(named(PMF), 4) != first
    assert start(named("{use: pmf, factors: 3, name: other}"), 3) != first


def test_what_fit_gives_must_predict() -> None:
    entry = own(
        Model("none", fit=lambda params, train, context: None, restore=lambda params, state: None)
    )
    with pytest.raises(PluginError) as caught:
        fit(task(entry), Watch())
    assert str(caught.value) == "fit gave NoneType, which has no predict"


def test_what_fit_gives_must_have_a_state() -> None:
    class Forgetful:
        def predict(self, batch: Batch) -> np.ndarray:
            return np.zeros(len(batch))

    entry = own(
        Model(
            "forgetful",
            fit=lambda params, train, context: Forgetful(),
            restore=lambda params, state: Forgetful(),
        )
    )
    with pytest.raises(PluginError) as caught:
        fit(task(entry), Watch())
    assert str(caught.value) == "fit gave Forgetful, which has no state"


# To the artifact and back


@pytest.mark.parametrize(
    "entry",
    [named(PMF), named("dot-product"), named("bias"), named("mean"), own(TOWER)],
    ids=["pmf", "dot-product", "bias", "mean", "numbers without a dimension"],
)
def test_a_restored_model_predicts_the_same_bits(entry: ModelUse, tmp_path: Path) -> None:
    fitted = fit(task(entry), Watch())
    back = there_and_back(fitted, entry, tmp_path)
    pd.testing.assert_frame_equal(
        back.predict(pairs()), fitted.model.predict(pairs()), check_exact=True
    )
    assert (back.name, back.component, back.seed, back.provides) == (
        fitted.model.name,
        fitted.model.component,
        fitted.model.seed,
        fitted.model.provides,
    )
    again, first = arrays_of(back), arrays_of(fitted.model)
    assert {name: (each.shape, each.tobytes()) for name, each in again.items()} == {
        name: (each.shape, each.tobytes()) for name, each in first.items()
    }


def test_a_heads_own_state_is_kept() -> None:
    fitted = fit(task(own(TOWER)), Watch())
    level = arrays_of(fitted.model)["weights.head.level"]
    assert level.shape == ()
    assert level != 3.0


def test_the_words_of_a_model_are_plain_numbers() -> None:
    fitted = fit(task(named(PMF)), Watch())
    assert words_of(fitted.model, Scale(1, 5, (1, 2.5, 5))) == {
        "name": "pmf",
        "component": "factors/pmf",
        "seed": 3,
        "provides": ["embeddings", "biases", "terms", "vectors"],
        "scale": {"low": 1, "high": 5, "levels": [1, 2.5, 5]},
        "parameters": (9 + 6) * (3 + 1),
        "shapes": {
            "module.factors.user.weight": [9, 3],
            "module.factors.item.weight": [6, 3],
            "module.bias.user.weight": [9, 1],
            "module.bias.item.weight": [6, 1],
        },
        "fold": "",
        "features": None,
    }


def test_the_scale_of_the_data_comes_back(tmp_path: Path) -> None:
    scales: list[Scale] = []

    def remembering(params: Any, scale: Scale) -> Head:
        scales.append(scale)
        return head(params, scale)

    entry = ModelUse(
        use(TOWER), use(Loss("head", build=remembering)), TrainSettings(epochs=1, batch_size=16)
    )
    there_and_back(fit(task(entry), Watch()), entry, tmp_path)
    assert scales == [Scale(1.0, 5.0, (1.0, 2.0, 3.0, 4.0, 5.0))] * 2


@pytest.mark.parametrize(
    "wrong",
    [[1.0, 2.0], np.array(["one"]), np.array([{}]), 3.0, np.array([1j])],
    ids=["list", "text", "objects", "number", "complex"],
)
def test_a_state_of_anything_but_arrays_of_numbers_is_the_plugins_fault(wrong: Any) -> None:
    fitted = fit(task(frozen({"fine": np.arange(3), "offsets": wrong})), Watch())
    with pytest.raises(PluginError) as caught:
        arrays_of(fitted.model)
    assert (
        str(caught.value)
        == "ours/frozen: state() gives arrays of numbers by name; offsets is not one"
    )


@pytest.mark.parametrize(
    ("gone", "text"),
    [
        ("weights.mean", "the weights of bias do not fit its recipe: 'mean'"),
        ("support.item.sum", "the weights of bias do not fit its recipe: 'support.item.sum'"),
    ],
)
def test_an_array_that_is_missing_is_named(gone: str, text: str) -> None:
    fitted = fit(task(named("bias")), Watch())
    arrays = arrays_of(fitted.model)
    del arrays[gone]
    with pytest.raises(ArtifactError) as caught:
        restore(
            named("bias"),
            fitted.model.catalogue,
            words_of(fitted.model, dataset().scale),
            arrays,
            None,
        )
    assert str(caught.value) == text


def test_weights_of_another_size_are_refused() -> None:
    fitted = fit(task(named(PMF)), Watch())
    words = words_of(fitted.model, dataset().scale)
    with pytest.raises(ArtifactError) as caught:
        restore(
            named("{use: pmf, factors: 4}"),
            fitted.model.catalogue,
            words,
            arrays_of(fitted.model),
            None,
        )
    assert str(caught.value) == (
        "the weights of pmf do not fit its recipe: Error(s) in loading state_dict for Scored:\n"
        "\tsize mismatch for module.factors.user.weight: copying a param with shape "
        "torch.Size([9, 3]) from "
        "checkpoint, the shape in current model is torch.Size([9, 4]).\n"
        "\tsize mismatch for module.factors.item.weight: copying a param with shape "
        "torch.Size([6, 3]) from "
        "checkpoint, the shape in current model is torch.Size([6, 4])."
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({}, "KeyError: 'scale'"),
        ({"scale": [], "seed": 3}, "TypeError: list indices must be integers or slices, not str"),
        (
            {"scale": {"low": 1, "high": 5, "levels": []}, "seed": "x"},
            "ValueError: invalid literal for int() with base 10: 'x'",
        ),
    ],
)
def test_words_of_another_shape_are_refused(words: dict, reason: str) -> None:
    fitted = fit(task(named("mean")), Watch())
    with pytest.raises(ArtifactError) as caught:
        restore(named("mean"), fitted.model.catalogue, words, arrays_of(fitted.model), None)
    assert str(caught.value) == f"model.json of mean is damaged: {reason}"


# What a model looked at


def looking(use: ModelUse) -> Task:
    """A task on data with metadata, times and a context column."""
    plain = dataset()
    users = pd.DataFrame(
        {"user": plain.users["user"], "age": [20.0, np.nan, 30, 40, 25, 70, 18, 33, 41]}
    )
    items = pd.DataFrame(
        {"item": plain.items["item"], "genres": [("war",), (), ("noir", "war"), (), ("noir",), ()]}
    )
    ratings = plain.ratings.assign(
        time=pd.Timestamp("2001-01-01") + pd.to_timedelta(np.arange(len(plain.ratings)) * 31, "h"),
        device=np.array(["tv", "phone"])[np.arange(len(plain.ratings)) % 2],
    )
    data = Dataset.build("seen", ratings, users, items, roles={"ratings": {"device": "category"}})
    assert use.features is not None
    features, words = learn(use.features, data, np.flatnonzero(~VALID))
    assert words == ()
    catalogue = Catalogue.of(data)
    train, valid = (
        features.attached(
            catalogue.interactions(data.ratings, np.flatnonzero(rows)),
            data.ratings,
            np.flatnonzero(rows),
        )
        for rows in (~VALID, VALID)
    )
    plain_task = task(use)
    return attrs.evolve(
        plain_task, catalogue=catalogue, train=train, valid=valid, features=features
    )


TABULAR = """\
data: synthetic
models: [{use: tabular, layers: [4], user_factors: 2, item_factors: 3}]
features: {user: all, item: all, time: [hour, elapsed], context: [device]}
train: {epochs: 2, batch_size: 16}
loss: """


def tabular(loss: str = "mse") -> ModelUse:
    return parse_recipe(TABULAR + loss, "ours.yaml").models[0]


def questions() -> pd.DataFrame:
    time = pd.to_datetime(["2001-01-05 05:00", "2030-01-01 06:00", None])
    return pd.DataFrame(
        {"user": [100, 108, 104], "item": [5, 0, 2], "time": time, "device": ["tv", None, "radio"]}
    )


def test_features_survive_the_artifact(tmp_path: Path) -> None:
    entry = tabular()
    fitted = fit(looking(entry), Watch())
    back = there_and_back(fitted, entry, tmp_path)
    assert fitted.model.features is not None
    assert back.features is not None
    assert back.features.words() == fitted.model.features.words()
    names = {name for name in arrays_of(fitted.model) if name.startswith("features.")}
    assert names == {"features.user.age", "features.item.genres"}
    pd.testing.assert_frame_equal(
        back.predict(questions()), fitted.model.predict(questions()), check_exact=True
    )
    best, again = (
        model.recommend(100, 1, context={"device": "tv"}) for model in (fitted.model, back)
    )
    pd.testing.assert_frame_equal(again, best, check_exact=True)


def rlfm() -> ModelUse:
    text = (
        "data: synthetic\nmodels: [{use: rlfm, factors: 2}, tabular]\nfeatures: {user: all, "
        "item: all, time: [hour]}"
    )
    return parse_recipe(text, "ours.yaml").models[0]


def test_a_model_that_fits_itself_finds_the_features_of_users_and_items() -> None:
    found: list[Any] = []

    def fit_it(params: Any, train: Any, context: Any) -> Any:
        found.append(train)
        return Frozen({"one": np.ones(1)})

    component = Model(
        "looking", fit=fit_it, restore=lambda params, state: Frozen(state), uses_features=True
    )
    fit(looking(attrs.evolve(own(component), features=rlfm().features)), Watch())
    (train,) = found
    assert [(feature.name, feature.side) for feature in train.features] == [
        ("user.age", "user"),
        ("item.genres", "item"),
    ]
    assert [feature.table.shape for feature in train.features] == [(9, 2), (6, 2)]
    assert train.batch.context == {}


def test_a_model_that_fits_itself_with_features_survives_the_artifact(tmp_path: Path) -> None:
    fitted = fit(looking(rlfm()), Watch())
    back = there_and_back(fitted, rlfm(), tmp_path)
    plain = attrs.evolve(looking(rlfm()), train=attrs.evolve(looking(rlfm()).train, features=()))
    assert fit(plain, Watch()).model.predict(pairs())["prediction"].tolist() != (
        fitted.model.predict(pairs())["prediction"].tolist()
    )
    pd.testing.assert_frame_equal(
        back.predict(pairs()), fitted.model.predict(pairs()), check_exact=True
    )
    assert back.features is not None
    assert back.features.words() == fitted.model.features.words()  # type: ignore[union-attr]
    names = {name for name in arrays_of(back) if name.startswith("features.")}
    assert names == {"features.user.age", "features.item.genres"}


def test_tables_of_features_are_not_parameters_of_the_model() -> None:
    fitted = fit(looking(tabular()), Watch())
    weights = {name for name in arrays_of(fitted.model) if name.startswith("weights.")}
    assert not [name for name in weights if "user%2Eage" in name]
    assert "weights.module.inputs.members.table_item%2Egenres.weight" in weights


@pytest.mark.parametrize(
    ("gone", "text"),
    [
        ("features.item.genres", "the weights of tabular do not fit its recipe: 'item.genres'"),
        (
            "support.user.levels",
            "the weights of tabular do not fit its recipe: 'support.user.levels'",
        ),
    ],
)
def test_a_table_that_is_missing_is_named(gone: str, text: str) -> None:
    fitted = fit(looking(tabular()), Watch())
    arrays = arrays_of(fitted.model)
    del arrays[gone]
    with pytest.raises(ArtifactError) as caught:
        restore(
            tabular(), fitted.model.catalogue, words_of(fitted.model, dataset().scale), arrays, None
        )
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "wrong", [{}, {"features": None}, {"features": {"each": [{"side": "user"}]}}]
)
def test_words_that_lack_the_features_are_refused(wrong: dict[str, Any]) -> None:
    fitted = fit(looking(tabular()), Watch())
    words = words_of(fitted.model, dataset().scale)
    del words["features"]
    with pytest.raises(ArtifactError) as caught:
        restore(tabular(), fitted.model.catalogue, words | wrong, arrays_of(fitted.model), None)
    assert str(caught.value).startswith("the weights of tabular do not fit its recipe: ")


def test_the_ratings_of_each_level_are_counted_and_come_back(tmp_path: Path) -> None:
    entry = named(PMF)
    fitted = fit(task(entry), Watch())
    known = dataset().ratings[~VALID]
    for model in (fitted.model, there_and_back(fitted, entry, tmp_path)):
        assert model.levels == (1.0, 2.0, 3.0, 4.0, 5.0)
        for side in ("user", "item"):
            counts = pd.crosstab(known[side], known["rating"])
            ids = list(model.catalogue.side(side).ids)
            assert model.support.levels[side].tolist() == counts.reindex(ids).to_numpy().tolist()
        assert model.support.frequency.sum() == pytest.approx(1)


def test_ratings_without_levels_are_not_counted_by_level(tmp_path: Path) -> None:
    entry = named(PMF)
    fitted = fit(attrs.evolve(task(entry), scale=Scale(1.0, 5.0)), Watch())
    assert (fitted.model.levels, fitted.model.support.levels) == ((), {})
    path = tmp_path / "weights.safetensors"
    path.write_bytes(arrays_to_bytes(arrays_of(fitted.model)))
    words = words_of(fitted.model, Scale(1.0, 5.0))
    back = restore(entry, fitted.model.catalogue, words, read_arrays(path)[0], None)
    assert (back.levels, back.support.levels) == ((), {})
    pd.testing.assert_frame_equal(
        back.predict(pairs()), fitted.model.predict(pairs()), check_exact=True
    )


# What a loss takes from a model and adds to it


@pytest.mark.parametrize(
    ("loss", "provides"),
    [
        ("mse", ("embeddings", "biases", "terms", "vectors")),
        ("cross-entropy", ("embeddings", "vectors", "distribution")),
        ("ordinal", ("embeddings", "biases", "terms", "vectors", "distribution")),
        (
            "{use: ordinal, cut_points: per-user}",
            ("embeddings", "biases", "terms", "vectors", "distribution"),
        ),
    ],
)
def test_a_head_of_several_outputs_leaves_no_single_bias(
    loss: str, provides: tuple[str, ...], tmp_path: Path
) -> None:
    text = f"data: synthetic\nmodels: [{PMF}]\nloss: {loss}\ntrain: {{epochs: 1, batch_size: 16}}"
    entry = parse_recipe(text, "ours.yaml").models[0]
    fitted = fit(task(entry), Watch())
    back = there_and_back(fitted, entry, tmp_path)
    assert fitted.model.provides == back.provides == provides
    for model in (fitted.model, back):
        if "biases" in provides:
            assert len(model.biases("item")) == 6
        else:
            with pytest.raises(CapabilityError) as caught:
                model.biases("item")
            assert str(caught.value) == "pmf (factors/pmf) has no biases"


class Personal(Head):
    """rating = level + output + the sum of two numbers of the user."""

    per_user = 2

    def decode(self, outputs: Tensor) -> Tensor:
        return self.level + outputs.sum(dim=1)


def personal() -> ModelUse:
    chosen = TrainSettings(epochs=3, batch_size=16, weight_decay=0.0, learning_rate=0.1)
    loss = Loss("personal", build=lambda params, scale: Personal(scale.low))
    return ModelUse(use(TOWER), use(loss), chosen)


def test_a_head_may_have_numbers_of_each_user_which_start_at_zero() -> None:
    scored = untrained(task(personal()))
    assert scored.personal is not None
    assert tuple(scored.personal.weight.shape) == (9, 2)
    assert scored.personal.weight.abs().sum() == 0
    batch = Batch(torch.tensor([7, 0, 7]), torch.tensor([1, 2, 3]))
    with torch.no_grad():
        scored.personal.weight[7] = torch.tensor([3.0, -1.0])
    outputs = scored.eval()(batch)
    assert outputs.shape == (3, 3)
    assert outputs[:, 1:].tolist() == [[3.0, -1.0], [0.0, 0.0], [3.0, -1.0]]
    assert outputs[:, :1].equal(scored.module(batch))


def test_the_numbers_of_each_user_are_learned_and_kept(tmp_path: Path) -> None:
    fitted = fit(task(personal()), Watch())
    kept = arrays_of(fitted.model)["weights.personal.weight"]
    assert kept.shape == (9, 2)
    assert (np.abs(kept).sum(axis=1) > 0).all()
    back = there_and_back(fitted, personal(), tmp_path)
    pd.testing.assert_frame_equal(
        back.predict(pairs()), fitted.model.predict(pairs()), check_exact=True
    )


@pytest.mark.parametrize("per_user", [0, None])
def test_a_head_without_numbers_of_each_user_has_no_table_of_them(per_user: int | None) -> None:
    def build(params: Any, scale: Scale) -> Head:
        made = head(params, scale)
        if per_user is not None:
            made.per_user = per_user
        return made

    scored = untrained(
        task(ModelUse(use(TOWER), use(Loss("head", build=build)), TrainSettings(epochs=1)))
    )
    assert scored.personal is None
    assert not [name for name in scored.state_dict() if "personal" in name]
