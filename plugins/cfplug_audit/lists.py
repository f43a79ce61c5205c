"""What is in the lists that a model makes: how much of the catalogue, how popular, how even, how varied, for whom."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from attrs import astuple, frozen

from cfplug import Chart, Section, Table
from cfplug.report.elements import Interval
from cfplug_audit import measures
from cfplug_audit.columns import columns, columns_of_users
from cfplug_audit.inequality import lorenz
from cfplug_audit.lots import LOTS, cell, lots, ratio, without_each
from cfplug_audit.recommended import (
    Lists,
    at_random,
    from_profiles,
    most_popular,
    profiles,
    rated,
    recommended,
)

if TYPE_CHECKING:
    from cfplug import Context, FittedModel
    from cfplug_audit import RecommendationLists

SHOW, FEW = 15, 20
"""How many of the most recommended items are shown; a group of fewer users that got a list is not."""

MODEL, POPULAR, RANDOM, OWN = "this model", "most popular", "at random", "their own"


@frozen
class Measure:
    """A measure of lists: its name with the unit, what it says to a reader, its rounding, and the most it can be."""

    name: str
    says: str
    digits: int = 2
    most: float = math.inf

    def cell(self, figures: np.ndarray) -> Interval | float | None:
        return cell(figures, self.digits, 0, self.most)


COVERAGE = Measure(
    "catalogue coverage, % of items", "how much of the catalogue stands in anybody's list", 1, 100
)
EXPOSURE = Measure(
    "Gini of exposure, 0 to 1",
    "how unevenly items get places: 0 all alike, near 1 a few have all",
    2,
    1,
)
POPULARITY = Measure(
    "popularity, training ratings", "how many ratings the listed items have, on average", 1
)
PERCENTILE = Measure(
    "popularity, percentile",
    "the same as a rank: 50 is the middle of all items, 100 the top",
    1,
    100,
)
TAIL = Measure(
    "long tail, % of places", "how many places go to the long tail, the seldom rated items", 1, 100
)
NOVELTY = Measure(
    "novelty, bits", "how unknown the items are: one bit more is half as many users who rated them"
)
GENRES = Measure(
    "distance of {0}, nats",
    "how far the mix of {0} is from the user's ratings: 0 the same, 4.6 all other",
)
VARIETY = Measure(
    "diversity, 0 to 1", "how unlike the items of one list are in their {0}: 0 all alike"
)


@frozen(eq=False)
class Kinds:
    """What makes items alike: their groups (genres), or else their factors, or nothing. `name` is the word for it.

    `member` is bool of shape (n_items, n_groups), `factors` has the shape (n_items, factors).
    """

    name: str = ""
    member: np.ndarray | None = None
    factors: np.ndarray | None = None


@frozen(eq=False)
class Facts:
    """What the measures look at: training ratings by item, the users' training items, and what makes items alike."""

    count: np.ndarray
    n_users: int
    tail: np.ndarray
    profile: list[np.ndarray]
    kinds: Kinds

    def each_user(self, lists: Lists) -> dict[Measure, np.ndarray]:
        """Every measure that a single list has, shape (m,)."""
        found = {
            POPULARITY: measures.mean_of(self.count, lists),
            PERCENTILE: measures.mean_of(measures.percentile(self.count), lists),
            TAIL: 100 * measures.mean_of(self.tail, lists),
            NOVELTY: measures.mean_of(measures.novelty(self.count, self.n_users), lists),
        }
        member, factors = self.kinds.member, self.kinds.factors
        if member is not None:
            found[GENRES] = measures.miscalibration(self.profile, lists, member)
            found[VARIETY] = measures.diversity(measures.jaccard(lists, member), lists)
        elif factors is not None:
            found[VARIETY] = measures.diversity(measures.cosine(lists, factors), lists)
        return found

    def together(self, exposure: np.ndarray) -> dict[Measure, np.ndarray]:
        """The measures that only all lists have; `exposure` is that of all, and without each lot, (1 + 20, n_items)."""
        return {
            COVERAGE: 100 * measures.coverage(exposure, self.count),
            EXPOSURE: measures.exposure_gini(exposure, self.count),
        }


