"""The commands for authors of plugins: start one, and check it against the contract."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import rich_click as click

from cfplug.cli.options import json_option, naming, plugins_dir
from cfplug.cli.output import print_json, print_table, telling
from cfplug.cli.plugins import load
from cfplug.errors import CfplugError, Place, counted, did_you_mean, plural, with_article
from cfplug.report.elements import Table
from cfplug.scaffold import new as scaffold

if TYPE_CHECKING:
    from cfplug.testing import Item, Outcome

STOPPED = 130
"""The exit code of a command that Ctrl-C ended."""

DESCRIPTIONS = {
    "cold-start": "a cold-start strategy",
    scaffold.SELF_FITTING: "a model that fits itself",
}
"""How the choices of `--kind` are described, where their name is not enough."""


# New plugins


@click.group()
def new() -> None:
    """Start a plugin of your own."""


@new.command("plugin")
@click.argument("name")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    type=click.Choice([*scaffold.CHOICES, "all"]),
    show_default=", ".join(scaffold.DEFAULT),
    help="Include a component of this kind (repeatable).",
)
@click.option(
    "--out",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Put the new folder into this one.",
)
@click.option("--title", default="", help="Describe the plugin in one line.")
@click.option("--author", default="", help="Name the holder of the copyright.")
def new_plugin(name: str, kinds: Sequence[str], out: Path, title: str, author: str) -> None:
    """Create a package for a plugin called NAME.

    It has tests, a recipe and all that is needed to publish it. Nothing is overwritten.
    KIND is source, split, model (learns by gradient), self-fitting-model, loss, metric,
    cold-start, analyzer or all.
    """
    chosen = scaffold.CHOICES if "all" in kinds else kinds or scaffold.DEFAULT
    with naming():
        folder = scaffold.make_plugin(name, chosen, out, title=title, author=author)
    _print_created(folder, name, chosen)
    _print_next(
        f"cd {shlex.quote(str(folder))}",
        'python -m pip install --editable ".[test]"',
        "python -m pytest",
    )


@new.command("file")
@click.argument("name")
@click.option(
    "--kind",
    default="metric",
    show_default=True,
    metavar="KIND",
    type=click.Choice(scaffold.CHOICES),
    help="Start with a component of this kind.",
)
@click.option(
    "--out",
    default="my_plugins",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Put the new file into this folder.",
)
def new_file(name: str, kind: str, out: Path) -> None:
    """Create a plugin called NAME in a single file.

    Pass its folder to other commands as `--plugins-dir`. Nothing is overwritten.
    KIND is source, split, model (learns by gradient), self-fitting-model, loss, metric,
    cold-start or analyzer.
    """
    with naming():
        file = scaffold.make_file(name, kind, out)
    _print_created(file, name, [kind])
    kinds = plural("model" if kind == scaffold.SELF_FITTING else kind)
    folder = f"--plugins-dir {shlex.quote(str(out))}"
    _print_next(
        f"cfplug list {kinds} {folder}",
        f"cfplug check-plugin {scaffold.parse_name(name).plugin} {folder}",
        f"cfplug run RECIPE {folder}",
    )


def _print_created(path: Path, name: str, kinds: Iterable[str]) -> None:
    components = ", ".join(DESCRIPTIONS.get(kind, with_article(kind)) for kind in kinds)
    click.echo(f"{path}: the plugin {scaffold.parse_name(name).plugin}, with {components}")


def _print_next(*commands: str) -> None:
    click.echo("\nWhat to type next:")
    for command in commands:
        click.echo(f"  {command}")


# The contract


def _known_failures(
    _ctx: click.Context, param: click.Parameter, texts: Sequence[str]
) -> dict[str, str]:
    """Return the reasons of `CHECK=REASON` texts by check."""
    reasons = {}
    for text in texts:
        check, _, reason = text.partition("=")
        if not check or not reason.strip():
            raise click.BadParameter(f"expected CHECK=REASON, got {text!r}", param=param)
        reasons[check] = reason.strip()
    return reasons


def _params(_ctx: click.Context, param: click.Parameter, texts: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of `KIND/NAME.KEY=VALUE` texts by component."""
    from cfplug.recipe.yaml import Node, override

    place = Place("--set")
    root = Node({}, place)
    for text in texts:
        if "/" not in text.partition(".")[0]:
            raise click.BadParameter(
                f"expected KIND/NAME.KEY=VALUE such as source/shop.path=shop.csv, got {text!r}",
                param=param,
            )
        root = override(root, text, place)
    params: dict[str, Any] = root.plain()
    return params


