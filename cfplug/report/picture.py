"""A chart as data -> layers of marks in Altair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import altair as alt

from cfplug.report.axes import axis, color, expression, ink_on_color
from cfplug.report.charts import Plot

WIDTH = 640
"""Pixels, where nobody says how wide the picture shall be."""

FACET = 250
"""Pixels, the least width of a small chart where there is room for several."""

_STEP, _SMALL = 24, 150
_TALL = {"point": 460, "hexagon": 460}
"""Pixels: one word of an axis, the height of a small chart, and that of the marks that want more than 300."""


def picture(plot: Plot) -> alt.LayerChart | alt.FacetChart:
    """Layers of marks, the line to measure by below them; one small picture for each facet, if there are any."""
    layers = [*_reference(plot), *_MARKS[plot.chart.mark](plot)]
    drawn = alt.layer(*layers, data=alt.NamedData("rows"))
    if not plot.chart.facet:
        sized = drawn.properties(width=WIDTH, height=_height(plot), description=describe(plot))
        return sized.properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    header = alt.Header(labelFontWeight=600, labelLimit=FACET, labelAnchor="start", labelPadding=6)
    facet = alt.Facet(
        plot.field("facet"), type="nominal", title=None, sort=plot.different("facet"), header=header
    )
    small: alt.FacetChart = drawn.properties(width=FACET, height=_height(plot)).facet(
        facet=facet, columns=2
    )
    small = small.resolve_axis(x="independent", y="independent")
    return small.properties(description=describe(plot))


def describe(plot: Plot) -> str:
    """The picture in words, for those who cannot see it."""
    chart = plot.chart
    by_color = f", colour by {chart.color}" if chart.color else ""
    by_facet = f", one small chart for each {chart.facet}" if chart.facet else ""
    marks = f"{len(plot.rows):,} {chart.mark if chart.mark != 'line' else 'line point'}{'s' * (len(plot.rows) != 1)}"
    return f"{chart.title}: {marks}, {chart.x} across and {chart.y} upwards{by_color}{by_facet}."


def _height(plot: Plot) -> Any:
    if plot.lies or plot.chart.mark == "cell":
        return alt.Step(_STEP)
    return _SMALL if plot.chart.facet else _TALL.get(plot.chart.mark, 300)


# Marks


def _bars(plot: Plot) -> list[Any]:
    bar = _mark("bar", cornerRadiusEnd=1.5)
    if plot.stands_on_numbers:
        ground = alt.value("height") if "y" in plot.chart.log else alt.Y2Datum(0)
        edges = {"x": axis(plot, "x", "left"), "x2": alt.X2("right"), "y2": ground}
        return [bar.encode(y=axis(plot, "y"), **edges, **color(plot))]
    return [bar.encode(**_at(plot), **_beside(plot))]


def _lines(plot: Plot) -> list[Any]:
    """Lines in the order of the rows, with points to hover: seen where they are few."""
    few = len(plot.rows) <= 60
    line = _mark("line", strokeWidth=2.2, tooltip=None)
    dots = _mark("point", filled=True, size=36 if few else 90, opacity=1 if few else 0)
    return [
        line.encode(**_at(plot), order=alt.Order("order", type="quantitative")),
        dots.encode(**_at(plot)),
    ]


def _points(plot: Plot) -> list[Any]:
    """Points, and above them those that bear words: a layer called `labelled`, for the words to be set beside."""
    size = 70 if len(plot.rows) <= 300 else 30
    points = _mark(
        "point", filled=True, size=size, opacity=0.55 if plot.chart.label else 0.75
    ).encode(**_at(plot))
    if not plot.chart.label or plot.chart.facet:
        return [points]  # a small chart has no room for words
    words = f"datum['{plot.field('label')}']"
    bold = _mark(
        "point", filled=True, size=size + 24, opacity=1, stroke=expression("paper"), strokeWidth=0.8
    )
    labelled = bold.encode(**_at(plot)).transform_filter(f"isValid({words}) && {words} !== ''")
    return [points, labelled.properties(name="labelled")]


def _hexagons(plot: Plot) -> list[Any]:
    """Points in a layer called `hexagon`, for hexagons to be drawn in their place."""
    return [_mark("point", filled=True, opacity=1).encode(**_at(plot)).properties(name="hexagon")]


def _cells(plot: Plot) -> list[Any]:
    cells = _mark("rect", stroke=expression("paper"), strokeWidth=1).encode(**_at(plot))
    if not plot.chart.label:
        return [cells]
    place = {role: axis(plot, role) for role in ("x", "y")}
    text = _mark(
        "text", fontSize=expression("min(11.5, max(7, bandwidth('x') * 0.4))"), tooltip=None
    )
    written = alt.Text(plot.field("label"), type="nominal")
    return [
        cells,
        text.encode(**place, text=written, color=alt.value(expression(ink_on_color(plot)))),
    ]


def _intervals(plot: Plot) -> list[Any]:
    place = {"y": axis(plot, "y"), **color(plot), **_beside(plot)}
    ends = {"x": axis(plot, "x", plot.field("low")), "x2": alt.X2(plot.field("high"))}
    bar = _mark("rule", strokeWidth=2.5, opacity=0.6).encode(**ends, **place)
    return [bar, _mark("point", filled=True, size=44, opacity=1).encode(x=axis(plot, "x"), **place)]


_MARKS: Mapping[str, Callable[[Plot], list[Any]]] = {
    "bar": _bars,
    "line": _lines,
    "point": _points,
    "hexagon": _hexagons,
    "cell": _cells,
    "interval": _intervals,
}


def _mark(kind: str, **look: Any) -> alt.Chart:
    usual = {
        "color": expression("accent"),
        "tooltip": expression("datum"),
        "aria": False,
        "invalid": None,
    }
    mark: alt.Chart = getattr(alt.Chart(), f"mark_{kind}")(**(usual | look))
    return mark


def _at(plot: Plot) -> dict[str, Any]:
    return {"x": axis(plot, "x"), "y": axis(plot, "y"), **color(plot)}


def _beside(plot: Plot) -> dict[str, Any]:
    """Where several colours share a word, their marks stand beside each other."""
    if not plot.is_crowded:
        return {}
    channel: Any
    channel, name = (alt.YOffset, "yOffset") if plot.lies else (alt.XOffset, "xOffset")
    scale = alt.Scale(domain=plot.different("color"))
    return {name: channel(plot.field("color"), type="nominal", sort=None, scale=scale)}


def _reference(plot: Plot) -> list[Any]:
    rule = _mark("rule", color=expression("soft"), strokeDash=[4, 4], tooltip=None)
    rule = rule.properties(data=alt.InlineData(values=[{}]))
    if plot.has_zero:
        return [rule.encode(x=alt.XDatum(0)) if plot.lies else rule.encode(y=alt.YDatum(0))]
    span = plot.domain("x") if plot.has_diagonal else None
    if span is None:
        return []
    ends: dict[str, Any] = {
        "x": alt.XDatum(span[0]),
        "x2": alt.X2Datum(span[1]),
        "y": alt.YDatum(span[0]),
        "y2": alt.Y2Datum(span[1]),
    }
    return [rule.encode(**ends)]