def recommendation_lists(
    params: RecommendationLists, fitted: FittedModel, context: Context
) -> Section:
    """Each measure of the model's lists, beside lists by popularity, by chance and of the users' own ratings."""
    title = f"What {fitted.name} recommends"
    shown = recommended(fitted, params.k, params.users, context)
    if shown.lists is None:
        return Section(title, shown.words)
    seen, lists = rated(fitted), shown.lists
    facts = _facts(params, fitted, profiles(lists.users, seen))
    lot = lots(len(lists.users), context.rng)
    compared = {
        MODEL: lists,
        POPULAR: most_popular(fitted, lists, seen),
        RANDOM: at_random(fitted, lists, seen, context.rng),
        OWN: from_profiles(lists, facts.profile, context.rng),
    }
    found = {name: _figures(each, facts, lot) for name, each in compared.items()}
    by_group = list(_by_group(fitted, lists, facts, lot))
    return Section(
        title,
        (shown.words, *_text(found, facts)),
        [
            _measures(found, facts, params),
            *_group_tables(by_group, facts),
            _most_recommended(fitted, lists, lot),
        ],
        [*_group_charts(by_group, facts), _curves(compared, facts)],
    )


def _facts(params: RecommendationLists, fitted: FittedModel, profile: list[np.ndarray]) -> Facts:
    count = fitted.support.count["item"]
    n_users = int((fitted.support.count["user"] > 0).sum())
    return Facts(count, n_users, measures.in_tail(count, params.tail), profile, _kinds(fitted))


def _kinds(fitted: FittedModel) -> Kinds:
    """The first set column of items (genres), else the first of categories, else the factors."""
    for role in ("set", "category"):
        for column in columns(fitted.evidence.dataset, "items", (role,)):
            return Kinds(column.name, column.groups.member)
    if "embeddings" in fitted.provides:
        return Kinds("factors", factors=fitted.embeddings("item").to_numpy(dtype=np.float64))
    return Kinds()


def _figures(lists: Lists, facts: Facts, lot: np.ndarray) -> dict[Measure, np.ndarray]:
    """Every measure of all lists, and of those without each lot of users: shape (1 + 20,)."""
    each = {measure: _mean(values, lot) for measure, values in facts.each_user(lists).items()}
    return {**facts.together(lists.without_each(lot, len(facts.count))), **each}


def _mean(values: np.ndarray, lot: np.ndarray, who: np.ndarray | None = None) -> np.ndarray:
    """The mean of the users (of those in `who`) with a figure, and that without each lot, shape (1 + 20,)."""
    known = np.isfinite(values) if who is None else np.isfinite(values) & who
    sums = without_each(np.column_stack([np.where(known, values, 0), known]), lot)
    return ratio(sums[:, 0], sums[:, 1])


def _measures(
    found: dict[str, dict[Measure, np.ndarray]], facts: Facts, params: RecommendationLists
) -> Table:
    rows = [
        (
            measure.name.format(facts.kinds.name),
            *(measure.cell(each[measure]) for each in found.values()),
            measure.says.format(facts.kinds.name),
        )
        for measure in found[MODEL]
    ]
    note = (
        f"To measure by: lists of the {POPULAR} items, of items {RANDOM}, and of {params.k} items that the users rated "
        f"in training ({OWN}; fewer where they rated fewer). Long tail: the least rated items, which together have "
        f"{100 * params.tail:g} % of the ratings. Bits and nats are units of information, by logarithms to the base 2 "
        "and e."
    )
    return Table("The lists, measured", ("measure", *found, "what it says"), rows, note)


# By group of users


@frozen(eq=False)
class GroupFigures:
    """The mean of each measure over the users of one group, as cells."""

    column: str
    name: str
    users: int
    cells: dict[Measure, Interval | float | None]


def _by_group(
    fitted: FittedModel, lists: Lists, facts: Facts, lot: np.ndarray
) -> Iterator[GroupFigures]:
    values = facts.each_user(lists)
    for column in columns_of_users(fitted):
        member = column.groups.member[lists.users]
        for at in np.flatnonzero(member.sum(axis=0) >= FEW):
            who = member[:, at]
            cells = {each: each.cell(_mean(values[each], lot, who)) for each in values}
            yield GroupFigures(column.name, column.groups.names[at], int(who.sum()), cells)


