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

ALL_FOLDS = "all folds"

INTERVAL = "95 % interval"

CLAIM_TITLES = ("claimed", "met", "source")


def _none_kept() -> pd.DataFrame:
    return pd.DataFrame(columns=["model", *PAIR, "prediction", "origin"])


def _none_tried() -> pd.DataFrame:
    return pd.DataFrame(columns=SUMMARY)


@frozen
class Measured:
    """A claim and what was measured: the mean over seeds and, unless it names one, folds."""

    claim: Claim
    model: str
    value: float

    @property
    def met(self) -> bool:
        return self.claim.met_by(self.value)


@frozen
class Result:
    """A measured value, and a claim about it if there is one.

    `low` and `high` are the ends of its 95 % interval, None where that is not known. The mean of
    several seeds or folds has their standard `deviation`.
    """

    model: str
    fold: str
    part: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    deviation: float | None = None
    claim: Measured | None = None

    @property
    def value_text(self) -> str:
        deviation = "" if self.deviation is None else f" ± {self.deviation:.4f}"
        return f"{self.value:.4f}{deviation}"

    @property
    def interval_text(self) -> str:
        return "" if self.low is None else f"{self.low:.4f} to {self.high:.4f}"

    @property
    def claim_texts(self) -> tuple[str, str, str]:
        """Return the texts for CLAIM_TITLES, empty where there is no claim."""
        if self.claim is None:
            return "", "", ""
        claim = self.claim.claim
        return claim.bound(), "yes" if self.claim.met else "no", claim.source


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
    predictions: Callable[[], pd.DataFrame] = _none_kept
    cold_start_results: pd.DataFrame = field(factory=_none_tried)

    @property
    def model(self) -> FittedModel:
        return self.models[0]

    def find(self, name: str, seed: int | None = None, fold: str | None = None) -> FittedModel:
        """Return the first model of this name, seed and fold; CapabilityError if none is."""
        asked = {"model": name, "seed": seed, "fold": fold}
        for model in self.models:
            if all(asked[key] in (None, has) for key, has in _place(model).items()):
                return model
        raise CapabilityError(self._why_not(asked))

    def _why_not(self, asked: Mapping[str, object]) -> str:
        """Which of name, seed and fold no model has, or that no model has them together."""
        for key, value in asked.items():
            there = sorted({str(_place(model)[key]) for model in self.models})
            if value is not None and str(value) not in there:
                has = ", ".join(there) if any(there) else "none"
                guess = did_you_mean(str(value), there)
                return f"the run has no {key} called {value!r}{guess} (it has {has})"
        return f"the run has no {asked['model']} of seed {asked['seed']} on fold {asked['fold']}"

    @property
    def learner(self) -> Learner:
        """The fastai Learner that trained the first model, ready to go on by hand."""
        learner = self.learners.get((self.model.name, self.model.seed, self.model.fold))
        if learner is None:
            raise CapabilityError(
                f"there is no Learner for {self.model.name}: the run was opened from its folder, "
                "was resumed after the model was trained, or the model fits itself"
            )
        return learner

    def claim_results(self) -> tuple[Measured, ...]:
        """Each claim of the recipe with what was measured."""
        first = self.recipe.models[0].name
        named = [(claim, claim.model or first) for claim in self.recipe.claims]
        return tuple(Measured(claim, model, self._claimed(claim, model)) for claim, model in named)

    def _claimed(self, claim: Claim, model: str) -> float:
        """The value that a claim is about; NaN where it was not measured."""
        if not claim.cold_start:
            return float(self.values(model, claim.metric, claim.part, claim.fold).mean())
        return float(self._tried(claim, model)["rmse"].mean())

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
        """The values of one metric, one for each seed and fold, or of one fold alone."""
        rows = self.metrics
        of_fold = rows["fold"].isin([fold]) if fold else True
        return rows[
            (rows["model"] == model) & (rows["metric"] == metric) & (rows["part"] == part) & of_fold
        ]["value"]

    def results(self) -> tuple[Result, ...]:
        """Return a result for each model, part and metric, with numbers.

        With folds there is one for each, and one for all of them. Where there are several claims
        about a value, each has its own. Claims about new users and items come last.
        """
        claims = self.claim_results()
        found = []
        for (model, part, metric, fold), values in self._measured():
            key = (model, part, metric, "" if fold == ALL_FOLDS else fold)
            result = Result(model, fold, part, metric, *_spread(values))
            its_own = [each for each in claims if not each.claim.cold_start and _key(each) == key]
            for claim in its_own or (None,):
                found.append(attrs.evolve(result, claim=claim))
        has_folds = any(result.fold for result in found)
        has_intervals = any(result.low is not None for result in found)
        for tried in claims:
            if tried.claim.cold_start:
                fold = ALL_FOLDS if has_folds else ""
                found.append(self._on_newcomers(tried, fold, has_intervals))
        return tuple(found)

    def _on_newcomers(self, tried: Measured, fold: str, has_intervals: bool) -> Result:
        claim = tried.claim
        metric = f"{claim.metric}, {claim.cold_start} after {claim.revealed}"
        result = Result(tried.model, fold, claim.part, metric, tried.value, claim=tried)
        if not has_intervals:
            return result
        low, high = _ends(self._tried(claim, tried.model))
        return attrs.evolve(result, low=low, high=high)

    def table(self) -> Table:
        """Return the results as a table of texts: measured and claimed values.

        One value is next to its interval over users, if it is known; the mean of several has their
        deviation over seeds, or over folds.
        """
        results = self.results()
        titles = ("model", "fold", "part", "metric", self.value_title, INTERVAL, *CLAIM_TITLES)
        hidden = set()
        if not any(result.fold for result in results):
            hidden.add("fold")
        if all(result.low is None for result in results):
            hidden.add(INTERVAL)
        rows = []
        for result in results:
            place = (result.model, result.fold, result.part, result.metric)
            cells = (*place, result.value_text, result.interval_text, *result.claim_texts)
            named = zip(titles, cells, strict=True)
            rows.append([cell for title, cell in named if title not in hidden])
        columns = [title for title in titles if title not in hidden]
        return Table(self.recipe.title, columns, rows)

    @property
    def value_title(self) -> str:
        """Return the title of a column of measured values."""
        seeds = len(self.recipe.seeds)
        return "measured" if seeds == 1 else f"measured, mean of {seeds} seeds"

    def _measured(self) -> Iterator[tuple[tuple[str, str, str, str], pd.DataFrame]]:
        """Return the values of each row: over seeds for a fold, over folds for all of them."""
        for (model, part, metric), group in self.metrics.groupby(
            ["model", "part", "metric"], sort=False
        ):
            for fold, values in group.groupby("fold", sort=False):
                yield (str(model), str(part), str(metric), str(fold)), values
            if group["fold"].any():
                means = group.groupby("fold", sort=False)[["value"]].mean()
                yield (
                    (str(model), str(part), str(metric), ALL_FOLDS),
                    means.assign(low=np.nan, high=np.nan),
                )

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
    """The models of one or several runs beside one of them (by default the first run's first).

    A model bears the name of its run's folder before its own where two runs have one of that name.
    DataError if the runs were not measured on the same ratings; CapabilityError if there is only
    one model, or none called `reference`.
    """
    entrants = _entrants(runs)
    kept = {id(run): dict(iter(run.predictions().groupby("model", sort=False))) for run in runs}
    predictions = {label: kept[id(run)][name] for label, (run, name) in entrants.items()}
    costs = {
        (label, fold): cost
        for label, entrant in entrants.items()
        for fold, cost in _costs(*entrant)
    }
    return compare(predictions, costs, metric=metric, reference=reference)


