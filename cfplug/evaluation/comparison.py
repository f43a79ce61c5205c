"""Paired comparisons: by how much one model is better than another on the same ratings, and how sure that is.

Everything rests on the errors of single ratings, added up by user and seed: a user's ratings hang
together, so users, not ratings, are what is drawn anew and what is ranked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import attrs
import numpy as np
import pandas as pd
from attrs import frozen

from cfplug.errors import CapabilityError, DataError, did_you_mean
from cfplug.report.elements import Table

METRICS = ("mse", "rmse", "mae")
"""The errors that can be compared: those that come from single predictions."""

PAIR = ("seed", "fold", "part", "user", "item", "rating")
"""What must agree in two rows of predictions for them to be a pair."""

LEVEL = 0.95
DRAWS = 5_000
"""How often users are drawn anew; the ends of a 95 % interval then stand on 125 draws each."""

BOOTSTRAP_SEED = 0
"""Always the same: two comparisons of the same predictions give the same bits."""

_CELLS = 2**22
"""Numbers of draws times users that are in memory at once."""


@frozen
class Cost:
    """What a model cost, as mean over its seeds: wall seconds of training, and numbers learned."""

    seconds: float
    parameters: float


@frozen
class Compared:
    """One model on one part of one fold, beside the reference; differences are None for the reference itself.

    `mean` and `deviation` (ddof 1, None where there is one seed) are over seeds. `low` and `high`
    bound the bootstrap interval of `difference`; `p` is Wilcoxon's own, `p_holm` the one corrected
    for all comparisons."""

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
    """Several models beside one of them, on the same ratings; folds and parts are never mixed."""

    metric: str
    reference: str
    seeds: int
    rows: tuple[Compared, ...]

    def table(self) -> Table:
        """The rows for a person to read, with a note on what is compared with what; fold and part where they differ."""
        parts, folds = ({getattr(row, name) for row in self.rows} for name in ("part", "fold"))
        shown = {"model": True, "fold": len(folds) > 1, "part": len(parts) > 1}
        names = [name for name, wanted in shown.items() if wanted]
        rows = [(*(getattr(row, name) for name in names), *_cells(row)) for row in self.rows]
        on = " and ".join(sorted(parts, key=[row.part for row in self.rows].index))
        columns = (
            *(
                *names,
                self.metric,
                "difference",
                f"{LEVEL * 100:g} % interval",
                "p (Wilcoxon, Holm)",
            ),
            *("training seconds", "parameters"),
        )
        return Table(f"{self.metric} on {on}, beside {self.reference}", columns, rows, self._note())

    def _note(self) -> str:
        pairs = sum(row.p is not None for row in self.rows)
        return (
            f"difference: {self.metric} minus that of {self.reference} on the same ratings"
            f"{f', mean of {self.seeds} seeds' if self.seeds > 1 else ''}; below 0 is better than {self.reference}. "
            f"The interval shows how far it moves when other users of the same kind are asked (bootstrap over users); "
            f"p is how likely chance alone sets the users as far apart (signed-rank test over users, corrected for "
            f"{pairs} {'comparison' if pairs == 1 else 'comparisons'}): below 0.05 is more than chance."
        )

    def records(self) -> list[dict[str, Any]]:
        """The rows as numbers for a program, each with the metric and the reference."""
        return [
            {"metric": self.metric, "reference": self.reference, **attrs.asdict(row)}
            for row in self.rows
        ]

    def frame(self) -> pd.DataFrame:
        """The same as a table; NaN stands where there is no number."""
        return pd.DataFrame(self.records())


def compare(
    predictions: Mapping[str, pd.DataFrame],
    costs: Mapping[tuple[str, str], Cost],
    *,
    metric: str = "mse",
    reference: str = "",
) -> Comparison:
    """Every model of `predictions` beside `reference` (by default the first).

    `predictions` has a table for each model, with the columns seed, fold, part, user, item, rating
    and prediction; `costs` has what each model cost on each fold. CapabilityError for a metric, a
    reference or a second model that there is not; DataError if the models were not measured on the
    same ratings."""
    _check_metric(metric)
    reference = _reference(reference, list(predictions))
    rows, answers = _paired(predictions, reference)
    errors = {
        name: _ERRORS[metric](answer - rows["rating"].to_numpy(float))
        for name, answer in answers.items()
    }
    compared: list[Compared] = []
    for key, where in rows.groupby(["fold", "part"], sort=False).indices.items():
        fold, part = cast(tuple[str, str], key)
        block = _Block.of(
            rows.iloc[where], {name: error[where] for name, error in errors.items()}, metric
        )
        intervals = block.intervals(reference)
        compared += [
            _compared(block, name, reference, (fold, part), intervals[name], costs[name, fold])
            for name in predictions
        ]
    return Comparison(metric, reference, rows["seed"].nunique(), tuple(_corrected(compared)))


_ERRORS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "mse": np.square,
    "rmse": np.square,
    "mae": np.abs,
}


def _check_metric(metric: str) -> None:
    if metric not in METRICS:
        guess = did_you_mean(metric, METRICS)
        raise CapabilityError(
            f"models are compared by {', '.join(METRICS)}; asked for {metric!r}{guess}"
        )


def _reference(name: str, names: Sequence[str]) -> str:
    there = ", ".join(names)
    if len(names) < 2:
        raise CapabilityError(f"to compare takes at least two models; there is only {there}")
    if name and name not in names:
        raise CapabilityError(
            f"no model called {name!r} to compare with{did_you_mean(name, names)} (there are {there})"
        )
    return name or names[0]


# Pairs


def _paired(
    predictions: Mapping[str, pd.DataFrame], reference: str
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The reference's rows, and for each model its predictions in the order of these rows, each of shape (n,)."""
    codes = dict(zip(predictions, _row_codes(list(predictions.values())), strict=True))
    n_codes = 1 + max((int(each.max(initial=-1)) for each in codes.values()), default=-1)
    expected = np.bincount(codes[reference], minlength=n_codes)
    answers = {}
    for name, frame in predictions.items():
        _check_same(
            reference, name, expected, np.bincount(codes[name], minlength=n_codes), predictions
        )
        by_code = np.empty(n_codes)
        by_code[codes[name]] = frame["prediction"].to_numpy(float)
        answers[name] = by_code[codes[reference]]
    return predictions[reference].reset_index(drop=True), answers


