"""A run -> one HTML page that asks the network for nothing, and its charts as SVG for a paper."""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import frozen

from cfplug.evaluation.comparison import Comparison
from cfplug.evaluation.resampling import JACKKNIFE
from cfplug.plugin.registry import load
from cfplug.report.elements import Chart, Interval, Section, Table
from cfplug.report.serialize import names_of, place_of
from cfplug.report.tables import columns
from cfplug.runs.run import CLAIM_TITLES, Result, Run
from cfplug.runs.storage import OpenedFolder, opened

FIGURES = "figures"
"""The folder of the SVG files in a run folder."""

ROWS = 25
"""Rows of a long table that are shown before someone asks for all of them."""


def page(
    run: Run, environment: Mapping[str, Any], history: pd.DataFrame, comparison: Comparison | None
) -> str:
    """Return the page of a run.

    Args:
        run: the finished run.
        environment: the content of its `environment.json`.
        history: the content of its `history.csv`.
        comparison: how its models compare, None if there is only one.
    """
    compared = None if comparison is None else comparison.table()
    return render(run, environment, str(environment["data"]), _training(history), compared)


def remake(
    path: str | Path, *, figures: bool = False, plugins_dir: Iterable[str | Path] = ()
) -> list[Path]:
    """Write the page of a run again from its folder, without training, data or analysis.

    Args:
        path: the run folder.
        figures: whether to write every chart as SVG too.
        plugins_dir: folders with plugins that the run needs.

    Returns:
        The paths of the files that were written.

    Raises:
        ArtifactError: if the folder is not that of a finished run.
    """
    folder = OpenedFolder.at(Path(path))
    run = opened(folder, load(map(Path, plugins_dir)))
    text = io.BytesIO(folder.check("history.csv").read_bytes())
    history = pd.read_csv(text, keep_default_na=False)
    comparison = run.comparison() if len(run.recipe.models) > 1 else None
    files = {"report.html": page(run, folder.json("environment.json"), history, comparison)}
    if figures:
        files |= dict(_figures(run))
    return folder.add(files)


def render(
    run: Run,
    environment: Mapping[str, Any],
    data: str,
    history: Table,
    comparison: Table | None = None,
) -> str:
    """Return the page of a run: results, comparison, sections, training, metrics, recipe.

    Args:
        run: the finished run.
        environment: the content of its `environment.json`.
        data: a line about the data, shown below the title.
        history: the losses by epoch.
        comparison: how the models compare, None if there is only one.
    """
    from jinja2 import Environment, StrictUndefined

    from cfplug.report.themes import THEMES

    sections = tuple(_shown(run.sections))
    scripts = [_asset("page.js")]
    if any(section.charts for section in sections):
        scripts.insert(0, _drawing_script())
    content = {
        "run": run,
        "environment": environment,
        "data": data,
        "history": history,
        "comparison": comparison,
        "results": _results(run),
        "sections": sections,
        "groups": _by_model(sections),
    }
    look = {
        "columns": columns,
        "style": _asset("style.css"),
        "scripts": scripts,
        "policy": _policy(scripts),
        "themes": THEMES,
        "rows_shown": ROWS,
    }
    pages = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text: str = pages.from_string(_asset("page.html.j2")).render(**content, **look)
    return text


def _results(run: Run) -> Table:
    """Return the table of the run with intervals as cells, without columns that are empty."""
    results = run.results()
    has_intervals = any(result.low is not None for result in results)
    rows = []
    for result in results:
        value = _value_cell(result) if has_intervals else result.value_text
        row: dict[str, Any] = {"model": result.model, "fold": result.fold, "part": result.part}
        row |= {"metric": result.metric, run.value_title: value}
        rows.append(row | dict(zip(CLAIM_TITLES, result.claim_texts, strict=True)))
    parts = sorted({result.part for result in results})
    wanted = ["model", "fold", "part", "metric", run.value_title, "met", "claimed", "source"]
    if len(parts) == 1:
        wanted.remove("part")
    kept = [name for name in wanted if any(row[name] != "" for row in rows)]
    note = f"Measured on the {' and the '.join(parts)} part"
    if has_intervals:
        note += f"; below a number is its 95 % interval ({JACKKNIFE})"
    return Table(run.recipe.title, kept, [[row[name] for name in kept] for row in rows], f"{note}.")


def _value_cell(result: Result) -> str | float | Interval:
    """Return a value with four decimals, with its deviation or interval if it has one."""
    if result.deviation is not None:
        return result.value_text
    value = round(result.value, 4)
    if result.low is None or result.high is None:
        return value
    return Interval(value, round(result.low, 4), round(result.high, 4))


def _training(history: pd.DataFrame) -> Table:
    """Return the history for a person to read, without the fold if there are none."""
    if not history["fold"].any():
        history = history.drop(columns="fold")
    titles = history.columns.str.replace("_", " ")
    rows = history.round({"seconds": 2}).astype(object).to_numpy().tolist()
    return Table("Training", titles, rows)


def _figures(run: Run) -> Iterator[tuple[str, str]]:
    """Yield the path and the SVG of every chart."""
    from cfplug.report.vega import svg

    for section in run.sections:
        for name, each in names_of(section):
            if isinstance(each, Chart):
                yield f"{FIGURES}/{place_of(section)}{name}.svg", svg(each)


# Sections as the template shows them


@frozen
class ShownChart:
    """A chart, its specification, and the table of the section with the same title, if any."""

    chart: Chart
    specification: Mapping[str, Any]
    numbers: Table | None


@frozen
class ShownSection:
    """A section, the target of its link, its charts, and the tables that belong to no chart."""

    place: str
    section: Section
    charts: tuple[ShownChart, ...]
    tables: tuple[Table, ...]


def _shown(sections: Sequence[Section]) -> Iterator[ShownSection]:
    from cfplug.report.vega import specification

    for number, section in enumerate(sections, start=1):
        by_title = {table.title: table for table in reversed(section.tables) if table.title}
        charts = []
        for chart in section.charts:
            numbers = by_title.pop(chart.title, None)
            charts.append(ShownChart(chart, specification(chart), numbers))
        in_charts = {id(each.numbers) for each in charts}
        tables = tuple(table for table in section.tables if id(table) not in in_charts)
        yield ShownSection(f"section-{number}", section, tuple(charts), tables)


def _by_model(sections: Sequence[ShownSection]) -> list[tuple[str, list[ShownSection]]]:
    """Return the sections by model, or all of them under an empty name if there is only one."""
    by_model = groupby(sections, key=lambda shown: shown.section.model)
    groups = [(model, list(each)) for model, each in by_model]
    models = {model for model, _ in groups}
    return groups if len(models) > 1 else [("", list(sections))]


# Style, scripts, policy


def _asset(name: str) -> str:
    return resources.files("cfplug").joinpath("report", "assets", name).read_text(encoding="utf-8")


@functools.cache
def _drawing_script() -> str:
    """Return Vega-Lite and what it needs as one script, without a text that ends the element."""
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return re.sub(r"<(/script|!--)", r"<\\\1", script, flags=re.IGNORECASE)


def _policy(scripts: Sequence[str]) -> str:
    """Return the content security policy: only these scripts run, nothing is requested."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    rest = "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {allowed}; {rest}"
