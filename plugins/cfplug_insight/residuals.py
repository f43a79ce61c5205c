"""Predictions beside the ratings that were held out: where they lie, and where the errors do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import astuple, frozen

from cfplug import Chart, Section, Table
from cfplug.data.groups import Groups, groups_by_count
from cfplug.report.elements import Interval, rounded
from cfplug_insight.intervals import Cell, clustered, correlation

if TYPE_CHECKING:
    from cfplug import Context, FittedModel, Scale
    from cfplug_insight import PredictionVsActual

MOST_LEVELS = 12
"""Ratings of more levels than that, or of none, are put into bands."""

MOST_CELLS = 2000
"""Of a heatmap whose ratings have no levels."""

BANDS = 10
LEAST_USERS = 5
"""The ratings of fewer users than that say too little of all others for an interval."""

NEAR = 0.5
"""Rating points: a prediction that is no farther off is called near."""

UNRATED = "0"
"""The group of the ids without a training rating: what is predicted of them says nothing of the model itself."""

WARM = "warm"
"""The origin of what the model itself predicted."""

ERROR = "mean error, rating points"
SQUARE = "mean squared error, squared points"


@frozen
class Subject:
    """What errors are told by: the title of its table and picture, the word for its groups, and how they were made."""

    title: str
    by: str
    note: str


SUPPORT = "Groups with about as many training ratings each, by how many the {0} of a rating has."
RATING = Subject("Error by actual rating", "actual rating", "An error is prediction - rating.")
POPULARITY = Subject(
    "Error by popularity of the item", "training ratings of the item", SUPPORT.format("item")
)
ACTIVITY = Subject(
    "Error by activity of the user", "training ratings of the user", SUPPORT.format("user")
)


def against_actual(params: PredictionVsActual, fitted: FittedModel, context: Context) -> Section:
    """How far predictions are off, in numbers and pictures, by rating, by popularity and by activity."""
    evidence = fitted.evidence
    rating, prediction = (
        evidence.held_out[name].to_numpy(dtype=float) for name in ("rating", "prediction")
    )
    users = pd.factorize(evidence.held_out["user"])[0]
    scale = evidence.dataset.scale
    levels = by_rating(rating, scale)
    groups = {
        RATING: levels,
        POPULARITY: by_support(fitted, "item"),
        ACTIVITY: by_support(fitted, "user"),
    }
    found = [
        residuals(subject, each, prediction - rating, users) for subject, each in groups.items()
    ]
    numbers = measured(rating, prediction, users)
    pictures: tuple[Chart, ...] = ()
    if np.ptp(prediction):
        pictures = (
            heatmap(rating, prediction, scale, params.bins),
            histograms(levels, prediction, params.bins),
        )
    return Section(
        f"Predictions of {fitted.name} beside the actual ratings",
        tuple(_texts(fitted, numbers, prediction, [table for table, _ in found])),
        (_in_numbers(numbers), *(table for table, _ in found)),
        (*pictures, *(chart for _, chart in found if chart.rows)),
    )


def measured(
    rating: np.ndarray, prediction: np.ndarray, users: np.ndarray
) -> Mapping[str, Cell | None]:
    """What a person asks first of the n predictions, each with its interval over users."""
    error = prediction - rating
    near = clustered(100.0 * (np.abs(error) <= NEAR + 1e-9), users)
    return {
        "square": rounded(clustered(error**2, users)),
        "error": rounded(clustered(error, users)),
        "near": rounded(near, None, 0, 100),
        "correlation": rounded(correlation(prediction, rating, users)),
    }


def _in_numbers(numbers: Mapping[str, Cell | None]) -> Table:
    rows = [
        (
            SQUARE,
            numbers["square"],
            "0 is best; one large error weighs more than two of half its size",
        ),
        (
            ERROR,
            numbers["error"],
            "prediction - rating: above 0 the model flatters, below 0 it is too strict",
        ),
        (f"predictions within {NEAR:g} points, %", numbers["near"], "100 is best"),
        (
            "correlation",
            numbers["correlation"],
            "1: predictions and ratings rise together; 0: they have no relation",
        ),
    ]
    note = "With 95 % intervals: how far a number might move if other users of the same kind had been asked."
    return Table("In numbers", ("what", "measured", "how to read it"), rows, note)


def _texts(
    fitted: FittedModel,
    numbers: Mapping[str, Cell | None],
    prediction: np.ndarray,
    tables: Sequence[Table],
) -> tuple[str, ...]:
    error = Interval.of(numbers["error"]).value
    chance = (
        isinstance(numbers["error"], Interval)
        and numbers["error"].low <= 0 <= numbers["error"].high
    )
    many = f"{len(prediction):,} ratings" if len(prediction) > 1 else "one rating"
    whole = (
        f"{fitted.name} was asked for {many} that it had not learned from (the {fitted.evidence.part} "
        f"part). The mean squared error is {numbers['square']}; its root, "
        f"{math.sqrt(Interval.of(numbers['square']).value):.3g} points, is about how far off a prediction is. "
        f"{_share(numbers['near'])} of the predictions lie within {NEAR:g} points of the rating. On average they are "
        f"{abs(error):.2g} points too {'high' if error > 0 else 'low'}{', which may be chance' if chance else ''}."
    )
    constant = f"Every prediction is {prediction[0]:.4g}, so there is no picture of them to draw."
    told = (whole, "" if np.ptp(prediction) else constant, *_where(*tables), _unseen(fitted))
    return tuple(filter(None, told))


def _where(ratings: Table, popularity: Table, activity: Table) -> Iterator[str]:
    """Sentences on the groups at both ends of each table."""
    low, high = (Interval.of(ratings.rows[end][2]).value for end in (0, -1))
    if low > 0 > high:
        yield (
            f"The lowest ratings are predicted {low:.3g} points too high, the highest {-high:.3g} too low. Where "
            "little is known the best guess lies near the mean, so every model shows this; the less of it, the more it "
            "knows."
        )
    for table, whose in ((popularity, "rated items"), (activity, "active users")):
        squares = [row[3] for row in table.rows if row[0] != UNRATED]
        if len(squares) > 1:
            few, many = squares[0], squares[-1]
            yield f"For the least {whose} the mean squared error is {few}, for the most {whose} {many}."


def _unseen(fitted: FittedModel) -> str:
    origin = fitted.evidence.held_out["origin"]
    cold = sorted(set(origin) - {WARM})
    many = int((origin != WARM).sum())
    words = f"{many:,} of these ratings are of users or items that training never saw; for them a cold-start strategy"
    return f"{words} answered ({', '.join(cold)})." if cold else ""


def _share(cell: Cell | None) -> str:
    value, _, ends = (
        str(cell).partition(" ") if isinstance(cell, Interval) else (f"{cell:g}", "", "")
    )
    return f"{value} % {ends}".rstrip()


def by_rating(rating: np.ndarray, scale: Scale) -> Groups:
    """The held-out ratings by level, or in bands of equal width where the scale has no levels or many."""
    if 0 < len(scale.levels) <= MOST_LEVELS:
        names = tuple(f"{level:g}" for level in scale.levels)
        between = np.array([(low + high) / 2 for low, high in pairwise(scale.levels)])
        group = np.searchsorted(between, rating)
    else:
        edges = np.linspace(scale.low, scale.high, BANDS + 1)
        names = tuple(f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges))
        group = np.searchsorted(edges[1:-1], rating, side="right")
    return Groups(names, np.arange(len(rating)), group, len(rating), ordered=True)


def by_support(fitted: FittedModel, side: str) -> Groups:
    """The held-out ratings in up to ten groups by the training ratings of their id of `side`."""
    codes = fitted.catalogue.side(side).encode(fitted.evidence.held_out[side])
    return groups_by_count(fitted.support.count[side], BANDS).at(codes)


def residuals(
    subject: Subject, groups: Groups, error: np.ndarray, users: np.ndarray
) -> tuple[Table, Chart]:
    """The mean error and the mean squared error of each group; `error` is prediction - rating, shape (n,)."""
    rows = [(name, len(at), *_errors(error[at], users[at])) for name, at in groups.each()]
    marks = [(name, n, *astuple(mean)) for name, n, mean, _ in rows if isinstance(mean, Interval)]
    few = [name for name, _, mean, _ in rows if not isinstance(mean, Interval)]
    no_interval = (
        f" Fewer than {LEAST_USERS} users, so no interval: {', '.join(few)}." if few else ""
    )
    note = f"{subject.note}{no_interval}"
    columns = (subject.by, "held-out ratings", ERROR, "lower end", "upper end")
    roles = {
        "x": ERROR,
        "y": subject.by,
        "low": columns[3],
        "high": columns[4],
        "reference": "zero",
    }
    chart = Chart(subject.title, "interval", columns, marks, note=note, **roles)
    return Table(subject.title, (*columns[:3], SQUARE), rows, note), chart


def _errors(error: np.ndarray, users: np.ndarray) -> tuple[Cell | None, Cell | None]:
    enough = len(np.unique(users)) >= LEAST_USERS
    means = (
        clustered(values, users) if enough else float(values.mean()) for values in (error, error**2)
    )
    mean, square = (rounded(each) for each in means)
    return mean, square


def heatmap(rating: np.ndarray, prediction: np.ndarray, scale: Scale, bins: int) -> Chart:
    """Return how many pairs of a rating and a prediction are in each cell of a regular grid."""
    note = "On the dashed line prediction and rating are the same."
    low, high = min(scale.low, prediction.min()), max(scale.high, prediction.max())
    has_levels = 0 < len(scale.levels) <= MOST_LEVELS
    rows = bins if has_levels else min(bins, math.isqrt(MOST_CELLS))
    if rows < bins:
        note += (
            f" There are {rows} rows, not {bins}, so that there are at most {MOST_CELLS:,} cells."
        )
    height = float(high - low) / rows
    row = np.floor((prediction - low) / height).clip(0, rows - 1)
    if has_levels:  # a column for each level
        width = min((after - before for before, after in pairwise(scale.levels)), default=1.0)
        x = scale.low + np.round((rating - scale.low) / width) * width
    else:
        x = low + (np.floor((rating - low) / height).clip(0, rows - 1) + 0.5) * height
    centers = pd.DataFrame({"x": x.round(6), "y": (low + (row + 0.5) * height).round(6)})
    counts = centers.value_counts(sort=False).reset_index()
    cells = zip(*(counts[name].tolist() for name in ("x", "y", "count")), strict=True)
    columns = ("actual rating", "prediction", "ratings")
    roles = {"x": columns[0], "y": columns[1], "color": columns[2], "reference": "diagonal"}
    return Chart("Predictions beside actual ratings", "heatmap", columns, cells, note=note, **roles)


def histograms(groups: Groups, prediction: np.ndarray, bins: int) -> Chart:
    """How predictions are spread for each group of ratings, as shares of the group, on the same bins for all."""
    edges = np.histogram_bin_edges(prediction, bins)
    middles = (edges[:-1] + edges[1:]) / 2
    rows = [
        (round(float(middle), 6), round(100 * float(n) / len(at), 3), int(n), f"rated {name}")
        for name, at in groups.each()
        for middle, n in zip(middles, np.histogram(prediction[at], edges)[0], strict=True)
    ]
    x, y, _, facet = columns = (
        "prediction",
        "share of these ratings, %",
        "ratings",
        "actual rating",
    )
    return Chart(
        "What was predicted for each actual rating", "bar", columns, rows, x=x, y=y, facet=facet
    )
