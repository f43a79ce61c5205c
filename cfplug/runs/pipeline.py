"""Call the components of a recipe, step by step in a fixed order."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
from attrs import field, frozen

from cfplug.data.catalogue import Catalogue
from cfplug.data.dataset import Dataset, Split
from cfplug.errors import ArtifactError, PluginError
from cfplug.evaluation.folds import in_fold, named
from cfplug.files import json_text, read_json
from cfplug.plugin.components import Context, Source
from cfplug.plugin.hookspecs import StepFinished
from cfplug.recipe.recipe import Recipe, Use
from cfplug.runs import storage
from cfplug.runs.checks import check_claims, check_folders, check_levels
from cfplug.runs.fold import Fold
from cfplug.runs.run import Run
from cfplug.runs.steps import Steps
from cfplug.runs.writer import Prepared, Results, write
from cfplug.training.fit import Task


def read_source(use: Use[Source], context: Context) -> Dataset:
    """Return the dataset that a source reads; PluginError if it gives something else."""
    given = use.component.function("read")(use.params, context)
    if not isinstance(given, Dataset):
        raise PluginError(f"read gave {type(given).__name__}, not a Dataset")
    return given


@frozen(eq=False)
class Pipeline:
    """One run in progress: its recipe, where it writes, and whether it goes on with an earlier one.

    `given` is the data of a run that does not read it from a source.
    """

    recipe: Recipe
    steps: Steps
    given: Dataset | None = None
    resumed: bool = False
    started: float = field(factory=time.time)
    results: Results = field(factory=Results, init=False)

    def carry_out(self) -> Run:
        """Do all steps; after an error, keep the folder of a resumed run, or a finished part."""
        folder = self.steps.folder
        try:
            with tempfile.TemporaryDirectory(prefix="cfplug-") as scratch:
                steps = attrs.evolve(self.steps, scratch=Path(scratch))
                return attrs.evolve(self, steps=steps)._all_steps()
        except KeyboardInterrupt as stop:
            self.steps.reporter.say(f"stopped; go on with: cfplug resume {folder.partial}")
            self.steps.run_failed(stop, kept=True)
            raise
        except Exception as error:
            kept = self.resumed or storage.has_checkpoints(folder)
            self.steps.run_failed(error, kept=kept)
            if kept:
                advice = f"go on with: cfplug resume {folder.partial}"
                error.add_note(f"what was finished is kept; {advice}")
            else:
                folder.discard()
            raise

    def name_folder(self) -> Run:
        """Give a folder that has every file its final name, and open it."""
        path = self.steps.folder.finish(storage.CHECKPOINTS)
        run = storage.opened(storage.OpenedFolder.at(path), self.steps.registry)
        self.steps.run_started(self.recipe, resumed=self.resumed)
        return self.steps.run_finished(run)

    def first_tasks(self) -> Iterator[Task]:
        """Return what each gradient model learns from, on the first seed and fold."""
        data = self._read()
        seed = self.recipe.seeds[0]
        name, split = next(iter(self._splits(data.dataset, seed).items()))
        fold = self._fold(data, seed, name, split)
        for use in self.recipe.models:
            if use.train is not None:
                context = self.steps.context(f"train {use.use.name}", seed)
                yield fold.task(use, fold.features(use), context)

    def _all_steps(self) -> Run:
        self.steps.run_started(self.recipe, resumed=self.resumed)
        data = self._read()
        for seed in self.recipe.seeds:
            self._one_seed(data, seed)
        started = time.perf_counter()
        self.steps.reporter.progress(None, "writing")
        run = write(self.recipe, self.steps, data, self.results, self.started)
        seconds = time.perf_counter() - started
        event = StepFinished("write", "", self.recipe.seeds[0], seconds, run=run.path)
        self.steps.notify("cfplug_step_finished", event)
        return self.steps.run_finished(run)

    def _one_seed(self, data: Prepared, seed: int) -> None:
        splits = self._splits(data.dataset, seed)
        check_claims(self.recipe, splits)
        # Every fold is checked before any model is trained, so that a fault costs no training.
        folds = [self._fold(data, seed, name, split) for name, split in splits.items()]
        for fold in folds:
            fold.carry_out()

    def _read(self) -> Prepared:
        dataset = self.given
        if dataset is None:
            with self.steps.step("read", self.recipe.data, self.recipe.seeds[0]) as context:
                dataset = read_source(self.recipe.data, context)
        self.steps.reporter.say(str(dataset))
        for message in dataset.notes:
            self.steps.reporter.say(f"  {message}")
        check_levels(self.recipe, dataset)
        prepared = Prepared(dataset, Catalogue.of(dataset), dataset.hash())
        self._remember_data(prepared.hash)
        return prepared

    def _remember_data(self, found: str) -> None:
        """Note the data's hash before any training; a resumed run must find the same data."""
        path = self.steps.folder.partial / "data.json"
        if not path.exists():
            self.steps.folder.write(path.name, json_text({"sha256": found}))
            return
        before = read_json(path)["sha256"]
        if before != found:
            raise ArtifactError(
                "the data is not what it was when the run began: "
                f"its SHA-256 is {found[:12]}..., it was {before[:12]}..."
            )

    def _splits(self, dataset: Dataset, seed: int) -> dict[str, Split]:
        """Return the splits by the name of the fold; a split without folds has the empty name."""
        use = self.recipe.split
        with self.steps.step("split", use, seed) as context:
            splits = named(use.component.function("split")(dataset, use.params, context))
            check_folders(self.recipe, splits, seed)
            for name, split in splits.items():
                with in_fold(name):
                    split.check(len(dataset.ratings))
        return splits

    def _fold(self, data: Prepared, seed: int, name: str, split: Split) -> Fold:
        parts = {}
        for part, rows in split.parts().items():
            parts[part] = data.catalogue.interactions(data.dataset.ratings, rows)
        fold = Fold(self.recipe, self.steps, data, self.results, seed, name, split, parts)
        with in_fold(name):
            fold.check_unknown_ids()
        return fold