def _row_codes(frames: Sequence[pd.DataFrame]) -> list[np.ndarray]:
    """For each table a code for each row, shape (n,): two rows of any tables have one code if they are a pair."""
    rows = pd.concat([frame[list(PAIR)] for frame in frames], ignore_index=True)
    codes = np.zeros(len(rows), dtype=np.int64)
    for name in PAIR:
        values, distinct = pd.factorize(rows[name])
        codes, _ = pd.factorize(
            codes * max(len(distinct), 1) + values
        )  # dense again, so that no product overflows
    return np.split(codes, np.cumsum([len(frame) for frame in frames])[:-1])


def _check_same(
    reference: str,
    name: str,
    expected: np.ndarray,
    found: np.ndarray,
    frames: Mapping[str, pd.DataFrame],
) -> None:
    missing, extra = (
        int(np.clip(more, 0, None).sum()) for more in (expected - found, found - expected)
    )
    if missing or extra:
        where = _differing(frames[reference], frames[name])
        raise DataError(
            f"{reference} and {name} were not measured on the same ratings: {missing:,} of {int(expected.sum()):,} of "
            f"{reference} are not among those of {name}, and {extra:,} of {int(found.sum()):,} the other way round "
            f"(the same are {', '.join(PAIR[:-1])} and rating){where}; compare runs of the same data, split and seeds"
        )


def _differing(one: pd.DataFrame, other: pd.DataFrame) -> str:
    """In which of seed, fold and part two tables differ as a whole, in words."""
    for column in PAIR[:3]:
        here, there = (
            [str(each) or "none" for each in frame[column].drop_duplicates()]
            for frame in (one, other)
        )
        if set(here) != set(there):
            return f"; the {column}s are {', '.join(here)} here and {', '.join(there)} there"
    return ""


# One part of one fold


