"""What an analyzer gives, as data: text, tables and charts. How they look is decided where they are shown."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from typing import Any, overload

from attrs import field, frozen

from cfplug.errors import did_you_mean

MARKS = ("bar", "line", "point", "heatmap", "cell", "interval")
"""What a row of a chart may become; see `Chart`."""

REFERENCES = ("", "diagonal", "zero")
"""A line to measure by: none, y = x, or zero (of x for bars and intervals that lie, else of y)."""


def _texts(values: str | Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def _rows(rows: Iterable[Iterable[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, rows))


def _rows_fit(table: Any, _attribute: object, rows: tuple[tuple[Any, ...], ...]) -> None:
    for number, row in enumerate(rows):
        if len(row) != len(table.columns):
            raise ValueError(
                f"rows: row {number} has {len(row)} cells for {len(table.columns)} columns"
            )


@frozen
class Interval:
    """A number with the ends of its 95 % interval, as one cell of a table."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, cell: Interval | float | None) -> Interval:
        """The interval of a cell: a number alone is one of no width, an empty cell no number."""
        number = math.nan if cell is None else cell
        return number if isinstance(number, Interval) else cls(number, number, number)

    def __str__(self) -> str:
        """All three with the same decimals, so many as the one with the most needs."""
        numbers = (self.value, self.low, self.high)
        words = [f"{number:.4g}" for number in numbers]
        decimals = [
            0 if "e" in word else len(word.partition(".")[2]) for word in words if "e-" not in word
        ]
        if decimals:
            words = [
                f"{round(number, max(decimals)) + 0.0:.{max(decimals)}f}" for number in numbers
            ]
        return f"{words[0]} ({words[1]} to {words[2]})"


@overload
def rounded(
    cell: None, digits: int | None = None, least: float = ..., most: float = ...
) -> None: ...


@overload
def rounded(
    cell: Interval, digits: int | None = None, least: float = ..., most: float = ...
) -> Interval: ...


@overload
def rounded(
    cell: float, digits: int | None = None, least: float = ..., most: float = ...
) -> float: ...


def rounded(
    cell: Interval | float | None,
    digits: int | None = None,
    least: float = -math.inf,
    most: float = math.inf,
) -> Interval | float | None:
    """A cell with so many decimals; an interval ends at `least` and `most`, beyond which the number cannot be.

    Without `digits` an interval is rounded to two significant digits of half its width, so that it
    says no more than it knows, and a number alone to four. No zero is negative."""
    if cell is None:
        return None
    if not isinstance(cell, Interval):
        return (round(float(cell), digits) if digits is not None else float(f"{cell:.4g}")) + 0.0
    numbers = cell.value, min(max(cell.low, least), most), min(max(cell.high, least), most)
    if digits is None and cell.high - cell.low < 1e-9:
        return Interval(*(float(f"{number:.4g}") + 0.0 for number in numbers))
    decimals = (
        digits if digits is not None else 1 - math.floor(math.log10((cell.high - cell.low) / 2))
    )
    return Interval(*(round(float(number), decimals) + 0.0 for number in numbers))


@frozen
class Table:
    """Rows for a person to read; every row has as many cells as there are columns. `note` stands below them.

    A cell is text, a number, a truth value, an `Interval`, or None where there is nothing. A
    column's title tells the unit where there is one."""

    title: str
    columns: tuple[str, ...] = field(converter=_texts)
    rows: tuple[tuple[Any, ...], ...] = field(converter=_rows, validator=_rows_fit)
    note: str = ""

    def __str__(self) -> str:
        lines = [self.columns, *(tuple(map(_word, row)) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        aligned = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
        return "\n".join([*filter(None, [self.title]), *aligned, *filter(None, [self.note])])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(column)}</th>" for column in self.columns)
        rows = (
            "".join(f"<td>{html.escape(_word(cell))}</td>" for cell in row) for row in self.rows
        )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def _word(cell: Any) -> str:
    return "" if cell is None else str(cell)


@frozen
class Chart:
    """A picture as data: every row is one mark, and each role below is the name of one of the columns, or empty.

    | mark | what a row is |
    | --- | --- |
    | bar | a bar from zero to the number in `y`, at `x`; lying where `y` holds words and `x` the number |
    | line | a point of a line, in the order of the rows; one line for each value of `color` |
    | point | a point; `label` holds the few words that are written beside it, empty for most rows |
    | hexagon | a hexagon of a grid as high as wide, at its centre (`x`, `y`), of the colour that `color` tells |
    | cell | a rectangle at the words or numbers `x` and `y`, of the colour of `color`, with `label` written in it |
    | interval | a point at `x` with a bar from `low` to `high`, for the words in `y` |

    `facet` draws one small chart for each of its values, `log` names which of "x" and "y" go by
    powers of ten, `reference` is a line to measure by. All columns stand in what a mouse that
    hovers shows; a cell is text, a finite number or None. Words stand in the order of the rows."""

    title: str
    mark: str
    columns: tuple[str, ...] = field(converter=_texts)
    rows: tuple[tuple[Any, ...], ...] = field(converter=_rows, validator=_rows_fit)
    x: str = field(kw_only=True)
    y: str = field(kw_only=True)
    color: str = field(default="", kw_only=True)
    label: str = field(default="", kw_only=True)
    low: str = field(default="", kw_only=True)
    high: str = field(default="", kw_only=True)
    facet: str = field(default="", kw_only=True)
    log: tuple[str, ...] = field(default=(), converter=_texts, kw_only=True)
    reference: str = field(default="", kw_only=True)
    note: str = field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        _check_one_of("mark", self.mark, MARKS)
        _check_one_of("reference", self.reference, REFERENCES)
        for axis in self.log:
            _check_one_of("log", axis, ("x", "y"))
        for role in ("x", "y", "color", "label", "low", "high", "facet"):
            name = getattr(self, role)
            if name or role in ("x", "y"):
                _check_one_of(role, name, self.columns)
        if self.mark == "interval" and not (self.low and self.high):
            raise ValueError("an interval needs low and high, the columns with its ends")

    def table(self) -> Table:
        """The data of the picture, as a table."""
        return Table(self.title, self.columns, self.rows, self.note)


def _check_one_of(what: str, word: str, known: Iterable[str]) -> None:
    known = list(known)
    if word not in known:
        raise ValueError(f"{what}: is {word!r}{did_you_mean(word, known)} ({', '.join(known)})")


def _tables(tables: Iterable[Table]) -> tuple[Table, ...]:
    return tuple(tables)


def _charts(charts: Iterable[Chart]) -> tuple[Chart, ...]:
    return tuple(charts)


@frozen
class Section:
    """What an analyzer found, as data: a title, paragraphs of text, tables, charts.

    `analyzer` and `model` say who found it of whom; the run fills them in.
    """

    title: str
    text: tuple[str, ...] = field(default=(), converter=_texts)
    tables: tuple[Table, ...] = field(default=(), converter=_tables)
    charts: tuple[Chart, ...] = field(default=(), converter=_charts)
    analyzer: str = field(default="", kw_only=True)
    model: str = field(default="", kw_only=True)
