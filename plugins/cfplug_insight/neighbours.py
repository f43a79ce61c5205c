"""The items whose factors are most like those of some others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cfplug import Section, Table

if TYPE_CHECKING:
    import pandas as pd

    from cfplug import Context, FittedModel
    from cfplug_insight import NearestItems

UNNAMED = 3
"""How many of the most rated items are looked at where none is named."""

WHAT = {
    "cosine": "Two items are similar here if their factors, the numbers that the model learned "
    "of each, point the same way: a cosine of 1 is the same direction, 0 is nothing in common, -1 "
    "the opposite.",
    "euclidean": "Two items are similar here if their factors, the numbers that the model "
    "learned of each, are close to each other: a distance of 0 is the same point. Items with few "
    "ratings are near the middle, "
    "and so near each "
    "other, since little was learned of them.",
}
RATED = " Neither genre nor title went into it, only who rated what and how."


def nearest(params: NearestItems, fitted: FittedModel, context: Context) -> Section:
    """Return a table of neighbours for each named item, or for a few of the most rated.

    Args:
        params: The items, the measure, and how many neighbours are shown.
        fitted: A model that provides embeddings.
        context: Not used.
    """
    vocabulary, count = fitted.catalogue.item, fitted.support.count["item"]
    codes = (
        list(dict.fromkeys(map(vocabulary.find, params.items)))
        or np.argsort(-count, kind="stable")[:UNNAMED]
    )
    known = [int(code) for code in codes if count[code] > 0]
    lost = [vocabulary.label(code) for code in codes if count[code] == 0]
    messages = [f"{title} has no training rating, so it has no factors." for title in lost]
    found = [(vocabulary.label(code), _others(params, fitted, code)) for code in known]
    alone = [title for title, others in found if others.empty]
    messages += [f"There is no other item to compare {title} with." for title in alone]
    found = [(title, others) for title, others in found if not others.empty]
    what = WHAT[params.measure] + (RATED if fitted.features is None else "")
    text = [what, *(_said(params, title, others) for title, others in found), *messages]
    return Section(
        f"Nearest items of {fitted.name}", text, [_table(params, *each) for each in found]
    )


def _others(params: NearestItems, fitted: FittedModel, code: int) -> pd.DataFrame:
    """Return all items that the item `code` is compared with, the nearest first."""
    name = fitted.catalogue.item.ids[code]
    everyone = len(fitted.catalogue.item)
    return fitted.similar(name, everyone, measure=params.measure, most_rated=params.most_rated)


def _said(params: NearestItems, title: str, others: pd.DataFrame) -> str:
    """Return how similar the nearest are, and what is usual."""
    values = others.iloc[:, 3]
    last = min(params.show, len(others))
    unit, side = ("cosine", "below") if params.measure == "cosine" else ("distance", "above")
    said = f"Nearest to {title}: {others['label'].iloc[0]}, with a {unit} of {values.iloc[0]:.2f}"
    if last > 1:
        said += f"; number {last} of the list has {values.iloc[last - 1]:.2f}"
    if len(others) == 1:
        return f"{said}."
    return (
        f"{said}. For half of the {len(others):,} items compared it is {side} "
        f"{values.median():.2f}."
    )


def _table(params: NearestItems, title: str, others: pd.DataFrame) -> Table:
    shown = others.head(params.show)
    rows = [
        (int(rank), str(label), round(float(value), 3) + 0.0, int(ratings))
        for rank, label, value, ratings in zip(
            shown["rank"], shown["label"], shown.iloc[:, 3], shown["ratings"], strict=True
        )
    ]
    name = "cosine similarity" if params.measure == "cosine" else "distance"
    return Table(f"Nearest to {title}", ("rank", "item", name, "ratings"), rows)
