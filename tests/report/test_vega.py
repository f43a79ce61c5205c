"""A chart becomes a picture: a mark for each row, labels that do not overlap, colours by theme."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any
from xml.etree import ElementTree

import altair as alt
import numpy as np
import pytest
import vl_convert
from attrs import evolve
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from cfplug import Chart
from cfplug.report.charts import Plot, pitch
from cfplug.report.elements import MARKS, REFERENCES
from cfplug.report.labels import place_labels
from cfplug.report.themes import THEMES
from cfplug.report.vega import specification, svg

BAD = '<script>alert(1)</script> & "x" [0].y \\ ${z} {{ 7 * 7 }} \x00\x1b[31m'
GROUPS = (
    "student",
    "educator",
    "a group with a name that is far too long for the axis of any chart",
)

CHARTS = {
    "histogram": Chart(
        "Ratings", "bar", ("rating", "n"), [(1, 3), (2, 5), (4, 4)], x="rating", y="n"
    ),
    "names": Chart(
        "By month", "bar", ("month", "n"), [("1997-09", 3), ("1997-10", 8)], x="month", y="n"
    ),
    "horizontal": Chart(
        "Most",
        "bar",
        ("n", "who"),
        zip((9, 7, -2), GROUPS, strict=True),
        x="n",
        y="who",
        reference="zero",
    ),
    "grouped": Chart(
        *("Shares", "bar", ("who", "%", "of")),
        [
            (who, n + k, of)
            for n, who in enumerate(GROUPS)
            for k, of in enumerate(("users", "ratings"))
        ],
        x="%",
        y="who",
        color="of",
    ),
    "line": Chart(
        "Tail",
        "line",
        ("rank", "n"),
        [(k, 1000 / k) for k in range(1, 90)],
        x="rank",
        y="n",
        log=("x", "y"),
    ),
    "lines": Chart(
        *("Loss", "line", ("epoch", "loss", "part")),
        [
            (k, 1 / k + shift, part)
            for part, shift in (("train", 0), ("valid", 0.2))
            for k in (1, 2, 3)
        ],
        x="epoch",
        y="loss",
        color="part",
        reference="diagonal",
    ),
    "point": Chart(
        *("Map", "point", ("a", "b", "title", "year")),
        [
            (k % 7, k % 5 + 0.1, BAD if k == 3 else f"Film {k}" if k % 2 else "", 1990 + k)
            for k in range(30)
        ],
        x="a",
        y="b",
        label="title",
        color="year",
    ),
    "heatmap": Chart(
        *("Density", "heatmap", ("a", "b", "n")),
        [(x, y * 0.75, x * y + 1) for x in range(6) for y in range(5) if (x, y) != (2, 3)],
        x="a",
        y="b",
        color="n",
    ),
    "cell": Chart(
        *("Crosstab", "cell", ("item", "user", "r", "words")),
        [
            (i, u, None if i == "c" else float(k), f"{k}*")
            for k, (i, u) in enumerate(itertools.product("abc", "xy"))
        ],
        x="item",
        y="user",
        color="r",
        label="words",
    ),
    "interval": Chart(
        *("Error", "interval", ("who", "error", "low", "high")),
        [(who, 0.1 * k, 0.1 * k - 0.2, 0.1 * k + 0.1) for k, who in enumerate(GROUPS)],
        x="error",
        y="who",
        low="low",
        high="high",
        reference="zero",
    ),
    "facets": Chart(
        *("Predictions", "bar", ("rating", "n", "of")),
        [(k, k + n, f"rated {n}") for n in range(1, 6) for k in range(4)],
        x="rating",
        y="n",
        facet="of",
    ),
}


def scene(spec: dict[str, Any], room: int = 640) -> dict[str, Any]:
    """Return the picture at a width of `room` pixels, as Vega draws it."""
    sized = {**spec, "params": [{"name": "room", "value": room}]}
    if "facet" not in spec:
        sized["width"] = room
    return vl_convert.vegalite_to_scenegraph(sized, config=THEMES["light"])["scenegraph"]


def picture(spec: dict[str, Any], room: int = 640) -> dict[str, Any]:
    """Return the plane that the marks are in."""
    return scene(spec, room)["items"][0]


def items(plane: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the marks of a name, in groups or not."""
    found = plane["items"] if plane.get("name", "").removeprefix("child_") == name else []
    return [*found, *(each for inner in plane.get("items", []) for each in items(inner, name))]


def texts_of(text: str) -> list[str]:
    return [
        each.text or ""
        for each in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")
    ]