def _group_tables(found: list[GroupFigures], facts: Facts) -> Iterator[Table]:
    """A table of all groups of users; none where no group is large enough."""
    if found:
        names = [each.name.format(facts.kinds.name) for each in found[0].cells]
        rows = [(each.column, each.name, each.users, *each.cells.values()) for each in found]
        note = f"Groups of fewer than {FEW} users with a list are left out."
        yield Table(
            "The lists by group of users", ("users by", "group", "users", *names), rows, note
        )


def _group_charts(found: list[GroupFigures], facts: Facts) -> Iterator[Chart]:
    """How popular the lists of each group are, and how far their genres lie from its own."""
    for measure in (PERCENTILE, GENRES):
        told = [each for each in found if each.cells.get(measure) is not None]
        x = measure.name.format(facts.kinds.name)
        rows = [
            (f"{each.column}: {each.name}", *astuple(Interval.of(each.cells[measure])), each.users)
            for each in told
        ]
        if rows:
            columns = ("group", x, "low", "high", "users")
            title = f"{x.partition(',')[0].capitalize()} of the lists, by group of users"
            yield Chart(title, "interval", columns, rows, x=x, y="group", low="low", high="high")


# Items


def _most_recommended(fitted: FittedModel, lists: Lists, lot: np.ndarray) -> Table:
    """The items that stand in most lists."""
    count, total = fitted.support.count["item"], fitted.support.sum["item"]
    exposure = lists.exposure(len(count))
    often = np.argsort(-exposure, kind="stable")[:SHOW]
    users = len(lot) - np.append(0, np.bincount(lot, minlength=LOTS))
    in_lists = 100 * ratio(lists.without_each(lot, len(count))[:, often], users[:, None])
    rows = [
        (
            fitted.catalogue.item.label(item),
            int(exposure[item]),
            cell(in_lists[:, at], 1, 0, 100),
            int(count[item]),
            round(float(total[item] / count[item]), 2),
        )
        for at, item in enumerate(often)
        if exposure[item]
    ]
    columns = ("item", "lists", "in lists, % of users", "training ratings", "mean rating")
    return Table("The most recommended items", columns, rows)


def _curves(compared: dict[str, Lists], facts: Facts) -> Chart:
    """The Lorenz curve of how often each item is recommended, for each kind of list, and of the training ratings."""
    known = facts.count > 0
    amounts = {
        name: lists.exposure(len(facts.count)) for name, lists in compared.items() if name != OWN
    }
    amounts["training ratings"] = facts.count
    rows = [
        (round(100 * x, 1), round(100 * y, 2), name)
        for name, each in amounts.items()
        if each[known].sum()
        for x, y in zip(*map(np.ndarray.tolist, lorenz(each[known])), strict=True)
    ]
    x, y = "items, % (the least favoured first)", "places in lists, or ratings, %"
    note = "On the diagonal every item would have as many. The further below it, the more the few at the right have."
    title = "How evenly items are recommended"
    return Chart(
        title,
        "line",
        (x, y, "lists"),
        rows,
        x=x,
        y=y,
        color="lists",
        reference="diagonal",
        note=note,
    )


# The words


def _text(found: dict[str, dict[Measure, np.ndarray]], facts: Facts) -> Iterator[str]:
    mine, own = found[MODEL], found[OWN]
    yield (
        f"Of the {int((facts.count > 0).sum()):,} items {_words(mine[COVERAGE], 1)} % stand in at least one list. A "
        f"listed item has {_words(mine[POPULARITY], 0)} training ratings on average; one that the users rated "
        f"themselves has {_words(own[POPULARITY], 0)}. {_words(mine[TAIL], 1)} % of the places go to the long tail; "
        f"of the users' own ratings it is {_words(own[TAIL], 1)} %."
    )
    name = facts.kinds.name
    if GENRES in mine:
        further = "further from" if mine[GENRES][0] > own[GENRES][0] else "no further from"
        yield (
            f"The mix of {name} in the lists is {_words(mine[GENRES], 2)} nats from that of the users' ratings (0: the "
            f"same), {further} it than as many of a user's own items, drawn by chance, are "
            f"({_words(own[GENRES], 2)})."
        )
    elif name:
        yield "Items have no sets or categories, such as genres: what makes them alike is their factors."
    else:
        yield "Items have no sets or categories, such as genres, and the model has no factors: nothing says how varied."


def _words(figures: np.ndarray, digits: int) -> str:
    found = cell(figures, digits)
    if isinstance(found, Interval):
        return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"
    return "no" if found is None else f"{found:.{digits}f}"
