"""Predictions and the ratings that were held out: how they agree, and where the errors are."""

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
from cfplug.stats import BOOTSTRAP, Cell, bootstrap, ratio, user_sums

if TYPE_CHECKING:
    from cfplug import Context, FittedModel, Scale
    from cfplug_insight import PredictionVsActual

MOST_LEVELS = 12
"""Ratings of more levels than that, or of none, are put into bands."""

MOST_CELLS = 2000
"""How many cells a heatmap has at most if its ratings have no levels."""

BANDS = 10
LEAST_USERS = 5
"""The ratings of fewer users than that say too little about all others for an interval."""

NEAR = 0.5
"""Rating points: a prediction that is no further off is called near."""

UNRATED = "0"
"""The group of the ids without a training rating; the model itself did not predict for them."""

WARM = "warm"
"""The origin of what the model itself predicted."""

ERROR = "mean error, rating points"
SQUARE = "mean squared error, squared points"


@frozen
class Subject:
    """What errors are grouped by: the title of its table, the name of its groups, and a note."""

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
    """Return how far predictions are off, by rating, by popularity and by activity.

    Args:
        params: How many bins the pictures have.
        fitted: A model with its predictions for the held-out ratings.
        context: Not used.
    """
    evidence = fitted.evidence
    rating = evidence.held_out["rating"].to_numpy(dtype=float)
    prediction = evidence.held_out["prediction"].to_numpy(dtype=float)
    users = pd.factorize(evidence.held_out["user"])[0]
    scale = evidence.dataset.scale
    levels = by_rating(rating, scale)
    groups = {
        RATING: levels,
        POPULARITY: by_support(fitted, "item"),
        ACTIVITY: by_support(fitted, "user"),
    }
    tables, charts = [], []
    for subject, each in groups.items():
        table, chart = residuals(subject, each, prediction - rating, users)
        tables.append(table)
        if chart.rows:
            charts.append(chart)
    if np.ptp(prediction):
        charts.insert(0, heatmap(rating, prediction, scale, params.bins))
        charts.insert(1, histograms(levels, prediction, params.bins))
    numbers = agreement(rating, prediction, users)
    return Section(
        f"Predictions of {fitted.name}",
        tuple(_text(fitted, numbers, prediction, tables)),
        (_summary(numbers), *tables),
        charts,
    )


def agreement(rating: np.ndarray, prediction: np.ndarray, users: np.ndarray) -> Mapping[str, Cell]:
    """Return how well predictions agree with ratings, each number with its interval over users.

    Args:
        rating: The ratings, shape (n,).
        prediction: Their predictions, shape (n,).
        users: The code of each rating's user, shape (n,).

    Returns:
        `square` and `error`, the means of the squared error and of the error prediction - rating;
        `near`, the percentage of predictions near their rating; and `correlation`, Pearson's.
    """
    error = prediction - rating
    x, y = _standardized(prediction), _standardized(rating)
    near = 100.0 * (np.abs(error) <= NEAR + 1e-9)
    n_users = int(users.max()) + 1
    columns = (np.ones(len(error)), error**2, error, near, x, y, x * y, x * x, y * y)
    sums = np.hstack([user_sums(users, n_users, each) for each in columns])

    def figures(totals: np.ndarray) -> np.ndarray:
        means = ratio(totals[:, 1:], totals[:, :1])
        x, y, xy, xx, yy = means[:, 3:].T
        scale = np.sqrt(np.maximum((xx - x * x) * (yy - y * y), 0))
        correlation = np.clip(ratio(xy - x * y, scale), -1, 1)
        return np.column_stack([means[:, :3], correlation])

    cells = bootstrap(figures, sums)
    names = ("square", "error", "near", "correlation")
    return {name: rounded(cell) for name, cell in zip(names, cells, strict=True)}


def _standardized(values: np.ndarray) -> np.ndarray:
    """Return `values` with mean 0 and deviation 1; all 0 if they are the same."""
    if np.ptp(values) == 0:
        return np.zeros(len(values))
    return np.asarray((values - values.mean()) / values.std())


def _summary(numbers: Mapping[str, Cell]) -> Table:
    rows = [
        (
            SQUARE,
            numbers["square"],
            "0 is best; one large error weighs more than two of half its size",
        ),
        (
            ERROR,
            numbers["error"],
            "prediction - rating: above 0 the model is too generous, below 0 too strict",
        ),
        (f"predictions within {NEAR:g} points, %", numbers["near"], "100 is best"),
        (
            "correlation",
            numbers["correlation"],
            "1: predictions and ratings rise together; 0: they have no relation",
        ),
    ]
    note = (
        f"With 95 % intervals ({BOOTSTRAP}): how far a number moves if other users of the same "
        "kind rate."
    )
    return Table("In numbers", ("what", "measured", "how to read it"), rows, note)


