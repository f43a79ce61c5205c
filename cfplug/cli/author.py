"""The commands for authors of plugins: begin one, keep it up to date, hold it against the contract."""

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
from cfplug.errors import CfplugError, Place, did_you_mean
from cfplug.report.elements import Table
from cfplug.scaffold import new as scaffold

if TYPE_CHECKING:
    from cfplug.testing import Item, Outcome

STOPPED = 130
"""The exit code of a command that Ctrl-C ended."""


# Beginning a plugin


@click.group()
def new() -> None:
    """Begin a plugin of your own; bring one up to date."""


def _kind(choices: Sequence[str], default: str) -> Any:
    words = f"What it begins with: {', '.join(choices)}."
    return {
        "metavar": "KIND",
        "type": click.Choice(choices),
        "help": f"{words} [default: {default}]",
    }


@new.command("plugin")
@click.argument("name")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    **_kind([*scaffold.CHOICES, "all"], " and ".join(scaffold.DEFAULT)),
)
@click.option(
    "--out",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where its folder goes.",
)
@click.option("--title", default="", help="What it is, in a line.")
@click.option("--author", default="", help="Who holds the copyright.")
def new_plugin(name: str, kinds: Sequence[str], out: Path, title: str, author: str) -> None:
    """A package with a plugin called NAME, its tests, a recipe and all that it takes to publish it.

    --kind may be repeated. Nothing is asked and nothing overwritten.
    """
    chosen = scaffold.CHOICES if "all" in kinds else kinds or scaffold.DEFAULT
    with naming():
        made = scaffold.make_plugin(name, chosen, out, title=title, author=author)
    click.echo(f"{made.folder}: the plugin {made.names.plugin}, with {_listed(chosen)}")
    if made.no_updates:
        click.echo(f"cfplug new update will not work for it: {made.no_updates}", err=True)
    folder = shlex.quote(str(made.folder))
    _next(f"cd {folder}", 'python -m pip install --editable ".[test]"', "python -m pytest")


@new.command("file")
@click.argument("name")
@click.option("--kind", default="metric", **_kind(scaffold.CHOICES, "metric"))
@click.option(
    "--out",
    default="my_plugins",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder it goes into.",
)
def new_file(name: str, kind: str, out: Path) -> None:
    """A plugin called NAME in a single file, for `--plugins-dir`."""
    with naming():
        file = scaffold.make_file(name, kind, out)
    plugin, folder = scaffold.named(name).plugin, f"--plugins-dir {shlex.quote(str(out))}"
    click.echo(f"{file}: the plugin {plugin}, with {_listed([kind])}")
    kinds = (
        "models" if kind == scaffold.SELF_FITTING else "losses" if kind == "loss" else f"{kind}s"
    )
    _next(
        f"cfplug list {kinds} {folder}",
        f"cfplug check-plugin {plugin} {folder}",
        f"cfplug run RECIPE {folder}",
    )


def _listed(kinds: Iterable[str]) -> str:
    words = {"cold-start": "cold-start strategy", scaffold.SELF_FITTING: "model that fits itself"}
    return ", ".join(
        f"{'an' if kind[0] in 'aeiou' else 'a'} {words.get(kind, kind)}" for kind in kinds
    )


def _next(*commands: str) -> None:
    click.echo("\nWhat to type next:\n" + "\n".join(f"  {command}" for command in commands))


