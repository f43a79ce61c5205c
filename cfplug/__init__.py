"""cfplug: collaborative filtering with tabular metadata, built of plugins and run from recipes.

These names are all that a plugin or a notebook needs. Importing them loads no torch, fastai or pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cfplug.components import (
    KINDS,
    Analyzer,
    ColdStart,
    Context,
    Loss,
    Metric,
    Model,
    Source,
    Splitter,
)
from cfplug.dataset import REPEATS, ROLES, Column, Dataset, Repeats, Scale, Split, infer_role, merge_repeats
from cfplug.errors import (
    ArtifactError,
    CapabilityError,
    CfplugError,
    DataError,
    DownloadError,
    Place,
    PluginError,
    Problem,
    RecipeError,
    TrainingError,
    UnknownIdError,
    did_you_mean,
)
from cfplug.hookspecs import EpochFinished, RunFailed, RunFinished, RunStarted, StepFinished, hookimpl
from cfplug.params import NoParams, param
from cfplug.sections import Chart, Interval, Section, Table, rounded

if TYPE_CHECKING:
    from cfplug.adaptation import ByVectors
    from cfplug.answers import Predictions
    from cfplug.encoding import Batch, Interactions
    from cfplug.evidence import Evidence
    from cfplug.explanation import Explanation
    from cfplug.features import Feature, Spec
    from cfplug.grouping import Groups, groups_by_count, groups_of
    from cfplug.intervals import jackknife
    from cfplug.newcomers import Newcomers
    from cfplug.plan import Recipe
    from cfplug.prediction import FittedModel
    from cfplug.recipe import read_recipe
    from cfplug.results import Run
    from cfplug.runner import resume, run
    from cfplug.selection import described
    from cfplug.storage import open_run

__version__ = "0.1.0"

_LATE = {
    "Batch": "cfplug.encoding",
    "Evidence": "cfplug.evidence",
    "Explanation": "cfplug.explanation",
    "Groups": "cfplug.grouping",
    "groups_by_count": "cfplug.grouping",
    "groups_of": "cfplug.grouping",
    "Interactions": "cfplug.encoding",
    "jackknife": "cfplug.intervals",
    "Newcomers": "cfplug.newcomers",
    "ByVectors": "cfplug.adaptation",
    "described": "cfplug.selection",
    "Spec": "cfplug.features",
    "Feature": "cfplug.features",
    "FittedModel": "cfplug.prediction",
    "Predictions": "cfplug.answers",
    "Recipe": "cfplug.plan",
    "read_recipe": "cfplug.recipe",
    "Run": "cfplug.results",
    "open_run": "cfplug.storage",
    "resume": "cfplug.runner",
    "run": "cfplug.runner",
}
"""Names whose modules load more than a manifest may: they are imported when they are first asked for."""


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{did_you_mean(name, __all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "KINDS",
    "REPEATS",
    "ROLES",
    "Analyzer",
    "ArtifactError",
    "Batch",
    "ByVectors",
    "CapabilityError",
    "CfplugError",
    "Chart",
    "ColdStart",
    "Column",
    "Context",
    "DataError",
    "Dataset",
    "DownloadError",
    "EpochFinished",
    "Evidence",
    "Explanation",
    "Feature",
    "FittedModel",
    "Groups",
    "Interactions",
    "Interval",
    "Loss",
    "Metric",
    "Model",
    "Newcomers",
    "NoParams",
    "Place",
    "PluginError",
    "Predictions",
    "Problem",
    "Recipe",
    "RecipeError",
    "Repeats",
    "Run",
    "RunFailed",
    "RunFinished",
    "RunStarted",
    "Scale",
    "Section",
    "Source",
    "Spec",
    "Split",
    "Splitter",
    "StepFinished",
    "Table",
    "TrainingError",
    "UnknownIdError",
    "__version__",
    "described",
    "did_you_mean",
    "groups_by_count",
    "groups_of",
    "hookimpl",
    "infer_role",
    "jackknife",
    "merge_repeats",
    "open_run",
    "param",
    "read_recipe",
    "resume",
    "rounded",
    "run",
]
