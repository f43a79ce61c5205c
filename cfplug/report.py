"""Sections -> one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from numbers import Real
from typing import Any

from attrs import frozen

from cfplug.components import Table
from cfplug.results import Run

_TEMPLATE = "page.html.j2"
_SHORT = 24
"""Letters of a cell that is not broken into lines."""


def render(run: Run, environment: Mapping[str, Any], data: str, history: Table, comparison: Table | None = None) -> str:
    """The page of a run: its numbers, how its models compare, its sections, how it was trained, its recipe.

    Whatever the data holds is shown as text: every value is escaped.
    """
    from jinja2 import Environment, StrictUndefined

    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    text = resources.files("cfplug").joinpath("report", _TEMPLATE).read_text(encoding="utf-8")
    page = pages.from_string(text)
    facts = {"environment": environment, "data": data, "history": history, "comparison": comparison}
    return page.render(run=run, columns=columns, **facts)


@frozen
class Column:
    """One column of a table as a page shows it: its cells as text, and how they stand."""

    title: str
    cells: tuple[str, ...]
    style: str


def columns(table: Table) -> list[Column]:
    """The columns of `table`; floats of one column have equally many decimals, at most four."""
    cells = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    return [_column(title, column) for title, column in zip(table.columns, cells, strict=True)]


def _column(title: str, cells: Sequence[Any]) -> Column:
    given = [cell for cell in cells if cell is not None]
    numbers = [cell for cell in given if _is_number(cell)]
    form = _form([float(cell) for cell in numbers if isinstance(cell, float)])
    texts = tuple(_text(cell, form) for cell in cells)
    if numbers and len(numbers) == len(given):
        return Column(title, texts, "number")
    return Column(title, texts, "short" if all(len(text) <= _SHORT for text in texts) else "long")


def _is_number(cell: object) -> bool:
    return isinstance(cell, Real) and not isinstance(cell, bool)


def _form(floats: Sequence[float]) -> str:
    if any(0 < abs(number) < 1e-3 or abs(number) >= 1e9 for number in floats):
        return ".4g"
    return f".{max((len(f'{number:.4f}'.rstrip('0').partition('.')[2]) for number in floats), default=0)}f"


def _text(cell: object, form: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return format(cell, form) if isinstance(cell, float) else str(cell)
