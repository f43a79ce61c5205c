"""Recipe -> Run: the one place that calls components, in a fixed order."""

from __future__ import annotations

import itertools
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.data.batch import Interactions
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.dataset import Dataset, Split
from cfplug.data.features import Features
from cfplug.errors import ArtifactError, Place, PluginError, Problem, RecipeError
from cfplug.evaluation.cold_start import Bench, tried
from cfplug.evaluation.folds import in_fold, measured, named, unmeasured
from cfplug.evaluation.scoring import measure, prediction_rows, with_lists
from cfplug.files import json_text, read_json
from cfplug.plugin.components import Context, Metric, Model, Source
from cfplug.plugin.hookspecs import EpochFinished, StepFinished
from cfplug.plugin.registry import Registry, load
from cfplug.prediction.fitted_model import FittedModel, Policy, unknown_ids
from cfplug.prediction.policy import policy, policy_of
from cfplug.prediction.predictions import Predictions
from cfplug.progress import Lines, Reporter
from cfplug.random import seed_for
from cfplug.recipe.parser import read_recipe
from cfplug.recipe.recipe import DEFAULT_SEED, ModelUse, Recipe, Use
from cfplug.runs import storage
from cfplug.runs.analysis import analyze, failure, in_place_of, not_for, with_evidence
from cfplug.runs.folder import RunFolder
from cfplug.runs.run import METRICS, Run
from cfplug.runs.steps import Steps, noting
from cfplug.runs.writer import Prepared, Results, write
from cfplug.training.checkpoint import Checkpoint, Epoch, Watch
from cfplug.training.features import learn
from cfplug.training.fit import Fitted, Task, fit
from cfplug.training.learner import resolve_device


def run(
    recipe: str | Path | Recipe,
    *,
    set: Sequence[str] = (),
    out: str | Path = "runs",
    plugins_dir: Iterable[str | Path] = (),
    reporter: Reporter | None = None,
) -> Run:
    """Carry out a recipe, given as a file or already read, and leave a run folder under `out`.

    `set` holds overrides, `key.path=value`; `plugins_dir` folders of single-file plugins;
    `reporter` says what happens (by default in plain lines on standard error). RecipeError, before
    anything is written, if the recipe cannot be run."""
    registry = load(map(Path, plugins_dir))
    if not isinstance(recipe, Recipe):
        recipe = read_recipe(recipe, set=set, registry=registry)
    device = resolve_device(recipe.device)
    files = {"recipe.yaml": recipe.text, "resolved.yaml": recipe.resolved()}
    folder = RunFolder.create(Path(out), Path(recipe.source).stem, files)
    return _carry_out(
        _Work(recipe, Steps(registry, folder, device, reporter or Lines())), keep=False
    )


def resume(
    path: str | Path, *, plugins_dir: Iterable[str | Path] = (), reporter: Reporter | None = None
) -> Run:
    """Go on with a run that was stopped, after its last finished epoch.

    The numbers are those of an unbroken run. ArtifactError if there is nothing to resume, or the
    data is not what it was."""
    registry = load(map(Path, plugins_dir))
    folder = RunFolder.of_partial(Path(path))
    recipe = storage.read_recipe_of(folder.partial, registry)
    steps = Steps(registry, folder, resolve_device(recipe.device), reporter or Lines())
    work = _Work(recipe, steps, resumed=True)
    return work.name() if storage.lacks_only_its_name(folder) else _carry_out(work, keep=True)


def read_data(use: Use[Source], *, reporter: Reporter | None = None) -> Dataset:
    """The dataset of a source on its own, without a run."""
    reporter = reporter or Lines()
    with tempfile.TemporaryDirectory(prefix="cfplug-") as scratch:
        rng = np.random.default_rng(seed_for(DEFAULT_SEED, f"read {use.name}"))
        context = Context(DEFAULT_SEED, rng, "cpu", Path(scratch), reporter.progress, reporter.say)
        return _dataset(use.component.function("read")(use.params, context))


def tasks(
    recipe: Recipe, registry: Registry, scratch: Path, *, reporter: Reporter
) -> Iterator[Task]:
    """What each model that learns by gradient learns from, on the recipe's first seed and fold, without a run.

    `scratch` is an empty folder for what a run would write. No observer is told.
    """
    unwatched = attrs.evolve(registry, plugins=())
    folder = RunFolder(scratch / "run")
    return _Work(
        recipe, Steps(unwatched, folder, resolve_device(recipe.device), reporter, scratch)
    ).first_tasks()


def _dataset(given: object) -> Dataset:
    if not isinstance(given, Dataset):
        raise PluginError(f"read gave {type(given).__name__}, not a Dataset")
    return given


