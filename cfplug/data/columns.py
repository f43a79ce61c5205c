"""Columns of tables as arrays: times, numbers, text and sets, read by value, not by type."""

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
"""Parts of a time whose values are all known beforehand."""


def time_part(
    part: str, time: pd.Series[Any], start: float, born: np.ndarray | None
) -> pd.Series[Any]:
    """Return one part of each time, in UTC.

    Args:
        part: year, a key of CALENDAR, `elapsed` (days since `start`) or `item-age` (years).
        time: of shape (n,).
        start: where `elapsed` starts, in seconds since 1970.
        born: when each item came out, in seconds since 1970, shape (n,), with NaN where unknown.
    """
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
    """Return whether the column holds times, not text or numbers that mean some."""
    return bool(pd.api.types.is_datetime64_any_dtype(column.dtype))


def as_times(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return times as they are, or read from text such as 1998-04-01 12:30.

    Raises:
        DataError: a value is not a time; it names the row.
    """
    if is_time(column):
        return column
    if not all(isinstance(value, str) for value in column.dropna()):
        raise DataError(f"must hold times; is of type {column.dtype}", column=str(column.name))
    times = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
    return _read(column, times, "a time such as 1998-04-01 12:30")


def as_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return numbers and times as they are, or numbers read from text.

    Raises:
        DataError: a value is not a number; it names the row.
    """
    if is_time(column) or pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return _read(column, pd.to_numeric(column, errors="coerce"), "a number")


def _read(column: pd.Series[Any], values: pd.Series[Any], what: str) -> pd.Series[Any]:
    """Return `values`, read from `column`; refuse the first that could not be read."""
    lost = (values.isna() & column.notna()).to_numpy()
    if lost.any():
        row = int(lost.argmax())
        message = f"must be {what}; is {column.iloc[row]!r}"
        raise DataError(message, row=row, column=str(column.name))
    return values


def seconds(time: pd.Series[Any]) -> np.ndarray:
    """Return seconds since 1970, float64 of shape (n,); NaN where there is no time."""
    seconds = in_utc(time).to_numpy(dtype="datetime64[s]").astype(np.float64)
    return np.where(time.isna(), np.nan, seconds)


def in_utc(time: pd.Series[Any]) -> pd.Series[Any]:
    """Return the same times without a zone, so that questions may come from any zone."""
    if getattr(time.dt, "tz", None) is not None:
        time = time.dt.tz_convert(None)
    return time


def floats(column: pd.Series[Any]) -> np.ndarray:
    """Return the numbers, float64 of shape (n,), with NaN where one is missing.

    Raises:
        DataError: the column does not hold numbers, or one is infinite.
    """
    name = str(column.name)
    try:
        numbers: np.ndarray = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"must hold numbers; is of type {column.dtype}", column=name) from None
    if np.isinf(numbers).any():
        row = int(np.isinf(numbers).argmax())
        raise DataError(f"a number is finite or missing; is {numbers[row]}", row=row, column=name)
    return numbers


def amounts(column: pd.Series[Any]) -> np.ndarray:
    """Return the numbers, or times as days since 1970, float64 of shape (n,), NaN if missing."""
    return seconds(column) / DAY if is_time(column) else floats(column)


def words(column: pd.Series[Any]) -> list[str | None]:
    """Return each value as text, None where it is missing, whole numbers without a point."""
    texts: list[str | None] = []
    for value, is_missing in zip(column.tolist(), column.isna().tolist(), strict=True):
        if is_missing:
            texts.append(None)
        elif isinstance(value, float) and value.is_integer():
            texts.append(str(int(value)))
        else:
            texts.append(str(value))
    return texts


def members(column: pd.Series[Any]) -> list[tuple[str, ...]]:
    """Return the members of each set; none where it is missing."""
    return [tuple(value) if isinstance(value, tuple) else () for value in column.tolist()]


def padded(codes: Iterable[list[int]]) -> np.ndarray:
    """Return lists of codes as int64 of shape (n, most), at least one column, padded with 0."""
    rows = list(codes)
    most = max((len(row) for row in rows), default=0)
    array = np.zeros((len(rows), max(most, 1)), dtype=np.int64)
    for number, row in enumerate(rows):
        array[number, : len(row)] = row
    return array
