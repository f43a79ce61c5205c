"""Train, measure and analyze the models of one fold."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Mapping, Sequence
from typing import TypeVar

import attrs
from attrs import frozen

from cfplug.data.batch import Interactions
from cfplug.data.catalogue import Support
from cfplug.data.dataset import Split
from cfplug.data.features import Features
from cfplug.evaluation.cold_start import Trial, try_strategy
from cfplug.evaluation.folds import in_fold, measured
from cfplug.evaluation.scoring import measure, prediction_rows, with_lists
from cfplug.plugin.components import Analyzer, ColdStart, Context, Metric
from cfplug.plugin.hookspecs import EpochFinished
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.policy import Policy, policy, policy_of
from cfplug.prediction.predict import unknown_ids
from cfplug.prediction.predictions import Predictions
from cfplug.recipe.recipe import ModelUse, Recipe, Use
from cfplug.report.elements import Section
from cfplug.runs import storage
from cfplug.runs.analysis import analyze, empty_section, with_evidence
from cfplug.runs.run import METRICS
from cfplug.runs.steps import Steps, noting
from cfplug.runs.writer import Prepared, Results
from cfplug.training.checkpoint import Epoch, Watch
from cfplug.training.features import learn
from cfplug.training.fit import Fitted, Task, fit

T = TypeVar("T", Metric, ColdStart)


@frozen(eq=False)
class Fold:
    """One split of one seed: what models learn from and are measured on.

    `name` is empty where the split has no named folds. What the models give is added to `results`.
    """

    recipe: Recipe
    steps: Steps
    data: Prepared
    results: Results
    seed: int
    name: str
    split: Split
    parts: Mapping[str, Interactions]

    def check_unknown_ids(self) -> None:
        """Say which parts ask for ids that training will not see; an error without a policy."""
        support = Support.of(self.parts["train"])
        prefix = f"fold {self.name}: " if self.name else ""
        for part, rows in self.split.parts().items():
            codes = self.parts[part].batch
            known = support.trained("user", codes.user) & support.trained("item", codes.item)
            if known.all():
                continue
            if self.recipe.unknown is None:
                raise unknown_ids(support, self.data.dataset.ratings.iloc[rows], codes)
            self.steps.reporter.say(
                f"{prefix}{int((~known).sum()):,} of {len(rows):,} {part} ratings have a user or "
                f"item that training never saw; {self.recipe.unknown.name} answers for them"
            )

    def carry_out(self) -> None:
        """Train, measure and analyze every model of the recipe."""
        if self.name:
            self.steps.reporter.say(f"fold {self.name}")
        models = self.recipe.models
        with in_fold(self.name):  # the features of all models before any is trained
            features = [self.features(use) for use in models]
        for use, its_features in zip(models, features, strict=True):
            unknown = policy_of(self.recipe, self.steps.context("unknown", self.seed))
            with self.steps.step("train", use.use, self.seed, fold=self.name) as context:
                fitted = self._fit(self.task(use, its_features, context, unknown))
            self.results.fitted.append(fitted)
            answers = self._measure(fitted.model, use)
            self._try_cold_starts(fitted.model)
            if self.recipe.analyzers and self._is_first():
                self._analyze(with_evidence(fitted, use, self.data.dataset, self.split, answers))

    def _is_first(self) -> bool:
        """Return whether this is the first fold of the run, the only one that is analyzed."""
        first = self.results.fitted[0].model
        return (self.seed, self.name) == (first.seed, first.fold)

    # Training

    def features(self, use: ModelUse) -> Features | None:
        """Return what a model looks at besides ids, learned from the training rows."""
        if use.features is None:
            return None
        with noting("features", use.use):
            features, messages = learn(use.features, self.data.dataset, self.split.train)
        for message in messages:
            self._say_once(f"  {message}")
        return features

    def task(
        self,
        use: ModelUse,
        features: Features | None,
        context: Context,
        unknown: Policy | None = None,
    ) -> Task:
        """Return what a model learns from."""
        dataset, catalogue = self.data.dataset, self.data.catalogue
        train, valid = self.parts["train"], self.parts["valid"]
        if features is not None:
            train = features.attached(train, dataset.ratings, self.split.train)
            valid = features.attached(valid, dataset.ratings, self.split.valid)
        scale = dataset.scale
        return Task(use, catalogue, train, valid, scale, unknown, context, features, self.name)

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
            losses = attrs.asdict(epoch)
            event = EpochFinished(
                name, task.seed, epochs=epochs, fold=task.fold, run=folder.final, **losses
            )
            self.steps.notify("cfplug_epoch_finished", event)

        checkpoint = functools.partial(storage.write_checkpoint, folder, place)
        return Watch(reporter.progress, epoch_finished, checkpoint, reporter.say)

    # Measures

    def _measure(self, model: FittedModel, use: ModelUse) -> dict[str, Predictions]:
        """Measure `model` on each part that it did not learn from; return its predictions."""
        given = {}
        for part, rows in measured(self.split).items():
            pairs = self.data.dataset.ratings.iloc[rows]
            with noting("predict", use.use):
                answers = with_lists(model, model.answer(pairs), self.parts["train"].batch)
            self.results.predictions.append(prediction_rows(model, part, pairs, answers))
            truth = pairs["rating"].to_numpy()
            for metric in self._able(self.recipe.metrics, model, "measured for"):
                with self.steps.step("score", metric, self.seed, model.name, self.name):
                    value = measure(metric, truth, answers)
                row = (model.name, self.seed, self.name, part, metric.name, *value)
                self.results.metrics.append(dict(zip(METRICS, row, strict=True)))
            given[part] = answers
        return given

    def _try_cold_starts(self, model: FittedModel) -> None:
        """Try every strategy that fits the model on the new users or items of the fold."""
        trial = Trial(model, self.data.dataset, self.split)
        for use in self._able(self.recipe.cold_starts, model, "tried with"):
            self.steps.reporter.progress(None, f"{model.name}: {use.name} on newcomers")
            adapting = policy(use, self.steps.context(f"unknown {use.name}", self.seed))
            with self.steps.step("cold-start", use, self.seed, model.name, self.name) as context:
                outcome = try_strategy(trial, use, adapting, self.recipe.reveal, context)
            self.results.outcomes.append(outcome)
            self.results.new.add(trial.side)

    def _able(self, uses: Sequence[Use[T]], model: FittedModel, done: str) -> list[Use[T]]:
        """Return those of `uses` that fit the model; of the others say once that they are not."""
        able = []
        for use in uses:
            missing = _missing(use, model)
            if missing:
                self._say_once(f"{use.name} is not {done} {model.name}, which gives no {missing}")
            else:
                able.append(use)
        return able

    def _say_once(self, message: str) -> None:
        if message not in self.results.said:
            self.steps.reporter.say(message)
            self.results.said.append(message)

    # Analyzers

    def _analyze(self, model: FittedModel) -> None:
        """Collect every analyzer's section on `model`."""
        for each in self.recipe.analyzers:
            if not each.looks_at(model.name):
                continue
            self.results.sections.append(self._section(each.use, model))

    def _section(self, use: Use[Analyzer], model: FittedModel) -> Section:
        """Return an analyzer's section; one that says why where the analyzer cannot or fails."""
        missing = _missing(use, model)
        if missing:
            return empty_section(use, model, f"{model.name} has no {missing}, which this needs.")
        self.steps.reporter.progress(None, f"{model.name}: {use.name}")
        try:
            with self.steps.step("analyze", use, self.seed, model.name, self.name) as context:
                return analyze(use, model, context)
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            why = f"{use.full_name} of plugin {use.title}, {use.place}, failed: {text}"
            trace = "".join(traceback.format_exception(error))
            self.steps.reporter.say(f"warning: {why}\n{trace}")
            return empty_section(use, model, why)


def _missing(use: Use[Metric] | Use[ColdStart] | Use[Analyzer], model: FittedModel) -> str:
    """Return the first capability that a component requires and the model lacks, or nothing."""
    lacking = (need for need in use.component.requires if need not in model.provides)
    return next(lacking, "")
