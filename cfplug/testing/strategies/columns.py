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
"""What columns of each role are called."""

EPOCH = 800_000_000
"""Seconds since 1970 about which times lie: the spring of 1995."""


@frozen(eq=False)
class Drawn:
    """One column of n values with its name and role."""

    name: str
    role: str
    values: pd.Series[Any]


_BY_ROLE = {role: st.sampled_from(names) for role, names in NAMES.items()}
_WHICH = st.sampled_from(tuple(NAMES))
_COUNT = st.integers(0, 3)
_GAPS = st.sampled_from(["none", "some", "all"])
_STYLE = st.integers(0, 2)
_MASK = st.integers(0, 2**32 - 1)
_TENTHS = st.integers(-50, 1_000).map(lambda number: number / 10)
_YEARS = st.integers(1900, 2030)
_MEMBERS = st.lists(
    st.sampled_from(["drama", "comedy", "sci-fi", "Épopée", *HOSTILE[:8]]), max_size=3, unique=True
)
_MOMENTS = st.integers(0, 3).map(lambda day: EPOCH + 86_400 * day) | st.integers(-EPOCH, 2 * EPOCH)
_ZONES = st.sampled_from([None, None, "UTC", "Asia/Kolkata"])
_ALIKE: SearchStrategy[list[Any]] = st.lists(
    texts(), min_size=1, max_size=3, unique=True
) | st.sampled_from([[1, 2, 10], [True, False]])
_WORDS = st.lists(texts(), max_size=3).map(" ".join)


def columns(draw: DrawFn, n: int) -> list[Drawn]:
    """Up to three columns of `n` rows about users or items, of any roles, each with a name of its own."""
    roles = [draw(_WHICH) for _ in range(draw(_COUNT))]
    named = {draw(_BY_ROLE[role]): role for role in roles}
    return [Drawn(name, role, column(draw, role, n)) for name, role in named.items()]


def context(draw: DrawFn, n: int) -> Drawn:
    """One column of ratings that says in what circumstances they were given: a category or a number."""
    role = ("category", "number")[draw(_STYLE) % 2]
    return Drawn(draw(_BY_ROLE[role]), role, column(draw, role, n))


def column(draw: DrawFn, role: str, n: int) -> pd.Series[Any]:
    """`n` values of a role, some of them missing, or none, or all; a set that is missing is empty."""
    ways = {
        "category": _category,
        "number": _number,
        "set": _set,
        "time": _time,
        "label": _label,
        "text": _text,
    }
    return ways[role](draw, n)


def times(draw: DrawFn, n: int) -> pd.Series[Any]:
    """`n` times, none missing; some of them are the same."""
    return _stamps(draw, [draw(_MOMENTS) for _ in range(n)])


def _some(draw: DrawFn, one: SearchStrategy[Any], n: int, missing: Any = None) -> list[Any]:
    """`n` values: none of them missing, or about a quarter, or all."""
    gaps = draw(_GAPS)
    if gaps == "all":
        return [missing] * n
    mask = draw(_MASK) & draw(_MASK) if gaps == "some" else 0
    return [missing if mask >> place % 32 & 1 else draw(one) for place in range(n)]


def _objects(values: list[Any]) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(values, dtype=object)


def _category(draw: DrawFn, n: int) -> pd.Series[Any]:
    """Few words, or few whole numbers that stand for something, or truth values."""
    alike = draw(_ALIKE)
    return _objects(
        [None if place is None else alike[place % len(alike)] for place in _some(draw, _STYLE, n)]
    )


def _number(draw: DrawFn, n: int) -> pd.Series[Any]:
    """Floats with gaps; whole numbers, which have none; one number for all."""
    import pandas as pd

    style = draw(_STYLE)
    if style == 0:
        return pd.Series(_some(draw, _TENTHS, n, float("nan")), dtype="float64")
    if style == 1:
        return pd.Series([draw(_YEARS) for _ in range(n)], dtype="int64")
    return pd.Series([draw(_TENTHS)] * n, dtype="float64")


def _set(draw: DrawFn, n: int) -> pd.Series[Any]:
    return _objects([tuple(members) for members in _some(draw, _MEMBERS, n, ())])


def _time(draw: DrawFn, n: int) -> pd.Series[Any]:
    return _stamps(draw, _some(draw, _MOMENTS, n))


def _stamps(draw: DrawFn, seconds: list[int | None]) -> pd.Series[Any]:
    import pandas as pd

    found = pd.Series(pd.to_datetime(pd.Series(seconds, dtype="Int64"), unit="s"))
    zone = draw(_ZONES)
    return found if zone is None else found.dt.tz_localize("UTC").dt.tz_convert(zone)


def _label(draw: DrawFn, n: int) -> pd.Series[Any]:
    return _objects(_some(draw, texts(), n))


def _text(draw: DrawFn, n: int) -> pd.Series[Any]:
    return _objects(_some(draw, _WORDS, n))
