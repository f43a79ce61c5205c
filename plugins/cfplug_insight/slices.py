"""For whom and for what is the model wrong: error and bias by group of users, items and ratings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from attrs import astuple, frozen

from cfplug import Chart, DataError, Section, Table
from cfplug.data.groups import Groups, groups_by_count, groups_of
from cfplug.errors import did_you_mean
from cfplug.report.elements import Interval, rounded
from cfplug_insight.resampling import Resampling, percentiles, ratio

if TYPE_CHECKING:
    from cfplug import Batch, Context, FittedModel
    from cfplug.prediction.evidence import Evidence
    from cfplug_insight import Slices

COUNTED = {"popularity": "item", "activity": "user"}
"""The columns that no table has: how many training ratings the item, or the user, of a rating has."""

SIDES = {"users": "user", "items": "item", "ratings": "rating"}
SERVE = ("category", "number", "set", "time")
WORST, CHARTS = 15, 8
"""How many groups the table of the worst has, and of how many columns there are charts."""

MSE, ERROR, APART = (
    "MSE, squared rating points",
    "mean error, rating points",
    "MSE less that of all others",
)
COLUMNS = ("group", "ratings", MSE, ERROR, APART, "verdict")


def slices(params: Slices, fitted: FittedModel, context: Context) -> Section:
    """Mean squared error and mean error (prediction - rating) of the held-out ratings, by every column that serves."""
    held_out = fitted.evidence.held_out
    error = (held_out["prediction"] - held_out["rating"]).to_numpy()
    sample = Resampling.of(pd.factorize(held_out["user"])[0], params.draws, context.rng)
    codes = fitted.catalogue.encode(held_out)
    cut = [
        (name, _cut(name, codes, fitted, params.groups))
        for name in _asked(params.by, fitted.evidence)
    ]
    found = [
        _measured(name, groups, error, sample, params.least)
        for name, groups in cut
        if len(groups.names) > 1
    ]
    alike = [name for name, groups in cut if len(groups.names) < 2]
    everything = _measured("", _everything(len(error)), error, sample, 1).every[0]
    return Section(
        f"Where {fitted.name} is wrong",
        (*_text(fitted, everything, found, params), *_left_out(params.by, fitted.evidence, alike)),
        [*_worst(found), *(each.table(params.least) for each in found)],
        [each.chart(everything) for each in found[:CHARTS]],
    )


def _asked(by: tuple[str, ...], evidence: Evidence) -> list[str]:
    """The names of the columns to slice by; DataError for one that is not there, or has an id or rating in each row."""
    roles = {f"{each.table}.{each.name}": each.role for each in evidence.dataset.columns()}
    serve = [
        *COUNTED,
        *sorted((n for n, role in roles.items() if role not in ("id", "target")), key=_table_first),
    ]
    for name in by:
        if name in roles and name not in serve:
            raise DataError(
                f"by: {name} has a value of its own in each row, and so makes no groups"
            )
        if name not in serve:
            raise DataError(
                f"by: no column called {name!r}{did_you_mean(name, serve)} ({', '.join(serve)})"
            )
    return list(dict.fromkeys(by)) or [
        name for name in serve if name in COUNTED or roles[name] in SERVE
    ]


def _table_first(name: str) -> int:
    """Users, then items, then what only the rating has."""
    return list(SIDES).index(name.partition(".")[0])


def _left_out(by: tuple[str, ...], evidence: Evidence, alike: list[str]) -> Iterator[str]:
    """A line on the columns that nobody asked for and that make no groups, and one on those that make only one."""
    columns = evidence.dataset.columns()
    texts = [
        f"{each.table}.{each.name} ({each.role})"
        for each in columns
        if each.role in ("text", "label")
    ]
    if texts and not by:
        yield f"Left out, as nearly every row has a value of its own: {', '.join(texts)}."
    if alike:
        yield f"Left out, as all held-out ratings lie in one group: {', '.join(alike)}."


def _cut(name: str, codes: Batch, fitted: FittedModel, most: int) -> Groups:
    """The groups into which a column puts the held-out ratings, whose codes are `codes`."""
    evidence = fitted.evidence
    take = {"users": codes.user, "items": codes.item, "ratings": np.arange(len(evidence.held_out))}
    if name in COUNTED:
        side = COUNTED[name]
        return groups_by_count(fitted.support.count[side], most).at(take[f"{side}s"])
    table, _, key = name.partition(".")
    frame = evidence.held_out if table == "ratings" else evidence.dataset.tables()[table]
    weights = np.bincount(take[table], minlength=len(frame)).astype(np.float64)
    return groups_of(frame[key], evidence.dataset.roles[table][key], most, 2 * most, weights).at(
        take[table]
    )


def _everything(n: int) -> Groups:
    return Groups(("all held-out ratings",), np.arange(n), np.zeros(n, dtype=np.int64), n)


@frozen
class Group:
    """What the ratings of one group show; `mse` and `error` alone where the group has no interval."""

    name: str
    ratings: int
    mse: Interval | float
    error: Interval | float
    apart: Interval | float | None
    verdict: str
    ranked: bool

    def row(self) -> tuple[Any, ...]:
        return self.name, self.ratings, self.mse, self.error, self.apart, self.verdict

    @property
    def value(self) -> float:
        return Interval.of(self.mse).value


@frozen
class Slice:
    """The groups of one column, in the column's own order."""

    name: str
    every: tuple[Group, ...]
    ordered: bool
    overlap: bool

    def worst_first(self) -> list[Group]:
        """The ranked groups by falling MSE, then those with too few ratings."""
        return sorted(self.every, key=lambda group: (not group.ranked, -group.value))

    def table(self, least: int) -> Table:
        overlap = (
            "A rating counts in every group to which it belongs, so these groups overlap."
            if self.overlap
            else ""
        )
        few = (
            f"Groups with fewer than {least:,} ratings stand last."
            if not all(g.ranked for g in self.every)
            else ""
        )
        rows = [group.row() for group in self.worst_first()]
        return Table(
            f"Error by {title(self.name)}", COLUMNS, rows, " ".join(filter(None, (overlap, few)))
        )

    def chart(self, everything: Group) -> Chart:
        """The groups in their order if they have one, else the worst first, below all ratings."""
        groups = self.every if self.ordered else self.worst_first()
        told = [group for group in groups if group.ranked] or list(groups)
        rows = [
            (g.name, g.ratings, *astuple(Interval.of(g.mse)), Interval.of(g.error).value)
            for g in (everything, *told)
        ]
        columns = ("group", "ratings", MSE, "low", "high", ERROR)
        name = f"Error by {title(self.name)}"
        return Chart(name, "interval", columns, rows, x=MSE, y="group", low="low", high="high")


