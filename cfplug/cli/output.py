"""Print tables (drawn on a terminal, plain elsewhere), JSON, and the progress of a run."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from cfplug.report.elements import Table

if TYPE_CHECKING:
    import pandas as pd

    from cfplug.progress import Reporter


@contextmanager
def telling() -> Iterator[Reporter]:
    """Give a reporter on standard error: a live bar on a terminal, plain lines elsewhere."""
    from cfplug.progress import Bar, Lines

    with printing_aside():
        if sys.stderr.isatty():
            with Bar() as bar:
                yield bar
        else:
            yield Lines()


def printing_aside() -> contextlib.redirect_stdout[Any]:
    """Send what components print to standard error: standard output is for the answer."""
    return contextlib.redirect_stdout(sys.stderr)


def print_frame(frame: pd.DataFrame, as_json: bool) -> None:
    """Print a frame; without `--json`, with four decimals."""
    if not as_json:
        frame = frame.map(lambda cell: f"{cell:.4f}" if isinstance(cell, float) else cell)
    rows = frame.astype(object).to_numpy().tolist()
    print_rows(tuple(frame.columns), rows, as_json)


def put(frame: pd.DataFrame, out: Path | None, as_json: bool, what: str) -> None:
    """Print a frame, or write it as CSV to `out` and print how many of `what` that were."""
    if out is None:
        print_frame(frame, as_json)
        return
    from cfplug.files import write_bytes, writing

    with writing(out):
        write_bytes(out, frame.to_csv(index=False).encode())
    click.echo(f"{out}: {len(frame):,} {what}")


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], as_json: bool) -> None:
    """Print rows as a table or as a JSON list of objects."""
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(Table("", columns, rows))


def print_json(data: Any) -> None:
    """Print indented JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_table(table: Table) -> None:
    """Print a table, drawn on a terminal and aligned elsewhere, without its empty columns."""
    table = _without_empty_columns(table)
    if not sys.stdout.isatty():
        click.echo(str(table))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    console = Console()
    title = Text(table.title) if table.title else None
    drawn = Drawn(title=title, title_justify="left", box=box.ROUNDED)
    for index, width in enumerate(_widths(table, console.width)):
        is_numeric = all(_is_number(row[index]) for row in table.rows)
        drawn.add_column(
            Text(table.columns[index]),
            justify="right" if is_numeric else "left",
            no_wrap=index == 0 and not width,
            overflow="fold",
            width=width,
        )
    for row in table.rows:
        # Text, so that nothing from a recipe or the data is taken for markup
        drawn.add_row(*(Text(str(cell)) for cell in row))
    console.print(drawn)
    if table.note:
        console.print(Text(table.note))


def _widths(table: Table, most: int) -> list[int | None]:
    """Return the width of each column if whole cells fit once headings are wrapped, else None."""
    whole, wrapped = [], []
    for index, heading in enumerate(table.columns):
        cell = max((len(str(row[index])) for row in table.rows), default=0)
        part = max((len(part) for part in heading.split()), default=0)
        whole.append(max(cell, len(heading)))
        wrapped.append(max(cell, part))
    borders = 3 * len(table.columns) + 1
    if sum(wrapped) + borders <= most < sum(whole) + borders:
        return list(wrapped)
    return [None] * len(wrapped)


def _without_empty_columns(table: Table) -> Table:
    indexes = range(len(table.columns))
    shown = [index for index in indexes if any(str(row[index]) for row in table.rows)]
    if not shown:
        return table
    columns = [table.columns[index] for index in shown]
    rows = [[row[index] for index in shown] for row in table.rows]
    return Table(table.title, columns, rows, table.note)


def _is_number(cell: object) -> bool:
    try:
        float(str(cell))
    except ValueError:
        return False
    return True
