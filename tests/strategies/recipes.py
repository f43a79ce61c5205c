"""Strategies for recipes of the installed components, with valid parameters: plain tables, and the same as YAML."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import attrs
from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from cfplug.plugin.components import DISTRIBUTION, Model
from cfplug.plugin.registry import Entry, Registry, load
from cfplug.recipe.lineup import OF_RATINGS
from cfplug.recipe.reader import DEFAULTS
from cfplug.recipe.recipe import ERROR, PARTS, Heading
from cfplug.recipe.settings import ALL, FeatureChoice, TrainSettings
from cfplug.testing.strategies.parameters import valid_values

LABELS = ("wide", "PMF ", "слово", "a.b", "no", "映画", "x-seed-")
"""What entries may be called, each before a number that makes it unlike the others."""

REVEALED = Heading().reveal

WORDS = ("", "fast.ai book, chapter 8", "5e-3", "no", "null", "# a", "größe: 3", " \n")
"""Texts that a title or a source may be."""


def recipes(registry: Registry | None = None) -> SearchStrategy[dict[str, Any]]:
    """Recipes as plain tables, of the components of `registry` (or of all that are installed), with valid parameters.

    >>> recipes().example()
    {'data': 'synthetic', 'models': [{'use': 'pmf', 'factors': 3}, 'mean'], 'seed': 7}

    The reader accepts each. They are not for running: there are no such files, and numbers may be
    large."""
    return st.deferred(lambda: _tables(_Stock(registry or load())))


def recipe_texts(registry: Registry | None = None) -> SearchStrategy[str]:
    """The same recipes as YAML."""
    return recipes(registry).map(as_yaml)


def as_yaml(recipe: Mapping[str, Any]) -> str:
    """A plain table as YAML 1.2, each of its keys on one line."""
    return "".join(f"{_flow(key)}: {_flow(value)}\n" for key, value in recipe.items()) or "{}\n"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else "-.inf" if value < 0 else ".inf"
    return json.dumps(value).replace("\x7f", "\\u007f")  # a letter that YAML may not hold as it is


@frozen
class _Used:
    """A component that the recipe uses: how it is written there, what it is called, and what it gives."""

    written: Any
    name: str
    component: Any
    provides: frozenset[str]

    def has(self, needs: Iterable[str]) -> bool:
        return self.provides >= set(needs)


@frozen(eq=False, repr=False)
class _Stock:
    """The components that recipes are made of, with a strategy for the parameters of each."""

    registry: Registry
    drawn: dict[Any, SearchStrategy[dict[str, Any]]] = attrs.field(factory=dict)

    def entries(self, kind: str, fits: Callable[[Any], bool] = lambda _: True) -> list[Entry]:
        return [entry for entry in self.registry.entries(kind) if fits(entry.component)]

    def values(self, owner: Entry | type) -> SearchStrategy[dict[str, Any]]:
        key = owner if isinstance(owner, type) else (owner.kind, owner.full_name)
        if key not in self.drawn:
            self.drawn[key] = valid_values(owner if isinstance(owner, type) else owner.component)
        return self.drawn[key]

    def names(self, entry: Entry) -> list[str]:
        """The full name, and the short one if it is nobody else's."""
        short = entry.component.name
        same = [each for each in self.registry.entries(entry.kind) if each.component.name == short]
        return [entry.full_name, short] if len(same) == 1 else [entry.full_name]

    def default(self, key: str, kind: str) -> list[_Used]:
        """What stands for a key that is left out, as far as it is there."""
        names = [DEFAULTS[key]] if isinstance(DEFAULTS[key], str) else DEFAULTS[key]
        return [
            _used(each.full_name, each) for each in self.entries(kind) if each.full_name in names
        ]


def _used(written: Any, entry: Entry, name: str = "") -> _Used:
    component = entry.component
    return _Used(
        written, name or component.name, component, frozenset(getattr(component, "provides", ()))
    )


