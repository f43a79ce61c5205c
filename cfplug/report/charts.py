"""The rows of a chart as records, and what follows from them for its axes and marks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen

from cfplug.report.elements import Chart
from cfplug.report.labels import place_labels

_BAR = 0.92
"""How much of the distance between two bars of a histogram one bar fills."""

_NOT_PRINTABLE = re.compile("[\u2028\u2029]|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML, and so SVG, does not allow, and line ends that break Vega's expressions."""


@frozen(eq=False)
class Plot:
    """A chart whose rows are records with the fields c0, c1, ..., names that are safe as code.

    Attributes:
        chart: the chart, with titles that can be printed.
        rows: the rows that can be drawn. A row of a line also has its `order`. Where marks fill a
            span of an axis of numbers (histogram, heatmap), `x0` to `x1` and `y0` to `y1` are it.
            A row with a label has the `side` on which it goes and the `least` width that it needs.
    """

    chart: Chart
    rows: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, chart: Chart) -> Plot:
        """Return the plot of `chart`, without the rows that cannot be drawn."""
        columns = [_one_type(map(_plain, column)) for column in zip(*chart.rows, strict=True)]
        names = [f"c{index}" for index in range(len(columns))]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        plot = cls(_printable(chart), tuple(rows))
        plot = evolve(plot, rows=tuple(filter(plot._can_be_drawn, rows)))
        if not plot.rows:
            return evolve(plot, chart=evolve(plot.chart, facet=""))
        plot._add_spans()
        return plot

    def field(self, role: str) -> str:
        """Return the field of the column that has a role, empty if no column has it."""
        title = getattr(self.chart, role)
        return f"c{self.chart.columns.index(title)}" if title else ""

    def values(self, role: str) -> list[Any]:
        """Return the cells in the column of a role, without empty ones."""
        field = self.field(role)
        return [row[field] for row in self.rows if field and row[field] is not None]

    def is_number(self, role: str) -> bool:
        """Return whether the column of a role holds numbers."""
        values = self.values(role)
        return bool(values) and not any(isinstance(cell, str) for cell in values)

    def different(self, role: str) -> list[Any]:
        """Return the different values of a column: numbers by size, text in the order of rows."""
        found = list(dict.fromkeys(self.values(role)))
        return sorted(found) if self.is_number(role) else found

    @property
    def is_horizontal(self) -> bool:
        """Whether bars and intervals are horizontal, with their names on the left."""
        return not self.is_number("y")

    @property
    def is_histogram(self) -> bool:
        """Whether bars have their places on an axis of numbers."""
        on_numbers = self.chart.mark == "bar" and self.is_number("x") and self.is_number("y")
        return on_numbers and not self.is_grouped

    @property
    def is_grouped(self) -> bool:
        """Whether bars or intervals of several colours share a place and are drawn side by side."""
        if self.chart.mark not in ("bar", "interval"):
            return False
        if not self.chart.color or self.is_number("color"):
            return False
        fields = [self.field("facet"), self.field("y" if self.is_horizontal else "x")]
        places = [tuple(row[field] for field in fields if field) for row in self.rows]
        return len(set(places)) < len(places)

    @property
    def spans(self) -> tuple[str, ...]:
        """The axes on which a mark fills a span of numbers."""
        if self.is_histogram:
            return ("x",)
        axes = ("x", "y") if self.chart.mark == "heatmap" else ()
        return tuple(axis for axis in axes if self.is_number(axis))

    @property
    def has_labels(self) -> bool:
        """Whether labels are drawn next to points; small charts have no space for them."""
        return bool(self.chart.mark == "point" and self.chart.label and not self.chart.facet)

    @property
    def has_diagonal(self) -> bool:
        """Whether y = x is asked for and is a straight line: both axes are numbers, alike."""
        on_numbers = self.is_number("x") and self.is_number("y")
        return self.chart.reference == "diagonal" and on_numbers and len(set(self.chart.log)) != 1

    @property
    def has_zero(self) -> bool:
        """Whether a line at zero is asked for and the axis has a zero."""
        axis = "x" if self.is_horizontal else "y"
        with_zero = self.is_number(axis) and axis not in self.chart.log
        return self.chart.reference == "zero" and with_zero and self.chart.mark != "cell"

    def limits(self, role: str) -> tuple[float, float] | None:
        """Return the ends of an axis if they must be known: for a diagonal, a heatmap, labels."""
        must_be_known = self.has_diagonal or self.has_labels or self.chart.mark == "heatmap"
        if not (self.is_number(role) and must_be_known):
            return None
        ends: list[float] = []
        for axis in ("x", "y") if self.has_diagonal else (role,):
            fields = (f"{axis}0", f"{axis}1") if axis in self.spans else (self.field(axis),)
            ends += [row[field] for row in self.rows for field in fields]
        low, high = min(ends), max(ends)
        if low == high:
            return low - (abs(low) / 2 or 0.5), high + (abs(low) / 2 or 0.5)
        if not self.has_labels:
            return low, high
        if role in self.chart.log:
            margin = (high / low) ** 0.03
            return low / margin, high * margin
        return low - 0.03 * (high - low), high + 0.03 * (high - low)

    def with_labels_placed(self, height: float) -> Plot:
        """Return the plot, `height` pixels high, whose rows know where their labels go."""
        labels = [row[self.field("label")] for row in self.rows]
        at = [index for index, label in enumerate(labels) if label not in (None, "")]
        x, y = self._shares("x")[at], self._shares("y")[at] * height
        sides, least = place_labels(x, y, [str(labels[index]) for index in at])
        rows = list(self.rows)
        for index, side, width in zip(at, sides.tolist(), least.tolist(), strict=True):
            rows[index] = rows[index] | {"side": side, "least": width}
        return evolve(self, rows=tuple(rows))

    def _shares(self, role: str) -> np.ndarray:
        """Return the places of the rows along an axis as shares of its length, shape (n,)."""
        values, limits = self.values(role), self.limits(role)
        if limits is None:
            places = {value: index for index, value in enumerate(self.different(role))}
            return (np.array([places[value] for value in values]) + 0.5) / max(len(places), 1)
        if role in self.chart.log:
            low, high, numbers = np.log(limits[0]), np.log(limits[1]), np.log(values)
        else:
            low, high, numbers = *limits, np.array(values, dtype=float)
        return np.asarray((numbers - low) / (high - low))

    def _can_be_drawn(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row has all that its place needs, above zero on an axis of powers."""
        is_interval = self.chart.mark == "interval"
        ends = ["low", "high"] if is_interval else []
        cells = {role: row[self.field(role)] for role in ["x", "y", *ends]}
        if None in cells.values():
            return False
        if is_interval and any(isinstance(cells[role], str) for role in ("x", *ends)):
            return False
        log = set(self.chart.log) | (set(ends) if "x" in self.chart.log else set())
        return all(isinstance(cells[role], str) or cells[role] > 0 for role in log)

    def _add_spans(self) -> None:
        """Add to the rows, which are new, the spans that they fill and their order in a line."""
        if self.chart.mark == "line":
            for number, row in enumerate(self.rows):
                row["order"] = number
        filled = _BAR if self.is_histogram else 1.0
        for axis in self.spans:
            is_log = axis in self.chart.log
            values = np.array(self.values(axis), dtype=float)
            centers = np.log(values) if is_log else values
            half = pitch(centers) * filled / 2
            edges = np.column_stack([centers - half, centers + half])
            shown = np.exp(edges) if is_log else edges
            for row, (low, high) in zip(self.rows, shown.tolist(), strict=True):
                row |= {f"{axis}0": low, f"{axis}1": high}


def pitch(values: Iterable[float]) -> float:
    """Return the smallest distance of two values beyond rounding errors, 1 if all are the same."""
    ordered = np.unique(np.asarray(list(values), dtype=float))
    gaps = np.diff(ordered)
    gaps = gaps[gaps > 1e-6 * np.ptp(ordered)] if len(gaps) else gaps
    return float(gaps.min()) if len(gaps) else 1.0


def are_years(values: Sequence[Any]) -> bool:
    """Return whether numbers look like years, which are written without a comma."""
    return bool(values) and all(isinstance(value, int) and 1000 <= value < 3000 for value in values)


def _one_type(column: Iterable[Any]) -> list[Any]:
    """Return a column whose numbers are text if any cell of it is text."""
    cells = list(column)
    if not any(isinstance(cell, str) for cell in cells):
        return cells
    return [f"{cell:g}" if isinstance(cell, int | float) else cell for cell in cells]


def _printable(chart: Chart) -> Chart:
    roles = ("title", "x", "y", "color", "label", "low", "high", "facet")
    titles = {role: _plain(getattr(chart, role)) for role in roles}
    return evolve(chart, columns=map(_plain, chart.columns), **titles)


def _plain(cell: Any) -> Any:
    """Return a cell as the page keeps it: yes or no, printable text, at most seven digits."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return _NOT_PRINTABLE.sub("\ufffd", cell)
    return float(f"{cell:.7g}") if isinstance(cell, float) else cell
