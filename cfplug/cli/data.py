"""List, fetch and show the sources of ratings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from cfplug.cli import plugins
from cfplug.cli.main import Group
from cfplug.cli.options import json_option, overrides, plugins_dir
from cfplug.cli.output import print_table, telling
from cfplug.report.elements import Table

if TYPE_CHECKING:
    from cfplug.data.dataset import Dataset

source_argument = click.argument("source", shell_complete=plugins.complete_component)


@click.group(cls=Group)
def data() -> None:
    """List, fetch and show the sources of ratings."""


@data.command("list")
@json_option
@plugins_dir
def list_data(as_json: bool, folders: Sequence[Path]) -> None:
    """List the sources of ratings."""
    plugins.list_kind("source", folders, as_json)


@data.command()
@source_argument
@overrides
@plugins_dir
def fetch(source: str, sets: Sequence[str], folders: Sequence[Path]) -> None:
    """Fetch the data of SOURCE, so that later runs need no network."""
    _print_summary(_read(source, sets, folders))


@data.command()
@source_argument
@overrides
@click.option(
    "--rows",
    default=5,
    show_default=True,
    type=click.IntRange(1),
    help="Show N rows of each table.",
)
@plugins_dir
def show(source: str, sets: Sequence[str], rows: int, folders: Sequence[Path]) -> None:
    """Show the tables of SOURCE and the role of each column."""
    dataset = _read(source, sets, folders)
    _print_summary(dataset)
    for name, frame in dataset.tables().items():
        columns = [f"{column} ({role})" for column, role in dataset.roles[name].items()]
        first_rows = frame.head(rows).astype(object).to_numpy().tolist()
        cells = [[_cell(value) for value in row] for row in first_rows]
        click.echo()
        print_table(Table(f"{name}: {len(frame):,} rows", columns, cells))


def _cell(value: Any) -> str:
    """Return a value as text: the members of a set by name, nothing for a missing value."""
    import pandas as pd

    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if pd.isna(value) else str(value)


def _print_summary(dataset: Dataset) -> None:
    click.echo(str(dataset))
    for message in dataset.words:
        click.echo(f"  {message}")


def _read(source: str, sets: Sequence[str], folders: Sequence[Path]) -> Dataset:
    from cfplug.recipe.parser import read_use

    use = read_use("source", source, set=sets, registry=plugins.load(folders))
    with telling() as reporter:
        from cfplug.runs.runner import read_data

        return read_data(use, reporter=reporter)
