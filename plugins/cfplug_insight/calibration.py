"""Calibration: does what the model predicts as likely happen, and examples of its distribution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug import Chart, Section, Table
from cfplug.report.elements import Interval, rounded
from cfplug.stats import JACKKNIFE, Cell, jackknife, user_groups
from cfplug_insight.reliability import (
    Forecasts,
    at_least,
    drawn_from,
    each_level,
    expected_error,
    in_bins,
    most_probable,
    wilson,
)

if TYPE_CHECKING:
    from cfplug import Context, FittedModel
    from cfplug_insight import Calibration

MOST = 100_000
"""How many held-out ratings are used; of more, this many are drawn."""

SIMULATIONS = 50
"""How often ratings are drawn from the distribution itself."""

FEW = 20
"""A bin with fewer ratings is in the table but not in the picture, where it would be noise."""

LINES = 10
"""How many lines a picture has at most."""

PREDICTED, HAPPENED = "predicted probability, %", "happened, % of ratings"


@frozen(eq=False)
class HeldOut:
    """n held-out ratings and their `distribution` over `levels`, shape (n, n_levels).

    `truth` is the position of each rating among the levels, shape (n,).
    """

    ratings: pd.DataFrame
    distribution: np.ndarray
    levels: np.ndarray
    truth: np.ndarray


@frozen(eq=False)
class Kind:
    """A kind of forecast that a distribution makes, and what its error means."""

    name: str
    forecasts: Callable[[HeldOut, np.ndarray], list[Forecasts]]
    meaning: str


KINDS = (
    Kind(
        "the most probable rating",
        lambda held_out, truth: [most_probable(held_out.distribution, truth)],
        "is its confidence right: how often the most probable rating is the one given",
    ),
    Kind(
        "each rating",
        lambda held_out, truth: each_level(held_out.distribution, truth, held_out.levels),
        "is the probability of every single rating right; the mean over the ratings",
    ),
    Kind(
        "a rating or more",
        lambda held_out, truth: at_least(held_out.distribution, truth, held_out.levels),
        "is the probability of at least a rating right; the mean over the ratings",
    ),
)


def calibration(params: Calibration, fitted: FittedModel, context: Context) -> Section:
    """Return how reliable the predicted probabilities are, and examples of them.

    Args:
        params: The bins and the number of examples.
        fitted: A model with a distribution for the held-out ratings.
        context: Its generator draws ratings, and simulates them from the distribution.
    """
    title = f"Calibration of {fitted.name}"
    if fitted.evidence.distribution is None:
        return Section(
            title,
            "There is no distribution for the held-out ratings: "
            "the strategy for unknown ids gives none.",
        )
    held_out = _held_out(fitted, context.rng)
    single, levels, above = (kind.forecasts(held_out, held_out.truth) for kind in KINDS)
    charts = [
        _reliability("Confidence: the most probable rating", single, params.bins),
        _reliability("Probability of each rating", levels, params.bins),
        _reliability("Probability of a rating or more", above, params.bins),
    ]
    summary = _summary(held_out, params.bins, context.rng)
    tables = [summary, _shares(held_out), _bins(single[0], params.bins)]
    charts = [chart for chart in charts if chart.rows]
    if params.examples:
        pairs = _examples(held_out, fitted, params.examples)
        tables.append(_example_table(pairs, held_out.levels))
        charts.append(_example_chart(pairs, held_out.levels))
    text = [*_text(held_out, single[0], summary)]
    n, whole = len(held_out.truth), len(fitted.evidence.held_out)
    if whole > n:
        text.append(f"These are {n:,} of the {whole:,} held-out ratings, drawn at random.")
    return Section(title, text, tables, charts)


def _held_out(fitted: FittedModel, rng: np.random.Generator) -> HeldOut:
    ratings, distribution = fitted.evidence.held_out, fitted.evidence.distribution
    assert distribution is not None
    if len(ratings) > MOST:
        rows = np.sort(rng.choice(len(ratings), MOST, replace=False))
        ratings, distribution = ratings.iloc[rows], distribution[rows]
    levels = np.array(fitted.levels, dtype=np.float64)
    apart = np.abs(ratings["rating"].to_numpy()[:, None] - levels)
    return HeldOut(ratings, distribution, levels, apart.argmin(axis=1))


def _percent(share: float) -> float:
    return round(100 * float(share), 1)


def _share(share: float, ends: tuple[float, float]) -> Interval:
    low, high = ends
    return rounded(Interval(100 * share, 100 * low, 100 * high), 1)


# The errors


def _summary(held_out: HeldOut, bins: int, rng: np.random.Generator) -> Table:
    user, users = pd.factorize(held_out.ratings["user"])
    group = user_groups(len(users))[user]
    simulated = [drawn_from(held_out.distribution, rng) for _ in range(SIMULATIONS)]
    rows = []
    for kind in KINDS:
        error = _mean_error(kind.forecasts(held_out, held_out.truth), bins, group)
        by_chance = []
        for truth in simulated:
            by_chance.append(_mean_error(kind.forecasts(held_out, truth), bins)[0])
        chance = round(100 * float(np.mean(by_chance)), 2)
        rows.append((kind.name, _interval(100 * error), chance, kind.meaning))
    columns = (
        "forecasts of",
        "calibration error, percentage points",
        "of a perfect model, by chance",
        "what it means",
    )
    note = (
        "Expected calibration error (ECE): how far the share that happened is from the predicted "
        f"probability, on average, in {bins} bins of equal width. Chance alone makes it greater "
        "than 0 even if all probabilities are right: ratings drawn from the model's own "
        f"distribution show by how much. Intervals (95 %) are by a {JACKKNIFE}."
    )
    return Table("Calibration error", columns, rows, note)


def _interval(figures: np.ndarray) -> Cell:
    """Return a calibration error in percentage points, with its interval within 0 to 100.

    An error is a sum of distances, not of ratings: in each draw of a bootstrap chance would add to
    chance, and so move the whole interval up.
    """
    found = jackknife(figures, (0, 100))
    return None if found is None else rounded(found, 2)


def _mean_error(
    forecasts: Sequence[Forecasts], bins: int, group: np.ndarray | None = None
) -> np.ndarray:
    """Return the mean ECE over several forecasts (classwise: Kull et al., NeurIPS 2019)."""
    errors = [expected_error(each, bins, group) for each in forecasts]
    return np.asarray(np.mean(errors, axis=0))


def _shares(held_out: HeldOut) -> Table:
    """Return how often each level was predicted and given over all ratings."""
    n = len(held_out.truth)
    rows = []
    forecasts = each_level(held_out.distribution, held_out.truth, held_out.levels)
    for level, each in zip(held_out.levels, forecasts, strict=True):
        given = float(each.happened.mean())
        predicted, spread = _percent(each.probability.mean()), _percent(each.probability.std())
        rows.append((f"{level:g}", predicted, _share(given, wilson(given, n)), spread))
    columns = (
        "rating",
        "predicted on average, %",
        "given, % of ratings",
        "spread of predictions, percentage points",
    )
    note = (
        "The spread is the standard deviation: 0 would be a model that predicts the same for every "
        "pair. Intervals (95 %) by Wilson (1927), as if each rating came from a different user."
    )
    return Table("Predicted and given ratings", columns, rows, note)


# The pictures


def _bins(forecasts: Forecasts, bins: int) -> Table:
    rows = []
    for each in in_bins(forecasts, bins):
        name = f"{_percent(each.low):g} to {_percent(each.high):g}"
        happened = _share(each.happened, each.wilson())
        rows.append((name, each.count, _percent(each.predicted), happened))
    note = "Intervals (95 %) by Wilson (1927), as if each rating came from a different user."
    return Table("Confidence by bin", ("bin, %", "ratings", PREDICTED, HAPPENED), rows, note)


def _reliability(title: str, forecasts: Sequence[Forecasts], bins: int) -> Chart:
    """Return a line for each forecast: the probability in a bin, and how often it happened."""
    shown = [forecasts[at] for at in _spread(len(forecasts), LINES)]
    rows = []
    for each in shown:
        for b in in_bins(each, bins):
            if b.count >= FEW:
                numbers = (_percent(b.predicted), _percent(b.happened))
                rows.append((*numbers, each.name, b.count, *map(_percent, b.wilson())))
    note = (
        "A point on the diagonal is right: of all that had a probability of 30 %, 30 % happened. "
        "Below it, the probability was too high. "
        f"Bins with fewer than {FEW} ratings are left out."
    )
    if len(shown) < len(forecasts):
        note += f" {len(shown)} of the {len(forecasts)} are drawn."
    return Chart(
        title,
        "line",
        (PREDICTED, HAPPENED, "forecast", "ratings", "low", "high"),
        rows,
        x=PREDICTED,
        y=HAPPENED,
        color="forecast" if len(forecasts) > 1 else "",
        reference="diagonal",
        note=note,
    )


def _spread(n: int, most: int) -> np.ndarray:
    """Return up to `most` of the positions 0 to n - 1 at equal distances, with both ends."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


