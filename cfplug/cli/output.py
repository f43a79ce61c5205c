"""What the command line prints: tables drawn on a terminal and plain elsewhere, JSON, and how far a run is."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rich_click as click

from cfplug.report.elements import Table

if TYPE_CHECKING:
    import pandas as pd

    from cfplug.progress import Reporter


@contextmanager
def telling() -> Iterator[Reporter]:
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
        rows = [
            [f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row] for row in rows
        ]
    print_rows(tuple(frame.columns), rows, as_json)


def put(frame: pd.DataFrame, out: Path | None, as_json: bool, what: str) -> None:
    """Print a table, or write it whole as CSV to `out` and say how many of `what` that were."""
    if out is None:
        print_frame(frame, as_json)
        return
    from cfplug.files import write_bytes, writing

    with writing(out):
        write_bytes(out, frame.to_csv(index=False).encode())
    click.echo(f"{out}: {len(frame):,} {what}")


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

    console = Console()
    drawn = Drawn(
        title=Text(table.title) if table.title else None, title_justify="left", box=box.ROUNDED
    )
    for index, (column, width) in enumerate(
        zip(table.columns, _widths(table, console.width), strict=True)
    ):
        justify: Literal["left", "right"] = (
            "right" if all(_is_number(row[index]) for row in table.rows) else "left"
        )
        drawn.add_column(
            Text(column),
            justify=justify,
            no_wrap=index == 0 and not width,
            overflow="fold",
            width=width,
        )
    for row in table.rows:
        drawn.add_row(
            *(Text(str(cell)) for cell in row)
        )  # Text: what a recipe or the data says is never markup
    console.print(drawn)
    if table.note:
        console.print(Text(table.note))


def _widths(table: Table, most: int) -> list[int | None]:
    """The width of each column where whole cells fit if headings are broken; else None, and all is as it comes."""
    columns = [[str(row[index]) for row in table.rows] for index in range(len(table.columns))]
    cells = [max(map(len, column), default=0) for column in columns]
    words = [max(map(len, heading.split()), default=0) for heading in table.columns]
    whole, broken = (
        [max(pair) for pair in zip(cells, widths, strict=True)]
        for widths in (map(len, table.columns), words)
    )
    borders = 3 * len(table.columns) + 1
    fit = sum(broken) + borders <= most < sum(whole) + borders
    return list(broken) if fit else [None] * len(broken)


def _filled(table: Table) -> Table:
    shown = [
        index for index in range(len(table.columns)) if any(str(row[index]) for row in table.rows)
    ]
    if not shown:
        return table
    rows = [[row[i] for i in shown] for row in table.rows]
    return Table(table.title, [table.columns[i] for i in shown], rows, table.note)


def _is_number(cell: object) -> bool:
    try:
        float(str(cell))
    except ValueError:
        return False
    return True
