"""What metadata shows of a point of a map: its colour, and words for an id that has no label."""

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
"""How many words have a colour of their own; all others are `other`."""

KNOWN = 3
"""How many columns of metadata stand beside an id that has no label."""

OTHER, MISSING, MEAN = "other", "not known", "mean rating"

SERVES = ("set", "category", "number", "time")
"""The roles that can be a colour, those first that say most at a glance."""


@frozen(eq=False)
class Colour:
    """A title, a word or number for every code, shape (n_ids,), None where a number is missing, and what to know."""

    title: str
    values: tuple[Any, ...]
    note: str = ""


def colour(fitted: FittedModel, side: str, name: str) -> Colour:
    """The column `name` of users or items, or the first that serves; DataError for one that cannot be a colour."""
    table = f"{side}s"
    roles, frame = fitted.evidence.dataset.roles[table], fitted.evidence.dataset.tables()[table]
    named = [
        column
        for role in SERVES
        for column in roles
        if roles[column] == role and frame[column].notna().any()
    ]
    if name == MEAN or not (name or named):
        return Colour(MEAN, _means(fitted, side))
    name = name or named[0]
    if name not in roles:
        there = ", ".join((*named, MEAN))
        raise DataError(
            f"embedding-map: color: {table} has no column called {name!r}{_guess(name, named)} ({there})"
        )
    if roles[name] not in SERVES:
        raise DataError(
            f"embedding-map: color: {name} has the role {roles[name]}, which is no colour"
        )
    return _of_column(side, name, roles[name], frame[name])


def called(fitted: FittedModel, side: str, code: int) -> str:
    """What a person reads for an id: its label, or the id with the first few things that are known of it."""
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


def _of_column(side: str, name: str, role: str, column: pd.Series[Any]) -> Colour:
    if role == "number":
        return Colour(name, _numbers(column))
    if role == "time":
        return Colour(f"year of {name}", _numbers(column.dt.year))
    if role == "set":
        values = [tuple(each) if isinstance(each, tuple) else () for each in column.tolist()]
        note = f"The colour is the first of the {name} of each {side} that is among the {MOST} most frequent."
        return Colour(name, _words(values), note)
    missing = column.isna().tolist()
    return Colour(
        name,
        _words([() if gone else (str(word),) for word, gone in zip(column, missing, strict=True)]),
    )


def _means(fitted: FittedModel, side: str) -> tuple[float | None, ...]:
    """The mean training rating of each id; None where it has none."""
    count, total = fitted.support.count[side], fitted.support.sum[side]
    pairs = zip(total.tolist(), count.tolist(), strict=True)
    return tuple(round(each / n, 2) if n else None for each, n in pairs)


def _numbers(column: pd.Series[Any]) -> tuple[float | int | None, ...]:
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan).tolist()
    return tuple(_plain(number) if np.isfinite(number) else None for number in numbers)


def _plain(number: float) -> float | int:
    """A whole number without a point, so that a year reads as one."""
    return int(number) if number.is_integer() else number


def _words(values: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The first word of each that is among the most frequent; ties of frequency go by the alphabet."""
    count = Counter(word for each in values for word in each)
    frequent = {word for word, _ in sorted(count.items(), key=lambda one: (-one[1], one[0]))[:MOST]}
    return tuple(
        next((word for word in each if word in frequent), OTHER if each else MISSING)
        for each in values
    )
