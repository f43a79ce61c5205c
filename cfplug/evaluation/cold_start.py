"""How good cold-start strategies are on new users and items, after how many revealed ratings.

Each newcomer reveals some ratings, and all others are predicted. The ratings of one newcomer
resemble each other, so errors are summed by newcomer, and newcomers are resampled.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import attrs
import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.data.dataset import Dataset, Split
from cfplug.data.vocabulary import SIDES, Side
from cfplug.errors import DataError, PluginError
from cfplug.evaluation.resampling import bootstrap
from cfplug.plugin.components import ColdStart, Context
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.interview import Interview, Questionnaire
from cfplug.prediction.policy import Policy
from cfplug.prediction.predictions import Predictions
from cfplug.recipe.recipe import Use
from cfplug.report.elements import Chart, Interval, Section, Table, rounded

NORMAL_90 = 1.6448536269514722
"""Half the width of the interval with 90 % of a normal distribution, in standard deviations."""

OUTCOMES = [
    "model",
    "seed",
    "fold",
    "cold_start",
    "revealed",
    "newcomer",
    "ratings",
    "squared_error",
    "floor",
    "covered",
]
"""The columns of outcomes: one row for each newcomer, strategy and number of revealed ratings.

`ratings` is how many ratings of the newcomer were predicted, `squared_error` the sum of their
squared errors, `floor` that of the mean of all training ratings, `covered` how many were within
their 90 % interval, NaN if there is none."""

SUMMARY = [
    "model",
    "cold_start",
    "revealed",
    "ratings",
    "rmse",
    "low",
    "high",
    "gain",
    "gain_low",
    "gain_high",
    "floor_gain",
    "floor_gain_low",
    "floor_gain_high",
    "coverage",
]
"""The columns of a summary: one row for each model, strategy and number of revealed ratings.

`rmse` is over folds and seeds, `gain` how much lower it is than that of the recipe's first
strategy, `floor_gain` how much lower than that of the mean of all training ratings, each with the
ends of its 95 % interval; `coverage` is the share of ratings within their 90 % interval."""


# Interviews


@frozen(eq=False)
class Trial:
    """The newcomers of one fold: what they may reveal, and the ratings that are to be predicted."""

    model: FittedModel
    dataset: Dataset
    split: Split

    @functools.cached_property
    def query(self) -> pd.DataFrame:
        """The ratings that are to be predicted."""
        return self.dataset.ratings.iloc[self.split.valid].reset_index(drop=True)

    @functools.cached_property
    def pool(self) -> pd.DataFrame:
        """What newcomers may reveal, in the order in which they do."""
        rows = self.split.support
        return self.dataset.ratings.iloc[[] if rows is None else rows].reset_index(drop=True)

    @functools.cached_property
    def side(self) -> Side:
        """The side that is new: `user` if all users of the query are new, else `item`.

        Raises:
            DataError: The query has known users and known items.
        """
        for side in SIDES:
            if self._new(side, self.query).all():
                return side
        raise DataError(
            "cold_starts are tried on new users or items, and the split holds out ratings of users "
            "and items that training knows; split by cold-users, cold-items or cold-both"
        )

    def _new(self, side: Side, pairs: pd.DataFrame) -> np.ndarray:
        codes = self.model.catalogue.side(side).encode(pairs[side])
        return ~self.model.support.trained(side, codes)

    def revealed(self, n: int) -> pd.DataFrame:
        """Return the first `n` ratings that each newcomer reveals, if one side is known."""
        new = {side: self._new(side, self.pool) for side in SIDES}
        wanted = np.zeros(len(self.pool), dtype=bool)
        for side in SIDES:
            wanted |= new[side] & (self.pool.groupby(side).cumcount() < n).to_numpy()
        shown: pd.DataFrame = self.pool.loc[wanted & ~(new["user"] & new["item"])]
        return shown

    def interviewed(self, interview: Interview, most: int) -> pd.DataFrame:
        """Return the answers of each new user to the first `most` questions, in order.

        The columns are user, item and rating, which is NaN for an item that was not seen.
        """
        known: dict[Any, dict[Any, float]] = {user: {} for user in self.query["user"]}
        pool = self.pool[["user", "item", "rating"]]
        for user, item, rating in pool.itertuples(index=False, name=None):
            known.setdefault(user, {})[item] = rating
        rows = []
        questionnaire = Questionnaire(self.model, interview)
        for user, ratings in known.items():
            for item, answer in questionnaire.conversation(ratings.get, most):
                rows.append((user, item, np.nan if answer is None else answer))
        return pd.DataFrame(rows, columns=["user", "item", "rating"])

    def outcome(self, answers: Predictions) -> pd.DataFrame:
        """Return how good `answers` to the query are, one row for each newcomer."""
        truth = self.query["rating"].to_numpy()
        error = truth - answers.rating
        spread = np.full(len(truth), np.nan) if answers.deviation is None else answers.deviation
        rows = pd.DataFrame(
            {
                "newcomer": self.query[self.side].astype(str),
                "ratings": 1,
                "squared_error": error**2,
                "floor": (truth - self.model.support.mean) ** 2,
                "covered": np.where(np.isnan(spread), np.nan, np.abs(error) <= NORMAL_90 * spread),
            }
        )
        return rows.groupby("newcomer", sort=False).sum(skipna=False).reset_index()


def try_strategy(
    trial: Trial, use: Use[ColdStart], policy: Policy, reveal: Sequence[int], context: Context
) -> pd.DataFrame:
    """Return the outcomes of one strategy, with the columns `OUTCOMES`.

    Args:
        trial: The newcomers of a fold.
        use: The strategy with its parameters.
        policy: The policy of the model that lets the strategy answer.
        reveal: How many ratings are revealed or, if the strategy asks, questions asked.
        context: The context of the step.

    Raises:
        PluginError: The strategy gives no interview although it declares one.
    """
    component = use.component
    model = attrs.evolve(trial.model, policy=policy)
    asked = None
    if component.ask is not None and trial.side == "user":
        interview = component.function("ask")(use.params, model, context)
        if not callable(getattr(interview, "next", None)):
            raise PluginError(f"ask gave {type(interview).__name__}, which has no next")
        asked = trial.interviewed(interview, max(reveal))
    outcomes = []
    for n in reveal:
        if asked is None:
            ratings = trial.revealed(n)
        else:
            ratings = asked[asked.groupby("user").cumcount() < n]
        answers = model.answer(trial.query, newcomers=model.newcomers(ratings=ratings))
        outcomes.append(trial.outcome(answers).assign(revealed=n))
    rows = pd.concat(outcomes, ignore_index=True)
    rows = rows.assign(model=model.name, seed=model.seed, fold=model.fold, cold_start=use.name)
    return rows[OUTCOMES]


# The summary of all trials


def summarize(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the summary of `outcomes`, in their order, with the columns `SUMMARY`."""
    rows: list[tuple[object, ...]] = []
    for model, group in outcomes.groupby("model", sort=False):
        rows += [(model, *row) for row in _rows_of_model(group)]
    return pd.DataFrame(rows, columns=SUMMARY)


