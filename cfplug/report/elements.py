"""What an analyzer returns, as data: text, tables and charts. The page decides how they look."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from typing import Any, overload

from attrs import field, frozen

from cfplug.errors import did_you_mean

MARKS = ("bar", "line", "point", "heatmap", "cell", "interval")
"""What a row of a chart can be; see `Chart`."""

REFERENCES = ("", "diagonal", "zero")
"""A line to measure by: none, y = x, or zero (of x if bars are horizontal, else of y)."""


def _texts(values: str | Iterable[str]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


def _rows(rows: Iterable[Iterable[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, rows))


def _check_rows(table: Any, _attribute: object, rows: tuple[tuple[Any, ...], ...]) -> None:
    expected = len(table.columns)
    for number, row in enumerate(rows):
        if len(row) != expected:
            raise ValueError(
                f"row {number}: expected {expected} cells, one for each column, got {len(row)}"
            )


@frozen
class Interval:
    """A number with the ends of its 95 % confidence interval, as one cell of a table."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, cell: Interval | float | None) -> Interval:
        """Return `cell` as an interval: of no width for a number, of nan for an empty cell."""
        number = math.nan if cell is None else cell
        return number if isinstance(number, Interval) else cls(number, number, number)

    def __str__(self) -> str:
        """Return the three numbers with the same decimals, as many as any of them needs."""
        numbers = (self.value, self.low, self.high)
        texts = [f"{number:.4g}" for number in numbers]
        decimals = [_decimals(text) for text in texts if "e-" not in text]
        if decimals:
            most = max(decimals)
            texts = [f"{round(number, most) + 0.0:.{most}f}" for number in numbers]
        return f"{texts[0]} ({texts[1]} to {texts[2]})"


def _decimals(text: str) -> int:
    return 0 if "e" in text else len(text.partition(".")[2])


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
    """Return a cell rounded for a table; zero is never negative.

    Args:
        cell: a number, an interval, or None, which stays None.
        digits: decimals. By default a number has four significant digits, and an interval two
            significant digits of half its width, so that it shows no more than is known.
        least, most: the range of the number; an interval ends there.
    """
    if cell is None:
        return None
    if not isinstance(cell, Interval):
        number = float(f"{cell:.4g}") if digits is None else round(float(cell), digits)
        return number + 0.0
    numbers = cell.value, min(max(cell.low, least), most), min(max(cell.high, least), most)
    width = cell.high - cell.low
    if digits is None and width < 1e-9:
        return Interval(*(float(f"{number:.4g}") + 0.0 for number in numbers))
    decimals = 1 - math.floor(math.log10(width / 2)) if digits is None else digits
    return Interval(*(round(float(number), decimals) + 0.0 for number in numbers))


@frozen
class Table:
    """Rows for a person to read, each with one cell for every column.

    A cell is text, a number, a truth value, an `Interval`, or None where there is nothing. A
    column's title names the unit if there is one. `note` is shown below the rows.
    """

    title: str
    columns: tuple[str, ...] = field(converter=_texts)
    rows: tuple[tuple[Any, ...], ...] = field(converter=_rows, validator=_check_rows)
    note: str = ""

    def __str__(self) -> str:
        lines = [self.columns]
        lines += [tuple(map(_text, row)) for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        if self.title:
            shown.insert(0, self.title)
        if self.note:
            shown.append(self.note)
        return "\n".join(shown)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(column)}</th>" for column in self.columns)
        body = ""
        for row in self.rows:
            cells = "".join(f"<td>{html.escape(_text(cell))}</td>" for cell in row)
            body += f"<tr>{cells}</tr>"
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)


@frozen
class Chart:
    """A picture as data: every row is a mark, and each role below names a column, or is empty.

    | mark | what a row is |
    | --- | --- |
    | bar | a bar at `x` from zero to the number `y`; horizontal if `y` is text and `x` the number |
    | line | a point of a line, in the order of the rows; one line for each value of `color` |
    | point | a point; `label` is the text next to it, empty for most rows |
    | heatmap | a rectangle of a regular grid with its centre at (`x`, `y`), coloured by `color` |
    | cell | a rectangle at the text or numbers `x` and `y`, coloured by `color`, `label` inside |
    | interval | a point at `x` with a bar from `low` to `high`, for the text in `y` |

    `facet` draws a small chart for each of its values, `log` names which of "x" and "y" have a
    logarithmic axis, `reference` is a line to measure by. Pointing at a mark shows all its columns.
    A cell is text, a finite number or None. Text is drawn in the order of the rows. Labels that
    would overlap are left out, the last rows first.
    """

    title: str
    mark: str
    columns: tuple[str, ...] = field(converter=_texts)
    rows: tuple[tuple[Any, ...], ...] = field(converter=_rows, validator=_check_rows)
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
            raise ValueError("mark: an interval needs low and high, columns with its ends")

    def table(self) -> Table:
        """Return the data of the picture as a table."""
        return Table(self.title, self.columns, self.rows, self.note)


def _check_one_of(place: str, name: str, known: Iterable[str]) -> None:
    known = list(known)
    if name not in known:
        names = ", ".join(each or '""' for each in known)
        guess = did_you_mean(name, known)
        raise ValueError(f"{place}: expected one of {names}, got {name!r}{guess}")


def _tables(tables: Iterable[Table]) -> tuple[Table, ...]:
    return tuple(tables)


def _charts(charts: Iterable[Chart]) -> tuple[Chart, ...]:
    return tuple(charts)


@frozen
class Section:
    """What an analyzer found, as data: a title, paragraphs of text, tables, charts.

    `analyzer` and `model` are the names of the analyzer and of the model; the run sets them.
    """

    title: str
    text: tuple[str, ...] = field(default=(), converter=_texts)
    tables: tuple[Table, ...] = field(default=(), converter=_tables)
    charts: tuple[Chart, ...] = field(default=(), converter=_charts)
    analyzer: str = field(default="", kw_only=True)
    model: str = field(default="", kw_only=True)
