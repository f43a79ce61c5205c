"""The lowest and highest learned biases, and where they differ from plain mean ratings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug import Chart, Section, Table
from cfplug.report.elements import Interval, rounded

if TYPE_CHECKING:
    from cfplug import Context, FittedModel
    from cfplug_insight import BiasRanking

WHY = {
    "item": "A bias is what is left of the mean rating without the tastes of those who rated: an "
    "item with a high bias is liked even by users whose factors are against it, one with a low "
    "bias is disliked even by users who like its kind. So the order by bias is not the order by "
    "mean rating.",
    "user": "A bias is what is left of the mean rating without taste: a user with a high bias "
    "rates high even what is not to their taste, one with a low bias rates low even what is. So "
    "the order by bias is not the order by mean rating.",
}
WHY_WITHOUT_FACTORS = {
    "item": "A bias is what is left of the mean rating after allowing for how strict or generous "
    "those who rated are: they account for a part of an item's mean, all the more if they are few. "
    "So the order by bias is not the order by mean rating. This model has no factors, so it cannot "
    "allow for taste.",
    "user": "A bias is what is left of the mean rating after allowing for how well liked the items "
    "are that the user rated: a user who rates only popular items has a high mean. So the order by "
    "bias is not the order by mean rating. This model has no factors, so it cannot allow for "
    "taste.",
}
"""Why the order by bias is not the order by mean rating, for a model with and without factors."""

MOST = {"item": "most rated", "user": "most active"}

MOST_POINTS = 2000
"""How many points the picture has at most; of more ids the most rated are drawn."""


@frozen(eq=False)
class Ranking:
    """The most rated ids of one side, most rated first; all arrays have the shape (n,).

    `mean` is the mean training rating, `count` how many there are. `reach` is half the 95 %
    interval of the mean, by Student's t over the id's ratings; NaN for an id with one rating, or
    for ratings without levels. Rank 1 is the highest; equal values share a rank.
    """

    side: str
    name: tuple[str, ...]
    bias: np.ndarray
    mean: np.ndarray
    reach: np.ndarray
    count: np.ndarray
    bias_rank: np.ndarray
    mean_rank: np.ndarray

    def __len__(self) -> int:
        return len(self.name)


def bias_ranking(params: BiasRanking, fitted: FittedModel, context: Context) -> Section:
    """Return the lowest and highest biases, and where mean ratings differ from them.

    Args:
        params: The side, how many of its ids are ranked, and how many are shown.
        fitted: A model that provides biases.
        context: Not used.
    """
    side = params.side
    ids = ranking(fitted, side, params.most_rated)
    lowest = np.argsort(ids.bias, kind="stable")[: params.show]
    highest = np.argsort(-ids.bias, kind="stable")[: params.show]
    gap = np.abs(ids.bias_rank - ids.mean_rank)
    apart = np.argsort(-gap, kind="stable")[: params.show]
    apart = apart[gap[apart] > 0]
    among = f"Among the {len(ids):,} {MOST[side]} of {len(fitted.catalogue.side(side)):,} {side}s."
    why = (WHY if "embeddings" in fitted.provides else WHY_WITHOUT_FACTORS)[side]
    tables = [_end("Lowest bias", ids, lowest), _end("Highest bias", ids, highest)]
    if len(apart):
        tables.append(_disagreement(ids, apart))
    return Section(
        f"{side.capitalize()} biases of {fitted.name}",
        filter(None, (among, why, _agreement(ids, apart))),
        tables,
        [_chart(ids, np.unique(np.concatenate([lowest, highest, apart])))],
    )


def ranking(fitted: FittedModel, side: str, most_rated: int) -> Ranking:
    """Return the up to `most_rated` ids of `side` with the most training ratings, at least one."""
    count = fitted.support.count[side]
    most = np.argsort(-count, kind="stable")[:most_rated]
    most = most[count[most] > 0]
    names = tuple(map(fitted.catalogue.side(side).label, most.tolist()))
    bias = fitted.biases(side).to_numpy()[most]
    mean = fitted.support.sum[side][most] / count[most]
    reach = _reach(fitted, side, most)
    return Ranking(side, names, bias, mean, reach, count[most], _ranks(bias), _ranks(mean))


def _ranks(values: np.ndarray) -> np.ndarray:
    return pd.Series(-values).rank(method="min").to_numpy(dtype=int)


def _reach(fitted: FittedModel, side: str, codes: np.ndarray) -> np.ndarray:
    from scipy.stats import t

    if side not in fitted.support.levels:
        return np.full(len(codes), np.nan)
    at_level, level = fitted.support.levels[side][codes], np.array(fitted.levels)
    count = at_level.sum(axis=1)
    mean = at_level @ level / count
    spread = (at_level * np.square(level - mean[:, None])).sum(axis=1)
    free = np.where(count > 1, count - 1, np.nan)
    reach: np.ndarray = t.ppf(0.975, free) * np.sqrt(spread / free / count)
    return reach


def rank_correlation(x: np.ndarray, y: np.ndarray) -> Interval | None:
    """Return Spearman's correlation of x and y, shape (n,), with its 95 % interval.

    The standard error on Fisher's scale is sqrt((1 + r^2 / 2) / (n - 3)) (Bonett and Wright,
    Psychometrika 65, 2000). None if n < 4 or x or y is constant.
    """
    if len(x) < 4 or min(np.ptp(x), np.ptp(y)) == 0:
        return None
    r = float(np.corrcoef(pd.Series(x).rank(), pd.Series(y).rank())[0, 1])
    if abs(r) > 1 - 1e-9:
        sign = float(np.sign(r))
        return Interval(sign, sign, sign)
    reach = 1.96 * math.sqrt((1 + r * r / 2) / (len(x) - 3))
    return Interval(r, math.tanh(math.atanh(r) - reach), math.tanh(math.atanh(r) + reach))


def _agreement(ids: Ranking, apart: np.ndarray) -> str:
    """Say how much the two orders have in common, and on which id they differ most."""
    same = rounded(rank_correlation(ids.bias, ids.mean))
    if same is None:
        return ""
    text = (
        "The rank correlation of the two orders (interval by Bonett and Wright, 2000), 1 if they "
        f"are the same and 0 if unrelated, is {same}."
    )
    if not len(apart):
        return text
    most = apart[0]
    return (
        f"{text} They differ most on {ids.side} {ids.name[most]}: number "
        f"{ids.bias_rank[most]:,} by bias, number {ids.mean_rank[most]:,} by mean rating."
    )


def _row(ids: Ranking, at: int) -> tuple[str, float, Interval | float, int]:
    """Return name, bias, mean rating and number of ratings of one id."""
    mean, reach = float(ids.mean[at]), float(ids.reach[at])
    cell: Any = mean if np.isnan(reach) else Interval(mean, mean - reach, mean + reach)
    return ids.name[at], round(float(ids.bias[at]), 3), rounded(cell, 2), int(ids.count[at])


def _end(title: str, ids: Ranking, order: np.ndarray) -> Table:
    note = "Intervals (95 %) of means are Student's, over the ratings of the id."
    columns = (ids.side, "bias", "mean rating", "ratings")
    return Table(title, columns, [_row(ids, at) for at in order], note)


def _disagreement(ids: Ranking, apart: np.ndarray) -> Table:
    columns = (ids.side, "bias", "rank by bias", "mean rating", "rank by mean rating", "ratings")
    rows = []
    for at in apart:
        name, bias, mean, count = _row(ids, at)
        rows.append((name, bias, int(ids.bias_rank[at]), mean, int(ids.mean_rank[at]), count))
    note = f"Rank 1 is the highest of {len(ids):,}."
    return Table("Largest differences", columns, rows, note)


def _chart(ids: Ranking, named: np.ndarray) -> Chart:
    """Return a point for each id; those at the positions `named` have labels, and come first."""
    rest = np.setdiff1d(np.arange(len(ids)), named)[: max(0, MOST_POINTS - len(named))]
    rows: list[tuple[Any, ...]] = []
    for at in (*named, *rest):
        mean, bias = round(float(ids.mean[at]), 3), round(float(ids.bias[at]), 4)
        label = ids.name[at] if len(rows) < len(named) else ""
        rows.append((ids.name[at], mean, bias, int(ids.count[at]), label))
    return Chart(
        "Bias and mean rating",
        "point",
        (ids.side, "mean rating", "bias", "ratings", "name"),
        rows,
        x="mean rating",
        y="bias",
        label="name",
        note=f"Labels: the {ids.side}s at both ends of the order by bias, and those on which the "
        "two orders differ most.",
    )
