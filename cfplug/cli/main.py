"""The command line: parses and prints, does no other work. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import rich_click as click

from cfplug.cli import plugins
from cfplug.cli.options import json_option, naming, overrides, plugins_dir
from cfplug.cli.output import print_json, print_rows, print_table, telling
from cfplug.errors import CfplugError, Problem, RecipeError
from cfplug.recipe import builtin
from cfplug.report.elements import Table

if TYPE_CHECKING:
    from cfplug.data.dataset import Dataset
    from cfplug.plugin.registry import Registry
    from cfplug.recipe.recipe import Recipe
    from cfplug.runs.run import Run


class _Group(click.RichGroup):
    """Shows cfplug's own errors as text with their notes, and leaves with their exit code."""

    group_class = type  # the groups inside it are such groups too

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of this file, not of the alphabet

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CfplugError as error:
            click.echo("\n".join([str(error), *getattr(error, "__notes__", ())]), err=True)
            ctx.exit(error.exit_code)


_LATE = {
    **dict.fromkeys(("new", "check-plugin"), "cfplug.cli.author"),
    **dict.fromkeys(
        ("predict", "recommend", "similar", "explain", "compare", "report"), "cfplug.cli.predict"
    ),
    **dict.fromkeys(("questions", "newcomer"), "cfplug.cli.newcomers"),
}
"""Commands of other rooms, which are imported when one of them, or help, is asked for."""


class _Main(_Group):
    """The outermost group, which knows the names of commands before it has them."""

    # `type` above means "groups inside are like me"; those inside this one know no late commands.
    group_class = _Group  # type: ignore[assignment]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(dict.fromkeys([*self.commands, *_LATE]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _LATE and cmd_name not in self.commands:
            room = importlib.import_module(_LATE[cmd_name])
            self.add_command(getattr(room, cmd_name.replace("-", "_")))
        return super().get_command(ctx, cmd_name)


_VARIABLES = (
    "CFPLUG_PLUGINS=-NAME leaves a plugin out; CFPLUG_TRACE=1 prints every call of a plugin's hook "
    "(cfplug doctor --help)."
)


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_VARIABLES)
@click.version_option(package_name="cfplug")
def main() -> None:
    """Collaborative filtering with tabular metadata, built of plugins and run from recipes."""


