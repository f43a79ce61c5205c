"""What stands where in the text of a recipe: its entries, the components that they name, and every fault in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

from cfplug.errors import Place, PluginError, Problem, is_one_line, nearest, plural, shown
from cfplug.params import structure
from cfplug.plugin.components import KINDS
from cfplug.plugin.registry import Entry, Registry
from cfplug.recipe.recipe import KEYS, Use
from cfplug.recipe.yaml import REFUSED, Node, from_python, path_text

DEFAULTS: Mapping[str, Any] = {
    "split": "splits/random",
    "loss": "losses/mse",
    "metrics": ["metrics/mse", "metrics/rmse"],
    "unknown": "coldstart/item-mean",
    "cold_starts": [],
    "analyzers": [],
    "claims": [],
}
"""What stands for a component that the recipe does not name; full names, which no other plugin can take."""


@frozen
class Reading:
    """One pass over a document: gives what stands at a place and collects every problem."""

    root: Node
    source: str
    registry: Registry
    problems: list[Problem]

    def at(self, path: tuple[str | int, ...]) -> Node:
        """The value at `path`, a default where the recipe says nothing, an empty table where there is none."""
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
        value = self.at((key,)).value
        return value if isinstance(value, tuple) else ()

    def entries(self, key: str) -> tuple[Node, ...]:
        node = self.at((key,))
        if not isinstance(node.value, tuple):
            such = (
                f", such as [{node.value}]"
                if isinstance(node.value, str) and is_one_line(node.value)
                else ""
            )
            self.problem((key,), f"must be a list{such}; is {shown(node.plain())}")
        elif key in ("models", "metrics") and not node.value:
            self.problem((key,), "must have at least one entry")
        return self.nodes(key)

    def entry(self, kind: str, node: Node) -> Entry | None:
        """The component that an entry names, if there is one; `_use` tells where there is none."""
        use = node.step("use") or node
        try:
            return self.registry.find(kind, use.value) if isinstance(use.value, str) else None
        except PluginError:
            return None

    def names(self, kind: str, key: str) -> list[str | None]:
        """What each entry of a list is called; None where that cannot be told."""
        return [] if self.is_misspelt(key) else [self._name(kind, node) for node in self.nodes(key)]

    def _name(self, kind: str, node: Node) -> str | None:
        name, entry = node.step("name"), self.entry(kind, node)
        if name is not None:
            return name.value if can_name_a_folder(name.value) else None
        return (
            entry.component.name if entry and not self._misspelt(kind, node.value, "name") else None
        )

    def is_misspelt(self, key: str) -> bool:
        return key in {nearest(other, KEYS) for other in self.root.value if other not in KEYS}

    def lacks(self, key: str, what: str) -> bool:
        """Whether the recipe has no `key`; told, unless a misspelt key that is told already was meant."""
        lacks = key not in self.root.value
        if lacks and not self.is_misspelt(key):
            self.problem((), f"a recipe needs {key}: {what}")
        return lacks

    def distinct(self, kind: str, key: str) -> None:
        seen: dict[str, int] = {}
        for position, name in enumerate(self.names(kind, key)):
            if name is None:
                continue
            if (
                name.casefold() in seen
            ):  # not every disk tells PMF from pmf, and models have folders
                first = seen[name.casefold()]
                self.problem(
                    (key, position),
                    f"{shown(name)} is also {key}[{first}]; give one of them a `name`",
                )
            seen.setdefault(name.casefold(), position)

    def use(self, kind: str, path: tuple[str | int, ...], *, named: bool = False) -> Use | None:
        """The component that the recipe names at `path`; only the entries of a list have a `name`."""
        node = self.at(path)
        table = node.value if isinstance(node.value, dict) else {"use": node}
        entry = self._named_entry(kind, path, table)
        if entry is None:
            return None
        title = self._label(path, table.get("name"), entry.component.name, named=named)
        component = entry.component
        made = self.structure(
            component.params, path, component.name, table=table, beside=component.reserved
        )
        if made is None or title is None:
            return None
        return Use(title, entry.full_name, entry.component, made, entry.plugin.title, node.place)

    def uses(self, kind: str, key: str) -> list[Use]:
        uses = [
            self.use(kind, (key, position), named=True)
            for position in range(len(self.entries(key)))
        ]
        self.distinct(kind, key)
        return [use for use in uses if use is not None]

    def _named_entry(
        self, kind: str, path: tuple[str | int, ...], table: Mapping[str, Node]
    ) -> Entry | None:
        if "use" not in table:
            self._no_use(kind, path, table)
            return None
        in_table = isinstance(self.at(path).value, dict)
        where, also = (
            ((*path, "use"), "") if in_table else (path, ", or a table with it under `use`")
        )
        name = table["use"].plain()
        if not isinstance(name, str) or not is_one_line(name):
            self.problem(where, f"must be the name of {a_kind(kind)}{also}; is {shown(name)}")
            return None
        try:
            return self.registry.find(kind, name)
        except PluginError as error:
            self.problem(where, str(error))
            return None

    def _no_use(self, kind: str, path: tuple[str | int, ...], table: Mapping[str, Node]) -> None:
        odd = self._misspelt(kind, table, "use")
        if odd:
            self.problem(
                (*path, odd), f"unknown key of {a_kind(kind)}; did you mean use?", on_key=True
            )
        else:
            self.problem(path, f"{a_kind(kind)} needs use: its name (cfplug list {plural(kind)})")

    def _misspelt(self, kind: str, table: object, meant: str) -> str | None:
        """The key of an entry that may be a misspelt `meant`: one that no component of the kind has."""
        entries = self.registry.entries(kind)
        known = {field.name for entry in entries for field in attrs.fields(entry.component.params)}
        known.update(KINDS[kind].reserved)
        keys = table if isinstance(table, dict) else ()
        return next((key for key in keys if key not in known and nearest(key, [meant])), None)

    def _label(
        self, path: tuple[str | int, ...], node: Node | None, default: str, *, named: bool
    ) -> str | None:
        """The `name` of an entry in a list: what tables and folders call it."""
        if node is None:
            return default
        if not named:
            self.problem(
                (*path, "name"), "only an entry of a list has a name; leave it out", on_key=True
            )
            return None
        if not can_name_a_folder(node.value):
            self.problem(
                (*path, "name"), f"must be text that can name a folder; is {shown(node.plain())}"
            )
            return None
        return str(node.value)

    def structure(
        self,
        cls: type,
        path: tuple[str | int, ...],
        owner: str,
        *,
        table: Mapping[str, Node] | None = None,
        beside: Iterable[str] = (),
    ) -> Any:
        """A `cls` of the table at `path`, in which the keys `beside` belong to others."""
        node = self.at(path)
        if table is None and not isinstance(node.value, dict):
            self.problem(path, f"must be a table of keys; is {shown(node.plain())}")
            return None
        values = {
            key: item
            for key, item in (node.value if table is None else table).items()
            if key not in beside
        }
        outcome = structure(
            cls,
            {key: item.plain() for key, item in values.items()},
            owner=owner,
            base=lambda key: self._folder(values[key].place),
            beside=beside,
        )
        for fault in outcome.faults:
            self.problem((*path, *fault.path), fault.message, on_key=fault.on_key)
        return outcome.value

    def _folder(self, place: Place) -> Path:
        return Path(self.source).parent.absolute() if place.source == self.source else Path.cwd()

    def problem(self, path: tuple[str | int, ...], message: str, *, on_key: bool = False) -> None:
        if on_key or self.root.nearest(path).value is not REFUSED:
            self.problems.append(
                Problem(self.root.place_of(path, on_key=on_key), path_text(path), message)
            )


def a_kind(kind: str) -> str:
    """`an analyzer`, `a model`."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def can_name_a_folder(name: object) -> bool:
    """Whether `name` is text that a folder may be called on every common system."""
    if not isinstance(name, str):
        return False
    ends = name[:1] + name[-1:]
    sound = is_one_line(name) and not set(name) & set('/\\:*?"<>|')
    return sound and ends.strip(". ") == ends and 0 < len(name.encode()) <= 80
