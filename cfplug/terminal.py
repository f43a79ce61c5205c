"""What the command line prints: tables drawn on a terminal and plain elsewhere, JSON, and how far a run is."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import rich_click as click

from cfplug.components import Table

if TYPE_CHECKING:
    import pandas as pd

    from cfplug.progress import Teller


@contextmanager
def telling() -> Iterator[Teller]:
    """A live bar on a terminal, plain lines elsewhere; both on standard error."""
    from cfplug.progress import Bar, Lines

    with printing_aside():
        if sys.stderr.isatty():
            with Bar() as bar:
                yield bar
        else:
            yield Lines()


def printing_aside() -> contextlib.redirect_stdout[Any]:
    """What a component prints goes to standard error: standard output is for what was asked."""
    return contextlib.redirect_stdout(sys.stderr)


def print_frame(frame: pd.DataFrame, as_json: bool) -> None:
    rows = frame.astype(object).to_numpy().tolist()
    if not as_json:
        rows = [[f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row] for row in rows]
    print_rows(tuple(frame.columns), rows, as_json)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], as_json: bool) -> None:
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(Table("", columns, rows))


def print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_table(table: Table) -> None:
    """A drawn table on a terminal, plain aligned text elsewhere; without the columns in which nothing stands."""
    table = _filled(table)
    if not sys.stdout.isatty():
        click.echo(str(table))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(title=Text(table.title) if table.title else None, title_justify="left", box=box.ROUNDED)
    for index, column in enumerate(table.columns):
        number = all(_is_number(row[index]) for row in table.rows)
        drawn.add_column(Text(column), justify="right" if number else "left", no_wrap=index == 0, overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text(str(cell)) for cell in row))  # Text: what a recipe or the data says is never markup
    Console().print(drawn)


def _filled(table: Table) -> Table:
    shown = [index for index in range(len(table.columns)) if any(str(row[index]) for row in table.rows)]
    if not shown:
        return table
    return Table(table.title, [table.columns[i] for i in shown], [[row[i] for i in shown] for row in table.rows])


def _is_number(cell: object) -> bool:
    try:
        float(str(cell))
    except ValueError:
        return False
    return True
