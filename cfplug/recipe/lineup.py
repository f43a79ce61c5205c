"""Which models a recipe trains, each with the loss, the train settings and the features that it follows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import attrs
from attrs import frozen

from cfplug.errors import shown
from cfplug.plugin.components import Model
from cfplug.plugin.registry import Entry
from cfplug.recipe.reader import Reading
from cfplug.recipe.recipe import ModelUse, Use
from cfplug.recipe.settings import ALL, FeatureChoice, TrainSettings
from cfplug.recipe.yaml import Node

OF_RATINGS = ("time", "context")
"""What a recipe's `features` name of the ratings themselves, not of users or items."""


@frozen
class Lineup:
    """The entries of `models`, and the recipe's own loss, train and features."""

    reading: Reading

    def models(self) -> list[ModelUse]:
        positions = (
            range(len(self.reading.entries("models")))
            if not self.reading.lacks("models", "a list of models")
            else ()
        )
        uses = [
            self.reading.use("model", ("models", position), named=True) for position in positions
        ]
        self.reading.distinct("model", "models")
        shared = self._shared()
        models = [
            self._model(position, use, *shared)
            for position, use in zip(positions, uses, strict=True)
        ]
        return [model for model in models if model is not None]

    def _shared(self) -> tuple[Use | None, TrainSettings | None, FeatureChoice | None]:
        """The recipe's own loss, train settings and features, which only models that learn by gradient can follow."""
        entries = [self.reading.entry("model", node) for node in self.reading.nodes("models")]
        if (
            "features" in self.reading.root.value
            and all(entries)
            and not any(map(_uses_features, entries))
        ):
            self.reading.problem(
                ("features",), "no model of this recipe looks at features", on_key=True
            )
        features = self._features(("features",))
        if all(entries) and not any(
            _uses_features(entry) for entry in entries if not _fits_itself(entry)
        ):
            self._check_of_ids(
                features if any(map(_uses_features, entries)) else None, ("features",)
            )
        if not entries or not all(map(_fits_itself, entries)):
            return (
                self.reading.use("loss", ("loss",)),
                self.reading.structure(TrainSettings, ("train",), "train"),
                features,
            )
        for key in ("loss", "train"):
            if key in self.reading.root.value:
                self.reading.problem(
                    (key,), "no model of this recipe learns by gradient", on_key=True
                )
        return None, None, features

    def _features(self, path: tuple[str | int, ...]) -> FeatureChoice | None:
        """What `features` at `path` says: a table, in which `all` stands for a list, or `all` alone."""
        node = self.reading.at(path)
        if node.plain() == ALL:
            return FeatureChoice(**dict.fromkeys(attrs.fields_dict(FeatureChoice), (ALL,)))
        if not isinstance(node.value, dict):
            self.reading.problem(path, f"must be a table of keys, or all; is {shown(node.plain())}")
            return None
        table = {
            key: Node((each,), each.place) if each.value == ALL else each
            for key, each in node.value.items()
        }
        return cast(
            "FeatureChoice | None",
            self.reading.structure(FeatureChoice, path, "features", table=table),
        )

    def _check_of_ids(self, features: FeatureChoice | None, path: tuple[str | int, ...]) -> None:
        """Tell what `features`, read at `path`, names of the ratings themselves, for models that fit themselves."""
        for key in OF_RATINGS if features else ():
            if self.reading.at((*path, key)).value:
                why = "a model that fits itself looks at features of users and items alone"
                self.reading.problem((*path, key), why, on_key=True)

    def _model(
        self,
        position: int,
        use: Use | None,
        loss: Use | None,
        train: TrainSettings | None,
        features: FeatureChoice | None,
    ) -> ModelUse | None:
        path, node = ("models", position), self.reading.at(("models", position))
        own = [key for key in ("loss", "train", "features") if node.step(key) is not None]
        entry = self.reading.entry("model", node)
        looks = _uses_features(entry)
        if "features" in own and looks:
            features = self._features((*path, "features"))
        if entry is not None and _fits_itself(entry):
            return self._by_itself(path, entry, use, own, features)
        if "loss" in own:
            loss = self.reading.use("loss", (*path, "loss"))
        if "train" in own:
            train = self.reading.structure(TrainSettings, (*path, "train"), "train")
        if "features" in own and entry is not None and not looks:
            self.reading.problem(
                (*path, "features"), f"{entry.component.name} looks at no features", on_key=True
            )
        return (
            ModelUse(use, loss, train, features if looks else None)
            if use and loss and train
            else None
        )

    def _by_itself(
        self,
        path: tuple[str | int, ...],
        entry: Entry,
        use: Use | None,
        own: Iterable[str],
        features: FeatureChoice | None,
    ) -> ModelUse | None:
        """An entry, with the keys `own`, of a model that fits itself; of `features` it looks at those of ids."""
        looks = _uses_features(entry)
        for key in own:
            if key == "features" and looks:
                self._check_of_ids(features, (*path, key))
            else:
                self.reading.problem(
                    (*path, key),
                    f"{entry.component.name} fits itself and takes no {key}",
                    on_key=True,
                )
        of_ids = (
            attrs.evolve(features, **dict.fromkeys(OF_RATINGS, ())) if features and looks else None
        )
        return ModelUse(use, None, None, of_ids) if use else None


def _fits_itself(entry: Entry | None) -> bool:
    return entry is not None and not cast(Model, entry.component).learns_by_gradient


def _uses_features(entry: Entry | None) -> bool:
    return entry is not None and cast(Model, entry.component).uses_features
