"""Holding the checks against the broken plugins of tests/zoo/mutants, and seeing which of them fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cfplug.plugin.registry import load
from cfplug.testing import Item, items, outcome

MUTANTS = Path(__file__).parents[1] / "zoo" / "mutants"

OURS = "coldstart,factors,losses,metrics,networks,splits,tables"
"""The plugins that the checks themselves use."""


def items_of(
    plugin: str,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    oracles: Mapping[str, Callable[..., Any]] | None = None,
) -> list[Item]:
    """Every check of one plugin of the zoo, with no other of it loaded."""
    registry = load([MUTANTS], {"CFPLUG_PLUGINS": f"{plugin},{OURS}"})
    return items(plugin, registry=registry, params=params, oracles=oracles)


def caught(found: list[Item]) -> dict[str, set[str]]:
    """The names of the checks that fail, for every component; none for one that is sound."""
    failing: dict[str, set[str]] = {item.id.rpartition("/")[0]: set() for item in found}
    for item in found:
        if not outcome(item).good:
            owner, _, check = item.id.rpartition("/")
            failing[owner].add(check)
    return failing


def told(found: list[Item], name: str) -> str:
    """What the check with the id `name` says."""
    (item,) = [item for item in found if item.id == name]
    return outcome(item).message
