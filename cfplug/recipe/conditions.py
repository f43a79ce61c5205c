"""Which keys of a recipe hang on which others, in the words of JSON Schema.

Each of these rules the reader has too; the property in `tests/recipe/test_json_schema.py` holds the
two together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from cfplug.plugin.components import DISTRIBUTION
from cfplug.plugin.registry import Entry
from cfplug.recipe.lineup import OF_RATINGS
from cfplug.recipe.reader import DEFAULTS
from cfplug.recipe.recipe import PARTS
from cfplug.recipe.settings import NEED_PATIENCE, NEEDS, TrainSettings
from cfplug.recipe.shapes import Shape, has, properties, when

_GIVEN = {"not": {"type": "null"}}

_NOT_EMPTY = {"minLength": 1}


@frozen
class Names:
    """The components of one kind, and what a recipe may call them."""

    entries: tuple[Entry, ...]

    def of(self, entry: Entry) -> list[str]:
        """The names of one: the short one, unless it is another's too, and the full one."""
        short = entry.component.name
        alone = [each.component.name for each in self.entries].count(short) == 1
        return [short, entry.full_name] if alone else [entry.full_name]

    def where(self, which: Callable[[Any], bool] = lambda _: True) -> list[str]:
        """The names of all whose component is such a one."""
        return [name for entry in self.entries if which(entry.component) for name in self.of(entry)]


def of_train() -> Iterator[Shape]:
    """What `TrainSettings` checks between its settings, but that step_epochs rise and what sgdr makes of epochs."""
    defaults = {name: each["default"] for name, each in properties(TrainSettings).items()}

    def is_set(name: str) -> Shape:
        return has(name, {"not": {"const": defaults[name]}})

    for name, (owner, choices) in NEEDS.items():
        needed = has(owner, {"enum": list(choices)})
        yield when(
            is_set(name),
            needed if defaults[owner] not in choices else {"properties": needed["properties"]},
        )
    for name in NEED_PATIENCE:
        yield when(is_set(name), has("patience", _GIVEN))
    yield when(
        has("schedule", {"const": "steps"}),
        has("step_epochs", {"minItems": 1, "uniqueItems": True}),
    )


def of_claim() -> Iterator[Shape]:
    """What `Claim` and the reader check between the keys of one claim."""
    yield {"oneOf": [has("at_most", _GIVEN), has("at_least", _GIVEN)]}
    on_newcomers = {"metric": {"const": "rmse"}, "part": {"const": PARTS[0]}, "fold": {"const": ""}}
    yield when(has("cold_start", _NOT_EMPTY), {"properties": on_newcomers})
    yield when(has("revealed", {"not": {"const": 0}}), has("cold_start", _NOT_EMPTY))


def of_recipe(names: Mapping[str, Names]) -> Iterator[Shape]:
    """What the reader checks between the keys of a recipe with components of these names, by kind."""
    both = {"properties": {"seed": _GIVEN, "seeds": _GIVEN}, "required": ["seed", "seeds"]}
    yield _noted("seed or seeds", {"not": both})
    yield from _of_claims()
    yield from _of_gradient(names)
    yield from _of_features(names["model"])
    yield from _of_needs(names)


def _of_claims() -> Iterator[Shape]:
    several, named = has("models", {"minItems": 2}), {"items": has("model", _NOT_EMPTY)}
    yield _noted(
        "a claim about one of several models names it",
        when(several, {"properties": {"claims": named}}),
    )
    on_newcomers = has("claims", {"contains": {"type": "object", **has("cold_start", _NOT_EMPTY)}})
    yield _noted(
        "a claim on newcomers needs strategies",
        when(on_newcomers, has("cold_starts", {"minItems": 1})),
    )


def _of_gradient(names: Mapping[str, Names]) -> Iterator[Shape]:
    by_itself = _every(_named(names["model"].where(lambda model: not model.learns_by_gradient)))
    neither = {"properties": {"loss": False, "train": False}}
    loss = True if DEFAULTS["loss"] in names["loss"].where() else {"required": ["loss"]}
    yield _noted(
        "loss and train are for models that learn by gradient", when(by_itself, neither, loss)
    )


