"""A chart as data -> a Vega-Lite specification for the page, and an SVG for a paper.

A specification has no colours of its own but asks for the parameters `accent`, `ink`, `soft` and
`paper`; a theme defines these, so one specification serves light, dark and paper. The page sets
the parameter `room` and the width to the pixels that there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from cfplug.report.charts import Plot, are_years
from cfplug.report.elements import Chart
from cfplug.report.labels import FONT_SIZE, LIMIT, OFFSET
from cfplug.report.themes import THEMES

WIDTH = 640
"""Pixels of a picture where the page does not set its width."""

HEIGHT, TALL, SMALL, STEP = 300, 460, 150, 24
"""Pixels: a picture, one of points or a heatmap, a small chart, and one name on the left."""

FACET, GAP = 250, 24
"""Pixels: the least width of a small chart and the gap between two of them."""

_NAMES = 130
"""Pixels for the names on the left of a small chart."""

Spec = dict[str, Any]


def specification(chart: Chart) -> Spec:
    """Return the chart as a Vega-Lite specification without colours.

    A mark shows its row as its tooltip, with the fields c0, c1, ...

    Args:
        chart: what to draw.

    Returns:
        A specification to be drawn with one of `THEMES` as its configuration. Its `usermeta` is
        for the page: the titles of the columns, the field of the label, the least width in pixels
        at which names and cells can be read, the height in pixels (0 if there is nothing to draw)
        and the pixels around the plane of a small chart.
    """
    plot = Plot.of(chart)
    if plot.has_labels:
        plot = plot.with_labels_placed(_height(plot))
    layers = _MARKS[plot.chart.mark](plot)
    line = _reference_line(plot)
    meta = {"columns": list(plot.chart.columns), "label": plot.field("label") or None}
    spec: Spec = {
        "data": {"name": "rows", "values": list(plot.rows)},
        "description": describe(plot),
        "params": [{"name": "room", "value": WIDTH}],
        "usermeta": meta | _size(plot),
    }
    picture: Spec = {
        "layer": layers + line if plot.chart.mark == "heatmap" else line + layers,
        "width": FACET if plot.chart.facet else WIDTH,
        "height": _height(plot),
    }
    if plot.chart.facet:
        return spec | _small_charts(plot, picture)
    return spec | picture | {"autosize": {"type": "fit-x", "contains": "padding"}}


def svg(chart: Chart, theme: str = "light") -> str:
    """Return the chart with its title as SVG text.

    Args:
        chart: what to draw.
        theme: a name of `THEMES`.
    """
    spec = specification(chart)
    title = {"anchor": "start", "frame": "group", "fontSize": 14, "offset": 12, "limit": 620}
    spec["title"] = {"text": Plot.of(chart).chart.title, **title}
    spec["background"] = _expr("paper")
    return drawn(spec, theme).replace("<text ", '<text paint-order="stroke" ')


def drawn(spec: Spec, theme: str = "light") -> str:
    """Return the picture of a Vega-Lite specification as SVG text, in a theme of `THEMES`."""
    import vl_convert

    picture: str = vl_convert.vegalite_to_svg(spec, config=THEMES[theme], show_warnings=False)
    return picture


def describe(plot: Plot) -> str:
    """Return the picture in words, for those who cannot see it."""
    chart = plot.chart
    mark = "line point" if chart.mark == "line" else chart.mark
    plural = "" if len(plot.rows) == 1 else "s"
    text = f"{len(plot.rows):,} {mark}{plural}, {chart.x} across and {chart.y} upwards"
    if chart.color:
        text += f", colour by {chart.color}"
    if chart.facet:
        text += f", one small chart for each {chart.facet}"
    return f"{chart.title}: {text}."


def _small_charts(plot: Plot, picture: Spec) -> Spec:
    """Return one small chart for each value of the facet, with axes of its own."""
    header = {"labelFontWeight": 600, "labelAnchor": "start", "labelPadding": 6}
    facet = {
        "field": plot.field("facet"),
        "type": "nominal",
        "title": None,
        "sort": plot.different("facet"),
        "header": header | {"labelLimit": FACET},
    }
    axes = {"x": "independent", "y": "independent"}
    small = {"facet": facet, "columns": 2, "spacing": GAP, "resolve": {"axis": axes}}
    return small | {"spec": picture}


def _size(plot: Plot) -> dict[str, int]:
    """Return the pixels that a picture needs, for `usermeta`."""
    if not plot.rows:
        return {"least": 0, "height": 0}
    height = _height(plot)
    if plot.chart.facet:
        height *= len(plot.different("facet")) // 3 + 1
    least = 0
    names = len(plot.different("x"))
    if plot.chart.mark == "cell":
        least = 130 + 27 * names
    elif plot.chart.mark == "bar" and not plot.is_number("x"):
        least = 50 + 14 * names
    around = _NAMES + 8 if plot.is_horizontal else 48
    return {"least": least, "height": 80 + height, "around": around, "narrowest": FACET}


def _height(plot: Plot) -> int:
    """Return the pixels of a picture, or of one of its small charts, without its axes."""
    if plot.is_horizontal or plot.chart.mark == "cell":
        side_by_side = len(plot.different("color")) if plot.is_grouped else 1
        return STEP * max(1, len(plot.different("y"))) * side_by_side
    if plot.chart.facet:
        return SMALL
    return TALL if plot.chart.mark in ("point", "heatmap") else HEIGHT


# Axes and colours


def _axis(plot: Plot, role: str, field: str = "") -> Spec:
    """Return the channel x or y; `field` replaces the role's own for one end of a span."""
    shared_axis = "y" if plot.is_horizontal else "x"
    as_names = plot.chart.mark == "cell" or (plot.is_grouped and role == shared_axis)
    is_quantitative = plot.is_number(role) and not as_names
    channel = _numbers(plot, role) if is_quantitative else _names(plot, role)
    return {"field": field or plot.field(role), "title": getattr(plot.chart, role)} | channel


