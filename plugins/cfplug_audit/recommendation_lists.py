"""Lists of recommendations: their coverage, popularity, evenness and variety, by users."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from attrs import astuple, frozen

from cfplug import Chart, Section, Table
from cfplug.report.elements import Interval, rounded
from cfplug.stats import JACKKNIFE, Cell, jackknife, ratio, user_groups, without_each
from cfplug_audit import measures
from cfplug_audit.columns import columns, columns_of_users
from cfplug_audit.inequality import lorenz
from cfplug_audit.lists import (
    Lists,
    at_random,
    from_profiles,
    model_lists,
    most_popular,
    profiles,
    training_pairs,
)

if TYPE_CHECKING:
    from cfplug import Context, FittedModel
    from cfplug_audit import RecommendationLists

SHOW = 15
"""How many of the most recommended items are shown."""

FEW = 20
"""A group of fewer users with a list is not shown."""

BY_JACKKNIFE = f"Intervals (95 %) are by a {JACKKNIFE}."

MODEL, POPULAR, RANDOM, OWN = "this model", "most popular", "at random", "their own"


@frozen
class Measure:
    """A measure of lists: its name with the unit, its meaning, its decimals, and its maximum."""

    name: str
    meaning: str
    digits: int = 2
    most: float = math.inf

    def cell(self, figures: np.ndarray) -> Cell:
        """Return the measure, of figures of shape (1 + 20,), with its interval."""
        return rounded(jackknife(figures, (0, self.most)), self.digits)


COVERAGE = Measure(
    "catalogue coverage, % of items", "how much of the catalogue is in any list", 1, 100
)
EXPOSURE = Measure(
    "Gini of exposure, 0 to 1",
    "how unevenly items get places: 0 all the same, near 1 a few have all",
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
    "long tail, % of places", "how many places go to the long tail, the rarely rated items", 1, 100
)
NOVELTY = Measure(
    "novelty, bits", "how unknown the items are: one bit more is half as many users who rated them"
)
GENRES = Measure(
    "distance of {0}, nats",
    "how far the mix of {0} is from the user's ratings: 0 the same, 4.6 no overlap",
)
VARIETY = Measure(
    "diversity, 0 to 1", "how much the {0} of the items of a list differ: 0 not at all", most=1
)


@frozen(eq=False)
class Kinds:
    """What makes items similar: their groups (genres), or their factors, or nothing.

    `name` is what a reader sees, `member` is bool of shape (n_items, n_groups), `factors` has the
    shape (n_items, factors).
    """

    name: str = ""
    member: np.ndarray | None = None
    factors: np.ndarray | None = None


@frozen(eq=False)
class Facts:
    """What measures need: training ratings by item, users' items, and what makes them similar."""

    count: np.ndarray
    n_users: int
    tail: np.ndarray
    profile: list[np.ndarray]
    kinds: Kinds

    def each_user(self, lists: Lists) -> dict[Measure, np.ndarray]:
        """Return every measure of single lists, shape (m,)."""
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
        """Return the measures of all lists together; `exposure` is of shape (1 + 20, n_items)."""
        return {
            COVERAGE: 100 * measures.coverage(exposure, self.count),
            EXPOSURE: measures.exposure_gini(exposure, self.count),
        }


def recommendation_lists(
    params: RecommendationLists, fitted: FittedModel, context: Context
) -> Section:
    """Return each measure of the model's lists, compared with three other kinds of list.

    Args:
        params: The length of lists, how many users get one, and the share of the long tail.
        fitted: The model that makes the lists.
        context: Its generator draws users and random lists.
    """
    title = f"Recommendations of {fitted.name}"
    shown = model_lists(fitted, params.k, params.users, context)
    if shown.lists is None:
        return Section(title, shown.message)
    seen, lists = training_pairs(fitted), shown.lists
    facts = _facts(params, fitted, profiles(lists.users, seen))
    group = user_groups(len(lists.users))
    compared = {
        MODEL: lists,
        POPULAR: most_popular(fitted, lists, seen),
        RANDOM: at_random(fitted, lists, seen, context.rng),
        OWN: from_profiles(lists, facts.profile, context.rng),
    }
    found = {name: _figures(each, facts, group) for name, each in compared.items()}
    by_group = list(_by_group(fitted, lists, facts, group))
    return Section(
        title,
        (shown.message, *_text(found, facts)),
        [
            _measures(found, facts, params),
            *_group_tables(by_group, facts),
            _most_recommended(fitted, lists, group),
        ],
        [*_group_charts(by_group, facts), _curves(compared, facts)],
    )