def title(name: str) -> str:
    """A column in words: `users.zip_code` is the user's zip code."""
    if name in COUNTED:
        return f"{name}: training ratings of the {COUNTED[name]}"
    table, _, column = name.partition(".")
    return f"the {SIDES[table]}'s {column.replace('_', ' ')}"


def _measured(
    name: str, groups: Groups, error: np.ndarray, sample: Resampling, least: int
) -> Slice:
    """MSE_g = sum_g e^2 / n_g and mean error sum_g e / n_g of each group, and MSE_g less the MSE of the other rows.

    The sums come from each draw of users, so a figure's interval is that of the figures over the
    draws. A group is worse or better than the others where the interval of the difference leaves
    out 0."""
    size = len(groups.names)
    one, whole = np.zeros(len(error), dtype=np.int64), []
    inside = []
    for values in (np.ones(len(error)), error, error**2):
        inside.append(sample.sums(values[groups.row], groups.group, size, groups.row))
        whole.append(sample.sums(values, one, 1))
    (n, e, e2), (all_n, _, all_e2) = inside, whole
    mse, mean = ratio(e2, n), ratio(e, n)
    apart = mse - ratio(all_e2 - e2, np.where(all_n - n > 0.5, all_n - n, 0))
    return Slice(
        name,
        tuple(
            _group(groups.names[g], n[0, g], mse[:, g], mean[:, g], apart[:, g], least)
            for g in range(size)
        ),
        groups.ordered,
        groups.overlap,
    )


def _group(
    name: str, n: float, mse: np.ndarray, mean: np.ndarray, apart: np.ndarray, least: int
) -> Group:
    error, of_mean = rounded(percentiles(mse), 3), rounded(percentiles(mean), 3)
    assert error is not None
    assert of_mean is not None
    if not isinstance(error, Interval):  # one user, of whom no draw tells how others would differ
        apart = apart[:1]
    more, ranked = percentiles(apart), bool(n >= least)
    verdict = (
        "too few to say" if not ranked else _verdict(more) if isinstance(more, Interval) else ""
    )
    return Group(name, int(n), error, of_mean, rounded(more, 3), verdict, ranked)


def _verdict(more: Interval) -> str:
    return "worse" if more.low > 0 else "better" if more.high < 0 else ""


def _worst(found: list[Slice]) -> Iterator[Table]:
    """The groups with the greatest errors, whatever column they come from; nothing where none can be ranked."""
    ranked = [(title(each.name), group) for each in found for group in each.every if group.ranked]
    ranked.sort(key=lambda pair: -pair[1].value)
    if ranked:
        note = "All others: the held-out ratings outside the group. Worse or better: the difference's interval omits 0."
        rows = [(by, *group.row()) for by, group in ranked[:WORST]]
        yield Table("The worst groups of all", ("by", *COLUMNS), rows, note)


def _text(
    fitted: FittedModel, everything: Group, found: list[Slice], params: Slices
) -> Iterator[str]:
    yield (
        f"On the {everything.ratings:,} held-out ratings the mean squared error (MSE, the mean of (prediction - "
        f"rating)²) is {_words(everything.mse)}, the mean error (prediction - rating) {_words(everything.error)}."
    )
    ranked = [(each.name, group) for each in found for group in each.every if group.ranked]
    if not ranked:
        yield f"No column makes a group of at least {params.least:,} held-out ratings, so nothing is ranked."
        return
    name, worst = max(ranked, key=lambda pair: pair[1].value)
    where = (
        ", above that of all other ratings by more than chance" if worst.verdict == "worse" else ""
    )
    yield f"The greatest error is that of {title(name)}, {worst.name}: {_words(worst.mse)}{where}."
    worse = sum(group.verdict == "worse" for _, group in ranked)
    yield (
        f"{worse} of {len(ranked)} groups are worse than all other ratings together; chance alone would name about "
        f"{len(ranked) / 40:.0f}. Intervals (95 %) come from drawing the users anew {params.draws:,} times."
    )
    if len(found) > CHARTS:
        yield f"There are charts of the first {CHARTS} columns, and tables of all {len(found)}."


def _words(cell: Interval | float) -> str:
    return (
        f"{cell.value:.3f} ({cell.low:.3f} to {cell.high:.3f})"
        if isinstance(cell, Interval)
        else f"{cell:.3f}"
    )
