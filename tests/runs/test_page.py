"""The page of a run: one file, readable anywhere, and whatever the data holds is only text."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import attrs
import numpy as np
import pandas as pd
import pytest

from cfplug import Chart, Section, Table
from cfplug.recipe.parser import parse_recipe
from cfplug.report.elements import Interval
from cfplug.runs.page import render
from cfplug.runs.run import METRICS, Run

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
    "Training",
    ("model", "epoch", "train loss", "seconds"),
    [("pmf", 1, 0.5, 1.25), ("pmf", 2, 0.4375, 1.5)],
)


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.code: list[str] = []
        self.cells: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in ("td", "th"):
            self.cells.append((dict(attrs).get("class") or "", ""))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("script", "style"):
            self.code.append(data)
            return
        self.text.append(data)
        if self.cells and self.tags[-1] in ("td", "th"):
            style, text = self.cells[-1]
            self.cells[-1] = (style, text + data)

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")


def run_of(
    title: str = "ours", sections: tuple[Section, ...] = (), claims: str = "", comment: str = ""
) -> Run:
    heading = title.replace("'", "''")
    text = f"title: '{heading}'\ndata: synthetic\nmodels: [pmf]\n"
    text += f"metrics: [mse, mae]\n{claims}# {comment}\n"
    rows = [("pmf", 42, "", "valid", "mse", 0.5), ("pmf", 42, "", "valid", "mae", 0.25)]
    return Run(
        Path("runs/ours"),
        parse_recipe(text, "ours.yaml"),
        (),
        pd.DataFrame(rows, columns=list(METRICS[:6])).assign(low=np.nan, high=np.nan),
        sections,
    )


def page(
    run: Run,
    data: str = "synthetic: 3 ratings",
    history: Table = HISTORY,
    comparison: Table | None = None,
) -> str:
    return render(run, {**ENVIRONMENT, "data": data}, history, comparison)


def chart_of(word: str, n: int = 3) -> Chart:
    rows = [(k, k * k % 7, word, word) for k in range(n)]
    return Chart(
        word,
        "point",
        ("a", "b", word, "label"),
        rows,
        x="a",
        y="b",
        label="label",
        color=word,
        note=word,
    )


@pytest.mark.parametrize("hostile", [BAD, WORSE])
def test_hostile_text_is_shown_as_text_everywhere(hostile: str) -> None:
    def message(word: str, comment: str) -> str:
        table = Table(word, (word, "n"), [(word, 1), ("x", word)], word)
        section = Section(word, (word,), (table,), (chart_of(word),), model=word)
        quoted = word.replace("'", "''")
        claims = f"claims: [{{metric: mse, at_most: 1, source: '{quoted}'}}]\n"
        run = run_of(word, (section, Section("other", "", model="pmf")), claims, comment)
        history = Table("Training", (word,), [(word,)])
        return page(run, word, history, Table(word, (word,), [(word,)], word))

    text = message(hostile, hostile)
    found, harmless = Page(text), Page(message("plain", "plain"))
    assert found.tags == harmless.tags
    assert [(tag, name) for tag, name, _ in found.attributes] == [
        (tag, name) for tag, name, _ in harmless.attributes
    ]
    everything, plain = "".join(found.text), "".join(harmless.text)
    recipe = yaml_of(text)
    assert recipe.count(hostile) >= 1
    assert everything.count(hostile) - recipe.count(hostile) == plain.count("plain") - yaml_of(
        message("plain", "plain")
    ).count("plain")
    assert "49" not in everything
    assert not any(
        "<script" in code or "<img" in code for code in found.code if code.startswith("{")
    )


def yaml_of(text: str) -> str:
    """The recipe as the page shows it."""
    return html.unescape(text[text.index("<pre>") + 5 : text.index("</pre>")])


def test_the_page_asks_the_network_for_nothing() -> None:
    text = page(
        run_of(
            "https://example.org/picture.png",
            (Section("s", "http://example.org", (), (chart_of("x"),)),),
        )
    )
    found = Page(text)
    links = [
        value
        for _, name, value in found.attributes
        if name in ("src", "href", "action", "data", "srcset")
    ]
    assert links
    assert all(re.fullmatch(r"#[a-z0-9-]+", link) for link in links)
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"url\(|@import|//", style)
    assert not {"link", "img", "iframe", "object", "embed"} & set(found.tags)


def test_only_the_page_s_own_scripts_may_run_and_nothing_may_be_fetched() -> None:
    for charts in ((), (chart_of(BAD),)):
        text = page(run_of(sections=(Section("s", BAD, (), charts),)))
        (policy,) = (
            value
            for _, name, value in Page(text).attributes
            if name == "content" and "default-src" in value
        )
        run = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        hashes = [
            f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'"
            for each in run
        ]
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules["default-src"] == "'none'"
        assert rules["script-src"].split() == hashes
        assert len(hashes) == 1 + bool(charts)
        assert rules["img-src"] == "data:"
        assert not {"connect-src", "font-src"} & rules.keys()
        assert "unsafe-eval" not in policy


def test_a_page_without_charts_carries_nothing_that_draws() -> None:
    assert len(page(run_of(sections=(Section("s", "x"),)))) < 60_000


def test_every_link_has_its_target() -> None:
    found = Page(page(run_of(sections=(Section("one", ""), Section("two", "")))))
    links = {value[1:] for _, name, value in found.attributes if name == "href"}
    targets = {value for _, name, value in found.attributes if name == "id"}
    assert links == targets - {"tip"}
    assert links == {
        *(
            "results",
            "section-1",
            "section-2",
            "training",
            "metrics",
            "recipe",
            "metric-1",
            "metric-2",
        ),
    }


def test_each_metric_of_the_results_leads_to_what_it_means() -> None:
    text = page(run_of())
    assert '<a href="#metric-1">mse</a>' in text
    meaning = text[text.index('id="metric-1"') : text.index('id="metric-2"')]
    assert "Mean squared error." in meaning
    assert "1/n · Σ (r̂ - r)²" in meaning
    assert "Lower is better. Unit: rating points squared." in meaning


def test_sections_stand_below_their_model_where_there_are_several() -> None:
    def contents(*models: str) -> str:
        text = page(
            run_of(
                sections=tuple(
                    Section(f"of {k}", "", model=model) for k, model in enumerate(models)
                )
            )
        )
        return re.sub(
            r"\s+", " ", re.sub(r"<[^>]+>", " ", text[text.index("<nav") : text.index("</nav>")])
        )

    assert "Results pmf of 0 of 1 bias of 2 Training" in contents("pmf", "pmf", "bias")
    assert "Results of 0 of 1 Training" in contents("pmf", "pmf")


def test_the_comparison_of_several_models_has_its_place_with_its_note_below() -> None:
    table = Table(
        "mse on valid, compared with pmf",
        ("model", "difference"),
        [("bias", "+0.1000")],
        "below 0 is better",
    )
    text = page(run_of(), comparison=table)
    assert '<a href="#comparison">Comparison</a>' in text
    assert text.index('id="results"') < text.index('id="comparison"') < text.index('id="training"')
    assert "<h3>mse on valid, compared with pmf</h3>" in text
    assert '<p class="note">below 0 is better</p>' in text
    assert "omparison" not in "".join(Page(page(run_of())).text)


def test_every_table_has_its_own_box_to_scroll_in() -> None:
    text = page(run_of())
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert text.count('<div class="wide"><table') == text.count("<table") == 2


def test_only_claims_are_shown_by_colour() -> None:
    claims = "claims: [{metric: mse, at_most: 0.1}, {metric: mae, at_most: 0.5}]\n"
    section = Section("s", "", [Table("t", ("met", "active"), [("no", "yes"), (True, False)])])
    cells = Page(page(run_of(sections=(section,), claims=claims))).cells
    coloured = [(style, text) for style, text in cells if {"yes", "no"} & set(style.split())]
    assert coloured == [("short no", "no"), ("short yes", "yes")]


def test_results_without_claims_have_no_empty_columns() -> None:
    headings = re.findall(
        r"<th [^>]*>(.*?)</th>", page(run_of(), history=Table("Training", ("model",), []))
    )
    assert headings == ["model", "metric", "measured"]
    assert '<p class="note">Measured on the valid part.</p>' in page(run_of())


def test_a_result_has_its_interval_below_and_its_verdict_next_to_it() -> None:
    run = run_of(claims="claims: [{metric: mse, at_most: 0.6, source: a paper}]\n")
    metrics = run.metrics.assign(low=[0.4, np.nan], high=[0.61, np.nan])
    text = page(attrs.evolve(run, metrics=metrics))
    assert (
        '<td class="number" data-value="0.5">0.50 <small>0.40 to 0.61</small></td>'
        '<td class="short yes">' in text
    )
    assert (
        "Measured on the valid part; below a number is its 95 % interval "
        "(delete-a-group jackknife over users)." in text
    )
    headings = re.findall(r"<th [^>]*>(.*?)</th>", text)
    assert headings[:6] == ["model", "metric", "measured", "met", "claimed", "source"]


def test_folds_have_their_intervals_and_all_of_them_their_deviation() -> None:
    run = run_of()
    folds = [run.metrics.assign(fold=fold, low=0.1, high=0.9) for fold in ("u1", "u2")]
    text = page(attrs.evolve(run, metrics=pd.concat(folds)))
    assert re.findall(r"<th [^>]*>(.*?)</th>", text)[:4] == ["model", "fold", "metric", "measured"]
    assert "<small>0.10 to 0.90</small>" in text
    assert "0.5000 ± 0.0000" in text


def test_parts_are_named_where_there_are_several() -> None:
    run = run_of()
    twice = pd.concat([run.metrics, run.metrics.assign(part="test", value=0.75)])
    text = page(attrs.evolve(run, metrics=twice))
    assert re.findall(r"<th [^>]*>(.*?)</th>", text)[:4] == ["model", "part", "metric", "measured"]
    assert "Measured on the test and the valid part." in text


def test_a_table_with_the_title_of_a_chart_is_folded_below_it() -> None:
    chart = Chart("Errors", "bar", ("kind", "error"), [("a", 0.5)], x="kind", y="error")
    tables = [
        Table("Errors", ("kind",), [("in numbers",)]),
        Table("Others", ("kind",), [("alone",)]),
    ]
    text = page(run_of(sections=(Section("s", "", tables, [chart]),)))
    figure = text[text.index("<figure") : text.index("</figure>")]
    assert "<summary>In numbers</summary>" in figure
    assert "in numbers" in figure
    assert text.count(">in numbers<") == text.count(">alone<") == 1
    assert "<h3>Errors</h3>" not in text
    assert text.index("</figure>") < text.index("<h3>Others</h3>") < text.index(">alone<")


def test_an_interval_is_small_text_in_the_cell_of_its_number() -> None:
    section = Section(
        "s", "", [Table("t", ("mse", "n"), [(Interval(0.815, 0.8, 0.83), 3), (None, 4)])]
    )
    text = page(run_of(sections=(section,)))
    assert '<td class="number" data-value="0.815">0.815 <small>0.800 to 0.830</small></td>' in text
    assert '<td class="number"></td>' in text


@pytest.mark.parametrize(("rows", "folded"), [(25, False), (26, True), (1234, True)])
def test_a_long_table_offers_all_of_its_rows(rows: int, folded: bool) -> None:
    table = Table("t", ("n",), [(k,) for k in range(rows)])
    text = page(run_of(sections=(Section("s", "", [table]),)))
    assert text.count(">Show all ") == folded
    assert (f">Show all {rows:,} rows</button>" in text) == folded
    assert (
        sum(style == "number" for style, _ in Page(text).cells) >= rows
    )  # every row is there all the same


def test_a_chart_is_data_between_its_title_and_its_note() -> None:
    chart = Chart(
        "The map", "point", ("a", "b"), [(1, 2), (3, 5)], x="a", y="b", note="Two points."
    )
    text = page(run_of(sections=(Section("s", "", (), (chart,)),)))
    figure = text[text.index("<figure") : text.index("</figure>")]
    assert figure.index("The map") < figure.index('<div class="plot"') < figure.index("Two points.")
    data = json.loads(figure[figure.index(">{") + 1 : figure.index("</script>")])
    assert data["data"] == {"name": "rows", "values": [{"c0": 1, "c1": 2}, {"c0": 3, "c1": 5}]}
    assert "The charts of this page need JavaScript" in text
    assert "need JavaScript" not in page(run_of())


def test_a_chart_without_rows_is_reported_as_empty() -> None:
    chart = Chart("The map", "point", ("a", "b"), [(None, 2)], x="a", y="b")
    text = page(run_of(sections=(Section("s", "", (), (chart,)),)))
    assert "There is nothing to draw." in text
    assert '<div class="plot"' not in text


def test_a_large_report_stays_below_ten_megabytes() -> None:
    rng = np.random.default_rng(0)
    points = [
        (*rng.normal(size=2).tolist(), f"A film with a title of some length, {k} ({k})")
        for k in range(1000)
    ]
    table = Table("t", ("title", "x", "y"), [(title, x, y) for x, y, title in points])
    charts = [Chart("c", "point", ("x", "y", "title"), points, x="x", y="y", label="title")] * 5
    text = page(run_of(sections=tuple(Section("s", "", [table], charts) for _ in range(5))))
    assert text.count('<div class="plot"') == 25
    assert len(text.encode()) < 10e6


def test_training_is_a_table_or_a_sentence() -> None:
    assert ("number", "0.4375") in Page(page(run_of())).cells
    assert ("number", "0.5000") in Page(page(run_of())).cells
    none = page(run_of(), history=Table("Training", ("model", "epoch"), []))
    assert "<p>No model of this run learns by gradient.</p>" in none


def test_the_footer_says_what_the_numbers_depend_on() -> None:
    assert (
        "cfplug 0.1.0, torch 2.13.0, Python 3.11.7; cpu, 3 threads; seeds 42; "
        "data SHA-256 0123456789abcdef…" in page(run_of())
    )


def test_the_recipe_is_shown_as_it_was_written() -> None:
    run = run_of(comment="as <b>I</b> wrote it")
    text = page(run)
    assert "# as &lt;b&gt;I&lt;/b&gt; wrote it\n</pre>" in text
    assert run.recipe.text in "".join(Page(text).text)
