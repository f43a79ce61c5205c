"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich_click as click

from cfplug.errors import CfplugError

Command = Callable[..., Any]
BAD_OPTION = 2
"""The exit code for a wrong option or argument."""


plugins_dir = click.option(
    "--plugins-dir",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Load single-file plugins from a folder; repeatable.",
)

overrides = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override one key; repeatable.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def of_run(command: Command) -> Command:
    """Add the argument RUN and the option `--model`, given to the command as `name`."""
    option = click.option("--model", "name", help="Choose a model if the run has several.")
    argument = click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
    return argument(option(command))


def key_value(text: str, example: str) -> tuple[str, str]:
    """Return the two sides of `KEY=VALUE`; a usage error that shows `example` for another form."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise click.BadParameter(f"must look like {example}; got {text!r}")
    return key, value


def _columns(_ctx: click.Context, _param: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """Return the values of COLUMN=VALUE by column."""
    return dict(key_value(text, "time=1998-04-01") for text in given)


context_option = click.option(
    "--context",
    multiple=True,
    metavar="COLUMN=VALUE",
    callback=_columns,
    help="Set a context column, such as time=1998-04-01.",
)
"""A column that the model looks at, with one value for every pair."""


@contextmanager
def naming() -> Iterator[None]:
    """Turn an unknown name inside into the exit code for a wrong option."""
    try:
        yield
    except CfplugError as error:
        error.exit_code = BAD_OPTION
        raise
