"""A table as data -> its cells as text, with the numbers by which they sort."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Real
from typing import Any

import attrs
from attrs import frozen

from cfplug.report.elements import Interval, Table

_SHORT = 24
"""Letters of a cell that is not broken into lines."""

_FIRST_NUMBER = re.compile(r"([+-]?)(\d[\d,]*(?:\.\d+)?)(?: (?:±|to|\().*)?")
"""A number, perhaps with a deviation or the end of a range after it."""


@frozen
class Cell:
    """A cell as a page shows it: text, the interval below it, and the number by which it sorts."""

    text: str
    interval: str = ""
    value: float | None = None


@frozen
class Column:
    """A column as a page shows it; `style` is number, short or long (text)."""

    title: str
    cells: tuple[Cell, ...]
    style: str


def columns(table: Table) -> list[Column]:
    """Return the columns of `table`; the floats of one have the same decimals, at most four."""
    cells: list[Sequence[Any]] = list(zip(*table.rows, strict=True))
    if not cells:
        cells = [()] * len(table.columns)
    return [_column(title, column) for title, column in zip(table.columns, cells, strict=True)]


def _column(title: str, given: Sequence[Any]) -> Column:
    filled = [cell for cell in given if cell is not None]
    numbers = [cell for cell in filled if _is_number(cell)]
    float_format = _float_format([number for cell in filled for number in _floats(cell)])
    # Whole numbers below 10,000 may be years, which have no comma
    has_large = any(abs(_value(cell)) >= 10_000 for cell in numbers)
    int_format = "," if has_large else ""
    cells = [_cell(cell, float_format, int_format) for cell in given]
    if filled and len(numbers) == len(filled):
        return Column(title, tuple(cells), "number")
    style = "short" if all(len(cell.text) <= _SHORT for cell in cells) else "long"
    return Column(title, _with_first_numbers(cells), style)


def _is_number(cell: object) -> bool:
    return isinstance(cell, Interval | Real) and not isinstance(cell, bool)


def _floats(cell: Any) -> tuple[float, ...]:
    if isinstance(cell, Interval):
        return cell.value, cell.low, cell.high
    return (float(cell),) if isinstance(cell, float) else ()


def _float_format(floats: Sequence[float]) -> str:
    if any(0 < abs(number) < 1e-3 or abs(number) >= 1e9 for number in floats):
        return ".4g"
    texts = [f"{number:.4f}".rstrip("0") for number in floats]
    decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
    return f",.{decimals}f"


def _value(cell: Any) -> float:
    return float(cell.value if isinstance(cell, Interval) else cell)


def _cell(cell: Any, float_format: str, int_format: str) -> Cell:
    if isinstance(cell, Interval):
        ends = f"{cell.low:{float_format}} to {cell.high:{float_format}}"
        return Cell(format(cell.value, float_format), ends, _value(cell))
    if cell is None:
        return Cell("")
    if isinstance(cell, bool):
        return Cell("yes" if cell else "no")
    if not _is_number(cell):
        return Cell(str(cell))
    text = format(cell, float_format if isinstance(cell, float) else int_format)
    return Cell(text, value=_value(cell))


def _with_first_numbers(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Return cells that sort by the number at the start of their text, if all of them have one."""
    sortable = []
    for cell in cells:
        match = _FIRST_NUMBER.fullmatch(cell.text)
        if match:
            sign, digits = match.groups()
            cell = attrs.evolve(cell, value=float(sign + digits.replace(",", "")))
        elif cell.text:
            return tuple(cells)
        sortable.append(cell)
    return tuple(sortable)
