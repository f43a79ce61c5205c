"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich_click as click

from cfplug.errors import CfplugError

Command = Callable[..., Any]
BAD_OPTION = 2
"""The exit code of a command that cannot be carried out as it is written."""


def plugins_dir(command: Command) -> Command:
    option = click.option(
        "--plugins-dir",
        "folders",
        multiple=True,
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="A folder of single-file plugins; may be repeated.",
    )
    return option(command)


def overrides(command: Command) -> Command:
    option = click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override one key; may be repeated.",
    )
    return option(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")(
        command
    )


def of_run(command: Command) -> Command:
    command = click.option("--model", "name", help="The model to ask, where the run has several.")(
        command
    )
    return click.argument("run", metavar="RUN", type=click.Path(path_type=Path))(command)


def _columns(_ctx: click.Context, _param: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """COLUMN=VALUE as a table of columns."""
    columns = [text.partition("=") for text in given]
    for (column, mark, _), text in zip(columns, given, strict=True):
        if not column or not mark:
            raise click.BadParameter(f"must look like time=1998-04-01; is {text!r}")
    return {column: value for column, _, value in columns}


def context_option(command: Command) -> Command:
    words = "What else the model looks at, such as time=1998-04-01; for every pair."
    return click.option(
        "--context", multiple=True, metavar="COLUMN=VALUE", callback=_columns, help=words
    )(command)


@contextmanager
def naming() -> Iterator[None]:
    """What is looked up here was named on the command line: if nothing bears the name, the option is bad."""
    try:
        yield
    except CfplugError as error:
        error.exit_code = BAD_OPTION
        raise
