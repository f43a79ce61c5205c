"""cfplug: collaborative filtering with tabular metadata, built of plugins and run from recipes.

These names are all that a plugin or a notebook needs. Importing them loads no torch, fastai or
pandas."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cfplug.data.dataset import (
    REPEATS,
    ROLES,
    Column,
    Dataset,
    Repeats,
    Scale,
    Split,
    infer_role,
    merge_repeats,
)
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
from cfplug.params import NoParams, param
from cfplug.plugin.components import (
    KINDS,
    Analyzer,
    ColdStart,
    Context,
    Loss,
    Metric,
    Model,
    Source,
    SplitMethod,
)
from cfplug.plugin.hookspecs import (
    EpochFinished,
    RunFailed,
    RunFinished,
    RunStarted,
    StepFinished,
    hookimpl,
)
from cfplug.report.elements import Chart, Interval, Section, Table, rounded

if TYPE_CHECKING:
    from cfplug.data.batch import Batch, Interactions
    from cfplug.data.features import Feature, Spec
    from cfplug.data.groups import Groups, groups_by_count, groups_of
    from cfplug.evaluation.resampling import jackknife
    from cfplug.prediction.evidence import Evidence
    from cfplug.prediction.explanation import Explanation
    from cfplug.prediction.fitted_model import FittedModel
    from cfplug.prediction.newcomers import Newcomers
    from cfplug.prediction.predictions import Predictions
    from cfplug.prediction.vectors import ByVectors
    from cfplug.recipe.parser import read_recipe
    from cfplug.recipe.recipe import Recipe
    from cfplug.runs.run import Run
    from cfplug.runs.runner import check, resume, run
    from cfplug.runs.storage import open_run
    from cfplug.training.features import described

__version__ = "0.1.0"

_LATE = {
    "Batch": "cfplug.data.batch",
    "Evidence": "cfplug.prediction.evidence",
    "Explanation": "cfplug.prediction.explanation",
    "Groups": "cfplug.data.groups",
    "groups_by_count": "cfplug.data.groups",
    "groups_of": "cfplug.data.groups",
    "Interactions": "cfplug.data.batch",
    "jackknife": "cfplug.evaluation.resampling",
    "Newcomers": "cfplug.prediction.newcomers",
    "ByVectors": "cfplug.prediction.vectors",
    "described": "cfplug.training.features",
    "Spec": "cfplug.data.features",
    "Feature": "cfplug.data.features",
    "FittedModel": "cfplug.prediction.fitted_model",
    "Predictions": "cfplug.prediction.predictions",
    "Recipe": "cfplug.recipe.recipe",
    "read_recipe": "cfplug.recipe.parser",
    "Run": "cfplug.runs.run",
    "open_run": "cfplug.runs.storage",
    "check": "cfplug.runs.runner",
    "resume": "cfplug.runs.runner",
    "run": "cfplug.runs.runner",
}
"""Names whose modules load more than a manifest may: they are imported when they are first asked for."""


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(
        f"module {__name__!r} has no attribute {name!r}{did_you_mean(name, __all__)}"
    )


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
    "SplitMethod",
    "StepFinished",
    "Table",
    "TrainingError",
    "UnknownIdError",
    "__version__",
    "check",
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
