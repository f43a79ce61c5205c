"""Error and bias by group of users, items and ratings: for which groups is the model wrong."""

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
from cfplug.stats import BOOTSTRAP, Cell, bootstrap, ratio, user_sums

if TYPE_CHECKING:
    from cfplug import Batch, Context, FittedModel
    from cfplug.prediction.evidence import Evidence
    from cfplug_insight import Slices

COUNTED = {"popularity": "item", "activity": "user"}
"""Columns that no table has: how many training ratings the item, or the user, of a rating has."""

SIDES = {"users": "user", "items": "item", "ratings": "rating"}
GROUPING_ROLES = ("category", "number", "set", "time")

WORST = 15
"""How many groups the table of the worst groups has."""

CHARTS = 8
"""How many columns have a chart."""

MSE = "MSE, squared rating points"
ERROR = "mean error, rating points"
DIFFERENCE = "MSE minus that of all others"
COLUMNS = ("group", "ratings", MSE, ERROR, DIFFERENCE, "verdict")


def slices(params: Slices, fitted: FittedModel, context: Context) -> Section:
    """Return the mean squared error and the mean error by every column that makes groups.

    Args:
        params: The columns, how they are grouped, and how often users are drawn.
        fitted: A model with its predictions for the held-out ratings.
        context: Not used.

    Raises:
        DataError: A column that `params` names does not exist, or makes no groups.
    """
    evidence = fitted.evidence
    errors = Errors.of(evidence.held_out, params)
    codes = fitted.catalogue.encode(evidence.held_out)
    found, alike = [], []
    for name in _columns(params.by, evidence):
        groups = _cut(name, codes, fitted, params.groups)
        if len(groups.names) > 1:
            found.append(errors.slice(name, groups))
        else:
            alike.append(name)
    whole = errors.whole()
    return Section(
        f"Errors by group: {fitted.name}",
        (*_text(fitted, whole, found, params), *_left_out(params.by, evidence, alike)),
        [*_worst(found), *(each.table(params.least) for each in found)],
        [each.chart(whole) for each in found[:CHARTS]],
    )


def _columns(by: tuple[str, ...], evidence: Evidence) -> list[str]:
    """Return the names of the columns to slice by."""
    roles = {f"{each.table}.{each.name}": each.role for each in evidence.dataset.columns()}
    known = list(COUNTED)
    for table in SIDES:
        for name, role in roles.items():
            if name.startswith(f"{table}.") and role not in ("id", "target"):
                known.append(name)
    for name in by:
        if name in roles and name not in known:
            raise DataError(f"by: {name} has a different value in each row, so it makes no groups")
        if name not in known:
            guess = did_you_mean(name, known)
            raise DataError(f"by: no column called {name!r}{guess} ({', '.join(known)})")
    if by:
        return list(dict.fromkeys(by))
    return [name for name in known if name in COUNTED or roles[name] in GROUPING_ROLES]


def _left_out(by: tuple[str, ...], evidence: Evidence, alike: list[str]) -> Iterator[str]:
    """Yield a line on columns of text, and one on columns with a single group."""
    texts = []
    for each in evidence.dataset.columns():
        if each.role in ("text", "label"):
            texts.append(f"{each.table}.{each.name} ({each.role})")
    if texts and not by:
        yield f"Left out, since nearly every row has a different value: {', '.join(texts)}."
    if alike:
        yield f"Left out, since all held-out ratings are in one group: {', '.join(alike)}."


def _cut(name: str, codes: Batch, fitted: FittedModel, most: int) -> Groups:
    """Return the groups of the held-out ratings by a column; `codes` are those of the ratings."""
    evidence = fitted.evidence
    n = len(evidence.held_out)
    rows = {"users": codes.user, "items": codes.item, "ratings": np.arange(n)}
    if name in COUNTED:
        side = COUNTED[name]
        return groups_by_count(fitted.support.count[side], most).at(rows[f"{side}s"])
    table, _, key = name.partition(".")
    frame = evidence.held_out if table == "ratings" else evidence.dataset.tables()[table]
    weights = np.bincount(rows[table], minlength=len(frame)).astype(np.float64)
    role = evidence.dataset.roles[table][key]
    return groups_of(frame[key], role, most, 2 * most, weights).at(rows[table])


@frozen
class Group:
    """The errors of one group; the cells have no interval if draws of users do not move them."""

    name: str
    ratings: int
    mse: Interval | float
    error: Interval | float
    difference: Cell
    verdict: str
    ranked: bool

    def row(self) -> tuple[Any, ...]:
        return self.name, self.ratings, self.mse, self.error, self.difference, self.verdict

    @property
    def value(self) -> float:
        return Interval.of(self.mse).value


@frozen
class Slice:
    """The groups of one column, in the column's own order."""

    name: str
    groups: tuple[Group, ...]
    ordered: bool
    overlap: bool

    def worst_first(self) -> list[Group]:
        """Return the ranked groups by falling MSE, then those with too few ratings."""
        return sorted(self.groups, key=lambda group: (not group.ranked, -group.value))

    def table(self, least: int) -> Table:
        notes = []
        if self.overlap:
            notes.append("A rating counts in each of its groups, so these groups overlap.")
        if not all(group.ranked for group in self.groups):
            notes.append(f"Groups with fewer than {least:,} ratings are last.")
        rows = [group.row() for group in self.worst_first()]
        return Table(f"Error by {title(self.name)}", COLUMNS, rows, " ".join(notes))

    def chart(self, whole: Group) -> Chart:
        """Return all ratings, then the groups in their order or, without one, the worst first."""
        groups = list(self.groups) if self.ordered else self.worst_first()
        shown = [group for group in groups if group.ranked] or groups
        rows = []
        for group in (whole, *shown):
            mse, error = Interval.of(group.mse), Interval.of(group.error)
            rows.append((group.name, group.ratings, *astuple(mse), error.value))
        columns = ("group", "ratings", MSE, "low", "high", ERROR)
        roles = {"x": MSE, "y": "group", "low": "low", "high": "high"}
        return Chart(f"Error by {title(self.name)}", "interval", columns, rows, **roles)


