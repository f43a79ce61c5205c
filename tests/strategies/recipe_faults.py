"""Strategies for recipes with one fault, which the reader must refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import field, frozen
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from cfplug.errors import PluginError
from cfplug.plugin.registry import Entry, Registry, load
from cfplug.recipe.json_schema import LISTS, ONE
from cfplug.recipe.recipe import Heading
from cfplug.recipe.settings import TrainSettings
from cfplug.testing.strategies.invalid import invalid_values
from tests.strategies.recipes import recipes

At = tuple[str | int, ...]
"""The keys and positions that lead to a place in a recipe."""

GONE = object()
"""The value of a key that is left out."""

ODD_KEY, ODD_NAMES = "zz-zz", ("nonesuch-zz", "unknown-zz/pmf", "")
"""Names that no parameter and no component can have."""

KINDS_OF_FAULT = (
    *(
        "a wrong parameter",
        "a wrong setting",
        "an unknown key",
        "a missing key",
        "an unknown name",
    ),
    *("no component", "no name", "no list", "no table", "no claim", "no features"),
)
"""The faults that a recipe may have."""

NO_ENTRY: tuple[Any, ...] = (None, True, 5, 2.5, [], ["x"], {})
NO_TABLE: tuple[Any, ...] = (None, True, 5, "words", [1])
NO_LIST: tuple[Any, ...] = (None, True, 5, "words", {"use": "x"})
NO_LABEL: tuple[Any, ...] = (None, 5, "", ".", "a/b", " x", "x.", "x" * 81, "é" * 41, "a\nb")
NO_FEATURES: tuple[Any, ...] = (
    None,
    5,
    "some",
    [],
    {"user": 5},
    {"time": ["never"]},
    {"item": ["a", "a"]},
    {"user": ["all", "a"]},
)
NO_CLAIM: tuple[Any, ...] = (
    None,
    5,
    {},
    {"metric": "mse"},
    {"at_most": 1},
    {"metric": "mse", "at_most": 1, "at_least": 0},
)


@frozen
class Broken:
    """A recipe with one fault: where it is, and what is wrong there."""

    table: dict[str, Any]
    path: At
    how: str


def broken_recipes(registry: Registry | None = None) -> SearchStrategy[Broken]:
    """Draw recipes of the components of `registry` with one fault in a random place.

    A value of the wrong type or out of bounds, not among the choices, a bool or a text for a
    number, NaN, null, a key that is unknown or missing, a name that no component of this kind
    has.
    """
    return st.deferred(lambda: _broken(_Faults(registry or load())))


@st.composite
def _broken(draw: DrawFn, faults: _Faults) -> Broken:
    how = draw(st.sampled_from(KINDS_OF_FAULT))  # first, as some faults have few places
    table = draw(faults.whole)
    every = list(faults.of(table))
    places = [place for place in every if place[1] == how] or every
    path, how, values = places[draw(st.integers(0, len(places) - 1))]
    return Broken(_put(table, path, draw(values)), path, how)


Fault = tuple[At, str, SearchStrategy[Any]]
"""A place, what is wrong there, and the values that it gets."""


@frozen(eq=False, repr=False)
class _Faults:
    """The faults of recipes of the components of a registry."""

    registry: Registry
    whole: SearchStrategy[dict[str, Any]] = field(init=False)
    drawn: dict[Any, SearchStrategy[tuple[dict[str, Any], str]]] = field(init=False, factory=dict)

    @whole.default
    def _recipes(self) -> SearchStrategy[dict[str, Any]]:
        return recipes(self.registry)

    def of(self, recipe: dict[str, Any]) -> Iterator[Fault]:
        """Yield every fault that `recipe` can have."""
        yield (ODD_KEY,), "an unknown key", st.sampled_from([None, 5, []])
        yield from (((key,), "a missing key", st.just(GONE)) for key in ("data", "models"))
        yield from self._of_parameters((), "setting", Heading)
        for key, value in recipe.items():
            if key in ONE:
                yield from self._of_entry((key,), ONE[key], value)
            elif key in LISTS or key == "claims":
                yield from self._of_list(key, value)
        yield from self._of_settings((), recipe)

    def _of_list(self, key: str, items: list[Any]) -> Iterator[Fault]:
        yield (
            (key,),
            "no list",
            st.sampled_from([*NO_LIST, *([[]] if key in ("models", "metrics") else [])]),
        )
        for position, item in enumerate(items):
            if key == "claims":
                yield (key, position), "no claim", st.sampled_from(NO_CLAIM)
                yield (key, position, ODD_KEY), "an unknown key", st.just(1)
            else:
                yield from self._of_entry((key, position), LISTS[key], item)
            if key == "models" and isinstance(item, dict):
                yield from self._of_settings((key, position), item)
                yield from (
                    self._of_entry((key, position, "loss"), "loss", item["loss"])
                    if "loss" in item
                    else ()
                )

    def _of_entry(self, path: At, kind: str, written: Any) -> Iterator[Fault]:
        """Yield the faults of a component that a recipe names."""
        listed = isinstance(path[-1], int)
        table = written if isinstance(written, dict) else {"use": written}
        others = st.sampled_from([*ODD_NAMES, *self._names_of_others(kind)])
        yield path, "no component", st.sampled_from([*NO_ENTRY, *(["error"] if listed else [])])
        yield (
            path,
            "an unknown name",
            others | others.map(lambda name: {**table, "use": name}),
        )
        yield (
            path,
            "a missing key",
            st.just({key: value for key, value in table.items() if key != "use"}),
        )
        yield path, "an unknown key", st.just({**table, ODD_KEY: 1})
        yield (
            path,
            "no name",
            st.sampled_from(NO_LABEL if listed else ["x"]).map(
                lambda name: {**table, "name": name}
            ),
        )
        if entry := self._entry(kind, table["use"]):
            yield from self._of_parameters(path, "parameter", entry, {"use": table["use"]})

    def _of_settings(self, path: At, table: dict[str, Any]) -> Iterator[Fault]:
        if "train" in table:
            yield (*path, "train"), "no table", st.sampled_from(NO_TABLE)
            yield from self._of_parameters((*path, "train"), "setting", TrainSettings)
        if "features" in table:
            yield (*path, "features"), "no features", st.sampled_from(NO_FEATURES)

    def _of_parameters(
        self, path: At, what: str, owner: Entry | type, more: dict[str, Any] | None = None
    ) -> Iterator[Fault]:
        """Yield a fault in one parameter; all others get other values."""
        key = owner if isinstance(owner, type) else (owner.kind, owner.full_name)
        if key not in self.drawn:
            self.drawn[key] = invalid_values(owner if isinstance(owner, type) else owner.component)
        yield (
            path,
            f"a wrong {what}",
            self.drawn[key].map(lambda found: {**(more or {}), **found[0]}),
        )

    def _entry(self, kind: str, name: str) -> Entry | None:
        try:
            return self.registry.find(kind, name)
        except PluginError:  # as for `error`, which is not a component
            return None

    def _names_of_others(self, kind: str) -> list[str]:
        own = {entry.component.name for entry in self.registry.entries(kind)}
        every = {
            entry.component.name
            for other in {**ONE, **LISTS}.values()
            for entry in self.registry.entries(other)
        }
        return sorted(every - own)


def _put(value: Any, path: At, new: Any) -> Any:
    """Return `value` with `new` at `path`; at the top `new` is merged."""
    if not path:
        return {**value, **new}
    copied, (step, *rest) = value.copy(), path
    if rest:
        copied[step] = _put(value[step], tuple(rest), new)
    elif new is GONE:
        del copied[step]
    else:
        copied[step] = new
    return copied
