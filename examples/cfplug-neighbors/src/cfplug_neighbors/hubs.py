"""Report how many neighbours predictions had, their benefit, and frequent neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from cfplug import Chart, Section, Table
from cfplug.report.elements import rounded
from cfplug_neighbors import Knn
from cfplug_neighbors.model import Neighborhoods, fit
from cfplug_neighbors.voting import shares

if TYPE_CHECKING:
    import pandas as pd

    from cfplug import Context, FittedModel
    from cfplug_neighbors import NeighborhoodsOf

STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""The lower ends of the groups of predictions by number of neighbours."""

MSE = "MSE, squared rating points"


@frozen(eq=False)
class Lists:
    """The lists of the nearest neighbours of every id of `side`.

    `total`, shape (n_ids,), is in how many lists each is: its k-occurrence (Radovanovic et al.,
    Journal of Machine Learning Research 11, 2010). Ids that are equally similar share a place, so
    it may be a fraction.
    """

    side: str
    count: int
    total: np.ndarray

    @classmethod
    def of(cls, model: Neighborhoods) -> Lists:
        alike = model.alike
        own = np.diff(alike.indptr)
        share = shares(np.repeat(np.arange(len(own)), own), alike.data, model.params.neighbors)
        return cls(model.side, int((own > 0).sum()), np.bincount(alike.indices, share, len(own)))


def neighborhoods(params: NeighborhoodsOf, fitted: FittedModel, context: Context) -> Section:
    """Report held-out errors by number of neighbours, and the most frequent neighbours."""
    model = _model(params, fitted, context)
    k, held_out = model.params.neighbors, fitted.evidence.held_out
    warm = held_out[held_out["origin"] == "warm"]
    groups = _groups(model, fitted, warm)
    lists = Lists.of(model)
    rated = "the user rated" if model.side == "item" else "rated the item"
    text = [
        f"A neighbour is one of the {k} {model.side}s most like the one asked about, by what each "
        f"got beyond a baseline, among those that {rated}."
    ]
    if model is not fitted.predictor:
        text.append(f"{fitted.name} asks no neighbours; these are those that it could ask.")
    text += [_coverage(held_out, warm, groups, k), _spread(fitted, lists)]
    tables = [_most(params, fitted, lists)]
    charts = []
    if groups:
        tables.insert(0, _table(fitted, groups))
        charts.append(_chart(fitted, groups))
    return Section(f"Neighbourhoods of {fitted.name}", text, tables, charts)


def _model(params: NeighborhoodsOf, fitted: FittedModel, context: Context) -> Neighborhoods:
    """Return the model if it has neighbours, else neighbourhoods of its training ratings."""
    if isinstance(fitted.predictor, Neighborhoods):
        return fitted.predictor
    return fit(params.side, Knn(neighbors=params.neighbors), fitted.train, context)


@frozen
class Group:
    """Held-out ratings with `low` to `high` neighbours, and the MSE of model and baseline."""

    low: int
    high: int
    ratings: int
    share: float
    error: float
    baseline: float

    @property
    def name(self) -> str:
        return f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"


def _groups(model: Neighborhoods, fitted: FittedModel, warm: pd.DataFrame) -> list[Group]:
    """Return the groups that have ratings, by number of neighbours."""
    codes, truth = fitted.catalogue.encode(warm), warm["rating"].to_numpy()
    count, k = model.count(codes), model.params.neighbors
    error = (warm["prediction"].to_numpy() - truth) ** 2
    baseline = (model.expected(codes) - truth) ** 2
    lows = [step for step in STEPS if step < k] + [k]
    place = np.searchsorted(lows, count, side="right") - 1
    found = []
    for number, low in enumerate(lows):
        rows = place == number
        if rows.any():
            high = k if low == k else lows[number + 1] - 1
            mse = float(error[rows].mean()), float(baseline[rows].mean())
            found.append(Group(low, high, int(rows.sum()), float(rows.mean()), *mse))
    return found


def _coverage(held_out: pd.DataFrame, warm: pd.DataFrame, groups: list[Group], k: int) -> str:
    """Return the text on how many held-out ratings had neighbours."""
    if not groups:
        return (
            f"Of {len(held_out):,} held-out ratings none has a user and an item that training saw."
        )
    share = {group.low: group.share for group in groups}
    new = len(held_out) - len(warm)
    others = f"; {new:,} more have a user or an item that training never saw" if new else ""
    return (
        f"Of {len(warm):,} held-out ratings {100 * share.get(k, 0):.3g} % had all {k} neighbours "
        f"and {100 * share.get(0, 0):.3g} % none{others}."
    )


def _spread(fitted: FittedModel, lists: Lists) -> str:
    """Return the text on the skewness of how often ids are neighbours."""
    known = lists.total[fitted.support.count[lists.side] > 0]
    apart, deviation = known - known.mean(), known.std()
    skewness = f"{(apart**3).mean() / deviation**3:.2f}" if deviation > 0 else "0"
    return (
        f"Of {len(known):,} {lists.side}s {int((known == 0).sum()):,} are in no list of nearest "
        f"neighbours; the skewness of how often {lists.side}s are in one is {skewness}. Those in "
        "very many, the hubs, are slightly similar to all others and influence most predictions."
    )


def _table(fitted: FittedModel, groups: list[Group]) -> Table:
    rows = [
        (
            each.name,
            each.ratings,
            rounded(100 * each.share),
            rounded(each.error),
            rounded(each.baseline),
        )
        for each in groups
    ]
    columns = ("neighbours", "ratings", "% of ratings", f"{fitted.name}: {MSE}", f"baseline: {MSE}")
    return Table("What neighbours bring", columns, rows)


def _chart(fitted: FittedModel, groups: list[Group]) -> Chart:
    """Two lines, one point a group."""
    rows = [
        (each.name, rounded(error), who)
        for who in (fitted.name, "baseline")
        for each in groups
        for error in [each.error if who == fitted.name else each.baseline]
    ]
    return Chart(
        "Error by neighbours",
        "line",
        ("neighbours", MSE, "answer"),
        rows,
        x="neighbours",
        y=MSE,
        color="answer",
    )


def _most(params: NeighborhoodsOf, fitted: FittedModel, lists: Lists) -> Table:
    """Those who are in the most lists; of equals the first in the catalogue is first."""
    vocabulary, count = fitted.catalogue.side(lists.side), fitted.support.count[lists.side]
    first = np.argsort(-lists.total.round(6), kind="stable")[: params.show]
    rows = [
        (
            vocabulary.label(code),
            rounded(float(lists.total[code])),
            _percent(lists, code),
            int(count[code]),
        )
        for code in first.tolist()
        if lists.total[code] > 0
    ]
    return Table(
        "Neighbours of the most others", (lists.side, "lists", "% of all lists", "ratings"), rows
    )


def _percent(lists: Lists, code: int) -> float:
    return rounded(100 * float(lists.total[code]) / lists.count)
