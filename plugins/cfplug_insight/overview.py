"""The data: counts, ratings over the scale and over time, the long tail, and metadata."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from cfplug import Chart, Dataset, Section, Table
from cfplug_insight.crosstab import crosstab
from cfplug_insight.metadata import columns
from cfplug_insight.timeline import timeline

if TYPE_CHECKING:
    from cfplug import Context, FittedModel
    from cfplug_insight import DataOverview

BANDS = 20
"""Bars of the histogram of ratings that have no levels."""

MOST_RANKS = 150
"""Points that each line of the long tail has at most."""

TOP = 0.1
"""The share of users, or of items, that is called the most active or the most rated."""

FEW = 5
"""An item with fewer ratings is counted as one of which little is known."""


def overview(params: DataOverview, fitted: FittedModel, context: Context) -> Section:
    """Return counts, how ratings are distributed, metadata, and a crosstab.

    Args:
        params: How many users and items the crosstab has.
        fitted: A model, which fills the crosstab.
        context: Not used.
    """
    dataset, catalogue = fitted.evidence.dataset, fitted.catalogue
    counts = {
        "item": np.bincount(catalogue.rated_item, minlength=len(catalogue.item)),
        "user": np.bincount(catalogue.rated_user, minlength=len(catalogue.user)),
    }
    pictures, when = timeline(dataset)
    cells, filled = crosstab(params.crosstab, fitted, counts)
    known = columns(dataset)
    unknown = [] if known else ["Users and items have no metadata."]
    return Section(
        f"The data: {dataset.name}",
        (_size(dataset, counts), when, _tail(counts), *unknown, filled),
        (_in_numbers(fitted, counts), *([known] if known else [])),
        (histogram(dataset), *pictures, long_tail(counts), cells),
    )


def _size(dataset: Dataset, counts: Mapping[str, np.ndarray]) -> str:
    items, users = (int((counts[side] > 0).sum()) for side in ("item", "user"))
    rating, scale = dataset.ratings["rating"], dataset.scale
    text = (
        f"{len(rating):,} ratings of {items:,} items by {users:,} users: {density(counts):.3g} % "
        "of all their "
        f"pairs have a rating. Ratings go from {scale.low:g} to {scale.high:g}, with a mean of "
        f"{rating.mean():.3g}"
    )
    if not scale.levels:
        return f"{text}."
    usual = float(rating.mode().iloc[0])
    share = 100 * float((rating == usual).mean())
    return f"{text}; the most frequent is {usual:g}, with {share:.3g} % of all."


def _tail(counts: Mapping[str, np.ndarray]) -> str:
    half = (
        int(np.searchsorted(np.cumsum(np.sort(counts["item"])[::-1]), counts["item"].sum() / 2)) + 1
    )
    few = int(((counts["item"] > 0) & (counts["item"] < FEW)).sum())
    return (
        f"The most active {100 * TOP:g} % of users gave {100 * share_of_top(counts['user']):.3g} % "
        "of the ratings; the "
        f"most rated {100 * TOP:g} % of items got {100 * share_of_top(counts['item']):.3g} %. Half "
        "of all ratings "
        f"went to {half:,} items, while {few:,} items have fewer than {FEW} each: of these a model "
        "knows little."
    )


def density(counts: Mapping[str, np.ndarray]) -> float:
    """Return the percentage of the pairs of users and items with ratings that have a rating."""
    items, users = (int((counts[side] > 0).sum()) for side in ("item", "user"))
    return 100 * float(counts["item"].sum()) / (items * users)


def share_of_top(count: np.ndarray, top: float = TOP) -> float:
    """Return the share of ratings of the `top` share of the ids with ratings, at least one."""
    rated = np.sort(count[count > 0])[::-1]
    return float(rated[: max(1, round(top * len(rated)))].sum() / rated.sum())


def _in_numbers(fitted: FittedModel, counts: Mapping[str, np.ndarray]) -> Table:
    dataset, split = fitted.evidence.dataset, fitted.evidence.split
    rating = dataset.ratings["rating"]
    rows = [("ratings", f"{len(rating):,}")]
    for side, count in counts.items():
        rated = count[count > 0]
        rows += [
            (f"{side}s with ratings", f"{len(rated):,}"),
            (f"{side}s without any", f"{len(count) - len(rated):,}"),
            (f"ratings of one {side}: fewest", f"{rated.min():,}"),
            (f"ratings of one {side}: median", f"{np.median(rated):,g}"),
            (f"ratings of one {side}: most", f"{rated.max():,}"),
        ]
    rows += [
        ("pairs that have a rating", f"{density(counts):.3g} %"),
        ("mean rating", f"{rating.mean():.3g}"),
        ("standard deviation of ratings", f"{rating.std(ddof=0):.3g}"),
        *((f"ratings of the {part} part", f"{len(at):,}") for part, at in split.parts().items()),
    ]
    return Table("In numbers", ("what", "number"), rows)


def histogram(dataset: Dataset) -> Chart:
    """Return how many ratings each level has, or each band if there are no levels."""
    rating, scale = dataset.ratings["rating"].to_numpy(), dataset.scale
    if scale.levels:
        names: list[Any] = [f"{level:g}" for level in scale.levels]
        between = np.array([(low + high) / 2 for low, high in pairwise(scale.levels)])
        numbers = np.bincount(np.searchsorted(between, rating), minlength=len(names))
    else:
        numbers, edges = np.histogram(rating, BANDS, (scale.low, scale.high))
        names = [float(f"{middle:.6g}") for middle in (edges[:-1] + edges[1:]) / 2]
    shares = (100 * numbers / len(rating)).round(2)
    rows = zip(names, numbers.tolist(), shares.tolist(), strict=True)
    return Chart(
        "How often each rating was given",
        "bar",
        ("rating", "ratings", "share, %"),
        rows,
        x="rating",
        y="ratings",
    )


def long_tail(counts: Mapping[str, np.ndarray]) -> Chart:
    """Return the ratings of items and of users by their rank, most rated first."""
    rows = []
    for side, count in counts.items():
        rated = np.sort(count[count > 0])[::-1]
        ranks = np.unique(np.geomspace(1, len(rated), MOST_RANKS).round().astype(int))
        rows += [(rank, int(rated[rank - 1]), f"{side}s") for rank in ranks.tolist()]
    x, y, color = columns = ("rank, 1 = most ratings", "ratings", "ratings of")
    title, note = (
        "The long tail: ratings of each item and each user",
        "Both axes go by powers of ten.",
    )
    return Chart(title, "line", columns, rows, x=x, y=y, color=color, log=("x", "y"), note=note)
