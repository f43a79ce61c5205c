"""Collaborative filtering with tabular metadata, built of plugins and run from recipes.

These names are what a notebook or a small plugin needs. Helpers for larger plugins are in
`cfplug.data`, `cfplug.errors`, `cfplug.plugin.hookspecs`, `cfplug.report`, `cfplug.stats` and
`cfplug.testing`. Importing cfplug loads no torch, fastai or pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cfplug.data.dataset import Column, Dataset, Scale, Split
from cfplug.errors import CfplugError, DataError, PluginError, RecipeError, did_you_mean
from cfplug.params import param
from cfplug.plugin.components import (
    Analyzer,
    ColdStart,
    Context,
    Loss,
    Metric,
    Model,
    Source,
    SplitMethod,
)
from cfplug.plugin.hookspecs import hookimpl
from cfplug.report.elements import Chart, Section, Table

if TYPE_CHECKING:
    from cfplug.data.batch import Batch, Interactions
    from cfplug.data.features import Spec
    from cfplug.prediction.fitted_model import FittedModel
    from cfplug.prediction.newcomers import Newcomers
    from cfplug.prediction.predictions import Predictions
    from cfplug.recipe.parser import read_recipe
    from cfplug.recipe.recipe import Recipe
    from cfplug.runs.run import Run
    from cfplug.runs.runner import check, resume, run
    from cfplug.runs.storage import open_run

__version__ = "0.1.0"

_LATE = {
    "Batch": "cfplug.data.batch",
    "FittedModel": "cfplug.prediction.fitted_model",
    "Interactions": "cfplug.data.batch",
    "Newcomers": "cfplug.prediction.newcomers",
    "Predictions": "cfplug.prediction.predictions",
    "Recipe": "cfplug.recipe.recipe",
    "Run": "cfplug.runs.run",
    "Spec": "cfplug.data.features",
    "check": "cfplug.runs.runner",
    "open_run": "cfplug.runs.storage",
    "read_recipe": "cfplug.recipe.parser",
    "resume": "cfplug.runs.runner",
    "run": "cfplug.runs.runner",
}
"""Names whose modules load more than a manifest may; they are imported when first asked for."""


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(
        f"module {__name__!r} has no attribute {name!r}{did_you_mean(name, __all__)}"
    )


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "Analyzer",
    "Batch",
    "CfplugError",
    "Chart",
    "ColdStart",
    "Column",
    "Context",
    "DataError",
    "Dataset",
    "FittedModel",
    "Interactions",
    "Loss",
    "Metric",
    "Model",
    "Newcomers",
    "PluginError",
    "Predictions",
    "Recipe",
    "RecipeError",
    "Run",
    "Scale",
    "Section",
    "Source",
    "Spec",
    "Split",
    "SplitMethod",
    "Table",
    "__version__",
    "check",
    "hookimpl",
    "open_run",
    "param",
    "read_recipe",
    "resume",
    "run",
]
