"""Columns of tables as arrays: times, numbers, words and sets, read by value whatever their type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from cfplug.errors import DataError

DAY, YEAR = 86_400.0, 365.2425 * 86_400.0
"""Seconds."""

CALENDAR: Mapping[str, tuple[range, Callable[[Any], Any]]] = {
    "month": (range(1, 13), lambda time: time.dt.month),
    "day-of-week": (range(7), lambda time: time.dt.day_of_week),
    "hour": (range(24), lambda time: time.dt.hour),
}
"""Parts of a time of which all values are known beforehand."""


def time_part(
    part: str, time: pd.Series[Any], start: float, born: np.ndarray | None
) -> pd.Series[Any]:
    """One of TIME_PARTS of each time, in UTC; `elapsed` in days, `item-age` in years, NaN where it is not known."""
    time = in_utc(time)
    if part == "year":
        return pd.Series(time.dt.year)
    if part in CALENDAR:
        return pd.Series(CALENDAR[part][1](time))
    if part == "elapsed":
        return pd.Series((seconds(time) - start) / DAY)
    assert born is not None
    return pd.Series((seconds(time) - born) / YEAR)


def is_time(column: pd.Series[Any]) -> bool:
    """Whether the column holds times, not text or numbers that stand for some."""
    return bool(pd.api.types.is_datetime64_any_dtype(column.dtype))


def as_times(column: pd.Series[Any]) -> pd.Series[Any]:
    """Times as they are, or read from text such as 1998-04-01 12:30; DataError names the row of what is none."""
    if is_time(column):
        return column
    if not all(isinstance(value, str) for value in column.dropna()):
        raise DataError(f"must hold times; is of type {column.dtype}", column=str(column.name))
    times = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
    return _read(column, times, "a time such as 1998-04-01 12:30")


def as_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers and times as they are, or numbers read from text; DataError names the row of what is none."""
    if is_time(column) or pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return _read(column, pd.to_numeric(column, errors="coerce"), "a number")


def _read(column: pd.Series[Any], values: pd.Series[Any], what: str) -> pd.Series[Any]:
    """`values`, which were read from `column`; DataError for the first that could not be."""
    lost = (values.isna() & column.notna()).to_numpy()
    if lost.any():
        row = int(lost.argmax())
        raise DataError(
            f"must be {what}; is {column.iloc[row]!r}", row=row, column=str(column.name)
        )
    return values


def seconds(time: pd.Series[Any]) -> np.ndarray:
    """Seconds since 1970, float64 of shape (n,); NaN where there is no time."""
    seconds = in_utc(time).to_numpy(dtype="datetime64[s]").astype(np.float64)
    return np.where(time.isna(), np.nan, seconds)


def in_utc(time: pd.Series[Any]) -> pd.Series[Any]:
    """The same times without a zone, so that a question may be in another zone than the training ratings."""
    return time.dt.tz_convert(None) if getattr(time.dt, "tz", None) is not None else time


def floats(column: pd.Series[Any]) -> np.ndarray:
    """The numbers, float64 of shape (n,), NaN where one is missing; DataError for what is no finite number."""
    try:
        numbers: np.ndarray = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(
            f"must hold numbers; is of type {column.dtype}", column=str(column.name)
        ) from None
    if np.isinf(numbers).any():
        row = int(np.isinf(numbers).argmax())
        raise DataError(
            f"a number is finite or missing; is {numbers[row]}", row=row, column=str(column.name)
        )
    return numbers


def words(column: pd.Series[Any]) -> list[str | None]:
    """Each value as text, None where it is missing; a whole number is written without a point."""
    missing = column.isna().tolist()
    return [
        None if gone else _word(value) for value, gone in zip(column.tolist(), missing, strict=True)
    ]


def _word(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def members(column: pd.Series[Any]) -> list[tuple[str, ...]]:
    """The members of each set; none where it is missing."""
    return [tuple(value) if isinstance(value, tuple) else () for value in column.tolist()]


def padded(codes: Iterable[list[int]]) -> np.ndarray:
    """Lists of codes as int64 of shape (n, most), at least one column, filled up with 0."""
    rows = list(codes)
    out = np.zeros((len(rows), max(map(len, rows), default=0) or 1), dtype=np.int64)
    for row, found in enumerate(rows):
        out[row, : len(found)] = found
    return out
