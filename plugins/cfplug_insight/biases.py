"""The lowest and highest learned biases, and what they tell that plain mean ratings do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug import Chart, Section, Table
from cfplug.report.elements import Interval, rounded
from cfplug_insight.intervals import rank_correlation

if TYPE_CHECKING:
    from cfplug import Context, FittedModel
    from cfplug_insight import BiasRanking

WHY = {
    "item": "A bias is what is left of the mean rating when the tastes of those who rated are taken out: an item "
    "with a high bias is liked even by people whose factors speak against it, one with a low bias is "
    "disliked even by people who like its kind. So the order by bias is not the order by mean rating.",
    "user": "A bias is what is left of the mean rating when taste is taken out: a user with a high bias rates "
    "high even what is not to their taste, one with a low bias rates low even what is. So the order by bias "
    "is not the order by mean rating.",
}
WHY_WITHOUT_FACTORS = {
    "item": "A bias is what is left of the mean rating after allowing for how strict or generous those who rated are: "
    "an item owes a part of its mean to them, all the more where they are few. So the order by bias is not the order "
    "by mean rating. This model knows no tastes, so it cannot allow for these.",
    "user": "A bias is what is left of the mean rating after allowing for how well liked the items are that the user "
    "rated: who rates only what all like has a high mean. So the order by bias is not the order by mean rating. "
    "This model knows no tastes, so it cannot allow for these.",
}
"""Why the order by bias is not the order by mean rating, for a model with factors and for one without."""

MOST = {"item": "most rated", "user": "most active"}

MOST_POINTS = 2000
"""Points of the picture at most; of more ids the most rated are drawn."""


@frozen(eq=False)
class Ranked:
    """The most rated ids of one side, most rated first: name, bias, mean training rating, ratings, each of shape (n,).

    `reach` is half the 95 % interval of the mean, by Student's t over the id's ratings; NaN where
    it has one rating, or ratings have no levels. The ranks are 1 for the highest; equals share one.
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


def rank(params: BiasRanking, fitted: FittedModel, context: Context) -> Section:
    """The lowest and highest biases of the most rated ids of one side, and where mean ratings tell another story."""
    side = params.side
    ids = ranked(fitted, side, params.most_rated)
    lowest, highest = (
        np.argsort(sign * ids.bias, kind="stable")[: params.show] for sign in (1, -1)
    )
    gap = np.abs(ids.bias_rank - ids.mean_rank)
    apart = np.argsort(-gap, kind="stable")[: params.show]
    apart = apart[gap[apart] > 0]
    among = f"Among the {len(ids):,} {MOST[side]} of {len(fitted.catalogue.side(side)):,} {side}s."
    why = (WHY if "embeddings" in fitted.provides else WHY_WITHOUT_FACTORS)[side]
    tables = [_end("Lowest bias", ids, lowest), _end("Highest bias", ids, highest)]
    return Section(
        f"{side.capitalize()} biases of {fitted.name}",
        filter(None, (among, why, _agreement(ids, apart))),
        [*tables, _disagreement(ids, apart)] if len(apart) else tables,
        [_picture(ids, np.unique(np.concatenate([lowest, highest, apart])))],
    )


def ranked(fitted: FittedModel, side: str, most_rated: int) -> Ranked:
    """The up to `most_rated` ids of `side` with the most training ratings, at least one each."""
    count = fitted.support.count[side]
    most = np.argsort(-count, kind="stable")[:most_rated]
    most = most[count[most] > 0]
    names = tuple(map(fitted.catalogue.side(side).label, most.tolist()))
    bias = fitted.biases(side).to_numpy()[most]
    mean = fitted.support.sum[side][most] / count[most]
    return Ranked(
        side, names, bias, mean, _reach(fitted, side, most), count[most], _ranks(bias), _ranks(mean)
    )


def _ranks(values: np.ndarray) -> np.ndarray:
    return pd.Series(-values).rank(method="min").to_numpy(dtype=int)


def _reach(fitted: FittedModel, side: str, codes: np.ndarray) -> np.ndarray:
    from scipy.stats import t

    if side not in fitted.support.levels:
        return np.full(len(codes), np.nan)
    at_level, level = fitted.support.levels[side][codes], np.array(fitted.levels)
    count = at_level.sum(axis=1)
    spread = (at_level * np.square(level - (at_level @ level / count)[:, None])).sum(axis=1)
    free = np.where(count > 1, count - 1, np.nan)
    reach: np.ndarray = t.ppf(0.975, free) * np.sqrt(spread / free / count)
    return reach


def _agreement(ids: Ranked, apart: np.ndarray) -> str:
    """How much the two orders have in common, and the id about which they differ most."""
    same = rounded(rank_correlation(ids.bias, ids.mean))
    if same is None:
        return ""
    told = f"The rank correlation of the two orders, 1 where they are the same and 0 where unrelated, is {same}."
    if not len(apart):
        return told
    most = apart[0]
    places = (
        f"number {ids.bias_rank[most]:,} by bias, number {ids.mean_rank[most]:,} by mean rating"
    )
    return f"{told} They differ most on {ids.side} {ids.name[most]}: {places}."


def _mean(ids: Ranked, at: int) -> Interval | float:
    mean, reach = float(ids.mean[at]), float(ids.reach[at])
    return rounded(mean if np.isnan(reach) else Interval(mean, mean - reach, mean + reach), 2)


def _end(title: str, ids: Ranked, order: np.ndarray) -> Table:
    rows = [
        (ids.name[at], round(float(ids.bias[at]), 3), _mean(ids, at), int(ids.count[at]))
        for at in order
    ]
    return Table(title, (ids.side, "bias", "mean rating", "ratings"), rows)


def _disagreement(ids: Ranked, apart: np.ndarray) -> Table:
    columns = (ids.side, "bias", "rank by bias", "mean rating", "rank by mean rating", "ratings")
    ranks = [(int(ids.bias_rank[at]), int(ids.mean_rank[at])) for at in apart]
    rows = [
        (name, bias, by_bias, mean, by_mean, count)
        for (name, bias, mean, count), (by_bias, by_mean) in zip(
            _end("", ids, apart).rows, ranks, strict=True
        )
    ]
    return Table(
        "Where bias and mean rating disagree most",
        columns,
        rows,
        f"Rank 1 is the highest of {len(ids):,}.",
    )


def _picture(ids: Ranked, named: np.ndarray) -> Chart:
    """A point for each id; those at the positions `named` bear their name, and come first so that there is room."""
    rest = np.setdiff1d(np.arange(len(ids)), named)[: max(0, MOST_POINTS - len(named))]
    rows = [
        (
            ids.name[at],
            round(float(ids.mean[at]), 3),
            round(float(ids.bias[at]), 4),
            int(ids.count[at]),
            shown,
        )
        for order, bears in ((named, True), (rest, False))
        for at in order
        for shown in [ids.name[at] if bears else ""]
    ]
    note = f"Named are the {ids.side}s at both ends of the order by bias, and those on which the two orders differ most."
    columns = (ids.side, "mean rating", "bias", "ratings", "name")
    return Chart(
        "Bias beside mean rating",
        "point",
        columns,
        rows,
        x="mean rating",
        y="bias",
        label="name",
        note=note,
    )
