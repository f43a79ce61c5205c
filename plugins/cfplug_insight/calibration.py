"""Does what the model says to be likely come true: reliability of its distribution, and examples of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from attrs import frozen

from cfplug import Chart, Section, Table
from cfplug.report.elements import Interval, rounded
from cfplug_insight.reliability import (
    Claims,
    at_least,
    binned,
    drawn_from,
    each_level,
    expected_error,
    most_probable,
    wilson,
)
from cfplug_insight.resampling import Resampling

if TYPE_CHECKING:
    from cfplug import Context, FittedModel
    from cfplug_insight import Calibration

MOST = 100_000
"""Held-out ratings that are looked at; of more, so many are drawn."""

DRAWS, CHANCES = 1000, 50
"""How often users are drawn anew, and how often ratings are drawn from the distribution itself."""

FEW = 20
"""A bin with fewer ratings is in the table, not in the picture, where it would only jump about."""

LINES = 10
"""Lines that a picture has at most."""

SAID, TRUE = "said probability, %", "came true, % of ratings"

WHAT = "A point on the diagonal is right: of all that was said to have 30 %, 30 % came true. Below it, too much was said."


@frozen(eq=False)
class Forecast:
    """n held-out ratings: their `distribution` over `levels`, (n, n_levels), and `truth`, places among these, (n,)."""

    held_out: pd.DataFrame
    distribution: np.ndarray
    levels: np.ndarray
    truth: np.ndarray


KINDS: dict[str, tuple[Callable[[Forecast, np.ndarray], list[Claims]], str]] = {
    "the most probable rating": (
        lambda seen, truth: [most_probable(seen.distribution, truth)],
        "does its confidence hold: how often the rating that it thinks most probable is the one given",
    ),
    "each rating": (
        lambda seen, truth: each_level(seen.distribution, truth, seen.levels),
        "does the probability of every single rating hold; the mean over the ratings",
    ),
    "a rating or more": (
        lambda seen, truth: at_least(seen.distribution, truth, seen.levels),
        "does the probability of a rating of at least so much hold; the mean over the ratings",
    ),
}
"""The three kinds of claim that a distribution makes, and what the error of each tells."""


def calibration(params: Calibration, fitted: FittedModel, context: Context) -> Section:
    """Reliability of the most probable level, of each level and of P(rating >= level), the errors, and examples."""
    title = f"Does what {fitted.name} says come true"
    if fitted.evidence.distribution is None:
        why = "There is no distribution for the held-out ratings: what answers for unknown ids gives none."
        return Section(title, why)
    seen = _forecast(fitted, context.rng)
    single, levels, above = (claims(seen, seen.truth) for claims, _ in KINDS.values())
    charts = [
        _reliability("Confidence: the most probable rating", single, params.bins),
        _reliability("Probability of each rating", levels, params.bins),
        _reliability("Probability of a rating or more", above, params.bins),
    ]
    summary = _summary(seen, params.bins, context.rng)
    examples = list(_examples(seen, fitted, params.examples))
    return Section(
        title,
        (*_text(seen, single[0], summary), *_drawn(seen, fitted)),
        [summary, _shares(seen), _bins(single[0], params.bins), *(each for each, _ in examples)],
        [*(chart for chart in charts if chart.rows), *(chart for _, chart in examples)],
    )


def _forecast(fitted: FittedModel, rng: np.random.Generator) -> Forecast:
    held_out, distribution = fitted.evidence.held_out, fitted.evidence.distribution
    assert distribution is not None
    if len(held_out) > MOST:
        rows = np.sort(rng.choice(len(held_out), MOST, replace=False))
        held_out, distribution = held_out.iloc[rows], distribution[rows]
    levels = np.array(fitted.levels, dtype=np.float64)
    apart = np.abs(held_out["rating"].to_numpy()[:, None] - levels)
    return Forecast(held_out, distribution, levels, apart.argmin(axis=1))


def _percent(share: float) -> float:
    return round(100 * float(share), 1)


def _share(share: float, ends: tuple[float, float]) -> Interval:
    return rounded(Interval(100 * share, *(100 * end for end in ends)), 1)


# The errors


def _summary(seen: Forecast, bins: int, rng: np.random.Generator) -> Table:
    sample = Resampling.of(pd.factorize(seen.held_out["user"])[0], DRAWS, rng)
    chance = [drawn_from(seen.distribution, rng) for _ in range(CHANCES)]
    rows = []
    for name, (claims, what) in KINDS.items():
        error = 100 * _mean_error(claims(seen, seen.truth), bins, sample)
        by_chance = np.mean([_mean_error(claims(seen, truth), bins)[0] for truth in chance])
        rows.append((name, _around(error), round(100 * float(by_chance), 2), what))
    columns = (
        "claims about",
        "calibration error, percentage points",
        "of a perfect model, by chance",
        "what it tells",
    )
    note = (
        "Expected calibration error (ECE): how far the share that came true lies from the probability that was said, "
        f"on average, in {bins} bins of equal width. Chance alone makes it greater than 0 even where all that is said "
        "is right: ratings drawn from the model's own distribution show by how much."
    )
    return Table("Calibration error", columns, rows, note)


def _around(figures: np.ndarray) -> Interval:
    """The error of the data, -+ 1.96 standard deviations of the draws' errors, and at least 0.

    Not the draws' own percentiles: a draw adds chance to chance, and an error is a sum of
    distances, so the draws' lie higher than that of the data (Efron and Tibshirani, 1993, section
    14.2, on such bias)."""
    error, reach = float(figures[0]), 1.96 * float(figures[1:].std())
    return rounded(Interval(error, error - reach, error + reach), 2, 0)


def _mean_error(
    claims: Sequence[Claims], bins: int, sample: Resampling | None = None
) -> np.ndarray:
    """The mean ECE over several kinds of claim (classwise: Kull et al., NeurIPS 2019)."""
    return np.asarray(np.mean([expected_error(each, bins, sample) for each in claims], axis=0))


def _shares(seen: Forecast) -> Table:
    """How often each level was said and given over all ratings."""
    n = len(seen.truth)
    rows = []
    for level, claims in zip(
        seen.levels, each_level(seen.distribution, seen.truth, seen.levels), strict=True
    ):
        said, given, spread = (
            claims.probability.mean(),
            float(claims.happened.mean()),
            claims.probability.std(),
        )
        rows.append(
            (f"{level:g}", _percent(said), _share(given, wilson(given, n)), _percent(spread))
        )
    columns = (
        "rating",
        "said on average, %",
        "given, % of ratings",
        "spread of what is said, percentage points",
    )
    note = (
        "The spread is the standard deviation: 0 would be a model that says the same of every pair."
    )
    return Table("How often each rating is said and given", columns, rows, note)


# The pictures


def _bins(claims: Claims, bins: int) -> Table:
    rows = [
        (
            f"{_percent(b.low):g} to {_percent(b.high):g}",
            b.count,
            _percent(b.said),
            _share(b.happened, b.wilson()),
        )
        for b in binned(claims, bins)
    ]
    note = "Intervals by Wilson (1927), as if each rating came from a user of its own."
    return Table("Confidence, bin by bin", ("bin, %", "ratings", SAID, TRUE), rows, note)


def _reliability(title: str, claims: Sequence[Claims], bins: int) -> Chart:
    """A line for each kind of claim: what was said in a bin, and how often it came true."""
    shown = [
        claims[at]
        for at in np.unique(
            np.linspace(0, len(claims) - 1, min(LINES, len(claims))).round().astype(int)
        )
    ]
    rows = [
        (_percent(b.said), _percent(b.happened), each.name, b.count, *map(_percent, b.wilson()))
        for each in shown
        for b in binned(each, bins)
        if b.count >= FEW
    ]
    few = f" {len(shown)} of the {len(claims)} are drawn." if len(shown) < len(claims) else ""
    note = f"{WHAT} Bins with fewer than {FEW} ratings are left out.{few}"
    columns = (SAID, TRUE, "claim", "ratings", "low", "high")
    color = "claim" if len(claims) > 1 else ""
    return Chart(
        title, "line", columns, rows, x=SAID, y=TRUE, color=color, reference="diagonal", note=note
    )


def _spread(n: int, many: int) -> np.ndarray:
    """Up to `many` of the places 0 to n - 1, both ends among them, at equal distances."""
    return np.unique(np.linspace(0, n - 1, min(n, many)).round().astype(np.int64))


# Examples


def _examples(seen: Forecast, fitted: FittedModel, many: int) -> Iterator[tuple[Table, Chart]]:
    """The distribution of a few pairs, from the one of which the model is surest to that of which it is least."""
    if not many:
        return
    told = np.clip(seen.distribution, 1e-12, None)
    surest = np.argsort(-(told * np.log2(told)).sum(axis=1), kind="stable")
    rows = surest[_spread(len(surest), many)]
    pairs = [_pair(seen, fitted, number, row) for number, row in enumerate(rows, start=1)]
    yield _example_table(pairs, seen.levels), _example_chart(pairs, seen.levels)


@frozen(eq=False)
class Pair:
    """One held-out pair: what was said of it, shape (n_levels,), and which place of the levels came."""

    number: int
    user: str
    item: str
    said: np.ndarray
    truth: int


def _pair(seen: Forecast, fitted: FittedModel, number: int, row: int) -> Pair:
    codes = fitted.catalogue.encode(seen.held_out.iloc[[row]])
    user, item = (
        fitted.catalogue.user.label(int(codes.user[0])),
        fitted.catalogue.item.label(int(codes.item[0])),
    )
    return Pair(number, user, item, seen.distribution[row], int(seen.truth[row]))


def _example_table(pairs: Sequence[Pair], levels: np.ndarray) -> Table:
    rows: list[tuple[Any, ...]] = []
    for pair in pairs:
        best = int(pair.said.argmax())
        got = f"{levels[pair.truth]:g}"
        told = (
            f"{levels[best]:g}",
            _percent(pair.said[best]),
            got,
            _percent(pair.said[pair.truth]),
        )
        rows.append((pair.number, pair.user, pair.item, *told))
    columns = (
        "pair",
        "user",
        "item",
        "most probable rating",
        "its probability, %",
        "given",
        "probability of it, %",
    )
    note = "By entropy: the first is the held-out rating of which the model was surest, the last of which it was least."
    return Table("Examples, from very sure to very unsure", columns, rows, note)


def _example_chart(pairs: Sequence[Pair], levels: np.ndarray) -> Chart:
    rows = [
        (
            f"{level:g}",
            _percent(pair.said[k]),
            "given" if k == pair.truth else "not given",
            _facet(pair),
        )
        for pair in pairs
        for k, level in enumerate(levels)
    ]
    columns = ("rating", SAID, "what came", "pair")
    title = "What is said of a few pairs, and what came"
    return Chart(title, "bar", columns, rows, x="rating", y=SAID, color="what came", facet="pair")


def _facet(pair: Pair) -> str:
    return f"{pair.number}. {pair.item} by user {pair.user}"


# The words


def _text(seen: Forecast, confidence: Claims, summary: Table) -> Iterator[str]:
    said, true = float(confidence.probability.mean()), float(confidence.happened.mean())
    low, high = wilson(true, len(seen.truth))
    word = (
        "is as sure as it should be"
        if low <= said <= high
        else "is too sure"
        if said > high
        else "is too modest"
    )
    yield (
        f"The model gives the rating that it thinks most probable {_percent(said)} % on average; it came in "
        f"{_percent(true)} % ({_percent(low)} to {_percent(high)} %) of {len(seen.truth):,} held-out ratings. "
        f"So on the whole it {word}."
    )
    levels = next(row for row in summary.rows if row[0] == "each rating")
    yield (
        f"What it says of each rating is off by {levels[1]} percentage points on average; chance alone would make it "
        f"{levels[2]} even if every probability were right."
    )


def _drawn(seen: Forecast, fitted: FittedModel) -> Iterator[str]:
    whole = len(fitted.evidence.held_out)
    if whole > len(seen.truth):
        yield f"Looked at are {len(seen.truth):,} of the {whole:,} held-out ratings, drawn at random."