def _numbers(plot: Plot, role: str) -> Spec:
    """Return an axis of numbers."""
    limits = plot.limits(role)
    scale: Spec = {"zero": plot.chart.mark == "bar" and not (plot.is_histogram and role == "x")}
    if role in plot.chart.log:
        scale = {"type": "log", "nice": False}
    if limits:
        scale |= {"domain": list(limits), "nice": False}
    has_grid = plot.chart.mark == "point" or role == ("x" if plot.is_horizontal else "y")
    axis: Spec = {"grid": has_grid, "domain": not has_grid, "ticks": not has_grid}
    axis |= {"labelOverlap": True, "tickCount": 5} | _ticks(plot, role)
    if role == "x" and not plot.chart.facet:
        axis["tickCount"] = _expr("max(3, room / 80)")
    if plot.chart.facet and role == "y":
        axis |= {"minExtent": 28, "maxExtent": 28}
    if are_years(plot.values(role)):
        axis["format"] = "d"
    channel: Spec = {"type": "quantitative", "scale": scale, "axis": axis}
    return channel | ({"stack": None} if plot.chart.mark == "bar" else {})


def _ticks(plot: Plot, role: str) -> Spec:
    """Return the ticks of an axis: powers of ten, one below each of a few bars, or round ones."""
    values = plot.different(role)
    if role in plot.chart.log and values[-1] >= 100 * values[0]:
        first = math.floor(math.log10(values[0]))
        last = math.ceil(math.log10(values[-1]))
        powers = [10.0**power for power in range(first, last + 1)]
        return {"values": powers, "format": "," if first >= 0 else "~g"}
    if role in plot.spans and len(values) <= 12:
        return {"values": values, "format": "~g"}
    return {"tickMinStep": 1} if all(isinstance(value, int) for value in values) else {}


def _names(plot: Plot, role: str) -> Spec:
    """Return an axis of names, in the order of the rows."""
    values = plot.different(role)
    axis: Spec = {"grid": False, "ticks": False, "domain": False, "labelPadding": 6}
    if role == "x":
        axis |= {"labelLimit": 120} | _label_angle([str(value) for value in values], plot)
    elif plot.chart.facet:
        axis |= {"labelLimit": _NAMES - 8, "minExtent": _NAMES, "maxExtent": _NAMES}
    else:
        axis["labelLimit"] = _expr("min(230, room * 0.36)")
    scale: Spec = {"domain": values}
    if plot.chart.mark == "bar":
        scale |= {"paddingInner": 0.18, "paddingOuter": 0.1}
    if plot.chart.mark in ("cell", "heatmap"):
        scale["padding"] = 0
    channel: Spec = {"type": "ordinal", "sort": None, "scale": scale, "axis": axis}
    hide_title = role == "y" and not plot.is_number("y")
    return channel | ({"title": None} if hide_title else {})


