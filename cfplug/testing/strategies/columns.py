"""Strategies for columns of metadata: every role, missing values, and names in any script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from cfplug.testing.strategies.ids import HOSTILE, texts

if TYPE_CHECKING:
    import pandas as pd

NAMES: Mapping[str, tuple[str, ...]] = {
    "category": ("occupation", "device", "a b", "métier", "country"),
    "number": ("age", "year", "Größe", "price", "x,y"),
    "set": ("genres", "タグ", "tags"),
    "time": ("joined", "released", "às horas"),
    "label": ("title", "name", "शीर्षक"),
    "text": ("about", "<i>note</i>", "review"),
}
"""The names of columns of each role."""

EPOCH = 800_000_000
"""The second since 1970 around which times are drawn: the spring of 1995."""

_GENRES = ["drama", "comedy", "sci-fi", "Épopée", *HOSTILE[:8]]


@frozen(eq=False)
class Column:
    """One column of n values with its name and role."""

    name: str
    role: str
    values: pd.Series[Any]


# made once: making a strategy takes longer than drawing from it
_BY_ROLE = {role: st.sampled_from(names) for role, names in NAMES.items()}
_ROLE = st.sampled_from(tuple(NAMES))
_COUNT = st.integers(0, 3)
_GAPS = st.sampled_from(["none", "some", "all"])
_STYLE = st.integers(0, 2)
_MASK = st.integers(0, 2**32 - 1)
_TENTHS = st.integers(-50, 1_000).map(lambda number: number / 10)
_YEARS = st.integers(1900, 2030)
_SETS = st.lists(st.sampled_from(_GENRES), max_size=3, unique=True).map(tuple)
_SECONDS = st.integers(0, 3).map(lambda day: EPOCH + 86_400 * day) | st.integers(-EPOCH, 2 * EPOCH)
_ZONES = st.sampled_from([None, None, "UTC", "Asia/Kolkata"])
_CATEGORIES: SearchStrategy[list[Any]] = st.lists(
    texts(), min_size=1, max_size=3, unique=True
) | st.sampled_from([[1, 2, 10], [True, False]])
_PARAGRAPHS = st.lists(texts(), max_size=3).map(" ".join)


def columns(draw: DrawFn, n: int) -> list[Column]:
    """Draw up to three columns of `n` rows of any roles, each with a different name."""
    roles = [draw(_ROLE) for _ in range(draw(_COUNT))]
    named = {draw(_BY_ROLE[role]): role for role in roles}
    return [Column(name, role, _values(draw, role, n)) for name, role in named.items()]


def context(draw: DrawFn, n: int) -> Column:
    """Draw one column of context of `n` ratings: a category or a number."""
    role = ("category", "number")[draw(_STYLE) % 2]
    return Column(draw(_BY_ROLE[role]), role, _values(draw, role, n))


def times(draw: DrawFn, n: int) -> pd.Series[Any]:
    """Draw `n` times, none missing, some of them equal."""
    return _stamps(draw, [draw(_SECONDS) for _ in range(n)])


def _values(draw: DrawFn, role: str, n: int) -> pd.Series[Any]:
    """Draw `n` values of a role, of which none, some or all are missing; a missing set is empty."""
    import pandas as pd

    if role == "number":
        return _numbers(draw, n)
    if role == "time":
        return _stamps(draw, _some(draw, _SECONDS, n))
    if role == "category":
        categories = draw(_CATEGORIES)
        places = _some(draw, _STYLE, n)
        values = [None if each is None else categories[each % len(categories)] for each in places]
    elif role == "set":
        values = _some(draw, _SETS, n, ())
    else:
        values = _some(draw, texts() if role == "label" else _PARAGRAPHS, n)
    return pd.Series(values, dtype=object)


def _some(draw: DrawFn, one: SearchStrategy[Any], n: int, missing: Any = None) -> list[Any]:
    """Draw `n` values of which none, about a quarter or all are missing."""
    gaps = draw(_GAPS)
    if gaps == "all":
        return [missing] * n
    mask = draw(_MASK) & draw(_MASK) if gaps == "some" else 0
    return [missing if mask >> place % 32 & 1 else draw(one) for place in range(n)]


def _numbers(draw: DrawFn, n: int) -> pd.Series[Any]:
    """Draw floats with gaps, whole numbers without gaps, or one number for all."""
    import pandas as pd

    style = draw(_STYLE)
    if style == 0:
        return pd.Series(_some(draw, _TENTHS, n, float("nan")), dtype="float64")
    if style == 1:
        return pd.Series([draw(_YEARS) for _ in range(n)], dtype="int64")
    return pd.Series([draw(_TENTHS)] * n, dtype="float64")


def _stamps(draw: DrawFn, seconds: list[int | None]) -> pd.Series[Any]:
    import pandas as pd

    found = pd.Series(pd.to_datetime(pd.Series(seconds, dtype="Int64"), unit="s"))
    zone = draw(_ZONES)
    return found if zone is None else found.dt.tz_localize("UTC").dt.tz_convert(zone)