def _complete_recipe(_ctx: click.Context, _param: click.Parameter, start: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    files = [CompletionItem(start, type="file")]
    return [*(CompletionItem(name) for name in builtin.names() if name.startswith(start)), *files]


_recipe_argument = click.argument("recipe", shell_complete=_complete_recipe)
_source_argument = click.argument("source", shell_complete=plugins.complete_component)


def _recipe_path(name: str) -> Path:
    """A file, or one of cfplug's own recipes by its name."""
    path = Path(name)
    return path if path.exists() or path.suffix or path.name != name else _on_shelf(name)


def _on_shelf(name: str) -> Path:
    with naming():
        return builtin.find(name)


def _checked(recipe: str, sets: Sequence[str], folders: Sequence[Path]) -> tuple[Recipe, Registry]:
    """A recipe that can be run, and the plugins that it was read with; RecipeError with everything that is wrong."""
    from cfplug.recipe.parser import read_recipe

    path, registry = _recipe_path(recipe), plugins.load(folders)
    plugins.warn(registry)
    return read_recipe(path, set=sets, registry=registry), registry


# Running


@main.command("run")
@_recipe_argument
@overrides
@click.option(
    "--out",
    default="runs",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where run folders go.",
)
@click.option("--check", is_flag=True, help="Leave with exit code 1 if a claim is missed.")
@json_option
@plugins_dir
def run_command(
    recipe: str, sets: Sequence[str], out: Path, check: bool, as_json: bool, folders: Sequence[Path]
) -> None:
    """Carry out RECIPE, a file or the name of one of cfplug's own, and leave a run folder."""
    checked, _ = _checked(recipe, sets, folders)
    with telling() as reporter:
        reporter.progress(None, "loading torch and fastai")
        from cfplug.runs.runner import run

        finished = run(checked, out=out, plugins_dir=folders, reporter=reporter)
    _show_run(finished, as_json)
    missed = [claim for claim in finished.claims() if not claim.met]
    for claim in missed:
        promise = claim.claim.bound()
        click.echo(
            f"missed: {claim.model}: {claim.claim.metric} is {claim.value:.4f}, claimed {promise}",
            err=True,
        )
    if check and missed:
        sys.exit(1)


@main.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@json_option
@plugins_dir
def resume(run: Path, as_json: bool, folders: Sequence[Path]) -> None:
    """Go on with RUN, a run that was stopped; the numbers are those of an unbroken one."""
    with telling() as reporter:
        from cfplug.runs.runner import resume

        finished = resume(run, plugins_dir=folders, reporter=reporter)
    _show_run(finished, as_json)


def _show_run(run: Run, as_json: bool) -> None:
    several = len(run.recipe.models) > 1
    if as_json:
        metrics, claims = (
            json.loads((run.path / f"{name}.json").read_text(encoding="utf-8"))
            for name in ("metrics", "claims")
        )
        told = {"path": str(run.path), "metrics": metrics, "claims": claims}
        print_json({**told, "comparison": run.compared().records() if several else []})
        return
    print_table(run.table())
    from cfplug.evaluation.cold_start import summary_tables

    for table in summary_tables(run.cold_start_results):
        click.echo()
        print_table(table)
    if several:
        click.echo()
        print_table(run.comparison())
    click.echo(f"\n{run.path}\n{run.path / 'report.html'}")


@main.command()
@_recipe_argument
@overrides
@json_option
@plugins_dir
def check(recipe: str, sets: Sequence[str], as_json: bool, folders: Sequence[Path]) -> None:
    """Find every problem of RECIPE without running it."""
    try:
        _checked(recipe, sets, folders)
    except RecipeError as error:
        if not as_json:
            raise
        print_json([_problem_words(each) for each in error.problems])
        sys.exit(error.exit_code)
    if as_json:
        print_json([])
    else:
        click.echo(f"{_recipe_path(recipe)}: no problems")


def _problem_words(problem: Problem) -> dict[str, Any]:
    place = problem.place
    where = {"source": None, "line": None, "column": None} if place is None else attrs.asdict(place)
    return {**where, "path": problem.path, "message": problem.message}


@main.command("find-rate")
@_recipe_argument
@click.option("--model", "name", help="Only this model; without it all that learn by gradient.")
@overrides
@click.option(
    "--out",
    default="rates",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where plots go.",
)
@json_option
@plugins_dir
def find_rate(
    recipe: str,
    name: str | None,
    sets: Sequence[str],
    out: Path,
    as_json: bool,
    folders: Sequence[Path],
) -> None:
    """Suggest learning rates for the models of RECIPE, and plot the loss as the rate grows.

    Three readings of the curve: in its longest valley, where it is steepest, and a tenth of the
    rate at its minimum."""
    checked, registry = _checked(recipe, sets, folders)
    with telling() as reporter:
        reporter.progress(None, "loading torch and fastai")
        from cfplug.runs.lr_finder import find_rates, models_to_try

        with naming():
            names = models_to_try(checked, name)
        sweeps = list(find_rates(checked, registry, names, reporter=reporter))
        stem = Path(checked.source).stem
        written = [sweep.write(out, f"{stem}-{sweep.model}") for sweep in sweeps]
    rows = [
        (sweep.model, *(float(f"{rate:.2g}") for rate in sweep.suggestions.values()))
        for sweep in sweeps
    ]
    columns = ("model", *sweeps[0].suggestions)
    if as_json:
        files = [{"plot": str(plot), "curve": str(curve)} for plot, curve in written]
        print_json(
            [
                dict(zip(columns, row, strict=True)) | file
                for row, file in zip(rows, files, strict=True)
            ]
        )
        return
    print_rows(columns, rows, as_json)
    click.echo("\n" + "\n".join(str(path) for pair in written for path in pair))


# Recipes


@main.group()
def recipes() -> None:
    """The recipes that ship with cfplug."""


@recipes.command("list")
@json_option
def list_recipes(as_json: bool) -> None:
    """Each recipe with what it is."""
    rows = [(name, builtin.title(builtin.find(name))) for name in builtin.names()]
    print_rows(("name", "what it is"), rows, as_json)


@recipes.command("show")
@click.argument("name", shell_complete=_complete_recipe)
def show_recipe(name: str) -> None:
    """The text of one recipe."""
    click.echo(_on_shelf(name).read_text(encoding="utf-8"), nl=False)


@recipes.command("copy")
@click.argument("name", shell_complete=_complete_recipe)
@click.argument("target", default=".", type=click.Path(path_type=Path))
def copy_recipe(name: str, target: Path) -> None:
    """Copy a recipe to TARGET, a file or folder, to change it; nothing is overwritten."""
    source = _on_shelf(name)
    target = target / source.name if target.is_dir() else target
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise CfplugError(f"cannot write {target}: {error.strerror}") from error
    click.echo(target)


for _command in (
    plugins.list_components,
    plugins.describe,
    plugins.plugins,
    plugins.doctor,
    plugins.schema,
):
    main.add_command(_command)


# Data


@main.group()
def data() -> None:
    """The sources of ratings: list, fetch, show."""


@data.command("list")
@json_option
@plugins_dir
def list_data(as_json: bool, folders: Sequence[Path]) -> None:
    """Every source."""
    plugins.list_kind("source", folders, as_json)


@data.command()
@_source_argument
@overrides
@plugins_dir
def fetch(source: str, sets: Sequence[str], folders: Sequence[Path]) -> None:
    """Get the data of SOURCE, so that later runs need no network."""
    _show_dataset(_read(source, sets, folders))


@data.command()
@_source_argument
@overrides
@click.option(
    "--rows",
    default=5,
    show_default=True,
    type=click.IntRange(1),
    help="How many rows of each table.",
)
@plugins_dir
def show(source: str, sets: Sequence[str], rows: int, folders: Sequence[Path]) -> None:
    """The first rows of each table of SOURCE and the role of each column."""
    dataset = _read(source, sets, folders)
    _show_dataset(dataset)
    for name, frame in dataset.tables().items():
        columns = [f"{column} ({role})" for column, role in dataset.roles[name].items()]
        cells = [
            [_cell(cell) for cell in row]
            for row in frame.head(rows).astype(object).to_numpy().tolist()
        ]
        click.echo()
        print_table(Table(f"{name}: {len(frame):,} rows", columns, cells))


def _cell(value: Any) -> str:
    """A value of the data: the members of a set by name, nothing where it is missing."""
    import pandas as pd

    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if pd.isna(value) else str(value)


def _show_dataset(dataset: Dataset) -> None:
    """What it is, and what a person should be told of it."""
    click.echo(str(dataset))
    for word in dataset.words:
        click.echo(f"  {word}")


def _read(source: str, sets: Sequence[str], folders: Sequence[Path]) -> Dataset:
    from cfplug.recipe.parser import read_use

    use = read_use("source", source, set=sets, registry=plugins.load(folders))
    with telling() as reporter:
        from cfplug.runs.runner import read_data

        return read_data(use, reporter=reporter)
