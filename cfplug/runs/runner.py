"""Run, resume and check recipes: what a notebook and the command line call."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
import pandas as pd

from cfplug.data.dataset import Dataset
from cfplug.plugin.components import Context, Source
from cfplug.plugin.registry import Registry, load
from cfplug.progress import Lines, Reporter
from cfplug.random import seed_for
from cfplug.recipe.parser import read_recipe
from cfplug.recipe.recipe import DEFAULT_SEED, MEMORY, Recipe, Use
from cfplug.runs import storage
from cfplug.runs.checks import check_levels
from cfplug.runs.folder import RunFolder
from cfplug.runs.memory import check_given, check_resumed, dataset_of
from cfplug.runs.pipeline import Pipeline, read_source
from cfplug.runs.run import Run
from cfplug.runs.steps import Steps
from cfplug.training.fit import Task
from cfplug.training.learner import resolve_device

AnyRecipe = str | Path | Mapping[str, object] | Recipe
"""A file, the name of a built-in recipe, its keys and values, or a recipe that is read already."""


def run(
    recipe: AnyRecipe,
    *,
    data: Dataset | pd.DataFrame | None = None,
    users: pd.DataFrame | None = None,
    items: pd.DataFrame | None = None,
    set: Sequence[str] = (),
    overrides: Mapping[str, object] = {},
    out: str | Path = "runs",
    plugins_dir: Iterable[str | Path] = (),
    reporter: Reporter | None = None,
) -> Run:
    """Carry out a recipe, and leave a run folder under `out`.

    Args:
        recipe: a file, the name of a built-in recipe, a mapping, or a Recipe.
        data: in place of the recipe's source, a Dataset, or ratings with the columns user, item,
            rating and any context. The folder keeps their SHA-256, not the ratings' tables.
        users: with a table of ratings, the users: the column user, and metadata.
        items: with a table of ratings, the items: the column item, and metadata.
        set: overrides as the command line has them, `key.path=value`.
        overrides: values by dotted key, such as `{"train.epochs": 10}`.
        out: the folder in which the run folder is made.
        plugins_dir: folders of single-file plugins.
        reporter: says what happens; by default in plain lines on standard error.

    Raises:
        RecipeError: the recipe cannot be run; raised before anything is written.
        DataError: the data breaks a rule.
    """
    registry = load(map(Path, plugins_dir))
    given = dataset_of(data, users, items)
    checked = _checked(recipe, given, set, overrides, registry)
    check_given(checked, given)
    device = resolve_device(checked.device)
    files = {"recipe.yaml": checked.text, "resolved.yaml": checked.resolved()}
    folder = RunFolder.create(Path(out), Path(checked.source).stem, files)
    steps = Steps(registry, folder, device, reporter or Lines())
    return Pipeline(checked, steps, given).carry_out()


def check(
    recipe: AnyRecipe,
    *,
    data: Dataset | pd.DataFrame | None = None,
    users: pd.DataFrame | None = None,
    items: pd.DataFrame | None = None,
    set: Sequence[str] = (),
    overrides: Mapping[str, object] = {},
    plugins_dir: Iterable[str | Path] = (),
) -> Recipe:
    """Find every problem of a recipe without running it, and return it checked.

    The arguments are those of `run`.

    Raises:
        RecipeError: the recipe cannot be run; it has all problems.
        DataError: the data breaks a rule.
    """
    given = dataset_of(data, users, items)
    checked = _checked(recipe, given, set, overrides, load(map(Path, plugins_dir)))
    if given is not None:
        check_levels(checked, given)
    return checked


def resume(
    path: str | Path,
    *,
    data: Dataset | pd.DataFrame | None = None,
    users: pd.DataFrame | None = None,
    items: pd.DataFrame | None = None,
    plugins_dir: Iterable[str | Path] = (),
    reporter: Reporter | None = None,
) -> Run:
    """Go on with a run that was stopped, after its last finished epoch.

    The numbers are those of a run that was not stopped.

    Args:
        path: the unfinished folder, with or without its ending `.partial`.
        data: the same data again, for a run that was given its data.
        users: as in `run`.
        items: as in `run`.
        plugins_dir: folders of single-file plugins.
        reporter: says what happens; by default in plain lines on standard error.

    Raises:
        ArtifactError: there is nothing to resume, or the data is not what it was.
    """
    registry = load(map(Path, plugins_dir))
    folder = RunFolder.of_partial(Path(path))
    recipe = storage.read_recipe_of(folder.partial, registry)
    given = dataset_of(data, users, items)
    steps = Steps(registry, folder, resolve_device(recipe.device), reporter or Lines())
    pipeline = Pipeline(recipe, steps, given, resumed=True)
    if storage.lacks_only_its_name(folder):
        return pipeline.name_folder()
    check_resumed(recipe, given, folder.partial)
    return pipeline.carry_out()


def _checked(
    recipe: AnyRecipe,
    data: Dataset | None,
    set: Sequence[str],
    overrides: Mapping[str, object],
    registry: Registry,
) -> Recipe:
    """Return a recipe with its overrides; data from memory takes the place of its source."""
    if data is not None:
        overrides = {"data": MEMORY, **overrides}
    if not isinstance(recipe, Recipe):
        return read_recipe(recipe, set=set, overrides=overrides, registry=registry)
    if not set and not overrides:
        return recipe
    tree = recipe.tree()
    keys = [*overrides, *(argument.partition("=")[0] for argument in set)]
    if "seed" in keys:
        del tree["seeds"]  # a recipe has one of the two
    changed = read_recipe(tree, set=set, overrides=overrides, registry=registry)
    return attrs.evolve(changed, source=recipe.source, text=recipe.text)


def read_data(use: Use[Source], *, reporter: Reporter | None = None) -> Dataset:
    """Read the dataset of a source on its own, without a run."""
    reporter = reporter or Lines()
    with tempfile.TemporaryDirectory(prefix="cfplug-") as scratch:
        rng = np.random.default_rng(seed_for(DEFAULT_SEED, f"read {use.name}"))
        context = Context(DEFAULT_SEED, rng, "cpu", Path(scratch), reporter.progress, reporter.say)
        return read_source(use, context)


def tasks(
    recipe: Recipe, registry: Registry, scratch: Path, *, reporter: Reporter
) -> Iterator[Task]:
    """Return what each model that learns by gradient learns from, on the first seed and fold.

    Nothing is trained, and no observer hears of it.

    Args:
        recipe: the recipe.
        registry: the plugins that it was read with.
        scratch: an empty folder for what a run would write.
        reporter: says what happens.
    """
    check_given(recipe, None)
    unwatched = attrs.evolve(registry, plugins=())
    folder = RunFolder(scratch / "run")
    steps = Steps(unwatched, folder, resolve_device(recipe.device), reporter, scratch)
    return Pipeline(recipe, steps).first_tasks()
