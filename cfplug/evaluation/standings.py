"""Which cold-start strategy is better after how many revealed ratings, and how sure that is.

Everything rests on sums of squared errors by newcomer: a newcomer's ratings hang together, so
newcomers are drawn anew, the same ones for every strategy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cfplug.report.elements import Chart, Interval, Section, Table, rounded

DRAWS = 2_000
"""How often newcomers are drawn anew; the ends of a 95 % interval then stand on 50 draws each."""

SEED = 0
"""Always the same: two looks at the same outcomes give the same bits."""

COLUMNS = (
    *("model", "cold_start", "revealed", "ratings", "rmse", "low", "high"),
    *(
        "gain",
        "gain_low",
        "gain_high",
        "floor_gain",
        "floor_gain_low",
        "floor_gain_high",
        "coverage",
    ),
)
"""The columns of standings: RMSE pooled over folds and seeds, how much it is lower than that of the recipe's first
strategy and of the mean of all training ratings, each with its 95 % interval; and the share of
ratings within their 90 % interval."""


_CELLS = 2**22
"""Numbers of draws times newcomers that are in memory at once."""


def standings(outcomes: pd.DataFrame) -> pd.DataFrame:
    """One row for each model, strategy and number of revealed ratings, in the order of the outcomes."""
    rows = [row for _, group in outcomes.groupby("model", sort=False) for row in _of_model(group)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_model(outcomes: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    names, first = outcomes["newcomer"].unique(), outcomes["cold_start"].iloc[0]
    groups = dict(iter(outcomes.groupby(["cold_start", "revealed"], sort=False)))
    sums = {
        key: rows.groupby("newcomer")[[*_SUMMED]].sum(min_count=1).loc[names]
        for key, rows in groups.items()
    }
    drawn = np.split(
        _drawn(np.hstack([own[[*_SUMMED[:3]]].to_numpy() for own in sums.values()])),
        len(sums),
        axis=1,
    )
    rmse = {key: np.sqrt(total[:, 1] / total[:, 0]) for key, total in zip(sums, drawn, strict=True)}
    floor = {
        key: np.sqrt(total[:, 2] / total[:, 0]) for key, total in zip(sums, drawn, strict=True)
    }
    for (name, n), own in sums.items():
        found = rmse[name, n]
        coverage = own["covered"].sum(min_count=1) / own["ratings"].sum()
        cells = (
            *_ends(found),
            *_ends(rmse[first, n] - found),
            *_ends(floor[name, n] - found),
            float(coverage),
        )
        yield (outcomes["model"].iloc[0], name, n, int(own["ratings"].sum()), *cells)


_SUMMED = ("ratings", "squared_error", "floor", "covered")


def _drawn(sums: np.ndarray) -> np.ndarray:
    """The totals of `sums`, shape (n_newcomers, m), in each draw of newcomers; the first draw is all of them, once."""
    n, rng = len(sums), np.random.default_rng(SEED)
    at_once = max(1, _CELLS // n)
    sizes = [min(at_once, DRAWS - start) for start in range(0, DRAWS, at_once)]
    parts = (rng.multinomial(n, np.full(n, 1 / n), size=size) @ sums for size in sizes)
    return np.concatenate([sums.sum(axis=0, keepdims=True), *parts])


def _ends(draws: np.ndarray) -> tuple[float, float, float]:
    low, high = np.quantile(draws[1:], [0.025, 0.975])
    return float(draws[0]), float(low), float(high)


def tables_of(table: pd.DataFrame) -> tuple[Table, ...]:
    """RMSE by strategy and number of revealed ratings, for each model."""
    by_model = table.groupby("model", sort=False)
    return tuple(
        _table(f"RMSE on newcomers: {model}", rows, "rmse", "low", "high")
        for model, rows in by_model
    )


def sections(table: pd.DataFrame, asking: frozenset[str]) -> tuple[Section, ...]:
    """What a reader sees of the standings, a section for each model; `asking` are the strategies that interview."""
    return tuple(
        _section(str(model), rows, asking) for model, rows in table.groupby("model", sort=False)
    )


def _section(model: str, rows: pd.DataFrame, asking: frozenset[str]) -> Section:
    first = str(rows["cold_start"].iloc[0])
    gains = _table(f"Gain over {first}, in RMSE", rows[rows["cold_start"] != first], "gain")
    tables = [_table("RMSE on newcomers", rows, "rmse", "low", "high"), gains, _coverage(rows)]
    return Section(
        f"Newcomers: {model}",
        tuple(_words(rows, first, asking)),
        [table for table in tables if table.rows],
        [_chart(rows)],
        analyzer="newcomers",
        model=model,
    )


def _words(rows: pd.DataFrame, first: str, asking: frozenset[str]) -> Iterator[str]:
    last = rows["revealed"].max()
    at_end = rows[rows["revealed"] == last]
    best = at_end.loc[at_end["rmse"].idxmin()]
    step = (
        "of their others are revealed"
        if not asking
        else "of their others are revealed or questions are asked"
    )
    yield (
        f"How far predictions for newcomers are from {int(rows['ratings'].iloc[0]):,} ratings that stay hidden, after "
        f"some {step}, each time for the same newcomers and ratings. All folds are pooled; intervals of 95 % come "
        "from drawing newcomers anew."
    )
    if asking:
        asks = ", ".join(sorted(asking))
        yield f"These ask, and may hear that an item was not seen: {asks}. The others are told ratings of the newcomer."
    yield (
        f"{f'After {last}' if last else 'With nothing revealed'} the best is {best['cold_start']}, with an RMSE of "
        f"{best['rmse']:.4f}"
        + (f", {best['gain']:.4f} below {first}." if best["cold_start"] != first else ".")
    )
    for name, losing in rows[rows["floor_gain_high"] < 0].groupby("cold_start", sort=False):
        after = ", ".join(map(str, losing["revealed"]))
        yield f"Warning: {name} is worse than the mean of all ratings after {after} revealed; do not use it there."


def _table(title: str, rows: pd.DataFrame, column: str, low: str = "", high: str = "") -> Table:
    """A row for each strategy, a column for each number of revealed ratings."""
    ends = rows[[column, low or f"{column}_low", high or f"{column}_high"]].to_numpy(dtype=float)
    return _by_count(title, rows, [rounded(Interval(*map(float, each)), 4) for each in ends])


def _by_count(title: str, rows: pd.DataFrame, values: Sequence[object], note: str = "") -> Table:
    cells = dict(zip(zip(rows["cold_start"], rows["revealed"], strict=True), values, strict=True))
    counts = rows["revealed"].unique()
    lines = [
        (name, *(cells.get((name, n)) for n in counts)) for name in rows["cold_start"].unique()
    ]
    return Table(title, ("strategy", *(f"after {n}" for n in counts)), lines, note)


def _coverage(rows: pd.DataFrame) -> Table:
    told = rows[rows["coverage"].notna()]
    return _by_count(
        "Ratings within their 90 % interval, %",
        told,
        (100 * told["coverage"].to_numpy(dtype=float)).round(1).tolist(),
        "An honest interval holds 90 of 100 ratings. Strategies that give none are left out.",
    )


def _chart(rows: pd.DataFrame) -> Chart:
    if rows["revealed"].nunique() == 1:
        return _beside(rows)
    rows, note = _near(rows)
    counts, errors, names = (rows[name].tolist() for name in ("revealed", "rmse", "cold_start"))
    points = [
        (int(n), round(float(error), 4), name)
        for n, error, name in zip(counts, errors, names, strict=True)
    ]
    columns = ("revealed", "RMSE", "strategy")
    title = "RMSE by revealed ratings"
    return Chart(
        title, "line", columns, points, x="revealed", y="RMSE", color="strategy", note=note
    )


def _near(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Those that are anywhere better than the mean of all ratings, if two are, and a word on the others.

    Beside a constant that is far off the others would all look alike.
    """
    best = rows.groupby("cold_start", sort=False)["floor_gain"].max()
    far = [name for name, gain in best.items() if gain <= 0]
    if not far or len(best) - len(far) < 2:
        return rows, ""
    left_out = rows[rows["cold_start"].isin(far)]["rmse"]
    names = ", ".join(map(str, far))
    note = f"Left out, since they are no better than the mean of all ratings: {names} (RMSE from {left_out.min():.3f})."
    return rows[~rows["cold_start"].isin(far)], note


def _beside(rows: pd.DataFrame) -> Chart:
    """All strategies after the one number of revealed ratings that there is."""
    cells = rows[["rmse", "low", "high"]].to_numpy(dtype=float).round(4).tolist()
    points = [
        (name, *map(float, each)) for name, each in zip(rows["cold_start"], cells, strict=True)
    ]
    columns = ("strategy", "RMSE", "low", "high")
    return Chart(
        "RMSE by strategy",
        "interval",
        columns,
        points,
        x="RMSE",
        y="strategy",
        low="low",
        high="high",
    )
