"""How sections lie in a run folder: as JSON from which they come back, and every table and chart as CSV."""

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
_LONGEST = 60
"""Letters of a file's name that come from a title."""


def section_words(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Sections as JSON holds them; a number of numpy becomes one of Python, and text of any kind plain text."""
    return [attrs.asdict(section, value_serializer=_plain) for section in sections]


def _plain(_owner: object, _attribute: object, value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(
            value
        )  # a template must not take text for HTML because its class says that it is safe
    return value.item() if isinstance(value, np.generic) else value


def check_section(section: object) -> Section:
    """What an analyzer gave, in plain numbers; PluginError if it is no Section, or the run folder cannot hold it."""
    if not isinstance(section, Section):
        raise PluginError(f"analyze gave {type(section).__name__}, not a Section")
    (words,) = section_words([section])
    try:
        json_text(words)
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"analyze gave a section with a cell that is neither text nor a finite number: {error}"
        ) from error
    return read_section(words)


def read_section(words: Mapping[str, Any]) -> Section:
    """The section that `section_words` made words of; KeyError or TypeError if something is missing."""
    tables = [
        Table(**{**table, "rows": [map(_cell, row) for row in table["rows"]]})
        for table in words["tables"]
    ]
    charts = [Chart(**chart) for chart in words["charts"]]
    return Section(
        words["title"],
        words["text"],
        tables,
        charts,
        analyzer=words["analyzer"],
        model=words["model"],
    )


def _cell(cell: Any) -> Any:
    return Interval(**cell) if isinstance(cell, dict) else cell


def place_of(section: Section) -> str:
    """The folder of a section's files, `model/analyzer/`, which no other section of a run has."""
    names = (_slug(section.model), _slug(section.analyzer) or _slug(section.title))
    return "".join(f"{name}/" for name in names if name)


def names_of(section: Section) -> Iterator[tuple[str, Table | Chart]]:
    """Every table and chart of a section with a name for its file: a number and its title."""
    every: list[Table | Chart] = [*section.tables, *section.charts]
    for number, each in enumerate(every, start=1):
        yield f"{number}-{_slug(each.title)}".rstrip("-"), each


def csv_files(sections: Sequence[Section]) -> Iterator[tuple[str, str]]:
    """The path and the text of a CSV file for every table and every chart."""
    for section in sections:
        for name, each in names_of(section):
            table = each.table() if isinstance(each, Chart) else each
            yield f"{FOLDER}/{place_of(section)}{name}.csv", csv_text(table)


def csv_text(table: Table) -> str:
    """A table as CSV; a column with an interval is followed by two more, with its ends."""
    wide = [
        any(isinstance(row[index], Interval) for row in table.rows)
        for index in range(len(table.columns))
    ]
    out = io.StringIO(newline="")
    writer = csv.writer(
        out
    )  # with the line ends of RFC 4180, so that a line break in a cell is always quoted
    ends = ("", " (low)", " (high)")
    named = zip(table.columns, wide, strict=True)
    writer.writerow([name + end for name, three in named for end in (ends if three else ends[:1])])
    for row in table.rows:
        writer.writerow(
            [cell for each, three in zip(row, wide, strict=True) for cell in _cells(each, three)]
        )
    return out.getvalue()


def _cells(cell: Any, three: bool) -> tuple[Any, ...]:
    if isinstance(cell, Interval):
        return cell.value, cell.low, cell.high
    return (cell, None, None) if three else (cell,)


def _slug(text: str) -> str:
    """A name for a file or folder that every system takes: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:_LONGEST].strip("-")
