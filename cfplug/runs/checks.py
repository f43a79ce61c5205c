"""Find, before any training, what would make a run fail on this data and split."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from cfplug.data.dataset import Dataset, Split
from cfplug.errors import Place, PluginError, Problem, RecipeError
from cfplug.evaluation.folds import unmeasured
from cfplug.recipe.recipe import Recipe
from cfplug.runs.storage import model_folder


def check_levels(recipe: Recipe, dataset: Dataset) -> None:
    """Raise RecipeError if a loss needs rating levels and the data has none."""
    if dataset.scale.levels:
        return
    scale = dataset.scale
    problems = []
    for loss in dict.fromkeys(model.loss for model in recipe.models):
        if loss is not None and loss.component.needs_levels:
            why = (
                f"{loss.name} needs ratings in levels, such as 1 to 5; those of {dataset.name} "
                f"take too many different values from {scale.low:g} to {scale.high:g} "
                "(a loss such as mse needs none)"
            )
            problems.append(Problem(loss.place, "loss", why))
    if problems:
        raise RecipeError(problems)


def check_folders(recipe: Recipe, folds: Iterable[str], seed: int) -> None:
    """Raise PluginError if two models would share a folder on a disk that ignores case."""
    seen: dict[str, str] = {}
    for fold, use in itertools.product(folds, recipe.models):
        place = model_folder(recipe, use.name, seed, fold)
        title = f"{use.name} on fold {fold}"
        other = seen.get(place.casefold())
        if other is not None:
            raise PluginError(f"split gave folds of which {other} and {title} would share {place}")
        seen[place.casefold()] = title


def check_claims(recipe: Recipe, folds: Mapping[str, Split]) -> None:
    """Raise RecipeError if a claim is about a part or fold that will not be measured."""
    problems = []
    for position, claim in enumerate(recipe.claims):
        for key, why in unmeasured(claim, folds):
            problems.append(Problem(Place(recipe.source), f"claims[{position}].{key}", why))
    if problems:
        raise RecipeError(problems)