@click.command("check-plugin")
@click.argument("name")
@click.option(
    "--check",
    "globs",
    multiple=True,
    metavar="GLOB",
    help="Run only the checks with such an id (repeatable).",
)
@click.option("--examples", type=click.IntRange(1), help="Try each property on this many examples.")
@click.option(
    "--set",
    "params",
    multiple=True,
    metavar="KIND/NAME.KEY=VALUE",
    callback=_params,
    help="Set a parameter of a component (repeatable).",
)
@click.option(
    "--known-failure",
    "known_failures",
    multiple=True,
    metavar="CHECK=REASON",
    callback=_known_failures,
    help="Expect a check to fail, with the reason (repeatable).",
)
@click.option("--traceback", is_flag=True, help="Show the traceback of each failure.")
@json_option
@plugins_dir
def check_plugin(
    name: str,
    globs: Sequence[str],
    examples: int | None,
    params: Mapping[str, Any],
    known_failures: Mapping[str, str],
    traceback: bool,
    as_json: bool,
    folders: Sequence[Path],
) -> None:
    """Check the plugin NAME against the plugin contract.

    The exit code is 1 if a check fails, or if one passes that is declared to fail.
    """
    with naming():
        items = _select(_items(name, examples, params, known_failures, folders), globs)
    outcomes = _run(name, items)
    if as_json:
        print_json([_to_dict(outcome) for outcome in outcomes])
    else:
        _print_outcomes(outcomes, traceback)
    if len(outcomes) < len(items):
        click.echo(f"stopped after {len(outcomes)} of {len(items)} checks", err=True)
        sys.exit(STOPPED)
    if not all(outcome.passed for outcome in outcomes):
        sys.exit(1)


def _items(
    name: str,
    examples: int | None,
    params: Mapping[str, Any],
    known_failures: Mapping[str, str],
    folders: Sequence[Path],
) -> list[Item]:
    try:
        from cfplug.testing.check import EXAMPLES, items
    except ModuleNotFoundError as error:
        raise CfplugError(
            f'the checks need {error.name}: python -m pip install "cfplug[author]"'
        ) from error
    return items(
        name,
        registry=load(folders),
        params=params,
        known_failures=known_failures,
        examples=examples or EXAMPLES,
    )


def _select(items: Sequence[Item], globs: Sequence[str]) -> list[Item]:
    """Return the items whose id or check name matches one of `globs`; all where there is none."""
    if not globs:
        return list(items)
    selected = set()
    for glob in globs:
        ids = {item.id for item in items if _matches(item, glob)}
        if not ids:
            names = [name for item in items for name in (item.id, item.check.name)]
            raise CfplugError(f"no check is called {glob}{did_you_mean(glob, names)}")
        selected |= ids
    return [item for item in items if item.id in selected]


def _matches(item: Item, glob: str) -> bool:
    return fnmatchcase(item.id, glob) or fnmatchcase(item.check.name, glob)


def _run(plugin: str, items: Sequence[Item]) -> list[Outcome]:
    """Return the outcome of each item, or of those before Ctrl-C."""
    from cfplug.testing.check import outcome

    outcomes: list[Outcome] = []
    with telling() as reporter, contextlib.suppress(KeyboardInterrupt):
        for number, item in enumerate(items):
            reporter.progress(number / len(items), f"{plugin}: check {number + 1} of {len(items)}")
            outcomes.append(outcome(item))
    return outcomes


def _print_outcomes(outcomes: Sequence[Outcome], traceback: bool) -> None:
    rows = [(outcome.item.id, outcome.state) for outcome in outcomes]
    print_table(Table("", ("check", "result"), rows))
    for outcome in outcomes:
        if outcome.state != "passed":
            _print_message(outcome, traceback)
    counts = Counter(outcome.state for outcome in outcomes)
    checks = counted(len(outcomes), "check")
    summary = ", ".join(f"{count} {state}" for state, count in counts.items())
    hint = "; --traceback shows where a failure comes from"
    click.echo(f"\n{checks}: {summary}{hint if counts['failed'] and not traceback else ''}")


def _print_message(outcome: Outcome, traceback: bool) -> None:
    text = outcome.trace if traceback and outcome.trace else outcome.message
    click.echo(f"\n{outcome.item.id}: {outcome.state}")
    click.echo(f"  expected: {outcome.item.check.summary}")
    click.echo(indent(text, "  "))


def _to_dict(outcome: Outcome) -> dict[str, str]:
    return {
        "check": outcome.item.id,
        "summary": outcome.item.check.summary,
        "result": outcome.state,
        "message": outcome.message,
    }