def _facts(params: RecommendationLists, fitted: FittedModel, profile: list[np.ndarray]) -> Facts:
    count = fitted.support.count["item"]
    n_users = int((fitted.support.count["user"] > 0).sum())
    return Facts(count, n_users, measures.in_tail(count, params.tail), profile, _kinds(fitted))


def _kinds(fitted: FittedModel) -> Kinds:
    """Return the first set column of items (genres), else the first of categories, else factors."""
    for role in ("set", "category"):
        for column in columns(fitted.evidence.dataset, "items", (role,)):
            return Kinds(column.name, column.groups.member)
    if "embeddings" in fitted.provides:
        return Kinds("factors", factors=fitted.embeddings("item").to_numpy(dtype=np.float64))
    return Kinds()


def _figures(lists: Lists, facts: Facts, group: np.ndarray) -> dict[Measure, np.ndarray]:
    """Return every measure of all lists, then without each group of users, shape (1 + 20,)."""
    each = {measure: _mean(values, group) for measure, values in facts.each_user(lists).items()}
    return {**facts.together(lists.exposure_by_group(group, len(facts.count))), **each}


def _mean(values: np.ndarray, group: np.ndarray, who: np.ndarray | None = None) -> np.ndarray:
    """Return the mean over users, only those in `who` if given, shape (1 + 20,)."""
    known = np.isfinite(values) if who is None else np.isfinite(values) & who
    sums = without_each(np.column_stack([np.where(known, values, 0), known]), group)
    return ratio(sums[:, 0], sums[:, 1])


def _measures(
    found: dict[str, dict[Measure, np.ndarray]], facts: Facts, params: RecommendationLists
) -> Table:
    rows = [
        (
            measure.name.format(facts.kinds.name),
            *(measure.cell(each[measure]) for each in found.values()),
            measure.meaning.format(facts.kinds.name),
        )
        for measure in found[MODEL]
    ]
    note = (
        f"Compared with: lists of the {POPULAR} items, of items {RANDOM}, and of {params.k} items "
        "that the users rated "
        f"in training ({OWN}; fewer where they rated fewer). Long tail: the least rated items, "
        "which together have "
        f"{100 * params.tail:g} % of the ratings. Bits and nats are units of information, by "
        f"logarithms to the base 2 and e. {BY_JACKKNIFE}"
    )
    return Table("Measures of the lists", ("measure", *found, "what it means"), rows, note)


# By group of users


@frozen(eq=False)
class GroupFigures:
    """The mean of each measure over the users of one group."""

    column: str
    name: str
    users: int
    cells: dict[Measure, Cell]


def _by_group(
    fitted: FittedModel, lists: Lists, facts: Facts, group: np.ndarray
) -> Iterator[GroupFigures]:
    values = facts.each_user(lists)
    for column in columns_of_users(fitted):
        member = column.groups.member[lists.users]
        for at in np.flatnonzero(member.sum(axis=0) >= FEW):
            who = member[:, at]
            cells = {each: each.cell(_mean(values[each], group, who)) for each in values}
            yield GroupFigures(column.name, column.groups.names[at], int(who.sum()), cells)


