"""Read the parts of a recipe: entries, the components they name, parameters; collect problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
from attrs import frozen

from cfplug.errors import (
    Place,
    PluginError,
    Problem,
    is_one_line,
    nearest,
    plural,
    shown,
    with_article,
)
from cfplug.params import structure
from cfplug.plugin.components import KINDS, Component
from cfplug.plugin.registry import Entry, Registry
from cfplug.recipe.recipe import KEYS, Use
from cfplug.recipe.yaml import REFUSED, Node, from_python, path_text

T = TypeVar("T", bound=Component)

At = tuple[str | int, ...]

DEFAULTS: Mapping[str, Any] = {
    "split": "splits/random",
    "loss": "losses/mse",
    "metrics": ["metrics/mse", "metrics/rmse"],
    "unknown": "coldstart/item-mean",
    "cold_starts": [],
    "analyzers": [],
    "claims": [],
}
"""The value of a key that the recipe leaves out; full names, which no other plugin can take."""

KIND_NAMES = {cls: name for name, cls in KINDS.items()}


@frozen
class Reading:
    """One pass over a document, which reads values by their path and collects every problem."""

    root: Node
    source: str
    registry: Registry
    problems: list[Problem]

    def problem(self, path: At, message: str, *, on_key: bool = False) -> None:
        """Add a problem with the value (or the key) at `path`, unless it was reported before."""
        if on_key or self.root.nearest(path).value is not REFUSED:
            place = self.root.place_of(path, on_key=on_key)
            self.problems.append(Problem(place, path_text(path), message))

    # Values

    def at(self, path: At) -> Node:
        """Return the value at `path`, or the key's default, or an empty table."""
        node = self.root
        for step in path:
            inner = node.step(step)
            if inner is None and node is self.root and step in DEFAULTS:
                inner = from_python(DEFAULTS[str(step)], self.root.place, [])
            if inner is None:
                return Node({}, node.place)
            node = inner
        return node

    def nodes(self, key: str) -> tuple[Node, ...]:
        """Return the entries of a list; none if it is not a list."""
        value = self.at((key,)).value
        return value if isinstance(value, tuple) else ()

    def entries(self, key: str) -> tuple[Node, ...]:
        """Return the entries of a list, and report what is wrong with the list itself."""
        node = self.at((key,))
        if not isinstance(node.value, tuple):
            is_name = isinstance(node.value, str) and is_one_line(node.value)
            example = f", such as [{node.value}]" if is_name else ""
            self.problem((key,), f"must be a list{example}; is {shown(node.plain())}")
        elif key in ("models", "metrics") and not node.value:
            self.problem((key,), "must have at least one entry")
        return self.nodes(key)

    def is_misspelt(self, key: str) -> bool:
        """Return whether an unknown key of the recipe was probably meant to be `key`."""
        unknown = [other for other in self.root.value if other not in KEYS]
        return any(nearest(other, KEYS) == key for other in unknown)

    def lacks(self, key: str, what: str) -> bool:
        """Return whether the recipe has no `key`; reported, unless a misspelt key was meant."""
        lacks = key not in self.root.value
        if lacks and not self.is_misspelt(key):
            self.problem((), f"a recipe needs {key}: {what}")
        return lacks

    # Names

    def names(self, kind: type[Component], key: str) -> list[str | None]:
        """Return the name of each entry of a list; None where it is unknown."""
        if self.is_misspelt(key):
            return []
        return [self._name(kind, node) for node in self.nodes(key)]

    def _name(self, kind: type[Component], node: Node) -> str | None:
        name = node.step("name")
        if name is not None:
            return name.value if can_name_a_folder(name.value) else None
        component = self.component(kind, node)
        if component is None or self._misspelt(kind, node.value, "name"):
            return None
        return component.name

    def distinct(self, kind: type[Component], key: str) -> None:
        """Report each entry of a list that has the name of an earlier one.

        Case is ignored: models have folders, and not every disk tells PMF from pmf.
        """
        seen: dict[str, int] = {}
        for position, name in enumerate(self.names(kind, key)):
            if name is None:
                continue
            first = seen.setdefault(name.casefold(), position)
            if first != position:
                message = f"{shown(name)} is also {key}[{first}]; give one of them a `name`"
                self.problem((key, position), message)

    # Components

    def component(self, kind: type[T], node: Node) -> T | None:
        """Return the component that an entry names; None, without a report, if there is none."""
        use = node.step("use") or node
        try:
            if isinstance(use.value, str):
                return cast(T, self.registry.find(KIND_NAMES[kind], use.value).component)
        except PluginError:
            pass
        return None

    def use(self, kind: type[T], path: At, *, named: bool = False) -> Use[T] | None:
        """Return the component named at `path`; only an entry of a list is `named`."""
        node = self.at(path)
        table = node.value if isinstance(node.value, dict) else {"use": node}
        entry = self._entry(kind, path, table)
        if entry is None:
            return None
        component = cast(T, entry.component)
        name = self._label(path, table.get("name"), component.name, named=named)
        params = self.structure(
            component.params, path, component.name, table=table, others=component.reserved
        )
        if params is None or name is None:
            return None
        return Use(name, entry.full_name, component, params, entry.plugin.title, node.place)

    def uses(self, kind: type[T], key: str) -> list[Use[T]]:
        """Return the components that a list names, without those that have a problem."""
        uses = [self.use(kind, (key, at), named=True) for at in range(len(self.entries(key)))]
        self.distinct(kind, key)
        return [use for use in uses if use is not None]

    def _entry(self, kind: type[T], path: At, table: Mapping[str, Node]) -> Entry | None:
        kind_name = KIND_NAMES[kind]
        if "use" not in table:
            self._report_no_use(kind, path, table)
            return None
        where, what = path, f"the name of {with_article(kind_name)}, or a table with it under `use`"
        if isinstance(self.at(path).value, dict):
            where, what = (*path, "use"), f"the name of {with_article(kind_name)}"
        name = table["use"].plain()
        if not isinstance(name, str) or not is_one_line(name):
            self.problem(where, f"must be {what}; is {shown(name)}")
            return None
        try:
            return self.registry.find(kind_name, name)
        except PluginError as error:
            self.problem(where, str(error))
            return None

    def _report_no_use(self, kind: type[T], path: At, table: Mapping[str, Node]) -> None:
        kind_name = KIND_NAMES[kind]
        odd = self._misspelt(kind, table, "use")
        if odd:
            message = f"unknown key of {with_article(kind_name)}; did you mean use?"
            self.problem((*path, odd), message, on_key=True)
        else:
            command = f"cfplug list {plural(kind_name)}"
            self.problem(path, f"{with_article(kind_name)} needs use: its name ({command})")

    def _misspelt(self, kind: type[Component], table: object, meant: str) -> str | None:
        """Return a key that was probably meant to be `meant`: one that no component has."""
        known = set(kind.reserved)
        for entry in self.registry.entries(KIND_NAMES[kind]):
            known.update(attrs.fields_dict(entry.component.params))
        for key in table if isinstance(table, dict) else ():
            if key not in known and nearest(key, [meant]):
                return str(key)
        return None

    def _label(self, path: At, node: Node | None, default: str, *, named: bool) -> str | None:
        """Return the `name` of an entry in a list, which tables and folders use."""
        where = (*path, "name")
        if node is None:
            return default
        if not named:
            self.problem(where, "only an entry of a list has a name; leave it out", on_key=True)
            return None
        if not can_name_a_folder(node.value):
            self.problem(where, f"must be text that can name a folder; is {shown(node.plain())}")
            return None
        return str(node.value)

    # Parameters

    def structure(
        self,
        cls: type,
        path: At,
        owner: str,
        *,
        table: Mapping[str, Node] | None = None,
        others: Iterable[str] = (),
    ) -> Any:
        """Return a `cls` made of the table at `path`, without the keys `others`; None on problems.

        Args:
            cls: a frozen attrs class of `param()` fields.
            path: where the table is.
            owner: the name that messages use.
            table: what to read in place of the whole table at `path`.
            others: keys of the table that are not parameters.
        """
        node = self.at(path)
        if table is None and not isinstance(node.value, dict):
            self.problem(path, f"must be a table of keys; is {shown(node.plain())}")
            return None
        given = node.value if table is None else table
        nodes = {key: item for key, item in given.items() if key not in others}
        outcome = structure(
            cls,
            {key: item.plain() for key, item in nodes.items()},
            owner=owner,
            base=lambda key: self._folder(nodes[key].place),
            other_keys=others,
        )
        for fault in outcome.faults:
            self.problem((*path, *fault.path), fault.message, on_key=fault.on_key)
        return outcome.value

    def _folder(self, place: Place) -> Path:
        """Return the folder from which a relative path at `place` starts."""
        return Path(self.source).parent.absolute() if place.source == self.source else Path.cwd()


def can_name_a_folder(name: object) -> bool:
    """Return whether `name` is text that a folder may be called on every common system."""
    if not isinstance(name, str) or not is_one_line(name):
        return False
    if set(name) & set('/\\:*?"<>|') or not 0 < len(name.encode()) <= 80:
        return False
    ends = name[0] + name[-1]
    return ends.strip(". ") == ends