def title(name: str) -> str:
    """Return the name of a column for a reader: `users.zip_code` is the user's zip code."""
    if name in COUNTED:
        return f"{name}: training ratings of the {COUNTED[name]}"
    table, _, column = name.partition(".")
    return f"the {SIDES[table]}'s {column.replace('_', ' ')}"


@frozen(eq=False)
class Errors:
    """The errors prediction - rating of n held-out ratings, and their users' codes, shape (n,)."""

    error: np.ndarray
    user: np.ndarray
    n_users: int
    draws: int
    least: int

    @classmethod
    def of(cls, held_out: pd.DataFrame, params: Slices) -> Errors:
        error = (held_out["prediction"] - held_out["rating"]).to_numpy()
        user, users = pd.factorize(held_out["user"])
        return cls(error, user, len(users), params.draws, params.least)

    def sums(self, groups: Groups) -> list[np.ndarray]:
        """Return the number, errors and squared errors by user and group, (n_users, n_groups)."""
        sums = []
        for values in (np.ones(len(self.error)), self.error, self.error**2):
            own = values[groups.row]
            users = self.user[groups.row]
            sums.append(user_sums(users, self.n_users, own, groups.group, len(groups.names)))
        return sums

    def whole(self) -> Group:
        """Return all held-out ratings as one group."""
        n = len(self.error)
        name = "all held-out ratings"
        groups = Groups((name,), np.arange(n), np.zeros(n, dtype=np.int64), n)
        return self.slice("", groups).groups[0]

    def slice(self, name: str, groups: Groups) -> Slice:
        """Return MSE and mean error of each group, and how much its MSE differs from all others."""
        whole = np.column_stack(
            [
                user_sums(self.user, self.n_users, np.ones(len(self.error))),
                user_sums(self.user, self.n_users, self.error**2),
            ]
        )

        def figures(n: np.ndarray, e: np.ndarray, e2: np.ndarray, whole: np.ndarray) -> np.ndarray:
            mse = ratio(e2, n)
            others = ratio(whole[:, 1:] - e2, whole[:, :1] - n)
            return np.hstack([mse, ratio(e, n), mse - others])

        sums = self.sums(groups)
        cells = bootstrap(figures, *sums, whole, draws=self.draws)
        ratings = sums[0].sum(axis=0).astype(int).tolist()
        size = len(groups.names)
        found = []
        for g in range(size):
            found.append(self._group(groups.names[g], ratings[g], cells[g::size]))
        return Slice(name, tuple(found), groups.ordered, groups.overlap)

    def _group(self, name: str, n: int, cells: list[Cell]) -> Group:
        mse, error, difference = cells
        assert mse is not None
        assert error is not None
        if not isinstance(mse, Interval) and difference is not None:
            # the errors of a single user say nothing about others
            difference = Interval.of(difference).value
        ranked = n >= self.least
        verdict = "" if ranked else "too few to say"
        if ranked and isinstance(difference, Interval):
            if difference.low > 0:
                verdict = "worse"
            elif difference.high < 0:
                verdict = "better"
        shown = None if difference is None else rounded(difference, 3)
        return Group(name, n, rounded(mse, 3), rounded(error, 3), shown, verdict, ranked)


def _ranked(found: list[Slice]) -> list[tuple[str, Group]]:
    """Return the groups with enough ratings and the titles of their columns, the worst first."""
    ranked = [(title(each.name), group) for each in found for group in each.groups if group.ranked]
    return sorted(ranked, key=lambda pair: -pair[1].value)


def _worst(found: list[Slice]) -> Iterator[Table]:
    """Yield the groups with the largest errors over all columns, if any can be ranked."""
    ranked = _ranked(found)
    if ranked:
        rows = [(by, *group.row()) for by, group in ranked[:WORST]]
        note = (
            "All others: the held-out ratings outside the group. "
            "Worse or better: the interval of the difference does not contain 0."
        )
        yield Table("The worst groups", ("by", *COLUMNS), rows, note)


def _text(fitted: FittedModel, whole: Group, found: list[Slice], params: Slices) -> Iterator[str]:
    yield (
        f"On the {whole.ratings:,} held-out ratings the mean squared error (MSE, the mean of "
        f"(prediction - rating)²) is {_number(whole.mse)}, the mean error (prediction - rating) "
        f"{_number(whole.error)}."
    )
    ranked = _ranked(found)
    if not ranked:
        yield (
            f"No column makes a group of at least {params.least:,} held-out ratings, "
            "so nothing is ranked."
        )
        return
    name, worst = ranked[0]
    where = ""
    if worst.verdict == "worse":
        where = ", above that of all other ratings by more than chance"
    yield f"The largest error is that of {name}, {worst.name}: {_number(worst.mse)}{where}."
    worse = sum(group.verdict == "worse" for _, group in ranked)
    yield (
        f"{worse} of {len(ranked)} groups are worse than all other ratings together; by chance "
        f"alone about {len(ranked) / 40:.0f} would be. Intervals (95 %) are by a {BOOTSTRAP}, "
        f"with {params.draws:,} draws."
    )
    if len(found) > CHARTS:
        yield f"There are charts of the first {CHARTS} columns, and tables of all {len(found)}."


def _number(cell: Interval | float) -> str:
    if isinstance(cell, Interval):
        return f"{cell.value:.3f} ({cell.low:.3f} to {cell.high:.3f})"
    return f"{cell:.3f}"