def _group_tables(found: list[GroupFigures], facts: Facts) -> Iterator[Table]:
    """Yield a table of all groups of users, if any group is large enough."""
    if found:
        names = [each.name.format(facts.kinds.name) for each in found[0].cells]
        rows = [(each.column, each.name, each.users, *each.cells.values()) for each in found]
        note = f"Groups of fewer than {FEW} users with a list are left out. {BY_JACKKNIFE}"
        yield Table("Measures by users", ("users by", "group", "users", *names), rows, note)


def _group_charts(found: list[GroupFigures], facts: Facts) -> Iterator[Chart]:
    """Yield charts of how popular each group's lists are, and how their genres differ."""
    for measure in (PERCENTILE, GENRES):
        known = [each for each in found if each.cells.get(measure) is not None]
        x = measure.name.format(facts.kinds.name)
        rows = [
            (f"{each.column}: {each.name}", *astuple(Interval.of(each.cells[measure])), each.users)
            for each in known
        ]
        if rows:
            columns = ("group", x, "low", "high", "users")
            title = f"{x.partition(',')[0].capitalize()} by users"
            yield Chart(title, "interval", columns, rows, x=x, y="group", low="low", high="high")


# Items


def _most_recommended(fitted: FittedModel, lists: Lists, group: np.ndarray) -> Table:
    """Return the items that are in most lists."""
    count, total = fitted.support.count["item"], fitted.support.sum["item"]
    exposure = lists.exposure(len(count))
    often = np.argsort(-exposure, kind="stable")[:SHOW]
    users = without_each(np.ones(len(group)), group)
    in_lists = 100 * ratio(lists.exposure_by_group(group, len(count))[:, often], users[:, None])
    rows = [
        (
            fitted.catalogue.item.label(item),
            int(exposure[item]),
            rounded(jackknife(in_lists[:, at], (0, 100)), 1),
            int(count[item]),
            round(float(total[item] / count[item]), 2),
        )
        for at, item in enumerate(often)
        if exposure[item]
    ]
    columns = ("item", "lists", "in lists, % of users", "training ratings", "mean rating")
    return Table("The most recommended items", columns, rows, BY_JACKKNIFE)


def _curves(compared: dict[str, Lists], facts: Facts) -> Chart:
    """Return the Lorenz curves of how often items are recommended, and of training ratings."""
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
    x, y = "items, % (the least recommended first)", "places in lists, or ratings, %"
    note = (
        "On the diagonal every item would have as many. The further below it, the more the few at "
        "the right have."
    )
    title = "Evenness of recommendations"
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


# The text


def _text(found: dict[str, dict[Measure, np.ndarray]], facts: Facts) -> Iterator[str]:
    mine, own = found[MODEL], found[OWN]
    yield (
        f"Of the {int((facts.count > 0).sum()):,} items {_number(mine[COVERAGE], 1)} % are in at "
        "least one list. A "
        f"listed item has {_number(mine[POPULARITY], 0)} training ratings on average; one that the "
        "users rated "
        f"themselves has {_number(own[POPULARITY], 0)}. {_number(mine[TAIL], 1)} % of the places "
        "go to the long tail; "
        f"of the users' own ratings it is {_number(own[TAIL], 1)} %."
    )
    name = facts.kinds.name
    if GENRES in mine:
        further = "further from" if mine[GENRES][0] > own[GENRES][0] else "no further from"
        yield (
            f"The mix of {name} in the lists is {_number(mine[GENRES], 2)} nats from that of the "
            "users' ratings (0: the "
            f"same), {further} it than as many of a user's own items, drawn at random, are "
            f"({_number(own[GENRES], 2)})."
        )
    elif name:
        yield "Items have no sets or categories; their factors are compared instead."
    else:
        yield "Items have no sets or categories, and the model no factors: diversity is unknown."


def _number(figures: np.ndarray, digits: int) -> str:
    found = rounded(jackknife(figures), digits)
    if isinstance(found, Interval):
        return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"
    return "no" if found is None else f"{found:.{digits}f}"