def _carry_out(work: _Work, *, keep: bool) -> Run:
    """Carry `work` out. If it fails, its folder stays where anything was finished, or always with `keep`."""
    try:
        with tempfile.TemporaryDirectory(prefix="cfplug-") as scratch:
            steps = attrs.evolve(work.steps, scratch=Path(scratch))
            return attrs.evolve(work, steps=steps).carry_out()
    except KeyboardInterrupt as stop:
        work.steps.reporter.say(f"stopped; go on with: cfplug resume {work.steps.folder.partial}")
        work.steps.run_failed(stop, kept=True)
        raise
    except Exception as error:
        kept = keep or storage.has_checkpoints(work.steps.folder)
        work.steps.run_failed(error, kept=kept)
        if kept:
            error.add_note(
                f"what was finished is kept; go on with: cfplug resume {work.steps.folder.partial}"
            )
        else:
            work.steps.folder.discard()
        raise


@frozen(eq=False)
class _Occasion:
    """One split of one seed: what models learn from and are measured on. `fold` is its name, empty if it has none."""

    seed: int
    fold: str
    split: Split
    parts: Mapping[str, Interactions]


@frozen(eq=False)
class _Work:
    """One run on its way: what it follows, where it writes, whom it tells."""

    recipe: Recipe
    steps: Steps
    resumed: bool = False
    started: float = field(factory=time.time)

    def carry_out(self) -> Run:
        self.steps.run_started(self.recipe, resumed=self.resumed)
        data = self._read()
        results = Results()
        for seed in self.recipe.seeds:
            self._one_seed(data, seed, results)
        started = time.perf_counter()
        self.steps.reporter.progress(None, "writing")
        run = write(self.recipe, self.steps, data, results, self.started)
        self.steps.finished(
            StepFinished("write", "", self.recipe.seeds[0], time.perf_counter() - started)
        )
        return self.steps.run_finished(run)

    def name(self) -> Run:
        """Give a folder that has every file its final name, and open it."""
        path = self.steps.folder.finish(storage.CHECKPOINTS)
        run = storage.opened(storage.OpenedFolder.at(path), self.steps.registry)
        self.steps.run_started(self.recipe, resumed=self.resumed)
        return self.steps.run_finished(run)

    # The steps, in their order

    def _read(self) -> Prepared:
        use, seed = self.recipe.data, self.recipe.seeds[0]
        with self.steps.step("read", use, seed) as context:
            dataset = _dataset(use.component.function("read")(use.params, context))
        self.steps.reporter.say(str(dataset))
        for word in dataset.words:
            self.steps.reporter.say(f"  {word}")
        self._check_levels(dataset)
        prepared = Prepared(dataset, Catalogue.of(dataset), dataset.hash())
        self._remember_data(prepared.hash)
        return prepared

    def _check_levels(self, dataset: Dataset) -> None:
        """Say, before any training, that a loss needs rating levels and the data has none."""
        losses = dict.fromkeys(model.loss for model in self.recipe.models if model.loss is not None)
        problems = [
            Problem(
                loss.place,
                "loss",
                f"{loss.name} needs ratings in levels, such as 1 to 5; those of {dataset.name} take too many different "
                f"values from {dataset.scale.low:g} to {dataset.scale.high:g} (a loss such as mse needs none)",
            )
            for loss in losses
            if loss.component.needs_levels and not dataset.scale.levels
        ]
        if problems:
            raise RecipeError(problems)

    def _features(
        self, use: ModelUse, data: Prepared, split: Split, results: Results
    ) -> Features | None:
        """The features that a model looks at, learned from the training rows; what is said of them is said once."""
        if use.features is None:
            return None
        with noting("features", use.use):
            features, words = learn(use.features, data.dataset, split.train)
        for word in words:
            self._say_once(f"  {word}", results)
        return features

    def _remember_data(self, found: str) -> None:
        """Note the data's hash with the first checkpoint; a resumed run must find the same data."""
        path = self.steps.folder.partial / "data.json"
        if not path.exists():
            self.steps.folder.write(path.name, json_text({"sha256": found}))
        elif (before := read_json(path)["sha256"]) != found:
            raise ArtifactError(
                "the data is not what it was when the run began: "
                f"its SHA-256 is {found[:12]}..., it was {before[:12]}..."
            )

    def _one_seed(self, data: Prepared, seed: int, results: Results) -> None:
        folds = self._folds(data.dataset, seed)
        self._check_claims(folds)
        for occasion in [self._occasion(data, seed, fold, split) for fold, split in folds.items()]:
            if occasion.fold:
                self.steps.reporter.say(f"fold {occasion.fold}")
            self._one_fold(data, occasion, results)

    def _occasion(self, data: Prepared, seed: int, fold: str, split: Split) -> _Occasion:
        ratings = data.dataset.ratings
        parts = {
            name: data.catalogue.interactions(ratings, rows) for name, rows in split.parts().items()
        }
        occasion = _Occasion(seed, fold, split, parts)
        with in_fold(fold):
            self._check_unknown(ratings, occasion)
        return occasion

    def _one_fold(self, data: Prepared, occasion: _Occasion, results: Results) -> None:
        with in_fold(
            occasion.fold
        ):  # of all models before any is trained, so that a fault costs no training
            looked = [
                self._features(use, data, occasion.split, results) for use in self.recipe.models
            ]
        for use, features in zip(self.recipe.models, looked, strict=True):
            policy = policy_of(self.recipe, self.steps.context("unknown", occasion.seed))
            with self.steps.step("train", use.use, occasion.seed, fold=occasion.fold) as context:
                fitted = self._fit(self._task(use, policy, data, occasion, context, features))
            results.fitted.append(fitted)
            answers = self._score(use.use, fitted.model, data.dataset, occasion, results)
            if self.recipe.cold_starts:
                self._try_newcomers(Bench(fitted.model, data.dataset, occasion.split), results)
            first = results.fitted[0].model
            if self.recipe.analyzers and (occasion.seed, occasion.fold) == (first.seed, first.fold):
                model = with_evidence(fitted, use, data.dataset, occasion.split, answers)
                self._analyze(model, results)

    def _task(
        self,
        use: ModelUse,
        policy: Policy | None,
        data: Prepared,
        occasion: _Occasion,
        context: Context,
        features: Features | None,
    ) -> Task:
        parts, rows = occasion.parts, occasion.split.parts()
        seen, held = (_seen(features, parts[part], data, rows[part]) for part in ("train", "valid"))
        return Task(
            use,
            data.catalogue,
            seen,
            held,
            data.dataset.scale,
            policy,
            context,
            features,
            occasion.fold,
        )

    def first_tasks(self) -> Iterator[Task]:
        """What each model that learns by gradient learns from, on the first fold of the first seed."""
        data, seed, results = self._read(), self.recipe.seeds[0], Results()
        fold, split = next(iter(self._folds(data.dataset, seed).items()))
        occasion = self._occasion(data, seed, fold, split)
        for use in self.recipe.models:
            if use.train is not None:
                context = self.steps.context(f"train {use.use.name}", seed)
                features = self._features(use, data, occasion.split, results)
                yield self._task(use, None, data, occasion, context, features)

    def _folds(self, dataset: Dataset, seed: int) -> dict[str, Split]:
        """The splits by the name of the fold; a split without folds has the empty name."""
        use = self.recipe.split
        with self.steps.step("split", use, seed) as context:
            folds = named(use.component.function("split")(dataset, use.params, context))
            self._check_places(folds, seed)
            for fold, split in folds.items():
                with in_fold(fold):
                    split.check(len(dataset.ratings))
        return folds

    def _check_places(self, folds: Iterable[str], seed: int) -> None:
        """No two models may have one folder: not every disk tells U1 from u1."""
        seen: dict[str, str] = {}
        for fold, use in itertools.product(folds, self.recipe.models):
            place, title = (
                storage.model_folder(self.recipe, use.name, seed, fold),
                f"{use.name} on fold {fold}",
            )
            if place.casefold() in seen:
                raise PluginError(
                    f"split gave folds of which {seen[place.casefold()]} and {title} would share {place}"
                )
            seen[place.casefold()] = title

    def _check_claims(self, folds: Mapping[str, Split]) -> None:
        """Say, before any training, that a claim is about a part or a fold that will not be measured."""
        place = Place(self.recipe.source)
        problems = [
            Problem(place, f"claims[{position}].{key}", why)
            for position, claim in enumerate(self.recipe.claims)
            for key, why in unmeasured(claim, folds)
        ]
        if problems:
            raise RecipeError(problems)

    def _check_unknown(self, ratings: pd.DataFrame, occasion: _Occasion) -> None:
        """Say, before any training, that the split asks for ids that training will not have seen."""
        support = Support.of(occasion.parts["train"])
        fold = f"fold {occasion.fold}: " if occasion.fold else ""
        for part, rows in occasion.split.parts().items():
            codes = occasion.parts[part].batch
            cold = ~(support.trained("user", codes.user) & support.trained("item", codes.item))
            if cold.any() and self.recipe.unknown is None:
                raise unknown_ids(support, ratings.iloc[rows], codes)
            if cold.any() and self.recipe.unknown is not None:
                self.steps.reporter.say(
                    f"{fold}{int(cold.sum()):,} of {len(rows):,} {part} ratings have a user or item that training "
                    f"never saw; {self.recipe.unknown.name} answers for them"
                )

    def _fit(self, task: Task) -> Fitted:
        place = storage.model_folder(self.recipe, task.use.name, task.seed, task.fold)
        done = storage.read_fitted(self.steps.folder, place, task.use, task.catalogue, task.policy)
        if done is not None:
            self.steps.reporter.say(f"{task.use.name}: was finished before")
            return done
        fitted = fit(
            task, self._watch(task, place), storage.read_checkpoint(self.steps.folder, place)
        )
        storage.write_model(self.steps.folder, place, fitted, task.scale)
        return fitted

    def _watch(self, task: Task, place: str) -> Watch:
        def epoch_finished(epoch: Epoch, epochs: int) -> None:
            self.steps.reporter.say(
                f"{task.use.name}: epoch {epoch.epoch} of {epochs}: train loss {epoch.train_loss:.4f}, "
                f"valid loss {epoch.valid_loss:.4f}, {epoch.seconds:.1f} s"
            )
            event = EpochFinished(
                task.use.name,
                task.seed,
                epoch.epoch,
                epochs,
                epoch.train_loss,
                epoch.valid_loss,
                epoch.seconds,
                task.fold,
                self.steps.folder.final,
            )
            self.steps.tell("cfplug_epoch_finished", event)

        def checkpoint(state: Checkpoint) -> None:
            storage.write_checkpoint(self.steps.folder, place, state)

        return Watch(
            self.steps.reporter.progress, epoch_finished, checkpoint, self.steps.reporter.say
        )

    def _score(
        self,
        entry: Use[Model],
        model: FittedModel,
        dataset: Dataset,
        occasion: _Occasion,
        results: Results,
    ) -> dict[str, Predictions]:
        """Measure `model` on each part that it did not learn from; gives its predictions for them."""
        given = {}
        for part, rows in measured(occasion.split).items():
            pairs = dataset.ratings.iloc[rows]
            with noting("predict", entry):
                answers = with_lists(model, model.answer(pairs), occasion.parts["train"].batch)
            results.predictions.append(prediction_rows(model, part, pairs, answers))
            results.metrics.extend(
                self._measures(model, part, pairs["rating"].to_numpy(), answers, results)
            )
            given[part] = answers
        return given

    def _measures(
        self,
        model: FittedModel,
        part: str,
        truth: np.ndarray,
        answers: Predictions,
        results: Results,
    ) -> Iterator[dict[str, Any]]:
        """One row for each metric that can measure `model`."""
        for use in self._measurable(model, results):
            with self.steps.step("score", use, model.seed, model.name, model.fold):
                value = measure(use, truth, answers)
            named = (model.name, model.seed, model.fold, part, use.name, *value)
            yield dict(zip(METRICS, named, strict=True))

    def _measurable(self, model: FittedModel, results: Results) -> list[Use[Metric]]:
        """The metrics that `model` can be measured by; of the others, which some other model can, is said once."""
        able = []
        for use in self.recipe.metrics:
            missing = [
                need for need in use.component.requires if need not in model.provides
            ]
            if not missing:
                able.append(use)
                continue
            self._say_once(
                f"{use.name} is not measured for {model.name}, which gives no {missing[0]}", results
            )
        return able

    def _say_once(self, word: str, results: Results) -> None:
        if word not in results.said:
            self.steps.reporter.say(word)
            results.said.append(word)

    def _analyze(self, model: FittedModel, results: Results) -> None:
        """Every analyzer's section on `model`; what one raises becomes a note in its place."""
        for use in (each.use for each in self.recipe.analyzers if each.looks_at(model.name)):
            if why := not_for(use, model):
                results.sections.append(in_place_of(use, model, why))
                continue
            self.steps.reporter.progress(None, f"{model.name}: {use.name}")
            try:
                with self.steps.step("analyze", use, model.seed, model.name, model.fold) as context:
                    results.sections.append(analyze(use, model, context))
            except Exception as error:
                self.steps.reporter.say(
                    f"warning: {failure(use, error)}\n{''.join(traceback.format_exception(error))}"
                )
                results.sections.append(in_place_of(use, model, failure(use, error)))

    def _try_newcomers(self, bench: Bench, results: Results) -> None:
        """Every cold-start strategy that fits the model, on the newcomers of a fold."""
        model = bench.model
        for use in self.recipe.cold_starts:
            missing = [
                need
                for need in use.component.requires
                if need not in model.provides
            ]
            if missing:
                self._say_once(
                    f"{use.name} is not tried with {model.name}, which gives no {missing[0]}",
                    results,
                )
                continue
            self.steps.reporter.progress(None, f"{model.name}: {use.name} on newcomers")
            adapting = policy(use, self.steps.context(f"unknown {use.name}", model.seed))
            with self.steps.step("cold-start", use, model.seed, model.name, model.fold) as context:
                results.outcomes.append(tried(bench, use, adapting, self.recipe.reveal, context))


def _seen(
    features: Features | None, part: Interactions, data: Prepared, rows: np.ndarray
) -> Interactions:
    """What a model sees of a part of the ratings."""
    return part if features is None else features.attached(part, data.dataset.ratings, rows)
