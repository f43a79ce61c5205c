"""Take the data of a run from memory: a Dataset, or tables of pandas."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cfplug.data.dataset import Dataset
from cfplug.errors import ArtifactError, DataError, Problem, RecipeError
from cfplug.recipe.recipe import MEMORY, Recipe


def dataset_of(
    data: Dataset | pd.DataFrame | None,
    users: pd.DataFrame | None = None,
    items: pd.DataFrame | None = None,
) -> Dataset | None:
    """Return what a caller gave as data as a checked Dataset, None if nothing was given.

    Args:
        data: a Dataset, or ratings with the columns user, item, rating and any context.
        users: with ratings, a row for each user: the column user, and metadata.
        items: with ratings, a row for each item: the column item, and metadata.

    Raises:
        DataError: the tables break a rule, or `data` is something else.
    """
    if isinstance(data, pd.DataFrame):
        return Dataset.build("data", data, users, items)
    if users is not None or items is not None:
        raise DataError(
            "users and items: expected with a table of ratings, got them without one. "
            "Give the ratings as data; a Dataset has its own users and items."
        )
    if data is not None and not isinstance(data, Dataset):
        raise DataError(
            f"data: expected a Dataset or a DataFrame of ratings, got {type(data).__name__}. "
            "Build one with Dataset.build(name, ratings)."
        )
    return data


def is_from_memory(recipe: Recipe) -> bool:
    """Return whether the recipe's data is given by a caller, not read from a source."""
    return recipe.data.full_name == MEMORY


def check_given(recipe: Recipe, data: Dataset | None) -> None:
    """Raise RecipeError if a recipe that takes its data from memory has none."""
    if data is None and is_from_memory(recipe):
        why = "expected the data from Python, got none. Call run(recipe, data=ratings)."
        raise RecipeError([Problem(recipe.data.place, "data", why)])


def check_resumed(recipe: Recipe, data: Dataset | None, folder: Path) -> None:
    """Raise ArtifactError if resuming the run in `folder` lacks its data, or has needless data."""
    if data is None and is_from_memory(recipe):
        raise ArtifactError(
            f"{folder.name}: its data came from memory and is not in the folder. "
            f"Give it again: cfplug.resume({str(folder)!r}, data=...)."
        )
    if data is not None and not is_from_memory(recipe):
        raise ArtifactError(
            f"{folder.name}: its data comes from the source {recipe.data.full_name}. "
            "Leave out data."
        )
