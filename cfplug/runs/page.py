"""A run -> one self-contained HTML page: whatever the data holds is shown as text, and nothing is ever requested."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from itertools import groupby
from typing import Any

from attrs import frozen

from cfplug.evaluation.resampling import JACKKNIFE
from cfplug.report.elements import Chart, Interval, Section, Table
from cfplug.report.tables import columns
from cfplug.runs.run import INTERVAL, Run

ROWS = 25
"""Rows of a long table that are shown before anyone asks for all of them."""


def render(
    run: Run,
    environment: Mapping[str, Any],
    data: str,
    history: Table,
    comparison: Table | None = None,
) -> str:
    """The page of a run: its numbers, how its models compare, its sections, how it was trained, its recipe."""
    from jinja2 import Environment, StrictUndefined

    pages = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    shown = tuple(_shown(run.sections))
    scripts = _scripts(any(section.charts for section in shown))
    facts = {"environment": environment, "data": data, "history": history, "comparison": comparison}
    looks: dict[str, Any] = {
        "style": _text("style.css"),
        "scripts": scripts,
        "policy": _policy(scripts),
    }
    looks |= {"themes": _themes(), "rows_shown": ROWS}
    what = {"results": _results(run), "sections": shown, "groups": _groups(shown)}
    page: str = pages.from_string(_text("page.html.j2")).render(
        run=run, columns=columns, **what, **facts, **looks
    )
    return page


def _results(run: Run) -> Table:
    """The run's table as a page shows it: intervals below their numbers, no column that says one thing or nothing."""
    table = run.table()
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    measured = next(name for name in table.columns if name.startswith("measured"))
    for row in rows if INTERVAL in table.columns else ():
        if "±" not in row[measured]:
            value, ends = float(row[measured]), row[INTERVAL]
            row[measured] = Interval(value, *map(float, ends.split(" to "))) if ends else value
    parts = {row["part"] for row in rows}
    wanted = (
        "model",
        "fold",
        *(["part"] if len(parts) > 1 else []),
        "metric",
        measured,
        "met",
        "claimed",
        "source",
    )
    kept = [name for name in wanted if any(row.get(name, "") != "" for row in rows)]
    below = (
        f"; below a number is its 95 % interval ({JACKKNIFE})" if INTERVAL in table.columns else ""
    )
    note = f"Measured on the {' and the '.join(sorted(parts))} part{below}."
    return Table(table.title, kept, [[row[name] for name in kept] for row in rows], note)


@frozen
class ShownChart:
    """A chart, how it is drawn, and the table of its numbers that the section has, if one bears its title."""

    chart: Chart
    specification: Mapping[str, Any]
    numbers: Table | None


@frozen
class ShownSection:
    """A section with the place to which the contents list leads, its charts, and the tables that stand alone."""

    place: str
    section: Section
    charts: tuple[ShownChart, ...]
    tables: tuple[Table, ...]


def _shown(sections: Sequence[Section]) -> Iterator[ShownSection]:
    from cfplug.report.vega import specification

    for number, section in enumerate(sections, start=1):
        titled = {table.title: table for table in reversed(section.tables) if table.title}
        charts = tuple(
            ShownChart(chart, specification(chart), titled.pop(chart.title, None))
            for chart in section.charts
        )
        folded = {id(each.numbers) for each in charts}
        tables = tuple(table for table in section.tables if id(table) not in folded)
        yield ShownSection(f"section-{number}", section, charts, tables)


def _groups(sections: Sequence[ShownSection]) -> list[tuple[str, list[ShownSection]]]:
    """The sections by the model that they are about, with its name where there are several models."""
    groups = [
        (model, list(each))
        for model, each in groupby(sections, key=lambda shown: shown.section.model)
    ]
    return groups if len({model for model, _ in groups}) > 1 else [("", list(sections))]


# What the page is made of


def _text(name: str) -> str:
    return resources.files("cfplug").joinpath("report", "assets", name).read_text(encoding="utf-8")


def _themes() -> Mapping[str, Any]:
    from cfplug.report.themes import THEMES

    return THEMES


def _scripts(charts: bool) -> list[str]:
    """The page's scripts: its own, and before it, if there are charts, the one that draws them."""
    return [*([_drawing_script()] if charts else []), _text("page.js")]


@functools.cache
def _drawing_script() -> str:
    """Vega with all that it needs, from vl-convert; nothing in it ends the element in which it stands."""
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return re.sub(r"<(/script|!--)", r"<\\\1", script, flags=re.IGNORECASE)


def _policy(scripts: Sequence[str]) -> str:
    """The content security policy: these scripts and no others run, and nothing is fetched from anywhere."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    rest = "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {allowed}; {rest}"
