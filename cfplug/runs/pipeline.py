"""Call the components of a recipe, step by step in a fixed order."""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.data.batch import Interactions
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.dataset import Dataset, Split
from cfplug.data.features import Features
from cfplug.errors import ArtifactError, PluginError
from cfplug.evaluation.cold_start import Trial, try_strategy
from cfplug.evaluation.folds import in_fold, measured, named
from cfplug.evaluation.scoring import measure, prediction_rows, with_lists
from cfplug.files import json_text, read_json
from cfplug.plugin.components import ColdStart, Context, Metric, Model, Source
from cfplug.plugin.hookspecs import EpochFinished, StepFinished
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.policy import Policy, policy, policy_of
from cfplug.prediction.predict import unknown_ids
from cfplug.prediction.predictions import Predictions
from cfplug.recipe.recipe import ModelUse, Recipe, Use
from cfplug.runs import storage
from cfplug.runs.analysis import analyze, empty_section, failure, missing_capability, with_evidence
from cfplug.runs.checks import check_claims, check_folders, check_levels
from cfplug.runs.run import METRICS, Run
from cfplug.runs.steps import Steps, noting
from cfplug.runs.writer import Prepared, Results, write
from cfplug.training.checkpoint import Checkpoint, Epoch, Watch
from cfplug.training.features import learn
from cfplug.training.fit import Fitted, Task, fit

T = TypeVar("T", Metric, ColdStart)


def read_source(use: Use[Source], context: Context) -> Dataset:
    """Return the dataset that a source reads; PluginError if it gives something else."""
    given = use.component.function("read")(use.params, context)
    if not isinstance(given, Dataset):
        raise PluginError(f"read gave {type(given).__name__}, not a Dataset")
    return given


