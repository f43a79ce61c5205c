"""List, show and copy the built-in recipes, and find the recipe that a command names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from cfplug.cli import plugins
from cfplug.cli.main import Group
from cfplug.cli.options import json_option, naming
from cfplug.cli.output import print_rows
from cfplug.files import writing
from cfplug.recipe import builtin

if TYPE_CHECKING:
    from cfplug.plugin.registry import Registry
    from cfplug.recipe.recipe import Recipe


def complete_recipe(_ctx: click.Context, _param: click.Parameter, start: str) -> list[Any]:
    """Return the built-in recipes that begin with `start`, and files, for a shell."""
    from click.shell_completion import CompletionItem

    names = [CompletionItem(name) for name in builtin.names() if name.startswith(start)]
    return [*names, CompletionItem(start, type="file")]


recipe_argument = click.argument("recipe", shell_complete=complete_recipe)


def recipe_path(name: str) -> Path:
    """Return the file called `name`, or the built-in recipe of that name."""
    path = Path(name)
    is_file = path.exists() or path.suffix or path.name != name
    return path if is_file else built_in(name)


def built_in(name: str) -> Path:
    """Return the file of a built-in recipe; an unknown name is a wrong argument."""
    with naming():
        return builtin.find(name)


def checked_recipe(
    recipe: str, sets: Sequence[str], folders: Sequence[Path]
) -> tuple[Recipe, Registry]:
    """Return a recipe that can be run, and the plugins with which it was read."""
    from cfplug.recipe.parser import read_recipe

    path = recipe_path(recipe)
    registry = plugins.load(folders)
    plugins.warn(registry)
    return read_recipe(path, set=sets, registry=registry), registry


@click.group(cls=Group)
def recipes() -> None:
    """List, show and copy the built-in recipes."""


@recipes.command("list")
@json_option
def list_recipes(as_json: bool) -> None:
    """List the built-in recipes with what each one is."""
    rows = [(name, builtin.title(builtin.find(name))) for name in builtin.names()]
    print_rows(("name", "what it is"), rows, as_json)


@recipes.command("show")
@click.argument("name", shell_complete=complete_recipe)
def show_recipe(name: str) -> None:
    """Print the text of the recipe NAME."""
    click.echo(built_in(name).read_text(encoding="utf-8"), nl=False)


@recipes.command("copy")
@click.argument("name", shell_complete=complete_recipe)
@click.argument("target", default=".", type=click.Path(path_type=Path))
def copy_recipe(name: str, target: Path) -> None:
    """Copy the recipe NAME to TARGET, a new file or a folder."""
    source = built_in(name)
    if target.is_dir():
        target = target / source.name
    with writing(target), target.open("x", encoding="utf-8") as file:
        file.write(source.read_text(encoding="utf-8"))
    click.echo(target)
