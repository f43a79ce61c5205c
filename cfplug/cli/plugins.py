"""Commands about plugins: list, describe, plugins, doctor, schema."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from cfplug.cli.options import json_option, naming, plugins_dir
from cfplug.cli.output import print_json, print_rows, print_table
from cfplug.errors import PluginError, counted, did_you_mean, plural
from cfplug.params import NoParams, Parameter, parameters, plain
from cfplug.plugin.components import KINDS, Component, Metric
from cfplug.report.elements import Table

if TYPE_CHECKING:
    from cfplug.plugin.registry import Plugin, Registry


def load(folders: Sequence[Path] = ()) -> Registry:
    """Load every plugin; the import is here so that `--help` stays fast."""
    from cfplug.plugin.registry import load

    return load(folders)


def warn(registry: Registry) -> None:
    """Print on standard error which plugins cannot be used."""
    if broken := registry.broken:
        verb = "is" if len(broken) == 1 else "are"
        count = counted(len(broken), "plugin")
        click.echo(f"{count} {verb} broken: {registry.in_short(broken)}", err=True)
    for message in registry.messages:
        click.echo(message, err=True)


# Arguments


_KIND_OF_PLURAL = {plural(kind): kind for kind in KINDS}


def _kind(name: str) -> str:
    """Return the kind called `name`, in the singular or the plural."""
    kinds = {**{kind: kind for kind in KINDS}, **_KIND_OF_PLURAL}
    if name not in kinds:
        guess = did_you_mean(name, kinds)
        raise click.BadParameter(f"there is no kind {name}{guess} ({', '.join(KINDS)})")
    return kinds[name]


def _complete_kind(_ctx: click.Context, _param: click.Parameter, start: str) -> list[str]:
    return [kind for kind in _KIND_OF_PLURAL if kind.startswith(start)]


_kind_argument = click.argument(
    "kind",
    callback=lambda ctx, param, value: _kind(value),
    shell_complete=_complete_kind,
)


def complete_component(ctx: click.Context, _param: click.Parameter, start: str) -> list[str]:
    """Complete names of the command's kind; of sources where it has none."""
    kind = _kind(ctx.params.get("kind") or "source")
    names = [entry.component.name for entry in load().entries(kind)]
    return [name for name in names if name.startswith(start)]


def _complete_plugin(_ctx: click.Context, _param: click.Parameter, start: str) -> list[str]:
    return [plugin.name for plugin in load().plugins if plugin.name.startswith(start)]


# Components


@click.command("list")
@_kind_argument
@json_option
@plugins_dir
def list_components(kind: str, as_json: bool, folders: Sequence[Path]) -> None:
    """List the components of a KIND.

    KIND is one of sources, splits, models, losses, metrics, cold-starts, analyzers.
    """
    list_kind(kind, folders, as_json)


def list_kind(kind: str, folders: Sequence[Path], as_json: bool) -> None:
    """Print the components of one kind."""
    registry = load(folders)
    rows = []
    for entry in registry.entries(kind):
        component = entry.component
        rows.append((component.name, entry.plugin.name, component.summary))
    print_rows(("name", "plugin", "what it is"), rows, as_json)
    warn(registry)


@click.command()
@_kind_argument
@click.argument("name", shell_complete=complete_component)
@json_option
@plugins_dir
def describe(kind: str, name: str, as_json: bool, folders: Sequence[Path]) -> None:
    """Show the parameters of one component."""
    with naming():
        entry = load(folders).find(kind, name)
    known = parameters(entry.component.params)
    if as_json:
        print_json([_parameter_dict(each) for each in known])
        return
    click.echo(f"{entry.full_name}: {_description(entry.component)}\n")
    if known:
        rows = [(each.name, _default(each), _takes(each), each.rule.help) for each in known]
        print_table(Table("", ("parameter", "default", "takes", "what it is"), rows))
    else:
        click.echo("It takes no parameters.")


def _description(component: Component) -> str:
    """Return its help, the docstring of its parameters, and its other facts, as paragraphs."""
    paragraphs = [component.help]
    if component.params is not NoParams:
        paragraphs.append(inspect.getdoc(component.params) or "")
    for verb in ("provides", "requires"):
        if capabilities := getattr(component, verb, ()):
            paragraphs.append(f"It {verb} {', '.join(capabilities)}.")
    if isinstance(component, Metric):
        better = "Lower" if component.lower_is_better else "Higher"
        unit = f" Unit: {component.unit}." if component.unit else ""
        paragraphs += [component.formula, f"{better} is better.{unit}"]
    return "\n\n".join(filter(None, paragraphs))


def _parameter_dict(parameter: Parameter) -> dict[str, Any]:
    rule = parameter.rule
    return {
        "parameter": parameter.name,
        "type": parameter.type,
        "required": parameter.required,
        "default": None if parameter.required else plain(parameter.default),
        "bounds": rule.words(),
        "unit": rule.unit or "",
        "help": rule.help,
    }


