"""Strategies for recipes of the installed components, as plain tables and as YAML."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import attrs
from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from cfplug.params import structure
from cfplug.plugin.components import DISTRIBUTION, Model
from cfplug.plugin.registry import Entry, Registry, load
from cfplug.recipe.models import OF_RATINGS
from cfplug.recipe.reader import DEFAULTS
from cfplug.recipe.recipe import ERROR, PARTS, Heading
from cfplug.recipe.settings import ALL, FeatureChoice, TrainSettings
from cfplug.testing.strategies.parameters import valid_values

LABELS = ("wide", "PMF ", "слово", "a.b", "no", "映画", "x-seed-")
"""The first parts of names of entries; a number follows that makes each unique."""

REVEALED = Heading().reveal

WORDS = ("", "fast.ai book, chapter 8", "5e-3", "no", "null", "# a", "größe: 3", " \n")
"""Texts of titles and sources."""


def recipes(registry: Registry | None = None) -> SearchStrategy[dict[str, Any]]:
    """Draw valid recipes of the components of `registry`, by default the installed ones.

    >>> recipes().example()
    {'data': 'synthetic', 'models': [{'use': 'pmf', 'factors': 3}, 'mean'], 'seed': 7}

    They are not for running: files do not exist, and numbers may be large.
    """
    return st.deferred(lambda: _tables(_Stock(registry or load())))


def recipe_texts(registry: Registry | None = None) -> SearchStrategy[str]:
    """Draw the same recipes as YAML."""
    return recipes(registry).map(as_yaml)


def as_yaml(recipe: Mapping[str, Any]) -> str:
    """Return a plain table as YAML 1.2 with a line for each key."""
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
    """A component of a recipe: its entry, its name, and what it provides."""

    written: Any
    name: str
    component: Any
    provides: frozenset[str]

    def has(self, needs: Iterable[str]) -> bool:
        return self.provides >= set(needs)


@frozen(eq=False, repr=False)
class _Stock:
    """The components of recipes, with a strategy for the parameters of each."""

    registry: Registry
    drawn: dict[Any, SearchStrategy[dict[str, Any]]] = attrs.field(factory=dict)

    def entries(self, kind: str, fits: Callable[[Any], bool] = lambda _: True) -> list[Entry]:
        return [entry for entry in self.registry.entries(kind) if fits(entry.component)]

    def values(self, owner: Entry | type) -> SearchStrategy[dict[str, Any]]:
        key = owner if isinstance(owner, type) else (owner.kind, owner.full_name)
        if key not in self.drawn:
            self.drawn[key] = valid_values(owner if isinstance(owner, type) else owner.component)
        if owner is TrainSettings:
            return self.drawn[key].filter(_can_be_saved)
        return self.drawn[key]

    def names(self, entry: Entry) -> list[str]:
        """Return the full name, and the short one if no other component has it."""
        short = entry.component.name
        same = [each for each in self.registry.entries(entry.kind) if each.component.name == short]
        return [entry.full_name, short] if len(same) == 1 else [entry.full_name]

    def default(self, key: str, kind: str) -> list[_Used]:
        """Return the default components of a key, as far as they are installed."""
        names = [DEFAULTS[key]] if isinstance(DEFAULTS[key], str) else DEFAULTS[key]
        return [
            _used(each.full_name, each) for each in self.entries(kind) if each.full_name in names
        ]


def _can_be_saved(train: Mapping[str, Any]) -> bool:
    """Return whether epochs, which follow from cycles, have at most 40 digits, as YAML allows."""
    made = structure(TrainSettings, train, owner="train").value
    return bool(made.epochs < 10**40)


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
    """Draws the parts of a recipe in turn; later ones fit those before."""

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
        """Draw one component of a kind, or none where there is a default for it."""
        if not needed and self.stock.default(kind, kind) and self.perhaps():
            return []
        return [self.used(self.pick(self.stock.entries(kind)))]

    def used(
        self,
        entry: Entry,
        taken: Collection[str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> _Used:
        """Draw a component's parameters, with `more` keys; in a list it gets a free name."""
        name, called = self.pick(self.stock.names(entry)), entry.component.name
        table = {**self.draw(self.stock.values(entry)), **(more or {})}
        if taken is not None and (called.casefold() in taken or self.seldom()):
            called = table["name"] = f"{self.pick(LABELS)}{len(taken)}"
        return _used({"use": name, **table} if table or self.perhaps() else name, entry, called)

    def several(
        self,
        kind: str,
        fits: Callable[[Any], bool],
        more: Callable[[Any], dict[str, Any]] = lambda _: {},
        least: int = 0,
    ) -> list[_Used]:
        """Draw the entries of a list whose components fit, each with another name."""
        found: list[_Used] = []
        for entry in self.some(self.stock.entries(kind, fits), least):
            found.append(
                self.used(entry, {each.name.casefold() for each in found}, more(entry.component))
            )
        return found

    def models(self, shared: Sequence[_Used]) -> list[_Used]:
        """Draw one to three models, some of them with a loss of their own."""
        found: list[_Used] = []
        for entry in self.some(self.stock.entries("model"), least=1):
            own = [self.used(self.pick(self.stock.entries("loss")))] if self.seldom() else []
            more = self._own(cast(Model, entry.component), own)
            model = self.used(entry, {each.name.casefold() for each in found}, more)
            followed = (own or shared) if model.component.learns_by_gradient else []
            found.append(
                attrs.evolve(
                    model, provides=model.provides.union(*(loss.provides for loss in followed))
                )
            )
        return found

    def _own(self, model: Model, loss: Sequence[_Used]) -> dict[str, Any]:
        """Draw a model's own loss, settings and features."""
        own: dict[str, Any] = {}
        if model.learns_by_gradient and loss:
            own["loss"] = loss[0].written
        if model.learns_by_gradient and self.seldom():
            own["train"] = self.draw(self.stock.values(TrainSettings))
        if model.uses_features and self.perhaps():
            own["features"] = self.features(of_ids=not model.learns_by_gradient)
        return own

    def features(self, *, of_ids: bool) -> Any:
        """Draw names of columns or all; without those of ratings if `of_ids`."""
        table = {
            side: ALL if self.seldom() else names
            for side, names in self.draw(self.stock.values(FeatureChoice)).items()
        }
        left = {side: names for side, names in table.items() if not (of_ids and side in OF_RATINGS)}
        return ALL if self.seldom() else left

    def settings(self, models: Sequence[_Used]) -> dict[str, Any]:
        """Draw train settings and features, where a model uses them."""
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
        """Draw the strategy for unknown ids, and metrics that it and the models allow."""
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
        """Draw analyzers, some of them for named models."""

        def more(analyzer: Any) -> dict[str, Any]:
            named = [model.name for model in models if model.has(analyzer.requires)]
            return {"models": self.some(named)} if self.seldom() else {}

        return self.several("analyzer", lambda _: True, more)

    def claims(
        self,
        models: Sequence[_Used],
        metrics: Sequence[_Used],
        strategies: Sequence[_Used],
        reveal: Sequence[int],
    ) -> dict[str, Any]:
        """Draw claims about metrics, and about cold starts."""
        measured = metrics or self.stock.default("metrics", "metric")
        of_models = [
            (metric, model)
            for metric in measured
            for model in models
            if model.has(metric.component.requires)
        ]
        claims = [self._claim(metric.name, model, models) for metric, model in self.some(of_models)]
        for strategy in self.some(strategies):
            claim = {"metric": "rmse", "cold_start": strategy.name, "revealed": self.pick(reveal)}
            claims += [claim | self._bound() | self._about(self.pick(models), models)]
        return {"claims": claims} if claims or self.seldom() else {}

    def _claim(self, metric: str, model: _Used, models: Sequence[_Used]) -> dict[str, Any]:
        further = {
            "part": st.sampled_from(PARTS),
            "fold": st.sampled_from(WORDS),
            "source": st.sampled_from(WORDS),
        }
        more = self.draw(st.fixed_dictionaries({}, optional=further))
        return {"metric": metric, **self._bound(), **more, **self._about(model, models)}

    def _bound(self) -> dict[str, Any]:
        one, other = self.pick([("at_most", "at_least"), ("at_least", "at_most")])
        bound = self.draw(st.integers(-9, 9) | st.floats(-9, 9))
        return {one: bound, other: None} if self.seldom() else {one: bound}

    def _about(self, model: _Used, models: Sequence[_Used]) -> dict[str, str]:
        return {"model": model.name} if len(models) > 1 or self.perhaps() else {}
