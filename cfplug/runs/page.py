"""A run -> one HTML page that asks the network for nothing, and its charts as SVG for a paper."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import frozen

from cfplug.evaluation.resampling import JACKKNIFE
from cfplug.plugin.registry import load
from cfplug.report.elements import Chart, Interval, Section, Table
from cfplug.report.serialize import names_of, place_of
from cfplug.report.tables import columns
from cfplug.runs.run import Result, Run
from cfplug.runs.storage import OpenedFolder, opened

FIGURES = "figures"
"""The folder of the SVG files in a run folder."""

ROWS = 25
"""Rows of a long table that are shown before someone asks for all of them."""


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
    texts = {"model": str, "fold": str}
    history = pd.read_csv(folder.check("history.csv"), keep_default_na=False, dtype=texts)
    comparison = run.comparison_table() if len(run.recipe.models) > 1 else None
    environment = folder.json("environment.json")
    files = {"report.html": render(run, environment, training_table(history), comparison)}
    if figures:
        files |= dict(_figures(run))
    return folder.add(files)


def render(
    run: Run, environment: Mapping[str, Any], history: Table, comparison: Table | None = None
) -> str:
    """Return the page of a run: results, comparison, sections, training, metrics, recipe.

    Args:
        run: the finished run.
        environment: the content of its `environment.json`.
        history: the losses by epoch.
        comparison: how the models compare, None if there is only one.
    """
    from jinja2 import Environment, StrictUndefined

    from cfplug.report.themes import THEMES

    sections = []
    for number, section in enumerate(run.sections, start=1):
        sections.append(_shown(f"section-{number}", section))
    scripts = [_asset("page.js")]
    if any(section.charts for section in sections):
        scripts.insert(0, _drawing_script())
    pages = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text: str = pages.from_string(_asset("page.html.j2")).render(
        run=run,
        environment=environment,
        history=history,
        comparison=comparison,
        results=_results(run),
        sections=sections,
        groups=_by_model(sections),
        columns=columns,
        style=_asset("style.css"),
        scripts=scripts,
        policy=_policy(scripts),
        themes=THEMES,
        rows_shown=ROWS,
    )
    return text


def _results(run: Run) -> Table:
    """Return the table of the run with intervals as cells, without columns that are empty."""
    results = run.results()
    has_intervals = any(result.low is not None for result in results)
    value_title = run.value_title
    rows: list[dict[str, Any]] = []
    for result in results:
        row: dict[str, Any] = result.texts(value_title)
        if has_intervals and result.deviation is None:
            row[value_title] = _with_interval(result)
        rows.append(row)
    parts = sorted({result.part for result in results})
    columns = ["model", "fold", "part", "metric", value_title, "met", "claimed", "source"]
    if len(parts) == 1:
        columns.remove("part")
    kept = [name for name in columns if any(row[name] != "" for row in rows)]
    note = f"Measured on the {' and the '.join(parts)} part"
    if has_intervals:
        note += f"; below a number is its 95 % interval ({JACKKNIFE})"
    return Table(run.recipe.title, kept, [[row[name] for name in kept] for row in rows], f"{note}.")


def _with_interval(result: Result) -> float | Interval:
    """Return a value with four decimals, with its interval if it has one."""
    value = round(result.value, 4)
    if result.low is None or result.high is None:
        return value
    return Interval(value, round(result.low, 4), round(result.high, 4))


def training_table(history: pd.DataFrame) -> Table:
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
class ShownSection:
    """A section, the target of its link, and what it shows.

    `charts` are the charts, each with its specification and the table of the same title, if any;
    `tables` are those that belong to no chart.
    """

    place: str
    section: Section
    charts: Sequence[tuple[Chart, Mapping[str, Any], Table | None]]
    tables: Sequence[Table]


def _shown(place: str, section: Section) -> ShownSection:
    from cfplug.report.vega import specification

    by_title = {table.title: table for table in reversed(section.tables) if table.title}
    charts, in_charts = [], []
    for chart in section.charts:
        numbers = by_title.pop(chart.title, None)
        charts.append((chart, specification(chart), numbers))
        in_charts.append(id(numbers))
    tables = [table for table in section.tables if id(table) not in in_charts]
    return ShownSection(place, section, charts, tables)


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
