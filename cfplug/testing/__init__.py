"""For authors of plugins: strategies for hypothesis, and the laws that components must keep.

    from cfplug.testing import plugin_checks

    test_contract = plugin_checks("my-plugin")

is a whole test file: pytest shows one item for each law and component. `cfplug check-plugin
my-plugin` does the same on the command line. It needs hypothesis (`python -m pip install
"cfplug[author]"`) and loads neither torch nor pandas."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cfplug.errors import did_you_mean
from cfplug.testing.check import BrokenLawError, Check, Item, Outcome, Subject, items, outcome
from cfplug.testing.pytest_checks import plugin_checks
from cfplug.testing.strategies.datasets import datasets, datasets_with_splits, splits
from cfplug.testing.strategies.ids import ids, unknown_ids
from cfplug.testing.strategies.parameters import invalid_values, parameters_for, valid_values
from cfplug.testing.strategies.recipes import recipe_texts, recipes
from cfplug.testing.strategies.rows import rating_tables
from cfplug.testing.strategies.spoiling import broken_recipes
from cfplug.testing.strategies.synthetic import planted
from cfplug.testing.strategies.transforms import renamed, reordered, with_ratings

if TYPE_CHECKING:
    from cfplug.testing.try_component import context, fitted, interactions

_TRYING = ("context", "fitted", "interactions")
"""Names whose module loads torch: they are imported when they are first asked for."""


def __getattr__(name: str) -> Any:
    if name in _TRYING:
        return getattr(importlib.import_module("cfplug.testing.try_component"), name)
    raise AttributeError(
        f"module {__name__!r} has no attribute {name!r}{did_you_mean(name, __all__)}"
    )


__all__ = [
    "BrokenLawError",
    "Check",
    "Item",
    "Outcome",
    "Subject",
    "broken_recipes",
    "context",
    "datasets",
    "datasets_with_splits",
    "fitted",
    "ids",
    "interactions",
    "invalid_values",
    "items",
    "outcome",
    "parameters_for",
    "planted",
    "plugin_checks",
    "rating_tables",
    "recipe_texts",
    "recipes",
    "renamed",
    "reordered",
    "splits",
    "unknown_ids",
    "valid_values",
    "with_ratings",
]