def _default(parameter: Parameter) -> str:
    """Return the default as a recipe would write it."""
    if parameter.required:
        return "(required)"
    return json.dumps(plain(parameter.default), ensure_ascii=False)


def _takes(parameter: Parameter) -> str:
    """Return type, bounds and unit: `a number, at least 0, in ratings`."""
    rule = parameter.rule
    unit = f"in {rule.unit}" if rule.unit else ""
    return ", ".join(filter(None, (parameter.type, rule.words(), unit)))


# Plugins


@click.command()
@click.argument("name", required=False, shell_complete=_complete_plugin)
@json_option
@plugins_dir
def plugins(name: str | None, as_json: bool, folders: Sequence[Path]) -> None:
    """List all plugins and their state; with NAME, show one."""
    registry = load(folders)
    shown = [each for each in registry.plugins if name in (None, each.name)]
    if name is not None and not shown:
        with naming():
            guess = did_you_mean(name, [each.name for each in registry.plugins])
            raise PluginError(f"no plugin called {name}{guess} (cfplug plugins)")
    if as_json:
        print_json([_to_dict(registry, each) for each in shown])
    elif name is None:
        print_table(_overview(registry.plugins))
        for each in registry.broken:
            click.echo(f"\n{each.why}")
        _echo(registry.messages)
    else:
        for each in shown:
            _show_in_full(registry, each)


def _overview(plugins: Sequence[Plugin]) -> Table:
    columns = ("name", "from", "version", "state", "components", "hooks")
    rows = []
    for each in plugins:
        hooks = ", ".join(hook.removeprefix("cfplug_") for hook in each.hooks)
        count = len(each.components) or ""
        origin = (each.name, each.distribution, each.version)
        rows.append((*origin, each.state, count, hooks))
    return Table("", columns, rows)


def _to_dict(registry: Registry, plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": plugin.state,
        "hooks": list(plugin.hooks),
        "components": len(plugin.components),
        "declares": [
            {"kind": kind, "name": each.name, "what it is": each.summary}
            for kind, each in plugin.components
        ],
        "file": plugin.file,
        "requires": list(plugin.requires),
        "why": plugin.why,
        "switch_off": "" if plugin.state == "off" else registry.switching_off(plugin),
    }


def _show_in_full(registry: Registry, plugin: Plugin) -> None:
    """Print the state of a plugin, each fact that is known, and its components."""
    if plugin.state == "broken":
        click.echo(f"{plugin.why}\n")
        return
    click.echo(f"{plugin.title}: {plugin.why or plugin.state}")
    if plugin.state == "off":
        return
    click.echo(f"  file       {plugin.file}")
    click.echo(f"  requires   {', '.join(plugin.requires)}")
    click.echo(f"  hooks      {', '.join(plugin.hooks)}")
    click.echo(f"  switch off {registry.switching_off(plugin)}\n")
    rows = [(kind, each.name, each.summary) for kind, each in plugin.components]
    print_table(Table("", ("kind", "name", "what it is"), rows))


@click.command()
@plugins_dir
def doctor(folders: Sequence[Path]) -> None:
    """Report broken plugins, unmet requirements and clashes.

    The exit code is 1 if anything is wrong.

    CFPLUG_PLUGINS limits which plugins are loaded: `movielens,tables` only these, `-tables` all
    but that one, `-cfplug-x:tables` all but that of the distribution cfplug-x. CFPLUG_TRACE=1
    prints every call of a plugin's hook and its result.
    """
    from cfplug.plugin.doctor import notes, problems, variables

    registry = load(folders)
    print_table(Table("", ("what", "found"), [*_versions(), *variables()]))
    click.echo()
    print_table(_overview(registry.plugins))
    wrong = problems(registry)
    click.echo()
    _echo(wrong or ["Nothing is wrong."])
    if useful := list(notes(registry)):
        click.echo("\nWorth knowing:")
        _echo(useful)
    if wrong:
        sys.exit(1)


def _echo(texts: Sequence[str]) -> None:
    for text in texts:
        click.echo(text)


def _versions() -> list[tuple[str, str]]:
    from cfplug.plugin.requirements import installed_version

    versions = [("Python", f"{sys.version.split()[0]} ({sys.executable})")]
    for name in ("cfplug", "torch", "fastai", "pandas", "pluggy", "attrs"):
        versions.append((name, installed_version(name) or "not installed"))
    return versions


# JSON Schema


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Write the schema to this file.")
@plugins_dir
def schema(out: Path | None, folders: Sequence[Path]) -> None:
    """Print a JSON Schema of recipes for editors.

    It knows the plugins that are installed.
    """
    from cfplug.recipe.json_schema import recipe_schema

    registry = load(folders)
    text = json.dumps(recipe_schema(registry), indent=2, ensure_ascii=False)
    warn(registry)
    if out is None:
        click.echo(text)
        return
    from cfplug.files import write_bytes, writing

    with writing(out):
        write_bytes(out, f"{text}\n".encode())
    click.echo(out)
