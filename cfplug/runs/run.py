"""What a run left behind: its models, its numbers, its claims; in memory or opened from its folder."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
"""The columns of a run's metrics; the fold is empty where the split has no named folds, low and high where the 95 %
interval of the value is not known."""

ALL_FOLDS = "all folds"

INTERVAL = "95 % interval"


def _none_kept() -> pd.DataFrame:
    return pd.DataFrame(columns=["model", *PAIR, "prediction", "origin"])


def _none_tried() -> pd.DataFrame:
    return pd.DataFrame(columns=SUMMARY)


@frozen
class Measured:
    """A claim beside what was measured, as mean over the seeds and, unless it names one, over the folds."""

    claim: Claim
    model: str
    value: float

    @property
    def met(self) -> bool:
        return self.claim.met_by(self.value)


@frozen(eq=False, repr=False)
class Run:
    """A finished run.

    `metrics` is a table with the columns model, seed, fold, part, metric, value, low and high.
    `model` is the first model of the recipe, `models` are all of them, one for each seed and fold.
    `predictions()` gives what every model predicted for the ratings on which it was measured:
    model, seed, fold, part, user, item, rating, prediction, origin. `cold_start_results` is how the
    recipe's `cold_starts` did on newcomers; its columns are `evaluation.cold_start.SUMMARY`."""

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
        """The model of this name, seed and fold (the first of each that is not given); CapabilityError if none is."""
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
                return f"the run has no {key} called {value!r}{did_you_mean(str(value), there)} (it has {has})"
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
        """The row of a strategy on newcomers that a claim is about; none where that was not tried."""
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

    def table(self) -> Table:
        """One row for each model, part and metric: measured (mean and deviation over seeds) beside claimed.

        One value stands beside its interval over users, if it is known; the mean of several with
        their deviation. With folds there is a row for each, and one for all of them: mean and
        deviation over the folds. Where there are several claims about one row, each has its own.
        """
        claims = [claim for claim in self.claim_results() if not claim.claim.cold_start]
        folds, ends = (
            bool(self.metrics["fold"].any()),
            any(_ends(values) for _, values in self._measured()),
        )
        rows: list[tuple[object, ...]] = []
        for (model, part, metric, fold), values in self._measured():
            key = (model, part, metric, "" if fold == ALL_FOLDS else fold)
            cells = (_number(values["value"].to_numpy()), *([_ends(values)] if ends else []))
            measured = (model, *([fold] if folds else []), part, metric, *cells)
            its_own = [claim for claim in claims if _key(claim) == key]
            rows += [(*measured, *_claim_cells(claim)) for claim in its_own] or [
                (*measured, "", "", "")
            ]
        for claim in (each for each in self.claim_results() if each.claim.cold_start):
            value = (
                _number(np.array([claim.value])),
                *([_ends(self._tried(claim.claim, claim.model))] if ends else []),
            )
            named = (
                claim.model,
                *([ALL_FOLDS] if folds else []),
                claim.claim.part,
                _on_newcomers(claim.claim),
            )
            rows.append((*named, *value, *_claim_cells(claim)))
        seeds = len(self.recipe.seeds)
        mean = "measured" if seeds == 1 else f"measured, mean of {seeds} seeds"
        shown = {"fold": folds, INTERVAL: ends}
        columns = ("model", "fold", "part", "metric", mean, INTERVAL, "claimed", "met", "source")
        return Table(self.recipe.title, [name for name in columns if shown.get(name, True)], rows)

    def _measured(self) -> Iterator[tuple[tuple[str, str, str, str], pd.DataFrame]]:
        """The values of each row of the table: over seeds for a fold, over folds (means of seeds) for all of them."""
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
    one model, or none called `reference`."""
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
                f"two runs have a model called {label}; give each run once, in folders of other names"
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


def _number(values: np.ndarray) -> str:
    deviation = f" ± {values.std(ddof=1):.4f}" if len(values) > 1 else ""
    return f"{values.mean():.4f}{deviation}"


def _ends(values: pd.DataFrame) -> str:
    """The interval of one value, in words; empty where there are several, or it is not known."""
    if len(values) != 1 or values[["low", "high"]].isna().to_numpy().any():
        return ""
    low, high = values[["low", "high"]].to_numpy()[0]
    return f"{low:.4f} to {high:.4f}"


def _on_newcomers(claim: Claim) -> str:
    return f"{claim.metric}, {claim.cold_start} after {claim.revealed}"


def _claim_cells(claim: Measured) -> tuple[str, str, str]:
    return claim.claim.bound(), "yes" if claim.met else "no", claim.claim.source