# Examples


@frozen(eq=False)
class Pair:
    """One held-out pair: its distribution, shape (n_levels,), and the position of its rating."""

    number: int
    user: str
    item: str
    distribution: np.ndarray
    truth: int


def _examples(held_out: HeldOut, fitted: FittedModel, most: int) -> list[Pair]:
    """Return a few pairs, from the one with the least entropy to the one with the most."""
    known = np.clip(held_out.distribution, 1e-12, None)
    by_entropy = np.argsort(-(known * np.log2(known)).sum(axis=1), kind="stable")
    pairs = []
    for number, row in enumerate(by_entropy[_spread(len(by_entropy), most)], start=1):
        codes = fitted.catalogue.encode(held_out.ratings.iloc[[row]])
        user = fitted.catalogue.user.label(int(codes.user[0]))
        item = fitted.catalogue.item.label(int(codes.item[0]))
        truth = int(held_out.truth[row])
        pairs.append(Pair(number, user, item, held_out.distribution[row], truth))
    return pairs


def _example_table(pairs: Sequence[Pair], levels: np.ndarray) -> Table:
    rows = []
    for pair in pairs:
        best = int(pair.distribution.argmax())
        predicted = (f"{levels[best]:g}", _percent(pair.distribution[best]))
        given = (f"{levels[pair.truth]:g}", _percent(pair.distribution[pair.truth]))
        rows.append((pair.number, pair.user, pair.item, *predicted, *given))
    columns = (
        "pair",
        "user",
        "item",
        "most probable rating",
        "its probability, %",
        "given",
        "probability of it, %",
    )
    note = "By entropy: of the first rating the model was most sure, of the last one least."
    return Table("Examples by certainty", columns, rows, note)


