"""The page of a run: one file, readable anywhere, and whatever the data holds is only text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfplug import Section, Table
from cfplug.recipe import parse_recipe
from cfplug.report import columns, render
from cfplug.results import METRICS, Run

BAD = "<script>alert(1)</script>"
WORSE = "\"><img src=x onerror=alert(1)>'{{ 7 * 7 }}{% raw %}&amp;"

ENVIRONMENT = {
    "python": "3.11.7",
    "versions": {"cfplug": "0.1.0", "torch": "2.13.0"},
    "device": "cpu",
    "threads": 3,
    "seeds": [42],
    "data_sha256": "0123456789abcdef" * 4,
}
HISTORY = Table(
    "Training", ("model", "epoch", "train loss", "seconds"), [("pmf", 1, 0.5, 1.25), ("pmf", 2, 0.4375, 1.5)]
)


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.cells: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in ("td", "th"):
            self.cells.append((dict(attrs).get("class") or "", ""))

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.cells and self.tags[-1] in ("td", "th"):
            style, text = self.cells[-1]
            self.cells[-1] = (style, text + data)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")


def run_of(title: str = "ours", sections: tuple[Section, ...] = (), claims: str = "", comment: str = "") -> Run:
    heading = title.replace("'", "''")
    text = f"title: '{heading}'\ndata: synthetic\nmodels: [pmf]\nmetrics: [mse, mae]\n{claims}# {comment}\n"
    rows = [("pmf", 42, "", "valid", "mse", 0.5), ("pmf", 42, "", "valid", "mae", 0.25)]
    return Run(
        Path("runs/ours"), parse_recipe(text, "ours.yaml"), (), pd.DataFrame(rows, columns=list(METRICS)), sections
    )


def page(
    run: Run, data: str = "synthetic: 3 ratings", history: Table = HISTORY, comparison: Table | None = None
) -> str:
    return render(run, ENVIRONMENT, data, history, comparison)


@pytest.mark.parametrize("hostile", [BAD, WORSE])
def test_hostile_text_is_shown_as_text_wherever_it_stands(hostile: str) -> None:
    table = Table(hostile, (hostile, "n"), [(hostile, 1), ("x", hostile)])
    quoted = hostile.replace("'", "''")
    claims = f"claims: [{{metric: mse, at_most: 1, source: '{quoted}'}}]\n"
    run = run_of(hostile, (Section(hostile, (hostile,), (table,)),), claims, comment=hostile)
    plain = run_of("x", (Section("x", ("x",), (Table("x", ("x", "n"), [("x", 1), ("x", "x")]),)),))
    harmless = Page(page(plain, comparison=Table("x", ("x",), [("x",)], "x")))
    compared = Table(hostile, (hostile,), [(hostile,)], hostile)
    found = Page(page(run, hostile, Table("Training", (hostile,), [(hostile,)]), compared))
    assert set(found.tags) == set(harmless.tags)
    assert "script" not in found.tags
    assert {(tag, name) for tag, name, _ in found.attributes} == {(tag, name) for tag, name, _ in harmless.attributes}
    shown = "".join(found.text)
    assert run.recipe.text in shown
    assert shown.count(hostile) == 17 + run.recipe.text.count(hostile)
    assert "49" not in shown


def test_the_page_asks_the_network_for_nothing() -> None:
    text = page(run_of("https://example.org/picture.png", (Section("s", "http://example.org"),)))
    links = [value for _, name, value in Page(text).attributes if name in ("src", "href", "action", "data", "srcset")]
    assert links
    assert all(re.fullmatch(r"#[a-z0-9-]+", link) for link in links)
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"url\(|@import|//", style)
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(Page(text).tags)


def test_every_link_has_its_target() -> None:
    found = Page(page(run_of(sections=(Section("one", ""), Section("two", "")))))
    links = {value[1:] for _, name, value in found.attributes if name == "href"}
    targets = {value for _, name, value in found.attributes if name == "id"}
    assert links == targets == {"results", "section-1", "section-2", "training", "recipe"}


def test_the_comparison_of_several_models_has_its_place_with_its_note_below() -> None:
    table = Table("mse on valid, beside pmf", ("model", "difference"), [("bias", "+0.1000")], "below 0 is better")
    text = page(run_of(), comparison=table)
    assert '<a href="#comparison">Comparison</a>' in text
    assert text.index('<h2 id="results">') < text.index('<h2 id="comparison">') < text.index('<h2 id="training">')
    assert "<h3>mse on valid, beside pmf</h3>" in text
    assert '<p class="soft">below 0 is better</p>' in text
    assert "omparison" not in page(run_of())


def test_the_page_fits_a_phone_and_follows_the_light_of_the_system() -> None:
    text = page(run_of())
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert "@media (max-width: 40rem)" in text
    assert "@media (prefers-color-scheme: dark)" in text
    assert ".wide { overflow-x: auto; }" in text
    assert text.count('<div class="wide"><table>') == text.count("<table>") == 2


def test_claims_are_told_by_colour_and_only_there() -> None:
    claims = "claims: [{metric: mse, at_most: 0.1}, {metric: mae, at_most: 0.5}]\n"
    section = Section("s", "", [Table("t", ("met", "active"), [("no", "yes"), (True, False)])])
    cells = Page(page(run_of(sections=(section,), claims=claims))).cells
    coloured = [(style, text) for style, text in cells if {"yes", "no"} & set(style.split())]
    assert coloured == [("short no", "no"), ("short yes", "yes")]


def test_training_is_a_table_or_a_sentence() -> None:
    assert ("number", "0.4375") in Page(page(run_of())).cells
    assert ("number", "0.5000") in Page(page(run_of())).cells
    none = page(run_of(), history=Table("Training", ("model", "epoch"), []))
    assert "<p>No model of this run learns by gradient.</p>" in none


def test_the_footer_says_what_the_numbers_depend_on() -> None:
    assert (
        "cfplug 0.1.0, torch 2.13.0, Python 3.11.7; cpu, 3 threads; seeds 42; data SHA-256 0123456789abcdef…"
        in page(run_of())
    )


def test_the_recipe_is_shown_as_it_was_written() -> None:
    run = run_of(comment="as <b>I</b> wrote it")
    text = page(run)
    assert "# as &lt;b&gt;I&lt;/b&gt; wrote it\n</pre>" in text
    assert run.recipe.text in "".join(Page(text).text)


# Tables


def shown(*cells: object) -> tuple[tuple[str, ...], str]:
    (column,) = columns(Table("", ("x",), [(cell,) for cell in cells]))
    return column.cells, column.style


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ((0.55, 0.568, -1.0), (("0.550", "0.568", "-1.000"), "number")),
        ((0.123456, 2.0), (("0.1235", "2.0000"), "number")),
        ((3, 12, 1995), (("3", "12", "1995"), "number")),
        ((2.0, 3, None), (("2", "3", ""), "number")),
        ((0.00001, 0.5), (("1e-05", "0.5"), "number")),
        ((0.0, 0.25), (("0.00", "0.25"), "number")),
        ((np.float64(0.5), np.int64(3)), (("0.5", "3"), "number")),
        ((True, False), (("yes", "no"), "short")),
        ((0.5, "none"), (("0.5", "none"), "short")),
        (("Seven (1995)", "x"), (("Seven (1995)", "x"), "short")),
        (("Children of the Corn: The Gathering (1996)", "x"), None),
        ((None, None), (("", ""), "short")),
        ((), ((), "short")),
    ],
)
def test_a_column_is_shown_with_one_form_for_all_its_cells(cells: tuple, expected: tuple | None) -> None:
    assert shown(*cells) == (expected or (cells, "long"))


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=9))
def test_decimals_of_a_column_are_even_and_close_to_the_value(values: list[float]) -> None:
    texts, style = shown(*values)
    assert style == "number"
    small = any(0 < abs(value) < 1e-3 for value in values)
    for text, value in zip(texts, values, strict=True):
        assert float(text) == pytest.approx(value, rel=1e-3, abs=0 if small else 5e-5)
    if not small:
        assert len({len(text.partition(".")[2]) for text in texts}) == 1


def test_a_table_without_rows_keeps_its_columns() -> None:
    assert [(each.title, each.cells) for each in columns(Table("", ("a", "b"), []))] == [("a", ()), ("b", ())]
