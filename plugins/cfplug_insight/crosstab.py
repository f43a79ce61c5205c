"""A table of the most active users and the most rated items, with predictions in empty cells."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cfplug import Chart

if TYPE_CHECKING:
    from cfplug import FittedModel

RATING, PREDICTED, EMPTY = "rating", "predicted", "empty"
TITLE = "The most active users and the most rated items"
COLUMNS = ("user", "item", "rating", "what it is", "in the cell")
UNSEEN = "training never saw their user or item"


def crosstab(n: int, fitted: FittedModel, counts: Mapping[str, np.ndarray]) -> tuple[Chart, str]:
    """Return the cells as a chart, and a sentence on them.

    `counts` is how many ratings each code of `user` and `item` has in the whole data.
    """
    codes = {side: _most(count, n) for side, count in counts.items()}
    cells, why_empty = filled(fitted, codes["user"], codes["item"])
    names = {side: _names(fitted, side, codes[side]) for side in codes}
    scale = fitted.evidence.dataset.scale
    decimals = max(0, 2 - math.ceil(math.log10(scale.high - scale.low or 1.0)))
    marks = [
        (names["user"][user], names["item"][item], *_shown(rating, prediction, decimals))
        for user, item, rating, prediction in cells.itertuples(index=False)
    ]
    note = f"* predicted by {fitted.name}; all other numbers are ratings that users gave."
    chart = Chart(
        TITLE,
        "cell",
        COLUMNS,
        marks,
        x="user",
        y="item",
        color="rating",
        label="in the cell",
        note=note,
    )
    return chart, _in_words(cells, fitted, why_empty)


def filled(fitted: FittedModel, users: np.ndarray, items: np.ndarray) -> tuple[pd.DataFrame, str]:
    """Return user, item, rating and prediction of each pair, and why some pairs have neither.

    A missing number is NaN. The model predicts only pairs without a rating that it can predict.
    """
    cells = pd.DataFrame({"user": users.repeat(len(items)), "item": np.tile(items, len(users))})
    given = {
        (user, item): float(rating)
        for user in users.tolist()
        for item, rating in zip(
            fitted.catalogue.rated_by(user).tolist(), fitted.catalogue.ratings_by(user), strict=True
        )
    }
    rating = np.array(
        [given.get(pair, np.nan) for pair in cells.itertuples(index=False, name=None)]
    )
    cells = cells.assign(rating=rating, prediction=np.nan)
    known = np.ones(len(cells), dtype=bool)
    if fitted.policy is None:
        for side in ("user", "item"):
            known &= fitted.support.trained(side, cells[side].to_numpy())
    context, why = _context(fitted)
    asked = np.isnan(rating) & known & (not why)
    if asked.any():
        pairs = {
            side: fitted.catalogue.side(side).decode(cells.loc[asked, side])
            for side in ("user", "item")
        }
        answers = fitted.predict(pd.DataFrame(pairs).assign(**context))
        cells.loc[asked, "prediction"] = answers["prediction"].to_numpy()
    return cells, why or UNSEEN


def _context(fitted: FittedModel) -> tuple[dict[str, Any], str]:
    """Return the context for pairs without a rating, the median time; or why there is none."""
    needs = fitted.features.needs() if fitted.features is not None else ()
    other = [name for name in needs if name != "time"]
    if other:
        return (
            {},
            f"the model also looks at {' and '.join(other)} of a rating, which they do not have",
        )
    return {name: fitted.evidence.dataset.ratings[name].median() for name in needs}, ""


def _most(count: np.ndarray, n: int) -> np.ndarray:
    """Return up to `n` codes with the most ratings, at least one; of equals the first."""
    most = np.argsort(-count, kind="stable")[:n]
    return most[count[most] > 0]


def _names(fitted: FittedModel, side: str, codes: np.ndarray) -> dict[int, str]:
    """Return the name of each code, with the id if two have the same name."""
    vocabulary = fitted.catalogue.side(side)
    labels = {int(code): vocabulary.label(int(code)) for code in codes}
    often = Counter(labels.values())
    return {
        code: label if often[label] == 1 else f"{label} ({vocabulary.ids[code]!r})"
        for code, label in labels.items()
    }


def _shown(rating: float, prediction: float, decimals: int) -> tuple[float | None, str, str]:
    """Return a cell's number, what it is, and its text."""
    if not np.isnan(rating):
        number = float(f"{rating:.4g}")
        return int(number) if number.is_integer() else number, RATING, f"{rating:.4g}"
    if not np.isnan(prediction):
        return round(prediction, decimals + 1), PREDICTED, f"{prediction:.{decimals}f}*"
    return None, EMPTY, ""


def _in_words(cells: pd.DataFrame, fitted: FittedModel, why_empty: str) -> str:
    users, items = cells["user"].nunique(), cells["item"].nunique()
    predicted = int(cells["prediction"].notna().sum())
    empty = int((cells["rating"].isna() & cells["prediction"].isna()).sum())
    sentence = (
        f"The {users:,} most active users and the {items:,} most rated items make {len(cells):,} "
        "pairs. "
        f"{int(cells['rating'].notna().sum()):,} of them have a rating"
    )
    sentence += (
        f"; {predicted:,} have a prediction of {fitted.name}, marked with *." if predicted else "."
    )
    return f"{sentence} {empty:,} stay empty, since {why_empty}." if empty else sentence
