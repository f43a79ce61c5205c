"""How the axes and the colours of a picture look: scales, ticks, words and legends, in Altair."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import numpy as np

from cfplug.report.charts import Plot, are_years

WORDS_BESIDE = 130
"""Pixels for the words on the left of a small chart."""


def axis(plot: Plot, role: str, field: str = "") -> Any:
    """The channel of "x" or "y"; `field` stands in for the role's own where a mark has two ends."""
    channel = alt.X if role == "x" else alt.Y
    by_word = plot.chart.mark == "cell" or (plot.is_crowded and role == ("y" if plot.lies else "x"))
    if plot.is_number(role) and not by_word:
        shown = _by_size(plot, role) | (
            {"stack": None} if plot.chart.mark == "bar" and not field else {}
        )
    else:
        shown = _by_word(plot, role)
    return channel(field or plot.field(role), title=getattr(plot.chart, role), **shown)


def _by_size(plot: Plot, role: str) -> dict[str, Any]:
    on_ground = plot.stands_on_numbers and role == "x"
    span = plot.domain(role)
    log = role in plot.chart.log
    scale: dict[str, Any] = (
        {"type": "log", "nice": False}
        if log
        else {"zero": plot.chart.mark == "bar" and not on_ground}
    )
    scale |= {"domain": list(span), "nice": False} if span else {}
    grid = role == "x" if plot.lies else role == "y" or plot.chart.mark == "point"
    look: dict[str, Any] = {
        "grid": grid,
        "domain": not grid,
        "labelOverlap": True,
        "ticks": not grid,
    }
    look |= {"tickCount": expression(f"max(3, {_room(plot)} / 80)") if role == "x" else 5} | _ticks(
        plot, role
    )
    look |= {"format": "d"} if are_years(plot.given(role)) else {}
    return {"type": "quantitative", "scale": alt.Scale(**scale), "axis": alt.Axis(**look)}


def _ticks(plot: Plot, role: str) -> dict[str, Any]:
    """Where numbers stand along an axis if not at round ones: below each bar where these are few, at powers of ten."""
    values = plot.different(role)
    if role in plot.chart.log and values[-1] >= 100 * values[0]:
        first, last = math.floor(math.log10(values[0])), math.ceil(math.log10(values[-1]))
        return {
            "values": [10.0**power for power in range(first, last + 1)],
            "format": "," if first >= 0 else "~g",
        }
    if plot.stands_on_numbers and role == "x" and len(values) <= 12:
        return {"values": values, "format": "~g"}
    return {"tickMinStep": 1} if all(isinstance(value, int) for value in values) else {}


def _by_word(plot: Plot, role: str) -> dict[str, Any]:
    words = plot.different(role)
    beside = str(WORDS_BESIDE - 8) if plot.chart.facet else "min(230, room * 0.36)"
    limit = beside if role == "y" else "120"
    look: dict[str, Any] = {
        "grid": False,
        "ticks": False,
        "domain": False,
        "labelLimit": expression(limit),
    }
    look |= {"labelPadding": 6} | (
        _slope([str(word) for word in words], plot.chart.mark) if role == "x" else {}
    )
    look |= {"title": None} if role == "y" and not plot.is_number("y") else {}
    paddings: dict[str, dict[str, Any]] = {
        "bar": {"paddingInner": 0.18, "paddingOuter": 0.1},
        "cell": {"padding": 0},
    }
    scale = alt.Scale(domain=words, **paddings.get(plot.chart.mark, {}))
    return {"type": "ordinal", "sort": None, "scale": scale, "axis": alt.Axis(**look)}


def _slope(words: list[str], mark: str) -> dict[str, Any]:
    """How words stand below an axis: level where they are short, or numbers and times of which some may be left out."""
    counted = all(word[:1].isdigit() or word[:1] in "+-\N{MINUS SIGN}" for word in words)
    longest = max(map(len, words), default=0)
    if mark == "cell" and longest > 3:
        return {"labelAngle": -60, "labelAlign": "right", "labelBaseline": "middle"}
    if counted or longest * len(words) <= 40:
        return {"labelAngle": 0, "labelOverlap": True}
    return {"labelAngle": -40, "labelAlign": "right", "labelBaseline": "middle"}


def color(plot: Plot) -> dict[str, Any]:
    """The channel of colour, with its legend above the picture; none where the chart has none."""
    if not plot.chart.color:
        return {}
    legend: dict[str, Any] = {"orient": "top", "titleLimit": 300, "labelLimit": 150, "offset": 8}
    if plot.is_number("color"):
        legend |= {
            "gradientLength": expression("min(240, room * 0.6)"),
            "gradientThickness": 10,
            "tickCount": 4,
        }
        legend |= {"gradientOpacity": 1}
        legend |= {"format": "d"} if are_years(plot.given("color")) else {}
        filled = plot.chart.mark in ("cell", "hexagon")
        scale = alt.Scale(type=_color_scale(plot), range="heatmap" if filled else "ramp")
        kind: dict[str, Any] = {"type": "quantitative"}
    else:
        legend |= {
            "columns": expression("max(1, floor(room / 130))"),
            "symbolType": "circle",
            "symbolOpacity": 1,
        }
        scale = alt.Scale(domain=plot.different("color"))
        kind = {"type": "nominal", "sort": None}
    missing: dict[str, Any] = {}
    if plot.is_number("color") and len(plot.given("color")) < len(plot.rows):
        colour = expression("paper" if plot.chart.mark == "cell" else "soft")
        missing = {
            "condition": {"test": f"!isValid(datum['{plot.field('color')}'])", "value": colour}
        }
    return {
        "color": alt.Color(
            plot.field("color"),
            scale=scale,
            title=plot.chart.color,
            legend=legend,
            **kind,
            **missing,
        )
    }


def _color_scale(plot: Plot) -> Any:
    """Counts in hexagons go by powers of ten where most are small beside the largest: all would look alike."""
    values = plot.given("color")
    skewed = (
        plot.chart.mark == "hexagon" and min(values) > 0 and max(values) > 20 * np.median(values)
    )
    return "log" if skewed else "linear"


def ink_on_color(plot: Plot) -> str:
    """An expression for the ink that is read best on the colour of a cell."""
    if not plot.chart.color:
        return "paper"
    field = f"datum['{plot.field('color')}']"
    behind = f"luminance(scale('color', {field}))"
    return f"!isValid({field}) ? ink : {behind} > 0.25 ? '#10151c' : '#ffffff'"


def _room(plot: Plot) -> str:
    """An expression for the pixels that one picture has."""
    return "child_width" if plot.chart.facet else "room"


def expression(text: str) -> Any:
    return alt.ExprRef(expr=text)
