"""Paired comparisons: how much better one model is than another on the same ratings, and how sure.

All numbers come from the errors of single ratings, summed by user and seed. The ratings of one user
resemble each other, so users, not ratings, are resampled and ranked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import attrs
import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.errors import CapabilityError, DataError, did_you_mean
from cfplug.evaluation.resampling import BOOTSTRAP, LEVEL, bootstrap, user_sums
from cfplug.report.elements import Interval, Table

METRICS = ("mse", "rmse", "mae")
"""The errors that can be compared: those that come from single predictions."""

PAIR = ("seed", "fold", "part", "user", "item", "rating")
"""What must agree in two rows of predictions for them to be a pair."""


@frozen
class Cost:
    """The cost of a model, the mean over its seeds.

    `seconds` is the wall time of training, `parameters` how many numbers were learned.
    """

    seconds: float
    parameters: float


@frozen
class ComparedModel:
    """One model on one part of one fold; all differences are None for the reference itself.

    `mean` and `deviation` (ddof 1, None for a single seed) are over seeds. `low` and `high` are the
    ends of the interval of `difference`; `p` is that of Wilcoxon's test, `p_holm` is corrected for
    all comparisons.
    """

    model: str
    fold: str
    part: str
    mean: float
    deviation: float | None
    seconds: float
    parameters: float
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None


@frozen
class Comparison:
    """Several models and a reference on the same ratings; folds and parts are never mixed."""

    metric: str
    reference: str
    seeds: int
    rows: tuple[ComparedModel, ...]

    def table(self) -> Table:
        """Return the rows for a reader; fold and part are shown where they differ."""
        parts = list(dict.fromkeys(row.part for row in self.rows))
        folds = {row.fold for row in self.rows}
        names = ["model"]
        if len(folds) > 1:
            names.append("fold")
        if len(parts) > 1:
            names.append("part")
        rows = []
        for row in self.rows:
            place = [getattr(row, name) for name in names]
            rows.append((*place, *_cells(row)))
        numbers = (
            self.metric,
            "difference",
            f"{LEVEL * 100:g} % interval",
            "p (Wilcoxon, Holm)",
            "training seconds",
            "parameters",
        )
        title = f"{self.metric} on {' and '.join(parts)}, compared with {self.reference}"
        return Table(title, (*names, *numbers), rows, self._note())

    def _note(self) -> str:
        pairs = sum(row.p is not None for row in self.rows)
        seeds = f", mean of {self.seeds} seeds" if self.seeds > 1 else ""
        return (
            f"difference: {self.metric} minus that of {self.reference} on the same ratings{seeds}; "
            f"below 0 is better than {self.reference}. The interval shows how far it moves if "
            f"other users of the same kind rate ({BOOTSTRAP}); p is how likely chance alone makes "
            "users differ as much (signed-rank test over users, corrected for "
            f"{pairs} {'comparison' if pairs == 1 else 'comparisons'}): below 0.05 is more than "
            "chance."
        )

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as plain numbers, each with the metric and the reference."""
        compared = {"metric": self.metric, "reference": self.reference}
        return [{**compared, **attrs.asdict(row)} for row in self.rows]

    def frame(self) -> pd.DataFrame:
        """Return the same as a table, with NaN for a missing number."""
        return pd.DataFrame(self.records())


