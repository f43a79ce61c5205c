"""Run, resume and check recipes, and find learning rates."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import rich_click as click

from cfplug.cli.options import json_option, naming, overrides, plugins_dir
from cfplug.cli.output import print_json, print_rows, print_table, telling
from cfplug.cli.recipes import checked_recipe, recipe_argument, recipe_path
from cfplug.errors import Place, Problem, RecipeError

if TYPE_CHECKING:
    from cfplug.runs.run import Run


@click.command("run")
@recipe_argument
@overrides
@click.option(
    "--out",
    default="runs",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Write the run folder to this folder.",
)
@click.option("--check", is_flag=True, help="Exit with code 1 if a claim is missed.")
@json_option
@plugins_dir
def run_command(
    recipe: str, sets: Sequence[str], out: Path, check: bool, as_json: bool, folders: Sequence[Path]
) -> None:
    """Run RECIPE, a file or a built-in name."""
    checked, _ = checked_recipe(recipe, sets, folders)
    with telling() as reporter:
        reporter.progress(None, "loading torch and fastai")
        from cfplug.runs.runner import run

        finished = run(checked, out=out, plugins_dir=folders, reporter=reporter)
    _print_run(finished, as_json)
    for each in finished.claim_results():
        if not each.met:
            claim = f"{each.claim.metric} is {each.value:.4f}, claimed {each.claim.bound()}"
            click.echo(f"missed: {each.model}: {claim}", err=True)
    if check and not finished.claims_met:
        sys.exit(1)


@click.command("resume")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@json_option
@plugins_dir
def resume_command(run: Path, as_json: bool, folders: Sequence[Path]) -> None:
    """Resume RUN, a run folder that was stopped."""
    with telling() as reporter:
        from cfplug.runs.runner import resume

        finished = resume(run, plugins_dir=folders, reporter=reporter)
    _print_run(finished, as_json)


def _print_run(run: Run, as_json: bool) -> None:
    from cfplug.evaluation.cold_start import summary_tables

    if as_json:
        print_json(run.to_dict())
        return
    print_table(run.table())
    for table in summary_tables(run.cold_start_results):
        click.echo()
        print_table(table)
    if len(run.recipe.models) > 1:
        click.echo()
        print_table(run.comparison_table())
    click.echo(f"\n{run.path}\n{run.path / 'report.html'}")


@click.command("check")
@recipe_argument
@overrides
@json_option
@plugins_dir
def check_command(recipe: str, sets: Sequence[str], as_json: bool, folders: Sequence[Path]) -> None:
    """Check RECIPE for problems without running it."""
    try:
        checked_recipe(recipe, sets, folders)
    except RecipeError as error:
        if not as_json:
            raise
        print_json(list(map(_problem_dict, error.problems)))
        sys.exit(error.exit_code)
    if as_json:
        print_json([])
    else:
        click.echo(f"{recipe_path(recipe)}: no problems")


def _problem_dict(problem: Problem) -> dict[str, Any]:
    place = dict.fromkeys(attrs.fields_dict(Place))
    if problem.place is not None:
        place = attrs.asdict(problem.place)
    return {**place, "path": problem.path, "message": problem.message}


@click.command("find-rate")
@recipe_argument
@click.option("--model", "name", help="Try this model only.")
@overrides
@click.option(
    "--out",
    default="rates",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Write plots and curves to this folder.",
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
    """Suggest learning rates for the models of RECIPE.

    Three readings of the loss as the rate grows: in its longest valley, where it is steepest, and
    a tenth of the rate at its minimum.
    """
    checked, registry = checked_recipe(recipe, sets, folders)
    with telling() as reporter:
        reporter.progress(None, "loading torch and fastai")
        from cfplug.runs.lr_finder import find_rates, models_to_try

        with naming():
            names = models_to_try(checked, name)
        sweeps = list(find_rates(checked, registry, names, reporter=reporter))
        stem = Path(checked.source).stem
        written = [sweep.write(out, f"{stem}-{sweep.model}") for sweep in sweeps]
    rows = []
    for sweep in sweeps:
        rates = {rule: float(f"{rate:.2g}") for rule, rate in sweep.suggestions.items()}
        rows.append({"model": sweep.model, **rates})
    if as_json:
        paths = [{"plot": str(plot), "curve": str(curve)} for plot, curve in written]
        print_json([{**row, **its_paths} for row, its_paths in zip(rows, paths, strict=True)])
        return
    print_rows(tuple(rows[0]), [tuple(row.values()) for row in rows], as_json)
    click.echo()
    for plot, curve in written:
        click.echo(f"{plot}\n{curve}")
