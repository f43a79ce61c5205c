"""A table as data -> its cells as text, with the numbers by which they sort."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import attrs
from attrs import frozen

from cfplug.report.elements import Interval, Table

_SHORT = 24
"""Letters of a cell that is not broken into lines."""

_LEADING = re.compile(r"([+-]?)(\d[\d,]*(?:\.\d+)?)(?: (?:±|to|\().*)?")
"""A number, perhaps with its deviation or as the first of two: what text sorts by if a whole column is such."""


@frozen
class Cell:
    """What stands in a cell: its text, the interval below it, and the number by which it sorts, if it is one."""

    text: str
    interval: str = ""
    value: float | None = None


@frozen
class Column:
    """One column of a table as a page shows it: its cells, and how they stand."""

    title: str
    cells: tuple[Cell, ...]
    style: str


def columns(table: Table) -> list[Column]:
    """The columns of `table`; floats of one column have equally many decimals, at most four."""
    cells = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    return [_column(title, column) for title, column in zip(table.columns, cells, strict=True)]


def _column(title: str, given: Sequence[Any]) -> Column:
    there = [cell for cell in given if cell is not None]
    form = _form([number for cell in there for number in _floats(cell)])
    whole = "," if any(_is_number(cell) and abs(_value(cell)) >= 10_000 for cell in there) else ""
    cells = tuple(_cell(cell, form, whole) for cell in given)
    if there and all(_is_number(cell) for cell in there):
        return Column(title, cells, "number")
    short = all(len(cell.text) <= _SHORT for cell in cells)
    return Column(title, tuple(_sorted_by_leading(cells)), "short" if short else "long")


def _is_number(cell: object) -> bool:
    return isinstance(cell, Interval | Real) and not isinstance(cell, bool)


def _floats(cell: Any) -> tuple[float, ...]:
    if isinstance(cell, Interval):
        return cell.value, cell.low, cell.high
    return (float(cell),) if isinstance(cell, float) else ()


def _form(floats: Sequence[float]) -> str:
    if any(0 < abs(number) < 1e-3 or abs(number) >= 1e9 for number in floats):
        return ".4g"
    return f",.{max((len(f'{number:.4f}'.rstrip('0').partition('.')[2]) for number in floats), default=0)}f"


def _value(cell: Any) -> float:
    return float(cell.value if isinstance(cell, Interval) else cell)


def _cell(cell: Any, form: str, whole: str) -> Cell:
    """A cell as text: `form` is for numbers with decimals, `whole` for those without, which may be years."""
    if isinstance(cell, Interval):
        return Cell(
            format(cell.value, form), f"{cell.low:{form}} to {cell.high:{form}}", _value(cell)
        )
    if cell is None:
        return Cell("")
    if isinstance(cell, bool):
        return Cell("yes" if cell else "no")
    if not _is_number(cell):
        return Cell(str(cell))
    return Cell(format(cell, form if isinstance(cell, float) else whole), value=_value(cell))


def _sorted_by_leading(cells: Iterable[Cell]) -> Iterable[Cell]:
    """The cells with the numbers that their texts begin with, if all that have a text begin with one."""
    cells = list(cells)
    found = [_LEADING.fullmatch(cell.text) for cell in cells]
    if not all(match or not cell.text for match, cell in zip(found, cells, strict=True)):
        return cells
    return [
        attrs.evolve(cell, value=float(match[1] + match[2].replace(",", ""))) if match else cell
        for match, cell in zip(found, cells, strict=True)
    ]
