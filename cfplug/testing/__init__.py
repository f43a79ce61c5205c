"""Strategies for hypothesis and the checks that every plugin must pass, for authors of plugins.

    from cfplug.testing import plugin_checks

    test_contract = plugin_checks("my-plugin")

is a whole test file: pytest shows one item for each check and component. `cfplug check-plugin
my-plugin` does the same on the command line. It needs hypothesis (`python -m pip install
"cfplug[author]"`) and loads neither torch nor pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cfplug.errors import did_you_mean
from cfplug.testing.check import Check, CheckError, Item, Outcome, Subject, items, outcome
from cfplug.testing.pytest_checks import plugin_checks
from cfplug.testing.strategies.datasets import (
    datasets,
    datasets_with_splits,
    rating_tables,
    splits,
)
from cfplug.testing.strategies.ids import ids, unknown_ids
from cfplug.testing.strategies.invalid import invalid_values
from cfplug.testing.strategies.parameters import parameters_for, valid_values
from cfplug.testing.strategies.synthetic import planted
from cfplug.testing.strategies.transforms import renamed, reordered, with_ratings

if TYPE_CHECKING:
    from cfplug.testing.try_component import context, fitted, interactions

_LAZY = ("context", "fitted", "interactions")
"""Names whose module loads torch: it is imported on first use."""


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module("cfplug.testing.try_component"), name)
    guess = did_you_mean(name, __all__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{guess}")


__all__ = [
    "Check",
    "CheckError",
    "Item",
    "Outcome",
    "Subject",
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
    "renamed",
    "reordered",
    "splits",
    "unknown_ids",
    "valid_values",
    "with_ratings",
]