def _text(
    fitted: FittedModel,
    numbers: Mapping[str, Cell],
    prediction: np.ndarray,
    tables: Sequence[Table],
) -> Iterator[str]:
    n = len(prediction)
    error = Interval.of(numbers["error"])
    root = math.sqrt(Interval.of(numbers["square"]).value)
    direction = "high" if error.value > 0 else "low"
    chance = ""
    if isinstance(numbers["error"], Interval) and error.low <= 0 <= error.high:
        chance = ", which may be chance"
    yield (
        f"{fitted.name} predicted {f'{n:,} ratings' if n > 1 else 'one rating'} that it had not "
        f"learned from (the {fitted.evidence.part} part). The mean squared error is "
        f"{numbers['square']}; its root, {root:.3g} points, is about how far off a prediction is. "
        f"{_share(numbers['near'])} of the predictions are within {NEAR:g} points of the rating. "
        f"On average they are {abs(error.value):.2g} points too {direction}{chance}."
    )
    if not np.ptp(prediction):
        yield f"Every prediction is {prediction[0]:.4g}, so there is no picture of them."
    yield from _ends(*tables)
    origin = fitted.evidence.held_out["origin"]
    others = sorted(set(origin) - {WARM})
    if others:
        yield (
            f"{int((origin != WARM).sum()):,} of these ratings are of users or items without "
            f"training ratings; a cold-start strategy predicted them ({', '.join(others)})."
        )


def _ends(ratings: Table, popularity: Table, activity: Table) -> Iterator[str]:
    """Yield sentences on the groups at both ends of each table."""
    low, high = (Interval.of(ratings.rows[end][2]).value for end in (0, -1))
    if low > 0 > high:
        yield (
            f"The lowest ratings are predicted {low:.3g} points too high, the highest "
            f"{-high:.3g} too low. With little information the best guess is near the mean, so "
            "every model shows this; a better model shows less of it."
        )
    for table, whose in ((popularity, "rated items"), (activity, "active users")):
        squares = [row[3] for row in table.rows if row[0] != UNRATED]
        if len(squares) > 1:
            yield (
                f"For the least {whose} the mean squared error is {squares[0]}, "
                f"for the most {whose} {squares[-1]}."
            )


def _share(cell: Cell) -> str:
    if not isinstance(cell, Interval):
        return f"{cell:g} %"
    value, _, ends = str(cell).partition(" ")
    return f"{value} % {ends}"


def by_rating(rating: np.ndarray, scale: Scale) -> Groups:
    """Return ratings, shape (n,), by level, or in ten bands if there are no levels or many."""
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
    """Return the held-out ratings in up to ten groups by the training ratings of an id."""
    codes = fitted.catalogue.side(side).encode(fitted.evidence.held_out[side])
    return groups_by_count(fitted.support.count[side], BANDS).at(codes)


def residuals(
    subject: Subject, groups: Groups, error: np.ndarray, users: np.ndarray
) -> tuple[Table, Chart]:
    """Return the mean error and the mean squared error of each group with ratings.

    Args:
        subject: What the groups are of.
        groups: The groups of the n ratings, without overlap.
        error: prediction - rating, shape (n,).
        users: The code of each rating's user, shape (n,).
    """
    size = len(groups.names)
    n_users = int(users.max()) + 1
    sums = []
    for values in (np.ones(len(error)), error, error**2):
        own = values[groups.row]
        sums.append(user_sums(users[groups.row], n_users, own, groups.group, size))

    def figures(n: np.ndarray, e: np.ndarray, e2: np.ndarray) -> np.ndarray:
        return np.hstack([ratio(e, n), ratio(e2, n)])

    cells = bootstrap(figures, *sums)
    rows, marks, few = [], [], []
    for g, name in enumerate(groups.names):
        n = int(sums[0][:, g].sum())
        if not n:
            continue
        mean, square = cells[g], cells[size + g]
        if (sums[0][:, g] > 0).sum() < LEAST_USERS:
            mean, square = Interval.of(mean).value, Interval.of(square).value
            few.append(name)
        rows.append((name, n, rounded(mean), rounded(square)))
        if isinstance(mean, Interval):
            marks.append((name, n, *astuple(rounded(mean))))
    note = subject.note
    if few:
        note += f" Fewer than {LEAST_USERS} users, so no interval: {', '.join(few)}."
    columns = (subject.by, "held-out ratings", ERROR, "lower end", "upper end")
    chart = Chart(
        subject.title,
        "interval",
        columns,
        marks,
        x=ERROR,
        y=subject.by,
        low="lower end",
        high="upper end",
        reference="zero",
        note=note,
    )
    return Table(subject.title, (*columns[:3], SQUARE), rows, note), chart


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
    return Chart("Predictions and ratings", "heatmap", columns, cells, note=note, **roles)


def histograms(groups: Groups, prediction: np.ndarray, bins: int) -> Chart:
    """Return the distribution of predictions, shape (n,), in each group, on the same bins."""
    edges = np.histogram_bin_edges(prediction, bins)
    middles = ((edges[:-1] + edges[1:]) / 2).round(6).tolist()
    rows = []
    for name, at in groups.each():
        counts = np.histogram(prediction[at], edges)[0].tolist()
        for middle, n in zip(middles, counts, strict=True):
            rows.append((middle, round(100 * n / len(at), 3), n, f"rated {name}"))
    share = "share of these ratings, %"
    columns = ("prediction", share, "ratings", "actual rating")
    roles = {"x": "prediction", "y": share, "facet": "actual rating"}
    return Chart("Predictions by actual rating", "bar", columns, rows, **roles)