def _rows_of_model(outcomes: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    newcomers, first = outcomes["newcomer"].unique(), outcomes["cold_start"].iloc[0]
    sums = {}
    for key, rows in outcomes.groupby(["cold_start", "revealed"], sort=False):
        columns = rows.groupby("newcomer")[["ratings", "squared_error", "floor", "covered"]]
        sums[key] = columns.sum(min_count=1).loc[newcomers]

    def figures(*totals: np.ndarray) -> np.ndarray:
        """Return RMSE, gain and floor gain of each key of `sums`, shape (draws, 3 n_keys)."""
        rmse = {}
        for key, total in zip(sums, totals, strict=True):
            rmse[key] = np.sqrt(total[:, 1] / total[:, 0])
        found = []
        for key, total in zip(sums, totals, strict=True):
            floor = np.sqrt(total[:, 2] / total[:, 0])
            found += [rmse[key], rmse[first, key[1]] - rmse[key], floor - rmse[key]]
        return np.column_stack(found)

    totals = [own[["ratings", "squared_error", "floor"]].to_numpy() for own in sums.values()]
    ends = iter([attrs.astuple(Interval.of(cell)) for cell in bootstrap(figures, *totals)])
    for (name, n), own in sums.items():
        ratings = int(own["ratings"].sum())
        coverage = float(own["covered"].sum(min_count=1) / own["ratings"].sum())
        yield name, n, ratings, *next(ends), *next(ends), *next(ends), coverage


def summary_tables(summary: pd.DataFrame) -> tuple[Table, ...]:
    """Return the RMSE by strategy and number of revealed ratings, a table for each model."""
    tables = []
    for model, rows in summary.groupby("model", sort=False):
        tables.append(_table(f"RMSE on newcomers: {model}", rows, "rmse", "low", "high"))
    return tuple(tables)


def summary_sections(
    summary: pd.DataFrame, asking: frozenset[str], new: Collection[Side]
) -> tuple[Section, ...]:
    """Return a section for each model.

    Args:
        summary: What `summarize` returned.
        asking: The names of the strategies that interview.
        new: The sides that are new.
    """
    who = " and ".join(f"{side}s" for side in SIDES if side in new)
    by_model = summary.groupby("model", sort=False)
    return tuple(_section(f"New {who}", str(model), rows, asking) for model, rows in by_model)


def _section(title: str, model: str, rows: pd.DataFrame, asking: frozenset[str]) -> Section:
    first = str(rows["cold_start"].iloc[0])
    others = rows[rows["cold_start"] != first]
    tables = [
        _table("RMSE on newcomers", rows, "rmse", "low", "high"),
        _table(f"Gain over {first}, in RMSE", others, "gain", "gain_low", "gain_high"),
        _coverage(rows),
    ]
    return Section(
        f"{title}: {model}",
        tuple(_text(rows, first, asking)),
        [table for table in tables if table.rows],
        [_chart(rows)],
        analyzer="newcomers",
        model=model,
    )


def _text(rows: pd.DataFrame, first: str, asking: frozenset[str]) -> Iterator[str]:
    last = rows["revealed"].max()
    at_end = rows[rows["revealed"] == last]
    best = at_end.loc[at_end["rmse"].idxmin()]
    step = " or questions are asked" if asking else ""
    yield (
        "How far predictions for newcomers are from "
        f"{int(rows['ratings'].iloc[0]):,} ratings that stay hidden, after some of their others "
        f"are revealed{step}, each time for the same newcomers and ratings. All folds are taken "
        "together; intervals of 95 % are by a percentile bootstrap over newcomers."
    )
    if asking:
        yield (
            "These strategies ask, and an answer may be that an item was not seen: "
            f"{', '.join(sorted(asking))}. The others get ratings of the newcomer."
        )
    when = f"After {last}" if last else "With nothing revealed"
    gain = "" if best["cold_start"] == first else f", {best['gain']:.4f} below {first}"
    yield f"{when} the best is {best['cold_start']}, with an RMSE of {best['rmse']:.4f}{gain}."
    for name, losing in rows[rows["floor_gain_high"] < 0].groupby("cold_start", sort=False):
        after = ", ".join(map(str, losing["revealed"]))
        yield (
            f"Warning: {name} is worse than the mean of all ratings after {after} revealed; "
            "do not use it there."
        )


def _table(title: str, rows: pd.DataFrame, *columns: str) -> Table:
    """Return the intervals in three `columns` by strategy and number of revealed ratings."""
    ends = rows[list(columns)].to_numpy(dtype=float).tolist()
    return _by_count(title, rows, [rounded(Interval(*each), 4) for each in ends])


def _by_count(title: str, rows: pd.DataFrame, values: Sequence[object], note: str = "") -> Table:
    cells = dict(zip(zip(rows["cold_start"], rows["revealed"], strict=True), values, strict=True))
    counts = rows["revealed"].unique()
    lines = []
    for name in rows["cold_start"].unique():
        lines.append((name, *(cells.get((name, n)) for n in counts)))
    return Table(title, ("strategy", *(f"after {n}" for n in counts)), lines, note)


def _coverage(rows: pd.DataFrame) -> Table:
    known = rows[rows["coverage"].notna()]
    return _by_count(
        "Ratings within their 90 % interval, %",
        known,
        (100 * known["coverage"].to_numpy(dtype=float)).round(1).tolist(),
        "An honest interval holds 90 of 100 ratings. Strategies that give none are left out.",
    )


def _chart(rows: pd.DataFrame) -> Chart:
    """Return RMSE by number of revealed ratings, or by strategy if there is a single number."""
    if rows["revealed"].nunique() == 1:
        numbers = rows[["rmse", "low", "high"]].to_numpy(dtype=float).round(4).tolist()
        bars = [(name, *own) for name, own in zip(rows["cold_start"], numbers, strict=True)]
        ends = {"low": "low", "high": "high"}
        names = ("strategy", "RMSE", *ends)
        return Chart("RMSE by strategy", "interval", names, bars, x="RMSE", y="strategy", **ends)
    rows, note = _better_than_floor(rows)
    errors = rows["rmse"].astype(float).round(4).tolist()
    points = list(zip(rows["revealed"].tolist(), errors, rows["cold_start"], strict=True))
    roles = {"x": "revealed", "y": "RMSE", "color": "strategy", "note": note}
    columns = ("revealed", "RMSE", "strategy")
    return Chart("RMSE by revealed ratings", "line", columns, points, **roles)


def _better_than_floor(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the strategies that are better than the mean of all ratings anywhere, and a note.

    The scale of a chart with a bad strategy would make all others look alike. All are returned if
    fewer than two are better.
    """
    best = rows.groupby("cold_start", sort=False)["floor_gain"].max()
    bad = [name for name, gain in best.items() if gain <= 0]
    if not bad or len(best) - len(bad) < 2:
        return rows, ""
    left_out = rows["cold_start"].isin(bad)
    return rows[~left_out], (
        "Left out, since they are no better than the mean of all ratings: "
        f"{', '.join(map(str, bad))} (RMSE from {rows.loc[left_out, 'rmse'].min():.3f})."
    )