@pytest.mark.parametrize("name", CHARTS)
def test_every_mark_becomes_a_picture_with_its_title(name: str) -> None:
    words = texts_of(svg(CHARTS[name]))
    assert CHARTS[name].title in words
    assert {chart.mark for chart in CHARTS.values()} == set(MARKS)


@pytest.mark.parametrize("name", CHARTS)
def test_a_specification_is_valid_vega_lite(name: str) -> None:
    alt.Chart.from_dict(specification(CHARTS[name]), validate=True)


@pytest.mark.parametrize("name", CHARTS)
def test_a_specification_names_no_colour_but_the_two_inks_of_cells(name: str) -> None:
    vega = specification(CHARTS[name])
    colours = set(re.findall(r"#[0-9a-fA-F]{3,8}\b", json.dumps(vega)))
    assert colours == ({"#10151c", "#ffffff"} if name == "cell" else set())
    assert "background" not in vega


def test_a_theme_gives_the_colours() -> None:
    light, dark = (svg(CHARTS["horizontal"], theme) for theme in ("light", "dark"))
    for theme, text, other in (("light", light, dark), ("dark", dark, light)):
        colours = {param["name"]: param["value"] for param in THEMES[theme]["params"]}
        assert all(
            colours[name] in text and colours[name] not in other
            for name in ("accent", "ink", "soft", "paper")
        )