def _of_features(models: Names) -> Iterator[Shape]:
    looking = _some(_named(models.where(lambda model: model.uses_features)))
    by_gradient = _some(
        _named(models.where(lambda model: model.uses_features and model.learns_by_gradient))
    )
    nobody, of_ids = (
        {"properties": {"features": False}},
        {"properties": {"features": without(OF_RATINGS)}},
    )
    yield _noted(
        "features are for models that look at them",
        when(looking, when(by_gradient, True, of_ids), nobody),
    )


def without(keys: Iterable[str]) -> Shape:
    """A table in which these lists are empty or left out."""
    return {"properties": {key: {"type": "array", "maxItems": 0} for key in keys}}


# What a metric or a strategy needs of models and their losses


def _of_needs(names: Mapping[str, Names]) -> Iterator[Shape]:
    """Each metric and each tried strategy fits one model at least, the policy for unknown ids every one."""
    for key, kind in (
        ("metrics", "metric"),
        ("cold_starts", "cold-start"),
        ("unknown", "cold-start"),
    ):
        quantified = _every if key == "unknown" else _some
        for needs in sorted({_needs(each.component) for each in names[kind].entries} - {()}):
            users = _named(names[kind].where(functools.partial(_needs_just, needs)))
            used = has(key, users if key == "unknown" else {"contains": users})
            yield _noted(
                f"{key} that need {' and '.join(needs)}",
                when(used, _giving(set(needs), names, quantified)),
            )
    yield from _of_policy(names)


def _needs(component: Any) -> tuple[str, ...]:
    return tuple(component.requires)


def _needs_just(needs: tuple[str, ...], component: Any) -> bool:
    return _needs(component) == needs


def _of_policy(names: Mapping[str, Names]) -> Iterator[Shape]:
    """A metric of distributions needs one for unknown ids too."""
    needing = _named(names["metric"].where(lambda metric: DISTRIBUTION in metric.requires))
    if silent := names["cold-start"].where(lambda strategy: DISTRIBUTION not in strategy.provides):
        other = {"not": _named(silent)}
        kept = (
            has("unknown", other)
            if DEFAULTS["unknown"] in silent
            else {"properties": {"unknown": other}}
        )
        yield _noted(
            "unknown ids need a distribution too", when(has("metrics", {"contains": needing}), kept)
        )


def _giving(
    needs: set[str], names: Mapping[str, Names], quantified: Callable[[Any], Shape]
) -> Shape:
    """One model, or every one, gives all of `requires`: a distribution by its own loss, or by the recipe's."""
    others = needs - {DISTRIBUTION}
    if others == needs:
        return quantified(_named(names["model"].where(lambda model: others <= set(model.provides))))
    able = _named(
        names["model"].where(
            lambda model: model.learns_by_gradient and others <= set(model.provides)
        )
    )
    losses = names["loss"].where(lambda loss: DISTRIBUTION in loss.provides)
    its_own, shared = has("loss", _named(losses)), {"properties": {"loss": _named(losses)}}
    by_shared = quantified(
        {"allOf": [able, shared]}
    )  # a loss of its own, if there is one, must give it too
    by_its_own = quantified({"type": "object", "allOf": [able, its_own]})
    return when(shared if DEFAULTS["loss"] in losses else its_own, by_shared, by_its_own)


def _noted(words: str, condition: Shape) -> Shape:
    return {"$comment": words, **condition}


def _named(names: Iterable[str]) -> Shape:
    """An entry that names one of these components."""
    among = {"enum": list(names)}
    return {"anyOf": [among, {"type": "object", **has("use", among)}]}


def _some(entry: Shape) -> Shape:
    return has("models", {"contains": entry})


def _every(entry: Shape) -> Shape:
    return has("models", {"items": entry})
