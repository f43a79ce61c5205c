"""Ratings over time: how many in each day, week, month, quarter, year, decade or century."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cfplug import Chart

if TYPE_CHECKING:
    from cfplug import Dataset


def _monday(days: np.ndarray) -> np.ndarray:
    since: np.ndarray = (days.astype(int) + 3) % 7  # the first of January 1970 was a Thursday
    monday: np.ndarray = days - since
    return monday


def _months(many: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the first day of the period of `many` months of each day, from the year 0."""

    def start(days: np.ndarray) -> np.ndarray:
        months = days.astype("datetime64[M]").astype(int) + 12 * 1970
        return (months // many * many - 12 * 1970).astype("datetime64[M]").astype("datetime64[D]")

    return start


PERIODS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "day": lambda days: days,
    "week": _monday,
    "month": _months(1),
    "quarter": _months(3),
    "year": _months(12),
    "decade": _months(120),
    "century": _months(1200),
}
"""The name of a period, and the first day of the period of each of some days, shape (n,)."""

SHOWN = {
    "day": "D",
    "week": "D",
    "month": "M",
    "quarter": "M",
    "year": "Y",
    "decade": "Y",
    "century": "Y",
}
"""The precision with which the first day of a period is written."""

LONGER = ("week", "quarter", "decade", "century")
"""Periods that are longer than the precision of their name."""

MOST_PERIODS = 40
"""How many bars a chart has at most; the shortest period that needs no more is taken."""


def timeline(dataset: Dataset) -> tuple[tuple[Chart, ...], str]:
    """Return a bar for each period and a sentence; no chart if no rating has a time."""
    name = next((name for name, role in dataset.roles["ratings"].items() if role == "time"), None)
    time = pd.Series(dtype="datetime64[s, UTC]") if name is None else dataset.ratings[name].dropna()
    if time.empty:
        return (), "The ratings have no time."
    days = _days(time)
    period, names, totals = by_period(days.min(), np.bincount((days - days.min()).astype(int)))
    rows = list(zip(names, totals.tolist(), strict=True))
    note = f"Each {period} is named by its beginning." if period in LONGER else ""
    chart = Chart(
        f"Ratings by {period}", "bar", (period, "ratings"), rows, x=period, y="ratings", note=note
    )
    most = int(totals.argmax())
    text = f"The ratings were given from {days.min()} to {days.max()}"
    if len(rows) > 1:
        share = 100 * totals[most] / totals.sum()
        which = f"that from {names[most]} on" if period in LONGER else names[most]
        text += f"; the busiest {period}, {which}, brought {share:.3g} % of them"
    missing = len(dataset.ratings) - len(time)
    return (chart,), f"{text}; {missing:,} have no time." if missing else f"{text}."


def _days(time: pd.Series[Any]) -> np.ndarray:
    """Return the day of each time in UTC, shape (n,)."""
    if getattr(time.dt, "tz", None) is not None:
        time = time.dt.tz_convert(None)
    return time.to_numpy().astype("datetime64[D]")


def by_period(first: np.datetime64, counts: np.ndarray) -> tuple[str, list[str], np.ndarray]:
    """Return the name of the period, the names of all periods, and the sum of each.

    `counts` is how many ratings each day from `first` on has, shape (n_days,).
    """
    days = first + np.arange(len(counts))
    for period, start in PERIODS.items():  # noqa: B007
        starts, at = np.unique(start(days), return_inverse=True)
        if len(starts) <= MOST_PERIODS:
            break
    names = starts.astype(f"datetime64[{SHOWN[period]}]").astype(str).tolist()
    return period, names, np.bincount(at, counts).astype(int)