def _example_chart(pairs: Sequence[Pair], levels: np.ndarray) -> Chart:
    rows = []
    for pair in pairs:
        name = f"{pair.number}. {pair.item} by user {pair.user}"
        for k, level in enumerate(levels):
            given = "given" if k == pair.truth else "not given"
            rows.append((f"{level:g}", _percent(pair.distribution[k]), given, name))
    columns = ("rating", PREDICTED, "result", "pair")
    roles = {"x": "rating", "y": PREDICTED, "color": "result", "facet": "pair"}
    return Chart("Predictions of the examples", "bar", columns, rows, **roles)


# The text


def _text(held_out: HeldOut, confidence: Forecasts, summary: Table) -> Iterator[str]:
    predicted, right = float(confidence.probability.mean()), float(confidence.happened.mean())
    low, high = wilson(right, len(held_out.truth))
    verdict = "is as sure as it should be"
    if predicted > high:
        verdict = "is too sure"
    elif predicted < low:
        verdict = "is not sure enough"
    yield (
        f"The most probable rating has a probability of {_percent(predicted)} % on average; it was "
        f"given in {_percent(right)} % ({_percent(low)} to {_percent(high)} %) of "
        f"{len(held_out.truth):,} held-out ratings. So on the whole the model {verdict}."
    )
    levels = next(row for row in summary.rows if row[0] == "each rating")
    yield (
        f"The probability of each rating is off by {levels[1]} percentage points on average; by "
        f"chance alone it would be {levels[2]} even if every probability were right."
    )
