"""Sections as files of a run folder: JSON that can be read again, and CSV for tables and charts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from cfplug.errors import PluginError
from cfplug.files import json_text
from cfplug.report.elements import Chart, Interval, Section, Table

FOLDER = "sections"
"""The folder of the CSV files in a run folder."""

_LONGEST = 60
"""Letters of a title in the name of a file."""


def to_dicts(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Return sections as JSON holds them, with plain numbers and plain text."""
    return [attrs.asdict(section, value_serializer=_plain) for section in sections]


def _plain(_owner: object, _attribute: object, value: Any) -> Any:
    if isinstance(value, str):
        # A template does not escape text whose class says that it is safe HTML
        return str.__str__(value)
    return value.item() if isinstance(value, np.generic) else value


def check_section(section: object) -> Section:
    """Return what an analyzer returned, with plain numbers and plain text.

    Raises:
        PluginError: if it is not a Section, or has a cell that JSON cannot hold.
    """
    if not isinstance(section, Section):
        raise PluginError(f"analyze: expected a Section, got {type(section).__name__}")
    (as_dict,) = to_dicts([section])
    try:
        json_text(as_dict)
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"analyze: expected cells of text, finite numbers or None, got another: {error}"
        ) from error
    return read_section(as_dict)


def read_section(as_dict: Mapping[str, Any]) -> Section:
    """Return the section of which `to_dicts` made a dict.

    Raises:
        KeyError, TypeError: if something is missing.
    """
    tables = []
    for table in as_dict["tables"]:
        rows = [[_read_cell(cell) for cell in row] for row in table["rows"]]
        tables.append(Table(**{**table, "rows": rows}))
    charts = [Chart(**chart) for chart in as_dict["charts"]]
    names = {"analyzer": as_dict["analyzer"], "model": as_dict["model"]}
    return Section(as_dict["title"], as_dict["text"], tables, charts, **names)


def _read_cell(cell: Any) -> Any:
    return Interval(**cell) if isinstance(cell, dict) else cell


def place_of(section: Section) -> str:
    """Return the folder of a section's files, `model/analyzer/`, unique in a run."""
    names = (_slug(section.model), _slug(section.analyzer) or _slug(section.title))
    return "".join(f"{name}/" for name in names if name)


def names_of(section: Section) -> Iterator[tuple[str, Table | Chart]]:
    """Yield the tables and charts of a section, each with a file name: a number and its title."""
    elements: list[Table | Chart] = [*section.tables, *section.charts]
    for number, element in enumerate(elements, start=1):
        yield f"{number}-{_slug(element.title)}".rstrip("-"), element


def csv_files(sections: Sequence[Section]) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of a CSV file for every table and every chart."""
    for section in sections:
        for name, element in names_of(section):
            table = element.table() if isinstance(element, Chart) else element
            yield f"{FOLDER}/{place_of(section)}{name}.csv", csv_text(table)


def csv_text(table: Table) -> str:
    """Return a table as CSV; a column with intervals becomes three, with low and high ends."""
    out = io.StringIO(newline="")
    # The line ends are those of RFC 4180, so that a line break in a cell is always quoted
    writer = csv.writer(out)
    header: list[str] = []
    columns: list[Sequence[Any]] = []
    for index, title in enumerate(table.columns):
        cells = [row[index] for row in table.rows]
        if any(isinstance(cell, Interval) for cell in cells):
            header += [title, f"{title} (low)", f"{title} (high)"]
            columns += zip(*map(_ends, cells), strict=True)
        else:
            header.append(title)
            columns.append(cells)
    writer.writerow(header)
    writer.writerows(zip(*columns, strict=True))
    return out.getvalue()


def _ends(cell: Any) -> tuple[Any, Any, Any]:
    return attrs.astuple(cell) if isinstance(cell, Interval) else (cell, None, None)


def _slug(text: str) -> str:
    """Return a name for a file or folder of every system: lower case, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:_LONGEST].strip("-")