def compare(
    predictions: Mapping[str, pd.DataFrame],
    costs: Mapping[tuple[str, str], Cost],
    *,
    metric: str = "mse",
    reference: str = "",
) -> Comparison:
    """Compare models with one of them.

    Args:
        predictions: A table for each model, with the columns seed, fold, part, user, item, rating
            and prediction.
        costs: What each model cost on each fold, by model and fold.
        metric: One of `METRICS`.
        reference: The model that all others are compared with; the first by default.

    Raises:
        CapabilityError: The metric, the reference or a second model does not exist.
        DataError: The models were not measured on the same ratings.
    """
    if metric not in METRICS:
        guess = did_you_mean(metric, METRICS)
        known = ", ".join(METRICS)
        raise CapabilityError(f"metric: expected one of {known}, got {metric!r}{guess}")
    reference = _reference(reference, list(predictions))
    rows, answers = _paired(predictions, reference)
    size_of = np.abs if metric == "mae" else np.square
    errors = {}
    for name, answer in answers.items():
        errors[name] = size_of(answer - rows["rating"].to_numpy(float))
    compared: list[ComparedModel] = []
    for key, where in rows.groupby(["fold", "part"], sort=False).indices.items():
        fold, part = cast(tuple[str, str], key)
        inside = {name: error[where] for name, error in errors.items()}
        block = _Block.of(rows.iloc[where], inside, metric)
        differences = block.differences(reference)
        for name in predictions:
            row = block.row(name, fold, part, costs[name, fold])
            if name != reference:
                difference = differences[name]
                row = attrs.evolve(
                    row,
                    difference=difference.value,
                    low=difference.low,
                    high=difference.high,
                    p=signed_rank(block.by_user(name, reference)),
                )
            compared.append(row)
    return Comparison(metric, reference, rows["seed"].nunique(), tuple(_corrected(compared)))


def _reference(name: str, names: Sequence[str]) -> str:
    there = ", ".join(names)
    if len(names) < 2:
        raise CapabilityError(f"a comparison needs at least two models; there is only {there}")
    if name and name not in names:
        guess = did_you_mean(name, names)
        raise CapabilityError(f"reference: no model called {name!r}{guess} (there are {there})")
    return name or names[0]


# Pairs