@st.composite
def _tables(draw: DrawFn, stock: _Stock) -> dict[str, Any]:
    draft = _Draft(draw, stock)
    loss = draft.one("loss")
    models = draft.models(loss or stock.default("loss", "loss"))
    unknown, metrics = draft.measured(models)
    parts = {
        "data": draft.one("source", needed=True),
        "split": draft.one("split"),
        "loss": loss if any(model.component.learns_by_gradient for model in models) else [],
        "models": models,
        "metrics": metrics,
        "unknown": unknown,
        "cold_starts": draft.several(
            "cold-start", lambda each: any(model.has(each.requires) for model in models)
        ),
        "analyzers": draft.analyzers(models),
    }
    table: dict[str, Any] = {
        key: [each.written for each in part] for key, part in parts.items() if part
    }
    table |= {
        key: part[0] for key, part in table.items() if key in ("data", "split", "loss", "unknown")
    }
    table |= draw(stock.values(Heading)) | draft.settings(models)
    table |= draft.claims(models, metrics, parts["cold_starts"], table.get("reveal", REVEALED))
    return {key: table[key] for key in draw(st.permutations(list(table)))}


@frozen(eq=False)
class _Draft:
    """Draws one part of a recipe after the other; what comes later fits what is there."""

    draw: DrawFn
    stock: _Stock

    def perhaps(self) -> bool:
        return self.draw(st.booleans())

    def seldom(self) -> bool:
        return self.draw(st.integers(0, 3)) == 3

    def pick(self, options: Sequence[Any]) -> Any:
        return options[self.draw(st.integers(0, len(options) - 1))]

    def some(self, options: Sequence[Any], least: int = 0, most: int = 3) -> list[Any]:
        count = self.draw(st.integers(least, most)) if options else 0
        return [self.pick(options) for _ in range(count)]

    def one(self, kind: str, *, needed: bool = False) -> list[_Used]:
        """One component of a kind, or none where there is a default for it."""
        if not needed and self.stock.default(kind, kind) and self.perhaps():
            return []
        return [self.used(self.pick(self.stock.entries(kind)))]

    def used(
        self,
        entry: Entry,
        taken: Collection[str] | None = None,
        beside: Mapping[str, Any] | None = None,
    ) -> _Used:
        """A component with parameters and what stands `beside` them; in a list with a name that is not taken."""
        name, called = self.pick(self.stock.names(entry)), entry.component.name
        table = {**self.draw(self.stock.values(entry)), **(beside or {})}
        if taken is not None and (called.casefold() in taken or self.seldom()):
            called = table["name"] = f"{self.pick(LABELS)}{len(taken)}"
        return _used({"use": name, **table} if table or self.perhaps() else name, entry, called)

    def several(
        self,
        kind: str,
        fits: Callable[[Any], bool],
        beside: Callable[[Any], dict[str, Any]] = lambda _: {},
        least: int = 0,
    ) -> list[_Used]:
        """The entries of a list, perhaps none, whose components fit; each has a name of its own."""
        found: list[_Used] = []
        for entry in self.some(self.stock.entries(kind, fits), least):
            found.append(
                self.used(entry, {each.name.casefold() for each in found}, beside(entry.component))
            )
        return found

    def models(self, shared: Sequence[_Used]) -> list[_Used]:
        """One to three models; those that learn by gradient follow the shared loss or one of their own."""
        found: list[_Used] = []
        for entry in self.some(self.stock.entries("model"), least=1):
            own = [self.used(self.pick(self.stock.entries("loss")))] if self.seldom() else []
            beside = self._beside(cast(Model, entry.component), own)
            model = self.used(entry, {each.name.casefold() for each in found}, beside)
            followed = (own or shared) if model.component.learns_by_gradient else []
            found.append(
                attrs.evolve(
                    model, provides=model.provides.union(*(loss.provides for loss in followed))
                )
            )
        return found

    def _beside(self, model: Model, loss: Sequence[_Used]) -> dict[str, Any]:
        """The loss, the settings and the features that a model has for itself alone."""
        own: dict[str, Any] = {}
        if model.learns_by_gradient and loss:
            own["loss"] = loss[0].written
        if model.learns_by_gradient and self.seldom():
            own["train"] = self.draw(self.stock.values(TrainSettings))
        if model.uses_features and self.perhaps():
            own["features"] = self.features(of_ids=not model.learns_by_gradient)
        return own

    def features(self, *, of_ids: bool) -> Any:
        """Columns by name, or all of them; those of ids alone for models that fit themselves."""
        table = {
            side: ALL if self.seldom() else names
            for side, names in self.draw(self.stock.values(FeatureChoice)).items()
        }
        left = {side: names for side, names in table.items() if not (of_ids and side in OF_RATINGS)}
        return ALL if self.seldom() else left

    def settings(self, models: Sequence[_Used]) -> dict[str, Any]:
        """The recipe's own train settings and features, where a model follows them."""
        found: dict[str, Any] = {}
        by_gradient = [
            model.component.uses_features for model in models if model.component.learns_by_gradient
        ]
        if by_gradient and self.perhaps():
            found["train"] = self.draw(self.stock.values(TrainSettings))
        if any(model.component.uses_features for model in models) and self.perhaps():
            found["features"] = self.features(of_ids=not any(by_gradient))
        return found

    def measured(self, models: Sequence[_Used]) -> tuple[list[_Used], list[_Used]]:
        """Who answers for unknown ids, and metrics of what the models and that strategy give."""
        default = self.stock.default("unknown", "cold-start")
        error = [_Used(self.pick([ERROR, {"use": ERROR}]), ERROR, None, frozenset({DISTRIBUTION}))]
        fitting = self.stock.entries(
            "cold-start", lambda each: all(model.has(each.requires) for model in models)
        )
        chosen = self.pick([*([[]] if default else []), error, *fitting])
        unknown = [self.used(chosen)] if isinstance(chosen, Entry) else chosen
        (answering,) = unknown or default

        def fits(metric: Any) -> bool:
            served = DISTRIBUTION not in metric.requires or DISTRIBUTION in answering.provides
            return served and any(model.has(metric.requires) for model in models)

        return unknown, self.several(
            "metric", fits, least=0 if self.stock.default("metrics", "metric") else 1
        )

    def analyzers(self, models: Sequence[_Used]) -> list[_Used]:
        """Sections of the report, some of them on models that are named."""

        def beside(analyzer: Any) -> dict[str, Any]:
            named = [model.name for model in models if model.has(analyzer.requires)]
            return {"models": self.some(named)} if self.seldom() else {}

        return self.several("analyzer", lambda _: True, beside)

    def claims(
        self,
        models: Sequence[_Used],
        metrics: Sequence[_Used],
        strategies: Sequence[_Used],
        reveal: Sequence[int],
    ) -> dict[str, Any]:
        """Promises about what is measured, and about newcomers."""
        measured = metrics or self.stock.default("metrics", "metric")
        of_models = [
            (metric, model)
            for metric in measured
            for model in models
            if model.has(metric.component.requires)
        ]
        claims = [self._claim(metric.name, model, models) for metric, model in self.some(of_models)]
        for strategy in self.some(strategies):
            told = {"metric": "rmse", "cold_start": strategy.name, "revealed": self.pick(reveal)}
            claims += [told | self._bound() | self._about(self.pick(models), models)]
        return {"claims": claims} if claims or self.seldom() else {}

    def _claim(self, metric: str, model: _Used, models: Sequence[_Used]) -> dict[str, Any]:
        further = {
            "part": st.sampled_from(PARTS),
            "fold": st.sampled_from(WORDS),
            "source": st.sampled_from(WORDS),
        }
        told = self.draw(st.fixed_dictionaries({}, optional=further))
        return {"metric": metric, **self._bound(), **told, **self._about(model, models)}

    def _bound(self) -> dict[str, Any]:
        one, other = self.pick([("at_most", "at_least"), ("at_least", "at_most")])
        bound = self.draw(st.integers(-9, 9) | st.floats(-9, 9))
        return {one: bound, other: None} if self.seldom() else {one: bound}

    def _about(self, model: _Used, models: Sequence[_Used]) -> dict[str, str]:
        return {"model": model.name} if len(models) > 1 or self.perhaps() else {}
