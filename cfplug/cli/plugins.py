"""The commands that look after plugins: which there are, what they bring, what is wrong with them."""

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
from cfplug.errors import PluginError, did_you_mean
from cfplug.params import NoParams, Parameter, parameters, plain
from cfplug.plugin.components import KINDS, Component, Metric
from cfplug.report.elements import Table

if TYPE_CHECKING:
    from cfplug.plugin.registry import Plugin, Registry


def load(folders: Sequence[Path] = ()) -> Registry:
    """Every plugin; what finds and imports them is itself imported only by a command that needs it."""
    from cfplug.plugin.registry import load

    return load(folders)


def warn(registry: Registry) -> None:
    """What every command that uses plugins says of those that it cannot use."""
    if broken := registry.broken:
        verb = "plugin is" if len(broken) == 1 else "plugins are"
        click.echo(f"{len(broken)} {verb} broken: {registry.in_short(broken)}", err=True)
    for word in registry.messages:
        click.echo(word, err=True)


# Arguments


def _plurals() -> dict[str, str]:
    """Each kind by its plural."""
    from cfplug.plugin.registry import plural

    return {plural(kind): kind for kind in KINDS}


def _kind(word: str) -> str:
    kinds = {**{kind: kind for kind in KINDS}, **_plurals()}
    if word not in kinds:
        raise click.BadParameter(
            f"no kind called {word}{did_you_mean(word, kinds)} ({', '.join(KINDS)})"
        )
    return kinds[word]


_kind_argument = click.argument(
    "kind",
    callback=lambda ctx, param, value: _kind(value),
    shell_complete=lambda ctx, param, start: [
        kind for kind in _plurals() if kind.startswith(start)
    ],
)


def complete_component(ctx: click.Context, _param: click.Parameter, start: str) -> list[str]:
    """The names of a kind, of the sources if the command has no kind."""
    kind = _kind(ctx.params.get("kind") or "source")
    return [
        entry.component.name
        for entry in load().entries(kind)
        if entry.component.name.startswith(start)
    ]


def _complete_plugin(_ctx: click.Context, _param: click.Parameter, start: str) -> list[str]:
    return [plugin.name for plugin in load().plugins if plugin.name.startswith(start)]


# Components


@click.command("list")
@_kind_argument
@json_option
@plugins_dir
def list_components(kind: str, as_json: bool, folders: Sequence[Path]) -> None:
    """The components of a KIND: sources, splits, models, losses, metrics, cold-starts or analyzers."""
    list_kind(kind, folders, as_json)


def list_kind(kind: str, folders: Sequence[Path], as_json: bool) -> None:
    registry = load(folders)
    rows = [
        (each.component.name, each.plugin.name, each.component.summary)
        for each in registry.entries(kind)
    ]
    print_rows(("name", "plugin", "what it is"), rows, as_json)
    warn(registry)


@click.command()
@_kind_argument
@click.argument("name", shell_complete=complete_component)
@json_option
@plugins_dir
def describe(kind: str, name: str, as_json: bool, folders: Sequence[Path]) -> None:
    """The parameters of one component: default, bounds, unit and help."""
    with naming():
        entry = load(folders).find(kind, name)
    known = parameters(entry.component.params)
    if as_json:
        print_json([_parameter_words(each) for each in known])
        return
    click.echo(f"{entry.full_name}: {_description(entry.component)}\n")
    if known:
        rows = [(each.name, _default(each), _takes(each), each.rule.help) for each in known]
        print_table(Table("", ("parameter", "default", "takes", "what it is"), rows))
    else:
        click.echo("It takes no parameters.")


def _description(component: Component) -> str:
    """Its help, the whole docstring of its parameters, what it measures, and what it gives or needs."""
    docstring = "" if component.params is NoParams else inspect.getdoc(component.params) or ""
    facts = {verb: ", ".join(getattr(component, verb, ())) for verb in ("provides", "requires")}
    lines = [f"It {verb} {words}." for verb, words in facts.items() if words]
    if isinstance(component, Metric):
        sense = f"{'Lower' if component.lower_is_better else 'Higher'} is better."
        lines += [
            component.formula,
            f"{sense} Unit: {component.unit}." if component.unit else sense,
        ]
    return "\n\n".join(part for part in (component.help, docstring, *lines) if part)


def _parameter_words(parameter: Parameter) -> dict[str, Any]:
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
    """The default as a recipe would write it."""
    return (
        "(needed)"
        if parameter.required
        else json.dumps(plain(parameter.default), ensure_ascii=False)
    )


def _takes(parameter: Parameter) -> str:
    """Type, bounds and unit in a few words: `a number, at least 0, in ratings`."""
    rule = parameter.rule
    return ", ".join(
        part for part in (parameter.type, rule.words(), rule.unit and f"in {rule.unit}") if part
    )


# Plugins


