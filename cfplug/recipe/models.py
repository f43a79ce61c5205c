"""Read the models of a recipe, each with the loss, the train settings and the features it uses."""

from __future__ import annotations

from typing import cast

import attrs
from attrs import frozen

from cfplug.errors import shown
from cfplug.plugin.components import Loss, Model
from cfplug.recipe.reader import At, Reading
from cfplug.recipe.recipe import ModelUse, Use
from cfplug.recipe.settings import ALL, FeatureChoice, TrainSettings
from cfplug.recipe.yaml import Node

OF_RATINGS = ("time", "context")
"""Features of the ratings themselves, not of users or items."""


@frozen
class _Shared:
    """The recipe's own loss, train settings and features, for models without their own."""

    loss: Use[Loss] | None
    train: TrainSettings | None
    features: FeatureChoice | None


def read_models(reading: Reading) -> list[ModelUse]:
    """Return the entries of `models`, without those that have a problem."""
    positions = range(0)
    if not reading.lacks("models", "a list of models"):
        positions = range(len(reading.entries("models")))
    uses = [reading.use(Model, ("models", position), named=True) for position in positions]
    reading.distinct(Model, "models")
    models = [reading.component(Model, node) for node in reading.nodes("models")]
    shared = _shared(reading, models)
    found = []
    for position, use in enumerate(uses):
        model = _read_entry(reading, ("models", position), models[position], use, shared)
        if model is not None:
            found.append(model)
    return found


def _shared(reading: Reading, models: list[Model | None]) -> _Shared:
    """Read the recipe's own loss, train and features; report those that no model uses."""
    known = [model for model in models if model is not None]
    all_known = len(known) == len(models)
    using = [model for model in known if model.uses_features]
    if "features" in reading.root.value and all_known and not using:
        reading.problem(("features",), "no model of this recipe uses features", on_key=True)
    features = _features(reading, ("features",))
    if using and all_known and not any(model.learns_by_gradient for model in using):
        _check_of_ids(reading, features, ("features",))
    if not models or not all_known or any(model.learns_by_gradient for model in known):
        train = reading.structure(TrainSettings, ("train",), "train")
        return _Shared(reading.use(Loss, ("loss",)), train, features)
    for key in ("loss", "train"):
        if key in reading.root.value:
            reading.problem((key,), "no model of this recipe learns by gradient", on_key=True)
    return _Shared(None, None, features)


def _features(reading: Reading, path: At) -> FeatureChoice | None:
    """Read `features` at `path`: `all`, or a table in which `all` may be in place of a list."""
    node = reading.at(path)
    if node.plain() == ALL:
        return FeatureChoice(**dict.fromkeys(attrs.fields_dict(FeatureChoice), (ALL,)))
    if not isinstance(node.value, dict):
        reading.problem(path, f"must be a table of keys, or all; is {shown(node.plain())}")
        return None
    table = {}
    for key, each in node.value.items():
        table[key] = Node((each,), each.place) if each.value == ALL else each
    made = reading.structure(FeatureChoice, path, "features", table=table)
    return cast("FeatureChoice | None", made)


def _check_of_ids(reading: Reading, features: FeatureChoice | None, path: At) -> None:
    """Report features of ratings, read at `path`, which a model that fits itself cannot use."""
    for key in OF_RATINGS if features else ():
        if reading.at((*path, key)).value:
            why = "a model that fits itself uses features of users and items alone"
            reading.problem((*path, key), why, on_key=True)


def _read_entry(
    reading: Reading, path: At, model: Model | None, use: Use[Model] | None, shared: _Shared
) -> ModelUse | None:
    """Read the entry of `models` at `path`; `model` is None where it names no component."""
    node = reading.at(path)
    own = [key for key in ("loss", "train", "features") if node.step(key) is not None]
    uses_features = model is not None and model.uses_features
    features = shared.features if uses_features else None
    if "features" in own and uses_features:
        features = _features(reading, (*path, "features"))
    if model is not None and not model.learns_by_gradient:
        for key in own:
            if key == "features" and uses_features:
                _check_of_ids(reading, features, (*path, key))
            else:
                why = f"{model.name} fits itself and takes no {key}"
                reading.problem((*path, key), why, on_key=True)
        if features is not None:
            features = attrs.evolve(features, **dict.fromkeys(OF_RATINGS, ()))
        return ModelUse(use, None, None, features) if use else None
    loss, train = shared.loss, shared.train
    if "loss" in own:
        loss = reading.use(Loss, (*path, "loss"))
    if "train" in own:
        train = reading.structure(TrainSettings, (*path, "train"), "train")
    if "features" in own and model is not None and not uses_features:
        why = f"{model.name} uses no features"
        reading.problem((*path, "features"), why, on_key=True)
    return ModelUse(use, loss, train, features) if use and loss and train else None