def _paired(
    predictions: Mapping[str, pd.DataFrame], reference: str
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return the reference's rows, and each model's predictions in their order, shape (n,)."""
    row_codes = _row_codes(list(predictions.values()))
    codes = dict(zip(predictions, row_codes, strict=True))
    n_codes = 1 + max((int(each.max(initial=-1)) for each in row_codes), default=-1)
    expected = np.bincount(codes[reference], minlength=n_codes)
    answers = {}
    for name, frame in predictions.items():
        more = np.bincount(codes[name], minlength=n_codes) - expected
        if more.any():
            raise DataError(_unpaired(reference, name, predictions, more))
        by_code = np.empty(n_codes)
        by_code[codes[name]] = frame["prediction"].to_numpy(float)
        answers[name] = by_code[codes[reference]]
    return predictions[reference].reset_index(drop=True), answers


def _row_codes(frames: Sequence[pd.DataFrame]) -> list[np.ndarray]:
    """Return a code for each row of each table, shape (n,); a pair of rows has the same code."""
    rows = pd.concat([frame[list(PAIR)] for frame in frames], ignore_index=True)
    codes = np.zeros(len(rows), dtype=np.int64)
    for name in PAIR:
        values, distinct = pd.factorize(rows[name])
        # factorized again after each column, so that no product overflows
        codes, _ = pd.factorize(codes * max(len(distinct), 1) + values)
    return np.split(codes, np.cumsum([len(frame) for frame in frames])[:-1])


def _unpaired(
    one: str, other: str, predictions: Mapping[str, pd.DataFrame], more: np.ndarray
) -> str:
    """Say how many rows two models do not share; `more` of each code are those of `other`."""
    missing, extra = int(-more[more < 0].sum()), int(more[more > 0].sum())
    mine, theirs = predictions[one], predictions[other]
    return (
        f"{one} and {other} were not measured on the same ratings: "
        f"{missing:,} of {len(mine):,} of {one} are not among those of {other}, and "
        f"{extra:,} of {len(theirs):,} the other way round (the same are "
        f"{', '.join(PAIR[:-1])} and rating){_different(mine, theirs)}; "
        "compare runs of the same data, split and seeds"
    )


def _different(one: pd.DataFrame, other: pd.DataFrame) -> str:
    """Say which of seed, fold and part differs between two tables as a whole."""
    for column in ("seed", "fold", "part"):
        here = [str(each) or "none" for each in one[column].drop_duplicates()]
        there = [str(each) or "none" for each in other[column].drop_duplicates()]
        if set(here) != set(there):
            return f"; the {column}s are {', '.join(here)} here and {', '.join(there)} there"
    return ""


# One part of one fold


@frozen(eq=False)
class _Block:
    """The errors of single ratings, summed by user and seed.

    `total` has the sums of each model, shape (n_users, n_seeds); `count` is how many ratings are in
    each sum.
    """

    metric: str
    total: Mapping[str, np.ndarray]
    count: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame, errors: Mapping[str, np.ndarray], metric: str) -> _Block:
        user, users = pd.factorize(rows["user"])
        seed, seeds = pd.factorize(rows["seed"])
        total = {}
        for name, error in errors.items():
            total[name] = user_sums(user, len(users), error, seed, len(seeds))
        count = user_sums(user, len(users), np.ones(len(rows)), seed, len(seeds))
        return cls(metric, total, count)

    def row(self, name: str, fold: str, part: str, cost: Cost) -> ComparedModel:
        """Return a model's row without its difference from the reference."""
        values = self._values(self.total[name].sum(axis=0), self.count.sum(axis=0))
        deviation = float(values.std(ddof=1)) if len(values) > 1 else None
        mean = float(values.mean())
        return ComparedModel(name, fold, part, mean, deviation, cost.seconds, cost.parameters)

    def _values(self, total: np.ndarray, count: np.ndarray) -> np.ndarray:
        """Return the metric of each seed, NaN for a seed without ratings."""
        mean = total / np.where(count > 0, count, np.nan)
        root: np.ndarray = np.sqrt(mean) if self.metric == "rmse" else mean
        return root

    def differences(self, reference: str) -> dict[str, Interval]:
        """Return the difference of each model from `reference` with its bootstrap interval.

        The sums of each model are multiplied by themselves, so that a twin of the reference has a
        difference of exactly 0.
        """

        def figures(count: np.ndarray, *totals: np.ndarray) -> np.ndarray:
            values = {}
            for name, total in zip(self.total, totals, strict=True):
                values[name] = self._values(total, count)
            apart = [np.nanmean(each - values[reference], axis=1) for each in values.values()]
            return np.column_stack(apart)

        cells = bootstrap(figures, self.count, *self.total.values())
        return dict(zip(self.total, map(Interval.of, cells), strict=True))

    def by_user(self, name: str, reference: str) -> np.ndarray:
        """Return each user's difference of mean errors, averaged over the user's seeds.

        For rmse these are mean squared errors, since a user may have a single rating.
        """
        count = np.where(self.count > 0, self.count, np.nan)
        apart = (self.total[name] - self.total[reference]) / count
        differences: np.ndarray = np.nanmean(apart, axis=1)
        return differences


# Tests


def signed_rank(differences: np.ndarray) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test of `differences`, shape (n,).

    Zeros are left out, and p is 1 if nothing else is there. The test is exact for few differences
    without ties, else it uses the normal approximation (Wilcoxon, Individual Comparisons by Ranking
    Methods, Biometrics Bulletin 1, 1945).
    """
    from scipy.stats import wilcoxon

    apart = differences[differences != 0]
    return float(wilcoxon(apart).pvalue) if len(apart) else 1.0


def holm(p: Sequence[float]) -> np.ndarray:
    """Return the values of `p`, shape (m,), corrected for m tests, in their order.

    The i-th smallest becomes the largest of min(1, (m - j + 1) p_(j)) over j <= i (Holm, A Simple
    Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6, 1979).
    """
    raw = np.asarray(p, dtype=float)
    order = np.argsort(raw, kind="stable")
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(1, np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)))
    return corrected


def _corrected(rows: Sequence[ComparedModel]) -> Iterator[ComparedModel]:
    corrected = iter(holm([row.p for row in rows if row.p is not None]).tolist())
    for row in rows:
        yield row if row.p is None else attrs.evolve(row, p_holm=next(corrected))


def _cells(row: ComparedModel) -> tuple[str, ...]:
    """Return the numbers of a row as text."""
    deviation = "" if row.deviation is None else f" ± {row.deviation:.4f}"
    p = ""
    if row.p_holm is not None:
        p = "< 0.0001" if row.p_holm < 1e-4 else f"{row.p_holm:.4f}"
    return (
        f"{row.mean:.4f}{deviation}",
        "reference" if row.difference is None else f"{row.difference:+.4f}",
        "" if row.low is None else f"{row.low:+.4f} to {row.high:+.4f}",
        p,
        f"{row.seconds:.1f}",
        f"{row.parameters:,.0f}",
    )