@frozen(eq=False)
class Fold:
    """One split of one seed: what models learn from and are measured on.

    `name` is empty where the split has no named folds.
    """

    seed: int
    name: str
    split: Split
    parts: Mapping[str, Interactions]


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

    def carry_out(self, *, keep: bool) -> Run:
        """Do all steps; after an error, keep a folder that has a finished part, or if `keep`."""
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
            kept = keep or storage.has_checkpoints(folder)
            self.steps.run_failed(error, kept=kept)
            if kept:
                error.add_note(
                    f"what was finished is kept; go on with: cfplug resume {folder.partial}"
                )
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
        results = Results()
        seed = self.recipe.seeds[0]
        name, split = next(iter(self._splits(data.dataset, seed).items()))
        fold = self._fold(data, seed, name, split)
        for use in self.recipe.models:
            if use.train is not None:
                context = self.steps.context(f"train {use.use.name}", seed)
                features = self._features(use, data, fold, results)
                yield self._task(use, None, data, fold, context, features)

    def _all_steps(self) -> Run:
        self.steps.run_started(self.recipe, resumed=self.resumed)
        data = self._read()
        results = Results()
        for seed in self.recipe.seeds:
            self._one_seed(data, seed, results)
        started = time.perf_counter()
        self.steps.reporter.progress(None, "writing")
        run = write(self.recipe, self.steps, data, results, self.started)
        seconds = time.perf_counter() - started
        self.steps.finished(StepFinished("write", "", self.recipe.seeds[0], seconds))
        return self.steps.run_finished(run)

    # Data and splits

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
        ratings = data.dataset.ratings
        parts = {}
        for part, rows in split.parts().items():
            parts[part] = data.catalogue.interactions(ratings, rows)
        fold = Fold(seed, name, split, parts)
        with in_fold(name):
            self._check_unknown_ids(ratings, fold)
        return fold

    def _check_unknown_ids(self, ratings: pd.DataFrame, fold: Fold) -> None:
        """Say which parts ask for ids that training will not see; an error without a policy."""
        support = Support.of(fold.parts["train"])
        prefix = f"fold {fold.name}: " if fold.name else ""
        for part, rows in fold.split.parts().items():
            codes = fold.parts[part].batch
            known = support.trained("user", codes.user) & support.trained("item", codes.item)
            if known.all():
                continue
            if self.recipe.unknown is None:
                raise unknown_ids(support, ratings.iloc[rows], codes)
            self.steps.reporter.say(
                f"{prefix}{int((~known).sum()):,} of {len(rows):,} {part} ratings have a user or "
                f"item that training never saw; {self.recipe.unknown.name} answers for them"
            )

    # Models

    def _one_seed(self, data: Prepared, seed: int, results: Results) -> None:
        splits = self._splits(data.dataset, seed)
        check_claims(self.recipe, splits)
        # Every fold is checked before any model is trained, so that a fault costs no training.
        folds = [self._fold(data, seed, name, split) for name, split in splits.items()]
        for fold in folds:
            if fold.name:
                self.steps.reporter.say(f"fold {fold.name}")
            self._one_fold(data, fold, results)

    def _one_fold(self, data: Prepared, fold: Fold, results: Results) -> None:
        with in_fold(fold.name):  # the features of all models before any is trained
            features = [self._features(use, data, fold, results) for use in self.recipe.models]
        for use, its_features in zip(self.recipe.models, features, strict=True):
            self._one_model(use, its_features, data, fold, results)

    def _one_model(
        self,
        use: ModelUse,
        features: Features | None,
        data: Prepared,
        fold: Fold,
        results: Results,
    ) -> None:
        """Train a model, measure it, try it on new users and items, and analyze it."""
        unknown = policy_of(self.recipe, self.steps.context("unknown", fold.seed))
        with self.steps.step("train", use.use, fold.seed, fold=fold.name) as context:
            fitted = self._fit(self._task(use, unknown, data, fold, context, features))
        results.fitted.append(fitted)
        answers = self._score(use.use, fitted.model, data.dataset, fold, results)
        if self.recipe.cold_starts:
            self._try_cold_starts(Trial(fitted.model, data.dataset, fold.split), results)
        first = results.fitted[0].model
        if self.recipe.analyzers and (fold.seed, fold.name) == (first.seed, first.fold):
            model = with_evidence(fitted, use, data.dataset, fold.split, answers)
            self._analyze(model, results)

    def _features(
        self, use: ModelUse, data: Prepared, fold: Fold, results: Results
    ) -> Features | None:
        """Return what a model looks at besides ids, learned from the training rows."""
        if use.features is None:
            return None
        with noting("features", use.use):
            features, messages = learn(use.features, data.dataset, fold.split.train)
        for message in messages:
            self._say_once(f"  {message}", results)
        return features

    def _task(
        self,
        use: ModelUse,
        unknown: Policy | None,
        data: Prepared,
        fold: Fold,
        context: Context,
        features: Features | None,
    ) -> Task:
        train, valid = fold.parts["train"], fold.parts["valid"]
        if features is not None:
            train = features.attached(train, data.dataset.ratings, fold.split.train)
            valid = features.attached(valid, data.dataset.ratings, fold.split.valid)
        return Task(
            use,
            data.catalogue,
            train,
            valid,
            data.dataset.scale,
            unknown,
            context,
            features,
            fold.name,
        )

    def _fit(self, task: Task) -> Fitted:
        folder = self.steps.folder
        place = storage.model_folder(self.recipe, task.use.name, task.seed, task.fold)
        done = storage.read_fitted(folder, place, task.use, task.catalogue, task.policy)
        if done is not None:
            self.steps.reporter.say(f"{task.use.name}: was finished before")
            return done
        fitted = fit(task, self._watch(task, place), storage.read_checkpoint(folder, place))
        storage.write_model(folder, place, fitted, task.scale)
        return fitted

    def _watch(self, task: Task, place: str) -> Watch:
        """Return what reports a training's epochs and keeps its checkpoints."""
        name, reporter, folder = task.use.name, self.steps.reporter, self.steps.folder

        def epoch_finished(epoch: Epoch, epochs: int) -> None:
            reporter.say(
                f"{name}: epoch {epoch.epoch} of {epochs}: train loss {epoch.train_loss:.4f}, "
                f"valid loss {epoch.valid_loss:.4f}, {epoch.seconds:.1f} s"
            )
            event = EpochFinished(
                name,
                task.seed,
                epoch.epoch,
                epochs,
                epoch.train_loss,
                epoch.valid_loss,
                epoch.seconds,
                task.fold,
                folder.final,
            )
            self.steps.notify("cfplug_epoch_finished", event)

        def checkpoint(state: Checkpoint) -> None:
            storage.write_checkpoint(folder, place, state)

        return Watch(reporter.progress, epoch_finished, checkpoint, reporter.say)

    # Measures

    def _score(
        self, entry: Use[Model], model: FittedModel, dataset: Dataset, fold: Fold, results: Results
    ) -> dict[str, Predictions]:
        """Measure `model` on each part that it did not learn from; return its predictions."""
        given = {}
        for part, rows in measured(fold.split).items():
            pairs = dataset.ratings.iloc[rows]
            with noting("predict", entry):
                answers = with_lists(model, model.answer(pairs), fold.parts["train"].batch)
            results.predictions.append(prediction_rows(model, part, pairs, answers))
            truth = pairs["rating"].to_numpy()
            for use in self._metrics_for(model, results):
                results.metrics.append(self._metric_row(use, model, part, truth, answers))
            given[part] = answers
        return given

    def _metric_row(
        self,
        use: Use[Metric],
        model: FittedModel,
        part: str,
        truth: np.ndarray,
        answers: Predictions,
    ) -> dict[str, Any]:
        with self.steps.step("score", use, model.seed, model.name, model.fold):
            value = measure(use, truth, answers)
        row = (model.name, model.seed, model.fold, part, use.name, *value)
        return dict(zip(METRICS, row, strict=True))

    def _metrics_for(self, model: FittedModel, results: Results) -> list[Use[Metric]]:
        """Return the metrics that `model` can be measured by, and say once which it cannot."""

        def why_not(use: Use[Metric], missing: str) -> str:
            return f"{use.name} is not measured for {model.name}, which gives no {missing}"

        return self._able(self.recipe.metrics, model, results, why_not)

    def _able(
        self,
        uses: tuple[Use[T], ...],
        model: FittedModel,
        results: Results,
        why_not: Callable[[Use[T], str], str],
    ) -> list[Use[T]]:
        """Return those of `uses` for which the model provides all that they require."""
        able = []
        for use in uses:
            missing = [need for need in use.component.requires if need not in model.provides]
            if missing:
                self._say_once(why_not(use, missing[0]), results)
            else:
                able.append(use)
        return able

    def _say_once(self, message: str, results: Results) -> None:
        if message not in results.said:
            self.steps.reporter.say(message)
            results.said.append(message)

    # Cold starts and analyzers

    def _try_cold_starts(self, trial: Trial, results: Results) -> None:
        """Try every strategy that fits the model on the new users or items of a fold."""
        model = trial.model

        def why_not(use: Use[ColdStart], missing: str) -> str:
            return f"{use.name} is not tried with {model.name}, which gives no {missing}"

        for use in self._able(self.recipe.cold_starts, model, results, why_not):
            self.steps.reporter.progress(None, f"{model.name}: {use.name} on newcomers")
            adapting = policy(use, self.steps.context(f"unknown {use.name}", model.seed))
            with self.steps.step("cold-start", use, model.seed, model.name, model.fold) as context:
                results.outcomes.append(
                    try_strategy(trial, use, adapting, self.recipe.reveal, context)
                )

    def _analyze(self, model: FittedModel, results: Results) -> None:
        """Collect every analyzer's section on `model`; what one raises becomes a note instead."""
        for each in self.recipe.analyzers:
            if not each.looks_at(model.name):
                continue
            use = each.use
            why_not = missing_capability(use, model)
            if why_not:
                results.sections.append(empty_section(use, model, why_not))
                continue
            self.steps.reporter.progress(None, f"{model.name}: {use.name}")
            try:
                with self.steps.step("analyze", use, model.seed, model.name, model.fold) as context:
                    results.sections.append(analyze(use, model, context))
            except Exception as error:
                why = failure(use, error)
                trace = "".join(traceback.format_exception(error))
                self.steps.reporter.say(f"warning: {why}\n{trace}")
                results.sections.append(empty_section(use, model, why))
