"""A chart becomes a picture: each row a mark at its place, words that do not overlap, and no colour before a theme."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest
import vl_convert
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from cfplug import Chart
from cfplug.report.charts import Plot, pitch
from cfplug.report.elements import MARKS, REFERENCES
from cfplug.report.placing import place
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
    "standing": Chart(
        "By month", "bar", ("month", "n"), [("1997-09", 3), ("1997-10", 8)], x="month", y="n"
    ),
    "lying": Chart(
        "Most",
        "bar",
        ("n", "who"),
        zip((9, 7, -2), GROUPS, strict=True),
        x="n",
        y="who",
        reference="zero",
    ),
    "crowded": Chart(
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
    "hexagon": Chart(
        *("Density", "hexagon", ("a", "b", "n")),
        [(x + 0.5 * (y % 2), y * 0.75, x * y + 1) for x in range(6) for y in range(5)],
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


def picture(vega: dict[str, Any], room: int = 640) -> dict[str, Any]:
    """The plane in which the marks lie, at a width of `room` pixels, as Vega places them."""
    signals = [
        {**each, "value": room} if each["name"] == "room" else each for each in vega["signals"]
    ]
    marks = [mark for mark in vega["marks"] if mark.get("name") != "words"]
    sized = {**vega, "signals": signals, "marks": marks} | (
        {"width": room} if "width" in vega else {}
    )
    return vl_convert.vega_to_scenegraph(sized | {"config": THEMES["light"]})["scenegraph"][
        "items"
    ][0]


def items(plane: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The marks of a name, in groups or not."""
    found = plane["items"] if plane.get("name", "").removeprefix("child_") == name else []
    return [*found, *(each for inner in plane.get("items", []) for each in items(inner, name))]


def words_of(text: str) -> list[str]:
    return [
        each.text or ""
        for each in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")
    ]


@pytest.mark.parametrize("name", CHARTS)
def test_every_mark_becomes_a_picture_with_its_title(name: str) -> None:
    words = words_of(svg(CHARTS[name]))
    assert CHARTS[name].title in words
    assert {chart.mark for chart in CHARTS.values()} == set(MARKS)


@pytest.mark.parametrize("name", CHARTS)
def test_a_specification_names_no_colour_but_the_two_inks_of_cells(name: str) -> None:
    vega = specification(CHARTS[name])
    colours = set(re.findall(r"#[0-9a-fA-F]{3,8}\b", json.dumps(vega)))
    assert colours == ({"#10151c", "#ffffff"} if name == "cell" else set())
    assert "background" not in vega


def test_a_theme_gives_the_colours() -> None:
    light, dark = (svg(CHARTS["lying"], theme) for theme in ("light", "dark"))
    for theme, text, other in (("light", light, dark), ("dark", dark, light)):
        colours = {signal["name"]: signal["value"] for signal in THEMES[theme]["signals"]}
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
def test_words_and_marks_can_be_seen_on_the_page(theme: str) -> None:
    config = THEMES[theme]
    colours = {signal["name"]: signal["value"] for signal in config["signals"]}

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
    chart, vega = CHARTS[name], specification(CHARTS[name])
    (data,) = (data for data in vega["data"] if data["name"] == "rows")
    assert [row["c0"] for row in data["values"]] == [row[0] for row in chart.rows]
    assert vega["usermeta"]["columns"] == list(chart.columns)
    code = [text for key, text in leaves(vega) if key in ("signal", "expr", "update")]
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


def test_bars_stand_on_zero_each_over_its_number() -> None:
    plane = picture(specification(CHARTS["histogram"]))
    bars = items(plane, "layer_0_marks")
    assert {round(bar["y"] + bar["height"], 3) for bar in bars} == {plane["height"]}
    unit = bars[0]["height"] / 3
    assert [bar["height"] / unit for bar in bars] == pytest.approx([3, 5, 4])
    middle = [bar["x"] + bar["width"] / 2 for bar in bars]
    assert middle[2] - middle[1] == pytest.approx(
        2 * (middle[1] - middle[0]), rel=0.02
    )  # where no bar is, is a gap


def test_lying_bars_go_from_zero_to_either_side() -> None:
    plane = picture(specification(CHARTS["lying"]))
    bars = items(plane, "layer_1_marks")
    (zero,) = items(plane, "layer_0_marks")
    assert [bar["width"] / bars[0]["width"] for bar in bars] == pytest.approx([1, 7 / 9, 2 / 9])
    assert [bars[0]["x"], bars[1]["x"], bars[2]["x"] + bars[2]["width"]] == pytest.approx(
        [zero["x"]] * 3
    )
    assert [bar["y"] for bar in bars] == sorted(bar["y"] for bar in bars)


def test_colours_that_share_a_word_stand_beside_each_other() -> None:
    bars = items(picture(specification(CHARTS["crowded"])), "layer_0_marks")
    spans = sorted((bar["y"], bar["y"] + bar["height"]) for bar in bars)
    assert len(bars) == 6
    assert all(end <= start + 1e-6 for (_, end), (start, _) in itertools.pairwise(spans))


def test_rows_without_a_place_are_left_out() -> None:
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
        each["value"] for each in THEMES["light"]["signals"] if each["name"] == "soft"
    )


@pytest.mark.parametrize("room", [340, 900])
def test_hexagons_tile_at_every_width(room: int) -> None:
    """Neighbours in a row are a width apart, rows 3/4 of a height."""
    plane = picture(specification(CHARTS["hexagon"]), room)
    hexagons = items(plane, "hexagon_marks")
    rows = {
        y: sorted(each["x"] for each in hexagons if each["y"] == y)
        for y in {each["y"] for each in hexagons}
    }
    across = {right - left for xs in rows.values() for left, right in itertools.pairwise(xs)}
    down = {below - above for above, below in itertools.pairwise(sorted(rows))}
    assert len(hexagons) == 30
    for each in hexagons:
        assert [2 * each["scaleX"]] * len(across) == pytest.approx(list(across), rel=0.02)
        assert [1.5 * each["scaleY"]] * len(down) == pytest.approx(list(down), rel=0.02)
        assert each["scaleX"] <= each["x"] * 1.02 <= plane["width"] * 1.02