def _label_angle(names: list[str], plot: Plot) -> Spec:
    """Return the angle of names below an axis: level if short, or if some may be left out."""
    longest = max(map(len, names), default=0)
    are_counts = all(name[:1].isdigit() or name[:1] in "+-\N{MINUS SIGN}" for name in names)
    are_wide = longest > 3 if plot.chart.mark == "cell" else longest * len(names) > 40
    if are_wide and (plot.chart.mark == "cell" or not are_counts):
        return {"labelAngle": -45, "labelAlign": "right", "labelBaseline": "middle"}
    return {"labelAngle": 0, "labelOverlap": True}


def _color(plot: Plot) -> Spec:
    """Return the channel of colour, with a legend above the picture, if the chart has one."""
    if not plot.chart.color:
        return {}
    channel: Spec = {"field": plot.field("color"), "title": plot.chart.color}
    channel |= _color_ramp(plot) if plot.is_number("color") else _color_names(plot)
    channel["legend"] |= {"orient": "top", "titleLimit": 300, "labelLimit": 150, "offset": 8}
    return {"color": channel}


def _color_ramp(plot: Plot) -> Spec:
    """Return the channel of a colour that is a number."""
    is_filled = plot.chart.mark in ("cell", "heatmap")
    length = _expr("min(240, room * 0.6)")
    legend: Spec = {"gradientLength": length, "gradientThickness": 10, "gradientOpacity": 1}
    legend["tickCount"] = 4
    if are_years(plot.values("color")):
        legend["format"] = "d"
    scale = {"range": "heatmap" if is_filled else "ramp"}
    channel: Spec = {"type": "quantitative", "scale": scale, "legend": legend}
    if len(plot.values("color")) < len(plot.rows):
        missing = _expr("paper" if plot.chart.mark == "cell" else "soft")
        channel["condition"] = {"test": f"!{_is_given(plot, 'color')}", "value": missing}
    return channel


def _color_names(plot: Plot) -> Spec:
    """Return the channel of a colour that is a name."""
    columns = _expr("max(1, floor(room / 130))")
    legend = {"columns": columns, "symbolType": "circle", "symbolOpacity": 1}
    scale = {"domain": plot.different("color")}
    return {"type": "nominal", "sort": None, "scale": scale, "legend": legend}


# Marks


def _bars(plot: Plot) -> list[Spec]:
    channels = _position(plot) | _side_by_side(plot)
    if plot.is_histogram:
        base = {"value": "height"} if "y" in plot.chart.log else {"datum": 0}
        channels |= _span(plot, "x") | {"y2": base}
    return [_layer("bar", _color(plot) | channels, cornerRadiusEnd=1.5)]


def _lines(plot: Plot) -> list[Spec]:
    """Return lines in the order of the rows, with points for the mouse, visible if they are few."""
    are_few = len(plot.rows) <= 60
    channels = _color(plot) | _position(plot)
    order = {"order": {"field": "order", "type": "quantitative"}}
    return [
        _layer("line", channels | order, strokeWidth=2.2, tooltip=None),
        _points_layer(channels, size=36 if are_few else 90, opacity=1 if are_few else 0),
    ]


def _points(plot: Plot) -> list[Spec]:
    """Return points and, above them, those with a label and the labels that can be read."""
    size = 70 if len(plot.rows) <= 300 else 30
    position = _position(plot)
    channels = _color(plot) | position
    points = _points_layer(channels, size=size, opacity=0.55 if plot.chart.label else 0.75)
    if not plot.has_labels:
        return [points]
    paper = _expr("paper")
    bold = _points_layer(channels, size=size + 24, opacity=1, stroke=paper, strokeWidth=0.8)
    bold["transform"] = [{"filter": "isValid(datum.side)"}]
    halo = {"stroke": paper, "strokeWidth": 3}
    align = _expr("datum.side > 0 ? 'left' : 'right'")
    place = {"align": align, "dx": _expr(f"{OFFSET} * datum.side"), "limit": LIMIT}
    look = {"fill": _expr("ink"), "fontSize": FONT_SIZE, "tooltip": None}
    text = _layer("text", position | _text(plot), **look, **halo, **place)
    text["name"] = "labels"
    text["transform"] = [{"filter": "datum.least <= width"}]
    return [points, bold, text]