@frozen(eq=False)
class _Block:
    """Errors of single ratings added up by user and seed.

    `total` has for each model the sums, shape (n_users, n_seeds); `count` is how many ratings they
    are sums of."""

    metric: str
    total: Mapping[str, np.ndarray]
    count: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame, errors: Mapping[str, np.ndarray], metric: str) -> _Block:
        user, users = pd.factorize(rows["user"])
        seed, seeds = pd.factorize(rows["seed"])
        cell, shape = user * len(seeds) + seed, (len(users), len(seeds))

        def by_cell(weights: np.ndarray | None) -> np.ndarray:
            return np.bincount(cell, weights, minlength=len(users) * len(seeds)).reshape(shape)

        return cls(metric, {name: by_cell(error) for name, error in errors.items()}, by_cell(None))

    def values(self, name: str) -> np.ndarray:
        """The metric of each seed, shape (n_seeds,)."""
        return self._metric(self.total[name].sum(axis=0), self.count.sum(axis=0))

    def _metric(self, total: np.ndarray, count: np.ndarray) -> np.ndarray:
        """Mean errors; a seed of which no rating was drawn has none, NaN."""
        mean = total / np.where(count > 0, count, np.nan)
        root: np.ndarray = np.sqrt(mean) if self.metric == "rmse" else mean
        return root

    def intervals(self, reference: str) -> dict[str, tuple[float, float]]:
        """For each model the percentile interval of its difference from `reference`, with users as clusters.

        Users are drawn with replacement, as many as there are; a drawn user brings all ratings of
        every seed, so sum_u w_u total_u / sum_u w_u count_u is the metric of one draw with the
        weights w. Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; Field
        and Welsh, Bootstrapping clustered data (2007), JRSS B."""
        drawn = [self._drawn(weights, reference) for weights in _weights(len(self.count))]
        differences = {
            name: np.concatenate([portion[name] for portion in drawn]) for name in self.total
        }
        tail = (1 - LEVEL) / 2
        ends = {
            name: np.quantile(each, [tail, 1 - tail]).tolist() for name, each in differences.items()
        }
        return {name: (low, high) for name, (low, high) in ends.items()}

    def _drawn(self, weights: np.ndarray, reference: str) -> dict[str, np.ndarray]:
        """The differences in draws with `weights`, shape (draws, n_users): for each model the shape (draws,).

        There is a product of its own for each model: equal sums then give equal bits, and swapped
        models opposite ones."""
        count = weights @ self.count
        values = {name: self._metric(weights @ total, count) for name, total in self.total.items()}
        return {name: np.nanmean(each - values[reference], axis=1) for name, each in values.items()}

    def by_user(self, name: str, reference: str) -> np.ndarray:
        """For each user the difference of mean errors, averaged over the seeds that have the user, shape (n_users,).

        For rmse these are mean squared errors: a user with a single rating has no root of a mean to
        speak of."""
        count = np.where(self.count > 0, self.count, np.nan)
        differences: np.ndarray = np.nanmean(
            (self.total[name] - self.total[reference]) / count, axis=1
        )
        return differences


def _weights(n_users: int) -> Iterator[np.ndarray]:
    """How often each user is drawn, shape (draws, n_users): all draws, in portions that fit into memory."""
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    portion = max(1, _CELLS // n_users)
    for start in range(0, DRAWS, portion):
        draws = min(portion, DRAWS - start)
        drawn = rng.integers(n_users, size=(draws, n_users)) + n_users * np.arange(draws)[:, None]
        yield (
            np.bincount(drawn.ravel(), minlength=draws * n_users)
            .reshape(draws, n_users)
            .astype(float)
        )


def _compared(
    block: _Block,
    name: str,
    reference: str,
    where: tuple[str, str],
    interval: tuple[float, float],
    cost: Cost,
) -> Compared:
    values = block.values(name)
    deviation = float(values.std(ddof=1)) if len(values) > 1 else None
    alone = Compared(name, *where, float(values.mean()), deviation, cost.seconds, cost.parameters)
    if name == reference:
        return alone
    difference = float((values - block.values(reference)).mean())
    p = signed_rank(block.by_user(name, reference))
    return attrs.evolve(alone, difference=difference, low=interval[0], high=interval[1], p=p)


# Tests


def signed_rank(differences: np.ndarray) -> float:
    """The two-sided p of Wilcoxon's signed-rank test for `differences`, shape (n,); 1 where all of them are zero.

    Zeros are left out; exact for few differences without ties, else by the normal approximation.
    Wilcoxon, Individual Comparisons by Ranking Methods (1945), Biometrics Bulletin 1."""
    from scipy.stats import wilcoxon

    apart = differences[differences != 0]
    return float(wilcoxon(apart).pvalue) if len(apart) else 1.0


def holm(p: Sequence[float]) -> np.ndarray:
    """The values of `p`, shape (m,), corrected for m tests, in their order.

    The i-th smallest becomes the largest of min(1, (m - j + 1) p_(j)) over j <= i. Holm, A Simple
    Sequentially Rejective Multiple Test Procedure (1979), Scandinavian Journal of Statistics 6."""
    raw = np.asarray(p, dtype=float)
    order = np.argsort(raw, kind="stable")
    corrected = np.empty_like(raw)
    corrected[order] = np.minimum(1, np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)))
    return corrected


def _corrected(rows: Sequence[Compared]) -> Iterator[Compared]:
    corrected = iter(holm([row.p for row in rows if row.p is not None]).tolist())
    for row in rows:
        yield row if row.p is None else attrs.evolve(row, p_holm=next(corrected))


# Cells


def _cells(row: Compared) -> tuple[Any, ...]:
    deviation = "" if row.deviation is None else f" ± {row.deviation:.4f}"
    return (
        f"{row.mean:.4f}{deviation}",
        "reference" if row.difference is None else f"{row.difference:+.4f}",
        "" if row.low is None else f"{row.low:+.4f} to {row.high:+.4f}",
        "" if row.p_holm is None else _p_words(row.p_holm),
        f"{row.seconds:.1f}",
        f"{row.parameters:,.0f}",
    )


def _p_words(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"