def test_the_diagonal_has_both_axes_alike() -> None:
    vega = specification(CHARTS["lines"])
    domains = {
        scale["name"]: scale["domain"] for scale in vega["scales"] if scale["name"] in ("x", "y")
    }
    assert domains["x"] == domains["y"]
    plane = picture(vega)
    (rule,) = items(plane, "layer_0_marks")
    assert (rule["x"], rule["y"], rule["x2"], rule["y2"]) == pytest.approx(
        (0, plane["height"], plane["width"], 0)
    )


@pytest.mark.parametrize(("room", "across"), [(350, 1), (640, 2), (860, 2), (1100, 3)])
def test_small_charts_stand_beside_each_other_as_far_as_there_is_room(
    room: int, across: int
) -> None:
    vega = specification(CHARTS["facets"])
    scene = vl_convert.vega_to_scenegraph(
        {
            **vega,
            "config": THEMES["light"],
            "signals": [
                {**each, "value": room} if each["name"] == "room" else each
                for each in vega["signals"]
            ],
        }
    )
    places = items(scene["scenegraph"]["items"][0], "cell")
    assert len(places) == 5
    assert len({round(each["x"]) for each in places}) == across
    assert room - 60 <= scene["width"] <= room


def test_intervals_go_from_low_to_high_around_their_point() -> None:
    plane = picture(specification(CHARTS["interval"]))
    (zero,), bars, dots = (items(plane, f"layer_{k}_marks") for k in range(3))
    assert all(bar["x"] < dot["x"] < bar["x2"] for bar, dot in zip(bars, dots, strict=True))
    lengths = [bar["x2"] - bar["x"] for bar in bars]
    assert lengths == pytest.approx([lengths[0]] * 3)
    assert zero["x"] == pytest.approx(dots[0]["x"])


def test_words_in_a_cell_are_read_on_its_colour() -> None:
    cells = items(picture(specification(CHARTS["cell"])), "layer_0_marks")
    text = items(picture(specification(CHARTS["cell"])), "layer_1_marks")
    assert len(text) == 6
    colours = {each["name"]: each["value"] for each in THEMES["light"]["signals"]}
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


def test_the_words_beside_points_are_those_of_the_rows_that_bear_some() -> None:
    words = words_of(svg(CHARTS["point"]))
    assert "Film 1" in words
    assert sum(word.startswith("Film") for word in words) <= 14
    assert any(
        word.startswith("<script>alert(1)</script>") and word.endswith("…") for word in words
    )
    assert not any("\x1b" in word for word in words)


def test_a_title_with_control_characters_is_drawn_without_them() -> None:
    chart = Chart("\x1b[31m\ud800", "bar", ("\x00n", BAD), [(3, "\x14")], x="\x00n", y=BAD)
    words = words_of(svg(chart))
    assert {"�[31m�", "�n", "�"} <= set(words)


def test_the_description_says_what_is_to_be_seen() -> None:
    vega = specification(CHARTS["crowded"])
    assert vega["description"] == "Shares: 6 bars, % across and who upwards, colour by of."


def test_a_chart_without_rows_is_a_picture_without_marks() -> None:
    vega = specification(Chart("Nothing", "point", ("a", "b"), [], x="a", y="b"))
    assert vega["usermeta"]["height"] == 0
    assert "Nothing" in words_of(svg(Chart("Nothing", "point", ("a", "b"), [], x="a", y="b")))


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
    assert words_of(svg(chart)) is not None


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 300), st.floats(0, 200), st.text("aé", min_size=1, max_size=28)),
        max_size=25,
    )
)
def test_placed_words_overlap_neither_each_other_nor_a_point(
    given_words: list[tuple[float, float, str]],
) -> None:
    points = [(x, y) for x, y, _ in given_words]
    placed = place(points, [text for _, _, text in given_words], (300, 200), 11)
    halves = [(len(each.text) * 11 * 0.56 / 2, 5.5) for each in placed]
    for each, (w, h) in zip(placed, halves, strict=True):
        assert w - 1e-6 <= each.x <= 300 - w + 1e-6
        assert h - 1e-6 <= each.y <= 200 - h + 1e-6
        assert not any(abs(x - each.x) < w + 2.9 and abs(y - each.y) < h + 2.9 for x, y in points)
    for (one, (w, h)), (other, (v, k)) in itertools.combinations(
        zip(placed, halves, strict=True), 2
    ):
        assert abs(one.x - other.x) >= w + v - 1e-6 or abs(one.y - other.y) >= h + k - 1e-6


def test_the_first_words_are_placed_first_and_those_without_room_are_left_out() -> None:
    assert [each.text for each in place([(50, 50)] * 9, list("abcdefghi"), (100, 100), 11)] == list(
        "abcd"
    )
    assert place([(5, 5)], ["far too long for this"], (20, 10), 11) == []


@given(st.lists(st.integers(-50, 50), max_size=9), st.floats(0.01, 100))
def test_the_pitch_is_the_smallest_distance_of_different_values(
    values: list[int], unit: float
) -> None:
    gaps = [abs(a - b) for a in values for b in values if a != b]
    assert pitch(value * unit for value in values) == pytest.approx(min(gaps) * unit if gaps else 1)
    assert pitch([0.1 + 0.2, 0.3, 0.5]) == pytest.approx(0.2)
