"""A finished run: its models, metrics and claims, in memory or opened from its folder."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.errors import CapabilityError, did_you_mean
from cfplug.evaluation.cold_start import SUMMARY
from cfplug.evaluation.comparison import PAIR, Comparison, Cost, compare
from cfplug.files import read_json
from cfplug.prediction.fitted_model import FittedModel
from cfplug.recipe.recipe import Claim, Recipe
from cfplug.report.elements import Section, Table
from cfplug.training.fit import parameters_of

if TYPE_CHECKING:
    from fastai.learner import Learner

METRICS = ("model", "seed", "fold", "part", "metric", "value", "low", "high")
"""The columns of a run's metrics; the fold is empty without named folds, low and high where the
95 % interval of the value is not known."""

PREDICTIONS = ("model", *PAIR, "prediction", "origin")

ALL_FOLDS = "all folds"

INTERVAL = "95 % interval"


@frozen
class Measured:
    """A claim and what was measured: the mean over seeds and, unless it names one, folds."""

    claim: Claim
    model: str
    value: float

    @property
    def met(self) -> bool:
        return self.claim.met_by(self.value)

    def is_about(self, result: Result) -> bool:
        """Return whether `result` is the value that was claimed, not one of new users or items."""
        claim = self.claim
        place = (result.model, result.part, result.metric, result.fold or ALL_FOLDS)
        own_place = (self.model, claim.part, claim.metric, claim.fold or ALL_FOLDS)
        return not claim.cold_start and place == own_place


@frozen
class Result:
    """A measured value, and a claim about it if there is one.

    The mean of several seeds or folds has their standard `deviation`. `low` and `high` are the ends
    of the 95 % interval of a single value, None where that is not known.
    """

    model: str
    fold: str
    part: str
    metric: str
    value: float
    deviation: float | None = None
    low: float | None = None
    high: float | None = None
    claim: Measured | None = None

    def texts(self, value_title: str) -> dict[str, str]:
        """Return the result as texts by column, empty where there is nothing to show."""
        deviation = "" if self.deviation is None else f" ± {self.deviation:.4f}"
        row = {"model": self.model, "fold": self.fold, "part": self.part, "metric": self.metric}
        row[value_title] = f"{self.value:.4f}{deviation}"
        row[INTERVAL] = "" if self.low is None else f"{self.low:.4f} to {self.high:.4f}"
        if self.claim is None:
            return {**row, "claimed": "", "met": "", "source": ""}
        claim = self.claim.claim
        met = "yes" if self.claim.met else "no"
        return {**row, "claimed": claim.bound(), "met": met, "source": claim.source}


@frozen(eq=False, repr=False)
class Run:
    """A finished run.

    `metrics` is a table with the columns model, seed, fold, part, metric, value, low and high.
    `model` is the first model of the recipe, `models` are all of them, one for each seed and fold.
    `predictions()` gives what every model predicted for the ratings on which it was measured:
    model, seed, fold, part, user, item, rating, prediction, origin. `cold_start_results` is how the
    recipe's `cold_starts` did on newcomers; its columns are `evaluation.cold_start.SUMMARY`.
    """

    path: Path
    recipe: Recipe
    models: tuple[FittedModel, ...]
    metrics: pd.DataFrame
    sections: tuple[Section, ...] = ()
    learners: Mapping[tuple[str, int, str], Learner] = field(factory=dict)
    predictions: Callable[[], pd.DataFrame] = lambda: pd.DataFrame(columns=PREDICTIONS)
    cold_start_results: pd.DataFrame = field(factory=lambda: pd.DataFrame(columns=SUMMARY))

    @property
    def model(self) -> FittedModel:
        return self.models[0]

    def find(self, name: str, seed: int | None = None, fold: str | None = None) -> FittedModel:
        """Return the first model of this name, seed and fold; CapabilityError if none is."""
        asked = {"name": name, "seed": seed, "fold": fold}
        wanted = {key: value for key, value in asked.items() if value is not None}
        for model in self.models:
            if all(getattr(model, key) == value for key, value in wanted.items()):
                return model
        for key, value in wanted.items():
            there = sorted({str(getattr(model, key)) for model in self.models})
            if str(value) not in there:
                kind = "model" if key == "name" else key
                guess = did_you_mean(str(value), there)
                has = ", ".join(there) or "none"
                raise CapabilityError(
                    f"the run has no {kind} called {value!r}{guess} (it has {has})"
                )
        raise CapabilityError(f"the run has no {name} of seed {seed} on fold {fold}")

    @property
    def learner(self) -> Learner:
        """Return the fastai Learner that trained the first model, ready to go on by hand."""
        learner = self.learners.get((self.model.name, self.model.seed, self.model.fold))
        if learner is None:
            raise CapabilityError(
                f"there is no Learner for {self.model.name}: the run was opened from its folder, "
                "was resumed after the model was trained, or the model fits itself"
            )
        return learner

    def claim_results(self) -> tuple[Measured, ...]:
        """Return each claim of the recipe with what was measured, NaN if nothing was."""
        found = []
        for claim in self.recipe.claims:
            model = claim.model or self.recipe.models[0].name
            if claim.cold_start:
                values = self._tried(claim, model)["rmse"]
            else:
                values = self.values(model, claim.metric, claim.part, claim.fold)
            found.append(Measured(claim, model, float(values.mean())))
        return tuple(found)

    def _tried(self, claim: Claim, model: str) -> pd.DataFrame:
        """Return the row of a cold-start strategy that a claim is about, if it was tried."""
        rows = self.cold_start_results
        of_model = (rows["model"] == model) & (rows["cold_start"] == claim.cold_start)
        return rows[of_model & (rows["revealed"] == claim.revealed)]

    @property
    def claims_met(self) -> bool:
        return all(claim.met for claim in self.claim_results())

    def values(
        self, model: str, metric: str, part: str = "valid", fold: str = ""
    ) -> pd.Series[float]:
        """Return the values of one metric, one for each seed and fold, or of one fold alone."""
        rows = self.metrics
        wanted = (rows["model"] == model) & (rows["metric"] == metric) & (rows["part"] == part)
        if fold:
            wanted &= rows["fold"] == fold
        return rows[wanted]["value"]

    def results(self) -> tuple[Result, ...]:
        """Return a result for each model, part and metric, with numbers.

        With folds there is one for each, and one for all of them. Where there are several claims
        about a value, each has its own. Claims about new users and items come last.
        """
        claims = self.claim_results()
        results = list(self._measured())
        found = []
        for result in results:
            its_own = [claim for claim in claims if claim.is_about(result)]
            for claim in its_own or (None,):
                found.append(attrs.evolve(result, claim=claim))
        fold = ALL_FOLDS if any(result.fold for result in results) else ""
        has_intervals = any(result.low is not None for result in results)
        for tried in claims:
            if tried.claim.cold_start:
                result = self._on_newcomers(tried)
                if not has_intervals:
                    result = attrs.evolve(result, low=None, high=None)
                found.append(attrs.evolve(result, fold=fold))
        return tuple(found)

    def _measured(self) -> Iterator[Result]:
        """Yield the result of each fold, the mean over seeds, and of all folds together."""
        keys = ["model", "part", "metric"]
        for key, group in self.metrics.groupby(keys, sort=False):
            model, part, metric = map(str, key)
            by_fold = group.groupby("fold", sort=False)
            for fold, rows in by_fold:
                mean = _mean(rows["value"])
                yield Result(model, str(fold), part, metric, *mean, *_ends(rows))
            if group["fold"].any():
                yield Result(model, ALL_FOLDS, part, metric, *_mean(by_fold["value"].mean()))

    def _on_newcomers(self, tried: Measured) -> Result:
        """Return the result of a claim about new users and items."""
        claim = tried.claim
        metric = f"{claim.metric}, {claim.cold_start} after {claim.revealed}"
        low, high = _ends(self._tried(claim, tried.model))
        return Result(tried.model, "", claim.part, metric, tried.value, None, low, high, tried)

    def table(self) -> Table:
        """Return the results as a table of texts: measured and claimed values.

        One value is next to its interval over users, if it is known; the mean of several has their
        deviation over seeds, or over folds.
        """
        rows = [result.texts(self.value_title) for result in self.results()]
        columns = ["model", "fold", "part", "metric", self.value_title, INTERVAL]
        columns += ["claimed", "met", "source"]
        for optional in ("fold", INTERVAL):
            if not any(row[optional] for row in rows):
                columns.remove(optional)
        return Table(self.recipe.title, columns, [[row[name] for name in columns] for row in rows])

    @property
    def value_title(self) -> str:
        """Return the title of a column of measured values."""
        seeds = len(self.recipe.seeds)
        return "measured" if seeds == 1 else f"measured, mean of {seeds} seeds"

    def comparison(self, *, reference: str = "", metric: str = "mse") -> Comparison:
        """Compare the models with one of them, pair by pair on the same ratings.

        Args:
            reference: the name of a model; the first if not given.
            metric: mse, rmse or mae.

        Raises:
            CapabilityError: there is only one model, or none of that name.
        """
        return compare_runs([self], reference=reference, metric=metric)

    def comparison_table(self, *, reference: str = "", metric: str = "mse") -> Table:
        """Return the comparison as a table to read; the arguments are those of `comparison`."""
        return self.comparison(reference=reference, metric=metric).table()

    def to_dict(self) -> dict[str, Any]:
        """Return path, metrics, claims and comparison as plain data, for JSON."""
        comparison = self.comparison().records() if len(self.recipe.models) > 1 else []
        return {
            "path": str(self.path),
            "metrics": read_json(self.path / "metrics.json"),
            "claims": read_json(self.path / "claims.json"),
            "comparison": comparison,
        }

    def __repr__(self) -> str:
        return f"{self.table()}\n{self.path}"

    def _repr_html_(self) -> str:
        return f"{self.table()._repr_html_()}<p><code>{html.escape(str(self.path))}</code></p>"


def compare_runs(runs: Sequence[Run], *, reference: str = "", metric: str = "mse") -> Comparison:
    """Compare the models of one or several runs with one of them, by default the first.

    The name of its run's folder comes before the name of a model that two runs have.

    Raises:
        DataError: the runs were not measured on the same ratings.
        CapabilityError: there is only one model, or none called `reference`.
    """
    count = Counter(use.name for run in runs for use in run.recipe.models)
    predictions: dict[str, pd.DataFrame] = {}
    costs = {}
    for run in runs:
        by_model = dict(iter(run.predictions().groupby("model", sort=False)))
        for use in run.recipe.models:
            label = use.name if count[use.name] == 1 else f"{run.path.name}/{use.name}"
            if label in predictions:
                raise CapabilityError(
                    f"two runs have a model called {label}; give each run once, "
                    "in folders of other names"
                )
            predictions[label] = by_model[use.name]
            for fold, cost in _costs(run, use.name):
                costs[label, fold] = cost
    return compare(predictions, costs, metric=metric, reference=reference)


def _costs(run: Run, name: str) -> Iterator[tuple[str, Cost]]:
    """Yield what a model cost on each fold, the mean over the seeds."""
    models = [model for model in run.models if model.name == name]
    for fold in dict.fromkeys(model.fold for model in models):
        of_fold = [(model.seconds, parameters_of(model)) for model in models if model.fold == fold]
        seconds, parameters = np.mean(of_fold, axis=0).tolist()
        yield fold, Cost(seconds, parameters)


def _mean(values: pd.Series[float]) -> tuple[float, float | None]:
    """Return the mean of values and, if there are several, their standard deviation."""
    numbers = values.to_numpy()
    deviation = float(numbers.std(ddof=1)) if len(numbers) > 1 else None
    return float(numbers.mean()), deviation


def _ends(rows: pd.DataFrame) -> tuple[float, float] | tuple[None, None]:
    """Return the interval of one value; None where there are several, or it is not known."""
    ends = rows[["low", "high"]].to_numpy(dtype=float)
    if len(ends) != 1 or np.isnan(ends).any():
        return None, None
    low, high = ends[0].tolist()
    return low, high