def _entrants(runs: Sequence[Run]) -> dict[str, tuple[Run, str]]:
    """Every model of every run by a name that no other has."""
    models = [(run, use.name) for run in runs for use in run.recipe.models]
    count = Counter(name for _, name in models)
    entrants: dict[str, tuple[Run, str]] = {}
    for run, name in models:
        label = name if count[name] == 1 else f"{run.path.name}/{name}"
        if label in entrants:
            raise CapabilityError(
                f"two runs have a model called {label}; give each run once, "
                "in folders of other names"
            )
        entrants[label] = (run, name)
    return entrants


def _costs(run: Run, name: str) -> Iterator[tuple[str, Cost]]:
    """What a model cost on each fold, as mean over the seeds."""
    models = [model for model in run.models if model.name == name]
    for fold in dict.fromkeys(model.fold for model in models):
        of_fold = [(model.seconds, parameters_of(model)) for model in models if model.fold == fold]
        seconds, parameters = np.mean(of_fold, axis=0).tolist()
        yield fold, Cost(seconds, parameters)


def _place(model: FittedModel) -> dict[str, object]:
    return {"model": model.name, "seed": model.seed, "fold": model.fold}


def _key(claim: Measured) -> tuple[str, str, str, str]:
    return claim.model, claim.claim.part, claim.claim.metric, claim.claim.fold


def _spread(values: pd.DataFrame) -> tuple[float, float | None, float | None, float | None]:
    """Return the mean of values, the ends of its interval, and their deviation."""
    numbers = values["value"].to_numpy()
    deviation = float(numbers.std(ddof=1)) if len(numbers) > 1 else None
    return float(numbers.mean()), *_ends(values), deviation


def _ends(values: pd.DataFrame) -> tuple[float, float] | tuple[None, None]:
    """Return the interval of one value; None where there are several, or it is not known."""
    ends = values[["low", "high"]]
    if len(values) != 1 or ends.isna().to_numpy().any():
        return None, None
    low, high = ends.to_numpy()[0]
    return float(low), float(high)