@click.command()
@click.argument("name", required=False, shell_complete=_complete_plugin)
@json_option
@plugins_dir
def plugins(name: str | None, as_json: bool, folders: Sequence[Path]) -> None:
    """Every plugin: where it comes from, whether it works, what it brings. With NAME, one of them in full."""
    registry = load(folders)
    chosen = registry.plugins if name is None else _named(registry, name)
    if as_json:
        print_json([_words(registry, each, in_full=name is not None) for each in chosen])
    elif name is None:
        print_table(_overview(chosen))
        for each in registry.broken:
            click.echo(f"\n{each.why}")
        _echo(registry.messages)
    else:
        for number, each in enumerate(chosen):
            click.echo("\n" * (number > 0) + _in_full(registry, each))
            _show_components(each)


def _named(registry: Registry, name: str) -> list[Plugin]:
    """The plugins of this name: two, where a second distribution took it."""
    found = [each for each in registry.plugins if each.name == name]
    if not found:
        with naming():
            guess = did_you_mean(name, [each.name for each in registry.plugins])
            raise PluginError(f"no plugin called {name}{guess} (cfplug plugins)")
    return found


def _overview(plugins: Sequence[Plugin]) -> Table:
    columns = ("name", "from", "version", "state", "components", "hooks", "ms")
    rows = [
        (
            each.name,
            each.distribution,
            each.version,
            each.state,
            len(each.components) or "",
            _hooks(each),
            round(each.milliseconds, 1) if each.state != "off" else "",
        )
        for each in plugins
    ]
    return Table("", columns, rows)


def _hooks(plugin: Plugin) -> str:
    """`models, run_started`: what all hooks begin with says nothing."""
    return ", ".join(hook.removeprefix("cfplug_") for hook in plugin.hooks)


def _words(registry: Registry, plugin: Plugin, *, in_full: bool) -> dict[str, Any]:
    """What a program is told of a plugin."""
    told = {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": plugin.state,
        "hooks": list(plugin.hooks),
        "components": len(plugin.components),
        "milliseconds": round(plugin.milliseconds, 1),
        "why": plugin.why,
        "switch_off": "" if plugin.state == "off" else registry.switching_off(plugin),
    }
    if not in_full:
        return told
    components = [
        {"kind": kind, "name": each.name, "what it is": each.summary}
        for kind, each in plugin.components
    ]
    return {**told, "declares": components, "file": plugin.file, "requires": list(plugin.requires)}


def _in_full(registry: Registry, plugin: Plugin) -> str:
    """A plugin in a few lines: whether it works, and each fact that there is."""
    own = [
        line
        for line in plugin.requires
        if line.startswith("cfplug") and not line.startswith("cfplug-")
    ]
    facts = {
        "file": plugin.file,
        "requires": ", ".join(own),
        "hooks": ", ".join(plugin.hooks),
        "import": "" if plugin.state == "off" else f"{plugin.milliseconds:.1f} ms",
        "switch off": "" if plugin.state != "ok" else registry.switching_off(plugin),
    }
    first = (
        plugin.why if plugin.state == "broken" else f"{plugin.title}: {plugin.why or plugin.state}"
    )
    return "\n".join([first, *(f"  {word:10} {fact}" for word, fact in facts.items() if fact)])


def _show_components(plugin: Plugin) -> None:
    if plugin.components:
        click.echo()
        rows = [(kind, each.name, each.summary) for kind, each in plugin.components]
        print_table(Table("", ("kind", "name", "what it is"), rows))


@click.command()
@plugins_dir
def doctor(folders: Sequence[Path]) -> None:
    """Look for what is wrong: broken plugins, missing requirements, clashes; exit code 1 if anything is.

    CFPLUG_PLUGINS decides which plugins are loaded: `movielens,tables` only these, `-tables` all
    but that one, `-cfplug-x:tables` only not that of the distribution cfplug-x. CFPLUG_TRACE=1
    prints every call of a plugin's hook, who answered, what, and in how many milliseconds;
    CFPLUG_TRACE=FILE writes it there."""
    from cfplug.plugin.doctor import diagnose, variables

    registry = load(folders)
    print_table(Table("", ("what", "found"), [*_versions(), *variables()]))
    click.echo()
    print_table(_overview(registry.plugins))
    found = diagnose(registry)
    click.echo()
    _echo(found.wrong or ("Nothing is wrong.",))
    if found.notes:
        click.echo("\nWorth knowing:")
        _echo(found.notes)
    if found.wrong:
        sys.exit(1)


def _echo(texts: Sequence[str]) -> None:
    for text in texts:
        click.echo(text)


def _versions() -> list[tuple[str, str]]:
    names = ("cfplug", "torch", "fastai", "pandas", "pluggy", "attrs")
    return [
        ("Python", f"{sys.version.split()[0]} ({sys.executable})"),
        *((name, _version(name)) for name in names),
    ]


def _version(name: str) -> str:
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


# What editors know


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Write a file instead of printing.")
@plugins_dir
def schema(out: Path | None, folders: Sequence[Path]) -> None:
    """A JSON Schema of recipes with the plugins that are installed, for completion and checks in editors."""
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
