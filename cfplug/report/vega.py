"""A chart as data -> a Vega specification for the page, and an SVG for a paper.

Altair says what is to be seen, vl-convert compiles it to Vega, and what only Vega can do is then
put in: words that do not overlap, hexagons that tile, small charts beside each other as far as
there is room.

A specification has no colours of its own but asks for `accent`, `ink`, `soft` and `paper`; a theme
says what these are, so one specification serves light, dark and paper. Whoever shows it sets the
signals `width` and `room` to the pixels that there are: the height follows from what is drawn, not
from the width, but for hexagons, which want a square."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cfplug.report.charts import Plot
from cfplug.report.elements import Chart
from cfplug.report.placing import Placed, place
from cfplug.report.themes import THEMES

_GAP = 24
"""Pixels between two small charts."""

LETTERS, FONT_SIZE = 28, 11
"""Of the words beside a point: more letters are cut; pixels."""

_HALO = {"fill": {"signal": "ink"}, "stroke": {"signal": "paper"}, "strokeWidth": {"value": 3}}
"""Words with paper around them; whoever shows them paints the stroke first (paint-order)."""

_HEXAGON = "M0,-1L1,-0.5L1,0.5L0,1L-1,0.5L-1,-0.5Z"
"""A hexagon with a corner above, half as wide as 1 and as far from centre to that corner as 1."""


def specification(chart: Chart) -> dict[str, Any]:
    """The chart as a Vega specification without colours: give it one of `THEMES` as its configuration.

    A mark that can be pointed at has its row as its tooltip, with the fields c0, c1, ...;
    `usermeta` tells what page.js wants to know beside: the titles of the columns, the field of the
    words in the picture, and the room it wants."""
    import vl_convert

    from cfplug.report.picture import WIDTH, picture

    plot = Plot.of(chart)
    vega: dict[str, Any] = vl_convert.vegalite_to_vega(picture(plot).to_dict())
    vega.pop("background", None)
    for data in vega["data"]:
        if data["name"] == "rows":
            data["values"] = list(plot.rows)
    vega.setdefault("signals", []).insert(0, {"name": "room", "value": WIDTH})
    if plot.chart.facet:
        _set_beside_each_other(vega, plot)
    for marks in _lists_of_marks(vega):
        _finish(marks, plot)
    if plot.tiles and not plot.chart.facet:
        vega["signals"].append({"name": "height", "update": f"min({vega.pop('height')}, room)"})
    label = plot.field("label") or None
    return {
        **vega,
        "usermeta": {"columns": list(plot.chart.columns), "label": label, **_room_wanted(plot)},
    }


def svg(chart: Chart, theme: str = "light") -> str:
    """The chart with its title as SVG text."""
    import vl_convert

    plot = Plot.of(chart)
    title = {
        "text": plot.chart.title,
        "anchor": "start",
        "frame": "group",
        "fontSize": 14,
        "offset": 12,
        "limit": 620,
    }
    vega = {
        **specification(chart),
        "config": THEMES[theme],
        "title": title,
        "background": {"signal": "paper"},
    }
    drawn: str = vl_convert.vega_to_svg(_with_words_placed(vega, plot))
    return drawn.replace("<text ", '<text paint-order="stroke" ')


def _room_wanted(plot: Plot) -> dict[str, int]:
    """Pixels: the least width at which words and cells can be read, and about how high it will be; 0 if empty."""
    if not plot.rows:
        return {"least": 0, "height": 0}
    across = 0 if plot.is_number("x") and plot.chart.mark != "cell" else len(plot.different("x"))
    down = len(plot.different("y")) * 24 if plot.lies or plot.chart.mark == "cell" else 300
    least = (
        {"cell": 130 + 27 * across, "bar": 50 + 14 * across}.get(plot.chart.mark, 0)
        if across
        else 0
    )
    return {
        "least": least,
        "height": 80
        + down * (1 if not plot.chart.facet else len(plot.different("facet")) // 3 + 1),
    }


# What only Vega can do


def _lists_of_marks(group: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The marks of a picture, and those of each group in it."""
    yield group.get("marks", [])
    for mark in group.get("marks", []):
        yield from _lists_of_marks(mark)


def _finish(marks: list[dict[str, Any]], plot: Plot) -> None:
    """Put words beside the marks called `labelled`, and hexagons in the place of those called so."""
    for mark in list(marks):
        name = str(mark.get("name", "")).removeprefix("child_")
        if name.startswith("labelled") and mark["type"] == "symbol":
            marks.append(_words_beside(mark["name"], plot))
        elif name.startswith("hexagon") and plot.tiles:
            _make_hexagons(mark, plot)