@new.command("update")
@click.argument(
    "folder", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
def new_update(folder: Path) -> None:
    """Bring the plugin in FOLDER to the template that this cfplug has; your own changes stay.

    Where you and the template changed the same lines, the file has both, between marks, and the
    exit code is 1."""
    from cfplug.scaffold.following import update_plugin

    updated = update_plugin(folder)
    if updated.before == updated.after:
        click.echo(f"{folder} is up to date with the template {updated.after}")
        return
    click.echo(f"{folder}: from the template {updated.before} to {updated.after}")
    rows = [(name, "changed") for name in updated.changed] + [
        (name, "conflict") for name in updated.conflicts
    ]
    print_table(Table("", ("file", "state"), rows))
    if updated.conflicts:
        click.echo(
            "\nDecide what stays between <<<<<<< and >>>>>>>, then run the tests and commit.",
            err=True,
        )
        sys.exit(1)
    _next(
        "git diff",
        "python -m pytest",
        'git commit --all --message "The template of a newer cfplug"',
    )


# The contract


def _pairs(_ctx: click.Context, param: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """CHECK=REASON as a table."""
    pairs = {}
    for text in given:
        check, _, reason = text.partition("=")
        if not check or not reason.strip():
            raise click.BadParameter(f"must look like CHECK=REASON; is {text!r}", param=param)
        pairs[check] = reason.strip()
    return pairs


def _values(_ctx: click.Context, param: click.Parameter, given: Sequence[str]) -> dict[str, Any]:
    """KIND/NAME.KEY=VALUE as tables of parameters by component."""
    from cfplug.recipe.yaml import Node, override

    place = Place("--set")
    root = Node({}, place)
    for text in given:
        if "/" not in text.partition(".")[0]:
            raise click.BadParameter(
                f"must look like source/shop.path=shop.csv; is {text!r}", param=param
            )
        root = override(root, text, place)
    values: dict[str, Any] = root.plain()
    return values


@click.command("check-plugin")
@click.argument("name")
@click.option(
    "--check",
    "globs",
    multiple=True,
    metavar="GLOB",
    help="Only checks of such an id; may be repeated.",
)
@click.option("--examples", type=click.IntRange(1), help="How often each property is tried.")
@click.option(
    "--set",
    "params",
    multiple=True,
    metavar="KIND/NAME.KEY=VALUE",
    callback=_values,
    help="A parameter with which a component is tried; may be repeated.",
)
@click.option(
    "--known-failure",
    "known",
    multiple=True,
    metavar="CHECK=REASON",
    callback=_pairs,
    help="A check that fails, and why it may; may be repeated.",
)
@click.option("--traceback", is_flag=True, help="Show where each failure comes from.")
@json_option
@plugins_dir
def check_plugin(
    name: str,
    globs: Sequence[str],
    examples: int | None,
    params: Mapping[str, Any],
    known: Mapping[str, str],
    traceback: bool,
    as_json: bool,
    folders: Sequence[Path],
) -> None:
    """Hold the plugin NAME against the contract: the laws for each kind of component.

    The exit code is 1 if one is broken, or if one holds that is declared to be broken.
    """
    with naming():
        found = _chosen(_items(name, examples, params, known, folders), globs)
    outcomes = _tried(name, found)
    _show(outcomes, traceback, as_json)
    if len(outcomes) < len(found):
        click.echo(f"stopped after {len(outcomes)} of {len(found)} checks", err=True)
        sys.exit(STOPPED)
    if not all(outcome.passed for outcome in outcomes):
        sys.exit(1)


def _items(
    name: str,
    examples: int | None,
    params: Mapping[str, Any],
    known: Mapping[str, str],
    folders: Sequence[Path],
) -> list[Item]:
    from cfplug.plugin.registry import load

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
        known_failures=known,
        examples=examples or EXAMPLES,
    )


def _chosen(found: Sequence[Item], globs: Sequence[str]) -> list[Item]:
    """The items whose id, or its last part, fits one of `globs`; all of them where there is none."""
    if not globs:
        return list(found)
    fits = {glob: {item.id for item in found if _fits(item.id, glob)} for glob in globs}
    for glob, ids in fits.items():
        if not ids:
            raise CfplugError(f"no check is called {glob}{did_you_mean(glob, _names(found))}")
    chosen = set().union(*fits.values())
    return [item for item in found if item.id in chosen]


def _fits(name: str, glob: str) -> bool:
    return fnmatchcase(name, glob) or fnmatchcase(name.rpartition("/")[2], glob)


def _names(found: Iterable[Item]) -> list[str]:
    return [name for item in found for name in (item.id, item.check.name)]


def _tried(plugin: str, found: Sequence[Item]) -> list[Outcome]:
    """What came of each item, as far as Ctrl-C let us get."""
    from cfplug.testing.check import outcome

    outcomes: list[Outcome] = []
    with telling() as reporter, contextlib.suppress(KeyboardInterrupt):
        for number, item in enumerate(found):
            reporter.progress(number / len(found), f"{plugin}: check {number + 1} of {len(found)}")
            outcomes.append(outcome(item))
    return outcomes


def _show(outcomes: Sequence[Outcome], traceback: bool, as_json: bool) -> None:
    if as_json:
        print_json([_words(each) for each in outcomes])
        return
    print_table(Table("", ("check", "result"), [(each.item.id, each.state) for each in outcomes]))
    for each in outcomes:
        if each.state != "passed":
            text = each.trace if traceback and each.trace else each.message
            click.echo(
                f"\n{each.item.id}: {each.state}\n  the law: {each.item.check.summary}\n{indent(text, '  ')}"
            )
    counts = Counter(each.state for each in outcomes)
    checks = "1 check" if len(outcomes) == 1 else f"{len(outcomes)} checks"
    where = (
        ""
        if traceback or not counts["failed"]
        else "; --traceback shows where a failure comes from"
    )
    click.echo(
        f"\n{checks}: " + ", ".join(f"{count} {state}" for state, count in counts.items()) + where
    )


def _words(outcome: Outcome) -> dict[str, str]:
    item = outcome.item
    return {
        "check": item.id,
        "law": item.check.summary,
        "result": outcome.state,
        "message": outcome.message,
    }