def _heatmap(plot: Plot) -> list[Spec]:
    """Return rectangles of a grid around the places of the rows."""
    return [_layer("rect", _color(plot) | _span(plot, "x") | _span(plot, "y"))]


def _cells(plot: Plot) -> list[Spec]:
    position = _position(plot)
    cells = _layer("rect", _color(plot) | position, stroke=_expr("paper"), strokeWidth=1)
    if not plot.chart.label:
        return [cells]
    font_size = _expr("min(11.5, max(7, bandwidth('x') * 0.4))")
    ink = {"color": {"value": _ink_on_color(plot)}}
    text = _layer("text", position | _text(plot) | ink, fontSize=font_size, tooltip=None)
    return [cells, text]


def _ink_on_color(plot: Plot) -> Spec:
    """Return black or white, whichever can be read on the colour of a cell."""
    if not plot.chart.color:
        return _expr("paper")
    behind = f"luminance(scale('color', datum['{plot.field('color')}']))"
    on_color = f"{behind} > 0.25 ? '#10151c' : '#ffffff'"
    return _expr(f"!{_is_given(plot, 'color')} ? ink : {on_color}")


def _intervals(plot: Plot) -> list[Spec]:
    place = _color(plot) | {"y": _axis(plot, "y")} | _side_by_side(plot)
    ends = {"x": _axis(plot, "x", plot.field("low")), "x2": {"field": plot.field("high")}}
    bar = _layer("rule", place | ends, strokeWidth=2.5, opacity=0.6)
    return [bar, _points_layer(place | {"x": _axis(plot, "x")}, size=44, opacity=1)]


_MARKS: Mapping[str, Callable[[Plot], list[Spec]]] = {
    "bar": _bars,
    "line": _lines,
    "point": _points,
    "heatmap": _heatmap,
    "cell": _cells,
    "interval": _intervals,
}


def _layer(kind: str, channels: Spec, **look: Any) -> Spec:
    usual: Spec = {"type": kind, "aria": False, "invalid": None, "tooltip": {"content": "data"}}
    if "fill" not in look:
        usual["color"] = _expr("accent")
    return {"mark": usual | look, "encoding": channels}


def _points_layer(channels: Spec, **look: Any) -> Spec:
    return _layer("point", channels, filled=True, **look)


def _text(plot: Plot) -> Spec:
    return {"text": {"field": plot.field("label"), "type": "nominal"}}


def _position(plot: Plot) -> Spec:
    return {"x": _axis(plot, "x"), "y": _axis(plot, "y")}


def _span(plot: Plot, role: str) -> Spec:
    """Return both ends of a mark along an axis, or its one place on an axis of names."""
    if role not in plot.spans:
        return {role: _axis(plot, role)}
    return {role: _axis(plot, role, f"{role}0"), f"{role}2": {"field": f"{role}1"}}


def _side_by_side(plot: Plot) -> Spec:
    """Return the offset of marks that share a place, if there are any."""
    if not plot.is_grouped:
        return {}
    channel: Spec = {"field": plot.field("color"), "type": "nominal", "sort": None}
    channel["scale"] = {"domain": plot.different("color")}
    return {"yOffset" if plot.is_horizontal else "xOffset": channel}


def _reference_line(plot: Plot) -> list[Spec]:
    """Return the line to measure by, if there is one."""
    channels: Spec = {}
    if plot.has_zero:
        channels = {"x" if plot.is_horizontal else "y": {"datum": 0}}
    elif plot.has_diagonal:
        low, high = ({"datum": end} for end in plot.limits("x") or ())
        channels = {"x": low, "y": low, "x2": high, "y2": high}
    if not channels:
        return []
    rule = _layer("rule", channels, color=_expr("soft"), strokeDash=[4, 4], tooltip=None)
    return [rule | {"data": {"values": [{}]}}]


def _is_given(plot: Plot, role: str) -> str:
    return f"isValid(datum['{plot.field(role)}'])"


def _expr(text: str) -> Spec:
    return {"expr": text}
