"""The page in a browser: charts, sorting, dark and light, phones, and no request at all."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import cfplug
from cfplug import Chart, Section, Table
from cfplug.progress import Quiet
from cfplug.report.elements import Interval
from tests.report.test_vega import CHARTS
from tests.runs.test_page import page, run_of

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome is installed"
)

BAD = "<script>alert(1)</script>"
TALL = 800
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def sections() -> tuple[Section, ...]:
    """Every mark, a table with intervals, a long one, and a map whose titles are not kind."""
    rng = np.random.default_rng(0)
    rows = [
        (*rng.normal(size=2).tolist(), BAD if k == 0 else f"Film {k}", PICTURE, f"genre {k % 9}")
        for k in range(300)
    ]
    points = [
        (x, y, title, picture, title if k < 40 else "", genre)
        for k, (x, y, title, picture, genre) in enumerate(rows)
    ]
    points[0] = (4.0, -4.0625, *points[0][2:])  # by itself, so that there is room for its words
    columns = ("x", "y", "title", "image", "label", BAD)
    titles = Chart(BAD, "point", columns, points, x="x", y="y", label="label", color=BAD)
    alone = Chart("One", "bar", ("n", "title"), [(3, BAD)], x="n", y="title")
    numbers = [
        ("nine", 9, Interval(0.5, 0.25, 0.75)),
        ("ten", 10, Interval(-2.0, -3.0, 1.0)),
        ("none", None, None),
    ]
    numbers.append(("two", 2, Interval(-10.0, -12.0, -8.0)))
    wide = [(f"an item with a title, {k}", f"user {k % 3}", k) for k in range(60)]
    crosstab = Chart(
        "Wide", "cell", ("item", "user", "rating"), wide, x="item", y="user", color="rating"
    )
    long = Table("Long", ("n", "title"), [(k, f"{BAD} {k}") for k in range(60)])
    return (
        Section(
            "First",
            BAD,
            (Table("Short", ("word", "n", "value"), numbers), long),
            (alone,),
            model="pmf",
        ),
        Section("Marks", "All of them.", (), (*CHARTS.values(), crosstab), model="pmf"),
        Section("Map", "Titles.", (), (titles,), model="bias"),
    )


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "report.html"
    claims = "claims: [{metric: mse, at_most: 1, source: a paper}]\n"
    file.write_text(page(run_of(BAD, sections(), claims)), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


class Visit:
    """A page that is open, and all that it did beside showing itself."""

    def __init__(
        self, browser: Browser, address: str, *, width: int = 1280, **options: Any
    ) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": TALL}, **options)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append("a dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.close()

    def drawn(self, charts: int = len(CHARTS) + 3) -> Page:
        """The page with all of its charts, each with something to see."""
        until = time.monotonic() + 60
        while self.page.locator(".plot svg").count() < charts and time.monotonic() < until:
            self.page.wait_for_timeout(20)
        assert (
            self.page.locator(".plot svg").count() == self.page.locator(".plot").count() == charts
        )
        return self.page


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_shows_itself_without_a_complaint_or_a_request(
    browser: Browser, address: str, width: int, scheme: str
) -> None:
    with Visit(browser, address, width=width, color_scheme=scheme) as visit:
        shown = visit.drawn()
        shown.mouse.wheel(0, 100_000)
        shown.wait_for_timeout(100)
        assert visit.said == []
        assert visit.asked == [address]
        assert shown.locator("main script:not([type])").count() == 0
        assert shown.locator("main img, .plot image").count() == 0


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_nothing_scrolls_sideways_but_boxes_of_their_own(
    browser: Browser, address: str, width: int
) -> None:
    with Visit(browser, address, width=width) as visit:
        shown = visit.drawn()
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        charts = shown.evaluate(
            "[...document.querySelectorAll('figure:not(.cell) .plot')]"
            ".map(p => p.scrollWidth - p.clientWidth)"
        )
        assert max(charts) <= 1
        assert shown.locator("figure.cell .plot").last.evaluate(
            "p => p.scrollWidth > p.clientWidth + 9"
        )


def test_a_point_shows_its_row_as_text(browser: Browser, address: str) -> None:
    with Visit(browser, address) as visit:
        shown = visit.drawn()
        point = (
            shown.locator("figure.point")
            .last.locator(".mark-symbol.role-mark")
            .last.locator("path")
            .first
        )
        point.scroll_into_view_if_needed()
        point.hover(force=True)
        tip = shown.locator("#tip")
        assert tip.is_visible()
        terms = dict(
            zip(
                tip.locator("dt").all_inner_texts(),
                tip.locator("dd").all_inner_texts(),
                strict=True,
            )
        )
        assert terms == {"x": "4", "y": "-4.063", "title": BAD, "image": PICTURE, BAD: "genre 0"}
        assert tip.locator("script, img").count() == 0
        shown.mouse.move(2, 2)
        assert tip.is_hidden()
        assert visit.said == []
        assert visit.asked == [address]


def test_labels_of_points_are_text_and_do_not_overlap(browser: Browser, address: str) -> None:
    for width in (390, 1280):
        with Visit(browser, address, width=width) as visit:
            figure = visit.drawn().locator("figure.point").last
            boxes = figure.locator(".labels_marks text").evaluate_all(
                """all => all.filter(t => t.textContent).map(t => {
                    const b = t.getBBox(), m = t.getCTM();
                    return [t.textContent, m.e + b.x, m.f + b.y, b.width, b.height];
                })"""
            )
            assert len(boxes) >= 8
            assert BAD in [text for text, *_ in boxes]
            for (_, x, y, w, h), (_, a, b, v, k) in itertools.combinations(boxes, 2):
                beside = x + w <= a + 2 or a + v <= x + 2
                assert (
                    beside or y + h <= b + 4 or b + k <= y + 4
                )  # a box has room above and below its letters


def test_a_click_or_a_key_sorts_a_table_by_what_its_numbers_are(
    browser: Browser, address: str
) -> None:
    with Visit(browser, address) as visit:
        table = visit.page.locator("table", has_text="nine")

        def words() -> list[str]:
            return table.locator("tbody td:first-child").all_inner_texts()

        heading = table.locator("th").nth(1)
        heading.locator("button").click()
        assert (words(), heading.get_attribute("aria-sort")) == (
            ["two", "nine", "ten", "none"],
            "ascending",
        )
        heading.locator("button").press("Enter")
        assert (words(), heading.get_attribute("aria-sort")) == (
            ["ten", "nine", "two", "none"],
            "descending",
        )
        value = table.locator("th").nth(2)
        value.locator("button").press("Space")
        assert (words(), value.get_attribute("aria-sort")) == (
            ["two", "ten", "nine", "none"],
            "ascending",
        )
        assert heading.get_attribute("aria-sort") is None
        table.locator("th").first.locator("button").click()
        assert words() == ["nine", "none", "ten", "two"]


def test_a_long_table_is_short_until_all_of_it_is_asked_for(browser: Browser, address: str) -> None:
    with Visit(browser, address) as visit:
        rows = visit.page.locator("table.long tbody tr")
        assert rows.locator("visible=true").count() == 25
        visit.page.get_by_role("button", name="Show all 60 rows").click()
        assert rows.locator("visible=true").count() == 60


def test_the_dark_differs_from_the_light_and_is_followed_when_it_comes(
    browser: Browser, address: str
) -> None:
    def look(shown: Page) -> tuple[str, str]:
        bar = shown.locator("figure.bar .mark-rect.role-mark path").first
        return shown.evaluate("getComputedStyle(document.body).backgroundColor"), bar.get_attribute(
            "fill"
        ) or ""

    with Visit(browser, address, color_scheme="light") as visit:
        light = look(visit.drawn())
        visit.page.emulate_media(color_scheme="dark")
        visit.page.wait_for_timeout(300)
        turned = look(visit.drawn())
    assert light[0] != turned[0]
    assert light[1] != turned[1]


def test_paper_is_light_and_has_every_chart_however_early_it_is_printed(
    browser: Browser, address: str, tmp_path: Path
) -> None:
    with Visit(browser, address, color_scheme="dark") as visit:
        shown = visit.page
        shown.evaluate(
            "addEventListener('beforeprint',"
            " () => Promise.resolve().then(() => { window.drawn = 0; }))"
        )
        shown.evaluate(
            "matchMedia('print').addEventListener('change', (e) => { if (e.matches) {"
            " window.drawn = document.querySelectorAll('.plot svg').length;"
            " window.fill = document.querySelector('figure.bar .mark-rect.role-mark path')"
            "?.getAttribute('fill'); } })"
        )
        shown.pdf(path=tmp_path / "page.pdf")
        assert shown.evaluate("window.fill") == "#2f6fb3"
        assert shown.evaluate("window.drawn") == len(CHARTS) + 3
        shown.emulate_media(media="print")
        assert shown.locator("nav").is_hidden()
        assert (
            shown.evaluate("getComputedStyle(document.body).backgroundColor")
            == "rgb(255, 255, 255)"
        )
        assert shown.locator("table.long tbody tr").locator("visible=true").count() == 60
        assert visit.said == []


def test_the_contents_are_folded_on_a_phone_and_lead_to_every_section(
    browser: Browser, address: str
) -> None:
    with Visit(browser, address, width=390) as visit:
        assert visit.page.locator("nav a").first.is_hidden()
        visit.page.locator("nav summary").click()
        visit.page.locator("nav a", has_text="Map").click()
        assert visit.page.evaluate("location.hash") == "#section-3"
    with Visit(browser, address) as visit:
        assert visit.page.locator("nav a").first.is_visible()


def test_without_scripts_there_are_all_texts_and_tables(browser: Browser, address: str) -> None:
    with Visit(browser, address, java_script_enabled=False) as visit:
        shown = visit.page
        assert shown.locator("tbody tr").locator("visible=true").count() == 2 + 4 + 60 + 2
        assert shown.locator("button").locator("visible=true").count() == 0
        assert visit.said == []


# The page of a real run, and the pictures of it that README.md shows: `make pictures` takes these


ROOT = Path(__file__).parents[2]
ARCHIVE = ROOT.parent / "shared" / "data" / "ml-100k.zip"
PICTURES = os.environ.get("CFPLUG_PICTURES", "")
"""The folder for pictures; only with it the model is trained in full, for half a minute."""

on_real_data = pytest.mark.skipif(
    not ARCHIVE.parent.exists(), reason="there is no ../shared/data with the real archives"
)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> cfplug.Run:
    """The run of recipes/insight.yaml on MovieLens 100K."""
    quick = [
        f"models.{model}.train.{key}" for model in (0, 1) for key in ("epochs=1", "batch_size=2048")
    ]
    overrides = [f"data.path={ARCHIVE}", "device=cpu", *([] if PICTURES else quick)]
    recipe = ROOT / "recipes" / "insight.yaml"
    return cfplug.run(recipe, set=overrides, out=tmp_path_factory.mktemp("runs"), reporter=Quiet())


def charts_of(run: cfplug.Run) -> int:
    return sum(len(section.charts) for section in run.sections)


@on_real_data
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_of_a_real_run_shows_all_without_a_complaint_or_a_request(
    browser: Browser, real: cfplug.Run, width: int, scheme: str
) -> None:
    address = (real.path / "report.html").as_uri()
    with Visit(browser, address, width=width, color_scheme=scheme) as visit:
        shown = visit.drawn(charts_of(real))
        assert shown.locator("main > section h2").count() == len(real.sections) + 5
        assert shown.locator("figure.chart").count() == charts_of(real) > 25
        assert (
            shown.locator(".plot svg").evaluate_all(
                "all => all.filter(svg => !svg.querySelector('path')).length"
            )
            == 0
        )
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        assert "failed" not in shown.locator("main").inner_text()
        assert (visit.said, visit.asked) == ([], [address])


@on_real_data
def test_a_film_on_the_map_says_its_title_and_a_real_table_sorts(
    browser: Browser, real: cfplug.Run
) -> None:
    titles = set(real.model.catalogue.item.labels or ())
    with Visit(browser, (real.path / "report.html").as_uri()) as visit:
        shown = visit.drawn(charts_of(real))
        maps = shown.locator("section", has=shown.get_by_role("heading", name="Map of the items"))
        point = maps.locator("figure.point .mark-symbol.role-mark").last.locator("path").first
        point.scroll_into_view_if_needed()
        point.hover(force=True)
        assert titles & set(shown.locator("#tip dd").all_inner_texts())
        table = shown.locator("#results table")
        cells = table.locator("tbody tr td:nth-child(3)")
        before = [float(text.split()[0]) for text in cells.all_inner_texts()]
        table.get_by_role("button", name="measured").click()
        after = [float(text.split()[0]) for text in cells.all_inner_texts()]
        assert after == sorted(before) != before


@on_real_data
def test_pictures_of_a_real_page_can_be_taken(
    browser: Browser, real: cfplug.Run, tmp_path: Path
) -> None:
    folder = Path(PICTURES or tmp_path)
    address = (real.path / "report.html").as_uri()
    with Visit(browser, address) as visit:
        visit.drawn(charts_of(real)).screenshot(path=folder / "report.png")
    with Visit(browser, address, color_scheme="dark") as visit:
        heading = visit.drawn(charts_of(real)).get_by_role("heading", name="Map of the items")
        visit.page.set_viewport_size({"width": 1280, "height": 960})
        heading.evaluate("heading => heading.scrollIntoView()")
        visit.page.screenshot(path=folder / "map.png")
    assert all((folder / name).stat().st_size > 20_000 for name in ("report.png", "map.png"))