def _words_beside(name: str, plot: Plot) -> dict[str, Any]:
    """Words beside the marks of this name; those for which there is no room without overlap are left out.

    The place is searched by Vega's transform "label" whenever the picture changes its size:
    Kittivorawong et al., Fast and Flexible Overlap Detection for Chart Labeling with Occupancy
    Bitmap (2020), IEEE VIS. The first rows come first."""
    placed = {
        "type": "label",
        "size": {"signal": "[width, height]"},
        "anchor": [
            "right",
            "left",
            "top",
            "bottom",
            "top-right",
            "bottom-right",
            "top-left",
            "bottom-left",
        ],
        "offset": [3],
    }
    words = {"signal": f"truncate(datum.datum['{plot.field('label')}'], {LETTERS})"}
    look = {"text": words, "fontSize": {"value": FONT_SIZE}, **_HALO}
    text = {
        "name": "words",
        "type": "text",
        "from": {"data": name},
        "interactive": False,
        "aria": False,
    }
    return {**text, "encode": {"update": look}, "transform": [placed]}


def _with_words_placed(vega: dict[str, Any], plot: Plot) -> dict[str, Any]:
    """The specification with words at places that were found here: where there is no browser, Vega finds none."""
    import vl_convert

    marks = [mark for mark in vega["marks"] if mark.get("name") != "words"]
    if len(marks) == len(vega["marks"]):
        return vega
    (plane,) = vl_convert.vega_to_scenegraph({**vega, "marks": marks})["scenegraph"]["items"]
    points = next(
        mark["items"] for mark in plane["items"] if str(mark.get("name")).startswith("labelled")
    )
    words = [
        str(row[plot.field("label")])
        for row in plot.rows
        if row[plot.field("label")] not in (None, "")
    ]
    short = [word if len(word) <= LETTERS else f"{word[: LETTERS - 1]}…" for word in words]
    centres = [(point["x"], point["y"]) for point in points]
    placed = place(centres, short, (plane["width"], plane["height"]), FONT_SIZE)
    return {**vega, "marks": [*marks, *(_word_at(each) for each in placed)]}


def _word_at(placed: Placed) -> dict[str, Any]:
    look = {"text": placed.text, "x": placed.x, "y": placed.y, "fontSize": FONT_SIZE}
    middle = {"align": {"value": "center"}, "baseline": {"value": "middle"}, **_HALO}
    return {
        "type": "text",
        "encode": {"update": {key: {"value": value} for key, value in look.items()} | middle},
    }


def _make_hexagons(mark: dict[str, Any], plot: Plot) -> None:
    """Hexagons whose width and height follow the axes, so that they tile at every size of the picture.

    Two neighbours in a row are two columns apart, and two rows are 3/4 of a hexagon's height apart.
    """
    x, y = plot.pitches()
    look = mark["encode"]["update"]
    for key in ("shape", "size"):
        look.pop(key, None)
    look["path"] = {"value": _HEXAGON}
    look["scaleX"] = {"signal": f"abs(scale('x', {x}) - scale('x', 0)) * 1.01"}
    look["scaleY"] = {"signal": f"abs(scale('y', {y}) - scale('y', 0)) * 2 / 3 * 1.01"}
    mark["type"] = "path"


def _set_beside_each_other(vega: dict[str, Any], plot: Plot) -> None:
    """Small charts in as many columns as have room, one on a phone; wide enough to fill the picture."""
    from cfplug.report.axes import WORDS_BESIDE
    from cfplug.report.picture import FACET

    axis = WORDS_BESIDE + 8 if plot.lies else 48
    across = f"max(1, floor((room + {_GAP}) / {FACET + axis + _GAP}))"
    width = f"max(80, floor((room - 14 - (columns - 1) * {_GAP}) / columns) - {axis})"
    room, *others = (each for each in vega["signals"] if each["name"] != "child_width")
    ours = [{"name": "columns", "update": across}, {"name": "child_width", "update": width}]
    vega["signals"] = [room, *ours, *others]
    vega["layout"] |= {"columns": {"signal": "columns"}, "padding": _GAP}
    extent = axis - (8 if plot.lies else 20)
    for marks in _lists_of_marks(vega):
        for each in (each for mark in marks for each in mark.get("axes", [])):
            if each["orient"] == "left" and each.get("labels", True):
                each |= {"minExtent": extent, "maxExtent": extent}
