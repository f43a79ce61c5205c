"""The metadata of users, items and ratings: a line for each column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cfplug import Table

if TYPE_CHECKING:
    from cfplug import Dataset

MOST_FREQUENT = 3
LONGEST = 60
"""How many letters of a value are shown."""

ROLES = {
    "category": "one of a few words",
    "number": "a number",
    "set": "several words at once",
    "time": "a moment or a day",
    "text": "text of any kind, which models do not see",
    "label": "a name for people to read",
}


def columns(dataset: Dataset) -> Table | None:
    """Return a row for each column that is neither id nor rating; None if there is none."""
    rows = [
        (
            each.table,
            each.name,
            each.role,
            *_summary(dataset.tables()[each.table][each.name], each.role),
        )
        for each in dataset.columns()
        if each.role in ROLES
    ]
    if not rows:
        return None
    used = [role for role in ROLES if any(row[2] == role for row in rows)]
    note = "; ".join(f"{role}: {ROLES[role]}" for role in used)
    heads = ("table", "column", "role", "filled, %", "different values", "what is in it")
    return Table("Metadata", heads, rows, f"{note[0].upper()}{note[1:]}.")


def _summary(column: pd.Series[Any], role: str) -> tuple[float, int, str]:
    """Return how much of a column is filled, how many values it has, and a summary of them."""
    if role == "set":
        filled = column[column.map(len) > 0]
        values = filled.explode()
    else:
        filled = values = column.dropna()
    share = round(100 * len(filled) / max(len(column), 1), 1)
    words = {
        "number": _span_of_numbers,
        "time": _span_of_times,
        "category": _frequent,
        "set": _frequent,
    }
    return (
        share,
        int(values.nunique()),
        words.get(role, _example)(values, len(filled)) if len(filled) else "nothing",
    )


def _span_of_numbers(values: pd.Series[Any], _n: int) -> str:
    numbers = values.to_numpy(dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return "nothing finite"
    return f"{numbers.min():.6g} to {numbers.max():.6g}, median {np.median(numbers):.6g}"


def _span_of_times(values: pd.Series[Any], _n: int) -> str:
    return f"{values.min():%Y-%m-%d} to {values.max():%Y-%m-%d}"


def _frequent(values: pd.Series[Any], n: int) -> str:
    """Return the most frequent values, each with its share of the `n` filled rows."""
    counts = values.map(_short).value_counts(sort=False).sort_values(ascending=False, kind="stable")
    return ", ".join(
        f"{value} {100 * count / n:.3g} %" for value, count in counts.head(MOST_FREQUENT).items()
    )


def _example(values: pd.Series[Any], _n: int) -> str:
    return f"such as {_short(values.iloc[0])}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
