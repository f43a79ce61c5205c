"""The command line: parses and prints, does no other work. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from cfplug import shelf
from cfplug.components import KINDS, Table
from cfplug.errors import CfplugError, RecipeError, did_you_mean
from cfplug.params import Parameter, parameters, plain
from cfplug.recipe import read_recipe, read_use
from cfplug.registry import LIMIT, Registry, load, plural

if TYPE_CHECKING:
    import pandas as pd

    from cfplug.prediction import FittedModel
    from cfplug.progress import Teller
    from cfplug.results import Run

Command = Callable[..., Any]


class _Group(click.RichGroup):
    """Shows cfplug's own errors as text with their notes, and leaves with their exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CfplugError as error:
            click.echo("\n".join([str(error), *getattr(error, "__notes__", ())]), err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cfplug")
def main() -> None:
    """Collaborative filtering with tabular metadata, built of plugins and run from recipes."""


# Options that several commands share


def _plugins_dir(command: Command) -> Command:
    option = click.option(
        "--plugins-dir",
        "folders",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A folder of single-file plugins; may be repeated.",
    )
    return option(command)


def _sets(command: Command) -> Command:
    option = click.option(
        "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Override one key; may be repeated."
    )
    return option(command)


def _as_json(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")(command)


def _of_run(command: Command) -> Command:
    command = click.option("--model", "name", help="The model to ask, where the run has several.")(command)
    return click.argument("run", metavar="RUN", type=click.Path(path_type=Path))(command)


def _complete_recipe(_ctx: click.Context, _param: click.Parameter, start: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    files = [CompletionItem(start, type="file")]
    return [*(CompletionItem(name) for name in shelf.names() if name.startswith(start)), *files]


def _complete_component(ctx: click.Context, _param: click.Parameter, start: str) -> list[str]:
    kind = _kind(ctx.params.get("kind") or "source")
    return [entry.component.name for entry in load().entries(kind) if entry.component.name.startswith(start)]


_recipe_argument = click.argument("recipe", shell_complete=_complete_recipe)


def _recipe_path(name: str) -> Path:
    """A file, or one of cfplug's own recipes by its name."""
    path = Path(name)
    return path if path.exists() or path.suffix or path.name != name else shelf.find(name)


# Running


@main.command("run")
@_recipe_argument
@_sets
@click.option("--out", default="runs", show_default=True, type=click.Path(path_type=Path), help="Where run folders go.")
@click.option("--check", is_flag=True, help="Leave with exit code 1 if a claim is missed.")
@_as_json
@_plugins_dir
def run_command(
    recipe: str, sets: Sequence[str], out: Path, check: bool, as_json: bool, folders: Sequence[Path]
) -> None:
    """Carry out RECIPE, a file or the name of one of cfplug's own, and leave a run folder."""
    registry = load(folders)
    checked = read_recipe(_recipe_path(recipe), set=sets, registry=registry)
    with _teller() as teller:
        teller.progress(None, "loading torch and fastai")
        from cfplug.runner import run

        finished = run(checked, out=out, plugins_dir=folders, teller=teller)
    _show_run(finished, as_json)
    if check and not finished.claims_met:
        sys.exit(1)


@main.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@_as_json
@_plugins_dir
def resume(run: Path, as_json: bool, folders: Sequence[Path]) -> None:
    """Go on with RUN, a run that was stopped; the numbers are those of an unbroken one."""
    with _teller() as teller:
        from cfplug.runner import resume

        finished = resume(run, plugins_dir=folders, teller=teller)
    _show_run(finished, as_json)


@contextmanager
def _teller() -> Iterator[Teller]:
    from cfplug.progress import Bar, Lines

    if sys.stderr.isatty():
        with Bar() as bar:
            yield bar
    else:
        yield Lines()


def _show_run(run: Run, as_json: bool) -> None:
    if as_json:
        claims = json.loads((run.path / "claims.json").read_text(encoding="utf-8"))
        _print_json({"path": str(run.path), "metrics": run.metrics.to_dict("records"), "claims": claims})
    else:
        _print_table(run.table())
        click.echo(f"\n{run.path}\n{run.path / 'report.html'}")


@main.command()
@_recipe_argument
@_sets
@_as_json
@_plugins_dir
def check(recipe: str, sets: Sequence[str], as_json: bool, folders: Sequence[Path]) -> None:
    """Find every problem of RECIPE without running it."""
    path = _recipe_path(recipe)
    try:
        read_recipe(path, set=sets, registry=load(folders))
    except RecipeError as error:
        if not as_json:
            raise
        _print_json([{"place": str(each.place), "path": each.path, "message": each.message} for each in error.problems])
        sys.exit(error.exit_code)
    if as_json:
        _print_json([])
    else:
        click.echo(f"{path}: no problems")


# Recipes


@main.group()
def recipes() -> None:
    """The recipes that ship with cfplug."""


@recipes.command("list")
@_as_json
def list_recipes(as_json: bool) -> None:
    """Each recipe with what it is."""
    rows = [(name, shelf.title(shelf.find(name))) for name in shelf.names()]
    _print_rows(("name", "what it is"), rows, as_json)


@recipes.command("show")
@click.argument("name", shell_complete=_complete_recipe)
def show_recipe(name: str) -> None:
    """The text of one recipe."""
    click.echo(shelf.find(name).read_text(encoding="utf-8"), nl=False)


@recipes.command("copy")
@click.argument("name", shell_complete=_complete_recipe)
@click.argument("target", default=".", type=click.Path(path_type=Path))
def copy_recipe(name: str, target: Path) -> None:
    """Copy a recipe to TARGET, a file or folder, to change it; nothing is overwritten."""
    source = shelf.find(name)
    target = target / source.name if target.is_dir() else target
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise CfplugError(f"cannot write {target}: {error.strerror}") from error
    click.echo(target)


# Components and plugins


def _kind(word: str) -> str:
    kinds = {**{kind: kind for kind in KINDS}, **{plural(kind): kind for kind in KINDS}}
    if word not in kinds:
        raise click.BadParameter(f"no kind called {word}{did_you_mean(word, kinds)} ({', '.join(KINDS)})")
    return kinds[word]


_kind_argument = click.argument(
    "kind",
    callback=lambda ctx, param, value: _kind(value),
    shell_complete=lambda ctx, param, start: [kind for kind in map(plural, KINDS) if kind.startswith(start)],
)


@main.command("list")
@_kind_argument
@_as_json
@_plugins_dir
def list_components(kind: str, as_json: bool, folders: Sequence[Path]) -> None:
    """The components of a KIND: sources, splits, models, losses, metrics, cold-starts or analyzers."""
    registry = load(folders)
    rows = [(each.component.name, each.plugin.name, each.component.summary) for each in registry.entries(kind)]
    _print_rows(("name", "plugin", "what it is"), rows, as_json)
    _warn(registry)


@main.command()
@_kind_argument
@click.argument("name", shell_complete=_complete_component)
@_as_json
@_plugins_dir
def describe(kind: str, name: str, as_json: bool, folders: Sequence[Path]) -> None:
    """The parameters of one component: default, bounds, unit and help."""
    entry = load(folders).find(kind, name)
    if as_json:
        _print_json([_parameter_words(each) for each in parameters(entry.component.params)])
        return
    click.echo(f"{entry.full_name}: {entry.component.summary}\n")
    rows = [tuple(map(_cell, _parameter_words(each).values())) for each in parameters(entry.component.params)]
    if rows:
        _print_table(Table("", ("parameter", "type", "default", "bounds", "unit", "help"), rows))
    else:
        click.echo("It takes no parameters.")


def _parameter_words(parameter: Parameter) -> dict[str, Any]:
    rule = parameter.rule
    default = "(needed)" if parameter.required else plain(parameter.default)
    return {
        "parameter": parameter.name,
        "type": parameter.type,
        "default": default,
        "bounds": rule.words(),
        "unit": rule.unit or "",
        "help": rule.help,
    }


def _cell(value: object) -> str:
    return "null" if value is None else "true" if value is True else "false" if value is False else str(value)


@main.command()
@_as_json
@_plugins_dir
def plugins(as_json: bool, folders: Sequence[Path]) -> None:
    """Every plugin: where it comes from, whether it works, what it brings."""
    registry = load(folders)
    columns = ("name", "distribution", "version", "state", "components", "milliseconds", "why")
    rows = [
        (
            each.name,
            each.distribution,
            each.version,
            each.state,
            len(each.components),
            round(each.milliseconds, 1),
            each.why,
        )
        for each in registry.plugins
    ]
    if as_json:
        _print_rows(columns, rows, as_json)
        return
    _print_rows(columns[:-1], [row[:-1] for row in rows], as_json)
    _warn(registry)


@main.command()
@_plugins_dir
def doctor(folders: Sequence[Path]) -> None:
    """Look for what is wrong: broken plugins, names that clash, versions; exit code 1 if anything is."""
    registry = load(folders)
    _print_table(Table("", ("what", "found"), _versions()))
    click.echo()
    rows = [
        (each.name, each.state, f"{each.distribution} {each.version}", ", ".join(each.hooks))
        for each in registry.plugins
    ]
    _print_table(Table("", ("plugin", "state", "from", "hooks"), rows))
    problems = [*registry.words, *(each.why for each in registry.plugins if each.state == "broken")]
    click.echo("\n" + ("\n".join(problems) or "Nothing is wrong."))
    for clash in registry.clashes():
        click.echo(clash)
    if problems:
        sys.exit(1)


def _versions() -> list[tuple[str, str]]:
    names = ("cfplug", "torch", "fastai", "pandas", "pluggy", "attrs")
    versions = [(name, _version(name)) for name in names]
    return [
        ("Python", f"{sys.version.split()[0]} ({sys.executable})"),
        *versions,
        (LIMIT, os.environ.get(LIMIT, "not set")),
    ]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _warn(registry: Registry) -> None:
    """What `list` and `plugins` say of plugins that they cannot show."""
    broken = [each.name for each in registry.plugins if each.state == "broken"]
    if broken:
        click.echo(f"{len(broken)} plugins are broken: {', '.join(broken)} (cfplug doctor)", err=True)
    for word in registry.words:
        click.echo(word, err=True)


# Data


@main.group()
def data() -> None:
    """The sources of ratings: list, fetch, show."""


@data.command("list")
@_as_json
@_plugins_dir
def list_data(as_json: bool, folders: Sequence[Path]) -> None:
    """Every source."""
    rows = [(each.component.name, each.plugin.name, each.component.summary) for each in load(folders).entries("source")]
    _print_rows(("name", "plugin", "what it is"), rows, as_json)


@data.command()
@click.argument("source")
@_sets
@_plugins_dir
def fetch(source: str, sets: Sequence[str], folders: Sequence[Path]) -> None:
    """Get the data of SOURCE, so that later runs need no network."""
    click.echo(str(_read(source, sets, folders)))


@data.command()
@click.argument("source")
@_sets
@click.option("--rows", default=5, show_default=True, type=click.IntRange(1), help="How many rows of each table.")
@_plugins_dir
def show(source: str, sets: Sequence[str], rows: int, folders: Sequence[Path]) -> None:
    """The first rows of each table of SOURCE and the role of each column."""
    dataset = _read(source, sets, folders)
    click.echo(str(dataset))
    for word in dataset.words:
        click.echo(f"  {word}")
    for name, frame in dataset.tables().items():
        columns = [f"{column} ({role})" for column, role in dataset.roles[name].items()]
        _print_table(Table(f"{name}: {len(frame):,} rows", columns, frame.head(rows).astype(str).to_numpy().tolist()))


def _read(source: str, sets: Sequence[str], folders: Sequence[Path]) -> Any:
    use = read_use("source", source, set=sets, registry=load(folders))
    with _teller() as teller:
        from cfplug.runner import read_data

        return read_data(use, teller=teller)


# Asking a run


@main.command()
@_of_run
@click.option("--user", "users", multiple=True, help="A user id; give as many as --item.")
@click.option("--item", "items", multiple=True, help="An item id.")
@click.option("--pairs", type=click.Path(path_type=Path), help="A CSV or Parquet file with the columns user and item.")
@click.option("--out", type=click.Path(path_type=Path), help="Write a CSV file instead of printing.")
@_as_json
@_plugins_dir
def predict(
    run: Path,
    name: str | None,
    users: Sequence[str],
    items: Sequence[str],
    pairs: Path | None,
    out: Path | None,
    as_json: bool,
    folders: Sequence[Path],
) -> None:
    """Predict ratings with RUN, a run folder, for pairs from a file or from options.

    Each prediction says where it came from: warm, or the word of the cold-start strategy.
    """
    if (pairs is None) == (not users and not items) or len(users) != len(items):
        raise click.UsageError("give either --pairs, or --user and --item equally often")
    asked = _pairs(pairs, users, items)
    answer = _model(run, name, folders).predict(asked)
    if out is None:
        _print_frame(answer, as_json)
        return
    from cfplug.artifact import write_bytes, writing

    with writing(out):
        write_bytes(out, answer.to_csv(index=False).encode())
    click.echo(f"{out}: {len(answer):,} predictions")


def _pairs(path: Path | None, users: Sequence[str], items: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    if path is None:
        return pd.DataFrame({"user": users, "item": items})
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise CfplugError(f"{path} cannot be read: {error}") from error


@main.command()
@_of_run
@click.option("--user", required=True, help="The user's id.")
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1), help="How many items.")
@click.option("--include-seen", is_flag=True, help="Do not leave out items that the user has rated.")
@_as_json
@_plugins_dir
def recommend(
    run: Path, name: str | None, user: str, count: int, include_seen: bool, as_json: bool, folders: Sequence[Path]
) -> None:
    """The items that RUN, a run folder, recommends to a user, the best first."""
    model = _model(run, name, folders)
    _print_frame(model.recommend(user, count, exclude_seen=not include_seen), as_json)


def _model(run: Path, name: str | None, folders: Sequence[Path]) -> FittedModel:
    from cfplug.storage import open_run

    opened = open_run(run, plugins_dir=folders)
    return opened.find(name) if name else opened.model


# Printing


def _print_frame(frame: pd.DataFrame, as_json: bool) -> None:
    if as_json:
        _print_json(json.loads(frame.to_json(orient="records")))
    else:
        rows = [
            [f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row] for row in frame.to_numpy().tolist()
        ]
        _print_table(Table("", tuple(frame.columns), rows))


def _print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], as_json: bool) -> None:
    if as_json:
        _print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        _print_table(Table("", columns, rows))


def _print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _print_table(table: Table) -> None:
    """A drawn table on a terminal, plain aligned text elsewhere."""
    if not sys.stdout.isatty():
        click.echo(str(table))
        return
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(title=table.title or None)
    for column in table.columns:
        drawn.add_column(column)
    for row in table.rows:
        drawn.add_row(*(Text(str(cell)) for cell in row))  # Text: what the data says is never markup
    Console().print(drawn)