def luminance(colour: str) -> float:
    """Of a colour such as #1c2430; WCAG 2.2, 'relative luminance'."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", THEMES)
def test_text_and_marks_have_contrast_on_the_page(theme: str) -> None:
    config = THEMES[theme]
    colours = {param["name"]: param["value"] for param in config["params"]}

    def contrast(colour: str) -> float:
        high, low = sorted((luminance(colour), luminance(colours["paper"])), reverse=True)
        return (high + 0.05) / (low + 0.05)

    assert contrast(colours["ink"]) > 10
    assert contrast(colours["soft"]) > 4.5  # WCAG 2.2, 1.4.3
    assert min(map(contrast, (colours["accent"], *config["range"]["category"]))) > 2.3
    assert min(map(contrast, config["range"]["ramp"])) > 2
    assert len(set(config["range"]["category"])) == 12
    assert contrast(config["range"]["heatmap"][-1]) > contrast(config["range"]["heatmap"][0])


@pytest.mark.parametrize("name", CHARTS)
def test_a_specification_has_every_row_and_no_title_as_code(name: str) -> None:
    chart, spec = CHARTS[name], specification(CHARTS[name])
    assert [row["c0"] for row in spec["data"]["values"]] == [row[0] for row in chart.rows]
    assert spec["usermeta"]["columns"] == list(chart.columns)
    code = [text for key, text in leaves(spec) if key in ("expr", "test", "filter")]
    assert code
    assert not any(column in text for text in code for column in chart.columns if len(column) > 2)


def leaves(tree: Any, key: str = "") -> list[tuple[str, Any]]:
    if isinstance(tree, dict):
        return [leaf for name, value in tree.items() for leaf in leaves(value, name)]
    return (
        [leaf for value in tree for leaf in leaves(value, key)]
        if isinstance(tree, list)
        else [(key, str(tree))]
    )


def test_bars_of_a_histogram_start_at_zero_above_their_numbers() -> None:
    plane = picture(specification(CHARTS["histogram"]))
    bars = items(plane, "layer_0_marks")
    assert {round(bar["y"] + bar["height"], 3) for bar in bars} == {plane["height"]}
    unit = bars[0]["height"] / 3
    assert [bar["height"] / unit for bar in bars] == pytest.approx([3, 5, 4])
    middle = [bar["x"] + bar["width"] / 2 for bar in bars]
    assert middle[2] - middle[1] == pytest.approx(
        2 * (middle[1] - middle[0]), rel=0.02
    )  # where no bar is, is a gap


def test_horizontal_bars_go_from_zero_to_either_side() -> None:
    plane = picture(specification(CHARTS["horizontal"]))
    bars = items(plane, "layer_1_marks")
    (zero,) = items(plane, "layer_0_marks")
    assert [bar["width"] / bars[0]["width"] for bar in bars] == pytest.approx([1, 7 / 9, 2 / 9])
    assert [bars[0]["x"], bars[1]["x"], bars[2]["x"] + bars[2]["width"]] == pytest.approx(
        [zero["x"]] * 3
    )
    assert [bar["y"] for bar in bars] == sorted(bar["y"] for bar in bars)


def test_bars_of_several_colours_at_one_place_are_side_by_side() -> None:
    bars = items(picture(specification(CHARTS["grouped"])), "layer_0_marks")
    spans = sorted((bar["y"], bar["y"] + bar["height"]) for bar in bars)
    assert len(bars) == 6
    assert all(end <= start + 1e-6 for (_, end), (start, _) in itertools.pairwise(spans))


def test_rows_that_cannot_be_drawn_are_left_out() -> None:
    rows = [(1, 2.0), (None, 1.0), (3, None), (0, 1.0), (10, -1.0), (20, 5.0)]
    chart = Chart("", "point", ("a", "b"), rows, x="a", y="b", log=("x", "y"))
    assert [(row["c0"], row["c1"]) for row in Plot.of(chart).rows] == [(1, 2.0), (20, 5.0)]
    points = items(picture(specification(chart)), "layer_0_marks")
    assert len(points) == 2


def test_a_point_whose_colour_is_not_known_is_drawn() -> None:
    rows = [(1, 2, None), (2, 3, 5.0), (3, 5, 7.0)]
    chart = Chart("", "point", ("a", "b", "year"), rows, x="a", y="b", color="year")
    fills = [point["fill"] for point in items(picture(specification(chart)), "layer_0_marks")]
    assert len(fills) == len(set(fills)) == 3
    assert fills[0] == next(
        each["value"] for each in THEMES["light"]["params"] if each["name"] == "soft"
    )


def test_a_heatmap_is_a_grid_without_gaps_but_where_there_is_no_row() -> None:
    plane = picture(specification(CHARTS["heatmap"]))
    tiles = items(plane, "layer_0_marks")
    assert len(tiles) == 29
    width, height = plane["width"] / 6, plane["height"] / 5
    for (x, y, _), tile in zip(CHARTS["heatmap"].rows, tiles, strict=True):
        left, top = x * width, plane["height"] - (y / 0.75 + 1) * height
        place = [tile["x"], tile["y"], tile["width"], tile["height"]]
        assert place == pytest.approx([left, top, width, height], abs=0.01)


def test_the_diagonal_has_one_scale_on_both_axes_and_is_drawn_over_the_heatmap() -> None:
    plane = picture(specification(CHARTS["lines"]))
    (rule,) = items(plane, "layer_0_marks")
    ends = [rule["x"], rule["y"], rule["x2"], rule["y2"]]
    assert ends == pytest.approx([0, plane["height"], plane["width"], 0])
    heatmap = evolve(CHARTS["heatmap"], reference="diagonal")
    layers = specification(heatmap)["layer"]
    assert [layer["mark"]["type"] for layer in layers] == ["rect", "rule"]


def test_small_charts_have_a_picture_for_each_facet_next_to_each_other() -> None:
    drawn = scene(specification(CHARTS["facets"]))
    places = items(drawn["items"][0], "cell")
    assert len(places) == 5
    assert len({round(each["x"]) for each in places}) == 2
    assert len({round(each["y"]) for each in places}) == 3


def test_intervals_go_from_low_to_high_around_their_point() -> None:
    plane = picture(specification(CHARTS["interval"]))
    (zero,), bars, dots = (items(plane, f"layer_{k}_marks") for k in range(3))
    assert all(bar["x"] < dot["x"] < bar["x2"] for bar, dot in zip(bars, dots, strict=True))
    lengths = [bar["x2"] - bar["x"] for bar in bars]
    assert lengths == pytest.approx([lengths[0]] * 3)
    assert zero["x"] == pytest.approx(dots[0]["x"])


def test_the_text_of_a_cell_can_be_read_on_its_colour() -> None:
    cells = items(picture(specification(CHARTS["cell"])), "layer_0_marks")
    text = items(picture(specification(CHARTS["cell"])), "layer_1_marks")
    assert len(text) == 6
    colours = {each["name"]: each["value"] for each in THEMES["light"]["params"]}
    paper, ink = colours["paper"], colours["ink"]
    by_place = {
        (round(cell["x"] + cell["width"] / 2), cell["y"] + cell["height"] / 2): cell
        for cell in cells
    }
    for word in text:
        behind = by_place[round(word["x"]), word["y"]]["fill"]
        light = (
            behind != paper
            and luminance("#" + "".join(f"{int(n):02x}" for n in re.findall(r"\d+", behind))) > 0.25
        )
        assert word["fill"] == (ink if behind == paper else "#10151c" if light else "#ffffff")


def test_labels_are_those_of_rows_that_have_one() -> None:
    words = texts_of(svg(CHARTS["point"]))
    assert "Film 1" in words
    assert sum(word.startswith("Film") for word in words) <= 14
    assert any(
        word.startswith("<script>alert(1)</script>") and word.endswith("…") for word in words
    )
    assert not any("\x1b" in word for word in words)


def test_a_title_with_control_characters_is_drawn_without_them() -> None:
    chart = Chart("\x1b[31m\ud800", "bar", ("\x00n", BAD), [(3, "\x14")], x="\x00n", y=BAD)
    words = texts_of(svg(chart))
    assert {"�[31m�", "�n", "�"} <= set(words)


def test_the_description_names_marks_axes_and_colour() -> None:
    vega = specification(CHARTS["grouped"])
    assert vega["description"] == "Shares: 6 bars, % across and who upwards, colour by of."


def test_a_chart_without_rows_is_a_picture_without_marks() -> None:
    vega = specification(Chart("Nothing", "point", ("a", "b"), [], x="a", y="b"))
    assert vega["usermeta"]["height"] == 0
    assert "Nothing" in texts_of(svg(Chart("Nothing", "point", ("a", "b"), [], x="a", y="b")))


words = st.text(max_size=9) | st.sampled_from([BAD, "__proto__", "\u2028"])
numbers = st.integers(-5, 5000) | st.floats(-1e6, 1e6)


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    """Charts of every kind, whose columns hold whatever a cell may."""
    n = draw(st.integers(0, 5))
    cells = st.sampled_from(
        [
            numbers,
            words,
            st.none() | numbers,
            st.none() | st.booleans() | words | numbers,
            st.none(),
        ]
    )
    titles = [f"{draw(words)}{k}" for k in range(5)]
    rows = list(
        zip(*(draw(st.lists(draw(cells), min_size=n, max_size=n)) for _ in titles), strict=True)
    )
    roles = {role: draw(st.sampled_from(["", *titles])) for role in ("color", "label", "facet")}
    places = {"x": titles[0], "y": titles[1], "low": titles[2], "high": titles[3]}
    look = {
        "log": draw(st.sampled_from([(), "x", "y", ("x", "y")])),
        "reference": draw(st.sampled_from(REFERENCES)),
    }
    return Chart(draw(words), draw(st.sampled_from(MARKS)), titles, rows, **roles, **places, **look)


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(charts())
@example(
    Chart(
        "t",
        "cell",
        ("a", "b", "c"),
        [(1, 2, 3.0)],
        x="a",
        y="b",
        color="c",
        facet="b",
        reference="zero",
    )
)
def test_any_chart_can_be_drawn(chart: Chart) -> None:
    json.dumps(specification(chart), allow_nan=False)
    assert texts_of(svg(chart)) is not None


shares = st.floats(0.01, 0.99)
labelled = st.tuples(shares, st.floats(0, 200), st.text("aé", min_size=1, max_size=28))


@settings(max_examples=30, deadline=None)
@given(st.lists(labelled, max_size=25), st.integers(200, 1200))
def test_labels_overlap_neither_each_other_nor_a_point(
    points: list[tuple[float, float, str]], width: int
) -> None:
    x, y = (np.array([point[axis] for point in points]) for axis in (0, 1))
    labels = [label for _, _, label in points]
    sides, least = place_labels(x, y, labels)
    boxes = []
    for place, level, label, side in zip(x * width, y, labels, sides, strict=True):
        ends = sorted((place + 7 * side, place + (7 + len(label) * 6.16) * side))
        boxes.append((*ends, level))
    shown = [box for box, needed in zip(boxes, least, strict=True) if needed <= width]
    for index, (left, right, level) in enumerate(shown):
        assert left >= -1e-6
        assert right <= width + 1e-6
        for place, other in zip(x * width, y, strict=True):
            apart = place + 4 <= left + 1e-6 or place - 4 >= right - 1e-6
            assert apart or abs(level - other) >= 10.5
        for start, end, other in shown[:index]:
            apart = end <= left + 1e-6 or start >= right - 1e-6
            assert apart or abs(level - other) >= 13


def test_the_first_labels_are_placed_first_and_those_without_space_are_left_out() -> None:
    place = np.full(4, 0.5)
    sides, least = place_labels(place, np.full(4, 50.0), list("abcd"))
    assert sides[:2].tolist() == [1, -1]
    assert (least <= 100).tolist() == [True, True, False, False]
    _, least = place_labels(np.array([0.25]), np.array([5.0]), ["far too long for this"])
    assert 150 < least[0] < 250


@given(st.lists(st.integers(-50, 50), max_size=9), st.floats(0.01, 100))
def test_the_pitch_is_the_smallest_distance_of_different_values(
    values: list[int], unit: float
) -> None:
    gaps = [abs(a - b) for a in values for b in values if a != b]
    assert pitch(value * unit for value in values) == pytest.approx(min(gaps) * unit if gaps else 1)
    assert pitch([0.1 + 0.2, 0.3, 0.5]) == pytest.approx(0.2)
