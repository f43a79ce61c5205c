"""How the columns of a chart lie in a plane: which are numbers and which are words, from where to where."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen

from cfplug.report.elements import Chart

_FILLED = 0.92
"""How much of its place a bar fills on an axis of numbers."""

_NOT_DRAWN = re.compile("[\u2028\u2029]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML and so no SVG may hold (control characters, halves of surrogate pairs), and the ends of lines on which
Vega's own language stumbles."""


@frozen(eq=False)
class Plot:
    """A chart with its rows as records of the fields c0, c1, ...: names that every language takes.

    `rows` are those that have a place. In a line each has its order; where bars stand on an axis of
    numbers, left and right are their edges."""

    chart: Chart
    rows: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, chart: Chart) -> Plot:
        columns = [
            _alike([_plain(cell) for cell in column]) for column in zip(*chart.rows, strict=True)
        ]
        rows = (
            {f"c{index}": cell for index, cell in enumerate(row)}
            for row in zip(*columns, strict=True)
        )
        plot = cls(_printable(chart), tuple(rows))
        plot = evolve(plot, rows=tuple(row for row in plot.rows if plot._has_place(row)))
        if not plot.rows:
            return evolve(plot, chart=evolve(plot.chart, facet=""))
        return evolve(
            plot,
            rows=tuple(row | plot._beside(number, row) for number, row in enumerate(plot.rows)),
        )

    def field(self, role: str) -> str:
        """The field of the column that has a role; empty if none has it."""
        title = getattr(self.chart, role)
        return f"c{self.chart.columns.index(title)}" if title else ""

    def given(self, role: str) -> list[Any]:
        """What stands in the column of a role, without what is empty."""
        field = self.field(role)
        return [row[field] for row in self.rows if field and row[field] is not None]

    def is_number(self, role: str) -> bool:
        given = self.given(role)
        return bool(given) and not any(isinstance(cell, str) for cell in given)

    def different(self, role: str) -> list[Any]:
        """The different values of a column: numbers by size, words in the order of the rows."""
        found = list(dict.fromkeys(self.given(role)))
        return sorted(found) if self.is_number(role) else found

    @property
    def lies(self) -> bool:
        """Whether the words stand on the left, so that bars and intervals lie."""
        return not self.is_number("y")

    @property
    def stands_on_numbers(self) -> bool:
        """Whether bars stand on an axis of numbers, as those of a histogram do."""
        on_numbers = self.chart.mark == "bar" and self.is_number("x") and self.is_number("y")
        return on_numbers and not self.is_crowded

    @property
    def tiles(self) -> bool:
        """Whether hexagons can be drawn where they are wanted: both axes have numbers, none by powers of ten."""
        on_numbers = self.is_number("x") and self.is_number("y")
        return self.chart.mark == "hexagon" and on_numbers and not self.chart.log

    @property
    def is_crowded(self) -> bool:
        """Whether several colours share one place, so that their marks must stand beside each other."""
        if (
            self.chart.mark not in ("bar", "interval")
            or not self.chart.color
            or self.is_number("color")
        ):
            return False
        fields = [self.field("facet"), self.field("y" if self.lies else "x")]
        places = [tuple(row[field] for field in fields if field) for row in self.rows]
        return len(set(places)) < len(places)

    def pitches(self) -> tuple[float, float]:
        """How far two columns and two rows of hexagons are from each other, in the units of the axes."""
        x, y = (pitch(self.given(role)) if self.is_number(role) else 1.0 for role in ("x", "y"))
        return x, y

    def domain(self, role: str) -> tuple[float, float] | None:
        """From where to where an axis goes, where that must be known beforehand.

        The diagonal wants both axes alike, and hexagons at the border are whole.
        """
        if not self.is_number(role) or not (self.has_diagonal or self.tiles):
            return None
        values = [
            value
            for each in (("x", "y") if self.has_diagonal else (role,))
            for value in self.given(each)
        ]
        margin = 0.0 if min(values) < max(values) else abs(values[0]) / 2 or 0.5
        if self.tiles:
            margin = max(self.pitches()) if self.has_diagonal else self.pitches()["xy".index(role)]
        return min(values) - margin, max(values) + margin

    @property
    def has_diagonal(self) -> bool:
        """Whether y = x is asked for and is a straight line: both axes have numbers, and go alike."""
        alike = self.is_number("x") and self.is_number("y") and len(set(self.chart.log)) != 1
        return self.chart.reference == "diagonal" and alike

    @property
    def has_zero(self) -> bool:
        """Whether a line at zero is asked for, and the axis has one: cells stand on no axis of numbers."""
        axis = "x" if self.lies else "y"
        on_numbers = (
            self.is_number(axis) and axis not in self.chart.log and self.chart.mark != "cell"
        )
        return self.chart.reference == "zero" and on_numbers

    def _has_place(self, row: Mapping[str, Any]) -> bool:
        """Whether a row has all that its place needs, and that above zero where an axis goes by powers of ten."""
        roles = ("x", "y", *(("low", "high") if self.chart.mark == "interval" else ()))
        cells = [row[self.field(role)] for role in roles]
        ends = roles[2:] if "x" in self.chart.log else ()
        by_tens = [row[self.field(role)] for role in (*self.chart.log, *ends)]
        if None in cells or any(isinstance(cell, int | float) and cell <= 0 for cell in by_tens):
            return False
        return self.chart.mark != "interval" or not any(
            isinstance(cell, str) for cell in (cells[0], *cells[2:])
        )

    def _beside(self, number: int, row: Mapping[str, Any]) -> dict[str, float]:
        """What is drawn of a row beside what stands in it: its order in a line, the edges of its bar."""
        if self.chart.mark == "line":
            return {"order": number}
        if not self.stands_on_numbers:
            return {}
        value, given = float(row[self.field("x")]), self.given("x")
        if "x" in self.chart.log:
            step = math.exp(pitch(np.log(given)) * _FILLED / 2)
            return {"left": value / step, "right": value * step}
        step = pitch(given) * _FILLED / 2
        return {"left": value - step, "right": value + step}


def pitch(values: Iterable[float]) -> float:
    """The smallest distance of two values that more than rounding sets apart; 1 if there are no two."""
    ordered = np.unique(np.asarray(list(values), dtype=float))
    gaps = np.diff(ordered)
    gaps = gaps[gaps > 1e-6 * np.ptp(ordered)] if len(gaps) else gaps
    return float(gaps.min()) if len(gaps) else 1.0


def are_years(values: Sequence[Any]) -> bool:
    """Whether numbers read as years, which have no comma."""
    return bool(values) and all(isinstance(value, int) and 1000 <= value < 3000 for value in values)


def _alike(column: list[Any]) -> list[Any]:
    """A column of text where there is text in it."""
    text = any(isinstance(cell, str) for cell in column)
    return [f"{cell:g}" if text and isinstance(cell, int | float) else cell for cell in column]


def _printable(chart: Chart) -> Chart:
    """The chart with titles that may stand in a picture."""
    roles = ("title", "x", "y", "color", "label", "low", "high", "facet")
    titles = {role: _plain(getattr(chart, role)) for role in roles}
    return evolve(chart, columns=map(_plain, chart.columns), **titles)


def _plain(cell: Any) -> Any:
    """A cell as the page keeps it: truth as a word, and no more digits than a picture shows."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return _NOT_DRAWN.sub("\ufffd", cell)
    return float(f"{cell:.7g}") if isinstance(cell, float) else cell
