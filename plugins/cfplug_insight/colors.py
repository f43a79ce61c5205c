"""The color of a point of a map by metadata, and a name for an id that has no label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from cfplug import DataError
from cfplug.errors import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from cfplug import FittedModel

MOST = 8
"""How many categories have a color of their own; all others are `other`."""

KNOWN = 3
"""How many columns of metadata are in the name of an id that has no label."""

OTHER, MISSING, MEAN = "other", "not known", "mean rating"

SERVES = ("set", "category", "number", "time")
"""The roles that can be a color, in order of preference."""


@frozen(eq=False)
class Color:
    """A title, a category or number for every code, shape (n_ids,), and a note.

    A missing number is None.
    """

    title: str
    values: tuple[Any, ...]
    note: str = ""


def color_by(fitted: FittedModel, side: str, name: str) -> Color:
    """Return the colors by the column `name` of users or items, or by the first usable one.

    Raises:
        DataError: The column does not exist or cannot be a color.
    """
    table = f"{side}s"
    roles, frame = fitted.evidence.dataset.roles[table], fitted.evidence.dataset.tables()[table]
    named = [
        column
        for role in SERVES
        for column in roles
        if roles[column] == role and frame[column].notna().any()
    ]
    if name == MEAN or not (name or named):
        return Color(MEAN, _means(fitted, side))
    name = name or named[0]
    if name not in roles:
        there = ", ".join((*named, MEAN))
        raise DataError(
            f"embedding-map: color: {table} has no column called {name!r}{_guess(name, named)} "
            f"({there})"
        )
    if roles[name] not in SERVES:
        raise DataError(
            f"embedding-map: color: {name} has the role {roles[name]}, which cannot be a color"
        )
    return _of_column(side, name, roles[name], frame[name])


def name_of(fitted: FittedModel, side: str, code: int) -> str:
    """Return the name of an id: its label, or the id with its first few metadata."""
    vocabulary, table = fitted.catalogue.side(side), f"{side}s"
    if vocabulary.labels is not None:
        return vocabulary.label(code)
    roles, frame = fitted.evidence.dataset.roles[table], fitted.evidence.dataset.tables()[table]
    named = [name for name in roles if roles[name] in ("category", "number")][:KNOWN]
    known = [str(_word(frame[name].iloc[code])) for name in named if frame[name].notna().iloc[code]]
    return f"{side} {vocabulary.label(code)}" + (f" ({', '.join(known)})" if known else "")


def _word(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _guess(name: str, named: Sequence[str]) -> str:
    return did_you_mean(name, (*named, MEAN))


def _of_column(side: str, name: str, role: str, column: pd.Series[Any]) -> Color:
    if role == "number":
        return Color(name, _numbers(column))
    if role == "time":
        return Color(f"year of {name}", _numbers(column.dt.year))
    if role == "set":
        values = [tuple(each) if isinstance(each, tuple) else () for each in column.tolist()]
        note = (
            f"The color is the first of the {name} of each {side} that is among the {MOST} most "
            "frequent."
        )
        return Color(name, _words(values), note)
    missing = column.isna().tolist()
    return Color(
        name,
        _words([() if gone else (str(word),) for word, gone in zip(column, missing, strict=True)]),
    )


def _means(fitted: FittedModel, side: str) -> tuple[float | None, ...]:
    """Return the mean training rating of each id; None if it has none."""
    count, total = fitted.support.count[side], fitted.support.sum[side]
    pairs = zip(total.tolist(), count.tolist(), strict=True)
    return tuple(round(each / n, 2) if n else None for each, n in pairs)


def _numbers(column: pd.Series[Any]) -> tuple[float | int | None, ...]:
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan).tolist()
    return tuple(_plain(number) if np.isfinite(number) else None for number in numbers)


def _plain(number: float) -> float | int:
    """Return a whole number without a point, so that a year reads as one."""
    return int(number) if number.is_integer() else number


def _words(values: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the first of each that is among the most frequent; ties go by the alphabet."""
    count = Counter(word for each in values for word in each)
    frequent = {word for word, _ in sorted(count.items(), key=lambda one: (-one[1], one[0]))[:MOST]}
    return tuple(
        next((word for word in each if word in frequent), OTHER if each else MISSING)
        for each in values
    )
